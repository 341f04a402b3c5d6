# logs.sh - for people: what a boot, a fault and an idle minute look like; one has to
# ask for it (XEN_PARTS=logs).
# SPDX-License-Identifier: ISC

show() { tr -d '\r' <"$(log "$1")" | sed 's/^/TAP: # /'; }

mkdir -p /tmp/site
echo '<p>hello' >/tmp/site/index.html
(cd /tmp/site && busybox tar -cf ../site.tar .)
start site www "LWT_XEN_COUNTS=1 --net=vif:0 --log --root=ustar:xvda" \
  'disk = ["/tmp/site.tar,raw,xvda,r"]' "vif = [ 'mac=00:16:3e:00:00:02,bridge=xenbr0' ]" && {
  await site ' serves '
  wget -q -O /dev/null http://10.0.0.2/
  tap $? "site: a page"
  xl shutdown -w site >/dev/null 2>&1
  gone site
  show site
}

start fault g-trap null && {
  gone fault
  show fault
}

# used: the domain as Xen counts its time.
used() { xl vcpu-list idler | sed 's/^/TAP: # /'; }
start idler g-idle "" && await idler '^waiting$' && {
  used
  before=$(cpu_time idler)
  sleep 60
  used
  after=$(cpu_time idler)
  awk "BEGIN { exit !($after - $before <= 0.1) }"
  tap $? "idler: $before s of CPU before an idle minute, $after s behind"
  xl shutdown -w idler >/dev/null 2>&1
}
