#!/usr/bin/env python3
# t-man.py - the manual pages: clean, complete, and as the headers say.
# SPDX-License-Identifier: ISC
#
# Their examples are compiled by doc-code.sh.
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

os.chdir(os.environ.get("top_srcdir") or os.path.join(os.path.dirname(__file__), ".."))

MANDOC = os.environ.get("MANDOC") or "mandoc"
PAGES = {os.path.basename(p): open(p, encoding="utf-8").read()
         for p in sorted(glob.glob("doc/man/*.[137]"))}
MAKEFILE = open("Makefile.am", encoding="utf-8").read()
HEADERS = (os.environ.get("public_headers") or " ".join(
    re.findall(r"^include_HEADERS \+= (.*)", MAKEFILE, re.M) +
    re.findall(r"^\t(\S+\.h) ", "".join(re.findall(
        r"^nobase_include_HEADERS \+= .*\n((?:\t.*\n)+)", MAKEFILE, re.M)), re.M))).split()
# Not for programs, or the words in front of a declaration.
NOT_DOCUMENTED = {"LWT_API", "LWT_MUST_USE", "LWT_BUILDING", "LWT_TEST_SHORT"}
# What the names in a page's text look like that must exist.
OURS = re.compile(r"(?:lwt_|LWT_)\w+$")


def code(path):
    """A header without comments, continued lines joined."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
    return text.replace("\\\n", " ")


def declarations(path):
    """The statements of a header outside of braces, and its macros."""
    text = code(path)
    macros = set(re.findall(r"^\s*#\s*define\s+(\w+)", text, re.M))
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M).replace('extern "C" {', "")
    while re.search(r"\{[^{}]*\}", text):
        text = re.sub(r"\{[^{}]*\}", ";", text)
    return [" ".join(s.split()) for s in text.split(";")], macros


FUNCTIONS = {}  # name: the header that has it
ARITY = {}
MACROS = {}
CALLED = {}  # function: the macro that calls it
for header in HEADERS:
    statements, macros = declarations(header)
    for statement in statements:
        if re.match(r"(LWT_API|static inline|LWT_MUST_USE static inline|LWT__PRINTF)\b",
                    statement):
            bare = re.sub(r"\b(LWT__PRINTF|__attribute__)\s*\(+[^()]*\)+", "", statement)
            found = re.search(r"\b(lwt_\w+)\s*\(", bare)
            if found and not found.group(1).startswith("lwt__"):
                FUNCTIONS.setdefault(found.group(1), header)
                ARITY[found.group(1)] = bare[found.end():].count(",") + 1
    for name, body in re.findall(r"^\s*#\s*define\s+(\w+)\([^)]*\)\s*(\w+)\(", code(header),
                                 re.M):
        CALLED[body] = name
    for name in macros:
        if OURS.match(name) and not re.match(r"lwt__|LWT__", name) and \
                not name.endswith("_H") and name not in NOT_DOCUMENTED:
            MACROS.setdefault(name, header)


def section(text, name):
    found = re.search(r"^\.Sh %s\n(.*?)(?=^\.Sh |\Z)" % name, text, re.M | re.S)
    return found.group(1) if found else ""


def names(text):
    return re.findall(r"^\.Nm (\w\S*)", section(text, "NAME"), re.M)


NAMES = {}  # name and section: the pages that have it
for page, text in PAGES.items():
    for name in names(text):
        NAMES.setdefault((name, page[-1]), []).append(page)


def has_page(name):
    return (name, "3") in NAMES or (name, "7") in NAMES


# ---- Rules: each yields what breaks it -------------------------------------------

def clean():
    """mandoc finds nothing to warn of"""
    for page in PAGES:
        done = subprocess.run([MANDOC, "-T", "lint", "-W", "warning", "doc/man/" + page],
                              capture_output=True, text=True)
        yield from done.stdout.splitlines()
        yield from done.stderr.splitlines()


def sections():
    """each page has the sections that a reader looks for"""
    for page, text in PAGES.items():
        want = ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "SEE ALSO"]
        if page.endswith(".3"):
            want.insert(3, "RETURN VALUES")
        if page.endswith(".3") and re.search(r"lwt_t \*|lwt_\w+_p \*", section(
                text, "SYNOPSIS")) and "Er LWT_E" in text:
            want.insert(-1, "ERRORS")
        there = re.findall(r"^\.Sh (.*)", text, re.M)
        missing = [name for name in want if name not in there]
        if missing and not (page in ("lwt_ref.3", "lwt_state.3") and missing == ["ERRORS"]):
            yield f"{page}: no {', '.join(missing)}"


def once():
    """no name has two pages, and each page is called by its first name"""
    for (name, number), pages in NAMES.items():
        if len(pages) > 1:
            yield f"{name}({number}): {' '.join(pages)}"
    for page, text in PAGES.items():
        if names(text)[:1] != [page[:-2]]:
            yield f"{page}: {names(text)[:1]}"


def complete():
    """each public function and macro has a page"""
    for name, header in sorted({**FUNCTIONS, **MACROS}.items()):
        plain = re.sub(r"_at$", "", name)
        if not any(map(has_page, (name, plain, CALLED.get(name)))):
            yield f"{header}: {name}"


def referred(text):
    for line in text.split("\n"):
        words = line.split()
        if not words or not words[0].startswith(".") or words[0] == '.\\"':
            continue
        for i, word in enumerate(words[:-1]):
            if word.lstrip(".") in ("Fn", "Fo", "Nm"):
                yield words[i + 1].strip('"'), None
            elif word.lstrip(".") == "Xr" and i + 2 < len(words):
                yield words[i + 1], words[i + 2]


def exist():
    """each function that a page names exists"""
    for page, text in PAGES.items():
        for name, number in referred(text):
            if not OURS.match(name) or number == "7" or name + ".3" == page:
                continue
            if name not in FUNCTIONS and name not in MACROS:
                if not (number and has_page(name)):
                    yield f"{page}: {name}"


def links():
    """each reference leads to a page"""
    for page, text in PAGES.items():
        for name, number in referred(text):
            if number and re.match(r"lwt|LWT", name) and (name, number) not in NAMES:
                yield f"{page}: {name}({number})"


def reachable():
    """lwt(7) leads to every page"""
    seen, todo = set(), ["lwt.7"]
    while todo:
        page = todo.pop()
        if page not in seen:
            seen.add(page)
            todo += [NAMES[ref][0] for ref in referred(PAGES[page]) if ref in NAMES]
    yield from sorted(set(PAGES) - seen)


def prototypes(text):
    """The functions of a SYNOPSIS as C: name and declaration."""
    synopsis = section(text, "SYNOPSIS")
    synopsis = re.sub(r"^\.Bd.*?^\.Ed$", "", synopsis, flags=re.M | re.S)
    kind = None
    lines = iter(synopsis.split("\n"))
    for line in lines:
        words = shlex.split(line.replace("\\&", "")) if line.startswith(".F") else []
        if not words:
            continue
        if words[0] == ".Ft":
            kind = " ".join(words[1:])
        elif words[0] == ".Fn" and kind:
            yield words[1], kind, words[2:]
            kind = None
        elif words[0] == ".Fo" and kind:
            arguments = []
            for line in lines:
                if line == ".Fc":
                    break
                arguments += shlex.split(line)[1:]
            yield words[1], kind, arguments
            kind = None


def agree():
    """each SYNOPSIS declares what the header declares"""
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        for header in HEADERS:
            print(f'#include "{header}"', file=file)
        seen = set()
        for page, text in PAGES.items():
            for name, kind, arguments in prototypes(text):
                if name in FUNCTIONS:
                    target = name
                elif name + "_at" in FUNCTIONS:
                    target = name + "_at"
                    arguments = [a for a in arguments if a != "void"] + ["const char *where"]
                    if len(arguments) < ARITY[target]:
                        continue  # the macro gives more
                else:
                    if name not in MACROS and OURS.match(name):
                        yield f"{page}: {name}"
                    continue
                seen.add(target)
                print(f'#line 1 "{page}"', file=file)
                print(f"{kind} {target}({', '.join(arguments)});", file=file)
        file.flush()
        done = subprocess.run(
            os.environ.get("CC", "cc").split() + ["-fsyntax-only", "-I.", "-Ilwt", "-Ilwt-unix",
                                                  "-Ilwt-xen", "-Inet", file.name],
            capture_output=True, text=True)
        yield from (line for line in done.stderr.splitlines() if "error" in line)
    for name in sorted(set(FUNCTIONS) - seen):
        if has_page(name):
            yield f"{name}: in no SYNOPSIS"


def main():
    rules = [clean, sections, once, complete, exist, links, reachable, agree]
    failed = 0
    for n, rule in enumerate(rules, 1):
        if rule is clean and (MANDOC == "false" or not shutil.which(MANDOC)):
            print(f"ok {n} - {rule.__doc__} # SKIP no mandoc")
            continue
        broken = list(rule())
        failed += bool(broken)
        print(f"{'not ' if broken else ''}ok {n} - {rule.__doc__}")
        for line in broken:
            print(f"# {line}")
    print(f"1..{len(rules)}")
    return failed != 0


sys.exit(main())
