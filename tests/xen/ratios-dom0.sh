#!/bin/busybox sh
# ratios-dom0.sh - ratios.sh's part in dom0: lines "RATIO: KIND WHAT VALUE".
# SPDX-License-Identifier: ISC
. ./options
chmod 755 measure

say() { echo "RATIO: $kind $1 $2"; }
cpu() { ./measure cpu "$domid"; }
quotient() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", (b > 0) ? a / b : 0 }'; }
minus() { awk -v a="$1" -v b="$2" 'BEGIN { print a - b }'; }

# rates WHAT BYTES SECONDS: those, and of the CPU time since $before.
rates() {
  mb=$(quotient "$2" 1000000)
  say "$1_MB/s" "$(quotient "$mb" "$3")"
  say "$1_MB/CPU-s" "$(quotient "$mb" "$(minus "$(cpu)" "$before")")"
}
dd if=/dev/urandom of=/tmp/disk bs=1M count=32 2>/dev/null

# guest KIND ADDRESS MAC: the lines of its configuration are the standard input.
guest() {
  kind=$1 address=$2 mac=$3 name=$1
  {
    echo "name = \"$name\""
    echo "vif = [ \"mac=$mac,bridge=xenbr0\" ]"
    echo 'disk = [ "/tmp/disk,raw,xvda,r" ]'
    echo 'on_crash = "destroy"'
    cat
  } >"/tmp/$name.cfg"
  xl create -q -p "/tmp/$name.cfg" || return
  domid=$(xl domid "$name")
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
    rates "TCP_$way" "${result% *}" "${result#* }"
  done
  ./measure take "$address" 5005 >/dev/null # the first reads are not those of later
  port=5003
  for size in 4 64 256; do
    before=$(cpu)
    result=$(./measure get "$address" $port)
    rates "reads_of_${size}_KiB" "${result% *}" "${result#* }"
    port=$((port + 1))
  done
  before=$(cpu)
  sleep 10
  say idle_CPU_ms_in_10_s "$(awk -v a="$before" -v b="$(cpu)" 'BEGIN { print (b - a) * 1000 }')"
  xl shutdown -w "$name" >/dev/null 2>&1 &
  sleep 3
  tail -n 12 "/var/log/xen/console/guest-$name.log" | tr -d '\r' | sed 's/^/LOG: /'
  xl destroy "$name" 2>/dev/null
}

linux='kernel = "/tests/vmlinux"
ramdisk = "/tests/linux.cpio.gz"
memory = 192'
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
type = "pvh"
cpuid = "host,rdtscp=0"
$linux
extra = "console=hvc0 quiet address=10.0.0.3 bytes=$bytes"
END
  guest linux-pv 10.0.0.4 00:16:3e:00:00:04 <<END
type = "pv"
$linux
extra = "console=hvc0 quiet address=10.0.0.4 bytes=$bytes"
END
done
