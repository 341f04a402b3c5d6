#!/bin/sh
# t-image.sh - what an image for Xen takes: the website's, without its content.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"
[ -e "$top_builddir/liblwt-xen.a" ] || skip_all "lwt-xen is not built"
image=$tap_dir/www.xen

# What Xen loads, and what it takes in memory, in bytes; raise a limit with a reason.
KERNEL=155648 # 152 KB
FILE=256000   # 250 KB
MEMORY=638976 # of which 256 KiB are main()'s stack

linked() {
  LWT_XEN_BUILD=$top_builddir sh "$top_builddir/lwt-xen/lwt-xen-cc" -Os -s \
    "$top_srcdir/examples/www.c" "$top_srcdir/examples/insecure.c" \
    "$top_srcdir/examples/unleased.c" -llwt-xen-printf -o "$image"
}
# at_most LIMIT NUMBER WHAT
at_most() {
  echo "# $3: $2 bytes, limit $1" >&3
  [ "$2" -le "$1" ]
}
# Compressed as xl loads it.
kernel() { at_most $KERNEL "$(gzip -9nc "$image" | wc -c)" "www, compressed"; }
file() { at_most $FILE "$(wc -c <"$image")" "www, stripped"; }
memory() { at_most $MEMORY "$(size "$image" | awk 'END { print $4 }')" "www in memory"; }
# Nobody can be led to a host that is not there, and a server looks up no names.
without() {
  unused='net_inside|lwt_net_hub|net_carry|dns|dhcp|net_gso|lwt_reader|lwt_channel'
  libc='__cpu_model|fmt_fp|__intscan|smooth|__qsort_r|fopen'
  ! nm "$tap_dir/www.elf" | grep -E "$unused|lwt__trace_start|$libc"
}
with_symbols() {
  LWT_XEN_BUILD=$top_builddir sh "$top_builddir/lwt-xen/lwt-xen-cc" -Os \
    "$top_srcdir/examples/www.c" "$top_srcdir/examples/insecure.c" \
    "$top_srcdir/examples/unleased.c" -llwt-xen-printf -o "$tap_dir/www.elf"
}
# RDTSCP: an emulated processor reports it so that Xen cannot handle it.  STI: all events
# are polled for; there is nobody to take an interrupt.
instructions() {
  objdump -d "$tap_dir/www.elf" | awk -F '\t' '
    $3 ~ /^rdtsc( |$)/ { clock = 1 }
    $3 ~ /^(rdtscp|sti)( |$)/ { print; wrong = 1 }
    END { exit !clock || wrong }
  '
}

# https, with the system's BearSSL.
with_tls() {
  LWT_XEN_BUILD=$top_builddir sh "$top_builddir/lwt-xen/lwt-xen-cc" -Os \
    "$top_srcdir/examples/www.c" "$top_srcdir/examples/secure.c" \
    "$top_srcdir/examples/unleased.c" -o "$tap_dir/tls.elf" &&
    nm "$tap_dir/tls.elf" | grep ' T br_ssl_server_init_full' &&
    nm "$tap_dir/tls.elf" | grep ' T __memcpy_chk'
}

exec 3>&1
try "www is an image" linked
if $CC --version | grep -q clang; then # whose code is larger by a tenth
  for size in compressed "as it is" "in memory"; do
    skip "small $size" "the limits are those of gcc"
  done
else
  try "small compressed, which Xen's tools load" kernel
  try "small as it is" file
  try "small in memory" memory
fi
try "and with symbols" with_symbols
try "what a program does not use is not linked: gateway, hub, names, DHCP, traces" without
try "the clock is RDTSC, never RDTSCP, and interrupts stay off" instructions
if nm "$top_builddir/liblwt-xen.a" 2>/dev/null | grep -q lwt_tls_listen; then
  try "www with TLS is an image" with_tls
else
  skip "www with TLS is an image" "BearSSL has no archive"
fi
tap_done
