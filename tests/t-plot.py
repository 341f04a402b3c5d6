#!/usr/bin/env python3
# t-plot.py - plot-connection draws what is in the log of a connection.
# SPDX-License-Identifier: ISC
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

top = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(__file__), "..")
build = os.environ.get("top_builddir") or "."
plot = os.path.join(top, "tests/bench/plot-connection")
writer = os.path.join(build, "tests/t-tcp-log")
number = failures = 0


def ok(good, what):
    global number, failures
    number += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {number} - {what}")


def count(svg, kind):
    return sum(e.get("class") == kind for e in svg.iter())


if not os.path.exists(writer):
    print("1..0 # SKIP tests/t-tcp-log is built with static libraries only")
    sys.exit()

with tempfile.TemporaryDirectory() as where:
    log = os.path.join(where, "log")
    svg = os.path.join(where, "svg")
    done = subprocess.run([writer, log],
                          stdout=subprocess.DEVNULL)
    ok(done.returncode == 0, "a transfer with a loss writes a log")
    with open(log, encoding="ascii") as file:
        words = [line.split()[1] for line in file if not line.startswith("#")]
    done = subprocess.run([sys.executable, plot, log, svg])
    ok(done.returncode == 0, "which is drawn")
    drawn = tree.parse(svg).getroot()
    for kind in ("send", "resend", "sacked", "recovery"):
        ok(count(drawn, kind) == words.count(kind) > 0,
           f"{kind}: {words.count(kind)} events, as many marks")
    for kind in ("acked", "window", "cwnd"):
        ok(count(drawn, kind) == 1, f"{kind}: a line")
    with open(log, "w", encoding="ascii") as file:
        file.write("nonsense\n")
    done = subprocess.run([sys.executable, plot, log], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    ok(done.returncode != 0 and "line 1" in done.stderr, "nonsense is refused")
print(f"1..{number}")
sys.exit(failures > 0)
