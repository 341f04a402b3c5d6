#!/bin/sh
# t-image-autoconf.sh - a project with Autoconf, Automake and libtool becomes an image,
# as doc/xen.md says.
# SPDX-License-Identifier: ISC
. "$(dirname "$0")/tap.sh"
[ -e "$top_builddir/liblwt-xen.a" ] || skip_all "lwt-xen is not built"
for tool in autoreconf automake libtoolize; do
  command -v $tool >/dev/null 2>&1 || skip_all "no $tool"
done

build=$(cd "$top_builddir" && pwd)
mkdir "$tap_dir/src" "$tap_dir/src/part" "$tap_dir/build"
cat >"$tap_dir/src/configure.ac" <<'END'
AC_INIT([guest], [1])
AM_INIT_AUTOMAKE([foreign subdir-objects no-dist])
AC_PROG_CC
LT_INIT([disable-shared])
AC_CHECK_FUNCS([lwt_run lwt_nowhere])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
cat >"$tap_dir/src/Makefile.am" <<'END'
noinst_LTLIBRARIES = libpart.la
libpart_la_SOURCES = part/part.c
bin_PROGRAMS = guest
guest_SOURCES = guest.c
guest_LDADD = libpart.la
END
echo 'int part(void); int part(void) { return 42; }' >"$tap_dir/src/part/part.c"
cat >"$tap_dir/src/guest.c" <<'END'
#include <lwt.h>
#include <stdio.h>

int part(void);
int main(void)
{
  printf("%d\n", part());
  return lwt_run(lwt_sleep(LWT_MS(1))) != 0;
}
END

made() { (cd "$tap_dir/src" && autoreconf -fi); }
configured() {
  (cd "$tap_dir/build" && LWT_XEN_BUILD=$build ../src/configure \
    CC="$build/lwt-xen/lwt-xen-cc" cross_compiling=yes)
}
# What is in the libraries is found, what is not is not.
found() {
  grep '^ac_cv_func_lwt_run=yes' "$tap_dir/build/config.log" &&
    grep '^ac_cv_func_lwt_nowhere=no' "$tap_dir/build/config.log"
}
linked() {
  (cd "$tap_dir/build" && LWT_XEN_BUILD=$build $MAKE) &&
    nm "$tap_dir/build/guest" | grep ' T part'
}
# Xen starts it by the note that says where a PVH domain begins.
bootable() { readelf -nW "$tap_dir/build/guest" | grep '^ *Xen .*0x00000012'; }

unset MAKEFLAGS MAKELEVEL MFLAGS
try "a project of Autoconf, Automake and libtool" made
try "configure takes lwt-xen-cc" configured
try "and finds what is there" found
try "make gives a program" linked
try "which is an image for a PVH domain" bootable
tap_done
