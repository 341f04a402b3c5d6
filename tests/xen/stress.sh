# stress.sh - XEN_STRESS seconds of load from dom0 on one guest, which writes to a disk
# and reads it meanwhile: no error, no growth.
# SPDX-License-Identifier: ISC

. ./settings
stress_net=10.0.0.5

# Again and again until the end; each time what comes must be right.
load() { # load WANT COMMAND...
  want=$1 turns=0
  shift
  while [ "$(date +%s)" -lt $end ]; do
    turns=$((turns + 1))
    got=$("$@" 2>&1) && [ "$got" = "$want" ] || echo "$*: $got, not $want" >>/tmp/bad
  done
  echo "TAP: # $turns times $*"
}
sized() { timeout 60 wget -q -O - "http://$stress_net/bytes?$1" | wc -c; }
fetched() { timeout 60 wget -q -O - "http://$stress_net/fetch?$1"; }
pinged() { ping -c 20 -i 0.05 -W 5 -s "$1" $stress_net | sed -n 's/.* \([0-9]*% \).*/\1/p' | tail -n 1; }
look() { timeout 20 wget -q -O - "http://$stress_net/stats" | tr '\n' ' ' >/tmp/stats; }
had() { sed -n "s/.*\b$1 \([0-9]*\).*/\1/p" /tmp/stats; } # had NAME: when last looked at

# What is not in pools, which hold as much as was ever in use at once, nor pages of
# devices, of which a ring has as many as were ever needed: each of them has its own limit
# below, and what is not given back to a pool shows as a promise, a packet or a slab.
apart() { echo $(($(had free) + 4 * $(had granted) + $(had slabs) + $(had pages))); }
kept() { echo $(($(had blocks) - $(had waits))); }

# look_at WHEN: and say.
look_at() {
  look
  echo "TAP: # $1: free $(had free) KB, devices $((4 * $(had granted))) KB, slabs" \
    "$(had slabs) KB, packets' pages $(had pages) KB, the rest $(apart) KB;" \
    "$(had blocks) blocks of $(had bytes) bytes, $(had promises) promises," \
    "$(had packets) packets, $(had connections) connections, $(had waits) in TIME-WAIT"
}

rm -f /tmp/bad
dd if=/dev/zero of=/tmp/stress-disk bs=1M count=4 2>/dev/null
start stress g-net "$stress_net xvda" 'disk = ["/tmp/stress-disk,raw,xvda,w"]' \
  "vif = [ 'mac=00:16:3e:00:00:05,bridge=xenbr0' ]" && await stress '^serving$' && {
  pidof httpd >/dev/null || httpd -p 10.0.0.1:8000 -h /
  dd if=/dev/urandom of=/tmp/s bs=1000 count=200 2>/dev/null
  # The first of everything is no growth.
  sized 1000000 >/dev/null
  fetched tmp/s >/dev/null
  pinged 1400 >/dev/null
  look_at "at first"
  blocks=$(kept)
  began=$(date +%s)
  end=$((began + stress))
  load 100 sized 100 &
  load 20000 sized 20000 &
  load 1000000 sized 1000000 &
  load "200000 $(crc32 /tmp/s | cut -c1-8)" fetched tmp/s &
  load "0% " pinged 1400 &
  for tenth in 1 2 3 4 5 6 7 8 9; do
    while [ "$(date +%s)" -lt $((began + tenth * stress / 10)) ]; do
      usleep 500000
    done
    look_at "$(($(date +%s) - began)) s"
    [ $tenth != 5 ] || apart=$(apart) slabs=$(had slabs)
  done
  wait
  sleep 2
  look_at "at the end"
  test ! -s /tmp/bad
  tap $? "stress: $stress s without an error" || head -n 20 /tmp/bad | sed 's/^/TAP: # /'
  # Connections in TIME-WAIT grow for the first minute.
  test "$(apart)" -ge $((${apart:-999999} - (stress < 150 ? 256 : 64)))
  tap $? "stress: no growth of memory, $apart KB at half time, $(apart) KB at the end"
  test "$(kept)" -le $((blocks + 8))
  tap $? "stress: $blocks blocks of the library before, but for TIME-WAIT, $(kept) behind"
  test "$(had slabs)" -le $((slabs + 128)) && test "$(had pages)" -le 4096
  tap $? "stress: slabs of $(had slabs) KB, pages of $(had pages) KB"
  # Two rings of 256 pages, a disk's 512, and the rings.
  test "$(had granted)" -le $((2 * 256 + 512 + 32))
  tap $? "stress: devices have $(had granted) pages"
  test "$(had promises)" -le 40 && test "$(had packets)" = 0
  tap $? "stress: $(had promises) promises, $(had packets) packets"
  test "$(had disk_rounds)" -ge "$stress" && test "$(had disk_bad)" = 0
  tap $? "stress: $(had disk_rounds) times 64 KB written to the disk, and the same read"
  echo "TAP: # $(cpu_time stress) s of CPU"
  xl shutdown stress
  results stress
  grep -A 6 '^connects' /tmp/stress.log | sed 's/^/TAP: # /'
  grep '^pools: ' /tmp/stress.log | tail -n 30 | sed 's/^/TAP: # /'
}
