#!/bin/busybox sh
# dom0-init.sh - the first program of dom0: start Xen's daemons, run the tests.
# SPDX-License-Identifier: ISC
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
while read -r module; do
  insmod "/modules/$module" 2>/dev/null
done </modules/order
mount -t xenfs xenfs /proc/xen
hostname dom0
ip link set lo up
dmesg -n 1
xenstored --pid-file /run/xenstored.pid
n=0
until xenstore-read / >/dev/null 2>&1 || [ $n = 100 ]; do
  n=$((n + 1))
  usleep 20000
done
xenconsoled --log=guest --log-dir=/var/log/xen/console --pid-file=/run/xenconsoled.pid
xen-init-dom0 >/dev/null
ip link add name xenbr0 type bridge
ip addr add 10.0.0.1/24 dev xenbr0
ip link set xenbr0 up
if [ -e /sys/class/net/eth0 ]; then
  ip link set eth0 up
  ip link set eth0 master xenbr0
fi
echo "dom0: ready"
cd /tests && sh ./run.sh </dev/console
echo "dom0: done"
poweroff -f
