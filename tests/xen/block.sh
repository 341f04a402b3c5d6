# block.sh - guests with disks: against the real blkback, on files in memory.
# SPDX-License-Identifier: ISC
disks=/tmp/disks
mkdir -p $disks
mount -t tmpfs -o size=64m tmpfs $disks 2>/dev/null

# with DISK MODE: the configuration's line.
with() { echo "disk = [\"$disks/$1,raw,xvda,$2\"]"; }

# The checksum of a file.
crc() { crc32 "$1" | cut -c 1-8; }

# The line that guest $1 has printed, which begins with $2.
said() { tr -d '\r' <"$(log "$1")" | sed -n "s/^$2 //p" | tail -n 1; }

dd if=/dev/zero of=$disks/a bs=1M count=4 2>/dev/null
start block-write g-block write "$(with a w)" && {
  results block-write
  test "$(said block-write crc)" = "$(crc $disks/a)"
  tap $? "block-write: dom0 finds what the guest wrote"
}

dd if=/dev/urandom of=$disks/a bs=1M count=4 2>/dev/null
start block-read g-block read "$(with a r)" && {
  results block-read
  test "$(said block-read crc)" = "$(crc $disks/a)"
  tap $? "block-read: the guest finds what dom0 wrote"
}

before=$(crc $disks/a)
start block-only g-block only "$(with a r)" && {
  results block-only
  test "$before" = "$(crc $disks/a)"
  tap $? "block-only: nothing is changed"
}

start block-storm g-block storm "$(with a w)" && await block-storm '^waiting$' && {
  for i in 1 2; do
    usleep 500000
    xl save block-storm /tmp/storm.save >/tmp/save.log 2>&1 &&
      xl restore /tmp/storm.save >>/tmp/save.log 2>&1
    tap $? "block-storm: saved and restored, requests under way" ||
      sed 's/^/TAP: # /' /tmp/save.log
  done
  usleep 500000
  xenstore-write "/local/domain/$(domid block-storm)/data/go" go
  results block-storm
}

mkdir -p $disks/site/sub
dd if=/dev/urandom of=$disks/site/sub/large bs=1000 count=777 2>/dev/null
echo '<p>hello' >$disks/site/index.html
(cd $disks/site && busybox tar -cf ../site.tar .)
start block-tar g-block "tar index.html sub/large" "$(with site.tar r)" && {
  results block-tar
  for file in index.html sub/large; do
    tr -d '\r' <"$(log block-tar)" |
      grep -qx "file $(crc $disks/site/$file) $file"
    tap $? "block-tar: $file"
  done
}

# The same archive behind the website.
start block-www www "--net=vif:0 --addr=10.0.0.9/24 --port=80 --root=ustar:xvda" \
  "$(with site.tar r)" "vif = [ 'mac=00:16:3e:00:00:09,bridge=xenbr0' ]" && {
  await block-www '^www: http://10.0.0.9:80/ serves ustar:xvda'
  tap $? "block-www: serves"
  for file in index.html sub/large; do
    timeout 60 wget -q -O /tmp/got "http://10.0.0.9/$file" && cmp -s /tmp/got $disks/site/$file
    tap $? "block-www: $file, byte for byte"
  done
  xl shutdown -w block-www >/dev/null 2>&1
  gone block-www
  tap $? "block-www: the domain is gone"
}
umount $disks 2>/dev/null
