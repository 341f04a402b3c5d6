# lab.py - a stack in a network namespace, and hosts played by the test beside it.
# SPDX-License-Identifier: ISC
#
# The stack is ours over a tap device, or the kernel's over a veth pair, in either
# case below examples/services.  The test reads and writes frames on the other side
# (a packet socket).  Nothing waits for a time to pass where it can be avoided: that
# no answer comes is known when the answers to two pings that followed are there.
import ctypes
import os
import select
import signal
import socket
import struct
import subprocess
import time

from packets import ACK, BROADCAST, FIN, RST, SYN, Packet, arp, ether, icmp, ipv4, mss, \
    tcp, udp
from www_client import BUILD, Program

TARGET, NET, ALL = "10.99.0.2", "10.99.255.255", "255.255.255.255"
LIMIT = 10  # seconds, for what must come
PACKET_OUTGOING, SOL_PACKET, PACKET_AUXDATA, CSUM_NOT_READY = 4, 263, 8, 1 << 3
CLONE_NEWNET = 0x40000000


class Failed(Exception):
    pass


def check(condition, text, *packets):
    if not condition:
        raise Failed("\n".join([text, *map(str, packets)]))


def sh(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE,
                   stderr=subprocess.STDOUT)


class Lab:
    def __init__(self, kind):
        self.kind = kind
        self.ns = "lwt-cf-%d-%s" % (os.getpid(), kind)
        self.hosts, self.number, self.program = {}, 0, None
        getattr(self, "make_" + kind)()
        self.socket = self.packet_socket()
        self.seen = []
        self.me = Host(self, "10.99.0.1")
        self.mac = self.find()

    def make_ours(self):
        sh("ip netns add " + self.ns)
        sh("ip -n %s link set lo up" % self.ns)
        sh("ip -n %s tuntap add dev t0 mode tap" % self.ns)
        sh("ip netns exec %s sysctl -qw net.ipv6.conf.t0.disable_ipv6=1" % self.ns)
        sh("ip -n %s link set t0 up" % self.ns)
        self.start(self.ns, "--net=tap:t0,plain", "--addr=%s/16" % TARGET)

    def make_linux(self):
        sh("ip netns add " + self.ns)
        sh("ip netns add %s-k" % self.ns)
        sh("ip -n %s link add t0 type veth peer name k0 netns %s-k" % (self.ns, self.ns))
        for ns, dev in [(self.ns, "t0"), (self.ns + "-k", "k0")]:
            sh("ip netns exec %s sysctl -qw net.ipv6.conf.%s.disable_ipv6=1" % (ns, dev))
            sh("ip -n %s link set %s up gso_max_segs 1" % (ns, dev))
        sh("ip -n %s-k link set lo up" % self.ns)
        sh("ip -n %s-k addr add %s/16 brd + dev k0" % (self.ns, TARGET))
        sh("ip netns exec %s-k sysctl -qw net.ipv4.tcp_invalid_ratelimit=0" % self.ns)
        self.start(self.ns + "-k", "--net=sockets", "--addr=0.0.0.0")

    def start(self, ns, *args):
        self.program = Program("services", *args, prefix=["ip", "netns", "exec", ns])
        check(self.program.first, "services does not start")

    def refuse(self, p):
        """What is still open ends."""
        if p.tcp and p.dst in self.hosts and not p.flags & RST:
            self.hosts[p.dst].send(6, tcp(p.dst, p.src, p.dport, p.sport, p.ack, 0, RST))

    def close(self):
        if self.program:
            self.program.process.send_signal(signal.SIGINT)
            end = time.monotonic() + 100
            while self.program.process.poll() is None and time.monotonic() < end:
                p = self.read(0.05)
                if p:
                    self.refuse(p)
            self.ended = self.program.end()
        for ns in [self.ns, self.ns + "-k"]:
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL)

    def packet_socket(self):
        libc = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open("/run/netns/" + self.ns, os.O_RDONLY)
        check(libc.setns(there, CLONE_NEWNET) == 0, "setns")
        try:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind(("t0", 0))
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)
        s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        return s

    def find(self):
        for _ in range(50):
            self.me.arp(1, BROADCAST, TARGET)
            got = self.wait(lambda p: p.arp == 2 and p.spa == TARGET, 0.2, fail=False)
            if got:
                return got.sha
        raise Failed("nobody answers for " + TARGET)

    # ---- Frames ------------------------------------------------------------------

    def write(self, frame):
        self.socket.send(frame)

    def read(self, timeout):
        """The next packet of the stack, or None; who asks for a host of ours is
        answered on the way."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            frame, aux, _, addr = self.socket.recvmsg(65536, 256)
            if addr[2] == PACKET_OUTGOING:
                continue
            status = struct.unpack("I", aux[0][2][:4])[0] if aux else 0
            p = Packet(frame, bool(status & CSUM_NOT_READY))
            check(not p.bad, "the stack sent what is malformed", p)
            if p.arp == 1 and p.tpa in self.hosts and p.spa != "0.0.0.0":
                self.hosts[p.tpa].arp(2, p.sha, p.spa)
            self.seen.append(p)
            return p

    def wait(self, wanted, timeout=LIMIT, fail=True, what="nothing came"):
        """The first packet from now on that is wanted."""
        end = time.monotonic() + timeout
        others = []
        while True:
            p = self.read(max(0, end - time.monotonic()))
            if p is None:
                check(not fail, what, *others[-5:])
                return None
            if wanted(p):
                return p
            others.append(p)

    def barrier(self):
        """What the stack has sent when it is through with all that came before."""
        start = len(self.seen)
        for _ in range(2):
            self.number += 1
            mark = self.number
            self.me.send(1, icmp(8, 0, 0x4c570000 | mark & 0xffff, b"barrier"))
            self.wait(lambda p: p.icmp == 0 and p.rest == 0x4c570000 | mark & 0xffff)
        return [p for p in self.seen[start:]
                if not (p.icmp == 0 and p.rest >> 16 == 0x4c57)]

    def host(self):
        """One that the stack has never heard of."""
        self.number += 1
        n = 256 + len(self.hosts)
        return Host(self, "10.99.%d.%d" % (n >> 8, n & 255 or 254))


class Host:
    def __init__(self, lab, addr, answers=True):
        self.lab, self.ip = lab, addr
        parts = [int(x) for x in addr.split(".")]
        self.mac = bytes([2, 0x99, *parts])
        if answers:
            lab.hosts[addr] = self

    def arp(self, op, to_mac, tpa, tha=None, **kind):
        dst = to_mac
        if tha is None:
            tha = b"\0" * 6 if op == 1 else to_mac
        self.lab.write(ether(dst, self.mac, 0x806,
                             arp(op, self.mac, kind.pop("spa", self.ip), tha, tpa, **kind)))

    def send(self, proto, payload, dst=TARGET, mac=None, src=None, **head):
        self.lab.write(ether(mac or self.lab.mac, self.mac, 0x800,
                             ipv4(src or self.ip, dst, proto, payload, **head)))

    def mine(self, p):
        return p.ip == 4 and p.dst == self.ip

    def wait(self, wanted, **how):
        return self.lab.wait(lambda p: self.mine(p) and wanted(p), **how)

    def quiet(self):
        """What came for this host by now, and nothing else will at once."""
        return [p for p in self.lab.barrier() if self.mine(p)]

    def udp(self, sport, dport, payload, dst=TARGET, **kind):
        self.send(17, udp(self.ip, dst, sport, dport, payload, **kind), dst)

    def control(self, text):
        """Have the stack connect: services' port 9999."""
        self.udp(9998, 9999, text.encode())


class Conn:
    """One end of a TCP connection, as the test says: nothing is sent by itself.
    seq and ack: the next byte in each direction."""

    def __init__(self, lab, dport, host=None, sport=None, iss=None):
        self.lab = lab
        self.host = host or lab.host()
        lab.number += 1
        self.sport = sport or 20000 + lab.number % 20000
        self.dport = dport
        self.seq = self.iss = 0x10000000 + lab.number * 0x10000 if iss is None else iss
        self.ack = self.irs = 0
        self.window = 65535
        self.options = b""
        self.default = ACK

    def send(self, flags=ACK, payload=b"", seq=None, ack=None, **kind):
        """Does not move seq."""
        kind.setdefault("window", self.window)
        kind.setdefault("options", self.options)
        dst = kind.pop("dst", TARGET)
        ip_kind = {k: kind.pop(k) for k in ("tos", "ttl", "mac") if k in kind}
        self.host.send(6, tcp(self.host.ip, dst, self.sport, self.dport,
                              self.seq if seq is None else seq,
                              (self.ack if ack is None else ack) if flags & ACK else ack or 0,
                              flags, payload=payload, **kind), dst, **ip_kind)

    def say(self, payload, flags=ACK, **kind):
        """In order, and counted."""
        self.send(flags, payload, **kind)
        self.seq = (self.seq + len(payload)) & 0xffffffff

    def mine(self, p):
        return self.host.mine(p) and p.tcp and p.dport == self.sport and \
            p.sport == self.dport

    def wait(self, wanted=lambda p: True, **how):
        return self.lab.wait(lambda p: self.mine(p) and wanted(p), **how)

    def quiet(self):
        return [p for p in self.lab.barrier() if self.mine(p)]

    def syn(self, options=None, window=None, flags=SYN, **kind):
        self.send(flags, options=mss(1460) if options is None else options,
                  window=self.window if window is None else window, **kind)

    def open(self, options=None, window=None, **kind):
        """As the client; returns the SYN-ACK."""
        self.syn(options, window, **kind)
        p = self.wait(lambda p: p.flags & SYN, what="no SYN-ACK")
        check(p.flags & ~0xc0 == SYN | ACK and p.ack == (self.seq + 1) & 0xffffffff,
              "not the SYN-ACK", p)
        self.irs = p.seq
        self.seq = (self.seq + 1) & 0xffffffff
        self.ack = (p.seq + 1) & 0xffffffff
        if window is not None:
            self.window = window
        self.send()
        return p

    def read(self, n, acked=True):
        """n bytes or more in order, acknowledged; the end (FIN) counts as one."""
        data = b""
        while len(data) < n:
            p = self.wait(lambda p: p.seq == self.ack and (p.payload or p.flags & FIN))
            data += p.payload + (b"$" if p.flags & FIN else b"")
            self.ack = (self.ack + len(p.payload) + (p.flags & FIN)) & 0xffffffff
            if acked:
                self.send()
        return data

    def lives(self):
        """Whether the stack still knows the connection: it says where it is."""
        self.send(seq=(self.seq - 1) & 0xffffffff)
        p = self.wait(what="no answer to a segment that was received before")
        return not p.flags & RST

    def reset(self):
        self.send(RST | ACK)
