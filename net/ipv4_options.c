/* net/ipv4_options.c - the options of an IPv4 header (RFC 791 3.1).
 * SPDX-License-Identifier: ISC
 *
 * We make no use of options, but look whether they are well formed: one that we do
 * not know is skipped by its length.
 */
#include "ipv4_options.h"

#include "wire.h"

#include <string.h>

/* The length of the option at `at`; 0: it does not fit. */
static size_t length(const uint8_t *header, size_t at, size_t len)
{
  size_t n;

  if (header[at] == NET_OPTION_END || header[at] == NET_OPTION_NOP)
    return 1;
  n = at + 1 < len ? header[at + 1] : 0;
  return n < 2 || n > len - at ? 0 : n;
}

int net_ipv4_options_parse(struct net_ipv4_options *o, const uint8_t *header, size_t len)
{
  size_t at = NET_IPV4_LEN, n;

  *o = (struct net_ipv4_options){ 0 };
  for (; at < len && header[at] != NET_OPTION_END; at += n) {
    n = length(header, at, len);
    if (!n)
      return (int)at;
    if (header[at] == NET_OPTION_LOOSE_ROUTE || header[at] == NET_OPTION_STRICT_ROUTE)
      o->source_route = 1;
    if (header[at] == NET_OPTION_ROUTER_ALERT)
      o->router_alert = 1;
  }
  return 0;
}

size_t net_ipv4_options_copied(uint8_t *header, size_t len)
{
  size_t at = NET_IPV4_LEN, to = NET_IPV4_LEN, n;

  for (; at < len && header[at] != NET_OPTION_END; at += n) {
    n = length(header, at, len);
    if (!n)
      break;
    if (header[at] & NET_OPTION_COPIED) {
      memmove(header + to, header + at, n);
      to += n;
    }
  }
  while (to % 4)
    header[to++] = NET_OPTION_END;
  header[0] = (uint8_t)(0x40 | to / 4);
  return to;
}
