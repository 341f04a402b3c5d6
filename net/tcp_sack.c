/* net/tcp_sack.c - the sender's scoreboard: what the peer has beyond snd_una.
 * SPDX-License-Identifier: ISC
 *
 * RFC 2018 and RFC 6675.  Ranges in ascending order that neither touch nor
 * overlap, within (snd_una, snd_nxt).  The board is bounded: a range for which
 * there is no room is forgotten, and its bytes are sent once more at worst.
 */
#include "tcp.h"

#include <string.h>

enum { DUP_THRESH = 3 };

static void remove_ranges(struct tcp_board *b, uint32_t from, uint32_t n)
{
  memmove(b->ranges + from, b->ranges + from + n,
          (b->n - from - n) * sizeof *b->ranges);
  b->n -= n;
}

/* Returns the bytes that are new. */
static uint32_t add(struct tcp_board *b, uint32_t start, uint32_t end)
{
  uint32_t i = 0, j, known = 0;

  while (i < b->n && seq_lt(b->ranges[i].end, start))
    i++;
  for (j = i; j < b->n && seq_le(b->ranges[j].start, end); j++) {
    known += b->ranges[j].end - b->ranges[j].start;
    start = seq_min(start, b->ranges[j].start);
    end = seq_max(end, b->ranges[j].end);
  }
  if (j == i) {
    if (b->n == TCP_SACKED_MAX)
      return 0;
    memmove(b->ranges + i + 1, b->ranges + i, (b->n - i) * sizeof *b->ranges);
    b->n++;
  } else {
    remove_ranges(b, i + 1, j - i - 1);
  }
  b->ranges[i] = (struct tcp_range){ start, end };
  b->bytes += end - start - known;
  return end - start - known;
}

/* IsLost() of RFC 6675: three ranges above, or more than two segments. */
static void find_lost_edge(struct tcp_conn *c)
{
  struct tcp_board *b = c->board;
  uint32_t i, above = 0;

  b->lost_edge = c->snd_una;
  for (i = b->n; i-- > 0;) {
    above += b->ranges[i].end - b->ranges[i].start;
    if (b->n - i >= DUP_THRESH || above > (DUP_THRESH - 1) * c->mss) {
      b->lost_edge = b->ranges[i].start;
      return;
    }
  }
}

uint32_t net_tcp_sack_input(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint32_t i, start, end, fresh = 0;

  for (i = 0; i < r->n_sacks; i++) {
    start = r->sacks[i].start;
    end = r->sacks[i].end;
    /* Blocks at or below the ACK tell of duplicates (RFC 2883), blocks of what
     * was never sent are a lie. */
    if (!seq_lt(start, end) || seq_le(start, r->ack) || seq_le(start, c->snd_una) ||
        seq_gt(end, c->snd_nxt))
      continue;
    if (!c->board) {
      c->board = lwt__alloc(sizeof *c->board);
      if (!c->board) {
        c->stack->stats.no_memory++;
        return 0;
      }
      c->board->n = c->board->bytes = 0;
    }
    fresh += add(c->board, start, end);
  }
  if (fresh)
    find_lost_edge(c);
  return fresh;
}

void net_tcp_sack_advance(struct tcp_conn *c)
{
  struct tcp_board *b = c->board;
  uint32_t n = 0;

  if (!b)
    return;
  while (n < b->n && seq_le(b->ranges[n].end, c->snd_una)) {
    b->bytes -= b->ranges[n].end - b->ranges[n].start;
    n++;
  }
  remove_ranges(b, 0, n);
  /* The peer had what begins at snd_una and does not acknowledge it: it threw
   * it away (RFC 2018 8), and what else it threw away nobody knows. */
  if (!b->n || seq_le(b->ranges[0].start, c->snd_una))
    net_tcp_sack_clear(c);
  else
    find_lost_edge(c);
}

void net_tcp_sack_clear(struct tcp_conn *c)
{
  lwt__free(c->board);
  c->board = NULL;
}

uint32_t net_tcp_sack_hole(const struct tcp_conn *c, uint32_t from, uint32_t to,
                           uint32_t *seq)
{
  const struct tcp_board *b = c->board;
  uint32_t i;

  for (i = 0; b && i < b->n && seq_lt(b->ranges[i].start, to); i++) {
    if (seq_lt(from, b->ranges[i].start)) {
      to = b->ranges[i].start;
      break;
    }
    from = seq_max(from, b->ranges[i].end);
  }
  *seq = from;
  return seq_lt(from, to) ? to - from : 0;
}

uint32_t net_tcp_sack_count(const struct tcp_conn *c, uint32_t from, uint32_t to)
{
  const struct tcp_board *b = c->board;
  uint32_t i, start, end, bytes = 0;

  for (i = 0; b && i < b->n; i++) {
    start = seq_max(from, b->ranges[i].start);
    end = seq_min(to, b->ranges[i].end);
    if (seq_lt(start, end))
      bytes += end - start;
  }
  return bytes;
}
