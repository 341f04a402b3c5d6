/* t-tcp-queue.c - the queues of a connection against a plain array.
 * SPDX-License-Identifier: ISC
 *
 * Random operations on a queue and on a model of it; the bytes must be the same
 * and nothing may be left over.
 */
#include "../net/tcp.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t rng(void)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

static uint8_t byte_at(uint32_t seq)
{
  return (uint8_t)(seq * 13 + seq / 253);
}

static struct lwt_buf *chain_of(uint32_t seq, uint32_t len)
{
  struct lwt_buf *chain = NULL, *part;
  uint32_t i, n;

  while (len) {
    n = 1 + rng() % (rng() % 2 ? 3000 : 40);
    if (n > len)
      n = len;
    part = lwt_buf_new(rng() % 100, n);
    for (i = 0; i < n; i++)
      part->data[i] = byte_at(seq + i);
    if (chain)
      lwt_buf_append(chain, part);
    else
      chain = part;
    seq += n;
    len -= n;
  }
  return chain;
}

static uint32_t wrong_bytes(const struct lwt_buf *chain, uint32_t seq, uint32_t len)
{
  uint32_t wrong = chain->total != len, i, n = 0;

  for (; chain; chain = chain->next) {
    for (i = 0; i < chain->len; i++)
      wrong += chain->data[i] != byte_at(seq + n + i);
    n += chain->len;
  }
  return wrong + (n != len);
}

/* ---- Bytes to send ----------------------------------------------------- */

static uint32_t send_step(struct tcp_sendq *q)
{
  uint32_t end = net_tcp_sendq_end(q), n, seq, wrong = 0, i;
  struct lwt_buf *part;
  static uint8_t bytes[9000];

  switch (rng() % 8) {
  case 0:
  case 1:
    n = 1 + rng() % (rng() % 3 ? 100 : 9000);
    for (i = 0; i < n; i++)
      bytes[i] = byte_at(end + i);
    wrong += net_tcp_sendq_copy(q, bytes, n) != n;
    break;
  case 2:
    n = 1 + rng() % (rng() % 3 ? 200 : 9000);
    net_tcp_sendq_append(q, chain_of(end, n));
    break;
  case 3:
    if (q->len)
      net_tcp_sendq_ack(q, rng() % (q->len + 1));
    break;
  case 4:
    if (rng() % 20 == 0)
      net_tcp_sendq_rewind(q);
    break;
  case 5: /* a retransmission */
    if (q->len) {
      seq = q->seq + rng() % q->len;
      n = 1 + rng() % (end - seq);
      part = net_tcp_sendq_slice(q, seq, n);
      wrong += wrong_bytes(part, seq, n);
      lwt_buf_free(part);
    }
    break;
  default: /* new bytes */
    if (q->cur_seq != end) {
      seq = q->cur_seq;
      n = 1 + rng() % 1460;
      if (n > end - seq)
        n = end - seq;
      part = net_tcp_sendq_slice(q, seq, n);
      wrong += wrong_bytes(part, seq, n) + (q->cur_seq != seq + n);
      lwt_buf_free(part);
    }
  }
  return wrong;
}

static void send_queue(void)
{
  struct tcp_sendq q;
  uint32_t i, j, wrong = 0;

  for (i = 0; i < 300; i++) {
    state = i;
    q = (struct tcp_sendq){ 0 };
    q.seq = q.cur_seq = rng() * 2 - 50000; /* numbers wrap around */
    for (j = 0; j < 500; j++)
      wrong += send_step(&q);
    net_tcp_sendq_free(&q);
  }
  is_int(wrong, 0, "send queue");
  is_int(lwt_buf_live(), 0, "nothing is left");
}

/* ---- Bytes in order ---------------------------------------------------- */

static void receive_queue(void)
{
  struct tcp_recvq q;
  struct lwt_buf *part;
  uint32_t i, j, k, seq, end, n, wrong = 0;
  static uint8_t bytes[5000];

  for (i = 0; i < 300; i++) {
    state = i;
    q = (struct tcp_recvq){ 0 };
    seq = end = rng();
    for (j = 0; j < 300; j++) {
      n = 1 + rng() % (rng() % 2 ? 5000 : 50);
      switch (rng() % 3) {
      case 0:
        wrong += net_tcp_recvq_append(&q, chain_of(end, n)) != n;
        end += n;
        break;
      case 1:
        n = net_tcp_recvq_read(&q, bytes, n);
        for (k = 0; k < n; k++)
          wrong += bytes[k] != byte_at(seq + k);
        seq += n;
        break;
      default:
        part = net_tcp_recvq_take(&q, n);
        if (part) {
          wrong += part->total > n || wrong_bytes(part, seq, part->total);
          seq += part->total;
          lwt_buf_free(part);
        }
      }
      wrong += q.len != end - seq;
    }
    net_tcp_recvq_free(&q);
  }
  is_int(wrong, 0, "receive queue");
  is_int(lwt_buf_live(), 0, "nothing is left");
}

/* ---- Out of order ------------------------------------------------------ */

enum { SPACE = 30000 };

struct model {
  uint8_t have[SPACE];
  uint32_t base, next; /* offsets below next were taken in order */
};

/* The blocks must be the runs of the model, and add up. */
static uint32_t compare(const struct tcp_reass *r, const struct model *m)
{
  const struct tcp_block *b = r->head;
  uint32_t i = m->next, start, slices = 0, wrong = 0;
  const struct lwt_buf *slice;

  while (i < SPACE) {
    if (!m->have[i]) {
      i++;
      continue;
    }
    start = i;
    while (i < SPACE && m->have[i])
      i++;
    if (!b || b->start != m->base + start || b->end != m->base + i)
      return 1;
    wrong += b->q.len != i - start;
    for (slice = b->q.head; slice; slice = slice->next)
      slices++;
    b = b->next;
  }
  return wrong + (b != NULL) + (slices != r->slices);
}

static uint32_t reass_step(struct tcp_reass *r, struct model *m, struct tcp_recvq *q)
{
  uint32_t start = m->next + rng() % 8000, len = 1 + rng() % (rng() % 2 ? 1460 : 30);
  uint32_t i;

  if (start + len >= SPACE)
    return 0;
  if (rng() % 4 == 0) { /* in order */
    net_tcp_recvq_append(q, chain_of(m->base + m->next, len));
    i = net_tcp_reass_take(r, m->base + m->next + len, q) - m->base;
    m->next += len;
    while (m->next < SPACE && m->have[m->next])
      m->next++;
    return i != m->next;
  }
  if (start == m->next)
    return 0;
  if (net_tcp_reass_add(r, m->base + start, m->base + start + len,
                        chain_of(m->base + start, len), 100000))
    return 1;
  memset(m->have + start, 1, len);
  return 0;
}

static void reassembly(void)
{
  static struct model m;
  struct tcp_reass r;
  struct tcp_recvq q;
  struct lwt_buf *part;
  uint32_t i, j, wrong = 0;

  for (i = 0; i < 2000; i++) {
    state = i;
    memset(&m, 0, sizeof m);
    m.base = rng() * 2;
    r = (struct tcp_reass){ 0 };
    q = (struct tcp_recvq){ 0 };
    for (j = 0; j < 60; j++) {
      wrong += reass_step(&r, &m, &q);
      wrong += compare(&r, &m);
    }
    part = net_tcp_recvq_take(&q, SPACE);
    if (part)
      wrong += wrong_bytes(part, m.base, m.next);
    else
      wrong += m.next != 0;
    lwt_buf_free(part);
    net_tcp_reass_free(&r);
  }
  is_int(wrong, 0, "reassembly");
  is_int(lwt_buf_live(), 0, "nothing is left");
}

int main(void)
{
  send_queue();
  receive_queue();
  reassembly();
  return lwt_test_done();
}
