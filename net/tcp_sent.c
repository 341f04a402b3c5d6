/* net/tcp_sent.c - what was sent when, and what the peer has of it.
 * SPDX-License-Identifier: ISC
 *
 * Read tcp_loss.h first.  A queue of ranges: what is sent joins the last one or
 * follows it, what is acknowledged leaves in front, and as long as nothing is
 * lost nothing else happens.  SACK blocks (RFC 2018) and losses cut ranges in
 * two; neighbours of the same fate are joined again.
 *
 * A map that cannot grow loses knowledge, never bytes: a SACK block that would
 * cut a range is then not noted.
 */
#include "tcp.h"

#include <string.h>

void net_tcp_sent_init(struct tcp_map *m)
{
  m->at = m->small;
  m->room = TCP_SENT_SMALL;
}

static struct tcp_sent *range(const struct tcp_map *m, uint32_t i)
{
  return &m->at[m->first + i];
}

static uint32_t start_of(const struct tcp_conn *c, uint32_t i)
{
  return i ? range(&c->sent, i - 1)->end : c->snd_una;
}

/* ---- Room -------------------------------------------------------------- */

void net_tcp_sent_clear(struct tcp_map *m)
{
  if (m->at != m->small)
    lwt__free(m->at);
  m->first = m->n = m->sacked_ranges = 0;
  m->sacked = m->lost = 0;
  net_tcp_sent_init(m);
}

/* Memory for more.  0: there is none. */
static int grow(struct tcp_map *m)
{
  uint32_t room = m->room < 8 ? 16 : 2u * m->room;
  struct tcp_sent *at;

  if (m->room >= TCP_SENT_MAX)
    return 0;
  if (room > TCP_SENT_MAX)
    room = TCP_SENT_MAX;
  at = lwt__alloc(room * sizeof *at);
  if (!at)
    return 0;
  memcpy(at, m->at + m->first, m->n * sizeof *at);
  if (m->at != m->small)
    lwt__free(m->at);
  m->at = at;
  m->first = 0;
  m->room = (uint16_t)room;
  return 1;
}

/* Neighbours that differ in their times only become one; the later time is that
 * of both, so that nothing is lost too early. */
static void compact(struct tcp_map *m)
{
  struct tcp_sent *to = range(m, 0), *from = to, *end = to + m->n;

  while (++from < end)
    if (from->flags == to->flags) {
      m->sacked_ranges -= to->flags & TCP_SENT_SACKED;
      to->end = from->end;
      to->time = from->time > to->time ? from->time : to->time;
    } else {
      *++to = *from;
    }
  m->n = (uint16_t)(to + 1 - range(m, 0));
}

/* A place for one range more behind the last.  0: no room. */
static int make_room(struct tcp_map *m)
{
  if (m->first + m->n < m->room)
    return 1;
  if (m->first > m->room / 2 || (m->first && m->room == TCP_SENT_MAX)) {
    memmove(m->at, m->at + m->first, m->n * sizeof *m->at);
    m->first = 0;
    return 1;
  }
  if (grow(m))
    return 1;
  if (m->n > 1)
    compact(m);
  if (m->first) {
    memmove(m->at, m->at + m->first, m->n * sizeof *m->at);
    m->first = 0;
  }
  return m->n < m->room;
}

/* ---- Sent -------------------------------------------------------------- */

void net_tcp_sent_push(struct tcp_conn *c, uint32_t end, uint32_t flags)
{
  struct tcp_map *m = &c->sent;
  uint64_t now = c->stack->now;
  struct tcp_sent *last;

  if (m->n) {
    last = range(m, m->n - 1u);
    if (last->flags == flags && now - last->time <= m->grain) {
      last->end = end;
      return;
    }
    if (!make_room(m)) {
      last = range(m, m->n - 1u);
      if (last->flags & TCP_SENT_SACKED) {
        m->sacked -= last->end - start_of(c, m->n - 1u);
        m->sacked_ranges--;
      } else if (last->flags & TCP_SENT_LOST) {
        m->lost -= last->end - start_of(c, m->n - 1u);
      }
      *last = (struct tcp_sent){ end, TCP_SENT_AGAIN, now };
      return;
    }
  } else {
    m->first = 0;
    m->grain = c->srtt / 64;
  }
  *range(m, m->n++) = (struct tcp_sent){ end, flags, now };
}

/* ---- Cutting and joining ----------------------------------------------- */

/* The range that has seq. */
static uint32_t find(const struct tcp_map *m, uint32_t seq)
{
  uint32_t low = 0, high = m->n, mid;

  while (low < high) {
    mid = (low + high) / 2;
    if (seq_gt(range(m, mid)->end, seq))
      high = mid;
    else
      low = mid + 1;
  }
  return low;
}

/* Make seq, which range i has, its border.  Returns the range that begins with
 * seq, or m->n when there is no room for it. */
static uint32_t split(struct tcp_conn *c, uint32_t i, uint32_t seq)
{
  struct tcp_map *m = &c->sent;
  uint16_t n = m->n;

  if (start_of(c, i) == seq)
    return i;
  if (!make_room(m))
    return m->n;
  if (m->n != n) { /* it was made by joining others */
    i = find(m, seq);
    if (start_of(c, i) == seq)
      return i;
  }
  memmove(range(m, i + 1), range(m, i), (m->n - i) * sizeof *m->at);
  m->n++;
  m->sacked_ranges += range(m, i)->flags & TCP_SENT_SACKED;
  range(m, i)->end = seq;
  return i + 1;
}

static void remove_range(struct tcp_map *m, uint32_t i)
{
  m->n--;
  memmove(range(m, i), range(m, i + 1), (m->n - i) * sizeof *m->at);
}

/* Join range i with its left neighbour if they met the same fate. */
static int join_left(struct tcp_map *m, uint32_t i)
{
  struct tcp_sent *a, *b;

  if (!i || i >= m->n)
    return 0;
  a = range(m, i - 1);
  b = range(m, i);
  if (a->flags & b->flags & TCP_SENT_SACKED)
    m->sacked_ranges--;
  else if (a->flags != b->flags ||
           (a->time > b->time ? a->time - b->time : b->time - a->time) > m->grain)
    return 0;
  b->time = a->time > b->time ? a->time : b->time;
  a->flags |= b->flags;
  a->end = b->end;
  a->time = b->time;
  remove_range(m, i);
  return 1;
}

/* ---- Acknowledged ------------------------------------------------------ */

/* len bytes of a range leave; was it delivered by this ACK? */
static void leave(struct tcp_conn *c, const struct tcp_sent *sent, uint32_t start,
                  uint32_t len, struct tcp_delivery *d)
{
  if (sent->flags & TCP_SENT_SACKED) {
    c->sent.sacked -= len;
    return;
  }
  if (sent->flags & TCP_SENT_LOST)
    c->sent.lost -= len;
  d->bytes += len;
  net_tcp_rack_note(c, sent, start, d);
}

void net_tcp_sent_acked(struct tcp_conn *c, uint32_t ack, struct tcp_delivery *d)
{
  struct tcp_map *m = &c->sent;
  struct tcp_sent *sent;
  uint32_t start = c->snd_una, i;

  while (m->n && seq_le((sent = range(m, 0))->end, ack)) {
    leave(c, sent, start, sent->end - start, d);
    m->sacked_ranges -= sent->flags & TCP_SENT_SACKED;
    start = sent->end;
    m->first++;
    m->n--;
  }
  if (!m->n) {
    if (m->room > 64)
      net_tcp_sent_clear(m);
    return;
  }
  sent = range(m, 0);
  if (start != ack) {
    struct tcp_sent part = *sent;

    part.end = ack;
    leave(c, &part, start, ack - start, d);
  }
  if (!(sent->flags & TCP_SENT_SACKED))
    return;
  /* The peer had what begins at ack and does not acknowledge it: it threw it
   * away (RFC 2018 8), and what else it threw away nobody knows. */
  d->reneged = 1;
  for (i = 0; i < m->n; i++)
    range(m, i)->flags &= ~(uint32_t)TCP_SENT_SACKED;
  m->sacked = 0;
  m->sacked_ranges = 0;
}

/* ---- SACK -------------------------------------------------------------- */

static void mark_sacked(struct tcp_conn *c, uint32_t start, uint32_t end,
                        struct tcp_delivery *d)
{
  struct tcp_map *m = &c->sent;
  struct tcp_sent *sent;
  uint32_t i = find(m, start), from, len, at;

  for (; i < m->n && seq_lt(from = start_of(c, i), end); i++) {
    sent = range(m, i);
    if (sent->flags & TCP_SENT_SACKED)
      continue;
    if (seq_lt(from, start) && (i = split(c, i, start)) >= m->n)
      return;
    if (seq_gt(range(m, i)->end, end)) {
      at = split(c, i, end);
      if (at >= m->n)
        return;
      i = at - 1;
    }
    sent = range(m, i);
    from = start_of(c, i);
    len = sent->end - from;
    if (sent->flags & TCP_SENT_LOST)
      m->lost -= len;
    m->sacked += len;
    m->sacked_ranges++;
    d->bytes += len;
    d->sacked += len;
    net_tcp_rack_note(c, sent, from, d);
    sent->flags = TCP_SENT_SACKED;
    i -= (uint32_t)join_left(m, i);
  }
  join_left(m, i);
}

/* RFC 2883 4: the first block lies below the ACK, or within the second. */
static int is_dsack(const struct tcp_conn *c, const struct tcp_repr *r)
{
  const struct tcp_range *b = r->sacks;

  if (!seq_lt(b[0].start, b[0].end) || seq_lt(b[0].start, c->snd_una - c->max_wnd))
    return 0;
  if (seq_lt(b[0].start, r->ack))
    return seq_le(b[0].end, r->ack);
  return r->n_sacks > 1 && seq_ge(b[0].start, b[1].start) && seq_le(b[0].end, b[1].end);
}

void net_tcp_sent_sacked(struct tcp_conn *c, const struct tcp_repr *r,
                         struct tcp_delivery *d)
{
  uint32_t i = 0, start, end;

  if (r->n_sacks && is_dsack(c, r)) {
    d->dsack = 1;
    d->duplicate = r->sacks[0];
    i = 1;
  }
  for (; i < r->n_sacks; i++) {
    start = r->sacks[i].start;
    end = r->sacks[i].end;
    /* Blocks of what was never sent are a lie. */
    if (seq_lt(start, end) && seq_gt(start, r->ack) && seq_gt(start, c->snd_una) &&
        seq_le(end, c->snd_nxt))
      mark_sacked(c, start, end, d);
  }
}

/* ---- Lost, and sent again ---------------------------------------------- */

void net_tcp_sent_lose(struct tcp_conn *c, uint32_t from, uint32_t to)
{
  struct tcp_map *m = &c->sent;
  struct tcp_sent *sent;
  uint32_t i = find(m, from), at;

  for (; i < m->n && seq_lt(start_of(c, i), to); i++) {
    if (range(m, i)->flags & (TCP_SENT_SACKED | TCP_SENT_LOST))
      continue;
    if (seq_lt(start_of(c, i), from) && (at = split(c, i, from)) < m->n)
      i = at;
    if (seq_gt(range(m, i)->end, to) && (at = split(c, i, to)) < m->n)
      i = at - 1;
    sent = range(m, i);
    sent->flags |= TCP_SENT_LOST;
    m->lost += sent->end - start_of(c, i);
    i -= (uint32_t)join_left(m, i);
  }
}

void net_tcp_sent_find(struct tcp_conn *c)
{
  uint32_t i;

  for (i = 0; i < c->sent.n; i++)
    range(&c->sent, i)->flags &= ~(uint32_t)TCP_SENT_LOST;
  c->sent.lost = 0;
}

void net_tcp_sent_again(struct tcp_conn *c, uint32_t seq, uint32_t len)
{
  struct tcp_map *m = &c->sent;
  uint32_t i = find(m, seq), end = seq + len, at;
  struct tcp_sent *sent;

  if (i >= m->n)
    return;
  if ((at = split(c, i, seq)) < m->n)
    i = at;
  else
    i = find(m, seq);
  if (seq_gt(range(m, i)->end, end) && (at = split(c, i, end)) < m->n)
    i = at - 1;
  else
    i = find(m, seq);
  sent = range(m, i);
  if (sent->flags & TCP_SENT_SACKED)
    return;
  if (sent->flags & TCP_SENT_LOST)
    m->lost -= sent->end - start_of(c, i);
  sent->flags = TCP_SENT_AGAIN;
  sent->time = c->stack->now;
  join_left(m, i);
}

uint32_t net_tcp_lost_next(const struct tcp_conn *c, uint32_t *seq)
{
  const struct tcp_map *m = &c->sent;
  uint32_t i, len;

  if (!m->lost)
    return 0;
  for (i = 0; i < m->n; i++)
    if (range(m, i)->flags & TCP_SENT_LOST) {
      *seq = start_of(c, i);
      len = range(m, i)->end - *seq;
      return len < c->mss ? len : c->mss;
    }
  return 0;
}
