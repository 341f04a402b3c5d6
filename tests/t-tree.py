#!/usr/bin/env python3
# t-tree.py - the rules of CONTRIBUTING.md that a machine can check.
# SPDX-License-Identifier: ISC
import os
import re
import sys

os.chdir(os.environ.get("top_srcdir") or os.path.join(os.path.dirname(__file__), ".."))

DIRS = ["lwt", "lwt-unix", "lwt-xen", "net", "examples", "tests", "doc"]
# The C library only (and the compiler, sanitizers, valgrind): no header of a system.
C_LIBRARY = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h",
    "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h",
    "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "time.h",
    "cpuid.h",
    "sanitizer/asan_interface.h", "sanitizer/tsan_interface.h", "valgrind/valgrind.h",
}
MAX_COLUMNS = 90
MAX_FILE = 700
MAX_FUNCTION = 80


def tree():
    for top in DIRS:
        for where, dirs, names in os.walk(top):
            dirs[:] = sorted(d for d in dirs if not d.startswith("."))
            if where == "tests/xen" and "cache" in dirs:
                dirs.remove("cache")  # of make check-xen: packages of Debian
            for name in sorted(names):
                yield os.path.join(where, name)


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


FILES = list(tree())
CODE = {p: read(p) for p in FILES if p.endswith((".c", ".h"))}
SCRIPTS = {p: read(p) for p in FILES if p.endswith((".sh", ".py", ".awk"))}
for p in ["bootstrap", ".ci/run", "configure.ac", "Makefile.am"]:
    if os.path.exists(p):  # .ci is not in the tarball
        SCRIPTS[p] = read(p)
MAKEFILE = read("Makefile.am")


def of(*dirs):
    return {p: t for p, t in CODE.items() if p.startswith(tuple(d + "/" for d in dirs))}


def bare(text):
    """Without comments and the insides of strings; lines stay lines."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  blank, text, flags=re.S)


def grep(files, pattern, why=""):
    """The lines of code that match."""
    for path, text in files.items():
        for n, line in enumerate(bare(text).split("\n"), 1):
            found = re.search(pattern, line)
            if found:
                yield f"{path}:{n}: {found.group(0).strip()}{why}"


# ---- Rules: each yields what breaks it ---------------------------------------

def licence():
    """each file says SPDX-License-Identifier: ISC near its top"""
    for path, text in {**CODE, **SCRIPTS}.items():
        if "SPDX-License-Identifier: ISC" not in "\n".join(text.split("\n")[:6]):
            yield path


def form():
    """90 columns, no tabs, no blanks at the end of a line"""
    for path, text in CODE.items():
        for n, line in enumerate(text.split("\n"), 1):
            if len(line) > MAX_COLUMNS:
                yield f"{path}:{n}: {len(line)} columns"
            if "\t" in line:
                yield f"{path}:{n}: tab"
            if line != line.rstrip():
                yield f"{path}:{n}: blank at the end"
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield f"{path}: ends with {text[-2:]!r}"


def file_length():
    """no file is longer than 700 lines"""
    for path, text in {**CODE, **SCRIPTS}.items():
        if text.count("\n") > MAX_FILE and path != "Makefile.am":
            yield f"{path}: {text.count(chr(10))} lines"


def function_length():
    """no function is longer than 80 lines"""
    for path, text in CODE.items():
        start = 0
        for n, line in enumerate(bare(text).split("\n"), 1):
            if line.rstrip() == "{":
                start = n
            elif line.rstrip() == "}" and start:
                if n - start + 1 > MAX_FUNCTION:
                    yield f"{path}:{start}: {n - start + 1} lines"
                start = 0


INCLUDE = re.compile(r"^#\s*include\s*([<\"])([^>\"]+)[>\"]", re.M)


def layer(files, allowed):
    for path, text in files.items():
        for kind, name in INCLUDE.findall(text):
            if kind == "<":
                target = name
                if name in C_LIBRARY or name == "config.h":
                    continue
                if name == "lwt.h":
                    target = "lwt/lwt.h"
                elif re.fullmatch(r"lwt-(unix|net|xen)\.h", name):
                    target = {"u": "lwt-unix/", "n": "net/", "x": "lwt-xen/"}[name[4]] + name
            else:
                beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
                target = beside if os.path.exists(beside) else name
                if "/" not in target and not os.path.exists(target):
                    target = os.path.join(os.path.dirname(path), target)
            if not target.startswith(allowed):
                yield f"{path}: {name}"


def layer_lwt():
    """lwt/ includes the C library and itself only"""
    return layer(of("lwt"), ("lwt/",))


def layer_net():
    """net/ includes the C library, lwt/ and itself only, and TLS BearSSL"""
    return (found for found in layer(of("net"), ("lwt/", "net/"))
            if found != "net/tls.h: bearssl.h")


def layer_unix():
    """lwt-unix/ knows neither net/ nor lwt-xen/"""
    for path, text in of("lwt-unix").items():
        for _, name in INCLUDE.findall(text):
            if re.search(r"lwt-net|lwt-xen|\bnet/(?!if|ethernet|route)", name):
                yield f"{path}: {name}"


def layer_xen():
    """lwt-xen/ knows neither net/ nor lwt-unix/"""
    for path, text in of("lwt-xen").items():
        for _, name in INCLUDE.findall(text):
            if re.search(r"lwt-net|lwt-unix|\bnet/(?!if|ethernet|route)", name):
                yield f"{path}: {name}"


def platforms():
    """no #if for a platform above lwt-unix/ and lwt-xen/"""
    return grep(of("lwt", "net", "examples"),
                r"^\s*#.*\b(__linux__|__unix__|__APPLE__|__FreeBSD__|_WIN32|__XEN\w*)\b")


def memory():
    """memory of lwt/ and net/ comes from lwt__alloc()"""
    # What the caller gives to free() says so.
    files = {p: re.sub(r"\bmalloc(?=.*/\* for free\(\) \*/)", "lwt__alloc", t)
             for p, t in of("lwt", "net").items() if p not in ("lwt/slab.c", "lwt/test.c")}
    return grep(files, r"(?<![\w>.])(malloc|calloc|realloc|strdup|strndup)\s*\(")


def sleeps():
    """no test sleeps"""
    # Benchmarks and the guests on a real Xen have a clock of their own.
    files = {p: t for p, t in of("tests").items() if not re.search("/(bench|xen)/", p)}
    return grep(files, r"(?<!\w)(sleep|usleep|nanosleep)\s*\(")


def reproducible():
    """the build gives the same bytes each time"""
    return grep(CODE, r"\b__(DATE|TIME|TIMESTAMP)__\b")


def listed():
    """each source file is in Makefile.am"""
    words = set(re.findall(r"[\w./-]+", MAKEFILE))
    for path in {**CODE, **SCRIPTS}:
        program = re.sub(r"^((?:tests|examples)/.*)\.c$", r"\1", path)
        if path not in words and program not in words and "/" in path and \
                not path.startswith("."):
            yield path


def headers():
    """public headers include public headers only, and take C++"""
    public = re.findall(r"^\t((?:lwt|net|lwt-unix|lwt-xen)/\S+\.h) \\", re.search(
        r"nobase_include_HEADERS \+= \\\n((?:\t.*\n)+)", MAKEFILE).group(0), re.M)
    public += re.findall(r"^include_HEADERS \+= (\S+\.h)", MAKEFILE, re.M)
    for path in public:
        if 'extern "C"' not in CODE[path]:
            yield f"{path}: no extern \"C\""
        for kind, name in INCLUDE.findall(CODE[path]):
            if kind == '"' or name.startswith("lwt/") and name not in public:
                yield f"{path}: {name}"


def main():
    rules = [licence, form, file_length, function_length, layer_lwt, layer_net, layer_unix, layer_xen,
             platforms, memory, sleeps, reproducible, listed, headers]
    failed = 0
    for n, rule in enumerate(rules, 1):
        broken = list(rule())
        failed += bool(broken)
        print(f"{'not ' if broken else ''}ok {n} - {rule.__doc__}")
        for line in broken:
            print(f"# {line}")
    print(f"1..{len(rules)}")
    return failed != 0


sys.exit(main())
