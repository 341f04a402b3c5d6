#!/bin/busybox sh
# linux-init.sh - the first program of the Linux guest of ratios.sh.
# SPDX-License-Identifier: ISC
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for module in /*.ko; do
  /bin/busybox insmod "$module"
done
# shellcheck disable=SC2046  # words of the command line: address=..., bytes=...
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in address=* | bytes=*) eval "$word" ;; esac
done
/bin/busybox ip link set lo up
until /bin/busybox ip addr add "$address/24" dev eth0 2>/dev/null; do
  /bin/busybox usleep 1000
done
/bin/busybox ip link set eth0 up
exec /bin/measure serve "$bytes"
