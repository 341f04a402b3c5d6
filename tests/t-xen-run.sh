#!/bin/sh
# t-xen-run.sh - lwt-xen-run on a Xen host: what befalls a domain, and what comes of it.
# SPDX-License-Identifier: ISC
#
# The host is tests/fake-xl.sh.
. "$(dirname "$0")/tap.sh"
tool=$top_builddir/lwt-xen/lwt-xen-run
[ -e "$tool" ] || skip_all "lwt-xen is not built"
SLEEP=$(command -v sleep)
export SLEEP
fake=$(cd "$top_srcdir" && pwd)/tests/fake-xl.sh
mkdir "$tap_dir/bin"
for name in xl xenstore-read sleep; do
  # $FAKE/early: a signal comes before the tool has done anything else
  cat >"$tap_dir/bin/$name" <<END
#!/bin/sh
[ "\$1" != create ] || [ ! -e "\$FAKE/early" ] || kill -TERM \$PPID
exec sh -c '. "$fake"' $name "\$@"
END
  chmod +x "$tap_dir/bin/$name"
done
PATH=$tap_dir/bin:$PATH
run=0 pid=''
trap '[ -z "$pid" ] || kill $pid 2>/dev/null; rm -rf "$tap_dir"' EXIT
: >"$tap_dir/app.xen.gz"

# A host, and the tool on it: start [OPTION...] [-- ARGUMENT...].
start() {
  run=$((run + 1))
  FAKE=$tap_dir/host$run
  export FAKE
  mkdir -p "$FAKE/domains"
  mkfifo "$FAKE/events" "$FAKE/in"
  echo 5 >"$FAKE/next"
  : >"$FAKE/log"
  [ -z "${broken-}" ] || : >"$FAKE/no-create"
  [ -z "${early-}" ] || : >"$FAKE/early"
  exec 8<>"$FAKE/events" 9<>"$FAKE/in"
  sh "$tool" --on=host "$tap_dir/app.xen.gz" "$@" \
    <"$FAKE/in" >"$FAKE/out" 2>"$FAKE/err" 8>&- 9>&- &
  pid=$!
}
happens() { echo "$*" >&8; }
# until_ COMMAND...: as long as it takes, ten seconds at most.
until_() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || {
      echo "never: $*"
      tail -n 20 "$FAKE/out" "$FAKE/err" "$FAKE/log"
      return 1
    }
    "$SLEEP" 0.05
  done
}
prints() { until_ grep -qx "$1" "$FAKE/out"; }
asked() { until_ grep -q "^$1" "$FAKE/log"; }
boots() { prints "boot $1"; }
# ends STATUS: the tool does.
ends() {
  wait $pid
  status=$?
  pid=''
  [ $status = "$1" ] && return
  echo "exit status $status"
  cat "$FAKE/out" "$FAKE/err" "$FAKE/log"
  return 1
}
interrupt() {
  kill -TERM $pid
  until_ grep -q 'asking app to shut down' "$FAKE/err"
}
# The tool looks at the domain twice from now on: the second look has begun now.
looks() { [ "$(grep -c '^list 5' "$FAKE/log")" -gt $((seen + 1)) ]; }
looked() {
  seen=$(grep -c '^list 5' "$FAKE/log")
  until_ looks
}
is_gone() { until_ test ! -e "$FAKE/domains/$1"; }
state() { echo "$2" >"$FAKE/new" && mv "$FAKE/new" "$FAKE/domains/$1/state"; }

# What xl was told: its strings have \ before \ and ", and extra= is words as of a shell.
is_config() {
  cat >"$tap_dir/want"
  diff "$tap_dir/want" "$FAKE/config"
}
is_small() {
  is_config <<END
type = "pvh"
name = "app"
kernel = "$image"
memory = 16
shadow_memory = 8
on_poweroff = "preserve"
on_crash = "preserve"
END
}
is_large() {
  is_config <<END
type = "pvh"
name = "a \\"name\\""
kernel = "$image"
memory = 64
on_poweroff = "preserve"
on_crash = "preserve"
extra = "'two words' 'it'\\\\''s' 'a \\"b\\"' 'back\\\\slash\\\\' '' '\$HOME'"
vif = [
  "",
  "bridge=xenbr1, mac=00:16:3e:00:00:05",
]
disk = [
  "format=raw, vdev=xvda, access=rw, target=/srv/a.img",
  "format=raw, vdev=xvdb, access=ro, target=$PWD/it's, \\"b\\".img",
]
on_reboot = "destroy"
vcpus = 1
END
}
image=$tap_dir/app.xen.gz
case $image in /*) ;; *) image=$PWD/$image ;; esac

start '--name=a "name"' --memory=64 --net \
  --net='bridge=xenbr1, mac=00:16:3e:00:00:05' --disk=/srv/a.img \
  --disk="it's, \"b\".img,ro" '--config=on_reboot = "destroy"' '--config=vcpus = 1' \
  -- 'two words' "it's" 'a "b"' 'back\slash\' '' "\$HOME"
boots 5 >/dev/null
try "devices, memory and words of a configuration" is_large
happens reason 0
ends 0 >/dev/null

start
try "a domain starts, its console is shown" boots 5
try "its configuration" is_small
echo hello >&9
try "a line goes to its terminal" until_ test -s "$FAKE/domains/5/typed"
echo 7 >"$FAKE/domains/5/data/exit-status"
happens reason 0
try "it powers off: its exit status" ends 7
try "nothing is left of it" is_gone 5

for word in '' -1 'a b' 0x7 256; do
  start
  boots 5 >/dev/null
  echo "$word" >"$FAKE/domains/5/data/exit-status"
  happens reason 0
  try "an exit status of '$word' is none: 1" ends 1
  try "and nothing is left" is_gone 5
done

start
boots 5 >/dev/null
happens reason 3
try "a crash: 134" ends 134
try "nothing is left of that" is_gone 5

start
boots 5 >/dev/null
mkdir "$FAKE/domains/99" && echo app >"$FAKE/domains/99/name"
state 99 -b----
xl destroy 5
try "destroyed by somebody: 137" ends 137
try "another domain that took its name lives" test -e "$FAKE/domains/99"

start
boots 5 >/dev/null
happens reason 1
happens go
try "a reboot: the console of the next domain" boots 6
echo again >&9
try "what is typed goes there" until_ grep -qx again "$FAKE/domains/6/typed"
happens reason 1
happens go
try "and once more" boots 7
echo 3 >"$FAKE/domains/7/data/exit-status"
happens reason 0
try "its exit status is that of the last" ends 3
try "which is gone" is_gone 7

start
boots 5 >/dev/null
kill -TERM $pid
try "a signal asks the domain" asked 'shutdown 5'
try "it powers off" ends 0

early=yes
asked_early() {
  for n in 1 2 3 4 5 6; do
    start
    ends 0 || return
  done
}
try "a signal as soon as there is an xl, six times: they power off" asked_early
early=''

start
boots 5 >/dev/null
happens reason 1
is_gone 5 >/dev/null
interrupt
happens go
try "a signal while it reboots asks the next" asked 'shutdown 6'
try "which powers off" ends 0

start
boots 5 >/dev/null
happens reason 1
is_gone 5 >/dev/null
interrupt
kill -TERM $pid
try "two of them, and it does not start again" ends 137
try "there is no other" is_gone 6

start
boots 5 >/dev/null
: >"$FAKE/deaf"
kill -TERM $pid
asked 'shutdown 5' >/dev/null
kill -TERM $pid
try "a deaf one is ended by the second signal" ends 137
try "by its number" grep -qx 'destroy 5' "$FAKE/log"

start
boots 5 >/dev/null
happens reason 1
happens fail
try "it cannot start again: 126" ends 126
try "with xl's reason" grep -q 'no memory for it' "$FAKE/err"

start '--config=on_reboot = "destroy"'
boots 5 >/dev/null
happens reason 1
try "a reboot that the configuration makes an end: 0" ends 0

start
boots 5 >/dev/null
happens reason 2
try "it is being saved" looked
try "and not destroyed meanwhile" test -e "$FAKE/domains/5"
mv "$FAKE/domains/5" "$FAKE/saved"
try "saved: 148" ends 148
try "it is said" grep -q 'is saved, or runs on another host' "$FAKE/err"

start
boots 5 >/dev/null
happens reason 2
looked
state 5 -b----
echo 9 >"$FAKE/domains/5/data/exit-status"
kill -TERM $pid
try "a checkpoint: it goes on, and can be asked" asked 'shutdown 5'
state 5 ---s--
try "until its end" ends 9
try "after which it is gone" is_gone 5

start
boots 5 >/dev/null
happens reason 2
looked
state 5 -b----
: >"$FAKE/interrupted"
try "a signal that xl gets, too, while it looks" looked
try "does not make the domain gone" test -e "$FAKE/domains/5"
state 5 ---s--
try "and its end is awaited" ends 0

start
boots 5 >/dev/null
happens reason 2
looked
state 5 r-----
looked
xl destroy 5
try "destroyed after a checkpoint: 137" ends 137

broken=yes
start
try "xl cannot start it: 126" ends 126
try "with its words" grep -q 'out of memory' "$FAKE/err"
broken=''
tap_done
