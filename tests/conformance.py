#!/usr/bin/env python3
# conformance.py - what the RFCs ask of a host, asked from outside, packet by packet.
# SPDX-License-Identifier: ISC
#
# The cases are in tests/conformance/, each named after its requirement.  They run
# against our stack over a tap device and against Linux, which calibrates them: a
# case that Linux fails is wrong, unless it says why Linux differs.
#
# conformance.py [--only=TEXT] [--target=ours|linux] [--verbose]
import os
import shutil
import sys
import traceback

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "conformance"))

from www_client import done, need, ok, skip  # noqa: E402
import cases_ip  # noqa: E402,F401
import cases_open  # noqa: E402,F401
import cases_data  # noqa: E402,F401
import cases_state  # noqa: E402,F401
import cases_flood  # noqa: E402,F401
from cases import CASES  # noqa: E402
from lab import Failed, Lab  # noqa: E402

ARGS = dict(a.lstrip("-").partition("=")[::2] for a in sys.argv[1:])


def run(lab, kind, one):
    name = "%s: %s %s" % (kind, one.ident, one.text)
    lab.seen.clear()
    try:
        one.run(lab)
        why = None
    except Failed as failed:
        why = str(failed)
    except (OSError, ValueError, IndexError) as error:
        why = "".join(traceback.format_exception(error))
    if "verbose" in ARGS and why:
        why += "\n" + "\n".join(map(str, lab.seen[-30:]))
    if why and kind == "linux" and one.linux:
        skip(name, "Linux " + one.linux)
    else:
        ok(not why, name, why or "")


need("services")
if os.geteuid() != 0 or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
    print("1..0 # SKIP needs root, ip(8) and /dev/net/tun")
    sys.exit(0)
for target in [ARGS["target"]] if "target" in ARGS else ["ours", "linux"]:
    lab = None
    try:
        lab = Lab(target)
        for one in CASES:
            if ARGS.get("only", "") in one.ident + " " + one.text:
                run(lab, target, one)
    finally:
        if lab:
            lab.close()
    if target == "ours":
        status, out, err = lab.ended
        ok(status == 0 and not err, "ours: services end, and nothing is left",
           "status %s\n%s%s" % (status, out, err))
done()
