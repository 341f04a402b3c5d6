#!/bin/sh
# t-kit.sh - the test kit: what passes, what fails, and what it says then.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

lib=$top_builddir/.libs/liblwt-test.a
[ -f "$lib" ] || skip_all "no static library"

# shellcheck disable=SC2086  # flags are words
build() { # PROGRAM [FLAG...]
  build_program=$tap_dir/$1
  shift
  $CC -Wall -Wextra -Werror -I"$top_srcdir" -I"$top_srcdir/lwt" \
    "-fmacro-prefix-map=$top_srcdir/=" ${CFLAGS-} ${SANITIZERS_CFLAGS-} "$@" \
    -o "$build_program" "$top_srcdir/tests/kit-sample.c" "$lib" ${LDFLAGS-}
}

# status WANT COMMAND...: its exit status; the output is kept.
status() {
  status_want=$1
  shift
  "$@" >"$tap_dir/said" 2>&1
  status_got=$?
  [ $status_got = "$status_want" ] || {
    cat "$tap_dir/said"
    echo "exit status $status_got"
    return 1
  }
}

says() { # TEXT COMMAND...: fails, and a line of what it prints is TEXT
  says_text=$1
  shift
  status 1 "$@" && { grep -Fx -e "$says_text" "$tap_dir/said" || { cat "$tap_dir/said"; false; }; }
}

sample=$tap_dir/sample
try "the sample compiles" build sample
try "it fails" status 1 "$sample"
grep -E "^(ok|not ok|#|1\.\.)" "$tap_dir/said" >"$tap_dir/first"
try "it says what is wrong" diff -u "$top_srcdir/tests/kit-sample.txt" "$tap_dir/first"
try "--list" status 0 "$sample" --list
try "it names the tests" test "$(tr '\n' ' ' <"$tap_dir/said")" = \
  "assertions timing leaks chance memory "
try "--only: what passes has status 0" status 0 "$sample" --only=memory
try "--only of nothing fails" status 1 "$sample" --only=nothing
try "--seed changes what is random" status 0 "$sample" --seed=2 --only=chance
try "LWT_TEST_SEED too" status 0 env LWT_TEST_SEED=2 "$sample" --only=chance
try "a wrong argument" status 2 "$sample" --seed=
try "with a bug where memory is out, the sample compiles" build bug -DLWT_TEST_BUG
try "the failing allocation is named" \
  says "# allocation 2 fails: promises are left" "$tap_dir/bug" --only=memory
tap_done
