# cases_ip.py - Ethernet, ARP, IPv4, ICMP and UDP, from outside.
# SPDX-License-Identifier: ISC
import os
import struct

from cases import case, each
from lab import ALL, NET, TARGET, Failed, Host, check
from packets import BROADCAST, Packet, arp, ether, icmp, ipv4, udp

UNREACHABLE, EXCEEDED, PROBLEM = 3, 11, 12


def echo(host, payload=b"abcdefgh", ident=1, seq=1, **head):
    host.send(1, icmp(8, 0, ident << 16 | seq, payload), **head)


def answered(host, payload=b"abcdefgh", ident=1, seq=1):
    p = host.wait(lambda p: p.icmp == 0 and p.rest == ident << 16 | seq,
                  what="no echo reply")
    check(p.payload == payload, "another payload", p)
    return p


def silent(host, what="an answer"):
    got = host.quiet()
    check(not got, what, *got)


# ---- Ethernet ----------------------------------------------------------------------

@case("1122-2.3.3", "a frame for somebody else's address is not ours")
def _(lab):
    h = lab.host()
    echo(h, mac=bytes([2, 1, 1, 1, 1, 1]))
    silent(h)


@each([0x8100, 0x88cc, 0x0600, 0x05ff, 0x0004], "1122-2.3.3", "type {:#06x} is ignored")
def _(lab, kind):
    h = lab.host()
    lab.write(ether(lab.mac, h.mac, kind, ipv4(h.ip, TARGET, 1, icmp(8, 0, 1, b"x"))))
    silent(h)


@each([14, 15, 20, 33], "1122-2.3.3", "a frame of {} bytes is survived")
def _(lab, length):
    h = lab.host()
    frame = ether(lab.mac, h.mac, 0x800, ipv4(h.ip, TARGET, 1, icmp(8, 0, 1, b"x")))
    lab.write(frame[:length])
    silent(h)


@case("1122-2.3.3", "bytes after the datagram are not part of it")
def _(lab):
    h = lab.host()
    lab.write(ether(lab.mac, h.mac, 0x800,
                    ipv4(h.ip, TARGET, 1, icmp(8, 0, 0x10001, b"abc")) + b"padding!" * 4))
    answered(h, b"abc")


# ---- ARP ---------------------------------------------------------------------------

@each([True, False], "826", "a request is answered (broadcast: {})")
def _(lab, broadcast):
    h = lab.host()
    h.arp(1, BROADCAST if broadcast else lab.mac, TARGET)
    p = lab.wait(lambda p: p.arp == 2 and p.tpa == h.ip)
    check((p.sha, p.spa, p.tha, p.dst_mac) == (lab.mac, TARGET, h.mac, h.mac), "wrong", p)


def no_arp_answer(lab, h):
    got = [p for p in lab.barrier() if p.arp == 2 and p.dst_mac == h.mac]
    check(not got, "an answer", *got)


@case("826", "a request for another address is not answered")
def _(lab):
    h = lab.host()
    h.arp(1, BROADCAST, "10.99.77.77")
    no_arp_answer(lab, h)


@each([("hrd", 6), ("pro", 0x86dd), ("hln", 8), ("pln", 16), ("hln", 0)], "826",
      "a request with another {0[0]} ({0[1]:#x}) is not answered",
      linux=lambda v: v == ("hrd", 6) and "takes IEEE 802, too")
def _(lab, what):
    h = lab.host()
    h.arp(1, BROADCAST, TARGET, **{what[0]: what[1]})
    no_arp_answer(lab, h)


@each([27, 20, 8, 0], "826", "a request cut to {} bytes is not answered")
def _(lab, length):
    h = lab.host()
    lab.write(ether(BROADCAST, h.mac, 0x806,
                    arp(1, h.mac, h.ip, b"\0" * 6, TARGET)[:length]))
    no_arp_answer(lab, h)


@case("5227-2.1.1", "a probe is answered, and its sender not remembered")
def _(lab):
    h = lab.host()
    h.arp(1, BROADCAST, TARGET, spa="0.0.0.0")
    p = lab.wait(lambda p: p.arp == 2 and p.dst_mac == h.mac)
    check(p.spa == TARGET, "wrong", p)


@case("5227-2.4", "an announcement of our address is defended",
      linux="leaves it to a program")
def _(lab):
    h = lab.host()
    h.arp(1, BROADCAST, TARGET, spa=TARGET)
    lab.wait(lambda p: p.arp in (1, 2) and p.spa == TARGET and p.dst_mac == BROADCAST)


@case("1122-2.3.2.2", "the first packet to an unknown neighbour is kept while it is asked for")
def _(lab):
    h = lab.host()
    echo(h)
    answered(h)


@case("826", "who moves to another Ethernet address is found there")
def _(lab):
    h = lab.host()
    echo(h)
    answered(h)
    h.mac = bytes([2, 0xaa, *h.mac[2:]])
    h.arp(1, BROADCAST, TARGET)
    lab.wait(lambda p: p.arp == 2 and p.tpa == h.ip)
    echo(h, seq=2)
    check(answered(h, seq=2).dst_mac == h.mac, "to the old one")


@case("826", "an answer that nobody asked for makes no neighbour")
def _(lab):
    h = Host(lab, lab.host().ip)
    h.mac = bytes([2, 0xbb, *h.mac[2:]])
    h.arp(2, lab.mac, TARGET)
    lab.barrier()
    start = len(lab.seen)
    echo(h)
    answered(h)
    check(any(p.arp == 1 and p.tpa == h.ip for p in lab.seen[start:]), "did not ask")


# ---- IPv4 --------------------------------------------------------------------------

@each([{"version": 6}, {"version": 5}, {"ihl": 4}, {"ihl": 0}, {"ihl": 15}, {"length": 19},
       {"length": 0}, {"length": 2000}, {"sum": 0x1234}], "1122-3.2.1.1",
      "a header with {} is dropped in silence")
def _(lab, wrong):
    h = lab.host()
    echo(h, **wrong)
    silent(h)


@each(["255.255.255.255", "224.0.0.1", "127.0.0.1", "10.99.255.255", "240.0.0.1", TARGET],
      "1122-3.2.1.3", "a datagram from {} is dropped",
      linux=lambda v: v in ("127.0.0.1", "240.0.0.1", "10.99.255.255")
      and "answers, or drops, by rp_filter")
def _(lab, source):
    h = lab.host()
    h.send(1, icmp(8, 0, 0x10001, b"x"), src=source)
    got = [p for p in lab.barrier() if p.icmp == 0]
    check(not got, "an answer", *got)


@each(["10.99.0.77", "192.0.2.1", "127.0.0.1", "0.0.0.0"], "1122-3.2.1.3",
      "a datagram to {} is not ours")
def _(lab, to):
    h = lab.host()
    h.send(1, icmp(8, 0, 0x10001, b"x"), dst=to)
    silent(h)


@case("1122-3.2.1.7", "a datagram that has no time to live left is delivered")
def _(lab):
    h = lab.host()
    echo(h, ttl=1)
    answered(h)


@case("1122-3.2.1.7", "what is sent has a time to live of at least 64")
def _(lab):
    h = lab.host()
    echo(h)
    check(answered(h).ttl >= 64, "too small")


OPTIONS = {"NOP and EOL": b"\x01\x01\x01\x00", "router alert": b"\x94\x04\0\0",
           "record route": b"\x07\x07\x04\0\0\0\0\0", "timestamp": b"\x44\x08\x05\0\0\0\0\0",
           "unknown": b"\x9e\x04ab"}


@each(sorted(OPTIONS), "1122-3.2.1.8", "the option {} is taken or ignored")
def _(lab, name):
    h = lab.host()
    echo(h, options=OPTIONS[name])
    answered(h)


BAD_OPTIONS = {"of length 0": b"\x9e\x00\x01\x01", "of length 1": b"\x9e\x01\x01\x01",
               "longer than the header": b"\x9e\x09ab", "without its length": b"\x01\x01\x01\x9e"}


@each(sorted(BAD_OPTIONS), "1122-3.2.1.8", "an option {} is survived, with no echo")
def _(lab, name):
    h = lab.host()
    echo(h, options=BAD_OPTIONS[name])
    got = [p for p in h.quiet() if p.icmp == 0]
    check(not got, "an answer", *got)


@each([b"\x83\x07\x04\x0a\x63\0\x09", b"\x89\x07\x04\x0a\x63\0\x09"], "1122-3.2.1.8",
      "a source route ({!r}) is not followed")
def _(lab, option):
    h = lab.host()
    echo(h, options=option)
    got = [p for p in lab.barrier() if p.ip and p.dst == "10.99.0.9"]
    check(not got, "it is", *got)


def pieces(payload, sizes, proto=1):
    """[(offset, bytes, more)]"""
    out, at = [], 0
    for size in sizes:
        out.append((at, payload[at:at + size], at + size < len(payload)))
        at += size
    return out


def send_pieces(h, parts, ident, proto=1):
    for offset, data, more in parts:
        h.send(proto, data, ident=ident, flags=1 if more else 0, offset=offset)


PAYLOAD = bytes(range(256)) * 12
WHOLE = icmp(8, 0, 0x10001, PAYLOAD)
THREE = pieces(WHOLE, [1480, 800, len(WHOLE) - 2280])
ORDERS = {"in order": [0, 1, 2], "backwards": [2, 1, 0], "the middle last": [0, 2, 1],
          "one twice": [0, 1, 1, 2], "the first twice": [0, 0, 2, 1]}


def gather(lab, h):
    """A datagram from the stack's fragments."""
    parts, end = {}, None
    while end is None or sum(map(len, parts.values())) < end:
        p = h.wait(lambda p: p.proto == 1)
        parts[p.offset] = p.data
        if not p.mf:
            end = p.offset + len(p.data)
    return b"".join(data for _, data in sorted(parts.items()))


@each(sorted(ORDERS), "1122-3.3.2", "fragments: {}")
def _(lab, name):
    h = lab.host()
    send_pieces(h, [THREE[i] for i in ORDERS[name]], 7)
    check(gather(lab, h)[8:] == PAYLOAD, "another payload")


@case("1122-3.3.2", "65,507 bytes in fragments come and go")
def _(lab):
    h = lab.host()
    echo(h)
    answered(h)
    payload = os.urandom(65507)
    data = icmp(8, 0, 0x10001, payload)
    send_pieces(h, pieces(data, [1480] * 45), 8)
    check(gather(lab, h)[8:] == payload, "another payload")


def incomplete(lab, h, parts, ident=9):
    send_pieces(h, parts, ident)
    got = [p for p in h.quiet() if p.icmp == 0 or p.mf or p.offset]
    check(not got, "an answer", *got)


@case("1122-3.3.2", "without the first fragment nothing is delivered")
def _(lab):
    incomplete(lab, lab.host(), THREE[1:])


@case("1122-3.3.2", "without the last fragment nothing is delivered")
def _(lab):
    incomplete(lab, lab.host(), THREE[:2])


@case("815", "fragments of other datagrams do not complete one")
def _(lab):
    h = lab.host()
    send_pieces(h, THREE[:2], 20)
    incomplete(lab, h, THREE[2:], 21)


@case("815", "nor do those of other hosts")
def _(lab):
    h, other = lab.host(), lab.host()
    send_pieces(h, THREE[:2], 22)
    send_pieces(other, THREE[2:], 22)
    got = [p for p in lab.barrier() if p.ip and p.dst in (h.ip, other.ip)]
    check(not got, "an answer", *got)


@case("815", "nor do those of other protocols")
def _(lab):
    h = lab.host()
    send_pieces(h, THREE[:2], 23)
    send_pieces(h, THREE[2:], 23, proto=17)
    got = [p for p in h.quiet() if p.icmp == 0]
    check(not got, "an answer", *got)


@case("1858-3", "fragments that overlap are refused")
def _(lab):
    h = lab.host()
    send_pieces(h, [THREE[0], (1472, b"X" * 800, True), THREE[1], THREE[2]], 24)
    got = [p for p in h.quiet() if p.icmp == 0 or p.mf]
    check(not got, "it was put together", *got)


@each([65528, 65000], "791-3.2", "a fragment that ends beyond 65,535 is refused (from {})")
def _(lab, offset):
    incomplete(lab, lab.host(), [(0, b"x" * 1480, True), (offset, b"x" * 1480, False)])


@case("791-3.2", "a fragment in the middle whose length is no multiple of 8 is refused")
def _(lab):
    h = lab.host()
    incomplete(lab, h, [(0, WHOLE[:1475], True), (1480, WHOLE[1480:2280], True),
                        (2280, WHOLE[2280:], False)])


# ---- ICMP --------------------------------------------------------------------------

@each([0, 1, 7, 56, 1472, 1473, 8000], "1122-3.2.2.6", "an echo of {} bytes")
def _(lab, size):
    h = lab.host()
    payload = os.urandom(size)
    data = icmp(8, 0, 0x12345678, payload)
    send_pieces(h, pieces(data, [1480] * (len(data) // 1480 + 1)), 30)
    if size <= 1472:
        p = h.wait(lambda p: p.icmp == 0)
        check((p.rest, p.payload) == (0x12345678, payload), "another", p)
    else:
        check(gather(lab, h)[4:] == data[4:], "another")


@case("1122-3.2.2.6", "the answer comes from the address that was asked")
def _(lab):
    h = lab.host()
    echo(h)
    check(answered(h).src == TARGET, "from another")


@case("1122-3.2.2", "a wrong checksum is dropped in silence")
def _(lab):
    h = lab.host()
    h.send(1, icmp(8, 0, 0x10001, b"x", sum=0x1234))
    silent(h)


@each([1, 2, 6, 7, 9, 13, 15, 17, 19, 30, 40, 127, 200, 255], "1122-3.2.2",
      "type {} is dropped in silence",
      linux=lambda v: v == 13 and "answers timestamp requests")
def _(lab, kind):
    h = lab.host()
    h.send(1, icmp(kind, 0, 0x10001, b"x" * 12))
    silent(h)


@each([0, 4, 7], "1122-3.2.2", "an ICMP message cut to {} bytes is survived")
def _(lab, length):
    h = lab.host()
    h.send(1, icmp(8, 0, 0x10001)[:length])
    silent(h)


@each([NET, ALL], "1122-3.2.2.6", "an echo to {} is not answered (a Smurf's amplifier)")
def _(lab, to):
    h = lab.host()
    echo(h, dst=to, mac=BROADCAST)
    silent(h)


def refused(lab, code, send):
    h = lab.host()
    sent = send(h)
    p = h.wait(lambda p: p.icmp == UNREACHABLE)
    check(p.code == code, "code %d" % code, p)
    quote = p.payload
    check(len(quote) >= 28 and quote[:20] == sent[:20], "quotes another header", p)
    check(quote[20:28] == sent[20:28], "quotes other bytes", p)
    check(len(p.frame) <= 14 + 576, "longer than 576 bytes", p)


@case("1122-3.2.2.1", "an unknown protocol is refused (3, 2), and what it was is quoted")
def _(lab):
    def send(h):
        h.send(200, b"x" * 40)
        return ipv4(h.ip, TARGET, 200, b"x" * 40)
    refused(lab, 2, send)


@each([8, 100, 1400], "1122-4.1.3.1", "UDP of {} bytes to a closed port is refused (3, 3)")
def _(lab, size):
    def send(h):
        data = udp(h.ip, TARGET, 5000, 5001, b"x" * (size - 8))
        h.send(17, data)
        return ipv4(h.ip, TARGET, 17, data)
    refused(lab, 3, send)


@case("1122-3.2.2", "no error about a datagram to a broadcast address")
def _(lab):
    h = lab.host()
    h.send(17, udp(h.ip, NET, 5000, 5001, b"x"), dst=NET, mac=BROADCAST)
    silent(h, "an error")


@case("1122-3.2.2", "no error about a frame to the broadcast address")
def _(lab):
    h = lab.host()
    h.send(17, udp(h.ip, TARGET, 5000, 5001, b"x"), mac=BROADCAST)
    silent(h, "an error")


@case("1122-3.2.2", "no error about a fragment but the first")
def _(lab):
    h = lab.host()
    h.send(200, b"x" * 40, offset=80, ident=41)
    silent(h, "an error")


@each([UNREACHABLE, EXCEEDED, PROBLEM, 5, 4], "1122-3.2.2",
      "no error about an ICMP error (type {}) that concerns nobody")
def _(lab, kind):
    h = lab.host()
    inner = ipv4(TARGET, h.ip, 17, udp(TARGET, h.ip, 1, 2, b""))
    h.send(1, icmp(kind, 1, 0, inner))
    silent(h, "an error")


@each([0, 8, 19, 20, 27], "1122-3.2.2", "an error that quotes {} bytes is survived")
def _(lab, size):
    h = lab.host()
    inner = ipv4(TARGET, h.ip, 17, udp(TARGET, h.ip, 7, 2, b""))
    h.send(1, icmp(UNREACHABLE, 3, 0, inner[:size]))
    silent(h)


# ---- UDP ---------------------------------------------------------------------------

def udp_echo(h, payload, sport=4000, **kind):
    h.udp(sport, 7, payload, **kind)
    return h.wait(lambda p: p.udp and p.sport == 7 and p.dport == sport, what="no echo")


@each([1, 2, 3, 1000, 1471, 1472], "768", "an echo of {} bytes")
def _(lab, size):
    payload = os.urandom(size)
    check(udp_echo(lab.host(), payload).payload == payload, "another payload")


@case("768", "an empty datagram is one")
def _(lab):
    check(udp_echo(lab.host(), b"").payload == b"", "not empty")


@case("1122-4.1.3.4", "a datagram without a checksum is taken")
def _(lab):
    check(udp_echo(lab.host(), b"abc", sum=0).payload == b"abc", "another payload")


@case("1122-4.1.3.4", "what is sent has a checksum")
def _(lab):
    p = udp_echo(lab.host(), b"abc")
    check(struct.unpack("!H", p.data[6:8])[0] != 0, "none", p)


@case("1122-4.1.3.4", "a wrong checksum is dropped in silence")
def _(lab):
    h = lab.host()
    h.udp(4000, 7, b"abc", sum=0x1234)
    silent(h)


@each([0, 7, 12, 100, 65535], "768", "a length field of {} (11 there) is dropped")
def _(lab, length):
    h = lab.host()
    h.udp(4000, 7, b"abc", length=length, sum=0)
    silent(h)


@case("768", "bytes beyond the length field are not data")
def _(lab):
    h = lab.host()
    h.send(17, udp(h.ip, TARGET, 4000, 7, b"abc") + b"more")
    p = h.wait(lambda p: p.udp and p.sport == 7)
    check(p.payload == b"abc", "they are", p)


@each([0, 4, 7], "768", "a datagram cut to {} bytes is survived")
def _(lab, length):
    h = lab.host()
    h.send(17, udp(h.ip, TARGET, 4000, 7, b"abc")[:length])
    silent(h)


@case("1122-4.1.3.5", "the answer comes from the address and port that were asked")
def _(lab):
    p = udp_echo(lab.host(), b"abc")
    check((p.src, p.sport) == (TARGET, 7), "from another", p)


@each(["224.0.0.1", NET], "1122-4.1.3.6", "a datagram from {} is dropped",
      linux=lambda v: v == NET and "takes a broadcast source without rp_filter")
def _(lab, source):
    h = lab.host()
    h.send(17, udp(source, TARGET, 4000, 7, b"abc"), src=source)
    got = [p for p in lab.barrier() if p.udp]
    check(not got, "an answer", *got)


@case("768", "65,507 bytes come back in fragments")
def _(lab):
    h = lab.host()
    udp_echo(h, b"abc")
    payload = os.urandom(65507)
    data = udp(h.ip, TARGET, 4000, 7, payload)
    send_pieces(h, pieces(data, [1480] * 45), 50, proto=17)
    parts, end = {}, None
    while end is None or sum(map(len, parts.values())) < end:
        p = h.wait(lambda p: p.proto == 17)
        parts[p.offset] = p.data
        end = p.offset + len(p.data) if not p.mf else end
    got = b"".join(data for _, data in sorted(parts.items()))
    check(got[8:] == payload, "another payload")
