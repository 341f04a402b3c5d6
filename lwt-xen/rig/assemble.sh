#!/bin/sh
# assemble.sh CACHE - a Xen and a Linux dom0 out of Debian's packages.
# SPDX-License-Identifier: ISC
#
# Makes CACHE/xen (the hypervisor), CACHE/vmlinuz and CACHE/dom0.cpio (the initial
# file system of dom0, without the tests).  Nothing is installed on this machine:
# packages are fetched with apt-get download and unpacked below CACHE.  Done once;
# fails with one line that says why.
set -u
die() {
  echo "$*" >&2
  exit 1
}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cache=$(cd "$1" && pwd) || die "cannot make $1"
for tool in apt-get apt-cache dpkg-deb cpio gzip ldd modinfo busybox; do
  command -v $tool >/dev/null 2>&1 || [ -x /sbin/$tool ] || die "no $tool here"
done
modinfo=$(command -v modinfo || echo /sbin/modinfo)
ldd "$(command -v busybox)" >/dev/null 2>&1 && die "busybox is not static: busybox-static"

# Shared libraries that package $1 depends on, but for the C library's.
libraries() {
  apt-cache depends "$1" | sed -n 's/^ *Depends: \(lib.*\)/\1/p' |
    grep -Ev '^lib(c6|ncurses|tinfo)'
}

# The newest of what a package without a version stands for.
stands_for() {
  apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \($2.*\)/\1/p" | head -n 1
}

fetch() {
  hypervisor=$(stands_for xen-system-amd64 xen-hypervisor-4)
  utils=$(stands_for xen-system-amd64 xen-utils-4)
  kernel=$(stands_for linux-image-amd64 linux-image)
  [ -n "$hypervisor" ] && [ -n "$utils" ] && [ -n "$kernel" ] ||
    die "apt knows no Xen or no kernel: apt-get update?"
  misc=$(libraries "$utils" | grep libxenmisc)
  packages="$hypervisor $utils $kernel xen-utils-common xenstore-utils libxentoolcore1
    $(libraries "$utils") $(libraries "$misc")"
  rm -rf "$cache/root" "$cache/debs"
  mkdir -p "$cache/root" "$cache/debs"
  cd "$cache/debs" || exit 1
  # shellcheck disable=SC2046,SC2086  # a word a package
  apt-get -q download $(printf '%s\n' $packages | sort -u) >"$cache/fetch.log" 2>&1 ||
    die "packages cannot be fetched: $(grep -m 1 '^E:' "$cache/fetch.log")"
  for deb in *.deb; do
    dpkg-deb -x "$deb" "$cache/root" || die "cannot unpack $deb"
  done
  rm -rf "$cache/debs"
}

# The file and the libraries that it needs, at the same place below $dom0.
put() {
  for file; do
    mkdir -p "$dom0$(dirname "${file#"$root"}")"
    cp -L "$file" "$dom0${file#"$root"}"
    ldd "$file" 2>/dev/null | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:blank:]]*\(\/[^ ]*\) .*/\1/p' |
      while read -r library; do
        name=$dom0/lib/x86_64-linux-gnu/$(basename "$library")
        case $library in /lib64/*) name=$dom0$library ;; esac
        [ -e "$name" ] || { mkdir -p "$(dirname "$name")" && cp -L "$library" "$name"; }
      done
  done
}

# Modules and what they depend on, in the order of loading.
modules() {
  for module; do
    file=$(find "$root/lib/modules" -name "$(echo "$module" | tr _ '?' | tr - '?').ko*" |
      head -n 1)
    [ -n "$file" ] || continue
    # shellcheck disable=SC2046
    (modules $($modinfo -F depends "$file" | tr , ' '))
    grep -qx "$(basename "$file")" "$dom0/modules/order" 2>/dev/null && continue
    cp "$file" "$dom0/modules/"
    basename "$file" >>"$dom0/modules/order"
  done
}

build() {
  root=$cache/root dom0=$cache/dom0
  bin=$(echo "$root"/usr/lib/xen-4*/bin)
  rm -rf "$dom0"
  mkdir -p "$dom0/bin" "$dom0/sbin" "$dom0/modules" "$dom0/proc" "$dom0/sys" \
    "$dom0/dev/pts" "$dom0/run" "$dom0/tmp" "$dom0/etc/xen/scripts" "$dom0/var/lock" \
    "$dom0/var/lib/xenstored" "$dom0/var/lib/xen" "$dom0/var/log/xen/console"
  : >"$dom0/etc/xen/xl.conf"
  ln -s ../run "$dom0/var/run"
  mkdir -p "$dom0/run/xen" "$dom0/run/xenstored"
  cp "$(command -v busybox)" "$dom0/bin/busybox"
  LD_LIBRARY_PATH=$(find "$root" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':')
  export LD_LIBRARY_PATH
  put "$bin/xl" "$bin/xenstored" "$bin/xenconsoled" "$bin/xen-init-dom0" \
    "$bin/xenconsole" "$bin/libxl-save-helper" "$root"/usr/bin/xenstore-*
  # xl aborts in pthread_cancel() without it
  put_library=$(ldconfig -p 2>/dev/null | sed -n 's/.*libgcc_s.so.1 .*x86-64.* => //p' | head -n 1)
  [ -n "$put_library" ] || put_library=$(find /lib /usr/lib -name libgcc_s.so.1 | head -n 1)
  cp -L "$put_library" "$dom0/lib/x86_64-linux-gnu/"
  unset LD_LIBRARY_PATH
  for tool in "$bin"/*; do
    name=$dom0/bin/$(basename "$tool")
    [ -e "$dom0${tool#"$root"}" ] && ln -sf "${tool#"$root"}" "$name"
  done
  for tool in "$root"/usr/bin/xenstore-*; do
    ln -sf "${tool#"$root"}" "$dom0/bin/$(basename "$tool")"
  done
  # netem and its like, for those who have it here
  tc=$(command -v tc || echo /sbin/tc)
  [ ! -x "$tc" ] || put "$tc"
  modules xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs bridge xen-netback \
    xen-blkback loop e1000 ata_piix sd_mod sch_netem sch_ingress cls_matchall act_mirred ifb
  cp "$here/dom0-init.sh" "$dom0/init"
  cp "$here/vif-bridge.sh" "$dom0/etc/xen/scripts/vif-bridge"
  cp "$here/block.sh" "$dom0/etc/xen/scripts/block"
  chmod 755 "$dom0/init" "$dom0"/etc/xen/scripts/*
  (cd "$dom0" && find . | cpio -o -H newc -R 0:0 --quiet) >"$cache/dom0.cpio.new" ||
    die "cpio failed"
  gzip -dc "$root"/boot/xen-4*.gz >"$cache/xen" || die "no hypervisor in the package"
  cp "$root"/boot/vmlinuz-* "$cache/vmlinuz" || die "no kernel in the package"
  mv "$cache/dom0.cpio.new" "$cache/dom0.cpio"
}

[ -e "$cache/root/boot" ] || fetch
stale=$(find "$here/dom0-init.sh" "$here/vif-bridge.sh" "$here/block.sh" "$0" \
  -newer "$cache/dom0.cpio" 2>&1)
[ -z "$stale" ] || build
