# body.awk - what lowdown wrote, made a page's body.
# SPDX-License-Identifier: ISC
#
# With highlight.awk; variables: symbols, toc (file to write), root.  Gives
# headings the anchors that they have on code hosts, writes "level anchor text"
# lines to toc (level 1: the page's title), colours code, points links from
# other documents (x.md) to their pages and from the tree (../x) to source
# pages.  The comments <!-- split -->, <!-- beside --> and <!-- end -->, each a
# paragraph of its own, put what is between them side by side.

BEGIN {
  load_symbols(symbols)
}

function anchor_of(html,    id) {
  gsub(/<[^>]*>/, "", html)
  id = tolower(unescape(html))
  gsub(/&[^;]*;/, "", id)
  gsub(/[^a-z0-9 _-]/, "", id)
  gsub(/ /, "-", id)
  if (used[id]++)
    id = id "-" (used[id] - 1)
  return id
}

function heading(line,    level, text, id) {
  level = substr(line, 3, 1)
  text = substr(line, 5)
  sub(/<\/h[1-6]>$/, "", text)
  id = anchor_of(text)
  print level, id, text > toc
  if (level == 1)
    return "<h1>" text "</h1>"
  return "<h" level " id=\"" id "\"><a class=\"anchor\" href=\"#" id "\">" text \
    "</a></h" level ">"
}

# href="x.md#y" and href="../x"
function links(line,    out, url) {
  out = ""
  while (match(line, /href="[^"]*"/)) {
    url = substr(line, RSTART + 6, RLENGTH - 7)
    if (url !~ /^[a-z]+:/) {
      if (url == "../NEWS")
        url = "news.html"
      else if (url == "../README.md")
        url = "index.html"
      else if (url ~ /^\.\.\//)
        url = "src/" substr(url, 4) ".html"
      else
        sub(/\.md/, ".html", url)
      if (url ~ /^src\/.*#.*\.html$/) {
        sub(/\.html$/, "", url)
        sub(/#/, ".html#", url)
      }
    }
    out = out substr(line, 1, RSTART - 1) "href=\"" url "\""
    line = substr(line, RSTART + RLENGTH)
  }
  return out line
}

# <code>lwt_bind()</code> leads to its declaration.
function names(line,    out, text, name) {
  out = ""
  while (match(line, /<code>[^<]*<\/code>/)) {
    text = substr(line, RSTART + 6, RLENGTH - 13)
    name = text
    sub(/\(.*\)$/, "", name)
    sub(/^struct /, "", name)
    sub(/ \*$/, "", name)
    out = out substr(line, 1, RSTART - 1)
    if (name in page_of && out !~ /<a [^>]*>$/)
      out = out "<a class=\"name\" href=\"" root page_of[name] "#" name "\"><code>" \
        text "</code></a>"
    else
      out = out "<code>" text "</code>"
    line = substr(line, RSTART + RLENGTH)
  }
  return out line
}

function code_line(line) {
  if (sub(/<\/code><\/pre>$/, "", line)) {
    if (line != "")
      print highlight(unescape(line), lang)
    print "</code></pre>"
    lang = ""
    return
  }
  print highlight(unescape(line), lang)
}

lang != "" {
  code_line($0)
  next
}
/^<pre><code/ {
  lang = "text"
  if (match($0, /^<pre><code class="language-[^"]*">/)) {
    lang = substr($0, 28, RLENGTH - 29)
    sub(/^<pre><code class="language-[^"]*">/, "")
  } else {
    sub(/^<pre><code>/, "")
  }
  begin_code()
  printf "<pre tabindex=\"0\"><code class=\"language-%s\">", lang
  code_line($0)
  next
}
/^<h[1-6]>/ {
  print heading($0)
  next
}
/^<!-- split -->/ { print "<div class=\"split\"><div>"; next }
/^<!-- beside -->/ { print "</div><div>"; next }
/^<!-- end -->/ { print "</div></div>"; next }
/^<table>/ { print "<div class=\"scroll\" tabindex=\"0\">" }
{ print names(links($0)) }
/^<\/table>/ { print "</div>" }
