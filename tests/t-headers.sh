#!/bin/sh
# t-headers.sh - each public header compiles alone, as C11 and as C++.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

: "${public_headers:=$(cd "$top_srcdir" && ls lwt/*.h)}"
flags="-fsyntax-only -Wall -Wextra -Wpedantic -Werror
  -I$top_srcdir -I$top_srcdir/lwt -I$top_srcdir/lwt-unix -I$top_srcdir/lwt-xen -I$top_srcdir/net"

# alone HEADER COMPILER LANGUAGE STANDARD
alone() {
  # The first line of a header could hide behind an earlier one: include it
  # alone, and twice.
  printf '#include "%s"\n#include "%s"\n' "$1" "$1" |
    $2 -x "$3" -std="$4" $flags $UV_CFLAGS -
}

for header in $public_headers; do
  for std in c11 gnu17; do
    try "$header as $std" alone "$header" "$CC" c $std
  done
  for std in c++11 c++20; do
    if [ "$CXX" = : ]; then
      skip "$header as $std" "no C++ compiler"
    else
      try "$header as $std" alone "$header" "$CXX" c++ $std
    fi
  done
done
tap_done
