#!/bin/busybox sh
# ratios-dom0.sh - ratios.sh's part in dom0: lines "RATIO: KIND WHAT VALUE".
# SPDX-License-Identifier: ISC
. ./options
chmod 755 measure

say() { echo "RATIO: $kind $1 $2"; }
cpu() { xl list "$name" | awk 'NR == 2 { print $6 }'; }
quotient() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", b ? a / b : 0 }'; }

# guest KIND ADDRESS MAC: the lines of its configuration are the standard input.
guest() {
  kind=$1 address=$2 mac=$3 name=$1
  {
    echo "name = \"$name\""
    echo "vif = [ \"mac=$mac,bridge=xenbr0\" ]"
    echo 'on_crash = "destroy"'
    cat
  } >"/tmp/$name.cfg"
  xl create -q -p "/tmp/$name.cfg" || return
  sleep 1
  boot=$(./measure boot "$address" "$mac" "$name") || {
    echo "LOG: $kind does not answer"
    tail -n 12 "/var/log/xen/console/guest-$name.log" | tr -d '\r' | sed 's/^/LOG: /'
    xl destroy "$name"
    return
  }
  say boot_to_ping_ms "$boot"
  say boot_CPU_s "$(cpu)"
  sleep 2
  ./measure ping "$address" 50 >/dev/null
  say ping_us "$(./measure ping "$address" 200 | cut -d' ' -f1)"
  for way in in out; do
    before=$(cpu)
    if [ $way = in ]; then
      result=$(./measure send "$address" 5001 "$bytes")
    else
      result=$(./measure take "$address" 5002)
    fi
    after=$(cpu)
    mb=$(quotient "${result% *}" 1000000)
    say "TCP_${way}_MB/s" "$(quotient "$mb" "${result#* }")"
    say "TCP_${way}_MB/CPU-s" \
      "$(quotient "$mb" "$(awk -v a="$before" -v b="$after" 'BEGIN { print b - a }')")"
  done
  before=$(cpu)
  sleep 10
  say idle_CPU_s_in_10_s "$(awk -v a="$before" -v b="$(cpu)" 'BEGIN { print b - a }')"
  xl shutdown -w "$name" >/dev/null 2>&1 &
  sleep 3
  tail -n 12 "/var/log/xen/console/guest-$name.log" | tr -d '\r' | sed 's/^/LOG: /'
  xl destroy "$name" 2>/dev/null
}

round=0
while [ $round -lt "$rounds" ]; do
  round=$((round + 1))
  guest lwt 10.0.0.2 00:16:3e:00:00:02 <<END
type = "pvh"
kernel = "/tests/g-bench.xen"
memory = 16
shadow_memory = 8
extra = "LWT_XEN_COUNTS=1 10.0.0.2 $bytes"
END
  guest linux 10.0.0.3 00:16:3e:00:00:03 <<END
type = "pv"
kernel = "/tests/vmlinuz"
ramdisk = "/tests/linux.cpio.gz"
memory = 192
extra = "console=hvc0 quiet address=10.0.0.3 bytes=$bytes"
END
done
