#!/bin/sh
# render.sh SRCDIR OUTDIR HEADER... - the site from documents, manual pages, NEWS
# and headers.
# SPDX-License-Identifier: ISC
#
# Each document is one page: lowdown makes HTML of it, body.awk adds anchors and
# colours, template.html the frame.  The same input gives the same bytes.
# A manual page goes through mandoc and man.awk.  lowdown is $LOWDOWN or found on the
# path, mandoc and awk likewise ($MANDOC, $AWK).
set -eu
LC_ALL=C
export LC_ALL

src=$1
out=$2
shift 2
headers="lwt/lwt.h $(printf '%s\n' "$@" | grep -v '^lwt/lwt\.h$' | sort -t / -k 1.4,1)"
doc=$src/doc
AWK=${AWK:-awk}
LOWDOWN=${LOWDOWN:-lowdown}
MANDOC=${MANDOC:-mandoc}
tmp=$out.tmp
rm -rf "$tmp"
mkdir -p "$tmp/work" "$tmp/src"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
work=$tmp/work

# In the order of reading; documents that are not there yet are left out, those
# that are not listed come last.
pages=
for page in index tutorial promises frames scopes streams fibers sync streams unix networking names \
            xen observe testing coming-from architecture semantics properties study benchmarks \
            $(cd "$doc" && ls ./*.md); do
  page=$(basename "$page" .md)
  case " $pages " in *" $page "*) continue ;; esac
  [ -f "$doc/$page.md" ] && pages="$pages $page"
done

# Headers are the manual; other files are shown when a document links to them.
linked=$(sed -n 's/](\.\.\/\([^)#]*\)/\
@\1\
/gp' "$doc"/*.md | sed -n 's/^@//p' | sort -u)
sources=
for file in $headers $linked; do
  case " $sources NEWS README.md " in *" $file "*) continue ;; esac
  [ -f "$src/$file" ] || { echo "$0: linked, but not there: $file" >&2; exit 1; }
  sources="$sources $file"
done

for file in $headers; do
  "$AWK" -v list=1 -f "$doc/highlight.awk" -f "$doc/source.awk" "$src/$file" |
    sed "s|\$| src/$file.html|"
done >"$work/symbols"

markdown() {
  "$LOWDOWN" -thtml --html-no-skiphtml --html-no-escapehtml --html-no-owasp \
    --html-no-head-ids --parse-no-intraemph --parse-no-super --parse-no-metadata
}

# body NAME <MARKDOWN: NAME.body and NAME.toc
body() {
  markdown >"$work/html"
  "$AWK" -v symbols="$work/symbols" -v toc="$work/$1.toc" -v root= \
    -f "$doc/highlight.awk" -f "$doc/body.awk" "$work/html" >"$work/$1.body"
}

title_of() {
  sed -n 's/^1 [^ ]* //p' "$work/$1.toc" | sed 's/<[^>]*>//g; 1q'
}

for page in $pages; do
  body "$page" <"$doc/$page.md"
done
[ -f "$src/NEWS" ] && { body news <"$src/NEWS"; pages="$pages news"; }

# What the list of all pages has: name, address, label, a line each; "-" begins
# the reference.
{
  for p in $pages; do
    label=$(title_of "$p")
    [ "$p" = index ] && label=Overview
    echo "$p $p.html $label"
  done
  echo "-"
  echo "man man/index.html Manual pages"
  for h in $headers; do
    echo "$h src/$h.html <code>$h</code>"
  done
} >"$work/nav"

# contents NAME: the table of contents, level 2 with level 3 inside
contents() {
  "$AWK" '
    $1 == 2 || $1 == 3 {
      text = $0
      sub(/^[0-9] [^ ]* /, "", text)
      gsub(/<\/?a[^>]*>/, "", text)
      if (!open++) print "<ul>"
      print "<li class=\"l" $1 "\"><a href=\"#" $2 "\">" text "</a></li>"
    }
    END { if (open) print "</ul>" }' "$work/$1.toc"
}

# assemble NAME ROOT TITLE CLASS <BODY: the template filled in
assemble() {
  cat >"$work/main"
  "$AWK" -v work="$work" -v name="$1" -v root="$2" -v title="$3" -v class="$4" '
    BEGIN { gsub(/&/, "\\\\&", title) }
    function include(file,   line) {
      while ((getline line < file) > 0) print line
      close(file)
    }
    function nav(   line, f, label) {
      print "<ul>"
      while ((getline line < (work "/nav")) > 0) {
        if (line == "-") {
          print "</ul><p>Reference</p><ul>"
          continue
        }
        split(line, f, " ")
        label = substr(line, length(f[1]) + length(f[2]) + 3)
        print "<li><a href=\"" root f[2] "\"" \
          (f[1] == name ? " aria-current=\"page\"" : "") ">" label "</a></li>"
      }
      print "</ul>"
    }
    /@NAV@/ { nav(); next }
    /@TOC@/ { include(work "/contents"); next }
    /@BODY@/ { include(work "/main"); next }
    { gsub(/@ROOT@/, root); gsub(/@CLASS@/, class); gsub(/@TITLE@/, title); print }
  ' "$doc/template.html"
}

neighbours() {
  previous=
  found=
  for p in $pages; do
    if [ -n "$found" ]; then
      following=$p
      break
    fi
    if [ "$p" = "$1" ]; then
      found=1
      following=
    else
      previous=$p
    fi
  done
  echo '<nav class="turn" aria-label="Neighbours">'
  [ -z "$previous" ] || [ "$previous" = index ] ||
    echo "<a rel=\"prev\" href=\"$previous.html\">$(title_of "$previous")</a>"
  [ -z "$following" ] ||
    echo "<a rel=\"next\" href=\"$following.html\">$(title_of "$following")</a>"
  echo '</nav>'
}

for page in $pages; do
  title="$(title_of "$page") · lwt"
  class=page
  if [ "$page" = index ]; then
    class=front
    title="lwt for C"
    : >"$work/contents"
    cat "$work/index.body" >"$work/text"
  else
    contents "$page" >"$work/contents"
    { cat "$work/$page.body"; neighbours "$page"; } >"$work/text"
  fi
  <"$work/text" assemble "$page" "" "$title" "$class" >"$tmp/$page.html"
done

: >"$work/contents"
for file in $sources; do
  mkdir -p "$tmp/src/$(dirname "$file")"
  up=../$(dirname "$file" | sed 's|[^/][^/]*|..|g')/
  case $file in */*) ;; *) up=../ ;; esac
  "$AWK" -v symbols="$work/symbols" -v name="$file" -v root="$up" \
    -f "$doc/highlight.awk" -f "$doc/source.awk" "$src/$file" |
    assemble "$file" "$up" "$file · lwt" source >"$tmp/src/$file.html"
done

# ---- Manual pages ------------------------------------------------------------

manuals=$(cd "$doc/man" && ls ./*.[137] | sed 's|^\./||')
(cd "$src" && "$AWK" -f doc/man/links.awk $headers doc/man/*.[137]) >"$work/man-pages"
man_pages=$(cd "$work" && pwd)/man-pages
mkdir -p "$tmp/man"
{
  printf '<h1>Manual pages</h1><p>The same pages as those of <code>man</code>. %s</p>' \
    '<a href="lwt.7.html">lwt(7)</a> is the one to begin with.'
  echo '<dl class="manuals">'
  (cd "$doc/man" && "$AWK" '
    FILENAME ~ /man-pages$/ {
      if ($1 !~ /_at\.[137]$/) {
        sub(/\.[137]$/, "", $1)
        names[$2] = names[$2] (names[$2] == "" ? "" : ", ") "<code>" $1 "</code>"
      }
      next
    }
    FNR == 1 { print "<dt><a href=\"" FILENAME ".html\">" names[FILENAME] "</a></dt>" }
    /^\.Nd / { print "<dd>" substr($0, 5) "</dd>" }' "$man_pages" $manuals)
  echo '</dl>'
} | assemble man ../ "Manual pages · lwt" source >"$tmp/man/index.html"
for page in $manuals; do
  "$MANDOC" -T html -O fragment,man=%N.%S.html "$doc/man/$page" |
    "$AWK" -v symbols="$work/symbols" -v pages="$work/man-pages" -v page="$page" \
      -v toc="$work/man.toc" -v headers="$headers" -v root=../ \
      -f "$doc/highlight.awk" -f "$doc/man.awk" >"$work/man.body"
  contents man >"$work/contents"
  assemble man ../ "${page%.*}(${page##*.}) · lwt" "page manual" <"$work/man.body" \
    >"$tmp/man/$page.html"
done
: >"$work/contents"

# Shown at any depth: absolute links.
assemble 404 / "Not found · lwt" page <"$doc/404.html" >"$tmp/404.html"

[ -f "$src/NEWS" ] && "$AWK" -f "$doc/feed.awk" "$src/NEWS" >"$tmp/feed.atom"
cp "$doc/style.css" "$doc"/*.svg "$tmp/"
rm -rf "$work"
chmod -R u=rwX,go=rX "$tmp"
rm -rf "$out"
mv "$tmp" "$out"
