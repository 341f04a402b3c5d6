# man-code.awk - the examples of a manual page, as blocks of a document.
# SPDX-License-Identifier: ISC
#
# For doc-code.sh: what it writes is for doc-code.awk, line by line.  In a page a
# comment before the block says what it is, and one behind it what a program prints:
#
#   .\" c fragment
#   .Bd -literal -offset indent
#   ...
#   .Ed
#   .\" output
#   .\" first line
#
# "sh" says that it is for a shell.  A literal block in EXAMPLES without such a comment
# is an error.

function plain(s) {
  gsub(/\\&/, "", s)
  gsub(/\\-/, "-", s)
  gsub(/\\e/, "\\", s)
  return s
}

printing {
  if (/^\.\\" /) {
    print substr($0, 5)
    next
  }
  printing = 0
  print "```"
  if (!/^\.\\" c/)
    next
}
/^\.Sh / { examples = $2 == "EXAMPLES" }
/^\.\\" output$/ {
  printing = 1
  print "```output"
  next
}
/^\.\\" (c|sh)( |$)/ {
  kind = substr($0, 5)
  marked = 1
  print ""
  next
}
/^\.Bd -literal/ && (marked || examples) {
  print "```" (marked ? kind : "c unmarked")
  inside = 1
  marked = 0
  next
}
inside && /^\.Ed$/ {
  inside = 0
  print "```"
  next
}
inside { print plain($0); next }
{ print "" }
