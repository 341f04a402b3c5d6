#!/bin/sh
# browser.sh - Chromium loads the front page through our own TCP/IP.
# SPDX-License-Identifier: ISC
#
# The text, the style and the picture must really be there: in the document that
# the browser has built, and in the colours of a screenshot, light and dark.
# With KEEP=DIRECTORY the screenshots are left there.
. "$(dirname "$0")/tap.sh"

[ "$PYTHON" != : ] || skip_all "no Python 3"
for chromium in "${CHROMIUM-}" chromium chromium-browser google-chrome; do
  command -v "$chromium" >/dev/null 2>&1 && break
  chromium=
done
[ -n "$chromium" ] || skip_all "no Chromium"
site=$top_builddir/doc/site
[ -f "$site/index.html" ] || site=$top_srcdir/doc/site
[ -f "$site/index.html" ] || skip_all "the site was not rendered: no lowdown"
www=$top_builddir/examples/www
[ -x "$www" ] || skip_all "examples/www was not built"

# browse ARGUMENT...: a new browser each time, in a directory of its own.
browse() {
  rm -rf "$tap_dir/profile"
  timeout -k 5 60 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic \
    --no-first-run --disable-background-networking --disable-component-update \
    --disable-sync --disable-dev-shm-usage --hide-scrollbars \
    --user-data-dir="$tap_dir/profile" --window-size=1280,900 "$@" 2>"$tap_dir/log" ||
    { cat "$tap_dir/log"; return 1; }
}
