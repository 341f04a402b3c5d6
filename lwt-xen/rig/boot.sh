#!/bin/sh
# boot.sh CACHE TESTS [QEMU-OPTION...] - boot the rig, with the directory TESTS as
# /tests in dom0, which runs its run.sh; the serial console is the standard output.
# SPDX-License-Identifier: ISC
#
# XEN_RIG_SERIAL: another place for it, as -serial has them.
# XEN_RIG_TIMEOUT: seconds until all is killed (400; 0: never).  XEN_RIG_NICE: 10.
set -u
cache=$1 tests=$2
shift 2
scratch=$(mktemp -d)
trap 'kill "$qemu" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$scratch/over"
cp -R "$tests" "$scratch/over/tests"
{
  cat "$cache/dom0.cpio"
  (cd "$scratch/over" && find . | cpio -o -H newc -R 0:0 --quiet)
} >"$scratch/initrd"
# No SMAP: an emulated PV dom0 dies of it.  Eager FPU: with lazy switching, which is
# Xen's default on such a processor, programs of dom0 find the vector registers of
# whatever guest ran meanwhile.
nice -n "${XEN_RIG_NICE:-10}" timeout -k 5 "${XEN_RIG_TIMEOUT:-400}" \
  qemu-system-x86_64 -nodefaults -display none -serial "${XEN_RIG_SERIAL:-stdio}" \
  -monitor none \
  -m 1500 -smp 1 -accel tcg -no-reboot \
  -cpu max,-smap,-smep,-la57,-pks,-pku,-avx,-avx2 \
  -kernel "$cache/xen" \
  -append "console=com1 com1=115200,8n1 dom0_mem=768M,max:768M noreboot spec-ctrl=eager-fpu loglvl=warning guest_loglvl=warning" \
  -initrd "$cache/vmlinuz console=hvc0 quiet,$scratch/initrd" "$@" </dev/null &
qemu=$!
wait $qemu
