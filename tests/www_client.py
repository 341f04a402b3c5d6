# www_client.py - start an example and talk to it; TAP.
# SPDX-License-Identifier: ISC
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys

BUILD = os.environ.get("top_builddir", ".")
TIMEOUT = 60

# Room for a thousand connections, here and in what is started.
SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE,
                   (4096 if HARD == resource.RLIM_INFINITY else min(HARD, 4096), HARD))
THOUSAND = resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 3100

count = failures = 0


def ok(right, name, note=""):
    global count, failures
    count += 1
    failures += not right
    print(f"{'' if right else 'not '}ok {count} - {name}")
    if not right and note:
        print("#", str(note)[:500].replace("\n", "\n# "))
    sys.stdout.flush()
    return right


def same(got, want, name):
    return ok(got == want, name, f"got {got!r:.200}, want {want!r:.200}")


def skip(name, why):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {why}")


def need(name):
    if not os.access(os.path.join(BUILD, "examples", name), os.X_OK):
        print(f"1..0 # SKIP no examples/{name}")
        sys.exit(0)


def done():
    print(f"1..{count}")
    sys.exit(failures > 0)


class Program:
    """A running example.  `first` is the line by which it says that it is there;
    prefix: a command that starts it."""

    def __init__(self, name, *args, prefix=()):
        self.process = subprocess.Popen(
            [*prefix, os.path.join(BUILD, "examples", name), *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT)
        self.first = self.process.stdout.readline().decode() if ready else ""

    def stop(self, signo=signal.SIGINT):
        """(exit status, rest of stdout, stderr)"""
        self.process.send_signal(signo)
        return self.end()

    def end(self):
        try:
            out, err = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            return "it does not end", out.decode(), err.decode()
        return self.process.returncode, out.decode(), err.decode()


def run(name, *args):
    """Run a program that ends by itself: (exit status, stdout, stderr)."""
    p = subprocess.run([os.path.join(BUILD, "examples", name), *args], timeout=TIMEOUT,
                       stdin=subprocess.DEVNULL, capture_output=True)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def connect(at, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET6 if ":" in at[0] else socket.AF_INET, kind)
    s.settimeout(TIMEOUT)
    s.connect(at)
    return s


def read_all(s):
    parts = []
    while True:
        part = s.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def read_n(s, n):
    parts = b""
    while len(parts) < n:
        part = s.recv(n - len(parts))
        if not part:
            break
        parts += part
    return parts


def exchange(at, request):
    """What comes back until the connection is closed."""
    with connect(at) as s:
        s.sendall(request)
        return read_all(s)


def response(raw):
    """(status, fields, body)"""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if re.match(r"HTTP/1\.1 \d{3} ", lines[0]) else 0
    return status, dict(line.lower().split(": ", 1) for line in lines[1:]), body


def get(at, path, *fields, method="GET"):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *fields]
    return response(exchange(at, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")))
