/* net/dhcp_wire.c - DHCPv4 messages.
 * SPDX-License-Identifier: ISC
 */
#include "dhcp_wire.h"

#include "net.h"

#include <string.h>

enum { PAD = 0, END = 255, SNAME = 44, SNAME_LEN = 64, FILE_AT = 108, FILE_LEN = 128,
       COOKIE = 236 };

static const uint8_t cookie[4] = { 99, 130, 83, 99 };

/* ---- Options --------------------------------------------------------------- */

/* Where options are, in the order in which they are put together (RFC 3396). */
struct areas {
  struct {
    const uint8_t *bytes;
    size_t len;
  } area[3];
  unsigned n;
};

/* All pieces of an option; its length, at most `size` bytes of which are copied, or -1:
 * there is none. */
static int option(const struct areas *as, uint8_t code, uint8_t *to, size_t size)
{
  int total = -1;
  unsigned i;

  for (i = 0; i < as->n; i++) {
    const uint8_t *p = as->area[i].bytes, *end = p + as->area[i].len;

    while (p < end && *p != END) {
      if (*p == PAD) {
        p++;
        continue;
      }
      if (*p == code) {
        size_t at = total < 0 ? 0 : (size_t)total, n = p[1];

        if (at < size)
          memcpy(to + at, p + 2, n < size - at ? n : size - at);
        total = (int)(at + n);
      }
      p += p[1] + 2;
    }
  }
  return total;
}

/* Whether every option ends within its area. */
static int sound(const uint8_t *p, size_t len)
{
  size_t at = 0;

  while (at < len && p[at] != END) {
    if (p[at] == PAD)
      at++;
    else if (len - at < 2 || len - at - 2 < p[at + 1])
      return 0;
    else
      at += p[at + 1] + 2u;
  }
  return 1;
}

static int add_area(struct areas *as, const uint8_t *bytes, size_t len)
{
  if (!sound(bytes, len))
    return 0;
  as->area[as->n].bytes = bytes;
  as->area[as->n++].len = len;
  return 1;
}

/* ---- Reading ----------------------------------------------------------------- */

/* One number, or none; 0: of another length. */
static int number(const struct areas *as, uint8_t code, size_t size, uint32_t *value)
{
  uint8_t b[4];
  int n = option(as, code, b, sizeof b);
  size_t i;

  if (n < 0)
    return 1;
  *value = 0;
  for (i = 0; i < size; i++)
    *value = *value << 8 | b[i];
  return (size_t)n == size;
}

static int addresses(const struct areas *as, uint8_t code, uint32_t *list, uint8_t *n,
                     size_t max)
{
  uint8_t b[64];
  int len = option(as, code, b, sizeof b);
  size_t i;

  for (i = 0; len > 0 && i < max && 4 * i + 4 <= (size_t)len; i++)
    list[i] = net_get32(b + 4 * i);
  *n = (uint8_t)i;
  return len < 0 || (len > 0 && len % 4 == 0);
}

/* What is shown or looked up is nothing that would surprise a terminal. */
static void text(const struct areas *as, uint8_t code, char *to, size_t size)
{
  int i, len = option(as, code, (uint8_t *)to, size - 1);

  if (len < 0 || (size_t)len >= size)
    len = 0;
  while (len && !to[len - 1]) /* some count a NUL at the end */
    len--;
  for (i = 0; i < len; i++)
    if (to[i] <= 32 || to[i] > 126)
      len = 0;
  to[len] = '\0';
}

/* How many of the bytes there is room for. */
static uint8_t bytes(const struct areas *as, uint8_t code, uint8_t *to, size_t size)
{
  int n = option(as, code, to, size);

  return (uint8_t)(n < 0 ? 0 : (size_t)n < size ? (size_t)n : size);
}

/* RFC 3442: the width, as many bytes of the destination as are needed, the router. */
static int routes(const struct areas *as, struct net_dhcp *m)
{
  uint8_t b[255];
  int len = option(as, NET_DHCP_ROUTES, b, sizeof b), at = 0;

  if (len > (int)sizeof b)
    len = (int)sizeof b; /* the last one that fits only in part is left out */
  while (at < len) {
    int width = b[at], n = (width + 7) / 8;
    struct net_dhcp_route *r = &m->routes[m->n_routes];
    uint8_t dst[4] = { 0 };

    if (width > 32)
      return 0;
    if (at + 1 + n + 4 > len)
      return len == (int)sizeof b;
    memcpy(dst, b + at + 1, (size_t)n);
    if (m->n_routes < sizeof m->routes / sizeof *m->routes) {
      r->prefix = (uint8_t)width;
      r->dst = width ? net_get32(dst) & UINT32_MAX << (32 - width) : 0;
      r->gateway = net_get32(b + at + 1 + n);
      m->n_routes++;
    }
    at += 1 + n + 4;
  }
  return 1;
}

unsigned net_dhcp_prefix(uint32_t mask)
{
  return (unsigned)__builtin_popcount(mask);
}

static int options(struct net_dhcp *m, const struct areas *as)
{
  uint32_t type = 0, mtu = 0, max = 0;

  if (!number(as, NET_DHCP_TYPE, 1, &type) || !number(as, NET_DHCP_MASK, 4, &m->mask) ||
      !number(as, NET_DHCP_REQUESTED, 4, &m->requested) ||
      !number(as, NET_DHCP_SERVER, 4, &m->server) ||
      !number(as, NET_DHCP_LEASE, 4, &m->lease) || !number(as, NET_DHCP_T1, 4, &m->t1) ||
      !number(as, NET_DHCP_T2, 4, &m->t2) || !number(as, NET_DHCP_MTU, 2, &mtu) ||
      !number(as, NET_DHCP_MAX_SIZE, 2, &max) ||
      !addresses(as, NET_DHCP_ROUTERS, m->routers, &m->n_routers, 4) ||
      !addresses(as, NET_DHCP_DNS, m->dns, &m->n_dns, 8) || !routes(as, m))
    return 0;
  if (type > NET_DHCP_INFORM || (~m->mask & (~m->mask + 1)))
    return 0;
  m->type = (uint8_t)type;
  m->mtu = (uint16_t)mtu;
  m->max_size = (uint16_t)max;
  m->has_lease = option(as, NET_DHCP_LEASE, NULL, 0) == 4;
  text(as, NET_DHCP_HOSTNAME, m->hostname, sizeof m->hostname);
  text(as, NET_DHCP_DOMAIN, m->domain, sizeof m->domain);
  m->n_params = bytes(as, NET_DHCP_PARAMS, m->params, sizeof m->params);
  m->id_len = bytes(as, NET_DHCP_CLIENT_ID, m->id, sizeof m->id);
  return 1;
}

int net_dhcp_parse(struct net_dhcp *m, const uint8_t *bytes, size_t len)
{
  struct areas as = { .n = 0 };
  uint32_t overload = 0;

  memset(m, 0, sizeof *m);
  if (len < NET_DHCP_FIXED || memcmp(bytes + COOKIE, cookie, 4) || bytes[1] != 1 ||
      bytes[2] != 6 || bytes[0] < NET_DHCP_BOOTREQUEST || bytes[0] > NET_DHCP_BOOTREPLY)
    return LWT_EBADMSG;
  m->op = bytes[0];
  m->hops = bytes[3];
  m->xid = net_get32(bytes + 4);
  m->secs = net_get16(bytes + 8);
  m->broadcast = bytes[10] >> 7;
  m->ciaddr = net_get32(bytes + 12);
  m->yiaddr = net_get32(bytes + 16);
  m->siaddr = net_get32(bytes + 20);
  m->giaddr = net_get32(bytes + 24);
  memcpy(m->mac, bytes + 28, 6);
  if (!add_area(&as, bytes + NET_DHCP_FIXED, len - NET_DHCP_FIXED) ||
      !number(&as, NET_DHCP_OVERLOAD, 1, &overload) ||
      (overload & 1 && !add_area(&as, bytes + FILE_AT, FILE_LEN)) ||
      (overload & 2 && !add_area(&as, bytes + SNAME, SNAME_LEN)))
    return LWT_EBADMSG;
  return options(m, &as) ? 0 : LWT_EBADMSG;
}

/* ---- Writing ------------------------------------------------------------------- */

struct out {
  uint8_t *bytes;
  size_t room, len;
  int full;
};

static void put(struct out *o, uint8_t code, const void *bytes, size_t len)
{
  if (o->room - o->len < len + 3) { /* and the end */
    o->full = 1;
    return;
  }
  o->bytes[o->len++] = code;
  o->bytes[o->len++] = (uint8_t)len;
  memcpy(o->bytes + o->len, bytes, len);
  o->len += len;
}

static void put_number(struct out *o, uint8_t code, uint32_t value)
{
  uint8_t b[4];

  net_put32(b, value);
  if (value)
    put(o, code, b, 4);
}

static void put_short(struct out *o, uint8_t code, uint16_t value)
{
  uint8_t b[2];

  net_put16(b, value);
  if (value)
    put(o, code, b, 2);
}

static void put_addresses(struct out *o, uint8_t code, const uint32_t *list, size_t n)
{
  uint8_t b[32];
  size_t i;

  for (i = 0; i < n; i++)
    net_put32(b + 4 * i, list[i]);
  if (n)
    put(o, code, b, 4 * n);
}

static void put_routes(struct out *o, const struct net_dhcp *m)
{
  uint8_t b[16 * 9], dst[4];
  size_t i, len = 0, n;

  for (i = 0; i < m->n_routes; i++) {
    n = (m->routes[i].prefix + 7u) / 8;
    b[len++] = m->routes[i].prefix;
    net_put32(dst, m->routes[i].dst);
    memcpy(b + len, dst, n);
    net_put32(b + len + n, m->routes[i].gateway);
    len += n + 4;
  }
  if (len)
    put(o, NET_DHCP_ROUTES, b, len);
}

int net_dhcp_emit(const struct net_dhcp *m, uint8_t *out, size_t room)
{
  struct out o = { out, room, NET_DHCP_FIXED, 0 };
  uint8_t lease[4];

  if (room < NET_DHCP_MIN)
    return LWT_EMSGSIZE;
  memset(out, 0, room);
  out[0] = m->op;
  out[1] = 1;
  out[2] = 6;
  out[3] = m->hops;
  net_put32(out + 4, m->xid);
  net_put16(out + 8, m->secs);
  out[10] = (uint8_t)(m->broadcast << 7);
  net_put32(out + 12, m->ciaddr);
  net_put32(out + 16, m->yiaddr);
  net_put32(out + 20, m->siaddr);
  net_put32(out + 24, m->giaddr);
  memcpy(out + 28, m->mac, 6);
  memcpy(out + COOKIE, cookie, 4);
  if (m->type)
    put(&o, NET_DHCP_TYPE, &m->type, 1);
  put_number(&o, NET_DHCP_SERVER, m->server);
  put_number(&o, NET_DHCP_REQUESTED, m->requested);
  net_put32(lease, m->lease);
  if (m->has_lease)
    put(&o, NET_DHCP_LEASE, lease, 4);
  put_number(&o, NET_DHCP_T1, m->t1);
  put_number(&o, NET_DHCP_T2, m->t2);
  put_number(&o, NET_DHCP_MASK, m->mask);
  put_short(&o, NET_DHCP_MTU, m->mtu);
  put_short(&o, NET_DHCP_MAX_SIZE, m->max_size);
  if (m->id_len)
    put(&o, NET_DHCP_CLIENT_ID, m->id, m->id_len);
  if (m->n_params)
    put(&o, NET_DHCP_PARAMS, m->params, m->n_params);
  put_routes(&o, m);
  put_addresses(&o, NET_DHCP_ROUTERS, m->routers, m->n_routers);
  put_addresses(&o, NET_DHCP_DNS, m->dns, m->n_dns);
  if (m->hostname[0])
    put(&o, NET_DHCP_HOSTNAME, m->hostname, strlen(m->hostname));
  if (m->domain[0])
    put(&o, NET_DHCP_DOMAIN, m->domain, strlen(m->domain));
  if (o.full)
    return LWT_EMSGSIZE;
  out[o.len++] = END;
  return (int)(o.len < NET_DHCP_MIN ? NET_DHCP_MIN : o.len);
}
