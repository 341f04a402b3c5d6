#!/bin/sh
# semantics.sh - each property of Lwt is a test or a row of doc/semantics.md.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

doc=$top_srcdir/doc/semantics.md

# group COUNT
groups="RET 15 INIT 9 DBL 16 BIND 18 MAP 8 CATCH 14 TRYB 14 FIN 20 ONS 7 ONF 7 ONT 9
  ONA 10 ASY 7 JOIN 12 ALL 15 BOTH 30 CHO 12 NCH 12 NCS 10 STA 9 WAK 15 CAN 14 ONC 9
  PRO 9 WIC 11 NOC 7 RAC 2 PIC 13 NPI 13 CB 7 CM 2 CC 6 CT 6 CF 5 CD 4 CJ 4 CX 10 PAU 12
  LEAK 5 TAIL 7 ORD 9 SWI 10 DIR 20 STR 45 LST 29 LSQ 5
  RES 4 MAIN 11 SLP 13 FD 21 JOB 7 PRE 6 SIG 8 IO 20
  DW 6 STO 24 TSQ 3 MUT 9 CND 9 MVA 14 POO 16 TMO 16 THR 1 RTY 4
  BTB 5 PRX 8 TRC 2"

# The identifiers in what was printed by tests, and those whose test says "differs".
log=${semantics_log:-$tap_dir/log}
if [ ! -f "$log" ]; then
  for program in "$top_builddir"/tests/t-sem-*[a-z] "$top_builddir"/tests/t-direct \
                 "$top_builddir"/tests/t-loop "$top_builddir"/tests/t-switch \
                 "$top_builddir"/tests/t-pool "$top_builddir"/tests/t-retry \
                 "$top_builddir"/tests/t-path "$top_builddir"/tests/t-reader \
                 "$top_builddir"/tests/t-storage \
                 "$top_builddir"/tests/t-sync "$top_builddir"/tests/t-trace \
                 "$top_builddir"/tests/t-throttle "$top_builddir"/tests/t-timeout \
                 "$top_builddir"/tests/t-timer "$top_builddir"/tests/t-unix-f*[a-z] \
                 "$top_builddir"/tests/t-unix-p*[a-z] "$top_builddir"/tests/t-unix-signal \
                 "$top_builddir"/tests/t-unix-thread; do
    case ${program##*/} in *.*) continue ;; esac
    [ -x "$program" ] && "$program"
  done >"$log"
fi
[ -s "$log" ] || skip_all "the test programs are not built"
grep -o '[A-Z]\{2,5\}-[0-9][0-9]' "$log" | sort -u >"$tap_dir/tested"
grep '(differs)' "$log" | grep -o '[A-Z]\{2,5\}-[0-9][0-9] (differs)' |
  sed 's/ .*//' | sort -u >"$tap_dir/differ"

# The first column of the table; "A-01 to A-03" is all three.
sed -n 's/^| \([A-Z][A-Z]*-[0-9][^|]*\) |.*/\1/p' "$doc" | sed 's/,/\
/g' | awk '
  / to / {
    split($1, from, "-"); split($3, to, "-")
    for (i = from[2] + 0; i <= to[2] + 0; i++) printf "%s-%02d\n", from[1], i
    next
  }
  NF { print $1 }' | sort >"$tap_dir/rows"
sort -u "$tap_dir/rows" >"$tap_dir/listed"

set -- $groups
while [ $# -gt 0 ]; do
  i=1
  while [ $i -le "$2" ]; do
    printf '%s-%02d\n' "$1" $i
    i=$((i + 1))
  done
  shift 2
done | sort >"$tap_dir/all"

sort -u "$tap_dir/tested" "$tap_dir/listed" >"$tap_dir/known"

# none FILE: prints it; it must be empty.
none() {
  cat "$1"
  [ ! -s "$1" ]
}

comm -23 "$tap_dir/all" "$tap_dir/known" >"$tap_dir/missing"
try "each of $(wc -l <"$tap_dir/all") properties is tested or listed" \
  none "$tap_dir/missing"
comm -13 "$tap_dir/all" "$tap_dir/listed" >"$tap_dir/unknown"
try "each of $(wc -l <"$tap_dir/listed") listed properties is one" \
  none "$tap_dir/unknown"
uniq -d "$tap_dir/rows" >"$tap_dir/twice"
try "none is listed twice" none "$tap_dir/twice"
comm -13 "$tap_dir/listed" "$tap_dir/differ" >"$tap_dir/unlisted"
try "each of $(wc -l <"$tap_dir/differ") tests that differ is listed" \
  none "$tap_dir/unlisted"
tap_done
