/* net/frag.c - reassembly of fragments (RFC 791, RFC 815, RFC 1122 3.3.2; RFC 8200
 * 4.5).
 * SPDX-License-Identifier: ISC
 *
 * A datagram's fragments are kept in the order of their offsets.  One that
 * overlaps another without being its copy spoils the datagram, which is then
 * dropped at once (RFC 5722, and the same for IPv4).  Memory is bounded for all
 * datagrams together (the oldest goes first), the number of fragments for
 * each; what is incomplete after TIMEOUT is dropped, and the sender told if
 * the first fragment is there.
 */
#include "frag.h"

#include "ipv6.h"
#include "wire.h"

#include <string.h>

#define TIMEOUT4 LWT_S(30)
#define TIMEOUT6 LWT_S(60)
#define MAX_FRAGMENTS 128
#define DUPLICATE 1

struct fragment {
  struct fragment *next;
  uint32_t offset, end;
  struct lwt_buf *payload;
};

struct datagram {
  struct net_timer timer;
  struct net_stack *s;
  uint32_t interface;
  struct datagram *next, **link; /* newest first */
  struct net_frag_key key;       /* its nif is not looked at */
  struct net_frag_part first;    /* header NULL: not there yet */
  struct fragment *fragments, *last;
  unsigned count;
  uint32_t have; /* bytes */
  uint32_t end;  /* 0: not known yet */
  uint32_t cost;
};

struct net_frag {
  struct datagram *datagrams;
  uint32_t cost;
};

static void datagram_free(struct datagram *d)
{
  struct fragment *f;

  net_timer_stop(&d->s->timers, &d->timer);
  *d->link = d->next;
  if (d->next)
    d->next->link = d->link;
  d->s->frag->cost -= d->cost;
  while ((f = d->fragments)) {
    d->fragments = f->next;
    lwt_buf_free(f->payload);
    lwt__free(f);
  }
  lwt__free(d->first.header);
  lwt__free(d);
}

/* The sender hears of it, if the first fragment is there. */
static void tell(struct datagram *d, struct net_if *nif)
{
  struct net_ip_info ip = {
    .nif = nif, .src = d->key.src, .dst = d->key.dst, .proto = d->key.proto,
    .tos = d->first.tos, .ttl = d->first.ttl, .header = d->first.header,
    .header_len = d->first.header_len
  };

  if (d->key.src.family == 4) {
    net_icmp_send_error(d->s, &ip, NET_ICMP_TIME_EXCEEDED, 1, 0, d->fragments->payload);
    return;
  }
  ip.proto = d->first.header[d->first.next_at];
  ip.broadcast = d->key.dst.ip[0] == 0xff;
  net_icmp6_send_error(d->s, &ip, NET_ICMP6_TIME_EXCEEDED, 1, 0, d->fragments->payload);
}

static void timeout(struct net_timer *timer)
{
  struct datagram *d = (struct datagram *)timer;
  struct net_if *nif = net_if_find(d->s, d->interface);

  d->s->stats.frag_timeout++;
  if (nif && d->first.header && d->fragments->offset == 0)
    tell(d, nif);
  datagram_free(d);
}

static struct datagram *find(struct net_frag *table, const struct net_frag_key *key)
{
  struct datagram *d;

  for (d = table->datagrams; d; d = d->next)
    if (d->key.id == key->id && d->interface == key->nif->index &&
        d->key.proto == key->proto && net_addr_same(&d->key.src, &key->src) &&
        net_addr_same(&d->key.dst, &key->dst))
      return d;
  return NULL;
}

static struct datagram *datagram_new(const struct net_frag_key *key)
{
  struct net_stack *s = key->nif->s;
  struct datagram *d = lwt__alloc(sizeof *d);

  if (!d)
    return NULL;
  memset(d, 0, sizeof *d);
  d->s = s;
  d->interface = key->nif->index;
  d->key = *key;
  d->link = &s->frag->datagrams;
  d->next = s->frag->datagrams;
  if (d->next)
    d->next->link = &d->next;
  s->frag->datagrams = d;
  net_timer_init(&d->timer, timeout);
  net_timer_set(&s->timers, &d->timer,
                s->now + (key->src.family == 4 ? TIMEOUT4 : TIMEOUT6));
  return d;
}

/* Free the oldest datagrams until there is room for cost more; except `keep`. */
static int make_room(struct net_stack *s, uint32_t cost, const struct datagram *keep)
{
  struct datagram *d, *oldest;

  while (s->frag->cost + cost > s->config.max_reassembly) {
    oldest = NULL;
    for (d = s->frag->datagrams; d; d = d->next)
      if (d != keep)
        oldest = d;
    s->stats.frag_full++;
    if (!oldest)
      return LWT_ENOBUFS;
    datagram_free(oldest);
  }
  return 0;
}

/* Where a fragment belongs: behind the one returned in *after (NULL: first).
 * Returns 0, DUPLICATE if it is a copy of one that is there, or LWT_EBADMSG. */
static int place(struct datagram *d, uint32_t offset, uint32_t end,
                 struct fragment **after)
{
  struct fragment *f, *next;

  if (d->end && (end > d->end))
    return LWT_EBADMSG;
  *after = NULL;
  if (d->last && d->last->end <= offset) {
    *after = d->last;
    return 0;
  }
  for (f = d->fragments; f && f->offset < offset; f = f->next)
    *after = f;
  next = *after ? (*after)->next : d->fragments;
  if (next && next->offset == offset && next->end == end)
    return DUPLICATE;
  if ((*after && (*after)->end > offset) || (next && next->offset < end))
    return LWT_EBADMSG;
  return 0;
}

static int insert(struct datagram *d, uint32_t offset, struct fragment *after,
                  struct lwt_buf *payload)
{
  struct fragment *f = lwt__alloc(sizeof *f), **link;
  uint32_t cost = net_cost(payload);

  if (!f)
    return LWT_ENOMEM;
  f->offset = offset;
  f->end = offset + payload->total;
  f->payload = payload;
  payload->flags = 0;
  link = after ? &after->next : &d->fragments;
  f->next = *link;
  *link = f;
  if (!f->next)
    d->last = f;
  d->count++;
  d->have += payload->total;
  d->cost += cost;
  d->s->frag->cost += cost;
  return 0;
}

/* All fragments as one chain. */
static struct lwt_buf *join(struct datagram *d)
{
  struct lwt_buf *first = d->fragments->payload, *tail = first;
  struct fragment *f;

  for (f = d->fragments; f; f = f->next) {
    if (f != d->fragments)
      tail->next = f->payload;
    while (tail->next)
      tail = tail->next;
    f->payload = NULL;
  }
  first->total = d->end;
  return first;
}

/* The fragment's own rules. */
static int sane(const struct net_frag_part *p, const struct lwt_buf *payload)
{
  uint32_t end = p->offset + payload->total;

  return payload->total > 0 && end + (p->next_at ? 0 : NET_IPV4_LEN) <= 65535 &&
         (!p->mf || payload->total % 8 == 0);
}

/* The headers of the first fragment. */
static int keep(struct datagram *d, const struct net_frag_part *p)
{
  uint8_t *header = lwt__alloc(p->header_len);

  if (!header)
    return LWT_ENOMEM;
  memcpy(header, p->header, p->header_len);
  d->first = *p;
  d->first.header = header;
  return 0;
}

static int add(struct net_stack *s, struct datagram *d, const struct net_frag_part *p,
               struct lwt_buf *payload)
{
  uint32_t end = p->offset + payload->total;
  struct fragment *after;
  int error = place(d, p->offset, end, &after);

  if (error)
    return error;
  if ((!p->mf && (d->end || (d->last && d->last->end > end))) ||
      d->count >= MAX_FRAGMENTS)
    return LWT_EBADMSG;
  error = make_room(s, net_cost(payload), d);
  if (!error && !p->offset)
    error = keep(d, p);
  if (!error)
    error = insert(d, p->offset, after, payload);
  if (error && !p->offset) {
    lwt__free(d->first.header);
    d->first.header = NULL;
  }
  if (!error && !p->mf)
    d->end = end;
  return error;
}

/* Returns whether the datagram is complete.  Takes payload. */
static int take(struct net_stack *s, struct datagram *d, const struct net_frag_part *part,
                struct lwt_buf *payload)
{
  int error = d ? add(s, d, part, payload) : LWT_ENOMEM;

  if (!error)
    return d->end && d->have == d->end;
  lwt_buf_free(payload);
  if (error == LWT_ENOMEM)
    s->stats.no_memory++;
  if (error == LWT_EBADMSG)
    s->stats.frag_malformed++;
  if (error == DUPLICATE)
    s->stats.frag_duplicate++;
  if (d && (error == LWT_EBADMSG || !d->fragments))
    datagram_free(d);
  return 0;
}

struct lwt_buf *net_frag_add(const struct net_frag_key *key, struct net_frag_part *part,
                             struct lwt_buf *payload)
{
  struct net_stack *s = key->nif->s;
  struct datagram *d = find(s->frag, key);
  uint8_t *header = part->header;
  struct lwt_buf *whole;

  if (!sane(part, payload)) {
    s->stats.frag_malformed++;
    lwt_buf_free(payload);
    if (d)
      datagram_free(d);
    return NULL;
  }
  if (!d)
    d = datagram_new(key);
  if (!take(s, d, part, payload))
    return NULL;
  s->stats.frag_done++;
  *part = d->first;
  part->header = header;
  memcpy(header, d->first.header, d->first.header_len);
  whole = join(d);
  datagram_free(d);
  return whole;
}

/* ---- IPv4 --------------------------------------------------------------- */

struct lwt_buf *net_frag_input(struct net_if *nif, struct net_ipv4_repr *r,
                               uint8_t *header, struct lwt_buf *payload)
{
  struct net_frag_key key = {
    .nif = nif, .src = net_addr4(r->src, 0), .dst = net_addr4(r->dst, 0), .id = r->id,
    .proto = r->proto
  };
  struct net_frag_part part = { .offset = r->offset, .mf = r->mf, .tos = r->tos,
                                .ttl = r->ttl, .header = header,
                                .header_len = r->header };
  struct lwt_buf *whole;

  nif->s->stats.frag_rx++;
  whole = net_frag_add(&key, &part, payload);
  if (whole) {
    net_ipv4_parse(r, header, part.header_len);
    r->total = (uint16_t)(whole->total + NET_IPV4_LEN);
  }
  return whole;
}

/* ---- Life --------------------------------------------------------------- */

int net_frag_init(struct net_stack *s)
{
  s->frag = lwt__alloc(sizeof *s->frag);
  if (!s->frag)
    return LWT_ENOMEM;
  memset(s->frag, 0, sizeof *s->frag);
  return 0;
}

void net_frag_fini(struct net_stack *s)
{
  if (!s->frag)
    return;
  while (s->frag->datagrams)
    datagram_free(s->frag->datagrams);
  lwt__free(s->frag);
  s->frag = NULL;
}
