# guests.sh - the guests of `make check-xen`, in the order of their boots.
# SPDX-License-Identifier: ISC

start idle g-idle "" && await idle '^waiting$' && idle_since=$(date +%s)

start hello g-hello "one 'two three' \"q\\\"x\"" && {
  await hello '^listening$'
  tap $? "hello: prints"
  typed hello 'good morning
'
  await hello '^heard good morning$'
  tap $? "hello: hears a line and answers"
  typed hello 'bye
'
  results hello
  lines=$(grep -c '^line [0-9]* of a long output, which fills the ring$' /tmp/hello.log)
  test "$lines" = 2000
  tap $? "hello: $lines of 2000 lines"
  grep -q '^float 3.250$' /tmp/hello.log
  tap $? "hello: printf with a float"
}

for how in null text constant data stack abort; do
  start "trap-$how" g-trap $how || continue
  gone "trap-$how"
  tap $? "trap-$how: the domain is gone"
  case $how in
    abort) want='signal 6' ;;
    stack) want='out of stack' ;;
    data) want='executed, but protected' ;;
    *) want='written, but' ;;
  esac
  tr -d '\r' <"$(log "trap-$how")" >"/tmp/trap-$how.log"
  grep -q "$want" "/tmp/trap-$how.log" && grep -q '^backtrace: 0x' "/tmp/trap-$how.log"
  tap $? "trap-$how: a report ($want) with a backtrace"
  sed -n "s/^backtrace:/BACKTRACE: $how/p" "/tmp/trap-$how.log"
done

start ports g-ports "" && results ports
start platform g-platform "LWT_XEN_COUNTS=1 x=1" && {
  results platform
  grep -q '^hypercalls [1-9].*, a packet 0.0, a MB 0.0$' /tmp/platform.log
  tap $? "platform: counters at the end, when asked for"
}
start no-entropy g-platform "LWT_XEN_COUNTS= no-entropy" 'cpuid = "host,rdrand=0,rdseed=0"' &&
  results no-entropy

start store g-store "" && {
  await store '^ok - write and read$'
  id=$(domid store)
  data=/local/domain/$id/data
  xenstore-write "$data/poke" 0
  end=$(($(date +%s) + 60))
  until [ "$(xenstore-read "$data/ready" 2>/dev/null)" ] || [ "$(date +%s)" -ge $end ]; do
    usleep 50000
  done
  n=0
  while domid store >/dev/null && [ "$(date +%s)" -lt $end ]; do
    for i in 1 2 3 4 5 6 7 8; do
      n=$((n + 1))
      xenstore-write "$data/poke" $n 2>/dev/null
    done
  done
  results store
}

start reboot g-idle "" && await reboot '^waiting$' && {
  xl reboot reboot
  end=$(($(date +%s) + 60))
  until [ "$(grep -c waiting "$(log reboot)")" = 2 ] || [ "$(date +%s)" -ge $end ]; do
    usleep 100000
  done
  test "$(grep -c waiting "$(log reboot)")" = 2
  tap $? "reboot: xl reboot starts it again"
  xl shutdown -w reboot >/dev/null 2>&1
  results reboot
}

start suspend g-suspend "" && await suspend '^waiting$' && {
  xl save suspend /tmp/suspend.save >/tmp/save.log 2>&1
  tap $? "suspend: xl save" || sed 's/^/# /' /tmp/save.log
  xl restore /tmp/suspend.save >/tmp/save.log 2>&1
  tap $? "suspend: xl restore" || sed 's/^/# /' /tmp/save.log
  xenstore-write "/local/domain/$(domid suspend)/data/go" go
  results suspend
}

. ./time.sh

seconds=$(($(date +%s) - idle_since))
cpu=$(cpu_time idle)
echo "TAP: # idle: $cpu s of CPU in $seconds s"
awk "BEGIN { exit !($cpu <= 0.3) }"
tap $? "idle: uses no CPU"
xl shutdown idle >/dev/null 2>&1
results idle
