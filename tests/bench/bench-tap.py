#!/usr/bin/env python3
# bench-tap.py - our stack over a tap device beside its peers, in one run.
# SPDX-License-Identifier: ISC
#
#   tests/bench/bench-tap.py [--runs=N] [--secs=S] [--lwip=DIR] [ROW...]
#
# (in the build directory, as root, nothing else running; all rows take five minutes).
# The load is always the kernel's, on CPU 0; the server is on CPU 1, in turn:
#
#   lwt, lwt-plain    our programs over tap, with and without offloads
#   raw               frames read and written back, no stack (rows udp)
#   lwip              lwIP as packaged, over tap (lwip-tap.c, where liblwip-dev is)
#   lwip-httpd        the same with the httpd of DIR, its source (rows http)
#   kernel            the kernel's TCP over veth, with offloads
#   kernel-plain      the same without
#   nginx             over veth, with offloads (rows http)
#
# One line for each row and server: the median rate, with its spread and the
# server's processor time.  Then, from one more run of ours with count-calls.c, what an
# operation (of streams: a frame) takes in system calls, allocations and copies.  At
# last the ratios that matter, each the median of its runs, with what it should be.
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", ".")
NS, NS2 = "lwt-bench-%d" % os.getpid(), "lwt-bench2-%d" % os.getpid()
OURS, HOST = "10.98.0.2", "10.98.0.1"
OFF = "tso off gso off gro off tx off rx off sg off".split()
# unit, what bench-load does
ROWS = {
    "put": ("MB/s", ["put", OURS, "9", "SECS"]),
    "get": ("MB/s", ["get", OURS, "19", "SECS"]),
    "rr": ("/s", ["rr", OURS, "7", "SECS"]),
    "udp64": ("/s", ["udp", OURS, "7", "SECS", "64", "64"]),
    "udp1400": ("/s", ["udp", OURS, "7", "SECS", "1400", "64"]),
    "http": ("/s", 600),
    "http60k": ("/s", 60000),
}


def program(name):
    return os.path.join(os.path.abspath(BUILD), name)


LOAD = program("tests/bench/bench-load")
BUILT = {}  # what was compiled here
# Counters of count-calls.c
COUNTS = "waits reads writes other allocs frees copies copied".split()
# row, server, peer (or bytes a second), what the ratio should be at least.  "lwip"
# answers HTTP by lwip-tap.c, which has less to do than the httpd that the package lacks.
BARS = [
    ("put", "lwt", "kernel", 0.9),
    ("put", "lwt-plain", 1050e6, 1),
    ("get", "lwt", "kernel", 0.5),
    ("get", "lwt", "lwip", 5),
    ("get", "lwt-plain", 1000e6, 1),
    ("udp64", "lwt", "raw", 0.95),
    ("udp1400", "lwt", "raw", 0.95),
    ("http", "lwt", "lwip", 1.3),
    ("http", "lwt", "lwip-httpd", 1.3),
    ("http", "lwt", "nginx", 1.3),
    ("http60k", "lwt", "nginx", 0.5),
]


def run(*cmd, check=True):
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and r.returncode:
        raise RuntimeError("%s: %s" % (" ".join(cmd), r.stdout))
    return r.stdout


def inside(ns, cpu, *cmd):
    return ["ip", "netns", "exec", ns, "taskset", "-c", str(cpu), *cmd]


class Peer:
    """A server of one kind for one row: starts, is loaded, stops."""

    def __init__(self, kind, row, site):
        self.kind, self.row, self.site, self.process = kind, row, site, None

    def command(self):
        http = self.row.startswith("http")
        if self.kind.startswith("lwt"):
            net = "--net=tap:tap0" + (",plain" if self.kind == "lwt-plain" else "")
            one = ["examples/www", "--port=80", "--root=" + self.site] if http else \
                  ["examples/services", "--window=4194304"]
            return [program(one[0]), net, "--addr=%s/24" % OURS, *one[1:]]
        if self.kind == "raw":
            return [LOAD, "raw", "tap0"]
        if self.kind.startswith("lwip"):
            return [BUILT[self.kind], "tap0", OURS]
        if self.kind == "nginx":
            return ["nginx", "-c", os.path.join(self.site, "..", "nginx.conf")]
        return [LOAD, "serve"]

    def wire(self):
        """The device between load and server, made anew."""
        for ns in NS, NS2:
            run("ip", "netns", "del", ns, check=False)
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        if self.kind in ("kernel", "kernel-plain", "nginx"):
            run("ip", "-n", NS, "link", "add", "tap0", "type", "veth", "peer", "name",
                "tap0", "netns", NS2)
            run("ip", "-n", NS2, "addr", "add", OURS + "/24", "dev", "tap0")
            run("ip", "-n", NS2, "link", "set", "tap0", "up")
            if self.kind == "kernel-plain":
                for ns in NS, NS2:
                    run("ip", "netns", "exec", ns, "ethtool", "-K", "tap0", *OFF)
            self.ns = NS2
        else:
            run("ip", "-n", NS, "tuntap", "add", "dev", "tap0", "mode", "tap")
            self.ns = NS
        run("ip", "-n", NS, "addr", "add", HOST + "/24", "dev", "tap0")
        run("ip", "-n", NS, "link", "set", "tap0", "up")

    def start(self, counts=None):
        """counts: a file for count-calls.c"""
        self.wire()
        env = []
        if counts:
            env = ["env", "COUNT_CALLS=" + counts, "LD_PRELOAD=" + BUILT["counts"]]
        self.process = subprocess.Popen(inside(self.ns, 1, *env, *self.command()),
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 10
        probe = ["ping", "-c1", "-W1", OURS] if self.kind != "raw" else ["true"]
        while subprocess.run(inside(NS, 0, *probe), stdout=subprocess.DEVNULL).returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(self.process.stderr.read())
        time.sleep(0.3)

    def ticks(self):
        """Processor time of the server so far, in seconds."""
        total = 0
        pids = [self.process.pid]
        for pid in pids:
            try:
                with open("/proc/%d/stat" % pid) as f:
                    fields = f.read().rpartition(")")[2].split()
                with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                    pids += [int(p) for p in f.read().split()]
            except FileNotFoundError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def load(self, secs):
        unit, what = ROWS[self.row]
        before = self.ticks()
        if self.row.startswith("http"):
            connections = "64" if self.row == "http" else "16"
            text = run(*inside(NS, 0, "wrk", "-t1", "-c", connections, "-d", "%ds" % secs,
                               # lwIP's httpd does not know that it is the default
                               "-H", "Connection: keep-alive",
                               "http://%s/%d" % (OURS, what)))
            rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
            if re.search("Socket errors|Non-2xx", text):
                raise RuntimeError(text)
            count = rate * secs
        else:
            text = run(*inside(NS, 0, LOAD, *[str(secs) if w == "SECS" else w
                                                 for w in what]))
            rate = float(re.search(r"rate=(\d+)", text).group(1))
            # Of a stream the first part is not in the rate.
            count = rate * secs * (1.25 if unit == "MB/s" else 1)
        return rate, (self.ticks() - before) / count, count

    def frames(self):
        """That went over the device so far, both ways."""
        text = run("ip", "netns", "exec", NS, "cat", *[
            "/sys/class/net/tap0/statistics/%s_packets" % way for way in ("rx", "tx")])
        return sum(int(n) for n in text.split())

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def peers(row):
    stream, http = row in ("put", "get"), row.startswith("http")
    kinds = ["lwt"]
    if stream:
        kinds.append("lwt-plain")
    if row.startswith("udp"):
        kinds.append("raw")
    if "lwip" in BUILT:
        kinds.append("lwip")
    if http and "lwip-httpd" in BUILT:
        kinds.append("lwip-httpd")
    if http and shutil.which("nginx"):
        kinds.append("nginx")
    if not http:
        kinds.append("kernel")
    if stream and shutil.which("ethtool"):
        kinds.append("kernel-plain")
    return kinds


def build(tmp, lwip):
    """What is only needed here.  lwip: a directory, or None."""
    sources = os.path.join(TOP, "tests", "bench")
    programs = [("lwip", "lwip-tap.c", ["-I/usr/include/lwip", "-llwip"]),
                ("counts", "count-calls.c", ["-shared", "-fPIC"])]
    if lwip:
        programs.append(("lwip-httpd", "lwip-tap.c", [
            "-w", "-DLWIP_TAP_HTTPD", "-DLWIP_HTTPD_SUPPORT_11_KEEPALIVE=1",
            '-DHTTPD_FSDATA_FILE="lwip-files.h"', "-I" + sources, "-I/usr/include/lwip",
            *[os.path.join(lwip, "src", "apps", "http", f) for f in ("httpd.c", "fs.c")],
            "-llwip"]))
    for name, source, flags in programs:
        out = os.path.join(tmp, name)
        r = subprocess.run([os.environ.get("CC", "cc"), "-O2",
                            os.path.join(sources, source), *flags, "-o", out],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode == 0:
            BUILT[name] = out
        else:
            print("# without %s, which does not compile: %s"
                  % (source, r.stdout.strip().split("\n")[0]))


def make_site(tmp):
    site = os.path.join(tmp, "site")
    os.mkdir(site)
    os.chmod(tmp, 0o755)
    for size in 600, 60000:
        with open(os.path.join(site, str(size)), "wb") as f:
            f.write(b"x" * size)
    with open(os.path.join(tmp, "nginx.conf"), "w") as f:
        f.write("""daemon off; worker_processes 1; pid %s/pid; error_log %s/log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
       server { listen 80; root %s; } }
""" % (tmp, tmp, site))
    return site


def say(row, kind, runs):
    unit = ROWS[row][0]
    runs.sort()
    rate, cpu = runs[len(runs) // 2]
    scale = 1e6 if unit == "MB/s" else 1
    each = "cpu_s_per_gb=%.2f" % (cpu * 1e9) if scale > 1 else "cpu_us=%.2f" % (cpu * 1e6)
    print("impl=%s bench=%s rate=%.0f unit=%s %s min=%.0f max=%.0f runs=%d"
          % (kind, row, rate / scale, unit, each, runs[0][0] / scale, runs[-1][0] / scale,
             len(runs)), flush=True)


def measure(row, n, secs, site):
    """Runs of each server, in turn: lists of (rate, processor time)."""
    kinds, results = peers(row), {}
    for _ in range(n):
        for kind in kinds:
            peer = Peer(kind, row, site)
            try:
                peer.start()
                rate, cpu, _ = peer.load(secs)
            finally:
                peer.stop()
            results.setdefault(kind, []).append((rate, cpu))
    for kind in kinds:
        say(row, kind, results[kind][:])
    return results


def count(row, kind, site):
    """What it takes: for each operation, or for each frame."""
    path = os.path.join(site, "..", "counted")
    peer = Peer(kind, row, site)
    try:
        peer.start(path)
        with open(path, "rb") as f:
            before, frames = struct.unpack("8Q", f.read()), peer.frames()
            _, _, operations = peer.load(1)
            f.seek(0)
            after, frames = struct.unpack("8Q", f.read()), peer.frames() - frames
    finally:
        peer.stop()
    got = dict(zip(COUNTS, (a - b for a, b in zip(after, before))))
    stream = ROWS[row][0] == "MB/s"
    n = frames if stream else operations
    calls = sum(got[k] for k in COUNTS[:4])
    print("impl=%s bench=%s per=%s calls=%.3f waits=%.3f reads=%.3f writes=%.3f "
          "allocs=%.3f copies=%.3f copied_bytes=%.0f frames=%.3f bytes_per_frame=%.0f"
          % (kind, row, "frame" if stream else "operation", calls / n, got["waits"] / n,
             got["reads"] / n, got["writes"] / n, got["allocs"] / n, got["copies"] / n,
             got["copied"] / n, frames / n, operations / frames if stream else 0),
          flush=True)


def compare(all_results):
    for row, kind, peer, bar in BARS:
        runs = all_results.get(row, {})
        name = peer if isinstance(peer, str) else "%.0f_MB/s" % (peer / 1e6)
        if row not in all_results or kind not in runs or (name == peer and
                                                          peer not in runs):
            continue
        mine = [rate for rate, _ in runs[kind]]
        theirs = [rate for rate, _ in runs[peer]] if name == peer else [peer] * len(mine)
        ratio = sorted(a / b for a, b in zip(mine, theirs))[len(mine) // 2]
        print("ratio=%s/%s bench=%s value=%.2f bar=%.2f met=%s"
              % (kind, name, row, ratio, bar, "yes" if ratio >= bar else "NO"))


def main():
    n, secs, rows, lwip = 3, 2, [], None
    for arg in sys.argv[1:]:
        if arg.startswith("--runs="):
            n = int(arg[7:])
        elif arg.startswith("--secs="):
            secs = int(arg[7:])
        elif arg.startswith("--lwip="):
            lwip = arg[7:]
        elif arg in ROWS:
            rows.append(arg)
        else:
            sys.exit("usage: bench-tap.py [--runs=N] [--secs=S] [--lwip=DIR] [%s]..."
                     % "|".join(ROWS))
    if os.geteuid() or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        sys.exit("bench-tap.py: needs root, /dev/net/tun and iproute2")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    tmp = tempfile.mkdtemp(prefix="lwt-bench-")
    results = {}
    try:
        site = make_site(tmp)
        build(tmp, lwip)
        for row in rows or ROWS:
            if row.startswith("http") and not shutil.which("wrk"):
                print("# %s: wrk is not installed" % row)
                continue
            results[row] = measure(row, n, secs, site)
        for row in results:
            if "counts" in BUILT:
                count(row, "lwt", site)
        compare(results)
    finally:
        for ns in NS, NS2:
            run("ip", "netns", "del", ns, check=False)
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
