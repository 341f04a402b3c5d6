#!/bin/sh
# coverage.sh - how much of lwt/ its own tests run, line by line.
# SPDX-License-Identifier: ISC
#
# usage: tests/coverage.sh [DIRECTORY [CONFIGURE-OPTION...]]
#
# Copies the files that git knows to DIRECTORY (build-coverage), builds there with
# gcov's counters and without optimization, runs the tests that need lwt/ only
# (lwt_tests in Makefile.am), and prints how many lines of each file they run, then
# the lines that none of them runs.  `make coverage` is the same.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-build-coverage}
[ $# -gt 0 ] && shift
: "${JOBS:=2}" "${GCOV:=gcov}" "${MAKE:=make}" "${CC:=gcc}"
unset MAKEFLAGS MFLAGS

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
git -C "$top" ls-files -z | tar -C "$top" --null -T - -cf - | tar -C "$dir" -xf -
cd "$dir"
failed() {
  tail -n 20 "$1" >&2
  echo "coverage.sh: see $dir/$1" >&2
  exit 1
}
[ -f Makefile ] || {
  autoreconf -fi &&
    ./configure -q --disable-shared --without-xen CC="$CC" CFLAGS='-g -O0 --coverage' "$@"
} >configure.out 2>&1 || failed configure.out
$MAKE -s Makefile >make.out 2>&1 || failed make.out
tests=$($MAKE -s lwt-tests)
find . -name '*.gcda' -exec rm -f {} +
# shellcheck disable=SC2086  # a list
$MAKE -s -j"$JOBS" $tests >>make.out 2>&1 || failed make.out
status=0
$MAKE -s -j"$JOBS" check-TESTS TESTS="$tests" >check.out 2>&1 || status=1

# A line may be in several objects: of the library, and of the copies that some
# tests have.  It has run if it ran in one of them.
find . -name '*.gcda' | while read -r data; do
  "$GCOV" -t -o "$(dirname "$data")" "$data" 2>/dev/null
done | awk -f "$top/tests/coverage.awk"
[ $status = 0 ] || failed check.out
