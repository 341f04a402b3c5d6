# coverage.awk - adds up what gcov -t says of several objects, for tests/coverage.sh.
# SPDX-License-Identifier: ISC

BEGIN { FS = ":" }
$2 + 0 == 0 && $3 == "Source" {
  file = $4
  sub(/^.*\/lwt\//, "lwt/", file)
  wanted = file ~ /^lwt\/[a-z_]*\.[ch]$/
  next
}
!wanted { next }
$2 + 0 == 0 { next }
{
  count = $1
  gsub(/[ *]/, "", count)
  if (count == "-")
    next
  line = file ":" ($2 + 0)
  if (!(line in text)) {
    text[line] = substr($0, length($1) + length($2) + 3)
    total[file]++
    sum++
  }
  if (count ~ /^[0-9]/ && !(line in ran)) {
    ran[line] = 1
    covered[file]++
    sum_covered++
  }
}
END {
  if (!sum)
    exit 1
  for (file in total)
    printf "%-22s %5d of %5d  %5.1f %%\n", file, covered[file], total[file],
           100 * covered[file] / total[file] | "sort"
  close("sort")
  printf "%-22s %5d of %5d  %5.1f %%\n\nnot run:\n", "all", sum_covered, sum,
         100 * sum_covered / sum
  for (line in text)
    if (!(line in ran))
      print line ":" text[line] | "sort -t: -k1,1 -k2,2n"
}
