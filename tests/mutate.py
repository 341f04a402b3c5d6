#!/usr/bin/env python3
# mutate.py - which small mistakes in a source file no test notices.
# SPDX-License-Identifier: ISC
"""usage: tests/mutate.py [-n COUNT] [-s SEED] FILE TEST...

Changes FILE (lwt/chain.c) in one place at a time, in a copy of the tree, builds
the named tests (tests/t-drop) and runs each until one fails.  Prints the changes
that all of them survive.  A test that fails, crashes, or takes longer than
LIMIT seconds has noticed.  -n: that many of the changes, chosen at random.

The tree must be configured and built.  Run by hand: a change takes a second.
"""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 60

# What is found, outside of comments and strings, and what stands there instead.
CHANGES = [
    (r" == ", " != "), (r" != ", " == "),
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ 1\b", ""), (r" - 1\b", ""), (r"\+\+", "--"), (r"(?<!-)--(?!-)", "++"),
    (r"\bif \(", "if (!"), (r"\bif \((?!!)", "if (1 || "), (r"\bif \((?!!)", "if (0 && "),
    (r"(?<=[(& ])!(?=[\w(])", ""), (r"\| (F_\w+)", ""), (r"\breturn 0;", "return 1;"),
    (r"\breturn 1;", "return 0;"), (r" = 1;", " = 0;"), (r" = 0;", " = 1;"),
    (r" = NULL;", " = (void *)1;"), (r"\bbreak;", ";"), (r"\bcontinue;", ";"),
]
# A whole statement left out: a call or an assignment alone on its line.
STATEMENT = re.compile(r"^ +[\w.>\[\]()*& -]+(\(.*\)| [|&+-]?= .*);$")


def bare(text):
    """Comments and strings blanked, so that nothing is found in them."""
    def blank(match):
        return re.sub(r"[^\n]", "\1", match.group(0))
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|^#[^\n]*', blank, text,
                  flags=re.S | re.M)


def changes(text):
    """(offset, length, replacement) of each change."""
    plain = bare(text)
    for pattern, to in CHANGES:
        for match in re.finditer(pattern, plain):
            if re.match(r"if \($", match.group(0)) and to == "if (!":
                continue
            yield match.start(), len(match.group(0)), to
    offset = 0
    for line in plain.split("\n"):
        if STATEMENT.match(line) and "return" not in line and "assert" not in line:
            yield offset + len(line) - len(line.lstrip()), len(line.lstrip()), ";"
        offset += len(line) + 1


def run(command, where, limit):
    try:
        return subprocess.run(command, cwd=where, timeout=limit, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=dict(os.environ, top_srcdir=".")).returncode
    except subprocess.TimeoutExpired:
        return 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("-n", type=int)
    parser.add_argument("-s", type=int, default=1)
    parser.add_argument("file")
    parser.add_argument("tests", nargs="+")
    args = parser.parse_args()
    top = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    with open(os.path.join(top, args.file), encoding="utf-8") as file:
        text = file.read()
    todo = sorted(set(changes(text)))
    if args.n and args.n < len(todo):
        todo = sorted(random.Random(args.s).sample(todo, args.n))
    survivors = killed = broken = 0
    with tempfile.TemporaryDirectory() as copy:
        tree = os.path.join(copy, "tree")
        shutil.copytree(top, tree, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", "build-*", "site"))
        shutil.copytree(os.path.join(top, "build-aux"), os.path.join(tree, "build-aux"))
        for offset, length, to in todo:
            with open(os.path.join(tree, args.file), "w", encoding="utf-8") as file:
                file.write(text[:offset] + to + text[offset + length:])
            if run(["make", "-s", "AUTOMAKE=:", "AUTOCONF=:", "CFLAGS=-O1 -w"] + args.tests,
                   tree, 600):
                broken += 1
            elif any(run([os.path.join(tree, test)], tree, LIMIT) for test in args.tests):
                killed += 1
            else:
                survivors += 1
                line = text.count("\n", 0, offset) + 1
                print(f"{args.file}:{line}: {text[offset:offset + length].strip()!r} -> "
                      f"{to.strip()!r}: {text.splitlines()[line - 1].strip()}", flush=True)
    print(f"{len(todo)} changes: {killed} noticed, {survivors} survive, "
          f"{broken} do not compile")
    return 0


sys.exit(main())
