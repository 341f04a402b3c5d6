# net.sh - guests with network devices: dom0 is the other end.
# SPDX-License-Identifier: ISC

. ./settings
tc=/usr/sbin/tc # busybox has one without netem, and prefers it
[ -x $tc ] || tc=/sbin/tc
who=net
net=10.0.0.2
big=67108864

vif() { # vif LAST-BYTE-OF-MAC [MORE]: a line of a guest's configuration
  echo "vif = [ 'mac=00:16:3e:00:00:$1,bridge=xenbr0${2:+,$2}' ]"
}

# get BYTES FILE: from the guest; both ends must have the same.
get() {
  timeout 120 wget -q -O "$2" "http://$net/bytes?$1" || return 1
  sum=$(crc32 "$2" | cut -c1-8)
  await $who "^sent $1 of $1 crc $sum\$"
}

# put FILE: the guest fetches it, and says what it has received.
put() {
  want="$(wc -c <"$1") $(crc32 "$1" | cut -c1-8)"
  answer=$(timeout 120 wget -q -O - "http://$net/fetch?${1#/}")
  [ "$answer" = "$want" ] || { echo "TAP: # $answer, not $want" && return 1; }
}

# pings SIZE...: of $host
pings() {
  for size; do
    ping -c 2 -W 5 -s "$size" "$host" >/tmp/ping.log 2>&1 ||
      { echo "TAP: # $size bytes:" && sed 's/^/TAP: # /' /tmp/ping.log && return 1; }
  done
}

# count NAME: a number of /stats
count() {
  timeout 20 wget -q -O - "http://$net/stats" | tr '\n' ' ' | sed -n "s/.*\b$1 \([0-9]*\).*/\1/p"
}

took() { echo "TAP: # $1: $(($(date +%s) - since)) s"; }

# All packets between dom0 and guest $1, both ways.
bad_link() {
  vif=vif$(domid "$1").0
  ip link set ifb0 up
  $tc qdisc add dev "$vif" root netem limit 10000 loss 1% delay 2ms reorder 25% 50% &&
    $tc qdisc add dev ifb0 root netem limit 10000 loss 1% delay 2ms reorder 25% 50% &&
    $tc qdisc add dev "$vif" handle ffff: ingress &&
    $tc filter add dev "$vif" parent ffff: matchall action mirred egress redirect dev ifb0
}
good_link() {
  $tc -s qdisc show dev "$vif" | grep -A 2 netem | sed -n 's/^ *Sent/TAP: # to the guest:/p'
  $tc -s qdisc show dev ifb0 | grep -A 2 netem | sed -n 's/^ *Sent/TAP: # from it:/p'
  $tc qdisc del dev "$vif" root
  $tc qdisc del dev "$vif" ingress
  $tc qdisc del dev ifb0 root
}

httpd -p 10.0.0.1:8000 -h /
start net g-net $net "$(vif 02)" && await net '^serving$' && {
  host=$net
  pings 10 56 1000 1472
  tap $? "net: ping of 10 to 1472 bytes"
  get 1000003 /tmp/a
  tap $? "net: wget, byte-exact"
  since=$(date +%s)
  get $big /tmp/a
  tap $? "net: 64 MB to dom0"
  took "64 MB"
  since=$(date +%s)
  put /tmp/a
  tap $? "net: 64 MB to the guest"
  took "64 MB"
  for offload in tx_csum tx_gso rx_csum rx_gso; do
    n=$(count $offload)
    test "${n:-0}" -gt 100
    tap $? "net: $offload in use: $n packets"
  done

  if bad_link net 2>/tmp/tc.log; then
    since=$(date +%s)
    get $big /tmp/b
    tap $? "net: 64 MB to dom0, 1 % lost and some late"
    took "64 MB"
    since=$(date +%s)
    put /tmp/a
    tap $? "net: 64 MB to the guest, 1 % lost and some late"
    took "64 MB"
    n=$(count retransmits)
    test "${n:-0}" -gt 10
    tap $? "net: $n retransmissions"
    good_link
  else
    echo "TAP: ok - net: loss # SKIP $(tr '\n' ' ' </tmp/tc.log)"
  fi

  # In the middle of a download.
  get $big /tmp/b &
  loading=$!
  sleep 1
  xl save net /tmp/net.save >/tmp/save.log 2>&1
  tap $? "net: xl save"
  kill -0 $loading
  tap $? "net: during a download"
  xl restore /tmp/net.save >/tmp/save.log 2>&1
  tap $? "net: xl restore" || sed 's/^/# /' /tmp/save.log
  rm /tmp/net.save
  since=$(date +%s)
  wait $loading
  tap $? "net: the download goes on and comes to its end"
  took "the rest"
  cmp /tmp/a /tmp/b
  tap $? "net: byte-exact"

  xl network-detach net 0
  tap $? "net: xl network-detach"
  await net '^device lost$'
  tap $? "net: the device is lost"
  xl network-attach net mac=00:16:3e:00:00:02 bridge=xenbr0
  tap $? "net: xl network-attach"
  await net '^device found$'
  tap $? "net: opened anew"
  get 1000003 /tmp/b
  tap $? "net: wget, byte-exact"

  # A reboot, and an end, while it serves.
  timeout 20 wget -q -O /dev/null "http://$net/bytes?$((big * 8))" &
  loading=$!
  usleep 500000
  xl reboot net
  wait $loading
  tap $((!$?)) "net: a download that a reboot ends"
  end=$(($(date +%s) + 60))
  until [ "$(grep -c serving "$(log net)")" = 2 ] || [ "$(date +%s)" -ge $end ]; do
    usleep 100000
  done
  get 1000007 /tmp/b
  tap $? "net: served after xl reboot"
  timeout 20 wget -q -O /dev/null "http://$net/bytes?$((big * 8))" &
  usleep 500000
  xl shutdown net
  results net
  wait
}

start jumbo g-net 10.0.0.3 "$(vif 03 mtu=9000)" && await jumbo '^serving$' && {
  ip link set xenbr0 mtu 9000
  host=10.0.0.3
  pings 10 56 1000 1472 1473 4000 8000 8900 8972
  tap $? "jumbo: ping of 10 to 8972 bytes"
  who=jumbo
  net=$host
  get 1000003 /tmp/b
  tap $? "jumbo: wget, byte-exact"
  xl destroy jumbo
  gone jumbo
  ip link set xenbr0 mtu 1500
}

# The example as it is on Unix.
start services services "--net=vif:0 --addr=10.0.0.4/24 " "$(vif 04)" &&
  await services 'Ctrl-C stops$' && {
  dd if=/dev/urandom of=/tmp/r bs=1000 count=300 2>/dev/null
  nc 10.0.0.4 7 </tmp/r | cmp - /tmp/r
  tap $? "services: echo"
  test "$(nc 10.0.0.4 9 </tmp/r | wc -c)" = 0
  tap $? "services: discard"
  test "$(nc 10.0.0.4 19 </dev/null | head -c 1000000 | wc -c)" = 1000000
  tap $? "services: chargen"
  wget -q -O - http://10.0.0.4/ | grep -q chargen
  tap $? "services: HTTP"
  nc 10.0.0.4 19 </dev/null >/dev/null &
  usleep 300000
  xl destroy services
  gone services
  tap $? "services: xl destroy while it sends"
  kill $! 2>/dev/null
}
