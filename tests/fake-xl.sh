#!/bin/sh
# fake-xl.sh - xl, xenstore-read and sleep of a Xen host, for t-xen-run.sh.
# SPDX-License-Identifier: ISC
#
# Says and does what xl of Xen 4.17 does, as far as lwt-xen-run sees it.  $FAKE is a
# directory: domains/ID has a domain's name, its state as in xl list, and its console;
# events is a FIFO of what befalls the domain that `xl create` watches:
#
#   reason N     the guest shuts down: 0 power off, 1 reboot, 2 suspend, 3 crash
#   gone ID      somebody destroyed a domain
#   go           as long as this does not come, a domain that reboots is not there
#   fail         or it cannot be made again
#
# $FAKE/log is what was asked for, config the configuration of the domain.
# $FAKE/interrupted: a signal that is for all processes of the terminal comes while xl
# list runs.
set -u
domains=$FAKE/domains

event() { echo "$*" 1<>"$FAKE/events"; }
LOG() { echo "$*" >&2; }

# The domain of a name or number.
find_domain() {
  [ -d "$domains/$1" ] && echo "$1" && return
  for d in "$domains"/*; do
    [ "$(cat "$d/name" 2>/dev/null)" = "$1" ] && basename "$d" && return
  done
  echo "$1 is an invalid domain identifier (rc=-6)" >&2
  return 1
}
setting() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" "$config" | tail -n 1; }

# In one step: others read it.
set_state() { echo "$2" >"$domains/$1/state.$$" && mv "$domains/$1/state.$$" "$domains/$1/state"; }

make_domain() {
  read -r id <"$FAKE/next"
  echo $((id + 1)) >"$FAKE/next"
  mkdir -p "$domains/$id/data"
  setting name >"$domains/$id/name"
  set_state "$id" "$1"
  echo "$domains/$id/typed" >"$domains/$id/tty"
  mkfifo "$domains/$id/console"
  exec 5<>"$domains/$id/console"
  echo "boot $id" >&5
}

create() {
  for config; do :; done
  cp "$config" "$FAKE/config"
  exec 4<>"$FAKE/events"
  if [ -e "$FAKE/no-create" ]; then
    LOG "libxl: error: out of memory"
    exit 3
  fi
  state=--p---
  while :; do
    make_domain "$state"
    state=-b----
    LOG "Waiting for domain $(setting name) (domid $id) to die [pid $$]"
    while read -r what which <&4; do
      case $what in
        typed) echo "heard $(cat "$domains/$id/typed")" >&5 ;;
        reason) break ;;
        gone)
          [ "$which" = "$id" ] || continue
          LOG "Domain $id has been destroyed."
          exit 0
          ;;
      esac
    done
    LOG "Domain $id has shut down, reason code $which 0x$which"
    action=$(setting "on_$(echo poweroff reboot suspend crash | cut -d ' ' -f $((which + 1)))")
    letter=$(echo -rsc | cut -c $((which + 1)))
    set_state "$id" "---s$letter-"
    if [ "$which" = 2 ]; then
      LOG "Domain has suspended."
      LOG "Done. Exiting now"
      exit 0
    fi
    [ "$which" != 1 ] || : "${action:=restart}"
    LOG "Action for shutdown reason code $which is $action"
    if [ "$action" != preserve ]; then
      LOG "Domain $id needs to be cleaned up: destroying the domain"
      mv "$domains/$id" "$FAKE/gone-$id"
      exec 5>&-
    fi
    if [ "$action" != restart ]; then
      LOG "Done. Exiting now"
      exit 0
    fi
    LOG "Done. Rebooting now"
    while read -r what which <&4; do
      [ "$what" != go ] || break
      [ "$what" != fail ] || {
        LOG "libxl: error: no memory for it"
        exit 3
      }
    done
  done
}

tool=${0##*/}
case $tool in
  sleep) exec "$SLEEP" 0.02 ;;
  xenstore-read)
    id=${1#/local/domain/} path=${1#/local/domain/*/}
    cat "$domains/${id%%/*}/$(echo "$path" | sed 's,^console/,,')" 2>/dev/null
    exit
    ;;
esac

command=$1
shift
echo "$command $*" >>"$FAKE/log"
[ "$command" != create ] || create "$@"
for last; do :; done
id=$(find_domain "$last") || exit 1
case $command in
  domid) echo "$id" ;;
  list)
    ! rm "$FAKE/interrupted" 2>/dev/null || kill -HUP $$
    echo "Name                                        ID   Mem VCPUs	State	Time(s)"
    printf '%-40s %5d    16     1     %s       0.1\n' "$(cat "$domains/$id/name")" \
      "$id" "$(cat "$domains/$id/state")"
    ;;
  console) exec cat "$domains/$id/console" ;;
  unpause) set_state "$id" -b---- ;;
  shutdown)
    echo "Shutting down domain $id"
    # it hears of that when it runs
    while [ "$(cat "$domains/$id/state" 2>/dev/null)" = --p--- ]; do "$SLEEP" 0.02; done
    [ -e "$FAKE/deaf" ] || event reason 0
    ;;
  destroy)
    mv "$domains/$id" "$FAKE/gone-$id"
    event gone "$id"
    ;;
  *) exit 2 ;;
esac
