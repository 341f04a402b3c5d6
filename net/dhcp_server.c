/* net/dhcp_server.c - a DHCP server for test networks (RFC 2131, section 4.3).
 * SPDX-License-Identifier: ISC
 *
 * A lease is a slot of a table, one for each address of the pool.
 */
#include "dhcp_wire.h"
#include "net.h"

#include "lwt-dhcp.h"
#include "lwt-ip.h"

#include <string.h>

#define POOL_MAX 1024u
#define DECLINED_FOR LWT_S(600)

struct slot {
  uint64_t until; /* offered, leased or kept out; 0: never given */
  uint8_t id[64], id_len; /* 0: declined */
  uint8_t leased;
};

struct lwt_dhcpd {
  unsigned refs;
  struct lwt_stack *stack;
  struct lwt_dhcpd_config config;
  struct lwt_dhcpd_stats stats;
  char domain[254];
  struct lwt_udp *udp;
  lwt_t *running;
  uint32_t addr, mask, first;
  uint32_t n;
  struct slot slots[];
};

static void unref(void *dhcpd)
{
  struct lwt_dhcpd *d = dhcpd;

  if (--d->refs == 0)
    lwt__free(d);
}

/* ---- The table ------------------------------------------------------------------- */

/* Who a client is: its identifier, else its address, which begins with the type, too. */
static uint8_t identify(const struct net_dhcp *m, uint8_t id[64])
{
  if (m->id_len) {
    memcpy(id, m->id, m->id_len);
    return m->id_len;
  }
  id[0] = 1;
  memcpy(id + 1, m->mac, 6);
  return 7;
}

static struct slot *slot_of(struct lwt_dhcpd *d, uint32_t ip)
{
  return ip >= d->first && ip - d->first < d->n ? &d->slots[ip - d->first] : NULL;
}

static uint32_t ip_of(const struct lwt_dhcpd *d, const struct slot *s)
{
  return d->first + (uint32_t)(s - d->slots);
}

static int is_of(const struct slot *s, const uint8_t *id, uint8_t len)
{
  return s->id_len == len && !memcmp(s->id, id, len);
}

static int is_free(const struct lwt_dhcpd *d, const struct slot *s)
{
  return s->until <= lwt_now() && ip_of(d, s) != d->addr;
}

/* What the client had, else what it asks for, else what was never given, else what has
 * been free for the longest time (4.3.1). */
static struct slot *choose(struct lwt_dhcpd *d, const struct net_dhcp *m,
                           const uint8_t *id, uint8_t len)
{
  struct slot *best = NULL, *asked = slot_of(d, m->requested);
  uint32_t i;

  for (i = 0; i < d->n; i++)
    if (is_of(&d->slots[i], id, len))
      return &d->slots[i];
  if (asked && is_free(d, asked))
    return asked;
  for (i = 0; i < d->n; i++)
    if (is_free(d, &d->slots[i]) && (!best || d->slots[i].until < best->until))
      best = &d->slots[i];
  return best;
}

static void take(struct slot *s, const uint8_t *id, uint8_t len, uint64_t until,
                 int leased)
{
  memcpy(s->id, id, s->id_len = len);
  s->until = until;
  s->leased = (uint8_t)leased;
}

/* ---- Answers --------------------------------------------------------------------- */

static void begin_reply(const struct lwt_dhcpd *d, const struct net_dhcp *m, uint8_t type,
                        struct net_dhcp *r)
{
  memset(r, 0, sizeof *r);
  r->op = NET_DHCP_BOOTREPLY;
  r->type = type;
  r->xid = m->xid;
  r->broadcast = m->broadcast;
  r->giaddr = m->giaddr;
  memcpy(r->mac, m->mac, 6);
  memcpy(r->id, m->id, r->id_len = m->id_len); /* RFC 6842 */
  r->server = d->addr;
}

static void add_options(const struct lwt_dhcpd *d, struct net_dhcp *r)
{
  unsigned i;

  r->mask = d->mask;
  if (d->config.router.family) {
    r->routers[0] = net_ip4(&d->config.router);
    r->n_routers = 1;
  }
  for (i = 0; i < d->config.n_dns; i++)
    r->dns[i] = net_ip4(&d->config.dns[i]);
  r->n_dns = (uint8_t)d->config.n_dns;
  r->mtu = d->config.mtu;
  strcpy(r->domain, d->domain);
}

static void grant(struct lwt_dhcpd *d, const struct net_dhcp *m, struct slot *s,
                  uint8_t type, struct net_dhcp *r)
{
  uint8_t id[64], len = identify(m, id);

  begin_reply(d, m, type, r);
  r->yiaddr = ip_of(d, s);
  r->ciaddr = type == NET_DHCP_ACK ? m->ciaddr : 0;
  r->has_lease = 1;
  r->lease = m->has_lease && m->lease < d->config.max_lease ? m->lease : d->config.lease;
  if (r->lease < 1)
    r->lease = 1;
  r->t1 = r->lease / 2;
  r->t2 = (uint32_t)((uint64_t)r->lease * 7 / 8);
  add_options(d, r);
  take(s, id, len, lwt_now() + (type == NET_DHCP_ACK ? LWT_S(r->lease) : d->config.hold),
       type == NET_DHCP_ACK);
}

static int on_discover(struct lwt_dhcpd *d, const struct net_dhcp *m, struct net_dhcp *r)
{
  uint8_t id[64], len = identify(m, id);
  struct slot *s = choose(d, m, id, len);

  d->stats.discovers++;
  if (!s) {
    d->stats.exhausted++;
    return 0;
  }
  grant(d, m, s, NET_DHCP_OFFER, r);
  d->stats.offers++;
  return 1;
}

static int refuse(struct lwt_dhcpd *d, const struct net_dhcp *m, struct net_dhcp *r)
{
  begin_reply(d, m, NET_DHCP_NAK, r);
  d->stats.naks++;
  return 1;
}

/* SELECTING: it names us.  INIT-REBOOT: it asks for an address; we are silent unless we
 * know better (4.3.2).  RENEWING and REBINDING: it has one. */
static int on_request(struct lwt_dhcpd *d, const struct net_dhcp *m, struct net_dhcp *r)
{
  uint32_t ip = m->ciaddr ? m->ciaddr : m->requested;
  uint8_t id[64], len = identify(m, id);
  struct slot *s = slot_of(d, ip);

  d->stats.requests++;
  if (m->server && m->server != d->addr) { /* it chose another server */
    for (s = d->slots; s < d->slots + d->n; s++)
      if (is_of(s, id, len) && !s->leased)
        s->until = 0;
    return 0;
  }
  if (s && is_of(s, id, len)) {
    grant(d, m, s, NET_DHCP_ACK, r);
    d->stats.acks++;
    return 1;
  }
  if (m->server || (ip ^ d->addr) & d->mask || (s && !is_free(d, s)))
    return refuse(d, m, r);
  if (s && m->ciaddr) { /* we have forgotten it, and it is free */
    grant(d, m, s, NET_DHCP_ACK, r);
    d->stats.acks++;
    return 1;
  }
  d->stats.ignored++;
  return 0;
}

static void on_give_back(struct lwt_dhcpd *d, const struct net_dhcp *m)
{
  int declined = m->type == NET_DHCP_DECLINE;
  uint8_t id[64], len = identify(m, id);
  struct slot *s = slot_of(d, declined ? m->requested : m->ciaddr);

  if (!s || !is_of(s, id, len) || m->server != d->addr) {
    d->stats.ignored++;
    return;
  }
  d->stats.declines += (uint64_t)declined;
  d->stats.releases += !declined;
  s->until = declined ? lwt_now() + DECLINED_FOR : lwt_now();
  s->leased = 0;
  if (declined)
    s->id_len = 0;
}

/* Whether there is an answer. */
static int answer(struct lwt_dhcpd *d, const struct net_dhcp *m, struct net_dhcp *r)
{
  switch (m->op == NET_DHCP_BOOTREQUEST && !m->giaddr ? m->type : 0) {
  case NET_DHCP_DISCOVER:
    return on_discover(d, m, r);
  case NET_DHCP_REQUEST:
    return on_request(d, m, r);
  case NET_DHCP_DECLINE:
  case NET_DHCP_RELEASE:
    on_give_back(d, m);
    return 0;
  case NET_DHCP_INFORM:
    d->stats.informs++;
    begin_reply(d, m, NET_DHCP_ACK, r);
    r->ciaddr = m->ciaddr;
    add_options(d, r);
    return 1;
  }
  d->stats.ignored++; /* BOOTP, replies, what a relay brings from another network */
  return 0;
}

/* ---- The thread ---------------------------------------------------------------- */

struct serving {
  struct lwt_frame frame;
  struct lwt_dhcpd *d;
  struct lwt_datagram *datagram;
  struct lwt_addr to;
  struct lwt_error error;
  int len;
  uint8_t bytes[NET_DHCP_ROOM];
};

/* The answer's length; 0: there is none. */
static int serve(struct serving *v)
{
  struct lwt_dhcpd *d = v->d;
  const struct lwt_buf *packet = v->datagram->packet;
  struct net_dhcp m, r;
  uint32_t len = 0;
  int n;

  if (packet && packet->total <= sizeof v->bytes)
    len = lwt_buf_copy_out(packet, 0, v->bytes, sizeof v->bytes);
  if (net_dhcp_parse(&m, v->bytes, len)) {
    d->stats.malformed++;
    return 0;
  }
  if (!answer(d, &m, &r))
    return 0;
  n = net_dhcp_emit(&r, v->bytes, sizeof v->bytes);
  /* Who has no address yet can be reached by a broadcast (4.1). */
  v->to = net_addr4(m.ciaddr && r.type != NET_DHCP_NAK ? m.ciaddr : 0xffffffffu,
                    NET_DHCP_CLIENT_PORT);
  d->stats.failed += n < 0;
  return n < 0 ? 0 : n;
}

static lwt_t *reply(struct serving *v)
{
  return lwt_udp_send(v->d->udp, &v->to, v->bytes, (size_t)v->len);
}

LWT_STEP serve_step(struct lwt_frame *frame)
{
  struct serving *v = (struct serving *)frame;

  lwt_begin(v);
  v->d->refs++;
  lwt_defer(v, unref, v->d);
  for (;;) {
    lwt_await(v, &v->datagram, lwt_udp_receive(v->d->udp));
    v->len = serve(v);
    lwt_datagram_free(v->datagram);
    if (!v->len)
      continue;
    /* One that does not answer to ARP holds the others up for no longer than this. */
    lwt_await_error(v, &v->error, lwt_with_timeout(LWT_S(1), reply(v)));
    if (v->error.code == LWT_ECANCELED)
      lwt_throw(v, LWT_ECANCELED, "dhcpd");
    v->d->stats.failed += v->error.code != 0;
  }
  lwt_end(v);
}

/* ---- Life ---------------------------------------------------------------------- */

/* Our address in the network of the pool. */
static int find_address(struct lwt_stack *stack, uint32_t interface, uint32_t first,
                        uint32_t last, struct lwt_ip_address *out)
{
  struct lwt_ip_address list[64];
  size_t i, n = lwt_ip_addresses(stack, interface, list, 64);

  for (i = 0; i < n && i < 64; i++) {
    uint32_t ip = net_ip4(&list[i].addr);
    uint32_t mask = list[i].prefix ? UINT32_MAX << (32 - list[i].prefix % 33) : 0;

    if (list[i].addr.family == 4 && list[i].state != LWT_IP_TENTATIVE &&
        !((ip ^ first) & mask) && !((ip ^ last) & mask)) {
      *out = list[i];
      return 0;
    }
  }
  return LWT_EADDRNOTAVAIL;
}

static int check(const struct lwt_dhcpd_config *c)
{
  uint32_t first = net_ip4(&c->first), last = net_ip4(&c->last);

  return c->first.family != 4 || c->last.family != 4 || first > last ||
             last - first >= POOL_MAX || c->n_dns > LWT_DHCP_DNS
           ? LWT_EINVAL
           : 0;
}

static struct lwt_dhcpd *dhcpd_new(struct lwt_stack *stack,
                                   const struct lwt_dhcpd_config *c, uint32_t n)
{
  struct lwt_dhcpd *d = lwt__alloc(sizeof *d + n * sizeof *d->slots);

  if (!d)
    return NULL;
  memset(d, 0, sizeof *d + n * sizeof *d->slots);
  d->refs = 1;
  d->stack = stack;
  d->config = *c;
  if (c->domain)
    strncpy(d->domain, c->domain, sizeof d->domain - 1);
  d->config.domain = NULL;
  d->config.lease = c->lease ? c->lease : 3600;
  d->config.max_lease = c->max_lease ? c->max_lease : 86400;
  d->config.hold = c->hold ? c->hold : LWT_S(30);
  d->first = net_ip4(&c->first);
  d->n = n;
  return d;
}

int lwt_dhcpd_start(struct lwt_stack *stack, uint32_t interface,
                    const struct lwt_dhcpd_config *config, struct lwt_dhcpd **dhcpd)
{
  const struct lwt_addr any = { .family = 4, .port = NET_DHCP_SERVER_PORT };
  const struct lwt_ip_udp_options options = { .interface = interface };
  uint32_t first = net_ip4(&config->first), last = net_ip4(&config->last);
  struct lwt_ip_if_info info;
  struct lwt_ip_address addr;
  struct lwt_dhcpd *d;
  int error = lwt_ip_if_info(stack, interface, &info);

  if (!error)
    error = check(config);
  if (!error)
    error = find_address(stack, interface, first, last, &addr);
  if (error)
    return error;
  d = dhcpd_new(stack, config, last - first + 1);
  if (!d)
    return LWT_ENOMEM;
  d->addr = net_ip4(&addr.addr);
  d->mask = UINT32_MAX << (32 - addr.prefix);
  error = lwt_ip_udp_open(stack, &any, &options, &d->udp);
  if (!error) {
    d->running = LWT_GO(struct serving, serve_step, .d = d);
    error = lwt_error(d->running).code;
  }
  if (error) {
    lwt_drop(d->running);
    if (d->udp)
      lwt_udp_close(d->udp);
    unref(d);
    return error;
  }
  *dhcpd = d;
  return 0;
}

void lwt_dhcpd_stop(void *dhcpd)
{
  struct lwt_dhcpd *d = dhcpd;

  if (!d)
    return;
  lwt_error(d->running); /* seen: the stack may have gone */
  lwt_drop(d->running);
  lwt_udp_close(d->udp);
  unref(d);
}

const struct lwt_dhcpd_stats *lwt_dhcpd_stats(const struct lwt_dhcpd *d)
{
  return &d->stats;
}

void lwt_dhcpd_dump(const struct lwt_dhcpd *d, FILE *out)
{
  char text[LWT_ADDR_TEXT];
  uint32_t i;
  unsigned k;

  for (i = 0; i < d->n; i++) {
    const struct slot *s = &d->slots[i];
    struct lwt_addr addr = net_addr4(d->first + i, 0);

    if (s->until <= lwt_now())
      continue;
    fprintf(out, "dhcp %s %s", lwt_addr_format(&addr, text, sizeof text),
            !s->id_len ? "declined" : s->leased ? "leased to" : "offered to");
    for (k = 0; k < s->id_len; k++)
      fprintf(out, "%s%02x", k ? ":" : " ", s->id[k]);
    fprintf(out, " for %u s\n", (unsigned)((s->until - lwt_now()) / LWT_S(1)));
  }
}
