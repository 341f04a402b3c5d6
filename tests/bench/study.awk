# study.awk - tables (Markdown) and plots (SVG) of the study's measurements.
# SPDX-License-Identifier: ISC
#
# Input: lines "test=T way=W x=X n=N secs=S".  Variables: machine, a file with what to
# say of it; svg, the directory for study-T.svg.  A plot has nanoseconds per yield
# (logarithmic) over the number of yields or levels, a line for each way.

function median(list,    a, n, i, j, t) {
  n = split(list, a, " ")
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) {
      t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
    }
  return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

{
  for (i = 1; i <= NF; i++) {
    split($i, part, "=")
    field[part[1]] = part[2]
  }
  key = field["test"] SUBSEP field["way"] SUBSEP field["x"]
  runs[key] = runs[key] " " field["secs"] * 1e9 / field["n"]
  there[field["way"]] = 1
}

function number(x) {
  return sprintf(x < 100 ? "%.1f" : "%.0f", x)
}

# ---- Tables ---------------------------------------------------------------------

function table(test,    w, i, row) {
  print "| " axis[test] " |" heads
  print "| ---: |" rules
  for (i = 1; i <= n_depths; i++) {
    row = "| " depth[i] " |"
    for (w = 1; w <= n_ways; w++)
      row = row " " number(value[test, way[w], depth[i]]) " |"
    print row
  }
  print ""
}

function summary(    t, w, row, last) {
  last = depth[n_depths]
  print "| test |" heads " Lwt 2011 | delimcc 2011 |"
  print "| --- |" rules " ---: | ---: |"
  for (t = 1; t <= n_tests; t++) {
    row = "| " title[test[t]] " |"
    for (w = 1; w <= n_ways; w++)
      row = row " " number(value[test[t], way[w], last]) " |"
    print row " " then_lwt[test[t]] " | " then_delimcc[test[t]] " |"
  }
  print ""
}

# ---- Plots ----------------------------------------------------------------------

function px(x) {
  return sprintf("%.1f", 46 + (x / depth[n_depths]) * 330)
}

function py(v) {
  return sprintf("%.1f", 250 - (log(v) / log(10) - low) / (high - low) * 205)
}

function range(test,    w, i, v, least, most) {
  least = most = value[test, way[1], depth[1]]
  for (w = 1; w <= n_ways; w++)
    for (i = 1; i <= n_depths; i++) {
      v = value[test, way[w], depth[i]]
      if (v < least) least = v
      if (v > most) most = v
    }
  low = int(log(least) / log(10) + 100) - 100
  high = int(log(most) / log(10)) + 1
  if (high == low) high++
}

# Names beside the ends of the lines, at least 15 apart.
function labels(test, file,    w, i, j, t, y, order) {
  for (w = 1; w <= n_ways; w++) {
    y[w] = py(value[test, way[w], depth[n_depths]]) + 4
    order[w] = w
  }
  for (i = 2; i <= n_ways; i++)
    for (j = i; j > 1 && y[order[j - 1]] > y[order[j]]; j--) {
      t = order[j]; order[j] = order[j - 1]; order[j - 1] = t
    }
  for (i = 2; i <= n_ways; i++)
    if (y[order[i]] < y[order[i - 1]] + 15)
      y[order[i]] = y[order[i - 1]] + 15
  for (w = 1; w <= n_ways; w++)
    printf "<text class=\"n %s\" x=\"384\" y=\"%.1f\">%s</text>\n", way[w], y[w], \
      label[way[w]] > file
}

function plot(test,    file, w, i, v, points) {
  file = svg "/study-" test ".svg"
  range(test)
  print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 450 290\" role=\"img\"" \
    " aria-label=\"" title[test] ": nanoseconds per yield\">" > file
  print "<!-- Made by tests/bench/study.awk. SPDX-License-Identifier: ISC -->" > file
  print style > file
  printf "<text class=\"h\" x=\"8\" y=\"20\">%s</text>\n", title[test] > file
  printf "<text x=\"8\" y=\"35\">ns per %s</text>\n", \
    substr(axis[test], 1, length(axis[test]) - 1) > file
  for (v = low; v <= high; v++) {
    printf "<path class=\"g\" d=\"M46 %sH376\"/>", py(10 ^ v) > file
    printf "<text class=\"r\" x=\"40\" y=\"%.1f\">%s</text>\n", py(10 ^ v) + 4, 10 ^ v > file
  }
  for (i = 0; i <= 1000; i += 200)
    printf "<text class=\"m\" x=\"%s\" y=\"268\">%d</text>", px(i), i > file
  printf "\n<text class=\"m\" x=\"211\" y=\"284\">%s</text>\n", axis[test] > file
  for (w = 1; w <= n_ways; w++) {
    points = ""
    for (i = 1; i <= n_depths; i++)
      points = points (i > 1 ? " " : "") px(depth[i]) "," \
        py(value[test, way[w], depth[i]])
    printf "<polyline class=\"%s\" points=\"%s\"/>\n", way[w], points > file
  }
  labels(test, file)
  print "</svg>" > file
  close(file)
}

function looks(    light, dark) {
  light = ".bind { stroke: #c2410c } .frame { stroke: #0f6b6b } " \
    ".fiber { stroke: #7c3aad } .lwt { stroke: #8a6d08 } .g { stroke: #ddd8cb } " \
    "text { fill: #596572 } .h { fill: #1d2733 } .n.bind { fill: #c2410c } " \
    ".n.frame { fill: #0f6b6b } .n.fiber { fill: #7c3aad } .n.lwt { fill: #8a6d08 }"
  dark = ".bind { stroke: #ff9360 } .frame { stroke: #5fc9c1 } " \
    ".fiber { stroke: #c9a0f0 } .lwt { stroke: #e5c454 } .g { stroke: #2b3641 } " \
    "text { fill: #9aa6b2 } .h { fill: #e4e2dc } .n.bind { fill: #ff9360 } " \
    ".n.frame { fill: #5fc9c1 } .n.fiber { fill: #c9a0f0 } .n.lwt { fill: #e5c454 }"
  return "<style>\ntext { font: 12px system-ui, sans-serif } .h { font-size: 15px; " \
    "font-weight: 600 } .r { text-anchor: end } .m { text-anchor: middle }\n" \
    ".n { font-weight: 600; stroke: none !important } polyline { fill: none; " \
    "stroke-width: 2.5; stroke-linejoin: round } .lwt { stroke-dasharray: 6 3 }\n" \
    light "\n@media (prefers-color-scheme: dark) {\n" dark "\n}\n</style>"
}

END {
  n_tests = split("quick medium slow recurse once", test, " ")
  n_depths = split("50 100 200 300 400 600 800 1000", depth, " ")
  split("bind frame fiber lwt", all, " ")
  for (i = 1; i <= 4; i++)
    if (all[i] in there)
      way[++n_ways] = all[i]
  label["bind"] = "bind"; label["frame"] = "frames"
  label["fiber"] = "fibers"; label["lwt"] = "Lwt"
  title["quick"] = "Quick: nothing to wait for"
  title["medium"] = "Medium: pause"
  title["slow"] = "Slow: sleep 0"
  title["recurse"] = "Recurse: pause at each level"
  title["once"] = "Recurse once: pause at the bottom"
  for (i = 1; i <= n_tests; i++)
    axis[test[i]] = i <= 3 ? "yields" : "levels"
  # Of 15,000 iterations with x = 1000, in nanoseconds.
  split("122 1698 3468 4120 225", old_lwt, " ")
  split("128 3284 5328 62611 96", old_delimcc, " ")
  for (i = 1; i <= n_tests; i++) {
    then_lwt[test[i]] = old_lwt[i]
    then_delimcc[test[i]] = old_delimcc[i]
  }
  for (w = 1; w <= n_ways; w++) {
    heads = heads " " label[way[w]] " |"
    rules = rules " ---: |"
    for (t = 1; t <= n_tests; t++)
      for (i = 1; i <= n_depths; i++)
        value[test[t], way[w], depth[i]] = median(runs[test[t], way[w], depth[i]])
  }
  while ((getline line < machine) > 0)
    print line
  print "\nNanoseconds per yield, or per level, at 1000 of them:\n"
  summary()
  style = looks()
  for (t = 1; t <= n_tests; t++) {
    plot(test[t])
    print "### " title[test[t]] "\n"
    print "<p><img class=\"plot\" src=\"study-" test[t] ".svg\" alt=\"" title[test[t]] \
      ": nanoseconds per yield, as in the table\" width=\"450\" height=\"290\"></p>\n"
    table(test[t])
  }
}
