#!/bin/sh
# tool.sh - lwt-xen-run on the emulated Xen: terminal, signals, ports, exit statuses.
# SPDX-License-Identifier: ISC
#
# A boot of the rig each.  In dom0 the tool runs as on any Xen host, so both of its
# halves are in use.  $top_builddir, LWT_XEN_CACHE: as in check.sh.
: "${top_srcdir:=$(dirname "$0")/../..}"
. "$(dirname "$0")/../tap.sh"
images=$top_builddir/tests/xen
LWT_XEN_CACHE=${LWT_XEN_CACHE:-$images/cache}
LWT_XEN_BUILD=$top_builddir
export LWT_XEN_CACHE LWT_XEN_BUILD
command -v qemu-system-x86_64 >/dev/null 2>&1 || skip_all "no qemu-system-x86_64"
ls "$images"/*.xen >/dev/null 2>&1 || skip_all "no images: lwt-xen is not built"
why=$(sh "$top_srcdir/lwt-xen/rig/assemble.sh" "$LWT_XEN_CACHE" 2>&1) || skip_all "$why"
scratch=$tap_dir
tool=''
trap '[ -z "$tool" ] || kill $tool 2>/dev/null; rm -rf "$tap_dir"' EXIT
mkfifo "$scratch/in"
exec 9<>"$scratch/in"

# run IMAGE ...: in the background, with the FIFO as its terminal.
run() {
  sh "$top_builddir/lwt-xen/lwt-xen-run" "$@" <"$scratch/in" >"$scratch/out" 2>"$scratch/err" &
  tool=$!
}
# said LINE [SECONDS]: wait for a line of output.
said() {
  end=$(($(date +%s) + ${2:-120}))
  until tr -d '\r' <"$scratch/out" | grep -qx "$1"; do
    [ "$(date +%s)" -lt $end ] && kill -0 "${tool:-0}" 2>/dev/null || return 1
    sleep 0.2
  done
}

# ends STATUS: wait for it, and compare.
ends() {
  wait $tool
  status=$?
  tool=''
  [ $status = "$1" ] && return
  echo "exit status $status"
  cat "$scratch/out" "$scratch/err"
  return 1
}
typed() {
  echo "$1" >&9
  said "$2" 20
}
interrupted() {
  kill -TERM $tool
  ends "$@"
}

run "$images/g-hello.xen" -- one 'two three' 'q"x'
try "a guest runs" said listening
try "its arguments are those of the command line" said 'ok - words and quotes'
try "a line typed comes to it" typed 'good morning' 'heard good morning'
echo bye >&9
try "its exit status is 0" ends 0
try "its last line is there" said end

gzip -9nc "$images/g-idle.xen" >"$scratch/g-idle.gz"
run --memory=12 "$scratch/g-idle.gz" -- 7
try "another, compressed, waits" said waiting
try "a signal asks it to shut down, and its exit status is 7" interrupted 7
try "it came to its end" said end

run "$images/g-idle.xen" -- deaf
try "one that does not listen" said waiting
kill -TERM $tool
try "is asked, and goes on" said 'ok - asked to end' 30
try "the second signal ends it: 137" interrupted 137

# A port of this machine is one of the guest's: the bytes are those that it has sent.
forwarded() {
  url=$(sed -n 's|^lwt-xen-run: \(http://127.0.0.1:[0-9]*/\)$|\1|p' "$scratch/err")
  [ -n "$url" ] || return 1
  curl -sS -m 60 -o "$scratch/bytes" "${url}bytes?2000000" || return 1
  crc=$(busybox crc32 "$scratch/bytes" | cut -c 1-8)
  said "sent 2000000 of 2000000 crc $crc" 20
}
run --net --port=0:80/http "$images/g-net.xen" -- 10.0.0.2
try "a guest with a network serves" said serving
try "two million bytes through a forwarded port" forwarded
try "asked to end, it does" interrupted 0
try "the port is free again" test "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$url")" = 000

run --name=trap "$images/g-trap.xen" -- abort
try "abort() is exit status 134" ends 134
try "with its report on the terminal" grep '^backtrace: 0x' "$scratch/out"
tap_done
