#!/usr/bin/env python3
# www.py - examples/www serves files, over the kernel's stack and over ours.
# SPDX-License-Identifier: ISC
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile

from www_client import BUILD, THOUSAND, Program, connect, done, exchange, get, need, ok, \
    read_n, response, run, same, skip

CLIENTS = 1000 if THOUSAND else 300


def make_site(top):
    rng = random.Random(1)
    files = {
        "index.html": b"<h1>front</h1>\n",
        "404.html": b"<h1>nothing there</h1>\n",
        "dir/index.html": b"<h1>dir</h1>\n",
        "dir/style.css": b"body {}\n",
        "with space & more.txt": b"text\n",
        "empty.txt": b"",
        "image.png": rng.randbytes(70001),
        "big.bin": rng.randbytes(5000003),
    }
    for name, content in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    os.symlink("/etc/passwd", os.path.join(top, "escape.txt"))
    os.symlink("/etc", os.path.join(top, "out"))
    return files


def address(program):
    found = re.search(r"http://([^/]+):(\d+)/", program.first)
    return (found.group(1).strip("[]"), int(found.group(2))) if found else None


def test_files(at, files, net):
    for name, content in files.items():
        status, _, body = get(at, "/" + name.replace(" ", "%20"))
        ok(status == 200 and body == content, f"{net}: {name}, byte by byte")
    same(get(at, "/")[2], files["index.html"], f"{net}: / is index.html")
    status, fields, _ = get(at, "/dir")
    same((status, fields.get("location")), (301, "/dir/"), f"{net}: /dir")
    same(get(at, "/dir/")[2], files["dir/index.html"], f"{net}: /dir/")
    for path in ["/nothing", "/../../../etc/passwd", "/dir/%2e%2e/%2e%2e/etc/passwd",
                 "/escape.txt", "/out/passwd", "//etc/passwd"]:
        status, _, body = get(at, path)
        ok(status in (403, 404) and b"root:" not in body, f"{net}: {path} is not there", body)


def test_conditions(at, files, net):
    big = files["big.bin"]
    status, fields, body = get(at, "/big.bin", method="HEAD")
    same((status, fields.get("content-length"), body), (200, str(len(big)), b""),
         f"{net}: HEAD")
    etag, date = fields.get("etag", ""), fields.get("last-modified", "")
    same(get(at, "/big.bin", f"If-None-Match: {etag}")[::2], (304, b""),
         f"{net}: 304 by entity tag")
    date = " ".join(w.capitalize() for w in date.split()).replace("Gmt", "GMT")
    same(get(at, "/big.bin", f"If-Modified-Since: {date}")[::2], (304, b""),
         f"{net}: 304 by date")
    for text, want in [("0-0", big[:1]), ("1000000-2999999", big[1000000:3000000]),
                       ("-10", big[-10:]), ("5000000-", big[5000000:])]:
        status, fields, body = get(at, "/big.bin", f"Range: bytes={text}")
        ok(status == 206 and body == want, f"{net}: range {text}", fields)
    status, fields, body = get(at, "/big.bin", "Range: bytes=0-9,1000-1009,-10")
    ok(status == 206 and "multipart/byteranges" in fields.get("content-type", "") and
       all(part in body for part in (big[:10], big[1000:1010], big[-10:])),
       f"{net}: three ranges", fields)
    same(get(at, "/big.bin", "Range: bytes=9999999-")[0], 416, f"{net}: no such range")
    same(get(at, "/", method="POST")[0], 405, f"{net}: POST")
    same(response(exchange(at, b"nonsense\r\n\r\n"))[0], 400, f"{net}: nonsense")


def test_curl(url, files, net):
    curl = shutil.which("curl")
    for name in ["big.bin", "image.png", "dir/"]:
        if not curl:
            skip(f"{net}: curl {name}", "no curl")
            continue
        got = subprocess.run([curl, "-sS", "-m", "60", "--compressed", url + name],
                             capture_output=True, check=False)
        want = files[name if name in files else name + "index.html"]
        ok(got.stdout == want, f"{net}: curl {name}", got.stderr)


def test_refusal(at, net):
    """The answer arrives although the request was not read to its end."""
    for _ in range(20):
        status, _, body = response(exchange(at, b"POST / HTTP/1.1\r\nHost: h\r\n"
                                                b"Content-Length: 100000\r\n\r\n" +
                                            b"x" * 100000))
        if status != 413 or not body.endswith(b"</html>\n"):
            break
    ok(status == 413, f"{net}: a body too long is refused, and the client learns it", status)


def test_pipeline(at, files, net):
    one = b"GET /dir/style.css HTTP/1.1\r\nHost: h\r\n\r\n"
    last = b"GET /image.png HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    raw = exchange(at, one * 50 + last)
    same(raw.count(b"\r\n\r\n" + files["dir/style.css"]), 50, f"{net}: 50 in a pipeline")
    ok(raw.endswith(files["image.png"]), f"{net}: and the last in its place")


def test_many(at, files, net):
    """All are connected before the first asks, and ask before any is answered."""
    want = files["image.png"]
    sockets, right, failed = [], 0, None
    try:
        for _ in range(CLIENTS):
            sockets.append(connect(at))
        for s in sockets:
            s.sendall(b"GET /image.png HTTP/1.1\r\nHost: h\r\n\r\n")
        for s in sockets:
            raw = b""
            while b"\r\n\r\n" not in raw:
                part = s.recv(65536)
                if not part:
                    break
                raw += part
            head, _, body = raw.partition(b"\r\n\r\n")
            body += read_n(s, len(want) - len(body))
            right += head.startswith(b"HTTP/1.1 200 ") and body == want
    except OSError as error:
        failed = error
    ok(right == CLIENTS, f"{net}: {CLIENTS} connections at once",
       f"{right} of {len(sockets)} were right; {failed}")
    return sockets


def test_net(net, top, files):
    www = Program("www", f"--net={net}", "--port=0", f"--root={top}", "--connections=2000")
    at = address(www)
    if not ok(at, f"{net}: it says where it is", www.first):
        print("#", www.stop())
        return
    test_files(at, files, net)
    test_conditions(at, files, net)
    test_curl(f"http://{at[0]}:{at[1]}/", files, net)
    test_refusal(at, net)
    test_pipeline(at, files, net)
    idle = test_many(at, files, net)
    status, out, err = www.stop()
    same((status, err), (0, ""), f"{net}: SIGINT ends it with 0 and no complaint")
    ok(re.search(r"stopped: \d{3,4} connections", out) and " 0 aborted" in out,
       f"{net}: idle connections are closed, none aborted", out)
    for s in idle:
        s.close()


def test_stop(top):
    www = Program("www", "--port=0", f"--root={top}")
    with connect(address(www)) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /big.bin HT")
        read_n(s, 100)
        status, out, _ = www.stop()
        ok(status == 0 and "1 aborted" in out, "half a request is aborted", out)
    www = Program("www", "--net=sockets", "--port=0", f"--root={top}", "--addr=::1")
    if "[::1]" in www.first:
        same(get(address(www), "/dir/style.css")[2], b"body {}\n", "over IPv6")
    else:
        skip("over IPv6", "no IPv6")
    www.stop()


def test_command_lines(top):
    status, out, err = run("www", "--help")
    ok(status == 0 and "--net=" in out and not err, "--help", (status, out, err))
    for args, word in [(["--nonsense"], "--nonsense"), (["--port=x"], "--port"),
                       (["--port=70000"], "--port"), (["--port"], "--port"),
                       (["--addr=1.2.3"], "--addr"), (["--addr=10.0.0.2/33"], "--addr"),
                       (["--log=1"], "--log"), (["extra"], "extra"), (["--root="], "--root")]:
        status, out, err = run("www", *args)
        ok(status == 2 and word in err and err.count("\n") == 1 and not out,
           f"www {' '.join(args)}", (status, out, err))
    for args, word in [(["--root=/nowhere"], "/nowhere"),
                       (["--net=nonsense", f"--root={top}"], "nonsense"),
                       (["--net=tap:", f"--root={top}"], "tap:"),
                       (["--addr=192.0.2.1", f"--root={top}"], "192.0.2.1")]:
        status, out, err = run("www", *args)
        ok(status == 1 and word in err and not out, f"www {' '.join(args)[:40]}",
           (status, out, err))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, out, err = run("www", f"--root={top}", f"--port={taken.getsockname()[1]}")
        ok(status == 1 and "in use" in err, "a port that is taken", (status, out, err))


def test_documentation():
    site = os.path.join(BUILD, "doc", "site")
    if not os.path.exists(os.path.join(site, "index.html")):
        skip("the documentation", "not rendered")
        return
    www = Program("www", "--net=gateway", "--port=0", f"--root={site}")
    at, wrong = address(www), []
    for where, _, names in os.walk(site):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                content = file.read()
            if get(at, "/" + os.path.relpath(path, site))[2] != content:
                wrong.append(name)
    ok(not wrong, "every page of the documentation, through our own stack", wrong)
    www.stop()


def main():
    need("www")
    with tempfile.TemporaryDirectory() as top:
        files = make_site(top)
        for net in ["sockets", "gateway"]:
            test_net(net, top, files)
        test_stop(top)
        test_command_lines(top)
    test_documentation()
    done()


main()
