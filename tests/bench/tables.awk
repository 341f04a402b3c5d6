# tables.awk - the tables of tests/bench/run, from the output of its runs.
# SPDX-License-Identifier: ISC
#
# Files: the list of rows (name, operations, text), then the results, one line
# a run.  Variables: markdown, and machine, a file with what to say of it.

function median(list, field,    a, n, i, j, t) {
  n = split(list, a, " ")
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) {
      t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
    }
  return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

# The median of a field for a language, row and n, or "".
function value(field, impl, row, n,    key) {
  key = field SUBSEP impl SUBSEP row SUBSEP n
  return key in lists ? median(lists[key]) : ""
}

function number(x) {
  if (x == "")
    return markdown ? "" : "-"
  return sprintf(x < 100 ? "%.1f" : "%.0f", x)
}

function ratio(x, y) {
  return x == "" || y == "" || y == 0 ? number("") : sprintf("%.1f", x / y)
}

# A line of cells; the widths are those of the text form.
function line(cells, n,    i, s) {
  if (markdown) {
    s = "|"
    for (i = 1; i <= n; i++)
      s = s " " cells[i] " |"
  } else {
    for (i = 1; i <= n; i++)
      s = s sprintf(i == 1 ? "%-5s" : "%" (i == 2 ? 9 : 7) "s", cells[i]) " "
    sub(/ +$/, "", s)
  }
  print s
}

function heading(text, names, last,    a, n, i) {
  print text
  print ""
  n = split(names, a, ",")
  line(a, n)
  if (markdown) {
    for (i = 1; i <= n; i++)
      a[i] = i == 1 || last && i == n ? "---" : "---:"
    line(a, n)
  }
}

FNR == 1 { file++ }
file == 1 {
  split($0, field, "\t")
  text[field[1]] = field[3]
  next
}
{
  for (i = 1; i <= NF; i++) {
    eq = index($i, "=")
    f[substr($i, 1, eq - 1)] = substr($i, eq + 1)
  }
  key = f["bench"] SUBSEP f["n"]
  if (!(key in seen)) {
    seen[key] = 1
    order[++rows] = key
  }
  for (name in f)
    lists[name, f["impl"], f["bench"], f["n"]] = \
      lists[name, f["impl"], f["bench"], f["n"]] " " f[name]
}

END {
  while ((getline said < machine) > 0)
    print said (markdown ? "  " : "")
  print ""
  heading("Nanoseconds of wall time, and peak bytes, per operation.",
          "row,n,C,Lwt,Node,Lwt/C,Node/C,C B,Lwt B,Node B" (markdown ? ",what" : ""),
          markdown)
  for (r = 1; r <= rows; r++) {
    split(order[r], k, SUBSEP)
    c = value("ns_op", "c", k[1], k[2])
    lwt = value("ns_op", "lwt", k[1], k[2])
    node = value("ns_op", "node", k[1], k[2])
    cell[1] = k[1]; cell[2] = k[2]; cell[3] = number(c); cell[4] = number(lwt)
    cell[5] = number(node); cell[6] = ratio(lwt, c); cell[7] = ratio(node, c)
    cell[8] = number(value("bytes_op", "c", k[1], k[2]))
    cell[9] = number(value("bytes_op", "lwt", k[1], k[2]))
    cell[10] = number(value("bytes_op", "node", k[1], k[2]))
    cell[11] = text[k[1]]
    line(cell, markdown ? 11 : 10)
    best = lwt == "" || (node != "" && node < lwt) ? node : lwt
    # Sleeping threads wait most of the time; their processor time counts below.
    if (best != "" && c > 0 && k[1] != "e") {
      logs += log(best / c)
      compared++
    }
  }
  if (compared) {
    print ""
    printf "The faster of Lwt and Node.js takes %.1f times as long, " \
           "the geometric mean of %d rows.\n", exp(logs / compared), compared
  }
  for (r = 1; r <= rows; r++) {
    split(order[r], k, SUBSEP)
    if (k[1] != "e")
      continue
    if (!sleepers++) {
      print ""
      heading("Sleeping threads: seconds in all, and of the processor.",
              "row,n,C,Lwt,Node,C cpu,Lwt cpu,Node cpu,Lwt/C")
    }
    cell[1] = "e"; cell[2] = k[2]
    cell[3] = number(value("secs", "c", "e", k[2]))
    cell[4] = number(value("secs", "lwt", "e", k[2]))
    cell[5] = number(value("secs", "node", "e", k[2]))
    cell[6] = sprintf("%.2f", value("cpu", "c", "e", k[2]))
    lwt = value("cpu", "lwt", "e", k[2])
    cell[7] = number(lwt)
    cell[8] = number(value("cpu", "node", "e", k[2]))
    cell[9] = ratio(lwt, value("cpu", "c", "e", k[2]))
    line(cell, 9)
  }
}
