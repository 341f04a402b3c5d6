#!/bin/sh
# fiber-tsan.sh - ThreadSanitizer follows fibers from stack to stack.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

flags="-g -O1 -fsanitize=thread -DLWT_BUILDING -I$top_srcdir -I$top_srcdir/lwt
  -I$top_srcdir/tests"
cpu=$(echo __x86_64__ __aarch64__ | $CC -E -P - 2>/dev/null)
case $cpu in
  "1 __aarch64__") switch=fiber_x86_64.S ;;
  "__x86_64__ 1") switch=fiber_aarch64.S ;;
  *) skip_all "no fibers on this CPU" ;;
esac
[ -z "${SANITIZERS_CFLAGS-}" ] || skip_all "built with other sanitizers"
echo 'int main(void) { return 0; }' >"$tap_dir/try.c"
# shellcheck disable=SC2086
$CC $flags -o "$tap_dir/try" "$tap_dir/try.c" 2>/dev/null ||
  skip_all "no ThreadSanitizer"

# Older ones cannot run where the system spreads addresses widely.
run() {
  if setarch -R true 2>/dev/null; then
    timeout 300 setarch -R "$@"
  else
    timeout 300 "$@"
  fi
}
run "$tap_dir/try" || skip_all "ThreadSanitizer does not run here"

# shellcheck disable=SC2086
clean() { # TEST ARGUMENT...
  $CC $flags -o "$tap_dir/$1" "$top_srcdir/tests/$1.c" \
    "$top_srcdir"/lwt/*.c "$top_srcdir/lwt/$switch" || return 1
  clean_test=$1
  shift
  run "$tap_dir/$clean_test" "$@" >"$tap_dir/out" 2>&1 && return 0
  tail -n 40 "$tap_dir/out"
  return 1
}

try "t-fiber" clean t-fiber
try "t-fiber-random" clean t-fiber-random 1 100
tap_done
