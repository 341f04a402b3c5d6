/* net/tcp_queue.h - bytes to send, bytes to read, bytes out of order; not installed.
 * SPDX-License-Identifier: ISC
 *
 * All three hold slices on pages (lwt/buffer.h), never copies unless a slice is
 * small.  Sequence numbers as in tcp_seq.h.
 */
#ifndef NET_TCP_QUEUE_H
#define NET_TCP_QUEUE_H

#include "net.h"
#include "tcp_seq.h"

/* Slices of the bytes from sequence number seq on; each slice's total is its
 * own length.  The cursor stands where the next new byte is. */
struct tcp_sendq {
  struct lwt_buf *head, *tail, *cur;
  uint32_t cur_off, cur_seq;
  uint32_t seq, len;
  uint32_t room; /* bytes free behind the last slice, in a page of ours */
};

/* Copy bytes in; returns how many (fewer: memory is out). */
size_t net_tcp_sendq_copy(struct tcp_sendq *q, const uint8_t *bytes, size_t len);
/* Takes the chain; small slices are copied together. */
void net_tcp_sendq_append(struct tcp_sendq *q, struct lwt_buf *chain);
/* The first n bytes were acknowledged. */
void net_tcp_sendq_ack(struct tcp_sendq *q, uint32_t n);
/* A chain of slices on len > 0 bytes from seq on; NULL: memory is out. */
struct lwt_buf *net_tcp_sendq_slice(struct tcp_sendq *q, uint32_t seq, uint32_t len);
/* The same as a copy. */
void net_tcp_sendq_peek(struct tcp_sendq *q, uint32_t seq, uint8_t *bytes,
                        uint32_t len);
/* The cursor back to the first byte. */
void net_tcp_sendq_rewind(struct tcp_sendq *q);
void net_tcp_sendq_free(struct tcp_sendq *q);
static inline uint32_t net_tcp_sendq_end(const struct tcp_sendq *q)
{
  return q->seq + q->len;
}

struct tcp_recvq {
  struct lwt_buf *head, *tail;
  uint32_t len;
};

/* Takes a chain of payload; returns its length. */
uint32_t net_tcp_recvq_append(struct tcp_recvq *q, struct lwt_buf *chain);
/* Up to len bytes, copied. */
uint32_t net_tcp_recvq_read(struct tcp_recvq *q, uint8_t *bytes, size_t len);
/* Up to max bytes as a chain; NULL: memory is out. */
struct lwt_buf *net_tcp_recvq_take(struct tcp_recvq *q, size_t max);
void net_tcp_recvq_free(struct tcp_recvq *q);

/* Bytes that came out of order: blocks that neither touch nor overlap, in
 * ascending order.  What came first stays: a retransmission with other bytes
 * changes nothing, unless it is the one that fills the first hole. */
struct tcp_block {
  struct tcp_block *next;
  struct tcp_recvq q;
  uint32_t start, end;
  uint32_t stamp; /* when it grew last, for the order of SACK blocks */
};

struct tcp_reass {
  struct tcp_block *head, *tail;
  uint32_t blocks, slices;
  uint32_t max_blocks; /* 0: TCP_BLOCKS_MIN */
  uint32_t stamp;
};

/* Takes a chain with the bytes [start, end), all to the right of what was
 * received in order.  Bytes that are there already are dropped.  Returns 0, or
 * LWT_ENOBUFS when something was left out: more than max_slices, or too many
 * blocks, or no memory. */
int net_tcp_reass_add(struct tcp_reass *r, uint32_t start, uint32_t end,
                      struct lwt_buf *chain, uint32_t max_slices);
/* Everything up to seq came in order: moves what follows on it to q.  Returns
 * the new end of what is in order. */
uint32_t net_tcp_reass_take(struct tcp_reass *r, uint32_t seq, struct tcp_recvq *q);
/* Whether all of [start, end) is there; that block then counts as the one that
 * grew last. */
int net_tcp_reass_has(struct tcp_reass *r, uint32_t start, uint32_t end);
/* The blocks that grew last, at most max; returns how many. */
unsigned net_tcp_reass_sacks(const struct tcp_reass *r, struct tcp_range *out,
                             unsigned max);
void net_tcp_reass_free(struct tcp_reass *r);

#endif
