#!/bin/sh
# study.sh - the measurements of doc/study.md, its tables and its plots.
# SPDX-License-Identifier: ISC
set -u
export LC_ALL=C

usage() {
  cat <<'END'
usage: make study [STUDY_FLAGS="OPTION..."]

  --print       print the tables, and leave doc/study.md and its plots as they are
  --quick       few yields, one run: only to see that all of it works
  --runs=N      runs of each point, of which the median counts (5)
  --yields=N    yields of each run (1000000)

OCaml's Lwt is left out if it is not installed.
END
}

die() {
  echo "study: $*" >&2
  exit 1
}

: "${top_builddir:=.}" "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
runs=5 yields=1000000 print='' depths='50 100 200 300 400 600 800 1000'
command="make study"
[ $# = 0 ] || command="make study STUDY_FLAGS=\"$*\""
for arg; do
  case $arg in
    --print) print=1 ;;
    --quick) runs=1 yields=20000 ;;
    --runs=*) runs=${arg#*=} ;;
    --yields=*) yields=${arg#*=} ;;
    --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done
program=$top_builddir/tests/bench/bench-study
[ -x "$program" ] || die "$program is not there: run make"
work=$(mktemp -d "${TMPDIR:-/tmp}/lwt-study.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ways=$("$program" --list)
if ocamlfind query lwt.unix >/dev/null 2>&1; then
  cp "$top_srcdir/tests/bench/study_lwt.ml" "$work" || exit 1
  (cd "$work" && ocamlfind ocamlopt -thread -unsafe -inline 200 \
    -package lwt.unix -linkpkg study_lwt.ml -o study-lwt) >"$work/log" 2>&1 ||
    die "study_lwt.ml: $(cat "$work/log")"
  ways="$ways lwt"
else
  echo "without OCaml Lwt (Debian: ocaml-nox ocaml-findlib liblwt-ocaml-dev)" >&2
fi

load=$(cut -d ' ' -f 1 /proc/loadavg)
: >"$work/results"
for test in quick medium slow recurse once; do
  echo "$test" >&2
  for x in $depths; do
    run=0
    while [ $run -lt "$runs" ]; do
      for way in $ways; do
        one=$program
        [ "$way" != lwt ] || one=$work/study-lwt
        "$one" $test "$way" "$x" $(((yields + x - 1) / x)) >>"$work/results" ||
          die "$way $test $x failed"
      done
      run=$((run + 1))
    done
  done
done

machine() {
  cpu=$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)
  read -r cc flags <"$top_builddir/build-flags"
  [ "$cc" != ccache ] || { cc=${flags%% *} && flags=${flags#* }; }
  # shellcheck disable=SC2086  # without the blanks between
  echo "$(getconf _NPROCESSORS_ONLN) x $cpu, $(uname -s) $(uname -r), load $load." \
    "C: $($cc --version | head -n 1)," $flags"."
  case $ways in *lwt*)
    echo "Lwt: $(ocamlfind query -format %v lwt), OCaml $(ocamlfind ocamlopt -version)," \
      "ocamlopt -unsafe -inline 200."
  esac
  echo "Medians of $runs runs of $yields yields: \`$command\`"
}
machine >"$work/machine"
awk -v machine="$work/machine" -v svg="$work" -f "$top_srcdir/tests/bench/study.awk" \
  "$work/results" >"$work/tables" || exit 1
if [ -n "$print" ]; then
  cat "$work/tables"
  exit
fi
page=$top_srcdir/doc/study.md
awk -v tables="$work/tables" '
  /^<!-- measured: end -->/ { inside = 0 }
  !inside
  /^<!-- measured: begin -->/ {
    inside = 1
    while ((getline line < tables) > 0)
      print line
  }' "$page" >"$work/study.md" && cp "$work/study.md" "$page" &&
  cp "$work"/study-*.svg "$top_srcdir/doc/"
