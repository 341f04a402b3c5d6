#!/bin/sh
# doc-code.sh - every C block of the documents and every example of the manual
# pages compiles; programs run.
# SPDX-License-Identifier: ISC
#
# The kinds of blocks are in doc-code.awk, how a manual page says them in
# man-code.awk.  Give names of documents to look at these only.
. "$(dirname "$0")/tap.sh"

flags="-Wall -Wextra -Werror -I$top_srcdir -I$top_srcdir/lwt -I$top_srcdir/net
 -I$top_srcdir/lwt-unix -I$top_srcdir/lwt-xen -I$top_srcdir/tests ${CFLAGS-} ${SANITIZERS_CFLAGS-}"
fragment_flags="-fsyntax-only -Wno-unused -Wno-unused-parameter"
libs=$top_builddir/.libs
uv=$($PKG_CONFIG --libs libuv 2>/dev/null)

# shellcheck disable=SC2086  # flags are words
parses() { # FILE.c [FLAG...]
  parses_file=$1
  shift
  $CC $flags -fsyntax-only "$@" "$parses_file"
}

# shellcheck disable=SC2086
links() { # FILE.c: FILE
  $CC $flags -o "${1%.c}" "$1" "$libs/liblwt-net.a" -Wl,-u,lwt_platform_engine \
    "$libs/liblwt-unix.a" "$libs/liblwt.a" $uv -lpthread ${LDFLAGS-}
}

runs() { # FILE: and prints what it should
  timeout 60 "$1" >"$1.got" </dev/null || {
    echo "exit status $?"
    return 1
  }
  [ ! -f "$1.output" ] || diff -u "$1.output" "$1.got"
}

prints() { # PROGRAM FILE
  timeout 60 "$1" </dev/null | diff -u "$2" -
}

part_of() { # FILE.c PATH: whether the block's lines are lines of the file
  awk 'NR == FNR { want[n++] = $0; next }
    { line[m++] = $0 }
    END {
      for (i = 0; i + n <= m; i++) {
        for (j = 0; j < n && line[i + j] == want[j]; j++)
          ;
        if (j == n)
          exit 0
        if (j >= best) { best = j; at = i + j }
      }
      print "not in the file; what matches longest ends before line " at + 1
      print "document: " want[best]
      print "file:     " line[at]
      exit 1
    }' "$1" "$top_srcdir/$2"
}

block() { # ID LINE KIND FROM
  file=$tap_dir/$1.c
  label="$shown:$2: $3"
  case $3 in
    fragment | body)
      # shellcheck disable=SC2086
      try "$label" parses "$file" $fragment_flags
      ;;
    from)
      try "$label $4" part_of "$file" "$4"
      example=$top_builddir/${4%.c}
      [ ! -f "$tap_dir/$1.output" ] || [ ! -x "$example" ] ||
        try "$label $4 prints what follows" prints "$example" "$tap_dir/$1.output"
      ;;
    compile | program)
      if [ -z "$uv" ] || [ ! -f "$libs/liblwt-unix.a" ]; then
        try "$label compiles" parses "$file"
        return
      fi
      try "$label links" links "$file"
      [ "$3" = compile ] || [ ! -x "${file%.c}" ] ||
        try "$label runs" runs "${file%.c}"
      ;;
    *)
      try "$label" false
      ;;
  esac
}

[ $# -gt 0 ] || set -- "$top_srcdir"/README.md "$top_srcdir"/doc/*.md \
  "$top_srcdir"/doc/man/*.[137]
# Each `name()` in the text is the name of something in the tree or in the
# document's own code.
names_exist() { # DOCUMENT
  awk '/^```/ { inside = !inside } !inside' "$1" |
    grep -o '`[a-z][a-z_0-9]*()`' | tr -d '`()' | sort -u >"$tap_dir/names"
  {
    awk '/^```/ { inside = !inside } inside' "$1"
    cd "$top_srcdir" && cat lwt/*.[ch] net/*.[ch] lwt-unix/*.[ch] lwt-xen/*.[ch] lwt-xen/*/*.[chS] \
      tests/xen/*.[ch] examples/*.c
  } 2>/dev/null | grep -o '[a-z][a-z_0-9]*' | sort -u |
    comm -13 - "$tap_dir/names" >"$tap_dir/unknown"
  cat "$tap_dir/unknown"
  [ ! -s "$tap_dir/unknown" ]
}

for document; do
  [ -f "$document" ] || continue
  shown=$(basename "$document")
  case $document in
    *.[137])
      awk -f "$top_srcdir/tests/man-code.awk" "$document" >"$tap_dir/$shown.md" || exit 99
      document=$tap_dir/$shown.md
      ;;
    *) try "$shown: the functions that it names exist" names_exist "$document" ;;
  esac
  awk -v dir="$tap_dir" -v name="$(basename "$document" .md)" \
    -f "$top_srcdir/tests/doc-code.awk" "$document" >"$tap_dir/list" || exit 99
  while read -r id line kind from; do
    block "$id" "$line" "$kind" "$from"
  done <"$tap_dir/list"
done
tap_done
