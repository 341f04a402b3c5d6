# cases_state.py - TCP: each state, and what may arrive in it (RFC 9293, 3.10.7.4; RFC
# 5961, which is stricter about RST, SYN and ACK).
# SPDX-License-Identifier: ISC
import os

from cases import case, each
from cases_open import DISCARD, ECHO, HTTP, active
from lab import Conn, check
from packets import ACK, FIN, PSH, RST, SACK_OK, SYN, URG, mss

REQUEST = b"GET / HTTP/1.0\r\n\r\n"
MOD = 1 << 32

# ---- The states ------------------------------------------------------------------------


def established(lab):
    c = Conn(lab, DISCARD)
    c.open()
    return c


def close_wait(lab):
    """Echo has our end and more to say than our window takes."""
    c = Conn(lab, ECHO)
    c.open(window=0)
    c.say(b"x" * 1000)
    c.send(FIN | ACK)
    c.seq += 1
    c.wait(lambda p: p.ack == c.seq)
    return c


def last_ack(lab):
    c = Conn(lab, DISCARD)
    c.open()
    c.send(FIN | ACK)
    c.seq += 1
    p = c.wait(lambda p: p.flags & FIN)
    c.theirs = p.seq
    return c


def fin_wait_1(lab):
    """HTTP/1.0 has answered and closed; its FIN is not acknowledged."""
    c = Conn(lab, HTTP)
    c.open()
    c.say(REQUEST)
    fin = None
    while not fin:
        p = c.wait(lambda p: p.seq == c.ack and (p.payload or p.flags & FIN))
        c.ack = (c.ack + len(p.payload)) % MOD
        fin = p.flags & FIN
        c.send()
    c.theirs = c.ack
    return c


def fin_wait_2(lab):
    c = fin_wait_1(lab)
    c.ack = (c.ack + 1) % MOD
    c.send()
    return c


def closing(lab):
    c = fin_wait_1(lab)
    c.send(FIN | ACK)
    c.seq += 1
    c.wait(lambda p: p.ack == c.seq)
    return c


def time_wait(lab):
    c = fin_wait_2(lab)
    c.send(FIN | ACK)
    c.seq += 1
    c.wait(lambda p: p.ack == c.seq)
    return c


STATES = {"ESTABLISHED": established, "CLOSE-WAIT": close_wait, "LAST-ACK": last_ack,
          "FIN-WAIT-1": fin_wait_1, "FIN-WAIT-2": fin_wait_2, "CLOSING": closing,
          "TIME-WAIT": time_wait}
NAMES = list(STATES)


def reach(lab, name):
    c = STATES[name](lab)
    c.quiet()
    return c


def gone(c):
    """Nobody knows the connection any more."""
    c.send(ACK, b"z")
    p = c.wait()
    check(p.flags & RST, "it lives", p)


# ---- What arrives ----------------------------------------------------------------------

def linux(why, *names):
    return lambda v: v in names and why


@each(NAMES, "5961-3.2", "{}: a RST with the next number ends it",
      linux=linux("keeps TIME-WAIT, as RFC 1337 says, or has it in another place",
                  "TIME-WAIT"))
def _(lab, name):
    c = reach(lab, name)
    c.send(RST)
    c.quiet()
    if name == "TIME-WAIT":  # RFC 1337: it does not
        check(c.lives(), "it has ended")
    else:
        gone(c)


@each(NAMES, "5961-3.2", "{}: a RST elsewhere in the window is challenged",
      linux=linux("has TIME-WAIT's rules in another place", "TIME-WAIT"))
def _(lab, name):
    c = reach(lab, name)
    c.send(RST, seq=c.seq + 100)
    if name != "TIME-WAIT":
        p = c.wait(lambda p: not p.payload)
        check(not p.flags & RST and p.ack == c.seq, "not a challenge", p)
    check(c.lives(), "it has ended")


@each(NAMES, "9293-3.10.7.4", "{}: a RST outside of the window is dropped")
def _(lab, name):
    c = reach(lab, name)
    c.send(RST, seq=c.seq - 100000)
    c.send(RST, seq=c.seq + (1 << 30))
    got = [p for p in c.quiet() if not p.payload and not p.flags & FIN]
    check(not got, "an answer", *got)
    check(c.lives(), "it has ended")


SYNS = NAMES[:-1]


@each(SYNS, "5961-4.2", "{}: a SYN in the window is challenged")
def _(lab, name):
    c = reach(lab, name)
    c.send(SYN, seq=c.seq + 10)
    p = c.wait(lambda p: not p.payload)
    check(p.flags & ~FIN == ACK and p.ack == c.seq, "not a challenge", p)
    check(c.lives(), "it has ended")


@each(SYNS, "5961-4.2", "{}: a SYN outside of the window is challenged")
def _(lab, name):
    c = reach(lab, name)
    c.send(SYN, seq=c.seq - 100000)
    p = c.wait(lambda p: not p.payload)
    check(p.flags & ~FIN == ACK and p.ack == c.seq, "not a challenge", p)
    check(c.lives(), "it has ended")


@each(NAMES, "9293-3.10.7.4", "{}: an ACK of what was not sent is answered, and not believed",
      linux=linux("drops it without an answer", "TIME-WAIT", "LAST-ACK", "CLOSING",
                  "FIN-WAIT-1", "FIN-WAIT-2"))
def _(lab, name):
    c = reach(lab, name)
    c.send(ack=c.ack + 50000)
    if name != "TIME-WAIT":
        p = c.wait(lambda p: not p.payload)
        check(not p.flags & RST and p.ack == c.seq, "another answer", p)
    check(c.lives(), "it has ended")


@each(NAMES, "5961-5.2", "{}: an ACK of long ago with data is not believed")
def _(lab, name):
    c = reach(lab, name)
    c.send(ACK, b"evil", ack=(c.ack - (1 << 30)) % MOD)
    got = [p for p in c.quiet() if p.flags & RST or (p.ack - c.seq) % MOD in range(1, 10)]
    check(not got, "believed", *got)
    check(c.lives(), "it has ended")


@each(NAMES, "9293-3.10.7.4", "{}: a segment without ACK is dropped",
      linux=linux("answers", "TIME-WAIT"))
def _(lab, name):
    c = reach(lab, name)
    c.send(0, b"abc")
    c.send(PSH | FIN, b"abc")
    got = [p for p in c.quiet() if p.ack != c.seq or p.flags & RST]
    check(not got, "believed", *got)
    check(c.lives(), "it has ended")


@each(NAMES, "9293-3.10.7.4", "{}: data behind the window are not taken, and answered")
def _(lab, name):
    c = reach(lab, name)
    c.send(ACK, b"abc", seq=c.seq + (1 << 29))
    if name not in ("TIME-WAIT",):
        p = c.wait(lambda p: not p.payload)
        check(p.ack == c.seq and not p.flags & RST, "another answer", p)
    check(c.lives(), "it has ended")


@each(NAMES, "9293-3.10.7.4", "{}: a segment that was received before is answered")
def _(lab, name):
    c = reach(lab, name)
    c.send(seq=c.seq - 1)
    p = c.wait(lambda p: not p.payload)
    check(p.ack == c.seq and not p.flags & RST, "another answer", p)


@each(NAMES, "9293-MUST-3", "{}: a wrong checksum is dropped in silence")
def _(lab, name):
    c = reach(lab, name)
    c.send(RST, sum=0x1111)
    c.send(ACK, b"abc", sum=0x1111)
    got = [p for p in c.quiet() if not p.payload and not p.flags & FIN]
    check(not got, "an answer", *got)
    check(c.lives(), "it has ended")


@each(NAMES, "9293-3.10.7.4", "{}: a FIN from the future ends nothing")
def _(lab, name):
    c = reach(lab, name)
    c.send(FIN | ACK, seq=c.seq + 1000)
    c.quiet()
    c.send(seq=c.seq - 1)
    p = c.wait(lambda p: not p.payload)
    check(p.ack == c.seq and not p.flags & RST, "believed", p)


CLOSED_HALF = ["CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT"]


@each(CLOSED_HALF, "9293-3.10.7.4", "{}: the FIN again is acknowledged again")
def _(lab, name):
    c = reach(lab, name)
    c.send(FIN | ACK, seq=c.seq - 1)
    p = c.wait(lambda p: not p.payload)
    check(p.ack == c.seq and not p.flags & RST, "another answer", p)


@each(CLOSED_HALF, "9293-3.10.7.4", "{}: data after the FIN are not acknowledged")
def _(lab, name):
    c = reach(lab, name)
    c.send(ACK, b"abc")
    got = [p for p in c.quiet() if (p.ack - c.seq) % MOD in range(1, 10)]
    check(not got, "believed", *got)


@each(["LAST-ACK", "CLOSING"], "9293-3.10.7.4", "{}: the ACK of the FIN ends it")
def _(lab, name):
    c = reach(lab, name)
    c.send(ack=(c.theirs + 1) % MOD)
    c.quiet()
    c.ack = (c.theirs + 1) % MOD
    if name == "LAST-ACK":
        gone(c)
    else:
        check(c.lives(), "TIME-WAIT is not there")


@each(["LAST-ACK", "FIN-WAIT-1", "CLOSING"], "6298-5", "{}: the FIN comes again")
def _(lab, name):
    c = reach(lab, name)
    p = c.wait(lambda p: p.flags & FIN)
    check(p.seq == c.theirs, "another number", p)


@each(["FIN-WAIT-1", "FIN-WAIT-2"], "9293-3.10.7.4", "{}: data are still taken",
      linux=lambda v: "its HTTP server closed both directions")
def _(lab, name):
    c = reach(lab, name)
    c.say(b"more")
    if name == "FIN-WAIT-1":
        c.ack = (c.theirs + 1) % MOD
        c.send()
    c.wait(lambda p: p.ack == c.seq or p.flags & RST, what="not taken")


@case("9293-3.6", "CLOSE-WAIT: what was not sent is sent when the window opens, then the FIN")
def _(lab):
    c = reach(lab, "CLOSE-WAIT")
    c.window = 65535
    c.send()
    check(c.read(1001) == b"x" * 1000 + b"$", "not all")
    c.quiet()
    gone(c)


@case("9293-3.6", "half-close: echo gives all back after our FIN")
def _(lab):
    c = Conn(lab, ECHO)
    c.open()
    c.say(b"one")
    c.say(b"two", flags=FIN | ACK)
    c.seq += 1
    check(c.read(7) == b"onetwo$", "not all")


@case("9293-3.5", "simultaneous close")
def _(lab):
    c = fin_wait_1(lab)
    c.send(FIN | ACK)
    c.seq += 1
    p = c.wait(lambda p: p.ack == c.seq)
    check(not p.flags & RST, "a reset", p)
    c.ack = (c.theirs + 1) % MOD
    c.send()
    check(c.lives(), "TIME-WAIT is not there")


@case("6191", "TIME-WAIT: a SYN with a higher number opens anew",
      linux="answers with an ACK first, if timestamps are off")
def _(lab):
    c = reach(lab, "TIME-WAIT")
    again = Conn(lab, HTTP, host=c.host, sport=c.sport, iss=(c.seq + 1000000) % MOD)
    again.syn()
    p = again.wait()
    check(p.flags == SYN | ACK and p.ack == again.seq + 1, "another answer", p)


@case("1337", "TIME-WAIT: an old duplicate does not end it")
def _(lab):
    c = reach(lab, "TIME-WAIT")
    c.send(ACK, REQUEST, seq=c.seq - len(REQUEST) - 1)
    p = c.wait()
    check(not p.flags & RST and p.ack == c.seq, "another answer", p)
    check(c.lives(), "it has ended")


@case("9293-MUST-12", "data for who has closed are answered with a reset")
def _(lab):
    c = reach(lab, "LAST-ACK")
    c.send(ack=(c.theirs + 1) % MOD)
    c.quiet()
    c.ack = (c.theirs + 1) % MOD
    gone(c)


@case("9293-MUST-41,42", "a hundred connections to one port, none disturbs another")
def _(lab):
    conns = [Conn(lab, ECHO) for _ in range(100)]
    for c in conns:
        c.open()
    for i, c in enumerate(conns):
        c.say(b"number %d" % i)
    for i, c in enumerate(conns):
        got = [p.payload for p in lab.seen if c.mine(p) and p.payload]
        text = got[0] if got else c.wait(lambda p: p.payload).payload
        check(text == b"number %d" % i, "another's bytes: %r" % text)
        c.reset()


@each(["SYN-RECEIVED", "SYN-SENT"], "9293-3.10.7", "{}: a FIN from the future ends nothing")
def _(lab, name):
    if name == "SYN-SENT":
        c, first = active(lab)
        c.send(FIN, seq=77)
        got = [p for p in c.quiet() if p.flags & RST]
        check(not got, "reset", *got)
        return
    c = Conn(lab, ECHO)
    c.syn(mss(1460) + SACK_OK)
    p = c.wait()
    c.seq, c.ack = c.seq + 1, p.seq + 1
    c.send(FIN | ACK, seq=c.seq + 500)
    c.quiet()
    c.say(b"abc")
    p = c.wait(lambda p: p.payload)
    check(p.payload == b"abc" and p.ack == c.seq, "ended", p)


@case("9293-MUST-30,31", "urgent data of any length come in line",
      linux="keeps the last byte apart")
def _(lab):
    for length in [1, 100, 1460]:
        c = Conn(lab, ECHO)
        c.open()
        data = os.urandom(length)
        c.say(data, flags=ACK | URG, urgent=length)
        c.say(b"end")
        check(c.read(length + 3) == data + b"end", "not in line")
        c.reset()


@case("9293-MUST-66", "RST is obeyed with a closed window")
def _(lab):
    c = close_wait(lab)
    c.send(RST)
    c.quiet()
    gone(c)
