#!/bin/sh
# site.sh - the rendered site: links, anchors, well-formed, reproducible.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

: "${public_headers:=$(cd "$top_srcdir" && ls lwt/*.h net/lwt-*.h lwt-unix/lwt-*.h)}"
[ "$PYTHON" != : ] || skip_all "no Python 3"
site=$top_builddir/doc/site
[ -f "$site/index.html" ] || site=$top_srcdir/doc/site
[ -f "$site/index.html" ] || skip_all "the site was not rendered: no lowdown or mandoc"

render() { # DIRECTORY
  # shellcheck disable=SC2086  # words
  sh "$top_srcdir/doc/render.sh" "$top_srcdir" "$1" $public_headers
}

# Nothing of the place, the time or the locale shows.
same_again() {
  (TZ=Pacific/Kiritimati LANG=tr_TR.UTF-8 && export TZ LANG && umask 077 &&
    render "$tap_dir/again") && diff -r "$site" "$tap_dir/again"
}

# What the files at the top of the tree link to is there.
top_links() {
  (cd "$top_srcdir" && grep -o '](\([a-z0-9-]*/\)*[A-Za-z0-9.-]*' README.md CONTRIBUTING.md |
    while IFS='(' read -r from to; do
      [ -e "$to" ] || echo "${from%:*}: $to"
    done) >"$tap_dir/missing"
  cat "$tap_dir/missing"
  [ ! -s "$tap_dir/missing" ]
}
try "the links of README.md lead somewhere" top_links

# In another lowdown some bytes may differ: compare two runs of this one.
if ${LOWDOWN:-lowdown} /dev/null >/dev/null 2>&1 &&
  ${MANDOC:-mandoc} /dev/null >/dev/null 2>&1; then
  render "$tap_dir/first" && site=$tap_dir/first
  try "rendering again gives the same bytes" same_again
else
  skip "rendering again gives the same bytes" "no lowdown or no mandoc"
fi

"$PYTHON" "$top_srcdir/tests/site_pages.py" "$site" $tap_count >"$tap_dir/tap"
status=$?
cat "$tap_dir/tap"
[ $status -le 1 ] || exit 99
[ $status = 0 ] || tap_failures=$((tap_failures + 1))
tap_count=$((tap_count + $(grep -c '^\(not \)\{0,1\}ok ' "$tap_dir/tap")))
tap_done
