# cases_open.py - TCP: opening a connection, and the options of a SYN.
# SPDX-License-Identifier: ISC
import struct

from cases import case, each
from lab import ALL, NET, TARGET, Conn, check
from packets import ACK, BROADCAST, CWR, ECE, EOL, FIN, NOP, PSH, RST, SACK_OK, SYN, URG, \
    icmp, mss, tcp, timestamps, wscale

ECHO, DISCARD, CHARGEN, HTTP = 7, 9, 19, 80
CLOSED = 4321


def silent(c, what="an answer"):
    got = c.quiet()
    check(not got, what, *got)


# ---- CLOSED and LISTEN (RFC 9293, 3.10.7.1 and .2) ------------------------------------

FLAGS = {"SYN": SYN, "FIN": FIN, "data": 0, "SYN,FIN": SYN | FIN, "nothing": 0}


@each(sorted(FLAGS), "9293-3.10.7.1", "CLOSED, {} without ACK: RST with seq 0 and an ACK")
def _(lab, name):
    c = Conn(lab, CLOSED)
    data = b"abc" if name == "data" else b""
    c.send(FLAGS[name], data)
    p = c.wait()
    length = len(data) + bool(FLAGS[name] & SYN) + bool(FLAGS[name] & FIN)
    check((p.flags, p.seq, p.ack) == (RST | ACK, 0, c.seq + length), "another answer", p)


@each([ACK, SYN | ACK, FIN | ACK, PSH | ACK], "9293-3.10.7.1",
      "CLOSED, flags {:#04x} with ACK: RST with that number")
def _(lab, flags):
    c = Conn(lab, CLOSED)
    c.send(flags, ack=0x12345678)
    p = c.wait()
    check((p.flags, p.seq) == (RST, 0x12345678), "another answer", p)


@each([CLOSED, ECHO], "9293-3.10.7.1", "port {}: a RST is never answered")
def _(lab, port):
    c = Conn(lab, port)
    c.send(RST)
    c.send(RST | ACK, ack=5)
    silent(c)


@each([ACK, SYN | ACK, FIN | ACK], "9293-3.10.7.2",
      "LISTEN, flags {:#04x} with ACK: RST with that number")
def _(lab, flags):
    c = Conn(lab, ECHO)
    c.send(flags, ack=0x12345678)
    p = c.wait()
    check((p.flags, p.seq) == (RST, 0x12345678), "another answer", p)


@each([0, FIN, PSH, URG], "9293-3.10.7.2", "LISTEN, flags {:#04x} without SYN: dropped")
def _(lab, flags):
    c = Conn(lab, ECHO)
    c.send(flags, b"abc")
    silent(c)


@case("9293-MUST-57", "a SYN to a broadcast address is dropped")
def _(lab):
    c = Conn(lab, ECHO)
    for to in [NET, ALL]:
        c.send(SYN, options=mss(1460), dst=to, mac=BROADCAST)
    silent(c)


@case("9293-MUST-57", "a SYN in a broadcast frame is dropped")
def _(lab):
    c = Conn(lab, ECHO)
    c.send(SYN, options=mss(1460), mac=BROADCAST)
    silent(c)


@each(["224.0.0.1", ALL], "9293-MUST-63", "a SYN from {} is dropped")
def _(lab, source):
    c = Conn(lab, ECHO)
    c.host.send(6, tcp(source, TARGET, c.sport, ECHO, 1, 0, SYN), src=source)
    got = [p for p in lab.barrier() if p.tcp]
    check(not got, "an answer", *got)


@case("793-3.4", "a SYN from our own address and port (land) is dropped")
def _(lab):
    h = lab.host()
    h.send(6, tcp(TARGET, TARGET, ECHO, ECHO, 1, 0, SYN), src=TARGET)
    got = [p for p in lab.barrier() if p.tcp]
    check(not got, "an answer", *got)


# ---- Broken segments -------------------------------------------------------------------

@each([0x1234, 0, 0xffff], "9293-MUST-3", "a SYN whose checksum is {:#x} is dropped")
def _(lab, value):
    c = Conn(lab, ECHO)
    c.send(SYN, sum=value)
    silent(c)


@each([0, 1, 4, 15], "9293-3.1", "a SYN whose data offset is {} is dropped")
def _(lab, offset):
    c = Conn(lab, ECHO)
    c.send(SYN, offset=offset)
    silent(c)


@each([0, 4, 12, 19], "9293-3.1", "a segment cut to {} bytes is dropped")
def _(lab, size):
    c = Conn(lab, ECHO)
    c.host.send(6, tcp(c.host.ip, TARGET, c.sport, ECHO, 1, 0, SYN)[:size])
    silent(c)


@each([1, 2, 4, 8, 15], "9293-3.1", "reserved bits {:#x} are ignored")
def _(lab, bits):
    c = Conn(lab, ECHO)
    c.open(reserved=bits)
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")


# ---- Options (RFC 9293, 3.2; RFC 7323; RFC 2018) ---------------------------------------

ODD = {"none": b"", "EOL first": EOL + mss(100), "only NOP": NOP * 8,
       "unknown ones": b"\xfd\x04ab" + mss(1460), "an empty unknown one": b"\xfe\x02" + mss(1460),
       "not aligned": NOP + mss(1460) + NOP + wscale(2),
       "40 bytes": mss(1460) + b"\xfd\x24" + b"x" * 34}


@each(sorted(ODD), "9293-MUST-4,5,6,64", "a SYN with options: {}")
def _(lab, name):
    c = Conn(lab, ECHO)
    c.open(options=ODD[name])
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")


ILLEGAL = {"of length 0": b"\xfd\x00ab", "of length 1": b"\xfd\x01ab",
           "longer than the header": b"\xfd\x20ab", "without its length": NOP * 3 + b"\xfd",
           "MSS of length 3": b"\x02\x03\x05" + NOP, "MSS of length 6": b"\x02\x06\x05\xb4ab",
           "window scale of length 4": b"\x03\x04ab", "SACK of length 3": b"\x05\x03a",
           "timestamps of length 8": b"\x08\x08abcdef"}


@each(sorted(ILLEGAL), "9293-MUST-7", "a SYN with an option {} is survived")
def _(lab, name):
    c = Conn(lab, ECHO)
    c.send(SYN, options=ILLEGAL[name])
    c.quiet()
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"abc")
    check(c.read(3) == b"abc", "the stack is not well")


@each(sorted(ILLEGAL), "9293-MUST-7", "data with an option {} harm no connection")
def _(lab, name):
    c = Conn(lab, ECHO)
    c.open()
    c.send(ACK, b"abc", options=ILLEGAL[name])
    c.quiet()
    check(c.lives(), "it has ended")


@case("9293-MUST-14", "the SYN-ACK has an MSS, that of the device")
def _(lab):
    p = Conn(lab, ECHO).open()
    check(p.mss == 1460, "MSS %s" % p.mss, p)


@case("9293-MUST-65", "no MSS outside of SYNs, and one there is ignored")
def _(lab):
    c = Conn(lab, CHARGEN)
    c.open()
    c.send(options=mss(100))
    p = c.wait(lambda p: p.payload)
    check(p.mss is None, "has one", p)
    check(len(p.payload) > 100, "obeys it", p)


@case("9293-MUST-15", "without an MSS, 536 bytes are sent at most")
def _(lab):
    c = Conn(lab, CHARGEN)
    c.open(options=b"")
    p = c.wait(lambda p: p.payload)
    check(len(p.payload) == 536, "%d bytes" % len(p.payload), p)


@each([88, 100, 216, 536, 1000, 1460], "9293-MUST-16", "with an MSS of {0}, {0} bytes at most")
def _(lab, size):
    c = Conn(lab, CHARGEN)
    c.open(options=mss(size))
    p = c.wait(lambda p: p.payload)
    check(len(p.payload) == size, "%d bytes" % len(p.payload), p)


@case("9293-MUST-16", "timestamps are taken off the MSS")
def _(lab):
    c = Conn(lab, CHARGEN)
    c.options = timestamps(1, 0)
    c.syn(mss(1000) + timestamps(1, 0))
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.send(options=timestamps(2, p.ts[0]))
    p = c.wait(lambda p: p.payload)
    check(len(p.payload) == 988 and p.ts, "%d bytes" % len(p.payload), p)


@each([0, 1, 40], "9293-MUST-7", "an MSS of {} does not make the stack send nothing or all",
      linux=None)
def _(lab, size):
    c = Conn(lab, CHARGEN)
    c.open(options=mss(size))
    p = c.wait(lambda p: p.payload)
    check(1 <= len(p.payload) <= 536, "%d bytes" % len(p.payload), p)


@each([(b"", False, False, False), (wscale(3), True, False, False),
       (SACK_OK + NOP + NOP, False, True, False), (timestamps(5, 0), False, False, True),
       (wscale(3) + SACK_OK + timestamps(5, 0), True, True, True)], "7323-2.2",
      "options are answered if they were offered, and else not: {0[0]!r}")
def _(lab, want):
    c = Conn(lab, ECHO)
    p = c.open(options=mss(1460) + want[0])
    got = (p.wscale is not None, p.sack_ok, p.ts is not None)
    check(got == want[1:], "answered %s" % (got,), p)


@case("7323-2.3", "a window scale of more than 14 is 14")
def _(lab):
    c = Conn(lab, CHARGEN)
    c.open(options=mss(1460) + wscale(255), window=1)
    got = len(c.wait(lambda p: p.payload).payload)
    got += sum(len(p.payload) for p in c.quiet())
    check(1460 <= got <= 1 << 14, "%d bytes in a window of %d" % (got, 1 << 14))


@case("7323-2.2", "the window of a SYN is not scaled")
def _(lab):
    c = Conn(lab, CHARGEN)
    c.syn(mss(1460) + wscale(7), window=100)
    p = c.wait()
    c.seq, c.ack, c.irs = c.seq + 1, p.seq + 1, p.seq
    first = p
    c.send(window=100 >> 7)
    got = [p for p in c.quiet() if p.payload]
    check(sum(len(p.payload) for p in got) <= 1, "more than a closed window takes", first, *got)


@case("7323-3.2", "the echo of a timestamp is that of the last segment in order")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn(mss(1460) + timestamps(1000, 0))
    p = c.wait()
    check(p.ts[1] == 1000, "not echoed", p)
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.send(options=timestamps(1001, p.ts[0]))
    c.say(b"abc", options=timestamps(1005, p.ts[0]))
    p = c.wait(lambda p: p.payload)
    check(p.ts[1] == 1005, "echoes %d" % p.ts[1], p)
    c.ack += 3
    c.send(ACK, b"xyz", seq=c.seq + 10, options=timestamps(1010, p.ts[0]))
    p = c.wait()
    check(p.ts[1] == 1005, "echoes one out of order", p)


@case("7323-5", "PAWS: an old timestamp is not taken, and is acknowledged")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn(mss(1460) + timestamps(100000, 0))
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.send(options=timestamps(100001, p.ts[0]))
    c.send(ACK, b"old", options=timestamps(1, p.ts[0]))
    p = c.wait()
    check(p.ack == c.seq and not p.payload, "it is taken", p)
    c.say(b"new", options=timestamps(100002, p.ts[0]))
    p = c.wait(lambda p: p.payload)
    check(p.payload == b"new", "another", p)


@case("7323-3.2", "a segment without timestamps, where they were agreed on, is dropped",
      linux="takes it")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn(mss(1460) + timestamps(1000, 0))
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.send(options=timestamps(1001, p.ts[0]))
    c.send(ACK, b"abc")
    got = [p for p in c.quiet() if p.payload]
    check(not got, "it is taken", *got)


@case("7323-5.3", "a RST without timestamps ends it all the same")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn(mss(1460) + timestamps(1000, 0))
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.send(options=timestamps(1001, p.ts[0]))
    c.send(RST)
    c.quiet()
    c.send(ACK, b"abc", options=timestamps(1002, p.ts[0]))
    p = c.wait()
    check(p.flags & RST, "it lives", p)


# ---- The handshake ---------------------------------------------------------------------

@case("9293-MUST-8,9", "initial sequence numbers are not to be guessed")
def _(lab):
    got = [Conn(lab, ECHO).open().seq for _ in range(20)]
    steps = {(b - a) & 0xffffffff for a, b in zip(got, got[1:])}
    check(len(set(got)) == 20 and len(steps) == 19 and max(steps) > 1 << 24,
          "%s" % sorted(steps))


@case("9293-MUST-13", "the same pair of ports again: the number goes on")
def _(lab):
    c = Conn(lab, ECHO)
    first = c.open().seq
    c.send(RST)
    again = Conn(lab, ECHO, host=c.host, sport=c.sport, iss=c.seq + 100000)
    step = (again.open().seq - first) & 0xffffffff
    check(0 < step < 1 << 31, "%d" % step)


@case("9293-3.10.7.4", "a SYN again, in SYN-RECEIVED: the same SYN-ACK again")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn()
    first = c.wait()
    c.syn()
    p = c.wait()
    check((p.flags, p.seq, p.ack) == (SYN | ACK, first.seq, first.ack), "another", first, p)


@case("6298-5.6", "a SYN-ACK that is not acknowledged comes again")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn()
    first = c.wait()
    p = c.wait()
    check((p.flags, p.seq, p.ack) == (SYN | ACK, first.seq, first.ack), "another", first, p)


@case("9293-3.10.7.4", "a RST in SYN-RECEIVED, which a SYN began: back to LISTEN")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn()
    p = c.wait()
    c.seq += 1
    c.send(RST)
    c.quiet()
    c.ack = p.seq + 1
    c.send()
    check(c.wait().flags & RST, "it lives")
    again = Conn(lab, ECHO)
    again.open()


@each([1, -1, 1 << 20], "9293-3.10.7.4",
      "an ACK in SYN-RECEIVED that is off by {}: RST, and no connection")
def _(lab, off):
    c = Conn(lab, ECHO)
    c.syn()
    p = c.wait()
    c.seq += 1
    c.send(ack=(p.seq + 1 + off) & 0xffffffff)
    p = c.wait(lambda p: p.flags & RST)
    check(p.flags == RST, "another answer", p)


@case("9293-3.10.7.4", "data with the last segment of the handshake are taken")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn()
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")


@case("9293-3.10.7.4", "a FIN with the last segment of the handshake is taken")
def _(lab):
    c = Conn(lab, DISCARD)
    c.syn()
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.say(b"abc", flags=FIN | ACK)
    c.seq += 1
    p = c.wait(lambda p: p.flags & FIN)
    check(p.ack == c.seq, "not acknowledged", p)


@case("9293-3.4", "data in a SYN are not delivered before the handshake is over")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn(payload=b"early")
    p = c.wait()
    check(p.ack in (c.seq + 1, c.seq + 6), "another number", p)
    got = [p for p in c.quiet() if p.payload]
    check(not got, "an echo", *got)


# ---- From here -------------------------------------------------------------------------

def active(lab, port=None):
    """The stack connects to us; returns the end, and its SYN."""
    lab.number += 1
    c = Conn(lab, 0, sport=port or 30000 + lab.number)
    c.host.control("connect %s %d" % (c.host.ip, c.sport))
    p = c.host.wait(lambda p: p.tcp and p.dport == c.sport, what="no SYN")
    check(p.flags & ~(ECE | CWR) == SYN, "not a SYN", p)
    c.dport, c.irs, c.ack = p.sport, p.seq, (p.seq + 1) & 0xffffffff
    return c, p


@case("9293-MUST-14", "a SYN of the stack has an MSS, window scale, SACK and timestamps")
def _(lab):
    c, p = active(lab)
    check(p.mss == 1460 and p.wscale is not None and p.sack_ok and p.ts, "not", p)
    c.reset()


@case("6056-3", "ports of connections are not to be guessed")
def _(lab):
    got = []
    for _ in range(12):
        c, p = active(lab)
        got.append(p.sport)
        c.reset()
    check(min(got) >= 1024, "a well-known port", *got)
    check(len({b - a for a, b in zip(got, got[1:])}) > 8, "%s" % got)


@case("9293-3.10.7.3", "SYN-SENT: a SYN-ACK opens")
def _(lab):
    c, _ = active(lab)
    c.send(SYN | ACK, options=mss(1460))
    c.seq += 1
    p = c.wait()
    check(p.flags == ACK and p.ack == c.seq, "another answer", p)
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")


@case("6298-5.7", "SYN-SENT: the SYN comes again")
def _(lab):
    c, first = active(lab)
    p = c.wait()
    check(p.flags & SYN and p.seq == first.seq, "another", p)
    c.reset()


@case("9293-MUST-10", "SYN-SENT: a SYN (simultaneous open) is answered, and opens")
def _(lab):
    c, first = active(lab)
    c.send(SYN, options=mss(1460))
    p = c.wait(lambda p: p.flags & ACK)
    check(p.seq == first.seq and p.ack == c.seq + 1 and p.flags & SYN, "another answer", p)
    c.seq += 1
    c.send()
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")


@each([0, 2, 1 << 20], "9293-3.10.7.3", "SYN-SENT: a SYN-ACK of what was not sent ({:+}): RST")
def _(lab, off):
    c, first = active(lab)
    c.send(SYN | ACK, ack=(first.seq + off) & 0xffffffff)
    p = c.wait()
    check(p.flags == RST and p.seq == (first.seq + off) & 0xffffffff, "another answer", p)


@case("9293-3.10.7.3", "SYN-SENT: a RST that acknowledges the SYN ends it")
def _(lab):
    c, _ = active(lab)
    c.send(RST | ACK, seq=0)
    c.quiet()
    c.send(SYN | ACK, options=mss(1460))
    check(c.wait().flags & RST, "it lives")


@each([None, -1, 5], "9293-3.10.7.3", "SYN-SENT: a RST that does not (ACK {}) does not")
def _(lab, off):
    c, first = active(lab)
    if off is None:
        c.send(RST, seq=0)
    else:
        c.send(RST | ACK, seq=0, ack=(first.seq + 1 + off) & 0xffffffff)
    c.quiet()
    c.send(SYN | ACK, options=mss(1460))
    p = c.wait(lambda p: not p.flags & SYN)
    check(p.flags == ACK, "it has ended", p)


@each([ACK, FIN, PSH, 0], "9293-3.10.7.3", "SYN-SENT: flags {:#04x}, no SYN: not opened")
def _(lab, flags):
    c, first = active(lab)
    c.send(flags, b"abc")
    got = [p for p in c.quiet() if p.flags == ACK]
    check(not got, "opened", *got)
    c.send(SYN | ACK, options=mss(1460))
    p = c.wait(lambda p: not p.flags & (SYN | RST))
    check(p.flags == ACK, "another answer", p)


@case("9293-SHLD-26", "SYN-SENT: port unreachable ends it")
def _(lab):
    c, first = active(lab)
    quote = first.ip_head + first.data[:8]
    c.host.send(1, icmp(3, 3, 0, quote))
    c.quiet()
    c.send(SYN | ACK, options=mss(1460))
    check(c.wait().flags & RST, "it lives")


@case("5927-4", "SYN-SENT: an ICMP error that quotes another number is ignored")
def _(lab):
    c, first = active(lab)
    quote = first.ip_head + first.data[:4] + struct.pack("!I", first.seq + 77)
    c.host.send(1, icmp(3, 3, 0, quote))
    c.quiet()
    c.send(SYN | ACK, options=mss(1460))
    check(c.wait(lambda p: not p.flags & SYN).flags == ACK, "it has ended")


# ---- ECN (RFC 3168, 6.1.1) -------------------------------------------------------------

@case("3168-6.1.1", "a SYN that offers ECN: agreed to or not, in the right form")
def _(lab):
    c = Conn(lab, ECHO)
    p = c.open(flags=SYN | ECE | CWR)
    check(p.flags & (ECE | CWR) in (0, ECE), "another form", p)
    check(p.tos & 3 == 0, "a SYN-ACK with ECT", p)
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")


@case("3168-6.1.1", "a SYN that offers no ECN: none")
def _(lab):
    c = Conn(lab, ECHO)
    p = c.open()
    check(p.flags & (ECE | CWR) == 0, "ECN", p)
    c.say(b"abc")
    p = c.wait(lambda p: p.payload)
    check(p.tos & 3 == 0, "ECT", p)
