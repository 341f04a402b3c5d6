#!/bin/sh
# tsan.sh - what crosses threads, under ThreadSanitizer.
# SPDX-License-Identifier: ISC
#
# Builds lwt, lwt-unix and the tests named here with -fsanitize=thread, each promise
# a malloc of its own, and runs them: a race is a failure.
. "$(dirname "$0")/tap.sh"

uv=$($PKG_CONFIG --libs libuv 2>/dev/null) || skip_all "no libuv"
flags="-g -O1 -fsanitize=thread -Wno-tsan -ftls-model=initial-exec -DLWT_BUILDING
 -DLWT_NO_POOLS -I$top_srcdir -I$top_srcdir/lwt -I$top_srcdir/lwt-unix $UV_CFLAGS"

echo 'int main(void) { return 0; }' >"$tap_dir/try.c"
# shellcheck disable=SC2086  # flags are words
$CC $flags -o "$tap_dir/try" "$tap_dir/try.c" 2>/dev/null ||
  skip_all "$CC has no ThreadSanitizer"
# It wants its addresses where they are without randomization.
run=
"$tap_dir/try" 2>/dev/null || run="setarch -R"
$run "$tap_dir/try" 2>/dev/null || skip_all "ThreadSanitizer does not run here"

# libuv closes by the bare system call, which ThreadSanitizer does not see: to it, two
# threads that get the same number one after the other race for it.
printf 'race:%s\n' epoll_create1 eventfd pipe2 >"$tap_dir/suppressions"

build_library() {
  for source in "$top_srcdir"/lwt/*.[cS] "$top_srcdir"/lwt-unix/*.c; do
    case $source in
      */fiber_*.S) [ "$source" = "$top_srcdir/lwt/fiber_$(uname -m).S" ] || continue ;;
    esac
    object=$tap_dir/$(echo "${source#"$top_srcdir"/}" | tr / _).o
    # shellcheck disable=SC2086
    $CC $flags -c -o "$object" "$source" || return 1
  done
}

checked() { # TEST
  # shellcheck disable=SC2086
  $CC $flags -o "$tap_dir/$1" "$top_srcdir/tests/$1.c" "$tap_dir"/*.o $uv -lpthread &&
    TSAN_OPTIONS="halt_on_error=0 exitcode=66 suppressions=$tap_dir/suppressions" \
      $run "$tap_dir/$1"
}

try "the libraries" build_library
for test in t-unix-file t-unix-thread; do
  try "$test" checked $test
done
tap_done
