#!/usr/bin/env python3
# ipv6.py - our IPv6 and the kernel's, over tap in a network namespace.
# SPDX-License-Identifier: ISC
#
# The kernel is the neighbour, and, from a raw socket, the router.  Speaks TAP.
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

from www_client import Program, done, ok, skip

NS = "lwt-v6-%d" % os.getpid()
HOST, OURS = "2001:db8::1", "2001:db8::2"


def run(*cmd, **kw):
    return subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, **kw)


def ns(*cmd):
    return run("ip", "netns", "exec", NS, *cmd)


def said(r):
    return r.stdout.decode()


# ---- In the namespace: this file again ---------------------------------------------

def udp(to, port, *sizes):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect((to, port))
    for size in sizes:
        data = os.urandom(size)
        s.send(data)
        if s.recv(65536) != data:
            sys.exit("%d bytes came back changed" % size)


def tcp(to, port, size):
    """size bytes there and back again."""
    s = socket.create_connection((to, port), 10)
    sent, back = hashlib.sha256(), hashlib.sha256()
    child = os.fork()
    if not child:
        for i in range(0, size, 65536):
            s.sendall(block(i))
        s.shutdown(socket.SHUT_WR)
        os._exit(0)
    for i in range(0, size, 65536):
        sent.update(block(i))
    n = 0
    while True:
        data = s.recv(1 << 20)
        if not data:
            break
        back.update(data)
        n += len(data)
    if sent.digest() != back.digest():
        sys.exit("%d bytes of %d came back, or changed" % (n, size))


def block(i):
    return hashlib.sha256(b"%d" % i).digest() * 2048


def router():
    """One advertisement: a prefix, ourselves as a router."""
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    index = socket.if_nametoindex("tap0")
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    prefix = socket.inet_pton(socket.AF_INET6, "2001:db8:77::")
    s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) +
             struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 1800, 0) + prefix,
             ("ff02::1", 0, 0, index))


# ---- Outside ---------------------------------------------------------------------

def me(*args):
    r = ns(sys.executable, os.path.abspath(__file__), *map(str, args))
    return r.returncode == 0, said(r)


def ping(name, *args, count=5):
    r = ns("ping", "-6", "-c", str(count), "-i", "0.05", "-W", "5", *args)
    ok(b" 0% packet loss" in r.stdout, name, said(r))
    return said(r)


def neighbour(addr):
    """The kernel finds us again when it has forgotten us."""
    ns("ip", "-6", "neigh", "flush", "dev", "tap0")
    ping("ping of a neighbour that was forgotten", addr, count=1)
    state = said(ns("ip", "-6", "neigh", "show", addr, "dev", "tap0"))
    ok("REACHABLE" in state, "the kernel believes our answer", state)


def autoconf():
    """An address from the prefix that a router advertised."""
    for line in ("ip -6 addr add 2001:db8:77::1/64 dev tap0 nodad",):
        ns(*line.split())
    passed, why = me("router")
    ok(passed, "the kernel advertises a prefix", why)
    time.sleep(3)  # until detection is through: the stack runs on the kernel's clock
    text = ping("an answer from the address that was made", "-I", "2001:db8:77::1",
                "ff02::1%tap0", count=3)
    made = re.findall(r"from (2001:db8:77:[0-9a-f:]+[0-9a-f])[:% ]", text)
    ours = sorted(set(made) - {"2001:db8:77::1"})
    ok(len(ours) == 1, "which is one of the prefix", text)
    if ours:
        ping("ping of it", ours[0])
        passed, why = me("tcp", ours[0], 7, 200000)
        ok(passed, "TCP to it", why)


def program(site):
    sv = Program("services", "--net=tap:tap0", "--addr=10.99.0.2/24", "--addr6=" + OURS,
                 prefix=("ip", "netns", "exec", NS))
    ok("services:" in sv.first, "services is there", sv.first)
    for i in range(50):  # its address is tentative at first
        if ns("ping", "-6", "-c", "1", "-W", "1", OURS).returncode == 0:
            break
    ping("ping", OURS)
    ping("ping -s 1400", "-s", "1400", OURS)
    ping("ping -s 8000, in fragments", "-s", "8000", OURS)
    everybody = said(ns("ping", "-6", "-c", "3", "-i", "0.2", "ff02::1%tap0"))
    heard = set(re.findall(r"bytes from ([^ ]+): ", everybody))
    ok(len(heard) == 2, "ping of all nodes: the kernel and we answer", everybody)
    neighbour(OURS)
    passed, why = me("udp", OURS, 7, 0, 1, 64, 1452, 1453, 9000, 65507)
    ok(passed, "UDP echo of 0 to 65,507 bytes", why)
    passed, why = me("tcp", OURS, 7, 20000000)
    ok(passed, "TCP echo of 20 MB", why)
    r = ns("curl", "-g", "-6", "-s", "-f", "--max-time", "10", "http://[%s]/" % OURS)
    ok(r.returncode == 0 and r.stdout, "curl -6", said(r))
    r = ns("curl", "-g", "-6", "-s", "--max-time", "10", "http://[%s]:81/" % OURS)
    ok(r.returncode == 7, "a closed port refuses", r.returncode)
    passed, why = me("udp", OURS, 12, 1)
    ok(not passed and "refused" in why, "a closed port of UDP, too", why)
    ns("ip", "link", "set", "tap0", "mtu", "1280")
    passed, why = me("tcp", OURS, 7, 2000000)
    ok(passed, "TCP when the kernel's MTU is 1280", why)
    ns("ip", "link", "set", "tap0", "mtu", "1500")
    autoconf()
    status, out, err = sv.stop()
    ok(status == 0 and not err, "services stops cleanly", "%s\n%s%s" % (status, out, err))


def main():
    setup = ["ip netns add " + NS,
             "ip -n %s link set lo up" % NS,
             "ip -n %s tuntap add dev tap0 mode tap" % NS,
             "ip -n %s link set tap0 up" % NS,
             "ip -n %s addr add 10.99.0.1/24 dev tap0" % NS,
             "ip -n %s -6 addr add %s/64 dev tap0 nodad" % (NS, HOST)]
    try:
        for line in setup:
            r = run(*line.split())
            if r.returncode:
                return skip("IPv6 over tap", "%s: %s" % (line, said(r).strip()))
        with tempfile.TemporaryDirectory() as site:
            program(site)
    finally:
        run("ip", "netns", "del", NS)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"udp": udp, "tcp": tcp, "router": router}[sys.argv[1]](
            *[int(a) if a.isdigit() else a for a in sys.argv[2:]])
    else:
        main()
        done()
