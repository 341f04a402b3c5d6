#!/bin/sh
# dhcp.sh - our DHCP client, in a program of its own and in www, with a real server, our
# server with a real client, over a tap device in a network namespace.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

program=$top_builddir/tests/dhcp-tap
[ -x "$program" ] || skip_all "tests/dhcp-tap is not built"
busybox --list 2>/dev/null | grep -q '^udhcpd$' || skip_all "needs busybox with udhcpd"
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || skip_all "needs root and /dev/net/tun"
ns=lwt-dhcp-$$
ip netns add "$ns" 2>/dev/null || skip_all "needs network namespaces"
trap 'ip netns del "$ns"; rm -rf "$tap_dir"' EXIT
inside="ip netns exec $ns"
ip -n "$ns" tuntap add dev tap0 mode tap
ip -n "$ns" addr add 10.9.0.254/24 dev tap0
ip -n "$ns" link set tap0 up

cat >"$tap_dir/udhcpd.conf" <<END
start 10.9.0.20
end 10.9.0.30
interface tap0
lease_file $tap_dir/leases
pidfile $tap_dir/pid
option subnet 255.255.255.0
option router 10.9.0.254
option dns 10.9.0.53
option domain example.org
option lease 600
END
: >"$tap_dir/leases"
$inside busybox udhcpd -f "$tap_dir/udhcpd.conf" >"$tap_dir/udhcpd" 2>&1 &
server=$!
$inside timeout 60 "$program" tap:tap0 >"$tap_dir/lease" 2>&1

# The website, its address from the network, until it has answered.
$inside timeout --foreground 60 "$top_builddir/examples/www" --net=tap:tap0 --addr=dhcp \
  --root="$top_srcdir/examples" >"$tap_dir/www" 2>&1 &
www=$!
n=0
until grep -q ' serves ' "$tap_dir/www" || [ $n = 300 ]; do
  kill -0 $www 2>/dev/null || break
  sleep 0.1
  n=$((n + 1))
done
address=$(sed -n 's,^www: dhcp: \([0-9.]*\)/.*,\1,p' "$tap_dir/www")
$inside curl -sS -m 10 "http://$address/www.c" >"$tap_dir/page" 2>>"$tap_dir/www"
kill -INT $www
wait $www
echo "exit $?" >>"$tap_dir/www"
$inside "$top_builddir/examples/www" --addr=dhcp --root="$top_srcdir/examples" \
  >"$tap_dir/sockets" 2>&1
kill "$server"
wait "$server" 2>/dev/null
told="for [56][0-9][0-9] s router 10[.]9[.]0[.]254 dns 10[.]9[.]0[.]53 domain example"
try "www tells its lease" grep -q \
  "^www: dhcp: 10[.]9[.]0[.][23][0-9]/24 from 10[.]9[.]0[.]254 $told" "$tap_dir/www"
try "and where it is" grep -q "^www: http://$address:80/ serves" "$tap_dir/www"
if command -v curl >/dev/null; then
  try "and serves" cmp "$tap_dir/page" "$top_srcdir/examples/www.c"
else
  skip "and serves" "needs curl"
fi
try "and ends" grep -q '^exit 0$' "$tap_dir/www"
try "the kernel's sockets have no such address" grep -q 'cannot open the network' \
  "$tap_dir/sockets"
try "busybox udhcpd gives our client an address" \
  grep -q '^lease 10[.]9[.]0[.][23][0-9]/24 domain example.org routers 1 dns 1$' "$tap_dir/lease"
try "the same address again, asked for by its name" \
  grep -q '^again reboots 1 discovers 0$' "$tap_dir/lease"
try "it sent an offer and an ACK" grep -q 'ACK to 10[.]9[.]0[.][23]' "$tap_dir/udhcpd"

ip -n "$ns" addr flush dev tap0
mkfifo "$tap_dir/fifo"
$inside timeout 60 "$program" tap:tap0 8 >"$tap_dir/fifo" 2>&1 &
exec 5<"$tap_dir/fifo"
read -r line <&5
try "our server begins" test "$line" = serving
try "busybox udhcpc gets an address from it" \
  $inside timeout 30 busybox udhcpc -i tap0 -f -q -n -t 5 -s /bin/true
cp "$tap_dir/output" "$tap_dir/udhcpc"
try "the first of its pool" grep -q 'lease of 10.9.0.100 obtained from 10.9.0.1' \
  "$tap_dir/udhcpc"
cat <&5 >"$tap_dir/dump"
try "and it knows of the lease" grep -q '^dhcp 10.9.0.100 leased to 01:' "$tap_dir/dump"
tap_done
