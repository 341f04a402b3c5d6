/* net/tcp.h - what the files of TCP share; not installed.
 * SPDX-License-Identifier: ISC
 *
 * Read RFC 9293 first, then net.h, then this file from top to bottom.
 *
 *   tcp.c           the stack's part: entry and exit of a batch, who is served
 *   tcp_wire.c      headers and options, bytes to struct tcp_repr and back
 *   tcp_isn.c       initial sequence numbers, timestamp offsets
 *   tcp_table.c     the four-tuples in use, ports
 *   tcp_listen.c    listeners, half-open connections
 *   tcp_cookie.c    handshakes without memory
 *   tcp_path.c      the path's MTU, by what arrives
 *   tcp_log.c       what happened, for programs
 *   tcp_uto.c       user timeouts that both ends know of
 *   tcp_tune.c      buffers that grow as they are needed
 *   tcp_shelf.c     memory of what comes and goes
 *   tcp_conn.c      a connection's life: made, closed, settled, freed
 *   tcp_flow.c      what the program calls (lwt/flow.h)
 *   tcp_connect.c   opening, and the options of a connection
 *   tcp_from.c      opening from a chosen end
 *   tcp_input.c     a segment arrives (RFC 9293 3.10.7), read beside the RFC
 *   tcp_next.c      the same for what nearly every segment is: the next one
 *   tcp_ack.c       what an acknowledgment does: RTT, window, loss detection
 *   tcp_sent.c      what was sent when, and what the peer has of it
 *   tcp_rack.c      what is lost by the times (RFC 8985), tail loss probes
 *   tcp_recover.c   recovery: begun, ended, undone
 *   tcp_prr.c       recovery: how much is sent meanwhile
 *   tcp_frto.c      timeouts that were for nothing
 *   tcp_cc.c        congestion control: what all algorithms share, NewReno
 *   tcp_cubic.c     CUBIC
 *   tcp_ecn.c       congestion that routers tell
 *   tcp_pace.c      windows spread over round trips
 *   tcp_output.c    what to send now
 *   tcp_segment.c   one segment made and sent
 *   tcp_cut.c       many at once, for a device that does not cut them
 *   tcp_coalesce.c  the other way round: many that came become one
 *   tcp_way.c       the way to a peer, for new connections
 *   tcp_few.c       both for a few bytes, as in requests and answers
 *   tcp_timer.c     retransmission, persist, delayed ACK, keep-alive
 *   tcp_sendq.c     bytes to send and not acknowledged
 *   tcp_recvq.c     bytes to read; bytes that came out of order
 *   tcp_wait.c      connections that no longer need the program: TIME-WAIT
 *   tcp_icmp.c      ICMP errors
 *
 * Nothing here calls the program while it looks at a connection: events mark
 * the connection (net_tcp_wake, net_tcp_work), and when the outermost entry
 * into TCP ends, net_tcp_leave() settles promises and has everything sent at
 * the end of the loop's turn, so that an answer carries the acknowledgment.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "net.h"
#include "route.h"
#include "tcp_list.h"
#include "tcp_loss.h"
#include "tcp_queue.h"
#include "tcp_seq.h"
#include "tcp_shelf.h"
#include "tcp_table.h"
#include "tcp_wire.h"

/* ---- Limits ------------------------------------------------------------ */

enum {
  TCP_MSS_DEFAULT4 = 536, /* the peer said nothing (MUST-15) */
  TCP_MSS_DEFAULT6 = 1220,
  TCP_MSS_MIN = 88,       /* a peer that asks for less pays with headers */
  TCP_SCALE_MAX = 14,
  TCP_BLOCKS_MIN = 128,   /* holes in what came out of order: for a small buffer, */
  TCP_BLOCKS_MAX = 1024,  /* and a large one, */
  TCP_BLOCK_BYTES = 1024, /* so that they take four times the buffer at worst */
  TCP_COPY_MAX = 1024,    /* shorter payload is moved to the page before it */
  TCP_SEND_COPY_MAX = 256, /* shorter slices to send are copied together */
  TCP_INLINE_MAX = 128,    /* payload that is sent in the header's page */
  TCP_PORT_FIRST = 32768, /* ephemeral ports */
  TCP_PORT_LAST = 60999,
  TCP_CHALLENGES = 10     /* challenge ACKs of a connection in 5 s (RFC 5961) */
};

#define TCP_RTO_INITIAL LWT_S(1)
#define TCP_RTO_MAX LWT_S(60)
#define TCP_MEMORY_RETRY LWT_MS(10)
#define TCP_DEVICE_RETRY LWT_MS(50)
#define TCP_HALF_TIMEOUT LWT_S(180)       /* R2 of a SYN (MUST-23) */
#define TCP_TS_IDLE LWT_S(24 * 24 * 3600) /* then TS.Recent is worth nothing */

/* ---- Initial numbers (tcp_isn.c) --------------------------------------- */

/* Initial sequence number of a connection now (RFC 6528). */
uint32_t net_tcp_isn(struct net_stack *s, const struct tcp_tuple *t);
/* What is added to the millisecond clock: the same for a tuple for ever. */
uint32_t net_tcp_ts_offset(struct net_stack *s, const struct tcp_tuple *t);

static inline uint32_t net_tcp_ts_now(const struct net_stack *s, uint32_t offset)
{
  return (uint32_t)(s->now / 1000000u) + offset;
}

/* ---- A connection ------------------------------------------------------ */

enum tcp_state {
  TCP_CLOSED, /* not in the table; the program may still hold the flow */
  TCP_SYN_SENT,
  TCP_SYN_RCVD, /* of a simultaneous open; the others are struct tcp_half */
  TCP_ESTABLISHED,
  TCP_FIN_WAIT_1,
  TCP_FIN_WAIT_2,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_LAST_ACK,
  TCP_TIME_WAIT /* as a struct tcp_wait only */
};

struct tcp_listener;
struct tcp_log;

struct tcp_conn {
  struct lwt_flow flow;    /* first */
  struct net_stack *stack; /* NULL: closed */
  uint8_t state; /* enum tcp_state */
  uint8_t mode;  /* enum tcp_mode */
  uint8_t snd_scale, rcv_scale;
  uint8_t reading, writing, ending; /* TCP_READ_BYTES and so on */
  uint8_t retransmits;      /* of the present segment */
  uint8_t frto;             /* enum tcp_frto */
  uint8_t tos;              /* differentiated services, upper six bits */
  uint8_t keep_count, keep_sent;
  uint8_t probe_fails;      /* of the present size */
  uint8_t challenges;

  unsigned user : 1;        /* the program holds the flow */
  unsigned fin : 1;         /* nothing will follow what is queued */
  unsigned fin_acked : 1;   /* the peer has everything */
  unsigned fin_seen : 1;    /* rcv_fin is known */
  unsigned eof : 1;         /* the peer's FIN was reached */
  unsigned data_lost : 1;   /* closed with bytes unread: reset in the end */
  unsigned ts_on : 1;
  unsigned scale_on : 1;
  unsigned sack_on : 1;
  unsigned nodelay : 1;
  unsigned ack_now : 1;
  unsigned persist : 1;     /* t_rexmit is the persist timer */
  unsigned timing : 1;      /* rtt_seq, rtt_time are valid */
  unsigned force : 1;       /* retransmit one segment whatever cwnd says */
  unsigned probe_loss : 1;  /* t_loss is for a tail loss probe */
  unsigned cwnd_limited : 1;
  unsigned syn_lost : 2;    /* retransmissions of the SYN, 2: or more */
  unsigned urgent : 1;      /* rcv_up says something */
  unsigned urgent_out : 1;  /* snd_up does */
  unsigned lingers : 1;     /* closed: t_keep is when that is enough */
  unsigned ecn_on : 1;
  unsigned ecn_echo : 1;    /* a mark came: ECE until CWR comes */
  unsigned ecn_cwr : 1;     /* new data says CWR */
  unsigned partial : 1;     /* a partial ACK has restarted the timer */
  unsigned uto_on : 1;      /* user timeouts are told and heeded */
  unsigned uto_due : 1;     /* the next bare ACK tells ours */
  unsigned uto_fixed : 1;   /* the program has set it */

  /* Sending. */
  uint32_t iss, snd_una, snd_nxt;
  uint32_t snd_max;         /* > snd_nxt after a rewind */
  uint32_t snd_wnd, snd_wl1, snd_wl2, max_wnd;
  uint32_t mss;             /* payload of a full segment, options deducted */
  uint32_t burst;           /* bytes sent at once, cut into segments of mss below */
  uint32_t peer_mss;        /* what the peer said */
  uint32_t path_mss;        /* what seems to arrive (tcp_path.c); 0: all does */
  uint32_t path_high;       /* what is larger does not arrive; 0: not known */
  uint32_t probe_mss, probe_end; /* a larger one is out; 0: none */
  uint64_t path_time;       /* when a larger one may be tried */
  uint32_t snd_small;       /* end of the last partial segment (Nagle) */
  uint32_t buffer;          /* bytes that may be queued */
  uint32_t cwnd, ssthresh;
  const struct tcp_cc_ops *cc;
  uint64_t cc_state[8];
  struct tcp_hystart hystart;
  uint32_t ecn_end;         /* no second reaction below this */
  int64_t pace_credit;      /* bytes that may be sent now */
  uint64_t pace_time;
  struct tcp_sendq sq;

  /* Loss. */
  uint32_t dupacks;
  uint32_t dup_flight;      /* in flight at the first of them */
  uint32_t reno_sacked;     /* bytes that duplicate ACKs stand for, no SACK */
  uint32_t recover;
  uint64_t sent_again;      /* segments */
  uint64_t delivered;       /* bytes that the peer is known to have got */
  struct tcp_map sent;
  struct tcp_rack rack;
  struct tcp_undo undo;
  struct tcp_prr prr;
  uint32_t frto_una;        /* snd_una at the timeout */

  /* Receiving. */
  uint32_t irs, rcv_nxt;
  uint32_t rcv_adv;         /* right edge that the peer was told */
  uint32_t rcv_fin;
  uint32_t last_ack;        /* the last acknowledgment sent */
  uint32_t rcv_mss;         /* the largest segment seen */
  uint32_t rcv_buffer;      /* bytes that may be unread; grows (tcp_tune.c) */
  uint32_t held_send, held_receive; /* of the stack's tcp_memory; 0: no limit */
  uint32_t tune_read;       /* bytes that were read since tune_time */
  uint64_t tune_time;
  uint32_t rcv_up;          /* the urgent pointer: behind the last urgent byte */
  uint32_t snd_up;
  uint32_t ts_offset, ts_recent;
  uint64_t ts_recent_time;
  struct tcp_recvq rq;
  struct tcp_reass reass;
  struct tcp_range dsack;   /* received twice, to be told; start == end: none */

  /* Times: nanoseconds; deadlines are LWT_NEVER when off. */
  uint64_t srtt, rttvar, rto; /* srtt 0: no sample yet */
  uint64_t ack_rtt;         /* that the present ACK shows; 0: none */
  uint32_t backoff;
  uint32_t rtt_seq;
  uint64_t rtt_time;
  uint64_t last_send, last_receive;
  uint64_t progress;        /* since when what is outstanding stands still */
  uint64_t t_rexmit, t_delack, t_keep, t_retry;
  uint64_t t_loss;          /* RACK's reordering timer, or a tail loss probe */
  struct net_timer timer;   /* the earliest of them */
  uint64_t user_timeout, keep_idle, keep_interval;
  uint64_t uto_ours;        /* user_timeout before the peer had a say */
  uint64_t challenge_time;
  uint64_t linger;          /* LWT_NEVER: as long as it takes */

  struct tcp_node node;
  struct tcp_link work, wake; /* in s->tcp->work, wake */
  struct tcp_link all;        /* in s->tcp->conns */
  struct tcp_pool *pool;      /* where its memory goes */
  struct net_route route;
  struct tcp_log *log;      /* NULL: none */

  /* The program. */
  struct lwt_addr local, remote;
  struct lwt_error error;   /* why it closed; code 0: in order */
  struct lwt_error soft;    /* a passing failure that ICMP told */
  struct tcp_listener *listener; /* not accepted yet */
  struct tcp_link accept;        /* in listener->ready */
  struct lwt_resolver read, write;
  struct lwt_resolver end;  /* connect, later close */
  uint8_t *read_bytes;
  size_t read_len;
  const uint8_t *write_bytes;
  size_t write_len;
};

enum { TCP_READ_BYTES = 1, TCP_READ_BUF = 2 };
enum { TCP_WRITE_BYTES = 1, TCP_WRITE_BUF = 2, TCP_WRITE_ABORTED = 3 };
enum { TCP_END_CONNECT = 1, TCP_END_CLOSE = 2 };

/* ---- The compact records ----------------------------------------------- */

struct tcp_half {
  struct tcp_node node;
  struct net_timer timer;
  struct net_stack *stack;
  struct tcp_listener *listener;
  struct tcp_link age;    /* in tcp->halves, the oldest first */
  struct tcp_link acked;  /* in listener->acked: established but for backlog */
  uint32_t iss, irs, wnd;
  uint32_t ts_recent, ts_offset;
  uint64_t started;
  uint64_t challenge_time;
  uint16_t peer_mss;
  uint16_t ack_window;    /* of the segment that completed the handshake */
  uint8_t snd_scale, retransmits, challenges;
  uint8_t options;        /* TCP_OPT_... of our SYN-ACK */
};

struct tcp_wait {
  struct tcp_node node;
  struct tcp_link age;    /* in tcp->waits, the first to go first */
  uint64_t expires;
  uint64_t challenge_time;
  uint32_t snd_nxt, rcv_nxt, rcv_wnd;
  uint32_t ts_recent, ts_offset;
  uint8_t ts_on, rcv_scale, challenges;
  uint8_t fin_wait_2;     /* the peer's FIN is still to come */
};

struct tcp_acceptor {
  struct tcp_link link;
  struct lwt_resolver resolver;
};

struct tcp_listener {
  struct lwt_listener listener; /* first */
  struct net_stack *stack;      /* NULL: the stack is closed */
  struct tcp_link link;         /* in tcp->listeners[] */
  struct tcp_link wake;         /* in tcp->accepting */
  struct lwt_addr addr;
  unsigned backlog, n_ready;
  uint32_t full_at;             /* the batch in which it became full */
  struct tcp_link ready;        /* struct tcp_conn.accept */
  struct tcp_link acked;        /* struct tcp_half.acked */
  struct tcp_link acceptors;
};

/* ---- The stack's part -------------------------------------------------- */

enum { TCP_LISTEN_BUCKETS = 64, TCP_WAYS = 4 };

/* The route between two addresses (tcp_way.c). */
struct tcp_way {
  uint32_t local, remote;
  struct net_route route;
};

struct net_tcp {
  struct net_stack *stack;
  struct tcp_table table;
  struct tcp_conn *last;   /* the last found; NULL */
  struct net_same same;    /* of the last frame for a connection, */
  struct tcp_conn *same_conn; /* which is this one */
  struct tcp_way ways[TCP_WAYS];
  struct tcp_shelf half_shelf, wait_shelf, accept_shelf;
  struct tcp_pool *pool;
  struct tcp_link listeners[TCP_LISTEN_BUCKETS];
  struct tcp_link conns;   /* every connection in the table */
  struct tcp_link work;    /* may have something to send */
  struct tcp_link wake;    /* may have a promise to settle */
  struct tcp_link accepting;
  struct tcp_link blocked; /* by the device; linked by work */
  struct tcp_link halves, waits;
  uint32_t n_conns, n_halves, n_waits;
  uint32_t max_halves;
  const struct tcp_cc_ops *cc; /* of new connections */
  unsigned depth;          /* entries into TCP that have not left */
  uint8_t input;           /* one of them is a batch */
  uint32_t batch;
  uint8_t closing;
  struct lwt_resolver closed;
  struct net_timer wait_timer;
  uint64_t isn_key[2];
  uint8_t cookie_key[16];
  struct tcp_tuple numbered; /* the last one, and its secret; all zero: none */
  uint64_t number;
  uint64_t port_bits;      /* what is left of a random number; 0: nothing */
  uint64_t cookie_sent;    /* when the last one was; 0: never */
  uint64_t held;           /* of config.tcp_memory, by all connections */
  uint64_t reclaimed;      /* when buffers were made smaller for others */
  struct lwt__task turn;   /* sends when the loop's turn ends */
};

/* Around everything that may mark a connection.  leave of the outermost entry
 * settles and sends; connections and the stack may be gone after it. */
void net_tcp_enter(struct net_stack *s);
void net_tcp_leave(struct net_stack *s);

/* Mark: look at what c has to send; at whether it has a promise to settle.  No
 * effect on a closed one. */
static inline void net_tcp_work(struct tcp_conn *c)
{
  if (c->stack && !tcp_linked(&c->work))
    tcp_list_add(&c->stack->tcp->work, &c->work);
}
static inline void net_tcp_wake(struct tcp_conn *c)
{
  if (c->stack && !tcp_linked(&c->wake) && (c->reading | c->writing | c->ending))
    tcp_list_add(&c->stack->tcp->wake, &c->wake);
}

/* ---- tcp_conn.c -------------------------------------------------------- */

/* A connection for node.tuple, in the table, all timers off; NULL. */
struct tcp_conn *net_tcp_conn_new(struct net_stack *s, const struct tcp_tuple *t);
/* Its name in RFC 9293, in small letters. */
const char *net_tcp_state_name(unsigned state);
/* The state changes; a trace has it. */
void net_tcp_conn_state(struct tcp_conn *c, enum tcp_state state);
/* What the interface, the path as far as IP knows it and the peer take. */
uint32_t net_tcp_conn_most(struct tcp_conn *c);
/* Whether the device on the way takes several segments as one packet. */
int net_tcp_device_cuts(const struct tcp_conn *c);
/* The path's MTU or the options are known: sets mss. */
void net_tcp_conn_mss(struct tcp_conn *c);
/* Both sides know each other: congestion control begins, the program is told. */
void net_tcp_conn_established(struct tcp_conn *c);
/* Leave the table; queued bytes are forgotten, promises are rejected.  c stays
 * valid until the outermost net_tcp_leave(), and for as long as the program
 * holds it.  code 0: closed in order. */
void net_tcp_conn_close(struct tcp_conn *c, int code, const char *what);
/* The same with a reset to the peer. */
void net_tcp_conn_reset(struct tcp_conn *c, int code, const char *what);
/* Settle one promise of c, or free c if it is closed and nobody holds it; c may
 * be gone after it.  c is not in s->tcp->wake. */
void net_tcp_conn_settle(struct net_stack *s, struct tcp_conn *c);
/* Free a closed c. */
void net_tcp_conn_free(struct tcp_conn *c);
/* After our FIN was acknowledged or the peer's came: the next state. */
void net_tcp_conn_fin_acked(struct tcp_conn *c);
void net_tcp_conn_fin_received(struct tcp_conn *c);
/* The program has closed: see whether anything is left to do. */
void net_tcp_conn_orphan(struct tcp_conn *c);
/* Take what fits of a pending write. */
void net_tcp_conn_refill(struct tcp_conn *c);

/* ---- tcp_flow.c, tcp_connect.c ----------------------------------------- */

extern const struct lwt_flow_ops net_tcp_flow_ops;
/* The connection of a flow that a program names; NULL: it is of another kind. */
static inline struct tcp_conn *net_tcp_conn_of(struct lwt_flow *flow)
{
  return flow->ops == &net_tcp_flow_ops ? (struct tcp_conn *)flow : NULL;
}
/* From an address of ours (NULL: the best) and a port (0: a free one). */
lwt_flow_p *net_tcp_connect_from(struct net_stack *s, const struct lwt_addr *from,
                                 uint16_t port, const struct lwt_addr *to);
void net_tcp_flow_abort(struct lwt_flow *flow);
/* For lwt_fulfill_owned(): nobody took the flow. */
void net_tcp_flow_drop(void *flow);

/* ---- tcp_listen.c ------------------------------------------------------ */

/* Who listens on the tuple's local end. */
struct tcp_listener *net_tcp_find_listener(struct net_stack *s,
                                           const struct tcp_tuple *t);
int net_tcp_port_is_listened(struct net_stack *s, uint16_t port);
/* A segment to a listener, not in the table; r->flags has SYN. */
void net_tcp_listen_syn(struct tcp_listener *l, const struct tcp_tuple *t,
                        const struct tcp_repr *r, uint32_t iss);
/* A segment to a listener with an ACK, not in the table: the connection, if it
 * completes a handshake with a cookie (as below); else it is answered. */
struct tcp_conn *net_tcp_listen_ack(struct tcp_listener *l, const struct tcp_tuple *t,
                                    const struct tcp_repr *r);
/* Set h's iss and ts_offset to what says everything about h (tcp_cookie.c). */
void net_tcp_cookie_send(struct net_stack *s, struct tcp_half *h);
/* Whether r acknowledges a cookie: then *h is what it said. */
int net_tcp_cookie_check(struct net_stack *s, const struct tcp_tuple *t,
                         const struct tcp_repr *r, struct tcp_half *h);
/* Returns the connection if r completes the handshake, which then goes through
 * net_tcp_conn_input(); else NULL. */
struct tcp_conn *net_tcp_half_input(struct net_stack *s, struct tcp_half *h,
                                    const struct tcp_repr *r);
void net_tcp_half_free(struct net_stack *s, struct tcp_half *h);
/* Settle one accept; the listener may be gone after it. */
void net_tcp_listener_settle(struct tcp_listener *l);
/* A connection that waited for accept is gone. */
void net_tcp_listener_forget(struct tcp_conn *c);
/* Stop listening; the memory stays the program's.  Acceptors move to waiting. */
void net_tcp_listener_shut(struct tcp_listener *l, struct tcp_link *waiting);
/* Reject a list of acceptors; listeners and stack may be gone after it. */
void net_tcp_reject_accepts(struct tcp_link *list);

/* ---- tcp_input.c, tcp_ack.c -------------------------------------------- */

/* Takes payload (header pulled, may be empty). */
void net_tcp_conn_input(struct tcp_conn *c, const struct tcp_repr *r,
                        struct lwt_buf *payload);
/* Read a header as net_tcp_parse() does, of a segment of c with no flags but ACK and
 * PSH and no options but timestamps, and those if c has them.  0: it has others. */
int net_tcp_parse_next(const struct tcp_conn *c, struct tcp_repr *r, const uint8_t *p,
                       uint32_t size, uint32_t total);
/* Whether r is the next segment of c: established, in order and in the window,
 * nothing in it that asks for a decision. */
int net_tcp_is_next(const struct tcp_conn *c, const struct tcp_repr *r);
/* The same for such a segment as net_tcp_conn_input(). */
void net_tcp_conn_next(struct tcp_conn *c, const struct tcp_repr *r,
                       struct lwt_buf *payload);
/* A segment between the ends t, which are node (NULL: they are not in the table).
 * Takes payload. */
void net_tcp_input_node(struct net_stack *s, const struct tcp_tuple *t,
                        struct tcp_node *node, const struct tcp_repr *r,
                        struct lwt_buf *payload);
/* A segment of len bytes comes in: the batch ends with net_tcp_input_done(). */
void net_tcp_input_begin(struct net_stack *s, size_t len);
/* Returns 0, or -1 if the segment must be dropped. */
int net_tcp_ack_input(struct tcp_conn *c, const struct tcp_repr *r);
void net_tcp_rtt_sample(struct tcp_conn *c, uint64_t rtt);
/* Whether PAWS refuses the segment (RFC 7323 5.3). */
static inline int net_tcp_paws(uint32_t tsval, uint32_t ts_recent)
{
  return seq_lt(tsval, ts_recent);
}

/* ---- tcp_output.c, tcp_segment.c --------------------------------------- */

/* Send what may be sent now: lost segments, new ones, an acknowledgment. */
void net_tcp_output(struct tcp_conn *c);
/* Send up to one segment that the usual rules hold back (persist timer). */
void net_tcp_output_probe(struct tcp_conn *c);
/* Send one segment to learn whether the last ones have arrived: a new one if
 * there is one, else the last once more.  Returns 1 if it was sent; *again. */
int net_tcp_output_tail(struct tcp_conn *c, int *again);
/* Send one new segment of len bytes, which the queue has.  Returns 1 if it was sent. */
int net_tcp_output_sized(struct tcp_conn *c, uint32_t len);
/* The window that the receive buffer allows now, SWS avoidance included:
 * moves rcv_adv and returns the field for the header. */
uint16_t net_tcp_window(struct tcp_conn *c);
/* Whether the peer should be told of the window after a read. */
int net_tcp_window_update_due(const struct tcp_conn *c);

/* Send [seq, seq + *len) with flags.  New data may be more than one segment, then a
 * multiple of mss, which the device cuts, or we do (tcp_cut.c); flags has FIN only for
 * the last of it.  Returns 0, or why it was not sent; *len: what was, which may be less
 * in both cases, and the FIN is then not. */
int net_tcp_send_data(struct tcp_conn *c, uint32_t seq, uint32_t *len, uint8_t flags);

/* For devices without offloads; a stack can do without (s->bulk). */
struct tcp_bulk {
  /* The part of net_tcp_send_data() that cuts: *len bytes from r->seq on behind headers
   * like r, over c->route, which is there.  The same. */
  int (*cut)(struct tcp_conn *c, const struct tcp_repr *r, uint8_t tos, uint32_t *len);
  /* Make r, which is the next segment of c, and its payload one with what follows it
   * in nif->rest. */
  void (*coalesce)(struct net_if *nif, struct tcp_conn *c, struct tcp_repr *r,
                   struct lwt_buf *payload);
};
extern const struct tcp_bulk net_tcp_bulk;
int net_tcp_send_cut(struct tcp_conn *c, const struct tcp_repr *r, uint8_t tos,
                     uint32_t *len);
void net_tcp_coalesce(struct net_if *nif, struct tcp_conn *c, struct tcp_repr *r,
                      struct lwt_buf *payload);
/* What happened to a segment, for the connection.  0: on its way or lost like any other;
 * else it should be tried again later. */
int net_tcp_outcome(struct tcp_conn *c, int code);
/* The options of our SYN, or of the answer to one with the options asked. */
uint8_t net_tcp_syn_options(const struct net_stack *s, uint8_t asked);
int net_tcp_send_syn(struct tcp_conn *c);
void net_tcp_send_ack(struct tcp_conn *c);
/* seq snd_nxt - 1, no data: the peer answers (keep-alive). */
void net_tcp_send_probe(struct tcp_conn *c);
void net_tcp_send_rst(struct tcp_conn *c);
/* The acknowledgment that RFC 5961 asks for, throttled. */
void net_tcp_challenge(struct tcp_conn *c);
int net_tcp_may_challenge(struct net_stack *s, uint64_t *since, uint8_t *count);
/* A segment without payload, ports from the tuple. */
int net_tcp_send_bare(struct net_stack *s, const struct tcp_tuple *t,
                      struct tcp_repr *r);
/* Answer a segment that belongs to nobody (RFC 9293 3.5.2). */
void net_tcp_refuse(struct net_stack *s, const struct tcp_tuple *t,
                    const struct tcp_repr *r);
/* Scale of a receive buffer's window. */
uint8_t net_tcp_scale_for(uint32_t buffer);

/* Whether headers are made of the route, the numbers and timestamps only. */
static inline int net_tcp_is_plain(const struct tcp_conn *c)
{
  return c->state == TCP_ESTABLISHED && c->mode == TCP_OPEN && !c->log &&
         !c->reass.head && c->dsack.start == c->dsack.end &&
         !(c->ecn_on | c->ecn_echo | c->urgent_out | c->persist | c->frto) &&
         c->route.age == c->stack->route_age && c->route.plain;
}

/* ---- tcp_way.c --------------------------------------------------------- */

/* The way of segments from the tuple's local address to its remote one, until the
 * next call; NULL: they go through net_ip_send(). */
const struct net_route *net_tcp_way(struct net_stack *s, const struct tcp_tuple *t);
/* The same of a connection: c->route. */
const struct net_route *net_tcp_conn_way(struct tcp_conn *c);
/* The largest segment that may be asked of the peer on that way, or on that of
 * net_ip_send() (NULL). */
uint16_t net_tcp_our_mss(struct net_stack *s, const struct net_route *way,
                         const struct lwt_addr *remote);

/* ---- tcp_few.c --------------------------------------------------------- */

/* Send all there is if it is a few new bytes that nothing holds back.  1: sent, and the
 * acknowledgment with it; 0: it is not so; -1: it is, and it could not be sent. */
int net_tcp_send_few(struct tcp_conn *c);

/* ---- tcp_log.c --------------------------------------------------------- */

enum tcp_event {
  TCP_LOG_SEND, TCP_LOG_RESEND, TCP_LOG_ACKED, TCP_LOG_SACKED, TCP_LOG_RECEIVED,
  TCP_LOG_ACK, TCP_LOG_RECOVERY, TCP_LOG_TIMEOUT, TCP_LOG_UNDO, TCP_LOG_PROBE,
  TCP_LOG_OPEN
};
/* Sequence numbers are relative to iss, or irs. */
void net_tcp_log_event(struct tcp_conn *c, enum tcp_event what, uint32_t a, uint32_t b);
void net_tcp_log_input(struct tcp_conn *c, const struct tcp_repr *r);
static inline void net_tcp_log(struct tcp_conn *c, enum tcp_event what)
{
  if (c->log)
    net_tcp_log_event(c, what, c->snd_una - c->iss, c->snd_nxt - c->iss);
}

/* ---- tcp_path.c -------------------------------------------------------- */

/* The same segment timed out again: perhaps it is too large for the path, and
 * nobody says so.  Returns 1 if segments are smaller now. */
int net_tcp_black_hole(struct tcp_conn *c);
/* An ICMP error, or what is remembered of one, has made mss smaller. */
void net_tcp_path_limited(struct tcp_conn *c);
/* While path_mss is not 0, before new data is sent: perhaps a larger segment goes
 * first.  Returns its bytes. */
uint32_t net_tcp_path_search(struct tcp_conn *c, uint32_t pipe);
/* A probe is out and something is lost.  Returns 1 if it is only the probe: it is
 * sent again in pieces, and nothing else follows. */
int net_tcp_path_lost(struct tcp_conn *c);
/* A probe is out and a timeout has come. */
void net_tcp_path_timeout(struct tcp_conn *c);

/* ---- tcp_uto.c --------------------------------------------------------- */

void net_tcp_uto_init(struct tcp_conn *c);
/* A timeout as the option has it. */
uint16_t net_tcp_uto_field(uint64_t timeout);
/* Add ours to a header. */
void net_tcp_uto_emit(struct tcp_conn *c, struct tcp_repr *r);
/* A segment that was taken has the option. */
void net_tcp_uto_input(struct tcp_conn *c, const struct tcp_repr *r);

/* ---- tcp_tune.c -------------------------------------------------------- */

/* Buffers to begin with.  0, or -1: there is no memory left for a connection. */
int net_tcp_tune_init(struct tcp_conn *c);
/* c closes. */
void net_tcp_tune_end(struct tcp_conn *c);
/* The window that a connection may be promised before it is made. */
uint16_t net_tcp_tune_window(const struct net_stack *s);
void net_tcp_tune_receive(struct tcp_conn *c);
void net_tcp_tune_send(struct tcp_conn *c);
/* The program has read n bytes. */
static inline void net_tcp_was_read(struct tcp_conn *c, size_t n)
{
  c->tune_read += (uint32_t)n;
  if (c->tune_read > c->rcv_buffer / 2 && c->stack &&
      c->rcv_buffer < c->stack->config.tcp_receive)
    net_tcp_tune_receive(c);
}

/* ---- tcp_ecn.c, tcp_pace.c --------------------------------------------- */

/* A segment that was taken has ECE, CWR or CE. */
void net_tcp_ecn_input(struct tcp_conn *c, const struct tcp_repr *r);
/* cwnd was reduced, for whatever reason. */
void net_tcp_ecn_reduced(struct tcp_conn *c);

#define TCP_PACE_RTT LWT_MS(2)
/* Whether new data may go out now; if not, t_retry says when. */
int net_tcp_pace(struct tcp_conn *c);
static inline int net_tcp_is_paced(const struct tcp_conn *c)
{
  return c->srtt >= TCP_PACE_RTT && c->rack.min_rtt >= TCP_PACE_RTT &&
         !(c->stack->config.tcp_without & LWT_NET_TCP_PACING);
}

/* ---- tcp_timer.c ------------------------------------------------------- */

/* Set the timer to the earliest deadline of c. */
void net_tcp_timer_update(struct tcp_conn *c);
/* Start the retransmission timer anew. */
void net_tcp_rexmit_start(struct tcp_conn *c);
uint64_t net_tcp_rto(const struct tcp_conn *c);
/* When the user timeout ends if nothing is acknowledged; LWT_NEVER: it does not. */
uint64_t net_tcp_patience_ends(const struct tcp_conn *c);
void net_tcp_conn_timer(struct net_timer *timer);

/* ---- tcp_wait.c -------------------------------------------------------- */

/* Replace c in the table by a record; c is closed in order.  fin_wait_2: the
 * peer's FIN is still to come. */
void net_tcp_wait_start(struct tcp_conn *c, int fin_wait_2);
/* Whether the SYN may open the connection anew (RFC 6191, RFC 9293 MAY-2). */
int net_tcp_wait_reusable(const struct tcp_wait *w, const struct tcp_repr *r);
void net_tcp_wait_input(struct net_stack *s, struct tcp_wait *w,
                        const struct tcp_repr *r);
void net_tcp_wait_free(struct net_stack *s, struct tcp_wait *w);
void net_tcp_wait_timer(struct net_timer *timer);

#endif
