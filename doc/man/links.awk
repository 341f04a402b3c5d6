# links.awk - the names under which each manual page is found.
# SPDX-License-Identifier: ISC
#
# awk -f links.awk HEADER... PAGE...: a line "NAME.SECTION PAGE" for each name in
# a page's NAME section; for a macro lwt_x that adds the calling line, lwt_x_at,
# too, which a compiler's message may show.  PAGE is a file name without directory.

FNR == 1 {
  page = ""
  if (FILENAME ~ /\.[137]$/) {
    page = FILENAME
    sub(/.*\//, "", page)
    section = page
    sub(/.*\./, "", section)
    naming = 0
  }
}
page == "" {
  line = $0
  while (match(line, /lwt_[a-z0-9_]*_at\(/)) {
    placed[substr(line, RSTART, RLENGTH - 4)] = 1
    line = substr(line, RSTART + RLENGTH)
  }
  next
}
/^\.Sh / { naming = $2 == "NAME" }
naming && /^\.Nm / {
  print $2 "." section, page
  if ($2 in placed)
    print $2 "_at." section, page
}
