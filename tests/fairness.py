#!/usr/bin/env python3
# fairness.py - a flow of ours and one of the kernel's share a slow link.
# SPDX-License-Identifier: ISC
#
#   ours, over tap  \                   40 Mbit/s,
#                     router (kernel) ------------- reader (kernel)
#   the kernel's    /                   a queue of 12 ms that drops
#
# Both senders have more to send than the reader takes, both use CUBIC.  Who got how much
# is counted in bytes, once both are past slow start, until so many have come in all: a
# busy machine makes it slower, not another test.  Speaks TAP.
import os
import selectors
import shutil
import socket
import subprocess
import sys

from www_client import Program, done, need, ok, skip

NAMES = {n: "lwt-fa-%s-%d" % (n, os.getpid()) for n in ("router", "reader", "kernel")}
OURS, KERNEL, READER = "10.95.1.2", "10.95.2.2", "10.95.3.2"
PORT = 19
RATE = "40mbit"
QUEUE = 60000
SKIP, COUNT = 10 << 20, 30 << 20  # bytes: 2 s and 6 s

SETUP = """
ip netns add ROUTER
ip netns add READER
ip netns add KERNEL
ip -n ROUTER tuntap add dev tap0 mode tap
ip -n ROUTER addr add 10.95.1.1/24 dev tap0
ip -n ROUTER link set tap0 up
ip -n ROUTER link add k0 type veth peer name e0 netns KERNEL
ip -n ROUTER addr add 10.95.2.1/24 dev k0
ip -n ROUTER link set k0 up
ip -n KERNEL addr add 10.95.2.2/24 dev e0
ip -n KERNEL link set e0 up
ip -n KERNEL route add default via 10.95.2.1
ip -n ROUTER link add r0 type veth peer name e0 netns READER
ip -n ROUTER addr add 10.95.3.1/24 dev r0
ip -n ROUTER link set r0 up
ip -n READER addr add 10.95.3.2/24 dev e0
ip -n READER link set e0 up
ip -n READER route add default via 10.95.3.1
ip netns exec ROUTER sysctl -qw net.ipv4.ip_forward=1
ip netns exec ROUTER tc qdisc add dev r0 root tbf rate %s burst 10000 limit %d
""" % (RATE, QUEUE)


def in_ns(name):
    return ["ip", "netns", "exec", NAMES[name]]


# ---- In the namespaces: this file again -------------------------------------------

def send():
    """Characters without end to whoever connects, with CUBIC."""
    import threading

    def one(s):
        try:
            while True:
                s.sendall(bytes(1 << 16))
        except OSError:
            pass

    l = socket.create_server(("", PORT))
    l.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    print("ready", flush=True)
    while True:
        threading.Thread(target=one, args=(l.accept()[0],), daemon=True).start()


def read(*hosts):
    """Bytes from each between the first SKIP and the COUNT after them."""
    select = selectors.DefaultSelector()
    got = [0] * len(hosts)
    for i, host in enumerate(hosts):
        s = socket.create_connection((host, PORT), 30)
        s.setblocking(False)
        select.register(s, selectors.EVENT_READ, i)
    before = None
    while sum(got) < SKIP + COUNT:
        ready = select.select(60)
        if not ready:
            sys.exit("nothing comes any more: %s" % got)
        for key, _ in ready:
            data = key.fileobj.recv(1 << 16)
            if not data:
                sys.exit("connection %d has ended: %s" % (key.data, got))
            got[key.data] += len(data)
        if not before and sum(got) >= SKIP:
            before = list(got)
    print(*[a - b for a, b in zip(got, before)])


# ---- Outside ------------------------------------------------------------------------

def shares(*hosts):
    r = subprocess.run([*in_ns("reader"), sys.executable, os.path.abspath(__file__),
                        "--read", *hosts], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=300)
    if r.returncode:
        ok(False, "bytes come from all", r.stdout)
        return [0] * len(hosts)
    got = [int(n) for n in r.stdout.split()]
    parts = [n / sum(got) for n in got]
    print("# " + ", ".join("%s %.2f" % ("ours" if h == OURS else "the kernel's", p)
                           for h, p in zip(hosts, parts)))
    return parts


def share():
    ours = Program("services", "--net=tap:tap0", "--addr=%s/24" % OURS,
                   "--gateway=10.95.1.1", prefix=in_ns("router"))
    kernel = subprocess.Popen([*in_ns("kernel"), sys.executable, os.path.abspath(__file__),
                               "--send"], stdout=subprocess.PIPE, text=True)
    kernel.stdout.readline()
    try:
        parts = shares(OURS, KERNEL)
        ok(parts[0] > 0.3, "one flow each: ours is not starved", parts)
        ok(parts[1] > 0.3, "nor the kernel's", parts)
        parts = shares(OURS, KERNEL, OURS, KERNEL)
        ok(sum(parts[::2]) > 0.3, "two each: ours are not starved", parts)
        ok(sum(parts[1::2]) > 0.3, "nor the kernel's", parts)
        ok(min(parts) > 0.08, "nor any of them", parts)
    finally:
        kernel.kill()
        kernel.communicate()
    status, out, err = ours.stop()
    ok(status == 0 and not err, "services stops cleanly", "%s\n%s%s" % (status, out, err))


def main():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        return skip("fairness", "needs root, /dev/net/tun and iproute2")
    try:
        for line in SETUP.strip().splitlines():
            words = [NAMES.get(w.lower(), w) if w.isupper() else w for w in line.split()]
            r = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
            if r.returncode:
                return skip("fairness", "%s: %s" % (line, r.stdout.strip()))
        share()
    finally:
        for name in NAMES.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--send"]:
        send()
    elif sys.argv[1:2] == ["--read"]:
        read(*sys.argv[2:])
    else:
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        need("services")
        main()
        done()
