#!/usr/bin/env python3
# blackbox.py - our TCP/IP against the kernel's: over tap in a network namespace,
# and through the gateway.
# SPDX-License-Identifier: ISC
#
# Real clients (ping, curl, wrk, plain sockets) load the example programs; tshark
# looks at what went over the wire.  Speaks TAP.  BLACKBOX=full moves 1 GB each way
# and runs wrk for 10 s, the default 64 MB and 2 s.
import hashlib
import os
import random
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from www_client import BUILD, Program, done, need, ok, skip

FULL = os.environ.get("BLACKBOX") == "full"
SIZE = (1 << 30) if FULL else (64 << 20)
NS = "lwt-bb-%d" % os.getpid()
HOST, OURS = "10.99.0.1", "10.99.0.2"


def run(*cmd, **kw):
    kw.setdefault("timeout", 300)
    return subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)


def stops(program, name):
    status, out, err = program.stop()
    ok(status == 0 and not err, name, "%s\n%s%s" % (status, out, err))


def files(site):
    for dirpath, _, names in os.walk(site):
        for name in sorted(names):
            path = os.path.join(dirpath, name)
            yield os.path.relpath(path, site), path


def pages(ns, url, site):
    wrong = []
    n = 0
    for rel, path in files(site):
        if rel == "big":
            continue
        got = subprocess.run(ns + ["curl", "-s", "-f", "--max-time", "30", url + rel],
                             stdout=subprocess.PIPE).stdout
        n += 1
        if got != open(path, "rb").read():
            wrong.append(rel)
    ok(n > 3 and not wrong, "every page of the site is byte-exact (%d)" % n, wrong)


def download(ns, url, big, what):
    start = time.monotonic()
    r = run("sh", "-c", "%s curl -s -f --max-time 280 %sbig | cmp - %s"
            % (" ".join(ns), url, big))
    seconds = time.monotonic() - start
    ok(r.returncode == 0, "%s: %d MB from us, byte-exact" % (what, SIZE >> 20), r.stdout)
    print("# %.0f MB/s" % (SIZE / 1e6 / seconds))


def wrk(ns, url, what):
    if not shutil.which("wrk"):
        return skip("%s: wrk" % what, "wrk is not installed")
    r = run(*ns, "wrk", "-t", "1", "-c", "100", "-d", "10" if FULL else "2", url)
    text = r.stdout.decode()
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    ok(rate and float(rate.group(1)) > 0 and "Socket errors" not in text
       and "Non-2xx" not in text, "%s: wrk -c 100 without an error" % what, text)
    if rate:
        print("# %s requests/s" % rate.group(1))


# What runs inside the namespace, as a program of its own: this file again.

def echo_big(host, port, path):
    """Send the file to the echo service; what comes back must be the same."""
    s = socket.create_connection((host, port), timeout=60)
    sent, got = hashlib.sha256(), hashlib.sha256()

    def send():
        with open(path, "rb") as f:
            while chunk := f.read(1 << 18):
                sent.update(chunk)
                s.sendall(chunk)
        s.shutdown(socket.SHUT_WR)

    t = threading.Thread(target=send)
    t.start()
    n = 0
    while data := s.recv(1 << 18):
        got.update(data)
        n += len(data)
    t.join()
    return n == os.path.getsize(path) and sent.digest() == got.digest()


def many(host, port, n):
    """n connections, all open at once, each gets its own answer."""
    sel = selectors.DefaultSelector()
    socks = []
    for i in range(n):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((host, port))
        sel.register(s, selectors.EVENT_WRITE, i)
        socks.append(s)
    connected, answers, got = 0, 0, {}
    end = time.monotonic() + 60
    while answers < n and time.monotonic() < end:
        for key, events in sel.select(1):
            s, i = key.fileobj, key.data
            if events & selectors.EVENT_WRITE:
                err = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if err:
                    print("connection %d: %s" % (i, os.strerror(err)))
                    return False
                connected += 1
                sel.unregister(s)
                if connected == n:
                    for j, t in enumerate(socks):
                        t.send(b"connection %d\n" % j)
                        sel.register(t, selectors.EVENT_READ, j)
            else:
                got[i] = got.get(i, b"") + s.recv(100)
                if got[i] == b"connection %d\n" % i:
                    answers += 1
                    sel.unregister(s)
    if answers == n:
        for s in socks:
            s.shutdown(socket.SHUT_WR)
        for s in socks:
            s.setblocking(True)
            s.settimeout(30)
            if s.recv(10) != b"":
                return False
            s.close()
    return answers == n


def udp_echo(host, port, sizes):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    for size in sizes:
        data = os.urandom(size)
        s.sendto(data, (host, port))
        if s.recvfrom(70000)[0] != data:
            return False
    return True


def connect_back(host, port, mine, listen):
    """The control datagram: the service connects to us and echoes."""
    l = socket.create_server((mine, listen))
    l.settimeout(20)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.sendto(b"connect %s %d" % (mine.encode(), listen), (host, port))
    s, _ = l.accept()
    s.sendall(b"hello")
    s.shutdown(socket.SHUT_WR)
    got = b""
    while data := s.recv(100):
        got += data
    return got == b"hello"


def chargen(host, port, n):
    s = socket.create_connection((host, port), timeout=30)
    got = 0
    while got < n:
        data = s.recv(1 << 16)
        if not data:
            return False
        got += len(data)
    return True


def discard(host, port, n):
    s = socket.create_connection((host, port), timeout=30)
    for _ in range(n >> 16):
        s.sendall(bytes(1 << 16))
    s.shutdown(socket.SHUT_WR)
    return s.recv(10) == b""


def client(ns, what, *args):
    r = run(*ns, sys.executable, os.path.abspath(__file__), "--client", what,
            *[str(a) for a in args])
    return r.returncode == 0, r.stdout.decode()


def client_main(what, args):
    calls = {
        "echo": lambda h, p, path: echo_big(h, int(p), path),
        "many": lambda h, p, n: many(h, int(p), int(n)),
        "udp": lambda h, p, *sizes: udp_echo(h, int(p), [int(s) for s in sizes]),
        "back": lambda h, p, m, l: connect_back(h, int(p), m, int(l)),
        "chargen": lambda h, p, n: chargen(h, int(p), int(n)),
        "discard": lambda h, p, n: discard(h, int(p), int(n)),
    }
    return 0 if calls[what](*args) else 1


def services(ns, host, base, what, big):
    passed, why = client(ns, "echo", host, base + 7, big)
    ok(passed, "%s: %d MB to us and back, byte-exact" % (what, SIZE >> 20), why)
    passed, why = client(ns, "many", host, base + 7, 1000)
    ok(passed, "%s: 1,000 connections at once" % what, why)
    passed, why = client(ns, "chargen", host, base + 19, SIZE // 8)
    ok(passed, "%s: chargen" % what, why)
    passed, why = client(ns, "discard", host, base + 9, SIZE // 8)
    ok(passed, "%s: discard" % what, why)


# ---- Over tap -----------------------------------------------------------------

def capture(ns, path):
    # dumpcap names its file once the device is open; tshark speaks before.
    p = subprocess.Popen(ns + ["dumpcap", "-i", "tap0", "-w", path, "-B", "64"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if line.startswith("File:"):
            break
    return p


def captured(p):
    p.send_signal(signal.SIGINT)
    p.communicate()


def resets(path):
    """RST in a stream that has not seen FIN from both sides.  Later there is
    nothing to reset: an ACK that was sent twice finds no connection."""
    fields = [f for name in ("tcp.stream", "ip.src", "tcp.flags.fin", "tcp.flags.reset")
              for f in ("-e", name)]
    r = run("tshark", "-r", path, "-T", "fields", *fields, "-Y",
            "tcp.flags.fin == 1 || tcp.flags.reset == 1")
    ended, bad = {}, []
    for line in r.stdout.decode().splitlines():
        stream, source, fin, reset = (line.split("\t") + [""] * 4)[:4]
        if fin in ("1", "True"):
            ended.setdefault(stream, set()).add(source)
        if reset in ("1", "True") and len(ended.get(stream, ())) < 2:
            bad.append(line)
    return bad


def look(path, finished):
    """finished: the checksums of what we send are not left to the device."""
    def rows(condition):
        r = run("tshark", "-r", path, "-o", "tcp.check_checksum:TRUE",
                "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                "-Y", condition)
        return [l for l in r.stdout.decode().splitlines() if "Running as" not in l]

    total = len(rows("ip"))
    ok(total > 1000, "the capture holds the traffic (%d packets)" % total)
    bad = rows("_ws.malformed")
    ok(not bad, "tshark: no malformed packet", "\n".join(bad))
    bad = rows("ip.src == %s && (ip.checksum.status == 0" % OURS + (
        " || tcp.checksum.status == 0 || udp.checksum.status == 0)" if finished else ")"))
    ok(not bad, "tshark: no bad checksum from us", "\n".join(bad))
    bad = resets(path)
    ok(not bad, "tshark: no reset of what is open", "\n".join(bad))


def over_tap(site, big, net):
    """net: tap:tap0 with the offloads of the device, tap:tap0,plain without."""
    ns = ["ip", "netns", "exec", NS]
    setup = ["ip netns add " + NS,
             "ip -n %s link set lo up" % NS,
             "ip -n %s tuntap add dev tap0 mode tap" % NS,
             "ip -n %s addr add %s/24 dev tap0" % (NS, HOST),
             "ip netns exec %s sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1" % NS,
             "ip -n %s link set tap0 up" % NS]
    for line in setup:
        r = run(*line.split())
        if r.returncode:
            return skip("over tap", "%s: %s" % (line, r.stdout.decode().strip()))
    try:
        addr = "--addr=%s/24" % OURS
        www = Program("www", "--net=" + net, addr, "--port=80", "--root=" + site,
                      prefix=ns)
        url = "http://%s/" % OURS
        r = run(*ns, "ping", "-c", "20", "-i", "0.01", OURS)
        ok(b" 0% packet loss" in r.stdout, "ping", r.stdout.decode())
        r = run(*ns, "ping", "-c", "20", "-i", "0.01", "-s", "1400", OURS)
        ok(b" 0% packet loss" in r.stdout, "ping -s 1400", r.stdout.decode())
        r = run(*ns, "ping", "-c", "5", "-i", "0.01", "-s", "8000", OURS)
        ok(b" 0% packet loss" in r.stdout, "ping -s 8000, in fragments", r.stdout.decode())
        shark = shutil.which("tshark")
        path = os.path.join(site, "..", "capture.pcap")
        if shark:
            p = capture(ns, path)
        pages(ns, url, site)
        download_small(ns, url, site)
        if not shark:
            skip("tshark looks at a capture", "tshark is not installed")
        download(ns, url, big, net)
        wrk(ns, url, net)
        stops(www, net + ": www stops cleanly")
        sv = Program("services", "--net=" + net, addr, "--connections=2000", prefix=ns)
        if shark:
            # What wrk cuts off at its end is not ours to answer for: a new capture.
            captured(p)
            p = capture(ns, path)
        passed, why = client(ns, "many", OURS, 7, 1000)
        ok(passed, net + ": 1,000 connections, captured", why)
        passed, why = client(ns, "udp", OURS, 7, 0, 1, 64, 1400, 1472, 1473, 9000, 65507)
        ok(passed, "UDP echo of 0 to 65,507 bytes", why)
        passed, why = client(ns, "back", OURS, 9999, HOST, 5555)
        ok(passed, "connect IP PORT: we connect and echo", why)
        run(*ns, "ping", "-c", "20", "-i", "0.01", OURS)
        if shark:
            captured(p)
            look(path, net.endswith(",plain"))
        services(ns, OURS, 0, net, big)
        stops(sv, net + ": services stops cleanly")
    finally:
        run("ip", "netns", "del", NS)


def download_small(ns, url, site):
    head = run(*ns, "curl", "-s", "-I", url).stdout.decode()
    ok(re.match(r"HTTP/1.1 200", head) and "Content-Length:" in head, "HEAD", head)


# ---- Through the gateway ---------------------------------------------------------

def free_base(*offsets):
    """A number such that the ports so far above it are free now."""
    while True:
        base = random.randrange(20000, 50000)
        try:
            for offset in offsets:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            pass


def through_gateway(site, big):
    port = free_base(0)
    www = Program("www", "--net=gateway", "--port=%d" % port, "--root=" + site)
    url = "http://127.0.0.1:%d/" % port
    pages([], url, site)
    download([], url, big, "gateway")
    wrk([], url, "gateway")
    stops(www, "gateway: www stops cleanly")
    base = free_base(7, 9, 19, 80, 9999)
    sv = Program("services", "--net=gateway", "--port-base=%d" % base,
                 "--connections=2000")
    services([], "127.0.0.1", base, "gateway", big)
    stops(sv, "gateway: services stops cleanly")


def main():
    tmp = tempfile.mkdtemp(prefix="lwt-blackbox-")
    try:
        site = os.path.join(tmp, "site")
        built = os.path.join(BUILD, "doc", "site")
        if os.path.isdir(built):
            shutil.copytree(built, site)
        else:
            os.mkdir(site)
            for i in range(5):
                with open(os.path.join(site, "page%d.html" % i), "wb") as f:
                    f.write(os.urandom(1000 * (i + 1)))
            shutil.copy(os.path.join(site, "page0.html"), os.path.join(site, "index.html"))
        big = os.path.join(site, "big")
        block = os.urandom(1 << 20)
        with open(big, "wb") as f:
            for i in range(SIZE >> 20):
                f.write(i.to_bytes(8, "big") + block[8:])
        if not shutil.which("curl"):
            skip("all", "curl is not installed")
        else:
            through_gateway(site, big)
            if os.geteuid() != 0:
                skip("over tap", "needs root for a network namespace")
            elif not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
                skip("over tap", "needs /dev/net/tun and iproute2")
            else:
                over_tap(site, big, "tap:tap0")
                over_tap(site, big, "tap:tap0,plain")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    done()


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--client":
        sys.exit(client_main(sys.argv[2], sys.argv[3:]))
    need("www")
    main()
