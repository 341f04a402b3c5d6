#!/usr/bin/env python3
# tls.py - TLS beside OpenSSL: www's https and a client of ours; TAP.
# SPDX-License-Identifier: ISC
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from www_client import BUILD, TIMEOUT, Program, done, need, ok, same, skip

KEYS = os.path.join(os.environ.get("top_srcdir", "."), "tests", "tls")
GET = os.path.join(BUILD, "tests", "tls-get")


def key(name):
    return os.path.join(KEYS, name)


def context(roots="root.pem", **kind):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(key(roots))
    c.maximum_version = ssl.TLSVersion.TLSv1_2
    for name, value in kind.items():
        setattr(c, name, value)
    return c


def fetch(at, path, c, session=None, name="example.test"):
    """(body, socket): to the end that the server announces."""
    with socket.create_connection(at, TIMEOUT) as raw:
        s = c.wrap_socket(raw, server_hostname=name, session=session,
                          suppress_ragged_eofs=False)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        parts = []
        while part := s.recv(65536):
            parts.append(part)
        return b"".join(parts).partition(b"\r\n\r\n")[2], s


def refused(at, c, **kind):
    """What OpenSSL says of a handshake that should fail."""
    try:
        fetch(at, "/", c, **kind)
    except (ssl.SSLError, OSError) as error:
        return error
    return None


def test_server(kind, net):
    files = {"index.html": b"<h1>front</h1>\n", "big.bin": os.urandom(3000001)}
    with tempfile.TemporaryDirectory() as top:
        site, keys = os.path.join(top, "site"), os.path.join(top, "keys")
        os.mkdir(site)
        os.mkdir(keys)
        for name, content in files.items():
            with open(os.path.join(site, name), "wb") as file:
                file.write(content)
        shutil.copy(key(kind + ".pem"), os.path.join(keys, "cert.pem"))
        shutil.copy(key(kind + ".key"), os.path.join(keys, "key.pem"))
        www = Program("www", f"--net={net}", "--port=0", "--tls-port=0", f"--root={site}",
                      f"--tls={keys}")
        found = re.search(r"https://([^/:]+):(\d+)/", www.first)
        if not ok(found, f"{kind}: www serves https", www.first):
            return
        at = (found.group(1), int(found.group(2)))
        c = context()
        for name, content in files.items():
            ok(fetch(at, "/" + name, c)[0] == content, f"{kind}: {name}, byte by byte")
        for suites in ["ECDHE+AESGCM+AES128", "ECDHE+AESGCM+AES256", "ECDHE+CHACHA20"]:
            c = context()
            c.set_ciphers(suites)
            body, s = fetch(at, "/big.bin", c)
            ok(body == files["big.bin"], f"{kind}: {s.cipher()[0]}")
        c = context()
        c.set_ciphers("AES128-SHA:ECDHE+AES+SHA1:ECDHE+AES+SHA256")
        ok(refused(at, c), f"{kind}: no CBC, no static RSA")
        c = context(minimum_version=ssl.TLSVersion.TLSv1_1,
                    maximum_version=ssl.TLSVersion.TLSv1_1)
        c.set_ciphers("DEFAULT@SECLEVEL=0")
        ok(refused(at, c), f"{kind}: no TLS 1.1")
        c = context(maximum_version=ssl.TLSVersion.TLSv1_3)
        same(fetch(at, "/", c)[1].version(), "TLSv1.2", f"{kind}: 1.3 comes down to 1.2")
        c = context()
        s = fetch(at, "/", c)[1]
        again = fetch(at, "/", c, s.session)[1]
        ok(again.session_reused, f"{kind}: a session goes on")
        same(type(refused(at, context("stranger.pem"))), ssl.SSLCertVerificationError,
             f"{kind}: the certificate is what it is")
        with socket.create_connection(at, TIMEOUT) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            same(raw.recv(100), b"", f"{kind}: HTTP on the port of https is cut off")
        if shutil.which("curl"):
            got = subprocess.run(
                ["curl", "-sS", "--cacert", key("root.pem"), "--resolve",
                 f"example.test:{at[1]}:{at[0]}", f"https://example.test:{at[1]}/big.bin"],
                capture_output=True, timeout=TIMEOUT)
            ok(got.stdout == files["big.bin"], f"{kind}: curl", got.stderr.decode())
        else:
            skip(f"{kind}: curl", "no curl")
        status, _, err = www.stop()
        same((status, err), (0, ""), f"{kind}: it ends, and nothing is left")


class Server(threading.Thread):
    """OpenSSL's side for one connection: reads a line, answers, closes."""

    def __init__(self, cert, answer=b"", polite=True, **kind):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(key(cert + ".pem"), key(cert + ".key"))
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        for name, value in kind.items():
            setattr(self.context, name, value)
        self.answer, self.polite, self.said = answer, polite, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        raw, _ = self.listener.accept()
        raw.settimeout(TIMEOUT)
        try:
            s = self.context.wrap_socket(raw, server_side=True)
            self.said = s.recv(1000)
            s.sendall(self.answer)
            if self.polite:
                s = s.unwrap()
            s.close()
        except (ssl.SSLError, OSError) as error:
            self.said = error


def ask(server, name="example.test", roots="root.pem"):
    """(answer, how it ended)"""
    got = subprocess.run([GET, str(server.port), name, key(roots), "hello\n"],
                         capture_output=True, timeout=TIMEOUT)
    server.join(TIMEOUT)
    answer, _, end = got.stdout.rpartition(b"\nend: ")
    return answer, end.decode().strip()


def test_client():
    big = os.urandom(3000001)
    for kind in ["ec", "rsa"]:
        server = Server(kind, big)
        answer, end = ask(server)
        same((end, server.said), ("0", b"hello\n"), f"client, {kind}: through")
        ok(answer == big, f"client, {kind}: 3 MB, byte by byte")
    answer, end = ask(Server("ec", b"some", polite=False))
    ok(end.startswith("-61 ") or end.startswith("-104 "),
       "client: an end that is not announced", end)
    for cert, name, roots, want in [
            ("expired", "example.test", "root.pem",
             "-13 tls: certificate expired or not yet valid"),
            ("strange", "example.test", "root.pem",
             "-13 tls: certificate of an unknown authority"),
            ("ec", "www.example.test", "root.pem", "-13 tls: certificate of another name"),
            ("ec", "example.test", "stranger.pem",
             "-13 tls: certificate of an unknown authority")]:
        same(ask(Server(cert), name, roots)[1], want, f"client: {want[4:]}")
    server = Server("ec", minimum_version=ssl.TLSVersion.TLSv1_3,
                    maximum_version=ssl.TLSVersion.TLSv1_3)
    ok(ask(server)[1].startswith("-71 "), "client: a server with 1.3 only", server.said)


need("www")
if not os.access(GET, os.X_OK):
    print("1..0 # SKIP lwt-tls is not built (libbearssl-dev)")
    sys.exit(0)
test_server("ec", "sockets")
test_server("rsa", "gateway")
test_client()
done()
