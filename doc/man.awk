# man.awk - what mandoc wrote (HTML), made a page's body.
# SPDX-License-Identifier: ISC
#
# With highlight.awk; variables: symbols, pages (what man/links.awk wrote), page (its
# file name), toc (file to write), headers (those of the site), root.  Takes head and foot away, sets the levels of
# headings, colours examples, and leads names to the page that has them.

BEGIN {
  load_symbols(symbols)
  while ((getline line < pages) > 0) {
    split(line, part, " ")
    man[part[1]] = part[2]
  }
  n = split(headers, part, " ")
  for (i = 1; i <= n; i++) {
    file = part[i]
    header[file] = part[i]
    sub(/.*\//, "", file)
    if (file ~ /^lwt/)
      header[file] = part[i]
  }
  name = page
  sub(/\.[^.]*$/, "", name)
  print 1, name, "<code>" name "</code>" > toc
  print "<h1><code>" name "</code></h1>"
}

# NAME.SECTION as a reference, or its text if it is not ours.
function reference(target, text) {
  if (!(target in man))
    return text
  if (man[target] == page)
    return "<b>" text "</b>"
  return "<a class=\"Xr\" href=\"" man[target] ".html\">" text "</a>"
}

function references(s,    out, target, text) {
  out = ""
  while (match(s, /<a class="Xr" href="[^"]*\.html">[^<]*<\/a>/)) {
    out = out substr(s, 1, RSTART - 1)
    target = substr(s, RSTART, RLENGTH)
    s = substr(s, RSTART + RLENGTH)
    text = target
    sub(/^<a class="Xr" href="/, "", target)
    sub(/\.html">.*/, "", target)
    gsub(/<[^>]*>/, "", text)
    out = out reference(target, text)
  }
  return out s
}

# Functions that another page is about.
function functions(s,    out, text) {
  out = ""
  while (match(s, /<code class="Fn">[A-Za-z_0-9]*<\/code>/)) {
    text = substr(s, RSTART + 17, RLENGTH - 24)
    out = out substr(s, 1, RSTART - 1)
    if ((text ".3") in man && man[text ".3"] != page)
      out = out "<a class=\"Xr\" href=\"" man[text ".3"] ".html\"><code class=\"Fn\">" \
        text "</code></a>"
    else
      out = out "<code class=\"Fn\">" text "</code>"
    s = substr(s, RSTART + RLENGTH)
  }
  return out s
}

function includes(s,    out, file) {
  out = ""
  while (match(s, /<a class="In">[^<]*<\/a>/)) {
    file = substr(s, RSTART + 14, RLENGTH - 18)
    out = out substr(s, 1, RSTART - 1)
    if (file in header)
      out = out "<a href=\"" root "src/" header[file] ".html\">" file "</a>"
    else
      out = out file
    s = substr(s, RSTART + RLENGTH)
  }
  return out s
}

function headings(s,    id, text) {
  if (s ~ /<h[1-6] class="Sh"/) {
    gsub(/<h[1-6] class="Sh"/, "<h2 class=\"Sh\"", s)
    level = 2
  } else if (s ~ /<h[1-6] class="Ss"/) {
    gsub(/<h[1-6] class="Ss"/, "<h3 class=\"Ss\"", s)
    level = 3
  }
  gsub(/<\/h[1-6]>/, "</h" level ">", s)
  return s
}

/^<table class="(head|foot)">/ { skipping = 1 }
skipping {
  if (/<\/table>/)
    skipping = 0
  next
}
# mandoc breaks lines anywhere between words; an element's end comes first.
!in_pre {
  if (held != "") {
    sub(/^ */, "")
    $0 = held " " $0
    held = ""
  }
  if (/<h[1-6] [^>]*>/ && !/<\/h[1-6]>/ || /<a class="(Xr|In)"[^>]*>[^<]*$/) {
    held = $0
    next
  }
}
/^<pre>/ {
  in_pre = 1
  sub(/^<pre>/, "")
  begin_code()
  printf "<pre tabindex=\"0\"><code class=\"language-c\">"
}
in_pre {
  if (sub(/<\/pre>$/, "")) {
    in_pre = 0
    print highlight(unescape($0), "c") "</code></pre>"
  } else {
    print highlight(unescape($0), "c")
  }
  next
}
/<table class="Bl-column">/ {
  sub(/<table/, "<div class=\"scroll\" tabindex=\"0\"><table")
  scrolls = 1
}
scrolls && /<\/table>/ {
  sub(/<\/table>/, "</table></div>")
  scrolls = 0
}
{
  gsub(/ style="white-space: nowrap;"/, "")
  $0 = includes(functions(references(headings($0))))
  if (match($0, /<h[23] class="S[hs]" id="[^"]*"/)) {
    id = substr($0, RSTART, RLENGTH - 1)
    sub(/.*id="/, "", id)
    text = $0
    gsub(/<[^>]*>/, "", text)
    print level, id, text > toc
  }
  print
}
END { close(toc) }
