# feed.awk - NEWS to an Atom feed (RFC 4287).
# SPDX-License-Identifier: ISC
#
# NEWS has a heading "## VERSION - YYYY-MM-DD" per release, newest first, and
# bullets below it.  The release date at midnight UTC is the entry's `updated`;
# ids are tag: URIs (RFC 4151), which never change.

BEGIN {
  authority = "lwt-c.invalid,2026"
}

function escape(s) {
  gsub(/&/, "\\&amp;", s)
  gsub(/</, "\\&lt;", s)
  gsub(/>/, "\\&gt;", s)
  return s
}

# `code` in a bullet; the content is HTML, escaped once more as text.
function inline(s) {
  s = escape(s)
  while (match(s, /`[^`]*`/))
    s = substr(s, 1, RSTART - 1) "<code>" substr(s, RSTART + 1, RLENGTH - 2) \
      "</code>" substr(s, RSTART + RLENGTH)
  return s
}

function close_item() {
  if (item != "")
    items = items "<li>" inline(item) "</li>\n"
  item = ""
}

function close_entry() {
  close_item()
  if (version == "")
    return
  print "  <entry>"
  print "    <id>tag:" authority ":news/" version "</id>"
  print "    <title>lwt " version "</title>"
  print "    <updated>" date "T00:00:00Z</updated>"
  print "    <link rel=\"alternate\" type=\"text/html\" href=\"news.html#" anchor "\"/>"
  print "    <content type=\"html\">" escape("<ul>\n" items "</ul>") "</content>"
  print "  </entry>"
  items = ""
}

function head() {
  if (!begun++) {
    print "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
    print "<feed xmlns=\"http://www.w3.org/2005/Atom\">"
    print "  <id>tag:" authority ":news</id>"
    print "  <title>lwt for C: news</title>"
    print "  <subtitle>Promises for C, and a TCP/IP stack written with them</subtitle>"
    print "  <author><name>The lwt authors</name></author>"
    print "  <link rel=\"self\" type=\"application/atom+xml\" href=\"feed.atom\"/>"
    print "  <link rel=\"alternate\" type=\"text/html\" href=\"news.html\"/>"
    print "  <icon>favicon.svg</icon>"
    print "  <updated>" date "T00:00:00Z</updated>"
  }
}

/^## / {
  close_entry()
  if (!match($0, / - [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]$/)) {
    print FILENAME ":" NR ": no release date: " $0 >"/dev/stderr"
    failed = 1
    exit 1
  }
  date = substr($0, RSTART + 3)
  version = substr($0, 4, RSTART - 4)
  anchor = tolower(substr($0, 4))
  gsub(/[^a-z0-9 _-]/, "", anchor)
  gsub(/ /, "-", anchor)
  head()
  next
}
/^[-*] / {
  close_item()
  item = substr($0, 3)
  next
}
/^[ \t]+[^ \t]/ && item != "" {
  sub(/^[ \t]+/, " ")
  item = item $0
  next
}
{ close_item() }

END {
  if (failed)
    exit 1
  if (!begun) {
    print FILENAME ": no release" >"/dev/stderr"
    exit 1
  }
  close_entry()
  print "</feed>"
}
