# tap.sh - Test Anything Protocol for the shell scripts in tests/.
# SPDX-License-Identifier: ISC
#
# A script sources this file, calls try and skip, and ends with tap_done.
# Run by hand, it looks for the build in the present directory.

: "${top_builddir:=.}" "${top_srcdir:=$(dirname "$0")/..}"
: "${CC:=cc}" "${CXX:=c++}" "${PYTHON:=python3}" "${PKG_CONFIG:=pkg-config}"
: "${MAKE:=make}"
tap_count=0
tap_failures=0
tap_dir=$(mktemp -d "${TMPDIR:-/tmp}/lwt-test.XXXXXX") || exit 99
trap 'rm -rf "$tap_dir"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# try NAME COMMAND...: one test; what a failing command prints is shown.
try() {
  tap_name=$1
  shift
  tap_count=$((tap_count + 1))
  if "$@" >"$tap_dir/output" 2>&1; then
    echo "ok $tap_count - $tap_name"
  else
    tap_failures=$((tap_failures + 1))
    echo "not ok $tap_count - $tap_name"
    echo "# $*"
    sed 's/^/#   /' "$tap_dir/output"
  fi
}

# skip NAME REASON
skip() {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

tap_done() {
  echo "1..$tap_count"
  [ $tap_failures = 0 ]
  exit
}
