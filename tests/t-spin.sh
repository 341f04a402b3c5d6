#!/bin/sh
# t-spin.sh - the models in tests/spin hold, and spin finds each mistake that is
# planted in them.
# SPDX-License-Identifier: ISC
. "${top_srcdir:-.}/tests/tap.sh"

command -v spin >/dev/null 2>&1 || skip_all "no spin"
models=$(cd "$top_srcdir/tests/spin" && pwd)

build() {
  (
    cd "$tap_dir" || exit 1
    cp "$models/$1.pml" .
    spin -a "$1.pml" && $CC -w -O1 -DSAFETY -DNOREDUCE -o pan pan.c
  )
}

# verify MUTANT WANTED: are there errors, as wanted (0 or 1)?
verify() {
  (
    cd "$tap_dir" || exit 1
    MUTANT=$1 ./pan -E -m100000 >report
    cat report
    ! grep -q 'max search depth too small' report && grep -q "errors: $2\$" report
  )
}

for model in "$models"/*.pml; do
  name=$(basename "$model" .pml)
  try "$name: a verifier" build "$name"
  try "$name: no rule is broken" verify 0 0
  mutant=1
  last=$(sed -n 's/.*MUTANT=1\.\.\([0-9]*\).*/\1/p' "$model")
  while [ $mutant -le "$last" ]; do
    try "$name: mistake $mutant is found" verify $mutant 1
    mutant=$((mutant + 1))
  done
done
tap_done
