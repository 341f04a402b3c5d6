#!/bin/sh
# bench.sh - every row of the benchmarks and the study run, and say what the tables need.
# SPDX-License-Identifier: ISC
. "${top_srcdir:-$(dirname "$0")/..}/tests/tap.sh"

bench=$top_builddir/tests/bench/bench-lwt
number='[0-9]+(\.[0-9]+)?'

# row NAME N: 77 if this build has no engine.
row() {
  "$bench" "$1" "$2" >"$tap_dir/line"
  status=$?
  cat "$tap_dir/line"
  [ $status = 0 ] || return $status
  [ "$(wc -l <"$tap_dir/line")" -eq 1 ] || return 1
  grep -Eqx "impl=c bench=$1 n=[1-9][0-9]* secs=$number ns_op=$number \
rss_kb=[0-9]+ base_kb=[0-9]+ bytes_op=-?$number" "$tap_dir/line"
}

# What row printed, and its status.
was() {
  cat "$tap_dir/log"
  return "$1"
}

refuses() {
  "$bench" "$@"
  [ $? = 2 ]
}

# Operations of row $2 in the list $1 of a program.
operations() {
  awk -F '\t' -v row="$2" '$1 == row { print $2 }' "$1"
}

# The peers do the same number of operations by default.
agree() {
  for name in $(cut -f 1 "$1"); do
    [ "$(operations "$1" "$name")" = "$(operations "$tap_dir/list" "$name")" ] || {
      echo "$name"
      return 1
    }
  done
}

"$bench" --list >"$tap_dir/list" || skip_all "no bench-lwt"
for name in $(cut -f 1 "$tap_dir/list"); do
  sizes='1 2100'
  [ "$name" = e ] && sizes=1 # it sleeps
  for n in $sizes; do
    row "$name" $n >"$tap_dir/log" 2>&1
    status=$?
    case $status in
      77) skip "$name $n" "no engine" ;;
      *) try "$name $n" was $status ;;
    esac
  done
done
try "a row that is not there" refuses zz
try "no operations" refuses a1 0
try "not a number" refuses a1 1x

if command -v node >/dev/null; then
  peer=$top_srcdir/tests/bench/bench-lwt.mjs
  node "$peer" --list >"$tap_dir/node"
  try "Node.js: the same operations" agree "$tap_dir/node"
fi

# All of it, the peers that are installed included.
table() {
  top_srcdir=$top_srcdir top_builddir=$top_builddir \
    sh "$top_srcdir/tests/bench/run" --quick >"$tap_dir/table" &&
    [ "$(grep -Ec '^[a-m][0-9]* +[0-9]+ ' "$tap_dir/table")" -ge 20 ]
}
try "the table, from few operations" table

# The study, too: a line of its summary for each test, a table for each.
study() {
  top_srcdir=$top_srcdir top_builddir=$top_builddir \
    sh "$top_srcdir/tests/bench/study.sh" --print --quick >"$tap_dir/study" &&
    [ "$(grep -Ec '^\| (50|1000) (\| [0-9.]+ )+\|$' "$tap_dir/study")" -eq 10 ]
}
if [ -x "$top_builddir/tests/bench/bench-study" ]; then
  try "the study, from few yields" study
else
  skip "the study, from few yields" "no platform"
fi
tap_done
