# secure.sh - www as an image with TLS, which asks dom0 for its address by DHCP.
# SPDX-License-Identifier: ISC
leased=10.0.0.50
site=/tmp/secure

# The bytes of $1, by https from the guest, whose certificate is verified.
secure_get() {
  size=$(wc -c <"$site/$1")
  printf 'GET /%s HTTP/1.0\r\nHost: example.test\r\n\r\n' "$1" |
    LD_LIBRARY_PATH=/tests/openssl timeout 60 /tests/openssl/openssl s_client -quiet -ign_eof \
      -connect $leased:443 -servername example.test -verify_hostname example.test \
      -verify_return_error -CAfile "${2:-/tests/root.pem}" 2>/tmp/secure.log >/tmp/secure.got
  tail -c "$size" /tmp/secure.got | cmp -s - "$site/$1"
}

mkdir -p $site/sub $site.keys
dd if=/dev/urandom of=$site/sub/large bs=1000 count=777 2>/dev/null
echo '<p>hello' >$site/index.html
cp ec.pem $site.keys/cert.pem
cp ec.key $site.keys/key.pem
(cd $site && busybox tar -cf $site.tar .)
(cd $site.keys && busybox tar -cf $site.keys.tar .)
: >/tmp/udhcpd.leases
cat >/tmp/udhcpd.conf <<END
start $leased
end $leased
interface xenbr0
lease_file /tmp/udhcpd.leases
pidfile /tmp/udhcpd.pid
option subnet 255.255.255.0
option router 10.0.0.1
option lease 3600
END
udhcpd -S /tmp/udhcpd.conf

start secure www-secure "--net=vif:0 --addr=dhcp --root=ustar:xvda --tls=ustar:xvdb" \
  "disk = [\"$site.tar,raw,xvda,r\", \"$site.keys.tar,raw,xvdb,r\"]" \
  "vif = [ 'mac=00:16:3e:00:00:08,bridge=xenbr0' ]" && {
  await secure "^www: https://$leased:443/ serves ustar:xvda"
  tap $? "secure: has the address that dom0's DHCP server gave, and serves https"
  kill -USR1 "$(cat /tmp/udhcpd.pid)" # it writes down what it has leased
  sleep 1
  dumpleases -f /tmp/udhcpd.leases | grep -i "00:16:3e:00:00:08 *$leased "
  tap $? "secure: the lease is its own" || dumpleases -f /tmp/udhcpd.leases
  for file in index.html sub/large; do
    timeout 60 wget -q -O /tmp/got "http://$leased/$file" && cmp -s /tmp/got $site/$file
    tap $? "secure: $file by http, byte for byte"
    if [ -x openssl/openssl ]; then
      secure_get $file
      tap $? "secure: $file by https, byte for byte, from example.test" ||
        sed 's/^/TAP: # /' /tmp/secure.log
    else
      echo "TAP: ok - secure: $file by https # SKIP no openssl here"
    fi
  done
  if [ -x openssl/openssl ]; then
    ! secure_get index.html /tests/stranger.pem && grep -q 'verify error' /tmp/secure.log
    tap $? "secure: nobody else is believed to be that"
  fi
  xl shutdown -w secure >/dev/null 2>&1
  gone secure
  tap $? "secure: the domain is gone"
  tr -d '\r' <"$(log secure)" | grep -q '^www: stopped: .* 0 lost, 0 aborted$'
  tap $? "secure: no request was lost" || tail -n 5 "$(log secure)" | sed 's/^/TAP: # /'
}
kill "$(cat /tmp/udhcpd.pid)"
