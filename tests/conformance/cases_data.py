# cases_data.py - TCP: bytes in order and not, windows, losses.
# SPDX-License-Identifier: ISC
import os

from cases import case, each
from cases_open import CHARGEN, DISCARD, ECHO, HTTP
from lab import Conn, check
from packets import ACK, FIN, PSH, RST, SACK_OK, mss, sack, timestamps, wscale

MOD = 1 << 32
BIG = mss(1460) + SACK_OK + wscale(4)


def chargen(lab, options=BIG, window=65535):
    c = Conn(lab, CHARGEN)
    c.open(options=options, window=window)
    return c


def burst(c):
    """The segments that come at once, and those that the program then adds."""
    got = [c.wait(lambda p: p.payload)]
    return got + [p for p in c.quiet() if p.payload]


# ---- Receiving -------------------------------------------------------------------------

@case("9293-3.10.7.4", "bytes in order are echoed in order")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    data = os.urandom(20000)
    got = b""
    for i in range(0, len(data), 1000):
        c.say(data[i:i + 1000])
        got += c.read(1)
    got += c.read(len(data) - len(got)) if len(got) < len(data) else b""
    check(got == data, "other bytes")


ORDERS = {"backwards": [4, 3, 2, 1, 0], "every second first": [1, 3, 0, 2, 4],
          "twice each": [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], "the first last": [1, 2, 3, 4, 0]}


@each(sorted(ORDERS), "9293-SHLD-31", "segments: {}")
def _(lab, name):
    c = Conn(lab, ECHO)
    c.open()
    data = os.urandom(500)
    start = c.seq
    for i in ORDERS[name]:
        c.send(ACK, data[100 * i:100 * i + 100], seq=start + 100 * i)
    c.seq = start + 500
    check(c.read(500) == data, "other bytes")


@case("9293-3.10.7.4", "segments that overlap: each byte once")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    data = os.urandom(300)
    start = c.seq
    for a, b in [(100, 250), (50, 150), (200, 300), (0, 120)]:
        c.send(ACK, data[a:b], seq=start + a)
    c.seq = start + 300
    check(c.read(300) == data, "other bytes")


@case("9293-3.10.7.4", "a segment of which a part was received: the rest is taken")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"abcdef")
    check(c.read(6) == b"abcdef", "other bytes")
    c.send(ACK, b"defghi", seq=c.seq - 3)
    c.seq += 3
    check(c.read(3) == b"ghi", "other bytes")


@case("5681-4.2", "a segment out of order is acknowledged at once")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    c.send(ACK, b"abc", seq=c.seq + 100)
    got = [p for p in c.quiet() if p.ack == c.seq]
    check(len(got) == 1, "%d answers" % len(got), *got)


@case("5681-4.2", "each further one, too (three of them tell the sender of a loss)")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    for i in range(1, 5):
        c.send(ACK, b"x" * 100, seq=c.seq + 100 * i)
    got = [p for p in c.quiet() if p.ack == c.seq]
    check(len(got) == 4, "%d answers" % len(got), *got)


@case("5681-4.2", "what fills a gap is acknowledged at once")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    c.send(ACK, b"x" * 100, seq=c.seq + 100)
    c.quiet()
    c.say(b"y" * 100)
    got = [p for p in c.quiet() if p.ack == c.seq + 100]
    check(got, "no answer")


@case("9293-SHLD-18", "a full-sized pair of segments is acknowledged without delay")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    for _ in range(10):
        c.say(b"x" * 1460)
        c.say(b"y" * 1460)
        c.quiet()
    seen = [p for p in lab.seen if c.mine(p) and p.ack == c.seq]
    check(seen, "not acknowledged")


@case("9293-MUST-40", "a lone segment is acknowledged within half a second")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    c.say(b"x")
    c.wait(lambda p: p.ack == c.seq, timeout=0.5)


@case("2018-4", "SACK: the first block has the segment that came last")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open(options=BIG)
    for at in [100, 300, 500]:
        c.send(ACK, b"x" * 50, seq=c.seq + at)
        p = c.wait(lambda p: p.sack)
        check(p.sack[0] == (c.seq + at, c.seq + at + 50), "blocks %s" % p.sack, p)
    check(len(p.sack) == 3, "blocks %s" % p.sack, p)


@case("2018-4", "SACK: blocks that touch are one")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open(options=BIG)
    for at in [100, 150, 200]:
        c.send(ACK, b"x" * 50, seq=c.seq + at)
    got = [p for p in c.quiet() if p.sack]
    check(got[-1].sack == [(c.seq + 100, c.seq + 250)], "blocks", got[-1])


@case("2883-4", "D-SACK: a segment twice is reported")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open(options=BIG)
    c.say(b"x" * 100)
    c.quiet()
    c.send(ACK, b"x" * 100, seq=c.seq - 100)
    p = c.wait(lambda p: p.sack)
    check(p.sack[0] == (c.seq - 100, c.seq), "blocks %s" % p.sack, p)


@case("2018-2", "no SACK if it was not agreed on")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    c.send(ACK, b"x" * 50, seq=c.seq + 100)
    check(not c.wait().sack, "there is")


@case("9293-SHLD-14", "the window does not shrink")
def _(lab):
    c = Conn(lab, DISCARD)
    c.open()
    edge = 0
    for _ in range(30):
        c.say(b"x" * 1460)
        p = c.wait(lambda p: p.ack == c.seq)
        right = (p.ack - c.iss + p.window) % MOD
        check(right >= edge, "from %d to %d" % (edge, right), p)
        edge = right


@case("9293-MUST-39", "the window closes, and does not open by less than a segment")
def _(lab):
    c = Conn(lab, ECHO)
    c.open(window=0)
    windows = []
    for _ in range(2000):
        c.say(b"x" * 1460)
        p = c.wait(lambda p: p.ack == c.seq or p.window < 1460)
        windows.append(p.window)
        if p.ack != c.seq:
            break
    check(p.window < 1460 * 2, "it never closes: %d" % p.window, p)
    rises = [b - a for a, b in zip(windows, windows[1:]) if b > a]
    check(not rises or min(rises) >= 1460, "rises by %s" % rises)
    c.reset()


# ---- Sending ---------------------------------------------------------------------------

@case("6928-2", "the first flight is at most ten segments",
      linux="sends when chargen gets the processor")
def _(lab):
    got = {p.seq: len(p.payload) for p in burst(chargen(lab))}  # again on a slow machine
    check(2 <= len(got) <= 10 and sum(got.values()) <= 14600, "%d segments" % len(got))


@case("5681-3.1", "slow start: each acknowledged segment lets two go",
      linux="sends when chargen gets the processor")
def _(lab):
    c = chargen(lab)
    first = burst(c)
    end = (first[-1].seq + len(first[-1].payload)) % MOD
    c.ack = end
    c.send()
    second = burst(c)
    check(len(first) < len(second) <= 2 * len(first) + 1,
          "%d, then %d" % (len(first), len(second)))


@each([1, 100, 1459, 1460, 3000], "9293-3.8.6", "no byte beyond a window of {}")
def _(lab, window):
    c = chargen(lab, options=mss(1460), window=window)
    got = c.quiet() + c.quiet()
    sent = [p for p in got if p.payload]
    edge = max([(p.seq + len(p.payload) - c.ack) % MOD for p in sent], default=0)
    check(edge <= window, "%d bytes" % edge, *sent)


@case("9293-MUST-38", "sender SWS avoidance: a window of 100 bytes is not filled at once")
def _(lab):
    c = chargen(lab, options=mss(1460))
    last = burst(c)[-1]
    c.ack = (last.seq + len(last.payload)) % MOD
    c.send(window=100)
    got = [p for p in c.quiet() if p.payload]
    check(not got, "it is", *got)


@case("9293-MUST-36", "a closed window is probed, and its opening used")
def _(lab):
    c = chargen(lab, options=mss(1460), window=0)
    p = c.wait(lambda p: True)
    check(len(p.payload) <= 1, "%d bytes" % len(p.payload), p)
    c.window = 65535
    c.send()
    check(len(c.wait(lambda p: len(p.payload) > 1).payload) == 1460, "not a full segment")


@case("9293-SHLD-29,30", "probes of a closed window become rarer")
def _(lab):
    import time
    c = chargen(lab, options=mss(1460), window=0)
    times = []
    for _ in range(4):
        c.wait()
        times.append(time.monotonic())
        c.send()
    gaps = [b - a for a, b in zip(times, times[1:])]
    check(gaps[-1] > 1.5 * gaps[0], "%s" % gaps)


@case("9293-SHLD-28", "segments are full where there is enough to send",
      linux="ends one with each of chargen's writes")
def _(lab):
    got = burst(chargen(lab))
    check(all(len(p.payload) == 1460 for p in got), "they are not", *got)


@case("9293-MUST-61", "the last segment of what there is has PSH")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"x" * 1000)
    check(c.wait(lambda p: p.payload).flags & PSH, "it has not")


@case("9293-SHLD-7", "Nagle: a second small segment waits for the first one's ACK",
      linux="has it off, as lwt-unix asks")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"one")
    first = c.wait(lambda p: p.payload)
    c.send(ACK, b"two", ack=first.seq)
    c.seq += 3
    got = [p for p in c.quiet() if p.payload and p.seq != first.seq]
    check(not got, "it does not", *got)
    c.ack = (first.seq + 3) % MOD
    c.send()
    check(c.wait(lambda p: p.seq == c.ack and p.payload).payload == b"two", "another")


@case("6298-5", "what is not acknowledged comes again, from the start")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"hello")
    first = c.wait(lambda p: p.payload)
    p = c.wait(lambda p: p.payload)
    check((p.seq, p.payload) == (first.seq, b"hello"), "another", p)


@case("6298-5.5", "and later, and later")
def _(lab):
    import time
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"hello")
    times = []
    for _ in range(4):
        c.wait(lambda p: p.payload)
        times.append(time.monotonic())
    gaps = [b - a for a, b in zip(times, times[1:])]
    check(gaps[2] > 1.5 * gaps[1], "%s" % gaps)


@case("5681-3.2", "three duplicate ACKs bring the segment again, at once")
def _(lab):
    c = chargen(lab, options=mss(1460))
    first = burst(c)
    check(len(first) >= 4, "too few")
    for _ in range(3):
        c.send()
    p = c.wait(lambda p: p.payload and p.seq == first[0].seq, timeout=0.19)
    check(len(p.payload) == 1460, "a part", p)


@case("6675-5", "SACK: what is missing comes again, what is there does not")
def _(lab):
    c = chargen(lab)
    first = burst(c)
    a, last = first[1].seq, first[-1]
    block = (a, (last.seq + len(last.payload)) % MOD)
    for p in first[1:]:
        c.send(options=sack((a, (p.seq + len(p.payload)) % MOD)))
    c.wait(lambda p: p.payload and p.seq == first[0].seq, timeout=0.19)
    again = [p for p in c.quiet() if p.payload and
             (p.seq - block[0]) % MOD < (block[1] - block[0]) % MOD]
    check(not again, "it does", *again)


@case("2018-8", "after a timeout, what SACK has reported may be sent again")
def _(lab):
    c = chargen(lab)
    first = burst(c)
    c.send(options=sack((first[1].seq, (first[1].seq + 1460) % MOD)))
    p = c.wait(lambda p: p.payload and p.seq == first[0].seq)
    check(p.payload == first[0].payload, "other bytes", p)


@case("9293-3.8.1", "the bytes are the same when they come again")
def _(lab):
    c = chargen(lab, options=mss(1460))
    first = burst(c)
    for _ in range(3):
        c.send()
    p = c.wait(lambda p: p.payload and p.seq == first[0].seq)
    check(p.payload[:1460] == first[0].payload, "other bytes", p)


@case("3042-2", "limited transmit: the first two duplicate ACKs let new segments go",
      linux="sends them by RACK's rules")
def _(lab):
    c = chargen(lab, options=mss(1460))
    first = burst(c)
    end = (first[-1].seq + len(first[-1].payload)) % MOD
    c.send()
    c.send()
    got = [p for p in c.quiet() if p.payload and (p.seq - end) % MOD < 1 << 20]
    check(1 <= len(got) <= 2, "%d segments" % len(got), *got)


@each([-1, -1460, -(1 << 20), 1 << 20], "5961-5.2",
      "an ACK off by {} acknowledges nothing more")
def _(lab, off):
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"hello")
    first = c.wait(lambda p: p.payload)
    c.send(ack=(first.seq + 5 + off) % MOD if off > 0 else (first.seq + off) % MOD)
    p = c.wait(lambda p: p.payload, what="it does not come again")
    check(p.seq == first.seq, "another", p)


@case("9293-MUST-18", "Karn: an ACK after a retransmission with timestamps is usable")
def _(lab):
    c = Conn(lab, ECHO)
    c.syn(mss(1460) + timestamps(1000, 0))
    p = c.wait()
    c.seq, c.ack = c.seq + 1, (p.seq + 1) % MOD
    c.say(b"hello", options=timestamps(1001, p.ts[0]))
    c.wait(lambda p: p.payload)
    p = c.wait(lambda p: p.payload)
    c.ack = (c.ack + 5) % MOD
    c.say(b"again", options=timestamps(1002, p.ts[0]))
    p = c.wait(lambda p: p.payload == b"again")
    check(p.seq == c.ack, "another number", p)


# ---- Ends ------------------------------------------------------------------------------

@case("9293-3.6", "FIN has the number behind the last byte")
def _(lab):
    c = Conn(lab, HTTP)
    c.open()
    c.say(b"GET / HTTP/1.0\r\n\r\n")
    data = c.read(1)
    while not data.endswith(b"$"):
        data += c.read(1)
    check(data.startswith(b"HTTP/1.1 200"), "another answer")


@case("9293-3.6", "data and FIN out of order: the end comes last")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.send(FIN | ACK, b"world", seq=c.seq + 6)
    c.say(b"hello ")
    c.seq += 6
    check(c.read(12) == b"hello world$", "not all")


@case("9293-3.6", "a FIN alone before the data: it waits for them")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.send(FIN | ACK, seq=c.seq + 5)
    c.say(b"hello")
    c.seq += 1
    check(c.read(6) == b"hello$", "not all")


@case("9293-SHLD-2", "a RST with data is a RST")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.send(RST, b"why it was")
    c.quiet()
    c.send(ACK, b"z")
    check(c.wait().flags & RST, "it lives")


@case("9293-3.10.7.4", "a hundred resets of a hundred connections: the port goes on")
def _(lab):
    for _ in range(100):
        c = Conn(lab, ECHO)
        c.open()
        c.say(b"x")
        c.send(RST)
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"abc")
    check(c.read(3) == b"abc", "no echo")
