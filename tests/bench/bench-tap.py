#!/usr/bin/env python3
# bench-tap.py - our stack over a tap device beside its peers, in one run.
# SPDX-License-Identifier: ISC
#
#   tests/bench/bench-tap.py [--runs=N] [--secs=S] [--calls] [ROW...]
#
# (in the build directory, as root, nothing else running).  The load is always the
# kernel's, on CPU 0; the server is on CPU 1, in turn:
#
#   lwt, lwt-plain    our programs over tap, with and without offloads
#   raw               frames read and written back, no stack (rows udp)
#   lwip              lwIP as packaged, over tap (where tests/bench/lwip was built)
#   kernel            the kernel's TCP over veth, with offloads
#   kernel-plain      the same without
#   nginx             over veth, with offloads (rows http)
#
# One line for each row and server: the median rate, with its spread and the
# server's processor time.  --calls counts the server's system calls instead.
import os
import re
import shutil
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
LWIP = program("tests/bench/bench-lwip")


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
                  ["examples/services"]
            return [program(one[0]), net, "--addr=%s/24" % OURS, *one[1:]]
        if self.kind == "raw":
            return [LOAD, "raw", "tap0"]
        if self.kind == "lwip":
            return [LWIP, "tap", "tap0"]
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

    def start(self, calls=None):
        self.wire()
        trace = ["strace", "-c", "-f", "-o", calls] if calls else []
        self.process = subprocess.Popen(inside(self.ns, 1, *trace, *self.command()),
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
                               "http://%s/%d" % (OURS, what)))
            rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
            if re.search("Socket errors|Non-2xx", text):
                raise RuntimeError(text)
            count = rate * secs
        else:
            text = run(*inside(NS, 0, LOAD, *[str(secs) if w == "SECS" else w
                                                 for w in what]))
            rate = float(re.search(r"rate=(\d+)", text).group(1))
            count = rate * secs * (1.25 if unit == "MB/s" else 1)
        return rate, (self.ticks() - before) / count, count

    def stop(self):
        run("pkill", "-TERM", "-P", str(self.process.pid), check=False)
        self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def peers(row):
    kinds = ["lwt", "lwt-plain"]
    if row.startswith("udp"):
        kinds.append("raw")
    if os.access(LWIP, os.X_OK) and not row.startswith("http"):
        kinds.append("lwip")
    if row.startswith("http"):
        if shutil.which("nginx"):
            kinds.append("nginx")
    else:
        kinds.append("kernel")
        if shutil.which("ethtool"):
            kinds.append("kernel-plain")
    return kinds


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


def say_calls(row, kind, path, count):
    print("impl=%s bench=%s" % (kind, row))
    for line in open(path):
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total" and \
           int(fields[3]) > 100:
            each = int(fields[3]) / count * (1e6 if ROWS[row][0] == "MB/s" else 1)
            print("  %-14s %8.3f per %s" % (
                fields[-1], each, "MB" if ROWS[row][0] == "MB/s" else "operation"))
    sys.stdout.flush()


def measure(row, n, secs, calls, site):
    kinds, results = peers(row), {}
    for _ in range(n):
        for kind in kinds:
            path = os.path.join(site, "..", "calls") if calls else None
            peer = Peer(kind, row, site)
            try:
                peer.start(path)
                rate, cpu, count = peer.load(secs)
            finally:
                peer.stop()
            if calls:
                say_calls(row, kind, path, count)
            results.setdefault(kind, []).append((rate, cpu))
    for kind in kinds:
        if not calls:
            say(row, kind, results[kind])


def main():
    n, secs, calls, rows = 3, 2, False, []
    for arg in sys.argv[1:]:
        if arg.startswith("--runs="):
            n = int(arg[7:])
        elif arg.startswith("--secs="):
            secs = int(arg[7:])
        elif arg == "--calls":
            calls, n = True, 1
        elif arg in ROWS:
            rows.append(arg)
        else:
            sys.exit("usage: bench-tap.py [--runs=N] [--secs=S] [--calls] [%s]..."
                     % "|".join(ROWS))
    if os.geteuid() or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        sys.exit("bench-tap.py: needs root, /dev/net/tun and iproute2")
    tmp = tempfile.mkdtemp(prefix="lwt-bench-")
    try:
        site = make_site(tmp)
        for row in rows or ROWS:
            if row.startswith("http") and not shutil.which("wrk"):
                print("# %s: wrk is not installed" % row)
                continue
            measure(row, n, secs, calls, site)
    finally:
        for ns in NS, NS2:
            run("ip", "netns", "del", ns, check=False)
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
