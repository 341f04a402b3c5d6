#!/usr/bin/env python3
# trace.py - what the environment switches on: LWT_TRACE, LWT_DEBUG, LWT_STALL.
# SPDX-License-Identifier: ISC
#
# Runs the program observed.c, reads its trace as Perfetto would, and its reports.
# Speaks TAP.
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

from www_client import BUILD, done, ok, same, skip

TESTS = os.path.join(BUILD, "tests")


def run(program, *args, **variables):
    """(exit status, stderr), in an environment without switches but these"""
    env = {k: v for k, v in os.environ.items()
           if k not in ("LWT_TRACE", "LWT_DEBUG", "LWT_STALL")}
    r = subprocess.run([os.path.join(TESTS, program), *args], env={**env, **variables},
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
    return r.returncode, r.stderr.decode()


def traced(program, *args, whole=True):
    """(exit status, stderr, text of the trace, its events)"""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "trace.json")
        status, err = run(program, *args, LWT_TRACE=path)
        with open(path, encoding="ascii") as file:
            text = file.read()
    end = text if whole else re.sub(r",\s*\Z", "\n]", text)
    try:
        events = json.loads(end)
    except ValueError as error:
        ok(False, f"{program} {' '.join(args)}: the trace is JSON", error)
        return status, err, text, []
    ok(True, f"{program} {' '.join(args)}: the trace is JSON, {len(events)} events")
    return status, err, text, events


def broken(events, whole):
    """What is wrong with the order and the pairs of the events."""
    stacks, spans, times = {}, {}, {}
    for n, e in enumerate(events):
        if e["ph"] == "M":
            continue
        track = e["tid"]
        if e["ts"] < times.get(track, 0):
            yield f"{n}: back in time: {e}"
        times[track] = e["ts"]
        stack = stacks.setdefault(track, [])
        if e["ph"] == "B":
            stack.append(e["cat"])
        elif e["ph"] == "E":
            if not stack or stack.pop() != e["cat"]:
                yield f"{n}: ends what is not open: {e}"
        elif e["ph"] == "b":
            if spans.get(e["id"]):
                yield f"{n}: begun twice: {e}"
            spans[e["id"]] = (e["cat"], e["name"], track)
        elif e["ph"] == "e":
            if spans.pop(e["id"], None) != (e["cat"], e["name"], track):
                yield f"{n}: no such span: {e}"
    if whole:
        yield from (f"open at the end: {s}" for s in spans.values())
        yield from (f"open on track {t}: {s}" for t, s in stacks.items() if s)


def well_formed(events, name, whole=True):
    wrong = list(broken(events, whole))
    ok(events and not wrong, f"{name}: events pair and nest, time goes forward",
       "\n".join(wrong))


def has(events, phase, category, name):
    return [e for e in events if (e["ph"], e.get("cat"), e["name"]) ==
            (phase, category, name)]


EXPECTED = [("b", "frame", "reader_step"), ("b", "frame", "writer_step"),
            ("b", "sleep", "sleep"), ("B", "call", "writer_step"), ("B", "loop", "wait"),
            ("b", "bind", 'worker "1"'), ("B", "call", 'worker "1"'),
            ("i", "io", "readable"), ("i", "io", "written"),
            ("i", "work", "begin"), ("i", "work", "end"), ("C", "loop", "loop")]


def missing(events):
    return [e for e in EXPECTED if not has(events, *e)]


def plain():
    status, err, text, events = traced("observed", "run")
    same((status, err), (0, ""), "run: it runs as ever")
    well_formed(events, "run")
    same(missing(events), [], "run: threads, binds, timers, I/O and work are there")
    ok(sum(e["args"]["value"] for e in has(events, "i", "io", "written")) == 15,
       "run: each write says its bytes")
    where = [e["args"]["where"] for e in has(events, "b", "sleep", "sleep")]
    ok(len(where) == 3 and all("observed.c:" in w for w in where),
       "run: a span says the line that made it", where)
    ok(has(events, "M", None, "process_labels"), "run: the end is there")


def loops():
    status, err, text, events = traced("observed", "threads")
    same((status, err), (0, ""), "threads: they run as ever")
    well_formed(events, "threads")
    tracks = {e["tid"] for e in events if e["ph"] == "B"}
    same(len(tracks), 2, "threads: two tracks")
    for track in sorted(tracks):
        same(missing([e for e in events if e.get("tid") == track]), [],
             "threads: all is on each")


def ends():
    status, err, text, events = traced("observed", "exit")
    same(status, 3, "exit() in a callback")
    well_formed(events, "exit")
    same(len(has(events, "b", "sleep", "sleep")), 2, "exit: what was pending is there")
    status, err, text, events = traced("observed", "term", whole=False)
    same(status, -signal.SIGTERM, "killed by SIGTERM")
    ok(text.startswith("[\n") and text.endswith(",\n"),
       "term: the trace ends between two events")
    well_formed(events, "term", whole=False)
    ok(len(has(events, "B", "call", "busy_step")) > 100, "term: with all but the last piece")


def refused():
    status, err = run("observed", "run", LWT_TRACE="/nonexistent/trace.json")
    same(status, 0, "a trace that cannot be written stops nothing")
    ok("/nonexistent/trace.json" in err, "... and is reported", err)


def segments():
    if not os.access(os.path.join(TESTS, "t-tcp-open"), os.X_OK):
        return skip("segments of TCP", "no t-tcp-open")
    status, err, text, events = traced("t-tcp-open")
    same(status, 0, "t-tcp-open: it runs as ever")
    ok(has(events, "i", "tcp", "sent") and has(events, "i", "tcp", "received"),
       "t-tcp-open: segments sent and received")
    states = {e["name"] for e in events if e.get("cat") == "tcp state"}
    same({"syn-sent", "syn-received", "established", "closed"} - states, set(),
         "t-tcp-open: states of connections")
    status, err, text, events = traced("t-tcp-recover")
    same(status, 0, "t-tcp-recover: it runs as ever")
    for name in ("recovery", "timeout", "tail loss probe", "undo", "open"):
        ok(has(events, "i", "tcp", name), f"t-tcp-recover: {name}")
    status, err, text, events = traced("t-tcp-close")
    names = [e["name"] for e in events if e.get("cat") == "tcp state"]
    same({"fin-wait-1", "fin-wait-2", "close-wait", "closing", "last-ack", "time-wait"}
         - set(names), set(), "t-tcp-close: the states of an end")


def reports():
    status, err = run("observed", "reject")
    ok(status == 0 and "lookup" in err and "passed" not in err,
       "a failure of lwt_run(), no path without LWT_DEBUG", err)
    status, err = run("observed", "reject", LWT_DEBUG="1")
    passed = re.findall(r"^  passed \S*observed\.c:(\d+)$", err, re.M)
    ok(status == 0 and len(passed) == 3 and passed == sorted(passed, key=int),
       "LWT_DEBUG=1: the three binds it passed, in order", err)
    ok(re.search(r"^  made at \S*observed\.c:\d+$", err, re.M),
       "LWT_DEBUG=1: where it was made", err)
    same(run("observed", "reject", LWT_DEBUG="0"), run("observed", "reject"),
         "LWT_DEBUG=0 is off")
    status, err = run("observed", "stall", LWT_STALL="10ms")
    ok(re.fullmatch(r"lwt: bind held the loop for 0\.011000 s, made at \S*observed\.c:\d+\n",
                    err), "LWT_STALL=10ms reports 11 ms", err)
    for limit, mode in (("10ms", "brief"), ("1s", "stall"), ("0", "stall"), ("", "stall")):
        same(run("observed", mode, LWT_STALL=limit), (0, ""),
             f"LWT_STALL={limit}: not for {mode}")
    for limit in ("10999us", "10999999"):
        ok("0.011000 s" in run("observed", "stall", LWT_STALL=limit)[1],
           f"LWT_STALL={limit} reports 11 ms")


if not os.access(os.path.join(TESTS, "observed"), os.X_OK):
    print("1..0 # SKIP no tests/observed")
    sys.exit(0)
plain()
loops()
ends()
refused()
segments()
reports()
done()
