#!/usr/bin/env python3
# requirements.py - the table of what RFCs require: what shows each, or why not.
# SPDX-License-Identifier: ISC
"""usage: tests/requirements.py >doc/conformance.md

The requirements are in tests/conformance/rfc*.txt, a line each:

    ID | level | what, in few words | PROGRAM: name of a test, or of its heading
                                    | not: why

PROGRAM is t-NAME, a test program, which is run; conformance.py, whose cases begin
with the RFC's number; or another script, in which the name must be found.  In make
check: each test named is there and passes, and the page is what is there.
"""
import glob
import os
import re
import subprocess
import sys

TOP = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
sys.path[:0] = [os.path.join(TOP, "tests"), os.path.join(TOP, "tests", "conformance")]

HEAD = """# Conformance

What the RFCs require of a host, and the test that shows it; or why it is not done.
This page is made by `tests/requirements.py`; `make check` compares it, and runs the
tests that it names. [Testing](testing.md#packet-by-packet) tells of the cases of
`tests/conformance.py`, which also run against Linux.

"""


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def rows(path):
    """(title, [(id, level, what, shown by)], lines that are no such thing)"""
    title, found, wrong = "", [], []
    for line in read(path).splitlines():
        if line.startswith("# rfc"):
            title = line.partition(" - ")[2]
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split(" | ", 3)]
        if len(cells) == 4 and re.match(r"(not|[\w.-]+): .", cells[3]):
            found.append(tuple(cells))
        else:
            wrong.append(path + ": " + line)
    return title, found, wrong


def cases():
    """The names of conformance.py's cases."""
    import cases  # noqa: F401
    for path in sorted(glob.glob(os.path.join(TOP, "tests", "conformance", "cases_*.py"))):
        __import__(os.path.basename(path)[:-3])
    return ["%s %s" % (one.ident, one.text) for one in cases.CASES]


def passed(lines):
    """What passed: results, and the headings (comments) of which all did."""
    names, heading = [], ""
    for line in lines + ["# "]:
        if line.startswith("# "):
            names += [heading] if heading else []
            heading = line[2:]
        elif line.startswith("not ok "):
            heading = ""
        elif line.startswith("ok ") and " # SKIP" not in line:
            names.append(line.partition(" - ")[2])
    return names


class Shown:
    """Which tests there are, and whether they pass."""

    def __init__(self):
        self.names, self.absent = {}, set()

    def of(self, program):
        if program not in self.names:
            self.names[program] = self.look(program)
        return self.names[program]

    def look(self, program):
        if program == "conformance.py":
            return cases()
        if program.endswith((".py", ".sh")):
            path = os.path.join("tests", program)
            return [read(path)] if os.path.exists(os.path.join(TOP, path)) else []
        path = os.path.join(BUILD, "tests", program)
        if not os.access(path, os.X_OK):
            if not os.path.exists(os.path.join(TOP, "tests", program + ".c")):
                return []
            self.absent.add(program)
            return []
        out = subprocess.run([path], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, timeout=600, check=False)
        return passed(out.stdout.decode(errors="replace").splitlines())

    def has(self, by):
        program, _, name = by.partition(": ")
        return any(name.strip() in text for text in self.of(program)) or \
            program in self.absent


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def page(tables):
    out = [HEAD]
    for path, title, found in tables:
        number = re.search(r"rfc(\d+)", path).group(1)
        shown = sum(not by.startswith("not:") for _, _, _, by in found)
        out.append("## RFC %s: %s\n\n%d requirements, of which %d are shown by tests.\n\n"
                   "| | | requirement | shown by |\n| --- | --- | --- | --- |\n"
                   % (number, title, len(found), shown))
        for ident, level, what, by in found:
            program, _, name = by.partition(": ")
            where = "not: " + name if program == "not" else "`%s`: %s" % (program, name)
            out.append("| %s | %s | %s | %s |\n" % tuple(map(cell, (ident, level, what, where))))
        out.append("\n")
    counts = {}
    for name in cases():
        number = name.split("-")[0].split(" ")[0]
        counts[number] = counts.get(number, 0) + 1
    out.append("## Cases from outside\n\n`tests/conformance.py` has %d:\n\n"
               "| RFC | cases |\n| --- | ---: |\n" % sum(counts.values()))
    for number in sorted(counts, key=int):
        out.append("| %s | %d |\n" % (number, counts[number]))
    return "".join(out)


def main():
    if sys.argv[1:]:
        sys.exit(__doc__)
    tables, malformed, twice, lost, shown = [], [], [], [], Shown()
    checking = "top_builddir" in os.environ
    for path in sorted(glob.glob(os.path.join(TOP, "tests", "conformance", "rfc*.txt"))):
        path = os.path.relpath(path, TOP)
        title, found, wrong = rows(path)
        malformed += wrong
        idents = [row[0] for row in found]
        twice += ["%s: %s" % (path, i) for i in set(idents) if idents.count(i) > 1]
        if checking:
            lost += ["%s: %s: %s" % (path, row[0], row[3]) for row in found
                     if not row[3].startswith("not:") and not shown.has(row[3])]
        tables.append((path, title, found))
    text = page(tables)
    if not checking:
        sys.stdout.write(text)
        return 0
    there = read("doc/conformance.md")
    results = [("each line is a requirement", malformed),
               ("none is there twice", twice),
               ("each test that is named is there and passes", lost),
               ("doc/conformance.md is what tests/requirements.py prints",
                [] if text == there else ["it is not"])]
    for n, (name, wrong) in enumerate(results, 1):
        print("%s %d - %s" % ("not ok" if wrong else "ok", n, name))
        for line in wrong:
            print("# " + line)
    for program in sorted(shown.absent):
        print("# not built, not run: " + program)
    print("1..%d" % len(results))
    return any(wrong for _, wrong in results)


if __name__ == "__main__":
    sys.exit(main())
