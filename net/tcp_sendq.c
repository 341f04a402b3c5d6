/* net/tcp_sendq.c - bytes to send and not acknowledged, as slices.
 * SPDX-License-Identifier: ISC
 *
 * Segments are views on these slices, so a byte is copied once at most, on its
 * way in.  Copied bytes fill up the last page: what lies behind the end of its
 * last slice is in nobody's view yet.  The cursor saves walking the queue for
 * each new segment; only retransmissions walk.
 */
#include "tcp.h"

#include <string.h>

static void push(struct tcp_sendq *q, struct lwt_buf *slice)
{
  slice->total = slice->len;
  slice->next = NULL;
  if (q->tail)
    q->tail->next = slice;
  else
    q->head = slice;
  q->tail = slice;
  if (!q->cur) {
    q->cur = slice;
    q->cur_off = 0;
  }
  q->len += slice->len;
}

size_t net_tcp_sendq_copy(struct tcp_sendq *q, const uint8_t *bytes, size_t len)
{
  struct lwt_buf *slice;
  size_t part, done = 0;

  while (done < len) {
    if (!q->room) {
      slice = lwt_buf_new(0, 0);
      if (!slice)
        break;
      push(q, slice);
      q->room = LWT_PAGE_SIZE;
    }
    part = len - done < q->room ? len - done : q->room;
    lwt__copy(q->tail->data + q->tail->len, bytes + done, part);
    q->tail->len += (uint32_t)part;
    q->tail->total = q->tail->len;
    q->len += (uint32_t)part;
    q->room -= (uint32_t)part;
    done += part;
  }
  return done;
}

void net_tcp_sendq_append(struct tcp_sendq *q, struct lwt_buf *chain)
{
  struct lwt_buf *next;

  for (; chain; chain = next) {
    next = chain->next;
    chain->next = NULL;
    if (!chain->len ||
        (chain->len <= TCP_SEND_COPY_MAX && chain->len <= q->room &&
         net_tcp_sendq_copy(q, chain->data, chain->len))) {
      lwt_buf_free(chain);
      continue;
    }
    chain->flags = 0;
    push(q, chain);
    q->room = 0;
  }
}

void net_tcp_sendq_rewind(struct tcp_sendq *q)
{
  q->cur = q->head;
  q->cur_off = 0;
  q->cur_seq = q->seq;
}

void net_tcp_sendq_ack(struct tcp_sendq *q, uint32_t n)
{
  struct lwt_buf *slice;

  q->seq += n;
  q->len -= n;
  while ((slice = q->head) && n >= slice->len) {
    n -= slice->len;
    q->head = slice->next;
    if (q->cur == slice) {
      q->cur = slice->next;
      q->cur_off = 0;
    }
    if (q->tail == slice) {
      q->tail = NULL;
      q->room = 0;
    }
    slice->next = NULL;
    lwt_buf_free(slice);
  }
  if (n) {
    slice->data += n;
    slice->len -= n;
    slice->total = slice->len;
    if (q->cur == slice)
      q->cur_off -= n;
  }
  if (seq_lt(q->cur_seq, q->seq)) /* acknowledged beyond a rewound cursor */
    net_tcp_sendq_rewind(q);
}

/* Where seq is: a slice and the offset in it. */
static struct lwt_buf *locate(struct tcp_sendq *q, uint32_t seq, uint32_t *offset)
{
  struct lwt_buf *slice = q->head;
  uint32_t off = seq - q->seq;

  if (seq_ge(seq, q->cur_seq) && q->cur) {
    slice = q->cur;
    off = seq - q->cur_seq + q->cur_off;
  }
  while (off >= slice->len) {
    off -= slice->len;
    slice = slice->next;
  }
  *offset = off;
  return slice;
}

static void move_cursor(struct tcp_sendq *q, struct lwt_buf *slice, uint32_t off,
                        uint32_t seq)
{
  q->cur = slice;
  q->cur_off = off;
  q->cur_seq = seq;
}

struct lwt_buf *net_tcp_sendq_slice(struct tcp_sendq *q, uint32_t seq, uint32_t len)
{
  struct lwt_buf *first = NULL, **end = &first, *slice;
  uint32_t off, part, left = len;
  int at_cursor = seq == q->cur_seq;

  slice = locate(q, seq, &off);
  for (;;) {
    part = slice->len - off < left ? slice->len - off : left;
    *end = lwt_buf_slice(slice, off, part);
    if (!*end) {
      lwt_buf_free(first);
      return NULL;
    }
    end = &(*end)->next;
    left -= part;
    off += part;
    if (!left)
      break;
    slice = slice->next;
    off = 0;
  }
  first->total = len;
  if (at_cursor)
    move_cursor(q, slice, off, seq + len);
  return first;
}

void net_tcp_sendq_peek(struct tcp_sendq *q, uint32_t seq, uint8_t *bytes, uint32_t len)
{
  struct lwt_buf *slice;
  uint32_t off, part, left = len;
  int at_cursor = seq == q->cur_seq;

  slice = locate(q, seq, &off);
  for (;;) {
    part = slice->len - off < left ? slice->len - off : left;
    lwt__copy(bytes, slice->data + off, part);
    bytes += part;
    left -= part;
    off += part;
    if (!left)
      break;
    slice = slice->next;
    off = 0;
  }
  if (at_cursor)
    move_cursor(q, slice, off, seq + len);
}

void net_tcp_sendq_free(struct tcp_sendq *q)
{
  lwt_buf_free(q->head);
  *q = (struct tcp_sendq){ .seq = q->seq, .cur_seq = q->seq };
}
