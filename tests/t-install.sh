#!/bin/sh
# t-install.sh - what make install gives is enough for a user's program, with
# nothing but pkg-config: shared and static, C and C++.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"

command -v "$PKG_CONFIG" >/dev/null 2>&1 || skip_all "no pkg-config"
root=$tap_dir/root

# Time passes in the first without a platform, in the second with the one
# that the program never names.
cat >"$tap_dir/virtual.c" <<'END'
#include <lwt.h>
#include <lwt/engine.h>

static lwt_t *again(void *env, void *value)
{
  *(void **)env = value;
  return lwt_sleep(LWT_S(1));
}

int main(void)
{
  static struct lwt_virtual v;
  void *seen = NULL;

  lwt_virtual_init(&v);
  lwt_set_engine(&v.engine);
  if (lwt_run(lwt_bind(lwt_sleep(LWT_S(3600)), again, &seen)) != 0)
    return 1;
  if (v.time != LWT_S(3601) || lwt_live() != 0)
    return 2;
  return lwt_cleanup() != 0;
}
END
cat >"$tap_dir/platform.c" <<'END'
#include <lwt.h>

int main(void)
{
  uint64_t start = lwt_now();

  if (lwt_run(lwt_sleep(LWT_MS(2))) != 0)
    return 1;
  return lwt_now() - start < LWT_MS(2) || lwt_live() != 0;
}
END
cat >"$tap_dir/net.c" <<'END'
#include <lwt-net.h>
#include <lwt/engine.h>

int main(void)
{
  static struct lwt_virtual v;
  static struct lwt_net_hub_config config;
  struct lwt_net_hub *hub;
  struct lwt_netif *port;

  lwt_virtual_init(&v);
  lwt_set_engine(&v.engine);
  if (lwt_net_hub_new(&config, &hub) || lwt_net_hub_port(hub, NULL, &port))
    return 1;
  lwt_net_hub_free(hub);
  if (port->mac[5] != 1 || lwt_run(port->ops->close(port)) != 0)
    return 2;
  return lwt_live() != 0 || lwt_cleanup() != 0;
}
END
cat >"$tap_dir/tls.c" <<'END'
#include <lwt-tls.h>
#include <lwt/engine.h>

static int no_random(void *bytes, size_t len)
{
  (void)bytes;
  (void)len;
  return LWT_EIO;
}

int main(void)
{
  struct lwt_tls_config config;
  struct lwt_tls_anchors *none;
  struct lwt_flow *ends[2];

  config.random = no_random;
  config.identity = NULL;
  if (lwt_tls_anchors_new("", 0, &none) != LWT_EBADMSG || lwt_pipe(ends, 100))
    return 1;
  if (lwt_run(LWT_UNTYPED(lwt_tls_accept(ends[0], &config))) != LWT_EINVAL)
    return 2;
  lwt_flow_abort(ends[1]);
  return lwt_live() != 0 || lwt_cleanup() != 0;
}
END
cat >"$tap_dir/kit.c" <<'END'
#define LWT_TEST_SHORT
#include <lwt/test.h>

static void gives_up(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_with_timeout(LWT_S(10), lwt_task(&r));

  lwt_test_advance(LWT_S(9));
  is_pending(p, "waits for nine seconds");
  lwt_test_advance(LWT_S(1));
  is_rejected(p, LWT_ETIMEDOUT, "gives up after ten");
  lwt_abandon(&r);
  lwt_drop(p);
}

static const struct lwt_test tests[] = { LWT_TEST_MEMORY(gives_up) };

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
END
for program in virtual kit platform net tls; do
  cp "$tap_dir/$program.c" "$tap_dir/$program.cc"
done

stage() {
  unset MAKEFLAGS MAKELEVEL
  "$MAKE" -C "$top_builddir" install DESTDIR="$root"
}

# The .pc files as installed; only their root is moved.
pc() {
  PKG_CONFIG_SYSROOT_DIR=$root \
  PKG_CONFIG_PATH=$pc_dir${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} \
    "$PKG_CONFIG" "$@"
}

# program SOURCE PACKAGE HOW: compile, link, run.
program() {
  case $1 in
    *.cc) compiler=$CXX ;;
    *) compiler=$CC ;;
  esac
  how=$3
  moved=
  edit_libs=
  case $how in
    archives) # no shared library of ours is found
      pc_flags="--static"
      mkdir -p "$tap_dir/away"
      mv "$lib_dir"/liblwt*.so* "$tap_dir/away" && moved=1
      flags=
      ;;
    static)
      pc_flags="--static"
      flags="-static"
      edit_libs="s/-luv/${static_libuv-}/"
      ;;
    as-needed)
      pc_flags=
      flags="-Wl,--as-needed"
      ;;
    *)
      pc_flags=
      flags=
      ;;
  esac
  $compiler $SANITIZERS_CFLAGS $flags -o "$tap_dir/program" "$tap_dir/$1" \
    $(pc $pc_flags --cflags --libs "$2" | sed "$edit_libs") &&
    LD_LIBRARY_PATH=$lib_dir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
      "$tap_dir/program"
  program_status=$?
  [ -z "$moved" ] || mv "$tap_dir/away"/* "$lib_dir"
  return $program_status
}

# How to link libuv's archive; Debian calls it libuv_a.a.
static_libuv() {
  for static_libuv in -luv -l:libuv_a.a; do
    echo 'int main(void) { return 0; }' |
      $CC -static -x c - -o "$tap_dir/program" -x none \
        $($PKG_CONFIG --static --libs libuv | sed "s/-luv/$static_libuv/") \
        2>/dev/null && return 0
  done
  return 1
}

# Every dynamic symbol is lwt_... in version LWT_0, and there is one at least.
exports() {
  nm -D --defined-only "$1" >"$tap_dir/symbols" || return 1
  grep -q ' lwt_[a-z0-9_]*@@LWT_0$' "$tap_dir/symbols" || return 1
  ! grep -Ev ' (lwt_[a-z0-9_]*@@LWT_0|LWT_0(@@LWT_0)?)$' "$tap_dir/symbols"
}

soname() {
  readelf -d "$1" | grep "SONAME.*\\[$(basename "$1")\\.[0-9]*\\]"
}

# Nothing of the build tree is in what was installed.
clean() {
  build=$(cd "$top_builddir" && pwd) || return 1
  ! grep -F -e "$build" -e "$root" "$pc_dir"/*.pc "$lib_dir"/*.la
}

try "make install DESTDIR=" stage
pc_dir=$(dirname "$(find "$root" -name lwt.pc)")
lib_dir=$(dirname "$pc_dir")
packages=$(cd "$pc_dir" && ls ./*.pc | sed 's|./||; s|\.pc$||; /^lwt-xen$/d')

try "the build tree is not mentioned" clean
for package in $packages; do
  try "$package: version" \
    test "$(pc --modversion "$package")" = "$(pc --modversion lwt)"
  lib=$lib_dir/lib$package.so
  if [ -e "$lib" ]; then
    try "$package: exports" exports "$lib"
    try "$package: SONAME" soname "$lib"
  else
    skip "$package: exports" "no shared library"
    skip "$package: SONAME" "no shared library"
  fi
done

for package in $packages; do
  case $package in
    lwt) source=virtual ;;
    lwt-test) source=kit ;;
    lwt-net) source=net ;;
    lwt-tls) source=tls ;;
    lwt-unix) source=platform ;;
  esac
  for language in c cc; do
    for how in shared as-needed archives static; do
      name="$package: $source.$language, $how"
      if [ $language = cc ] && [ "$CXX" = : ]; then
        skip "$name" "no C++ compiler"
      elif [ $how = static ] && [ -n "$SANITIZERS_CFLAGS" ]; then
        skip "$name" "the sanitizers have no static library"
      elif [ $how = static ] && [ $package = lwt-unix ] && ! static_libuv; then
        skip "$name" "libuv has no static library"
      elif [ $how != static ] && [ $how != archives ] && [ ! -e "$lib_dir/liblwt.so" ]
      then
        skip "$name" "no shared library"
      elif [ $how != shared ] && [ $how != as-needed ] && [ ! -e "$lib_dir/liblwt.a" ]
      then
        skip "$name" "no static library"
      else
        try "$name" program $source.$language "$package" $how
      fi
    done
  done
done

# An image is not a program of this system: it is linked, not run.
image() {
  compiler=$(find "$root" -name lwt-xen-cc)
  # shellcheck disable=SC2046
  LWT_XEN_ROOT=$root "$compiler" -o "$tap_dir/image" "$tap_dir/platform.c" \
    $(pc --cflags --libs lwt-xen) &&
    readelf -n "$tap_dir/image" | grep '^ *Xen .*0x00000004' &&
    ! readelf -lW "$tap_dir/image" | grep 'LOAD.* RWE '
}
if [ -e "$pc_dir/lwt-xen.pc" ]; then
  try "lwt-xen: an image, W^X" image
else
  skip "lwt-xen: an image, W^X" "not built"
fi
tap_done
