/* net/ipv4_options.h - the options of an IPv4 header (RFC 791 3.1).
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_IPV4_OPTIONS_H
#define NET_IPV4_OPTIONS_H

#include "../lwt/memory.h"

enum { NET_OPTION_END = 0, NET_OPTION_NOP = 1, NET_OPTION_RECORD_ROUTE = 7,
       NET_OPTION_TIMESTAMP = 68, NET_OPTION_LOOSE_ROUTE = 131,
       NET_OPTION_STRICT_ROUTE = 137, NET_OPTION_ROUTER_ALERT = 148,
       NET_OPTION_COPIED = 0x80 };

struct net_ipv4_options {
  uint8_t source_route; /* loose or strict */
  uint8_t router_alert;
};
/* The options of a header of `len` bytes, 20 to 60.  Returns 0, or the offset in the
 * header of what is wrong. */
int net_ipv4_options_parse(struct net_ipv4_options *o, const uint8_t *header, size_t len);

/* Leave those options only that every fragment has, padded.  Returns the new length
 * of the header, whose length field is set; the checksum is the caller's. */
size_t net_ipv4_options_copied(uint8_t *header, size_t len);

#endif
