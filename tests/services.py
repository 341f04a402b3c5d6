#!/usr/bin/env python3
# services.py - examples/services, over the kernel's stack and over ours.
# SPDX-License-Identifier: ISC
import os
import random
import select
import socket
import threading

from www_client import Program, connect, done, get, need, ok, read_all, read_n, run, \
    same, skip

BASE = random.Random(os.getpid()).randrange(20000, 40000)
ECHO, DISCARD, CHARGEN, HTTP, CONTROL = 7, 9, 19, 80, 9999


def start(*args):
    """services on ports of their own: (program, base)"""
    global BASE
    for _ in range(20):
        BASE += 137
        program = Program("services", f"--port-base={BASE}", *args)
        if program.first:
            return program, BASE
        status, _, err = program.end()
        if "in use" not in err:
            break
    print("#", status, err)
    return None, 0


def test_echo(host, base, label):
    data = random.Random(2).randbytes(1000003)
    with connect((host, base + ECHO)) as s:
        writer = threading.Thread(target=lambda: (s.sendall(data),
                                                  s.shutdown(socket.SHUT_WR)))
        writer.start()
        got = read_all(s)
        writer.join()
    ok(got == data, f"{label}: echo, 1 MB", f"{len(got)} bytes")


def test_discard(host, base, label):
    with connect((host, base + DISCARD)) as s:
        s.sendall(b"x" * 1000000)
        s.shutdown(socket.SHUT_WR)
        same(read_all(s), b"", f"{label}: discard, 1 MB")


def test_chargen(host, base, label):
    line = bytes(range(32, 127)) * 2
    want = b"".join(line[i % 95:i % 95 + 72] + b"\r\n" for i in range(1000))
    with connect((host, base + CHARGEN)) as s:
        ok(read_n(s, len(want)) == want, f"{label}: chargen, 1000 lines")


def test_udp(host, base, label):
    with connect((host, base + ECHO), socket.SOCK_DGRAM) as s:
        for data in [b"hello", b"", b"x" * 1400]:
            s.send(data)
            same(s.recv(65536), data, f"{label}: UDP echo, {len(data)} bytes")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        s.settimeout(60)
        s.sendto(b"nothing", (host, base + DISCARD))
        s.sendto(b"something", (host, base + ECHO))
        got, peer = s.recvfrom(65536)
        same((got, peer[1]), (b"something", base + ECHO), f"{label}: UDP discard is silent")


def test_control(host, base, label, target):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener, \
            connect((host, base + CONTROL), socket.SOCK_DGRAM) as control:
        listener.bind((host, 0))
        listener.listen()
        listener.settimeout(60)
        for bad in [b"", b"connect", b"connect x 1", b"connect 127.0.0.1 0", b"\0",
                    b"connect 127.0.0.1 99999", b"connect 127.0.0.1 1 x", b"x" * 2000]:
            control.send(bad)
        control.send(f"connect {target} {listener.getsockname()[1]}\n".encode())
        s, _ = listener.accept()
        with s:
            s.settimeout(60)
            s.sendall(b"is anybody there?")
            same(read_n(s, 17), b"is anybody there?", f"{label}: it connects and echoes")
            s.shutdown(socket.SHUT_WR)
            same(read_all(s), b"", f"{label}: to the end")


def test_services(host, base, label, target):
    test_echo(host, base, label)
    test_discard(host, base, label)
    test_chargen(host, base, label)
    status, _, body = get((host, base + HTTP), "/")
    ok(status == 200 and b"echo" in body, f"{label}: HTTP", body)
    test_udp(host, base, label)
    test_control(host, base, label, target)


def test_stop(program, host, base, label):
    with connect((host, base + ECHO)) as idle, connect((host, base + CHARGEN)) as busy:
        idle.sendall(b"x")
        same(read_n(idle, 1), b"x", f"{label}: a connection that is idle")
        ok(len(read_n(busy, 100)) == 100, f"{label}: one that is not read")
        status, _, err = program.stop()
    same(status, 0, f"{label}: SIGINT ends it, nothing is alive")
    return err


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def main():
    need("services")
    args = ["--addr6=::1"] if has_ipv6() else []
    program, base = start("--net=sockets", *args)
    if ok(program, "sockets: it starts"):
        test_services("127.0.0.1", base, "sockets", "127.0.0.1")
        if args:
            test_services("::1", base, "IPv6", "::1")
        else:
            skip("IPv6", "none here")
        err = test_stop(program, "127.0.0.1", base, "sockets")
        same(err.count("not \"connect IP PORT\""), 16 if args else 8,
             "bad control datagrams are told")
    program, base = start("--net=gateway")
    if ok(program, "gateway: it starts"):
        test_services("127.0.0.1", base, "gateway", "127.0.0.1")
        test_stop(program, "127.0.0.1", base, "gateway")

    program, base = start("--connections=8")
    if ok(program, "8 connections at most: it starts"):
        sockets = [connect(("127.0.0.1", base + ECHO)) for _ in range(20)]
        for s in sockets:
            s.sendall(b"x")
        served = 0
        while sockets:
            ready, _, _ = select.select(sockets, [], [], 60)
            served += len(ready)
            for s in ready:
                s.close()
                sockets.remove(s)
            if not ready:
                break
        same(served, 20, "20 are served, 8 at a time")
        program.stop()
    status, _, err = run("services", "--port-base=x")
    ok(status == 2 and "--port-base" in err, "a bad command line", err)
    done()


main()
