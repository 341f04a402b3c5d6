#!/bin/sh
# browser.sh - Chromium loads the front page through our own TCP/IP.
# SPDX-License-Identifier: ISC
#
# Text, style and picture must really be there: in the document that the browser
# has built, and as colours of a screenshot, in the light and the dark theme.
# With KEEP=DIRECTORY the screenshots stay there.
. "$(dirname "$0")/tap.sh"

[ "$PYTHON" != : ] || skip_all "no Python 3"
for chromium in "${CHROMIUM-}" chromium chromium-browser google-chrome none; do
  command -v "$chromium" >/dev/null 2>&1 && break
done
[ "$chromium" != none ] || skip_all "no Chromium"
site=$top_builddir/doc/site
[ -f "$site/index.html" ] || site=$top_srcdir/doc/site
[ -f "$site/index.html" ] || skip_all "the site was not rendered: no lowdown"
www=$top_builddir/examples/www
[ -x "$www" ] || skip_all "no examples/www"

# The server, on a port that is free, in its own words: "www: URL serves ...".
mkfifo "$tap_dir/said" || exit 99
"$www" --net=gateway --port=0 --root="$site" >"$tap_dir/said" 2>&1 &
server=$!
trap '[ -z "$server" ] || kill "$server"; rm -rf "$tap_dir"' EXIT
exec 3<"$tap_dir/said"
read -r said <&3
url=${said#www: }
url=${url%% *}

# browse ARGUMENT...: a new browser in a directory of its own, which talks to
# nobody but the server.
browse() {
  rm -rf "$tap_dir/profile"
  timeout -k 5 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic \
    --no-first-run --disable-background-networking --disable-component-update \
    --disable-sync --disable-dev-shm-usage --hide-scrollbars --window-size=1280,900 \
    --user-data-dir="$tap_dir/profile" "$@" 2>"$tap_dir/log" || {
    cat "$tap_dir/log"
    return 1
  }
}

# loads PATH TEXT: the document that the browser makes of a page has the text.
loads() {
  browse --dump-dom "$url$1" >"$tap_dir/dom" || return 1
  grep -F "$2" "$tap_dir/dom" || {
    echo "not there: $2"
    head -c 2000 "$tap_dir/dom"
    return 1
  }
}

# looks SCHEME COLOUR: the screenshot has the theme, and a colour that only the
# picture has.
looks() {
  scheme=1
  [ "$1" = light ] || scheme=0
  browse --blink-settings=preferredColorScheme=$scheme \
    --screenshot="$tap_dir/$1.png" "$url" || return 1
  [ -z "${KEEP-}" ] || cp "$tap_dir/$1.png" "$KEEP/"
  "$PYTHON" "$top_srcdir/tests/browser_png.py" "$tap_dir/$1.png" "$site/style.css" \
    "$1" "$2"
}

# stops: on SIGINT, with nothing left alive and no request that failed.
stops() {
  kill -INT "$server"
  cat <&3 >"$tap_dir/last"
  wait "$server"
  status=$?
  server=
  cat "$tap_dir/last"
  [ $status = 0 ] && grep ' 0 refused, 0 lost, 0 aborted$' "$tap_dir/last"
}

try "www says where it is: $url" expr "$url" : 'http://127\.0\.0\.1:[0-9]*/$'
try "the front page" loads "" "light as a promise"
try "another page" loads architecture.html "from the frame to the promise"
try "a page that is not there" loads nowhere/at.html "There is nothing at this address"
try "a screenshot, light" looks light 2b6cb0
try "a screenshot, dark" looks dark 7db6f5
try "www stops cleanly" stops
tap_done
