# cases_flood.py - too much of something; the last cases, as what they use up comes back
# in time only (Linux takes no fragments for half a minute afterwards).
# SPDX-License-Identifier: ISC
from cases import case
from cases_ip import UNREACHABLE, answered, echo
from lab import check


@case("1812-4.3.2.8", "errors are limited in number: of 500 a few")
def _(lab):
    h = lab.host()
    for i in range(500):
        h.udp(5000, 6000 + i, b"x")
    got = [p for p in h.quiet() if p.icmp == UNREACHABLE]
    check(0 < len(got) <= 250, "%d of 500" % len(got))


@case("1122-3.3.2", "5,000 datagrams that are never whole leave the stack at work")
def _(lab):
    h = lab.host()
    for ident in range(5000):
        h.send(1, b"y" * 1480, ident=ident, flags=1)
        if ident % 500 == 0:
            lab.barrier()
    echo(h)
    answered(h)
