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

# Four lines, the last without its end.
counts() { # LINE... ; argument of wc in $limit
  printf 'one two\nthree\r\n\nlast one here' |
    timeout 30 "$top_builddir/examples/wc" ${limit:+"$limit"} >"$tap_dir/out" || return 1
  printf '%s\n' "$@" | diff -u - "$tap_dir/out"
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
limit=
try "wc" counts "4 lines, 6 words, 29 bytes" "line 4 is the longest: 13 bytes"
limit=12
try "wc of lines that are too long" counts "line 4 is longer than 12 bytes" \
  "3 lines, 3 words, 16 bytes" "line 1 is the longest: 7 bytes"
tap_done
