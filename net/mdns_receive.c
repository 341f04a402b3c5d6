/* net/mdns_receive.c - what a multicast DNS responder makes of messages (RFC 6762,
 * sections 6 to 9).
 * SPDX-License-Identifier: ISC
 */
#include "mdns.h"

#include <string.h>

enum { DATA_MAX = 600, RECORDS_MAX = 8 };

/* What a message wants from each unit. */
struct wanted {
  unsigned bits[1 + LWT_MDNS_SERVICES];
  uint8_t unicast; /* somebody asked for it */
  uint8_t probe;   /* it is a probe: to be answered at once */
};

/* ---- Our records and theirs ---------------------------------------------------- */

struct comparing {
  const struct net_dns_rr *rr;
  uint8_t data[DATA_MAX];
  size_t len;
  unsigned ours, same; /* of its name and type; the same data */
};

static void compare(void *env, struct net_dns_rr *ours)
{
  struct comparing *c = env;
  uint8_t data[DATA_MAX];

  if (ours->type != c->rr->type || !net_dns_name_equal(&ours->name, &c->rr->name))
    return;
  c->ours++;
  c->same += net_mdns_data(ours, data, sizeof data) == c->len &&
             !memcmp(data, c->data, c->len);
}

static void compare_with(const struct lwt_mdns *m, const struct net_mdns_unit *u,
                         unsigned bits, const struct net_dns_rr *rr, struct comparing *c)
{
  c->rr = rr;
  c->ours = c->same = 0;
  c->len = net_mdns_data(rr, c->data, sizeof c->data);
  net_mdns_each(m, u, bits, compare, c);
}

/* ---- Questions ------------------------------------------------------------------- */

static int asks(const struct net_dns_question *q, uint16_t type)
{
  return q->type == type || q->type == NET_DNS_ANY;
}

/* Of a name that is ours alone: also that there is no such record (6.1). */
static unsigned unique_bits(const struct lwt_mdns *m, const struct net_mdns_unit *u,
                            const struct net_dns_question *q)
{
  unsigned bits;

  if (u->port)
    bits = (asks(q, NET_DNS_SRV) ? NET_MDNS_SRV : 0) |
           (asks(q, NET_DNS_TXT) ? NET_MDNS_TXT_RR : 0);
  else
    bits = (asks(q, NET_DNS_A) && net_mdns_has_address(m, 4)) ||
           (asks(q, NET_DNS_AAAA) && net_mdns_has_address(m, 6)) ? NET_MDNS_ADDR : 0;
  return bits ? bits : NET_MDNS_NSEC;
}

static unsigned bits_for(const struct lwt_mdns *m, const struct net_mdns_unit *u,
                         const struct net_dns_question *q)
{
  struct net_dns_name top;
  unsigned bits = 0;

  if (net_dns_name_equal(&q->name, &u->name))
    return unique_bits(m, u, q);
  if (!u->port || !asks(q, NET_DNS_PTR))
    return 0;
  if (net_dns_name_equal(&q->name, &u->type))
    bits |= NET_MDNS_PTR;
  net_dns_name_from(&top, "_services._dns-sd._udp.local");
  if (net_dns_name_equal(&q->name, &top))
    bits |= NET_MDNS_ENUM;
  return bits;
}

/* What the asker knows is not said again (7.1), if it knows it for long enough. */
static void known_answer(struct lwt_mdns *m, const struct net_dns_rr *rr,
                         struct wanted *want)
{
  struct comparing c;
  unsigned i, bit, half;

  for (i = 0; i < m->n; i++)
    for (bit = NET_MDNS_ADDR; bit <= NET_MDNS_ENUM; bit <<= 1) {
      unsigned *bits = want->bits[i] & bit ? &want->bits[i] : &m->units[i].pending;

      if (!(*bits & bit))
        continue;
      compare_with(m, &m->units[i], bit, rr, &c);
      half = bit & (NET_MDNS_ADDR | NET_MDNS_SRV) ? 60 : 2250;
      if (!c.same || c.ours > 1 || rr->ttl < half)
        continue;
      *bits &= ~bit;
      m->stats.suppressed++;
    }
}

static void answer_now(struct lwt_mdns *m, const struct lwt_addr *to, int legacy,
                       uint16_t id, const struct net_dns_question *q,
                       const struct wanted *want)
{
  const struct net_mdns_how how = { .legacy = (unsigned)legacy };
  const struct net_dns_header h = { .id = legacy ? id : 0, .qr = 1, .aa = 1 };
  struct net_dns_question echo = *q;
  uint8_t out[NET_MDNS_ROOM];
  struct net_dns_writer w;
  unsigned i;

  echo.class &= (uint16_t)~NET_MDNS_TOP_BIT;
  net_dns_write(&w, out, sizeof out, &h);
  if (legacy)
    net_dns_put_question(&w, &echo);
  for (i = 0; i < m->n; i++)
    net_mdns_put(m, &w, NET_DNS_ANSWER, &m->units[i], want->bits[i], how);
  for (i = 0; i < m->n; i++)
    if (want->bits[i] & NET_MDNS_PTR)
      net_mdns_put(m, &w, NET_DNS_ADDITIONAL, &m->units[i],
                   (NET_MDNS_SRV | NET_MDNS_TXT_RR) & ~want->bits[i], how);
  if (!(want->bits[0] & NET_MDNS_ADDR) && m->units[0].state != NET_MDNS_PROBING)
    net_mdns_put(m, &w, NET_DNS_ADDITIONAL, &m->units[0], NET_MDNS_ADDR, how);
  if (!w.records[NET_DNS_ANSWER])
    return;
  m->stats.answered++;
  net_mdns_send(m, to, &w);
}

/* Unique records at once, shared ones after 20 to 120 ms; with more known answers to
 * come after half a second; no record twice in a second, for probes in a quarter. */
static void answer_later(struct lwt_mdns *m, const struct wanted *want, int more)
{
  uint64_t now = lwt_now(), at;
  unsigned i;

  for (i = 0; i < m->n; i++) {
    struct net_mdns_unit *u = &m->units[i];
    uint64_t rest = want->probe ? LWT_MS(250) : LWT_S(1);

    if (!want->bits[i])
      continue;
    at = now;
    if (more)
      at += LWT_MS(400) + net_mdns_random(m, LWT_MS(100));
    else if (want->bits[i] & ~(unsigned)NET_MDNS_UNIQUE)
      at += LWT_MS(20) + net_mdns_random(m, LWT_MS(100));
    if (u->sent && at < u->sent + rest)
      at = u->sent + rest;
    if (!u->pending || at < u->pending_at)
      u->pending_at = at;
    u->pending |= want->bits[i];
  }
  net_mdns_schedule(m);
}

/* ---- Two that probe at the same time (8.2) ------------------------------------ */

struct list {
  unsigned n;
  struct {
    uint16_t type;
    uint16_t len;
    uint8_t data[DATA_MAX];
  } r[RECORDS_MAX];
};

static int cmp(const struct list *a, unsigned i, const struct list *b, unsigned k)
{
  size_t n = a->r[i].len < b->r[k].len ? a->r[i].len : b->r[k].len;
  int c = a->r[i].type - b->r[k].type;

  if (!c)
    c = memcmp(a->r[i].data, b->r[k].data, n);
  return c ? c : a->r[i].len - b->r[k].len;
}

/* In order. */
static void insert(void *env, struct net_dns_rr *rr)
{
  struct list *l = env;
  unsigned i;

  if (l->n == RECORDS_MAX)
    return;
  i = l->n++;
  l->r[i].type = rr->type;
  l->r[i].len = (uint16_t)net_mdns_data(rr, l->r[i].data, DATA_MAX);
  for (; i && cmp(l, i, l, i - 1) < 0; i--) {
    __typeof__(l->r[0]) swap = l->r[i];

    l->r[i] = l->r[i - 1];
    l->r[i - 1] = swap;
  }
}

/* Theirs are later: they win, and we begin again after a second. */
static int loses(const struct list *ours, const struct list *theirs)
{
  unsigned i;
  int c;

  for (i = 0; i < ours->n && i < theirs->n; i++)
    if ((c = cmp(ours, i, theirs, i)) != 0)
      return c < 0;
  return ours->n < theirs->n;
}

static void tie_break(struct lwt_mdns *m, struct net_mdns_unit *u, const uint8_t *bytes,
                      size_t len)
{
  static const struct list none;
  struct list ours = none, theirs = none;
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr rr;

  net_dns_read(&r, bytes, len, &h);
  while (net_dns_next(&r, &rr) > 0)
    if (rr.section == NET_DNS_AUTHORITY && net_dns_name_equal(&rr.name, &u->name))
      insert(&theirs, &rr);
  net_mdns_each(m, u, net_mdns_has(u) & NET_MDNS_UNIQUE, insert, &ours);
  if (!theirs.n || !u->step || !loses(&ours, &theirs))
    return;
  m->stats.conflicts++;
  net_mdns_probe(u, lwt_now() + LWT_S(1));
  net_mdns_schedule(m);
}

/* ---- Messages --------------------------------------------------------------------- */

static void query(struct lwt_mdns *m, const struct lwt_addr *from,
                  const struct net_dns_header *h, struct net_dns_reader *r)
{
  int legacy = from->port != NET_MDNS_PORT, n;
  const uint8_t *bytes = r->msg;
  size_t len = r->len;
  struct wanted want = { .unicast = (uint8_t)legacy };
  struct net_dns_question q, first = { .type = 0 };
  unsigned i, any = 0;
  struct net_dns_rr rr;

  m->stats.queries++;
  want.probe = h->records[NET_DNS_AUTHORITY] != 0;
  m->stats.probes += want.probe;
  while ((n = net_dns_next_question(r, &q)) > 0) {
    if (!first.type)
      first = q;
    want.unicast |= q.class >> 15;
    for (i = 0; i < m->n && (q.class & 0x7fff) == NET_DNS_IN; i++) {
      if (m->units[i].state != NET_MDNS_PROBING)
        want.bits[i] |= bits_for(m, &m->units[i], &q);
      else if (want.probe && net_dns_name_equal(&q.name, &m->units[i].name))
        tie_break(m, &m->units[i], bytes, len);
    }
  }
  while (n >= 0 && (n = net_dns_next(r, &rr)) > 0)
    if (rr.section == NET_DNS_ANSWER)
      known_answer(m, &rr, &want);
  if (n < 0) {
    m->stats.malformed++;
    return;
  }
  for (i = 0; i < m->n; i++)
    any |= want.bits[i];
  if (any && want.unicast && !want.probe)
    answer_now(m, from, legacy, h->id, &first, &want);
  else if (any)
    answer_later(m, &want, h->tc);
}

static void response(struct lwt_mdns *m, struct net_dns_reader *r)
{
  struct comparing c;
  struct net_dns_rr rr;
  unsigned i;
  int n;

  m->stats.responses++;
  while ((n = net_dns_next(r, &rr)) > 0) {
    if ((rr.class & 0x7fff) != NET_DNS_IN || !rr.ttl || rr.section == NET_DNS_AUTHORITY)
      continue;
    for (i = 0; i < m->n; i++) {
      struct net_mdns_unit *u = &m->units[i];

      /* Of a conflict others hear by both families at the same time: once we begin
       * again, and have not asked yet, it is the old one. */
      if (!net_dns_name_equal(&rr.name, &u->name) ||
          (u->state == NET_MDNS_PROBING && !u->step && u->conflicts))
        continue;
      compare_with(m, u, net_mdns_has(u) & NET_MDNS_UNIQUE, &rr, &c);
      if (c.ours && !c.same)
        net_mdns_conflict(m, u);
    }
  }
  m->stats.malformed += n < 0;
}

/* Whether it comes from this link (section 11). */
static int on_link(const struct lwt_mdns *m, const struct lwt_addr *from)
{
  struct lwt_ip_address list[16];
  size_t i, n = lwt_ip_addresses(m->stack, m->interface, list, 16);

  for (i = 0; i < n && i < 16; i++)
    if (list[i].addr.family == from->family &&
        net_prefix_common(&list[i].addr, from) >= list[i].prefix)
      return 1;
  return from->family == 4 ? from->ip[0] == 169 && from->ip[1] == 254
                           : net_ip_is_link_local6(from);
}

static void message(struct lwt_mdns *m, const struct lwt_datagram *d)
{
  uint8_t bytes[9000]; /* the most that there may be (section 17) */
  uint32_t len = d->packet ? d->packet->total : 0;
  struct net_dns_reader r;
  struct net_dns_header h;

  if (len > sizeof bytes) {
    m->stats.ignored++;
    return;
  }
  if (len)
    lwt_buf_copy_out(d->packet, 0, bytes, len);
  if (net_dns_read(&r, bytes, len, &h))
    m->stats.malformed++;
  else if (h.opcode || h.rcode || !on_link(m, &d->from) ||
           (h.qr && d->from.port != NET_MDNS_PORT))
    m->stats.ignored++;
  else if (h.qr)
    response(m, &r);
  else
    query(m, &d->from, &h, &r);
}

struct receiving {
  struct lwt_frame frame;
  struct lwt_mdns *m;
  struct lwt_udp *udp;
  struct lwt_datagram *datagram;
};

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct receiving *r = (struct receiving *)frame;

  lwt_begin(r);
  r->m->refs++;
  lwt_defer(r, net_mdns_unref, r->m);
  for (;;) {
    lwt_await(r, &r->datagram, lwt_udp_receive(r->udp));
    if (!r->m->stopped)
      message(r->m, r->datagram);
    lwt_datagram_free(r->datagram);
  }
  lwt_end(r);
}

lwt_t *net_mdns_receive(struct lwt_mdns *m, struct lwt_udp *udp)
{
  return LWT_GO(struct receiving, receive_step, .m = m, .udp = udp);
}
