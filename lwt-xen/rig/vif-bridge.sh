#!/bin/sh
# vif-bridge.sh - xl's hotplug script for network interfaces.
# SPDX-License-Identifier: ISC
case $1 in
  online | add)
    mtu=$(xenstore-read "$XENBUS_PATH/mtu" 2>/dev/null) && ip link set "$vif" mtu "$mtu"
    ip link set "$vif" up
    ip link set "$vif" master "${bridge:-xenbr0}"
    xenstore-write "$XENBUS_PATH/hotplug-status" connected
    ;;
  offline | remove) xenstore-rm "$XENBUS_PATH/hotplug-status" 2>/dev/null ;;
esac
exit 0
