# highlight.awk - C, shell and plain text to HTML with coloured words.
# SPDX-License-Identifier: ISC
#
# Functions only, for body.awk and source.awk.  highlight(line, lang) takes one
# line of source and returns HTML; `in_comment` carries a C comment over to the
# next line, begin_code() forgets it.  Names of the public headers, listed in
# the file `symbols` as "name page", become links.  Plain awk: mawk, gawk,
# busybox.

function load_symbols(file,    line, part) {
  while ((getline line < file) > 0) {
    split(line, part, " ")
    if (!(part[1] in page_of))
      page_of[part[1]] = part[2]
  }
  close(file)
}

function begin_code(    words, list, n, i) {
  in_comment = 0
  if (keywords_loaded)
    return
  keywords_loaded = 1
  words = "auto break case const continue default do else enum extern for goto if " \
    "inline register return sizeof static struct switch typedef union volatile while " \
    "__typeof__ __attribute__ _Generic"
  n = split(words, list, " ")
  for (i = 1; i <= n; i++)
    word_class[list[i]] = "k"
  words = "void char short int long float double signed unsigned size_t ssize_t FILE " \
    "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t " \
    "intptr_t"
  n = split(words, list, " ")
  for (i = 1; i <= n; i++)
    word_class[list[i]] = "t"
}

function escape(s) {
  gsub(/&/, "\\&amp;", s)
  gsub(/</, "\\&lt;", s)
  gsub(/>/, "\\&gt;", s)
  gsub(/"/, "\\&quot;", s)
  return s
}

function unescape(s) {
  gsub(/&(lt|#60);/, "<", s)
  gsub(/&(gt|#62);/, ">", s)
  gsub(/&(quot|#34);/, "\"", s)
  gsub(/&#39;/, "'", s)
  gsub(/&#47;/, "/", s)
  gsub(/&(amp|#38);/, "\\&", s)
  return s
}

function span(class, text) {
  return "<span class=\"" class "\">" escape(text) "</span>"
}

function word(name) {
  if (name in word_class)
    return span(word_class[name], name)
  if (name in page_of)
    return "<a href=\"" root page_of[name] "#" name "\">" name "</a>"
  return name
}

# A comment that begins at s, or goes on; what is left after it in `rest`.
function comment(s,    end) {
  end = index(substr(s, in_comment ? 1 : 3), "*/")
  if (end) {
    end += in_comment ? 1 : 3
    in_comment = 0
  } else {
    end = length(s)
    in_comment = 1
  }
  rest = substr(s, end + 1)
  return span("c", substr(s, 1, end))
}

# A string or character constant; what is left after it in `rest`.
function quoted(s,    quote, i, c) {
  quote = substr(s, 1, 1)
  for (i = 2; i <= length(s); i++) {
    c = substr(s, i, 1)
    if (c == "\\")
      i++
    else if (c == quote)
      break
  }
  rest = substr(s, i + 1)
  return span("s", substr(s, 1, i))
}

function highlight_c(s,    out) {
  out = ""
  if (in_comment) {
    out = comment(s)
    s = rest
  } else if (match(s, /^[ \t]*#[ \t]*[a-z]+/)) {
    out = span("p", substr(s, 1, RLENGTH))
    s = substr(s, RLENGTH + 1)
    if (out ~ /include/ && match(s, /^[ \t]*<[^>]*>/)) {
      out = out span("s", substr(s, 1, RLENGTH))
      s = substr(s, RLENGTH + 1)
    }
  }
  while (s != "") {
    if (match(s, /^[A-Za-z_][A-Za-z0-9_]*/)) {
      out = out word(substr(s, 1, RLENGTH))
      s = substr(s, RLENGTH + 1)
    } else if (match(s, /^[0-9][0-9A-Za-z.]*/)) {
      out = out span("n", substr(s, 1, RLENGTH))
      s = substr(s, RLENGTH + 1)
    } else if (substr(s, 1, 2) == "/*") {
      out = out comment(s)
      s = rest
    } else if (substr(s, 1, 2) == "//") {
      out = out span("c", s)
      s = ""
    } else if (s ~ /^["']/) {
      out = out quoted(s)
      s = rest
    } else if (match(s, /^[^A-Za-z0-9_"'\/]+/)) {
      out = out escape(substr(s, 1, RLENGTH))
      s = substr(s, RLENGTH + 1)
    } else {
      out = out escape(substr(s, 1, 1))
      s = substr(s, 2)
    }
  }
  return out
}

# Commands after a prompt stand out from what they print.
function highlight_sh(s,    tail) {
  if (s ~ /^[$#] /) {
    tail = ""
    if (match(s, /  +# .*$/)) {
      tail = span("c", substr(s, RSTART))
      s = substr(s, 1, RSTART - 1)
    }
    return span("p", substr(s, 1, 2)) "<b>" escape(substr(s, 3)) "</b>" tail
  }
  if (match(s, /^ *#.*/))
    return span("c", s)
  return escape(s)
}

function highlight(s, lang) {
  if (lang == "c")
    return highlight_c(s)
  if (lang == "sh" || lang == "console")
    return highlight_sh(s)
  return escape(s)
}
