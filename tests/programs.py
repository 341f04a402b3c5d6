#!/usr/bin/env python3
# programs.py - programs that everybody has, against our TCP/IP over tap.
# SPDX-License-Identifier: ISC
#
# curl, wget, nginx as a proxy, iperf 2, ssh, dig, ping, traceroute and nmap run in a
# network namespace beside the example programs, and tshark reads what went over the
# wire.  Speaks TAP.
import collections
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from www_client import Program, done, need, ok, same, skip

# Daemons are not on everybody's path.
os.environ["PATH"] += ":/usr/sbin:/sbin"
NS = ["ip", "netns", "exec", "lwt-pr-%d" % os.getpid()]
HOST, OURS = "10.96.0.1", "10.96.0.2"
SIZE = 8 << 20


def run(*cmd, **kw):
    kw.setdefault("timeout", 120)
    r = subprocess.run([*NS, *cmd], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, **kw)
    return r.returncode, r.stdout.decode(errors="replace")


def have(program, what):
    if shutil.which(program):
        return True
    skip(what, "%s is not installed" % program)
    return False


def comment(text):
    print("# " + text.strip().replace("\n", "\n# "))


class Other:
    """A daemon in the namespace.  answers: a command that fails until it is there."""

    def __init__(self, command, answers):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen([*NS, *command], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        self.there = False
        end = time.monotonic() + 30
        while not self.there and time.monotonic() < end and self.process.poll() is None:
            self.there = run(*answers)[0] == 0 or time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.seek(0)
        return self.log.read()


def listens(port):
    return ["sh", "-c", "ss -Hltn 'sport = :%d' | grep -q ." % port]


# ---- The web ------------------------------------------------------------------

def make_site(tmp):
    site = os.path.join(tmp, "site")
    os.makedirs(os.path.join(site, "more"))
    names = ["more/page%d.html" % i for i in range(20)]
    with open(os.path.join(site, "index.html"), "w") as f:
        f.writelines('<a href="%s">page</a>\n' % name for name in names)
    for i, name in enumerate(names):
        with open(os.path.join(site, name), "w") as f:
            f.write('<a href="../index.html">back</a>\n' + "%d\n" % i * (1 + i * 500))
    with open(os.path.join(site, "big"), "wb") as f:
        f.write(os.urandom(SIZE))
    return site, names


def curl(tmp, site, names):
    if not have("curl", "curl"):
        return
    url = "http://%s/" % OURS
    got = os.path.join(tmp, "curl")
    os.mkdir(got)
    status, text = run("curl", "-sSf", "--max-time", "60", "-o", got + "/big",
                       url + "big")
    ok(status == 0 and filecmp.cmp(got + "/big", site + "/big", False),
       "curl: %d MB" % (SIZE >> 20), text)
    status, text = run("curl", "-sSf", "-r", "1000-1999", "-o", got + "/part",
                       url + "big")
    with open(site + "/big", "rb") as f:
        ok(status == 0 and open(got + "/part", "rb").read() == f.read(2000)[1000:],
           "curl -r: a part", text)
    status, text = run("curl", "-sSf", "--max-time", "60", "-Z", "--parallel-immediate",
                       "--parallel-max", "20", "--create-dirs", "--output-dir", got,
                       *[a for n in names for a in ("-o", n, url + n)])
    wrong = [n for n in names
             if status or not filecmp.cmp("%s/%s" % (got, n), "%s/%s" % (site, n), False)]
    ok(not wrong, "curl -Z: twenty pages at once", text + str(wrong))
    status, text = run("curl", "-sS", "-I", url + "none")
    ok(text.startswith("HTTP/1.1 404 "), "curl -I: what is not there", text)
    status, text = run("curl", "-sS", "-o", "/dev/null", "-w", "%{num_connects} ",
                       *[url + n for n in names[:5]], "-o", "/dev/null", "-o",
                       "/dev/null", "-o", "/dev/null", "-o", "/dev/null")
    same(text.split(), ["1", "0", "0", "0", "0"], "curl: five pages, one connection")


def wget(tmp, site, names):
    if not have("wget", "wget"):
        return
    got = os.path.join(tmp, "wget")
    status, text = run("wget", "-nv", "-r", "-nH", "-P", got, "http://%s/" % OURS)
    wrong = [n for n in ["index.html"] + names
             if status or not filecmp.cmp("%s/%s" % (got, n), "%s/%s" % (site, n), False)]
    ok(not wrong, "wget -r: the site, link by link", text + str(wrong))


NGINX = """daemon off; worker_processes 1; pid TMP/nginx.pid;
error_log TMP/error.log warn;
events { worker_connections 512; }
http {
  log_format upstream '$status $upstream_status $upstream_addr';
  access_log TMP/access.log upstream;
  client_body_temp_path TMP/nginx1; proxy_temp_path TMP/nginx2;
  fastcgi_temp_path TMP/nginx3; uwsgi_temp_path TMP/nginx4; scgi_temp_path TMP/nginx5;
  keepalive_requests 1000000; proxy_max_temp_file_size 0;
  upstream ours { server OURS:80; keepalive 16; keepalive_requests 1000000; }
  server {
    listen HOST:8080;
    location / {
      proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection "";
    }
  }
}
"""


def nginx(tmp, site):
    if not have("nginx", "nginx before us"):
        return
    os.chmod(tmp, 0o755)
    conf = os.path.join(tmp, "nginx.conf")
    with open(conf, "w") as f:
        f.write(NGINX.replace("TMP", tmp).replace("OURS", OURS).replace("HOST", HOST))
    other = Other(["nginx", "-c", conf, "-e", tmp + "/error.log"], listens(8080))
    if not other.there:
        return ok(False, "nginx starts", other.stop() + open(tmp + "/error.log").read())
    url = "http://%s:8080/" % HOST
    status, text = run("sh", "-c", "curl -sSf --max-time 60 %sbig | cmp - %s/big"
                       % (url, site))
    ok(status == 0, "nginx before us: %d MB through it" % (SIZE >> 20), text)
    before = opened()
    status, text = run(sys.executable, os.path.abspath(__file__), "--many", HOST)
    ok(status == 0, "nginx before us: 4,000 requests on eight connections", text)
    with open(tmp + "/access.log") as f:
        kinds = collections.Counter(" ".join(line.split()[:2]) for line in f)
    same(dict(kinds), {"200 200": 4001}, "each of which we answered well")
    ok(opened() - before <= 32, "over few connections, which it keeps",
       opened() - before)
    other.stop()
    same(open(tmp + "/error.log").read(), "", "nginx has nothing to complain about")


def opened():
    """Connections that the kernel has opened from the namespace."""
    return int(re.search(r"(?m)^TcpActiveOpens\s+(\d+)",
                         run("nstat", "-asz", "TcpActiveOpens")[1]).group(1))


def many(host):
    """In the namespace: pages, two at a time on four connections."""
    import http.client
    import threading
    wrong = []

    def one(n):
        c = http.client.HTTPConnection(host, 8080, timeout=60)
        for i in range(500):
            c.request("GET", "/more/page%d.html" % ((n + i) % 20))
            r = c.getresponse()
            if r.status != 200 or not r.read().endswith(b"%d\n" % ((n + i) % 20)):
                wrong.append(n)
                return

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return bool(wrong)


# ---- Small tools -----------------------------------------------------------------

def ping():
    if not have("ping", "ping"):
        return
    for name, args in (("ping -f", ["-f", "-c", "500"]),
                       ("ping of one byte", ["-c", "3", "-i", "0.01", "-s", "1"]),
                       ("ping -s 65507", ["-c", "3", "-i", "0.01", "-s", "65507"]),
                       ("ping -M do -s 1472",
                        ["-c", "3", "-i", "0.01", "-M", "do", "-s", "1472"])):
        status, text = run("ping", "-n", "-q", *args, OURS)
        ok(status == 0 and " 0% packet loss" in text, name, text)


def traceroute():
    for kind, args in (("UDP", ["-U", "-p", "33434"]), ("ICMP", ["-I"]),
                       ("TCP, a port that listens", ["-T", "-p", "80"]),
                       ("TCP, one that does not", ["-T", "-p", "81"])):
        name = "traceroute, " + kind
        if not have("traceroute", name):
            continue
        status, text = run("traceroute", "-n", *args, OURS)
        hops = [line.split() for line in text.splitlines()[1:]]
        ok(status == 0 and len(hops) == 1 and hops[0][1] == OURS and
           hops[0].count("ms") == 3 and "!" not in text, name, text)


def dig():
    if not have("dig", "dig"):
        return
    # Until the name is known to be nobody else's there is no answer.
    ask = ["dig", "@" + OURS, "-p", "5353", "+tries=20", "+time=1", "+noedns"]
    status, text = run(*ask, "+short", "peer.local")
    same(text.splitlines()[-1:], [OURS], "dig: our name's address, by multicast DNS")
    status, text = run(*ask, "_http._tcp.local", "PTR")
    ok("status: NOERROR" in text and
       re.search(r"PTR\s+peer\._http\._tcp\.local\.", text) and
       re.search(r"SRV\s+0 0 80 peer\.local\.", text), "dig: a service, and where", text)


def iperf():
    for name, args in (("one connection", []), ("eight at once", ["-P", "8"])):
        name = "iperf: " + name
        if not have("iperf", name):
            continue
        status, text = run("iperf", "-c", OURS, "-p", "9", "-f", "m", "-n", "16M", *args)
        rates = re.findall(r"([\d.]+) MBytes +[\d.]+ Mbits/sec", text)
        ok(status == 0 and "failed" not in text and "WARNING" not in text and
           float((rates or [0])[-1]) == 16 * (8 if args else 1), name, text)
        comment(text.splitlines()[-1])


def nmap():
    if not have("nmap", "nmap"):
        return
    status, text = run("nmap", "-n", "-v", "-O", "--max-os-tries", "1", "-p",
                       "7,9,19,80,81", OURS)
    ports = dict(re.findall(r"(?m)^(\d+)/tcp +(\w+)", text))
    same(ports, {"7": "open", "9": "open", "19": "open", "80": "open", "81": "closed"},
         "nmap: the ports")
    for line in text.splitlines():
        if re.match("OS:|Aggressive OS|OS details|Running|No exact|TCP Seq|IP ID", line):
            comment(line)
    hard = re.search(r"TCP Sequence Prediction: Difficulty=(\d+)", text)
    ok(hard and int(hard.group(1)) > 240, "nmap: sequence numbers cannot be predicted",
       text)
    # TI, CI and II are the classes of identifications in SYN-ACKs, RSTs and echo replies.
    print_ = "".join(re.findall(r"(?m)^OS:(.*)$", text))
    classes = dict(re.findall(r"\b([TC]I)=(\w+)", print_))
    ok(classes == {"TI": "Z", "CI": "Z"} and "Generation: All zeros" in text,
       "nmap: our identifications tell nothing of other traffic", text)


# ---- ssh -------------------------------------------------------------------------

SSHD = """Port 2200
ListenAddress HOST
HostKey TMP/host
PidFile none
AuthorizedKeysFile TMP/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
"""


def ssh(tmp, site):
    if not have("ssh", "ssh") or not have("sshd", "sshd"):
        return
    for key in "host", "user":
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(tmp, key))
    conf = os.path.join(tmp, "sshd.conf")
    with open(conf, "w") as f:
        f.write(SSHD.replace("TMP", tmp).replace("HOST", HOST))
    # It wants a directory below /run; its own /run is empty.
    start = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec %s -D -e -f %s" % (
        shutil.which("sshd"), conf)
    other = Other(["unshare", "-m", "sh", "-c", start], listens(2200))
    if not other.there:
        return skip("ssh", "sshd does not start: " + " ".join(other.stop().split()))
    forward = Program("forward", "--net=tap:tap0", "--addr=%s/24" % OURS, "--to=" + HOST,
                      "--to-port=2200", prefix=NS)
    options = ["ssh", "-F", "none", "-p", "2222", "-i", tmp + "/user"]
    for o in ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
              "LogLevel=ERROR"):
        options += ["-o", o]
    status, text = run(*options, "root@" + OURS, "true")
    ok(status == 0, "ssh through a port that we forward", text)
    for name, args in (("from there", "%s cat %s/big | cmp - %s/big"),
                       ("and there", "cat %s/big | %s cmp - %s/big")):
        # A shell command's words need no quotes here.
        how = " ".join(options) + " root@" + OURS
        words = (how, site, site) if args.startswith("%s cat") else (site, how, site)
        status, text = run("sh", "-c", args % words)
        ok(status == 0 and not text, "ssh: %d MB %s" % (SIZE >> 20, name), text)
    stops(forward, "forward")
    log = other.stop()
    ok(log.count("Accepted publickey") == 3 and "error" not in log,
       "sshd has nothing to complain about", log)


def stops(program, name):
    status, out, err = program.stop()
    ok(status == 0 and not err, name + " stops cleanly", "%s\n%s%s" % (status, out, err))


# ---- tshark -----------------------------------------------------------------------

class Capture:
    def __init__(self, tmp):
        self.path, self.process = os.path.join(tmp, "capture.pcap"), None
        if not have("tshark", "tshark"):
            return
        # dumpcap names its file once the device is open; tshark speaks before.
        self.process = subprocess.Popen(
            [*NS, "dumpcap", "-i", "tap0", "-w", self.path, "-B", "64"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("File:"):
                break

    def look(self):
        if not self.process:
            return
        self.process.terminate()
        said = self.process.communicate()[1]
        status, text = run("tshark", "-r", self.path, "-q", "-z", "io,phs")
        n = re.search(r"frames:(\d+)", text)
        ok(n and int(n.group(1)) > 5000,
           "tshark: the capture holds the traffic (%s frames)" % (n and n.group(1)), said)
        status, text = run("tshark", "-r", self.path, "-q", "-z", "expert,error")
        ok(status == 0 and not re.search("(?m)^Errors", text),
           "tshark: no expert says error", text)
        status, text = run("tshark", "-r", self.path, "-Y", "_ws.malformed")
        rows = [l for l in text.splitlines() if "Running as" not in l]
        ok(not rows, "tshark: nothing is malformed", rows)
        # Questions and answers of multicast DNS have no number of their own; what was
        # lost, sent again or not captured depends on the machine's load.
        status, text = run("tshark", "-r", self.path, "-q", "-z",
                           "expert,warn,ip.src==%s && !mdns" % OURS)
        rows = re.findall(r"(?m)^ +\d+ +(?!Sequence )\w.*", text)
        ok(status == 0 and not rows,
           "tshark: nothing of ours to warn of", "\n".join(rows))


def over_tap(tmp):
    site, names = make_site(tmp)
    net = ["--net=tap:tap0", "--addr=%s/24" % OURS]
    capture = Capture(tmp)
    www = Program("www", *net, "--port=80", "--root=" + site, prefix=NS)
    curl(tmp, site, names)
    wget(tmp, site, names)
    nginx(tmp, site)
    stops(www, "www")
    services = Program("services", *net, "--name=peer", prefix=NS)
    ping()
    dig()
    traceroute()
    capture.look()
    iperf()
    nmap()  # which sends what nobody should
    stops(services, "services")
    ssh(tmp, site)


def main():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        return skip("over tap", "needs root, /dev/net/tun and iproute2")
    name = NS[-1]
    setup = ["ip netns add " + name,
             "ip -n %s link set lo up" % name,
             "ip -n %s tuntap add dev tap0 mode tap" % name,
             "ip -n %s addr add %s/24 dev tap0" % (name, HOST),
             "ip netns exec %s sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1" % name,
             "ip -n %s link set tap0 up" % name]
    try:
        for line in setup:
            r = subprocess.run(line.split(), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
            if r.returncode:
                return skip("over tap", "%s: %s" % (line, r.stdout.strip()))
        with tempfile.TemporaryDirectory(prefix="lwt-programs-") as tmp:
            over_tap(tmp)
    finally:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--many"]:
        sys.exit(many(sys.argv[2]))
    need("www")
    main()
    done()
