#!/bin/sh
# examples.sh - the tutorial's programs run, end, and print what they should.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

[ -x "$top_builddir/examples/echo" ] || skip_all "no examples"

prints() { # PROGRAM LINE...
  prints_program=$1
  shift
  timeout 30 "$top_builddir/examples/$prints_program" >"$tap_dir/out" </dev/null ||
    return 1
  printf '%s\n' "$@" | diff -u - "$tap_dir/out"
}

# Ten lines of one to twenty letters.
echoes() { # PROGRAM
  timeout 30 "$top_builddir/examples/$1" >"$tap_dir/out" </dev/null || return 1
  cat "$tap_dir/out"
  [ "$(wc -l <"$tap_dir/out")" -eq 10 ] &&
    [ "$(grep -c '^a\{1,20\}$' "$tap_dir/out")" -eq 10 ]
}

try "heads and tails" prints heads-tails Heads Tails Finished
try "echo" echoes echo
try "echo as a frame" echoes echo-frame
try "echo server" prints echo-server "is anybody there?"
try "a task group" prints group "quick: done" "slow: given up" "the group: timed out"
try "channels" prints squares "the sum of the squares is 385"
try "race" prints race "the second one answered"
try "timeout by cancel" prints timeout-cancel "quick: done" "slow: canceled"
try "timeout by pick" prints timeout-pick "quick: done" "slow: timed out"
tap_done
