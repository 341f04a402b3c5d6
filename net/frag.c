/* net/frag.c - reassembly of IPv4 fragments (RFC 791, RFC 815, RFC 1122 3.3.2).
 * SPDX-License-Identifier: ISC
 *
 * A datagram's fragments are kept in the order of their offsets.  One that
 * overlaps another without being its copy spoils the datagram, which is then
 * dropped at once (as RFC 5722 says for IPv6).  Memory is bounded for all
 * datagrams together (the oldest goes first), the number of fragments for
 * each; what is incomplete after TIMEOUT is dropped, and the sender told if
 * the first fragment is there.
 */
#include "net.h"
#include "wire.h"

#include <string.h>

#define TIMEOUT LWT_S(30)
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
  uint32_t interface; /* it came in there: not mixed with others */
  struct datagram *next, **link; /* newest first */
  struct net_ipv4_repr r;        /* of the fragment at 0, once it is there */
  struct fragment *fragments, *last;
  unsigned count;
  uint32_t have; /* bytes */
  uint32_t end;  /* 0: not known yet */
  uint32_t cost;
  uint8_t header[60];
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
  lwt__free(d);
}

static void timeout(struct net_timer *timer)
{
  struct datagram *d = (struct datagram *)timer;
  struct net_stack *s = d->s;

  s->stats.frag_timeout++;
  if (d->fragments->offset == 0) {
    struct net_ip_info ip = {
      .nif = net_if_find(s, d->interface),
      .src = net_addr4(d->r.src, 0), .dst = net_addr4(d->r.dst, 0),
      .proto = d->r.proto, .tos = d->r.tos, .ttl = d->r.ttl,
      .header = d->header, .header_len = d->r.header
    };

    net_icmp_send_error(s, &ip, NET_ICMP_TIME_EXCEEDED, 1, 0, d->fragments->payload);
  }
  datagram_free(d);
}

static struct datagram *find(struct net_frag *table, const struct net_ipv4_repr *r,
                             uint32_t interface)
{
  struct datagram *d;

  for (d = table->datagrams; d; d = d->next)
    if (d->interface == interface && d->r.id == r->id && d->r.src == r->src &&
        d->r.dst == r->dst && d->r.proto == r->proto)
      return d;
  return NULL;
}

static struct datagram *datagram_new(struct net_if *nif, const struct net_ipv4_repr *r)
{
  struct net_stack *s = nif->s;
  struct datagram *d = lwt__alloc(sizeof *d);

  if (!d)
    return NULL;
  memset(d, 0, sizeof *d);
  d->s = s;
  d->interface = nif->index;
  d->r = *r;
  d->link = &s->frag->datagrams;
  d->next = s->frag->datagrams;
  if (d->next)
    d->next->link = &d->next;
  s->frag->datagrams = d;
  net_timer_init(&d->timer, timeout);
  net_timer_set(&s->timers, &d->timer, s->now + TIMEOUT);
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

static int insert(struct datagram *d, const struct net_ipv4_repr *r,
                  struct fragment *after, struct lwt_buf *payload)
{
  struct fragment *f = lwt__alloc(sizeof *f), **link;
  uint32_t cost = net_cost(payload);

  if (!f)
    return LWT_ENOMEM;
  f->offset = r->offset;
  f->end = r->offset + payload->total;
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
static int sane(const struct net_ipv4_repr *r, const struct lwt_buf *payload)
{
  uint32_t end = r->offset + payload->total;

  return payload->total > 0 && end + NET_IPV4_LEN <= 65535 &&
         (!r->mf || payload->total % 8 == 0);
}

static int add(struct net_stack *s, struct datagram *d, struct net_ipv4_repr *r,
               const uint8_t *header, struct lwt_buf *payload)
{
  uint32_t end = r->offset + payload->total;
  struct fragment *after;
  int error = place(d, r->offset, end, &after);

  if (error)
    return error;
  if ((!r->mf && (d->end || (d->last && d->last->end > end))) ||
      d->count >= MAX_FRAGMENTS)
    return LWT_EBADMSG;
  error = make_room(s, net_cost(payload), d);
  if (!error)
    error = insert(d, r, after, payload);
  if (error)
    return error;
  if (!r->mf)
    d->end = end;
  if (r->offset == 0) {
    d->r = *r;
    memcpy(d->header, header, r->header);
  }
  return 0;
}

struct lwt_buf *net_frag_input(struct net_if *nif, struct net_ipv4_repr *r,
                               uint8_t *header, struct lwt_buf *payload)
{
  struct net_stack *s = nif->s;
  struct datagram *d = find(s->frag, r, nif->index);
  struct lwt_buf *whole;
  int error;

  s->stats.frag_rx++;
  if (!sane(r, payload)) {
    s->stats.frag_malformed++;
    lwt_buf_free(payload);
    if (d)
      datagram_free(d);
    return NULL;
  }
  if (!d)
    d = datagram_new(nif, r);
  error = d ? add(s, d, r, header, payload) : LWT_ENOMEM;
  if (error) {
    lwt_buf_free(payload);
    if (error == LWT_ENOMEM)
      s->stats.no_memory++;
    if (error == LWT_EBADMSG)
      s->stats.frag_malformed++;
    if (error == DUPLICATE)
      s->stats.frag_duplicate++;
    if (d && (error == LWT_EBADMSG || !d->fragments))
      datagram_free(d);
    return NULL;
  }
  if (!d->end || d->have != d->end)
    return NULL;
  s->stats.frag_done++;
  *r = d->r;
  memcpy(header, d->header, d->r.header);
  r->total = (uint16_t)(d->end + NET_IPV4_LEN);
  whole = join(d);
  datagram_free(d);
  return whole;
}

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
