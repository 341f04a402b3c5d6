#!/bin/sh
# examples.sh - the tutorial's programs run, end, and are those of the tutorial.
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
echoes() {
  timeout 30 "$top_builddir/examples/echo" >"$tap_dir/out" </dev/null || return 1
  cat "$tap_dir/out"
  [ "$(wc -l <"$tap_dir/out")" -eq 10 ] &&
    [ "$(grep -c '^a\{1,20\}$' "$tap_dir/out")" -eq 10 ]
}

# Without comments and white space, which may differ.
bare() {
  $CC -fpreprocessed -E -P -x c - | tr -d ' \t\n'
}

# Whether the N-th C block of the tutorial is that program.
in_tutorial() { # N PROGRAM
  awk -v n="$1" '/^```c$/ { inside = ++i == n; next } /^```/ { inside = 0 } inside' \
    "$top_srcdir/doc/tutorial.md" | bare >"$tap_dir/want"
  [ -s "$tap_dir/want" ] && bare <"$top_srcdir/examples/$2.c" | cmp - "$tap_dir/want"
}

try "heads and tails" prints heads-tails Heads Tails Finished
try "echo" echoes
try "echo server" prints echo-server "is anybody there?"
try "timeout by cancel" prints timeout-cancel "quick: done" "slow: canceled"
try "timeout by pick" prints timeout-pick "quick: done" "slow: timed out"

n=0
for program in heads-tails echo-server timeout-cancel timeout-pick; do
  n=$((n + 1))
  try "$program is the tutorial's" in_tutorial $n $program
done
tap_done
