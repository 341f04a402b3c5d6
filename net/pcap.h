/* net/pcap.h - captures, inside.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_PCAP_H
#define NET_PCAP_H

#include "lwt-net.h"

/* Record a frame, at time now.  Borrows packet; NULL pcap is allowed. */
void net_pcap_write(struct lwt_net_pcap *pcap, uint64_t now,
                    const struct lwt_buf *packet);

#endif
