/* net/ext.c - the extension headers of a received IPv6 packet (RFC 8200 4).
 * SPDX-License-Identifier: ISC
 *
 * Hop-by-hop options, destination options and routing headers, up to a fragment
 * header or what is none of these.  We know no routing type: type 0 is refused
 * like all others when it still has segments left (RFC 5095).
 */
#include "wire6.h"

#include "net.h"

enum { PAD1 = 0, PADN = 1, ROUTER_ALERT = 5 };

static int problem(struct net_ext *e, uint8_t code, uint32_t pointer)
{
  e->code = code;
  e->pointer = pointer;
  return LWT_EPROTO;
}

/* The two highest bits say what is to be done (RFC 8200 4.2). */
static int unknown_option(struct net_ext *e, uint8_t type, uint32_t at, int multicast)
{
  switch (type >> 6) {
  case 0:
    return 0;
  case 1:
    return LWT_EBADMSG;
  case 2:
    return problem(e, NET_PARAMETER6_OPTION, at);
  default:
    return multicast ? LWT_EBADMSG : problem(e, NET_PARAMETER6_OPTION, at);
  }
}

/* p: an options header of size bytes, which is at offset `at` of the packet. */
static int options(struct net_ext *e, const uint8_t *p, uint32_t size, uint32_t at,
                   int multicast, int hop_by_hop)
{
  uint32_t i, n, count = 0;
  int error = 0;

  for (i = 2; i < size && !error; i += n) {
    n = 1;
    if (p[i] == PAD1)
      continue;
    if (size - i < 2)
      return LWT_EBADMSG;
    n = 2u + p[i + 1];
    if (n > size - i)
      return problem(e, NET_PARAMETER6_FIELD, at + i + 1);
    if (p[i] == PADN)
      continue;
    if (++count > NET_EXT_OPTIONS)
      return LWT_EBADMSG;
    if (p[i] == ROUTER_ALERT && hop_by_hop) {
      if (n != 4)
        return problem(e, NET_PARAMETER6_FIELD, at + i + 1);
      e->alert = 1;
    } else {
      error = unknown_option(e, p[i], at + i, multicast);
    }
  }
  return error;
}

int net_ext_parse(struct net_ext *e, uint8_t next, uint16_t next_at, uint16_t at,
                  int multicast, const uint8_t *bytes, size_t len)
{
  uint32_t done = 0, size, headers = 0;
  const uint8_t *p;
  int error;

  *e = (struct net_ext){ .next = next, .next_at = next_at };
  while (net_is_ext(e->next)) {
    if (e->next == NET_PROTO_HOP && (headers || at != NET_IPV6_LEN))
      return problem(e, NET_PARAMETER6_NEXT, e->next_at);
    if (++headers > NET_EXT_HEADERS || len - done < 8)
      return LWT_EBADMSG;
    p = bytes + done;
    size = 8u + 8u * p[1];
    if (size > len - done || done + size > NET_EXT_BYTES)
      return LWT_EBADMSG;
    if (e->next == NET_PROTO_ROUTING)
      error = p[3] ? problem(e, NET_PARAMETER6_FIELD, at + done + 2u) : 0;
    else
      error = options(e, p, size, at + done, multicast, e->next == NET_PROTO_HOP);
    if (error)
      return error;
    e->next = p[0];
    e->next_at = (uint16_t)(at + done);
    done += size;
  }
  return (int)done;
}
