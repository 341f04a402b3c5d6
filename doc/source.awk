# source.awk - a source file as a page's body.
# SPDX-License-Identifier: ISC
#
# With highlight.awk; variables: symbols, name, root.  With list=1 it writes
# the names that the file defines instead, one a line, for `symbols`.

BEGIN {
  if (!list) {
    load_symbols(symbols)
    begin_code()
    print "<h1><code>" name "</code></h1>"
    printf "<pre class=\"source\" tabindex=\"0\"><code class=\"language-c\">"
  }
}

# The name that a line of a header defines at file scope, or "".
function defined(s) {
  if (match(s, /^#define [A-Za-z_][A-Za-z0-9_]*/))
    return substr(s, 9, RLENGTH - 8)
  if (match(s, /^(struct|enum) [a-z_0-9]+ \{/))
    return substr(s, index(s, " ") + 1, RLENGTH - index(s, " ") - 2)
  if (match(s, /^LWT_PROMISE\([a-z_0-9]+/))
    return substr(s, 13, RLENGTH - 12)
  if (match(s, /^  LWT_[A-Z0-9_]+ = /))
    return substr(s, 3, RLENGTH - 5)
  if (s ~ /^\} [a-z_0-9]+;/)
    return substr(s, 3, index(s, ";") - 3)
  if (s ~ /^(LWT_API|typedef|static inline) / && match(s, /[a-z_0-9]+[(;]/) &&
      substr(s, RSTART, RLENGTH) !~ /^__attribute__/)
    return substr(s, RSTART, RLENGTH - 1)
  if (match(s, /^lwt_[a-z_0-9]+\(/)) # after a long type
    return substr(s, 1, RLENGTH - 1)
  return ""
}

{
  id = defined($0)
  if (id ~ /__|_H$/ || id !~ /^(lwt|LWT|net)_/ || seen[id]++)
    id = ""
  if (list) {
    if (id != "")
      print id
    next
  }
  if (id != "")
    printf "<a class=\"def\" id=\"%s\"></a>", id
  print highlight($0, "c")
}

END {
  if (!list)
    print "</code></pre>"
}
