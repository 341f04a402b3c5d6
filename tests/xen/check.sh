#!/bin/sh
# check.sh - real guests on a real Xen: TAP of `make check-xen`.
# SPDX-License-Identifier: ISC
#
# $top_builddir has the images in tests/xen/.  LWT_XEN_CACHE: where the rig is
# assembled and kept (default: tests/xen/cache of the build).  XEN_PARTS: the scripts
# of guests to run, default "guests net block
# secure stress"; XEN_STRESS: seconds of load (default 20).
here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../../lwt-xen/rig
images=${top_builddir:-.}/tests/xen
cache=${LWT_XEN_CACHE:-$images/cache}
skip_all() {
  echo "1..0 # SKIP $*"
  exit 0
}
command -v qemu-system-x86_64 >/dev/null 2>&1 || skip_all "no qemu-system-x86_64"
ls "$images"/*.xen >/dev/null 2>&1 || skip_all "no images: lwt-xen is not built"
why=$(sh "$rig/assemble.sh" "$cache" 2>&1) || skip_all "$why"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/tests"
parts=${XEN_PARTS:-guests net block secure stress}
ls "$images"/../../examples/www-secure.xen >/dev/null 2>&1 ||
  parts=$(echo " $parts " | sed 's/ secure / /') # no BearSSL for images
for part in run time $parts; do
  cp "$here/$part.sh" "$scratch/tests"
done
cp "$images"/*.xen "$images"/../../examples/*.xen "$scratch/tests"
case " $parts " in
  *" secure "*)
    (cd "$here/../tls" && cp ec.pem ec.key root.pem stranger.pem "$scratch/tests")
    if openssl=$(command -v openssl); then
      mkdir "$scratch/tests/openssl"
      # shellcheck disable=SC2046
      cp -L "$openssl" $(ldd "$openssl" | sed -n 's/.* => \(.*lib\(ssl\|crypto\|z\)[-.][^ ]*\) .*/\1/p') \
        "$scratch/tests/openssl"
    fi
    ;;
esac
echo "$parts" >"$scratch/tests/parts"
echo "stress=${XEN_STRESS:-20}" >"$scratch/tests/settings"
XEN_RIG_TIMEOUT=${XEN_RIG_TIMEOUT:-$((420 + ${XEN_STRESS:-20}))}
export XEN_RIG_TIMEOUT
sh "$rig/boot.sh" "$cache" "$scratch/tests" >"$scratch/serial" 2>&1
tr -d '\r' <"$scratch/serial" >"$images/serial.log"

# The machine was too busy to judge timers: once more where an instruction takes two
# nanoseconds of the emulated machine's time, so that what shares this one is not seen.
if grep -q '^TAP: ok - time: .* # SKIP' "$images/serial.log"; then
  echo time >"$scratch/tests/parts"
  sh "$rig/boot.sh" "$cache" "$scratch/tests" -icount shift=1,sleep=off 2>&1 |
    tr -d '\r' >"$images/serial-time.log"
  sed -i '/^TAP: .*ok - time: /d' "$images/serial.log"
  grep '^TAP: ' "$images/serial-time.log" >>"$images/serial.log"
  grep -q '^dom0: done$' "$images/serial-time.log" ||
    echo "TAP: not ok - time: dom0 came to its end once more: $images/serial-time.log" \
      >>"$images/serial.log"
fi

# Functions of the addresses of a backtrace, on this side, where the tools are.
while read -r _ how addresses; do
  [ "$how" ] || continue
  # shellcheck disable=SC2086
  names=$(addr2line -fe "$images/g-trap.xen" $addresses 2>/dev/null | tr '\n' ' ')
  case $how:$names in
    null:*wild_write*main* | text:*wild_write*main* | constant:*wild_write*main* | \
      stack:*deep*deep* | abort:*main* | data:*main*)
      echo "TAP: ok - trap-$how: the backtrace names the functions" ;;
    *) echo "TAP: not ok - trap-$how: the backtrace says $names" ;;
  esac
done <<END >"$scratch/names"
$(grep '^BACKTRACE: ' "$images/serial.log")
END
if grep -q '^dom0: done$' "$images/serial.log"; then
  echo "TAP: ok - dom0 came to its end" >>"$scratch/names"
else
  echo "TAP: not ok - dom0 came to its end: $images/serial.log" >>"$scratch/names"
fi
sed -n 's/^TAP: //p' "$images/serial.log" "$scratch/names" |
  awk '/^(not )?ok - / { sub(/ok - /, "ok " ++n " - ") } { print } END { print "1.." n }'
