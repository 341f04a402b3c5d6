/* net/tcp_loss.h - what was sent, what is lost, how much may be sent; not installed.
 * SPDX-License-Identifier: ISC
 *
 * Everything between snd_una and snd_nxt is in the map (tcp_sent.c): ranges of
 * bytes that were sent at the same time and met the same fate.  Each byte is
 * one of
 *
 *   with the peer   TCP_SENT_SACKED: it has said so
 *   lost            TCP_SENT_LOST: and not sent again since
 *   in flight       neither
 *
 * and the bytes in flight are the pipe of RFC 6675.  RACK (tcp_rack.c) says by
 * the times what is lost; for a peer without SACK duplicate ACKs do, as in
 * RFC 6582 (tcp_recover.c).  How much may be in flight is the business of
 * congestion control (tcp_cc.c, tcp_cubic.c).
 */
#ifndef NET_TCP_LOSS_H
#define NET_TCP_LOSS_H

#include "net.h"
#include "tcp_seq.h"

struct tcp_conn;
struct tcp_repr;

/* ---- What was sent (tcp_sent.c) ---------------------------------------- */

enum {
  TCP_SENT_SACKED = 1,
  TCP_SENT_LOST = 2,
  TCP_SENT_AGAIN = 4,  /* more than once */
  TCP_SENT_SMALL = 3,  /* ranges without memory of their own */
  TCP_SENT_MAX = 1024  /* ranges of a connection: 16 KiB */
};

/* It begins where the one before ends, the first at snd_una. */
struct tcp_sent {
  uint32_t end;
  uint32_t flags;
  uint64_t time; /* when it was sent last */
};

/* The map is bounded.  What does not fit is joined with its neighbour: bytes
 * that the peer has may then count as in flight, and be sent once more. */
struct tcp_map {
  struct tcp_sent *at;  /* small, or allocated */
  uint16_t first, n, room;
  uint16_t sacked_ranges;
  uint32_t sacked, lost; /* bytes */
  uint64_t grain;        /* sent within this time counts as at the same time */
  struct tcp_sent small[TCP_SENT_SMALL];
};

/* What an ACK delivered, cumulatively or by SACK. */
struct tcp_delivery {
  uint32_t fack;       /* rack.fack before it */
  uint32_t tsecr;      /* what it echoes, if has_ts */
  uint8_t has_ts;
  uint32_t bytes;      /* that were in flight or lost */
  uint32_t sacked;     /* of these by SACK */
  uint64_t rtt;        /* of the last of them that was sent once; 0: none */
  uint8_t reordered;   /* one of them that was sent once was overtaken */
  uint8_t reneged;     /* the peer threw away what it had SACKed */
  uint8_t dsack;       /* the peer got something twice (RFC 2883) */
  struct tcp_range duplicate;
};

void net_tcp_sent_init(struct tcp_map *m);
/* [the end, end) is sent now. */
void net_tcp_sent_push(struct tcp_conn *c, uint32_t end, uint32_t flags);
/* [seq, seq + len), which was lost or is sent for another reason, is sent again
 * now. */
void net_tcp_sent_again(struct tcp_conn *c, uint32_t seq, uint32_t len);
/* Everything before ack, which is after snd_una, has arrived; then snd_una may
 * move. */
void net_tcp_sent_acked(struct tcp_conn *c, uint32_t ack, struct tcp_delivery *d);
/* The SACK blocks of r: what cannot be is ignored. */
void net_tcp_sent_sacked(struct tcp_conn *c, const struct tcp_repr *r,
                         struct tcp_delivery *d);
/* [from, to) is lost, but for what the peer has. */
void net_tcp_sent_lose(struct tcp_conn *c, uint32_t from, uint32_t to);
/* Nothing is lost after all. */
void net_tcp_sent_find(struct tcp_conn *c);
/* What is lost and not sent again: *seq and up to a segment; 0: nothing. */
uint32_t net_tcp_lost_next(const struct tcp_conn *c, uint32_t *seq);
/* Nothing was sent. */
void net_tcp_sent_clear(struct tcp_map *m);

/* ---- RACK and tail loss probes (tcp_rack.c) ---------------------------- */

struct tcp_rack {
  uint64_t time;       /* when the last that was delivered had been sent */
  uint64_t rtt, min_rtt; /* its round trip; 0: none yet */
  uint32_t end;        /* its last byte + 1 */
  uint32_t fack;       /* the highest byte that the peer has + 1 */
  uint32_t dsack_round;
  uint32_t tlp_end;
  uint8_t mult, persist; /* of the reordering window */
  unsigned reordering : 1;   /* was seen */
  unsigned in_dsack_round : 1;
  unsigned tlp : 1;          /* a probe is out, up to tlp_end */
  unsigned tlp_again : 1;    /* and was a retransmission */
};

/* A record of the map was delivered. */
void net_tcp_rack_note(struct tcp_conn *c, const struct tcp_sent *sent, uint32_t start,
                       struct tcp_delivery *d);
/* After an ACK, or when t_loss has come: mark what is lost.  Returns the bytes
 * that are lost now and were not. */
uint32_t net_tcp_rack_detect(struct tcp_conn *c, const struct tcp_delivery *d);
/* A recovery is over. */
void net_tcp_rack_recovered(struct tcp_conn *c);
/* After a timeout: what is lost of what was in flight. */
void net_tcp_rack_timeout(struct tcp_conn *c);
/* Start the timer of a tail loss probe if one is due. */
void net_tcp_tlp_start(struct tcp_conn *c);
/* t_loss has come and it is for a probe. */
void net_tcp_tlp_fired(struct tcp_conn *c);
/* Whether the ACK r tells of a probe that repaired a loss. */
int net_tcp_tlp_ack(struct tcp_conn *c, const struct tcp_repr *r,
                    const struct tcp_delivery *d);

/* ---- Recovery (tcp_recover.c) ------------------------------------------ */

enum tcp_mode {
  TCP_OPEN,
  TCP_RECOVERY, /* fast recovery until snd_una >= recover */
  TCP_LOSS      /* after a timeout, until snd_una >= recover */
};

/* What to go back to if a recovery turns out to have been for nothing. */
struct tcp_undo {
  uint32_t cwnd, ssthresh;
  uint32_t again;     /* segments sent again that may show it (RFC 2883) */
  uint32_t ts;        /* of the first of them (RFC 3522) */
  uint8_t valid, stamped;
  uint64_t cc[8];     /* a copy of the algorithm's */
};

/* Proportional rate reduction (RFC 6937, as in RFC 9937), tcp_prr.c: what is sent in
 * a fast recovery follows what arrives, so that cwnd is ssthresh at its end without
 * a pause or a burst in between. */
struct tcp_prr {
  uint32_t seen;      /* what had been delivered when we looked last */
  uint32_t una;
  uint32_t delivered; /* bytes since the recovery began */
  uint32_t again;     /* bytes sent again since then */
  uint32_t flight;    /* bytes that could still be delivered when it began */
  uint8_t begins;     /* nothing was looked at yet */
};
void net_tcp_prr_begin(struct tcp_conn *c);
/* In recovery an ACK was looked at, or the reordering timer (d NULL): cwnd is what may
 * go out now.  lost: bytes that it has shown to be lost. */
void net_tcp_prr(struct tcp_conn *c, const struct tcp_delivery *d, uint32_t lost);

/* Spurious timeouts without timestamps (RFC 5682), tcp_frto.c. */
enum tcp_frto {
  TCP_FRTO_OFF,
  TCP_FRTO_RESENT, /* the first segment was sent again */
  TCP_FRTO_NEW     /* an ACK came, new data went out: the next one decides */
};
/* A timeout; was: the mode before it. */
void net_tcp_frto_begin(struct tcp_conn *c, enum tcp_mode was);
/* An ACK was taken while frto is not off.  Returns 1 while nothing is decided:
 * nothing is to be marked lost then. */
int net_tcp_frto_ack(struct tcp_conn *c);

/* Bytes that are in the network, by the best of our knowledge. */
uint32_t net_tcp_pipe(const struct tcp_conn *c);
uint32_t net_tcp_flight(const struct tcp_conn *c);
void net_tcp_recovery_enter(struct tcp_conn *c);
void net_tcp_recovery_exit(struct tcp_conn *c);
void net_tcp_loss_enter(struct tcp_conn *c);
/* Something was sent again. */
void net_tcp_undo_note(struct tcp_conn *c);
/* Nothing was lost: go back. */
void net_tcp_undo(struct tcp_conn *c);
/* Go back if r says that nothing was lost.  Returns 1 if so. */
int net_tcp_undo_ack(struct tcp_conn *c, const struct tcp_repr *r,
                     const struct tcp_delivery *d);
/* snd_nxt back to snd_una: everything is sent anew. */
void net_tcp_rewind(struct tcp_conn *c);

/* ---- Congestion control (tcp_cc.c, tcp_cubic.c) ------------------------ */

/* cwnd, ssthresh in bytes; c->cc_state is the algorithm's. */
struct tcp_cc_ops {
  const char *name;
  /* The connection is established, c->mss is known.  Also when the algorithm is
   * chosen later: cwnd and ssthresh stay then. */
  void (*init)(struct tcp_conn *c);
  /* bytes were acknowledged outside of fast recovery, and cwnd was what held the
   * sender back. */
  void (*avoid)(struct tcp_conn *c, uint32_t bytes);
  /* The path is congested with so many bytes in flight: the new slow start
   * threshold. */
  uint32_t (*ssthresh)(struct tcp_conn *c, uint32_t flight);
  /* A timeout; after ssthresh(). */
  void (*timeout)(struct tcp_conn *c);
  /* Nothing was sent for longer than the RTO. */
  void (*idle)(struct tcp_conn *c);
};
extern const struct tcp_cc_ops net_tcp_newreno, net_tcp_cubic;
/* By name; NULL. */
const struct tcp_cc_ops *net_tcp_cc_find(const char *name);
uint32_t net_tcp_initial_window(const struct tcp_conn *c);
/* The connection is established: cwnd and ssthresh, then init(). */
void net_tcp_cc_init(struct tcp_conn *c);
/* bytes were acknowledged outside of fast recovery. */
void net_tcp_cc_acked(struct tcp_conn *c, uint32_t bytes);
/* Nothing was sent for a while. */
void net_tcp_cc_idle(struct tcp_conn *c);

/* HyStart++ (RFC 9406): the rounds of the first slow start. */
struct tcp_hystart {
  uint64_t last_min, min, baseline; /* ns; UINT64_MAX: none */
  uint32_t round_end;
  uint8_t samples, css_rounds;
  uint8_t css;  /* conservative slow start */
};

#endif
