# doc-code.awk - the C code of a document, one file a block.
# SPDX-License-Identifier: ISC
#
# For doc-code.sh; variables: dir (to write to), name (of the document).
# Prints a line "ID LINE KIND FROM" for each block of C:
#
#   ```c                  program    compiled, linked, run; a block ```output that
#                                    follows is what it must print
#   ```c compile          compile    a program that is compiled and linked only
#   ```c fragment         fragment   declarations and functions
#   ```c body             body       statements, in a function of their own
#   ... more                         goes on where the block before it ended
#   ```c from=PATH        from       the very text of a part of the file PATH; output
#                                    is what the program of that name prints
#
# Fragments and bodies may use what tests/doc-prelude.h declares.

function finish() {
  close(file)
  print id, start, kind, from
}

function begin(info,    word, n, i, more) {
  kind = "program"
  from = "-"
  more = 0
  n = split(info, word, " ")
  for (i = 2; i <= n; i++) {
    if (word[i] == "more")
      more = 1
    else if (word[i] ~ /^from=/) {
      kind = "from"
      from = substr(word[i], 6)
    } else if (word[i] ~ /^(compile|fragment|body)$/)
      kind = word[i]
    else
      kind = "unknown:" word[i]
  }
  id = name "-" NR
  start = NR
  file = dir "/" id ".c"
  if (kind ~ /^(fragment|body)$/) {
    if (!more)
      before = "#include \"doc-prelude.h\"\n"
    printf "%s", before >file
    if (kind == "body")
      text = "void doc_body_" NR "(void);\nvoid doc_body_" NR "(void)\n{\n"
    else
      text = ""
    text = text "#line " (NR + 1) " \"" name ".md\"\n"
    before = before text
    printf "%s", text >file
  } else if (kind != "from")
    printf "#line %d \"%s.md\"\n", NR + 1, name >file
  else
    printf "" >file
}

inside == "c" && /^```$/ {
  if (kind == "body") {
    print "}" >file
    before = before "}\n"
  }
  finish()
  inside = ""
  next
}
inside == "c" {
  print >file
  if (kind ~ /^(fragment|body)$/)
    before = before $0 "\n"
  next
}
inside == "output" && /^```$/ {
  close(dir "/" id ".output")
  inside = ""
  next
}
inside == "output" {
  print >(dir "/" id ".output")
  next
}
inside == "other" && /^```$/ {
  inside = ""
  next
}
inside == "other" { next }
/^```c( |$)/ {
  inside = "c"
  begin(substr($0, 4))
  next
}
/^```output$/ {
  inside = "output"
  printf "" >(dir "/" id ".output")
  next
}
/^```/ { inside = "other" }
