#!/usr/bin/env python3
# properties.py - the table of all properties of Lwt: what shows each, or why not.
# SPDX-License-Identifier: ISC
"""usage: tests/properties.py >doc/properties.md

A property is shown by a test that has its identifier in its name and passes, or it
is in the first column of the table of doc/semantics.md.  In make check: compare
with the page that is there.
"""
import glob
import os
import re
import subprocess
import sys

TOP = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
ID = r"[A-Z]{2,5}-\d\d"

HEAD = """# All properties

The semantics of Lwt as numbered properties ([Semantics](semantics.md) tells what
differs and why), and what shows each here. This page is made by
`tests/properties.py`; `make check` compares it.

"""


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def groups():
    """[(name, number of properties, title)], in order."""
    rows = [line.split(None, 2) for line in read("tests/properties.txt").splitlines()
            if line and not line.startswith("#")]
    return [(name, int(count), title) for name, count, title in rows]


def expand(text):
    """Identifiers of "A-01, A-03 to A-05"."""
    for part in text.split(","):
        ids = re.findall(ID, part)
        if len(ids) == 2 and " to " in part:
            group, first = ids[0].split("-")
            for n in range(int(first), int(ids[1].split("-")[1]) + 1):
                yield "%s-%02d" % (group, n)
        else:
            yield from ids


def programs():
    """Sources in tests/ that name properties of the groups."""
    names = "|".join(name for name, _, _ in groups())
    for path in sorted(glob.glob(os.path.join(TOP, "tests", "t-*.c"))):
        name = os.path.basename(path)
        if re.search(r"\b(%s)-(\d\d|%%)" % names, read("tests/" + name)):
            yield name


def tests():
    """{identifier: {source: text}} of the tests that the programs run, and the
    programs that are not built."""
    found, absent = {}, []
    for name in programs():
        program = os.path.join(BUILD, "tests", name[:-2])
        if not os.access(program, os.X_OK):
            absent.append(name)
            continue
        out = subprocess.run([program], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, timeout=300, check=False)
        for line in out.stdout.decode(errors="replace").splitlines():
            m = re.match(r"ok \d+ - (.*)", line)
            if m and " # SKIP" not in line:
                for i in expand(m.group(1)):
                    found.setdefault(i, {}).setdefault(name, m.group(1))
    return found, absent


def differing():
    """{identifier: (here, why)}, and those that are there twice."""
    found, twice = {}, []
    for line in read("doc/semantics.md").splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and re.match(ID, cells[0]) and len(cells) >= 4:
            for i in expand(cells[0]):
                if i in found:
                    twice.append(i)
                found[i] = (cells[2], cells[3])
    return found, twice


def title(text):
    """What a test's name says beside identifiers and formats."""
    text = re.sub(r"^[a-z_]+: ", "", text)
    text = re.sub(r"(%s)((,| and| to| to the)? (?=%s))?" % (ID, ID), "", text)
    text = text.replace("(differs)", "")
    return re.sub(r"\s+", " ", text).strip(" ,:;.").replace("|", "\\|")


def page(shown, differ):
    out, missing = [HEAD], []
    for name, count, about in groups():
        out.append("## %s: %s\n\n| property | shown by | what it says, or how C differs |\n"
                   "| --- | --- | --- |\n" % (name, about))
        for i in ["%s-%02d" % (name, n + 1) for n in range(count)]:
            by = sorted(shown.get(i, {}).items())
            says = title(by[0][1]) if by else ""
            if i in differ:
                says = "differs: %s (%s)" % differ[i]
            elif not by:
                missing.append(i)
            where = ", ".join("`%s`" % p for p, _ in by) or "-"
            out.append("| %s | %s | %s |\n" % (i, where, says))
        out.append("\n")
    return "".join(out).rstrip("\n") + "\n", missing


def columns(text):
    """Identifiers and programs; names of tests may count what differs by build."""
    return re.findall(r"^(\| %s \| [^|]* \|)" % ID, text, re.M)


def check(text, missing, shown, differ, twice):
    known = {"%s-%02d" % (name, n + 1) for name, count, _ in groups()
             for n in range(count)}
    path = os.path.join(TOP, "doc", "properties.md")
    there = read("doc/properties.md") if os.path.exists(path) else ""
    said = {i for i, by in shown.items() for t in by.values() if i + " (differs)" in t}
    results = [
        ("each of %d properties is shown, or differs with a reason" % len(known), missing),
        ("each that differs is one of them", sorted(set(differ) - known)),
        ("none is listed twice", twice),
        ("each test that says so is listed as differing", sorted(said - set(differ))),
        ("doc/properties.md is what tests/properties.py prints",
         sorted(set(columns(text)) ^ set(columns(there)))),
    ]
    for n, (name, wrong) in enumerate(results, 1):
        print("%s %d - %s" % ("not ok" if wrong else "ok", n, name))
        for i in wrong:
            print("# " + i)
    print("1..%d" % len(results))
    return 1 if any(wrong for _, wrong in results) else 0


def main():
    if sys.argv[1:]:
        sys.exit(__doc__)
    (shown, absent), (differ, twice) = tests(), differing()
    if absent:
        print("1..0 # SKIP not built: " + " ".join(absent))
        return 0
    text, missing = page(shown, differ)
    if "top_builddir" in os.environ:
        return check(text, missing, shown, differ, twice)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
