#!/bin/sh
# block.sh - xl's hotplug script for disks.
# SPDX-License-Identifier: ISC
case $1 in
  add)
    params=$(xenstore-read "$XENBUS_PATH/params")
    device=$params
    if [ -f "$params" ]; then
      # One at a time, or two disks at once find the same device free.
      n=0
      until mkdir /run/losetup.lock 2>/dev/null || [ $n = 500 ]; do
        n=$((n + 1))
        usleep 10000
      done
      device=$(losetup -f)
      losetup "$device" "$params"
      rmdir /run/losetup.lock
      xenstore-write "$XENBUS_PATH/node" "$device"
    fi
    xenstore-write "$XENBUS_PATH/physical-device" \
      "$(stat -L -c '%t:%T' "$device")" "$XENBUS_PATH/hotplug-status" connected
    ;;
  remove)
    device=$(xenstore-read "$XENBUS_PATH/node" 2>/dev/null) && losetup -d "$device"
    ;;
esac
exit 0
