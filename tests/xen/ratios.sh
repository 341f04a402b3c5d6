#!/bin/sh
# ratios.sh - a unikernel beside a Linux guest, in one boot of the rig: make bench-xen.
# SPDX-License-Identifier: ISC
#
# The Linux guest is Debian's kernel with a busybox as its only process but the one
# that is measured: a PVH guest, as ours is (without RDTSCP, which this emulation does
# not have), and a PV guest, which needs no emulated SVM.  Prints a table of medians;
# $top_builddir and LWT_XEN_CACHE as in check.sh, ROUNDS (3), MB (16) of each transfer.
# INSTRUCTIONS=1: an instruction takes two nanoseconds of the emulated machine's time, and
# waiting none of ours: so other work on this machine changes nothing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../../lwt-xen/rig
images=${top_builddir:-.}/tests/xen
cache=${LWT_XEN_CACHE:-$images/cache}
die() {
  echo "ratios.sh: $*" >&2
  exit 1
}
why=$(sh "$rig/assemble.sh" "$cache" 2>&1) || die "$why"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/job" "$scratch/linux/bin" "$scratch/linux/proc" \
  "$scratch/linux/dev"
cp "$images/g-bench.xen" "$scratch/job"
# The kernel without its wrapping, which xl would undo anew for each guest: setup_sects,
# payload_offset and payload_length of the header, and four bytes of a length behind.
sectors=$(od -An -tu1 -j 497 -N 1 "$cache/vmlinuz")
# shellcheck disable=SC2046
set -- $(od -An -tu4 -j 584 -N 8 "$cache/vmlinuz")
tail -c +$(((sectors + 1) * 512 + $1 + 1)) "$cache/vmlinuz" | head -c $(($2 - 4)) |
  xz -dc >"$scratch/job/vmlinux" || die "the kernel is not of xz"
${CC:-cc} -O2 -static -pthread -o "$scratch/job/measure" "$here/measure.c" ||
  die "no static C library, or no headers of Xen: libc6-dev, libxen-dev"
cp "$here/ratios-dom0.sh" "$scratch/job/run.sh"
echo "rounds=${ROUNDS:-3} bytes=$((${MB:-16} * 1048576))" >"$scratch/job/options"
cp "$scratch/job/measure" "$cache/dom0/bin/busybox" "$scratch/linux/bin"
cp "$here/linux-init.sh" "$scratch/linux/init"
find "$cache/root/lib/modules" \( -name xen-netfront.ko -o -name xen-blkfront.ko \) \
  -exec cp {} "$scratch/linux" ';'
chmod 755 "$scratch/linux/init"
(cd "$scratch/linux" && find . | cpio -o -H newc -R 0:0 --quiet | gzip) \
  >"$scratch/job/linux.cpio.gz"
set --
[ -z "${INSTRUCTIONS-}" ] || set -- -icount shift=1,sleep=off
XEN_RIG_NICE=${XEN_RIG_NICE:-0} XEN_RIG_TIMEOUT=${XEN_RIG_TIMEOUT:-1500} sh "$rig/boot.sh" "$cache" "$scratch/job" "$@" |
  sed -u 's/\r*$//' | tee "$images/ratios.log" | sed -n 's/^RATIO: //p' | awk '
    # KIND WHAT VALUE
    { key = $2; n = ++count[$1, key]; value[$1, key, n] = $3
      if (!(key in seen)) { seen[key] = 1; order[++keys] = key } }
    function median(kind, key,   n, i, j, t, v) {
      n = count[kind, key]
      for (i = 1; i <= n; i++) v[i] = value[kind, key, i]
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
      return n ? v[int((n + 1) / 2)] : 0
    }
    function beside(u, kind, key,   l) {
      l = median(kind, key) + 0
      return l " | " (l ? sprintf("%.2f", u / l) : "-")
    }
    END {
      print "| | unikernel | Linux PVH | ratio | Linux PV | ratio |"
      print "|---|---|---|---|---|---|"
      for (k = 1; k <= keys; k++) {
        key = order[k]; u = median("lwt", key); text = key
        gsub(/_/, " ", text)
        printf "| %s | %s | %s | %s |\n", text, u, beside(u, "linux", key),
          beside(u, "linux-pv", key)
      }
    }'
grep -q '^dom0: done' "$images/ratios.log" || die "dom0 did not come to its end: $images/ratios.log"
