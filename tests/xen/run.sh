#!/bin/busybox sh
# run.sh - in dom0: one guest after another; prints TAP lines behind "TAP: ".
# SPDX-License-Identifier: ISC
logs=/var/log/xen/console

tap() { # tap STATUS NAME: of the command before, whose status it returns
  if [ "$1" = 0 ]; then echo "TAP: ok - $2"; else echo "TAP: not ok - $2"; fi
  return "$1"
}

# start NAME IMAGE ARGUMENTS [CONFIG-LINE...]
start() {
  name=$1
  {
    echo 'type = "pvh"'
    echo "name = \"$name\""
    echo "kernel = \"/tests/$2.xen\""
    echo 'memory = 16'
    echo 'shadow_memory = 8'
    echo 'on_crash = "destroy"'
    printf '%s\n' "$3" | sed 's/[\\"]/\\&/g; s/.*/extra = "&"/'
    shift 3
    for line; do echo "$line"; done
  } >"/tmp/$name.cfg"
  xl create -q "/tmp/$name.cfg" >"/tmp/$name.out" 2>&1 && return
  sed 's/^/TAP: # /' "/tmp/$name.out"
  tap 1 "$name: xl create"
  return 1
}

log() { echo "$logs/guest-$1.log"; }

# Wait, at most $3 (60) seconds, for a line of guest $1 that matches $2.
await() {
  end=$(($(date +%s) + ${3:-60}))
  until tr -d '\r' <"$(log "$1")" 2>/dev/null | grep -q "$2"; do
    if [ "$(date +%s)" -ge $end ]; then
      tap 1 "$1: says $2"
      tail -n 20 "$(log "$1")" | tr -d '\r' | sed 's/^/TAP: # /'
      return 1
    fi
    usleep 100000
  done
}

# The number of guest $1.
domid() {
  for id in $(xenstore-list /local/domain 2>/dev/null); do
    [ "$(xenstore-read "/local/domain/$id/name" 2>/dev/null)" = "$1" ] && echo "$id"
  done | tail -n 1 | grep .
}

# Wait until guest $1 is gone.
gone() {
  end=$(($(date +%s) + ${2:-60}))
  while domid "$1" >/dev/null; do
    [ "$(date +%s)" -lt $end ] || break
    usleep 100000
  done
  ! domid "$1" >/dev/null
}

# The results of guest $1, which must have come to its end.
results() {
  gone "$1"
  tap $? "$1: the domain is gone"
  tr -d '\r' <"$(log "$1")" >"/tmp/$1.log"
  sed -n "s/^ok - /TAP: ok - $1: /p; s/^not ok - /TAP: not ok - $1: /p; \
s/^# /TAP: # $1: /p" "/tmp/$1.log"
  grep -q '^end$' "/tmp/$1.log"
  tap $? "$1: came to its end" || sed 's/^/# /' "/tmp/$1.log"
}

typed() { # typed GUEST TEXT
  id=$(domid "$1")
  printf '%s' "$2" >"$(xenstore-read "/local/domain/$id/console/tty")"
}

cpu_time() { xl list "$1" | awk 'NR == 2 { print $6 }'; }

for part in $(cat parts); do
  echo "dom0: $part"
  . "./$part.sh"
done
