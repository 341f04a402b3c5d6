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
now_has() { # now_has NAME: a number of /stats
  timeout 20 wget -q -O - "http://$stress_net/stats" | tr '\n' ' ' |
    sed -n "s/.*\b$1 \([0-9]*\).*/\1/p"
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
  began=$(date +%s)
  end=$((began + stress))
  load 100 sized 100 &
  load 20000 sized 20000 &
  load 1000000 sized 1000000 &
  load "200000 $(crc32 /tmp/s | cut -c1-8)" fetched tmp/s &
  load "0% " pinged 1400 &
  sampled=''
  for tenth in 1 2 3 4 5 6 7 8 9; do
    sleep $((stress / 10))
    sampled="$sampled $(now_has free)"
    [ $tenth != 5 ] || free=${sampled##* }
  done
  wait
  echo "TAP: # free KB after each tenth:$sampled"
  sleep 2
  left=$(now_has free)
  promises=$(now_has promises)
  packets=$(now_has packets)
  rounds=$(now_has disk_rounds)
  test ! -s /tmp/bad
  tap $? "stress: $stress s without an error" || head -n 20 /tmp/bad | sed 's/^/TAP: # /'
  echo "TAP: # free KB: $free at half time, $left at the end; $promises promises," \
    "$packets packets"
  # Connections in TIME-WAIT grow for the first minute.
  test "${left:-0}" -ge $((${free:-0} - (stress < 150 ? 512 : 64)))
  tap $? "stress: no growth of memory"
  test "${promises:-99}" -le 40
  tap $? "stress: no growth of promises"
  test "${rounds:-0}" -ge "$stress" && test "$(now_has disk_bad)" = 0
  tap $? "stress: $rounds times 64 KB written to the disk, and the same read"
  echo "TAP: # $(cpu_time stress) s of CPU"
  xl shutdown stress
  results stress
  grep -A 4 '^connects' /tmp/stress.log | sed 's/^/TAP: # /'
}
