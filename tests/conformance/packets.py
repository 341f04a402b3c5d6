# packets.py - frames, written and read, as they are and as they must not be.
# SPDX-License-Identifier: ISC
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
BROADCAST = b"\xff" * 6


def total(data):
    """The ones' complement sum, not inverted."""
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


def checksum(data):
    return total(data) ^ 0xffff


def ip(text):
    return ipaddress.ip_address(text).packed


def ether(dst, src, kind, payload):
    return dst + src + struct.pack("!H", kind) + payload


def arp(op, sha, spa, tha, tpa, hrd=1, pro=0x800, hln=6, pln=4):
    return struct.pack("!HHBBH", hrd, pro, hln, pln, op) + sha + ip(spa) + tha + ip(tpa)


def ipv4(src, dst, proto, payload, ttl=64, tos=0, ident=0, flags=0, offset=0, options=b"",
         version=4, ihl=None, length=None, sum=None):
    """offset in bytes; flags: 2 DF, 1 MF."""
    options += b"\0" * (-len(options) % 4)
    if ihl is None:
        ihl = 5 + len(options) // 4
    if length is None:
        length = 20 + len(options) + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl, tos, length, ident,
                       flags << 13 | offset // 8, ttl, proto, 0, ip(src), ip(dst)) + options
    if sum is None:
        sum = checksum(head)
    return head[:10] + struct.pack("!H", sum) + head[12:] + payload


def pseudo(src, dst, proto, length):
    a, b = ip(src), ip(dst)
    if len(a) == 4:
        return a + b + struct.pack("!BBH", 0, proto, length)
    return a + b + struct.pack("!II", length, proto)


def udp(src, dst, sport, dport, payload, length=None, sum=None):
    if length is None:
        length = 8 + len(payload)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    if sum is None:
        sum = checksum(pseudo(src, dst, 17, length) + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", sum) + payload


def icmp(kind, code, rest, payload=b"", sum=None):
    """rest: the second word."""
    head = struct.pack("!BBHI", kind, code, 0, rest)
    if sum is None:
        sum = checksum(head + payload)
    return head[:2] + struct.pack("!H", sum) + head[4:] + payload


def tcp(src, dst, sport, dport, seq, ack, flags, window=65535, payload=b"", options=b"",
        urgent=0, offset=None, reserved=0, sum=None):
    options += b"\0" * (-len(options) % 4)
    if offset is None:
        offset = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                       offset << 4 | reserved, flags, window, 0, urgent) + options
    if sum is None:
        sum = checksum(pseudo(src, dst, 6, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack("!H", sum) + head[18:] + payload


# ---- Options of TCP ----------------------------------------------------------------

def mss(n):
    return struct.pack("!BBH", 2, 4, n)


def wscale(n):
    return struct.pack("!BBB", 3, 3, n)


SACK_OK = b"\x04\x02"
NOP, EOL = b"\x01", b"\0"


def timestamps(val, ecr):
    return NOP + NOP + struct.pack("!BBII", 8, 10, val & 0xffffffff, ecr & 0xffffffff)


def sack(*blocks):
    return NOP + NOP + struct.pack("!BB", 5, 2 + 8 * len(blocks)) + b"".join(
        struct.pack("!II", a & 0xffffffff, b & 0xffffffff) for a, b in blocks)


# ---- Reading -----------------------------------------------------------------------

class Packet:
    """A received frame; absent parts are None.  `bad` says what breaks a rule of
    format in it, which is an error of who sent it."""

    def __init__(self, frame, unfinished=False):
        self.frame, self.bad = frame, []
        self.arp = self.ip = self.icmp = self.udp = self.tcp = None
        self.dst_mac, self.src_mac = frame[:6], frame[6:12]
        self.kind = struct.unpack("!H", frame[12:14])[0]
        body = frame[14:]
        if self.kind == 0x806:
            self.read_arp(body)
        elif self.kind == 0x800:
            self.read_ipv4(body, unfinished)

    def read_arp(self, body):
        hrd, pro, hln, pln, self.arp = struct.unpack("!HHBBH", body[:8])
        self.sha, self.spa = body[8:14], str(ipaddress.ip_address(body[14:18]))
        self.tha, self.tpa = body[18:24], str(ipaddress.ip_address(body[24:28]))
        if (hrd, pro, hln, pln) != (1, 0x800, 6, 4):
            self.bad.append("arp format")

    def read_ipv4(self, body, unfinished):
        vihl, self.tos, length, self.ident, frag, self.ttl, self.proto, _, src, dst = \
            struct.unpack("!BBHHHBBH4s4s", body[:20])
        ihl = (vihl & 15) * 4
        self.ip, self.df, self.mf = 4, frag >> 14 & 1, frag >> 13 & 1
        self.offset = (frag & 0x1fff) * 8
        self.src, self.dst = str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst))
        self.ip_head = body[:ihl]
        self.length = length
        self.data = body[ihl:length]
        if total(body[:ihl]) != 0xffff:
            self.bad.append("ip checksum")
        if length > len(body) or ihl < 20:
            self.bad.append("ip lengths")
        if self.offset or self.mf:
            return
        if self.proto == 1:
            self.read_icmp(self.data)
        elif self.proto == 17:
            self.read_udp(self.data, unfinished)
        elif self.proto == 6:
            self.read_tcp(self.data, unfinished)

    def read_icmp(self, data):
        self.icmp, self.code, _, self.rest = struct.unpack("!BBHI", data[:8])
        self.payload = data[8:]
        if total(data) != 0xffff:
            self.bad.append("icmp checksum")

    def read_udp(self, data, unfinished):
        self.sport, self.dport, length, s = struct.unpack("!HHHH", data[:8])
        self.udp, self.payload = True, data[8:]
        if length != len(data):
            self.bad.append("udp length")
        if s and not unfinished and \
                total(pseudo(self.src, self.dst, 17, length) + data) != 0xffff:
            self.bad.append("udp checksum")

    def read_tcp(self, data, unfinished):
        self.sport, self.dport, self.seq, self.ack, off, self.flags, self.window, _, \
            self.urgent = struct.unpack("!HHIIBBHHH", data[:20])
        self.tcp, self.reserved = True, off & 15
        off = (off >> 4) * 4
        self.payload = data[off:]
        if off < 20 or off > len(data):
            self.bad.append("tcp offset")
        if not unfinished and \
                total(pseudo(self.src, self.dst, 6, len(data)) + data) != 0xffff:
            self.bad.append("tcp checksum")
        self.read_options(data[20:off])

    def read_options(self, data):
        self.mss = self.wscale = self.ts = None
        self.sack_ok, self.sack, self.kinds = False, [], []
        while data:
            kind = data[0]
            self.kinds.append(kind)
            if kind == 0:
                if data.strip(b"\0"):
                    self.bad.append("tcp padding")  # MUST-69
                break
            if kind == 1:
                data = data[1:]
                continue
            if len(data) < 2 or not 2 <= data[1] <= len(data):
                self.bad.append("tcp option length")
                break
            value, data = data[2:data[1]], data[data[1]:]
            if kind == 2:
                self.mss = struct.unpack("!H", value)[0]
            elif kind == 3:
                self.wscale = value[0]
            elif kind == 4:
                self.sack_ok = True
            elif kind == 5:
                words = struct.unpack("!%dI" % (len(value) // 4), value)
                self.sack = list(zip(words[::2], words[1::2]))
            elif kind == 8:
                self.ts = struct.unpack("!II", value)

    def names(self):
        """The flags, as tcpdump has them."""
        return "".join(c for c, bit in zip("FSRP.UEW", (1, 2, 4, 8, 16, 32, 64, 128))
                       if self.flags & bit)

    def __str__(self):
        if self.arp is not None:
            return "arp %d %s > %s" % (self.arp, self.spa, self.tpa)
        if self.ip is None:
            return "type %04x" % self.kind
        text = "%s > %s" % (self.src, self.dst)
        if self.tcp:
            text += " tcp %d>%d %s seq %d ack %d win %d len %d" % (
                self.sport, self.dport, self.names(), self.seq, self.ack, self.window,
                len(self.payload))
        elif self.udp:
            text += " udp %d>%d len %d" % (self.sport, self.dport, len(self.payload))
        elif self.icmp is not None:
            text += " icmp %d/%d len %d" % (self.icmp, self.code, len(self.payload))
        else:
            text += " proto %d offset %d" % (self.proto, self.offset)
        return text + (" BAD: " + ", ".join(self.bad) if self.bad else "")
