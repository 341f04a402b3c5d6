/* lwt-tcp.h - the TCP connections of our own stack.
 * SPDX-License-Identifier: ISC
 *
 * For stacks over a device and their flows (lwt-net.h, which includes this); for others
 * every function says LWT_ENOTSUP.  Functions return 0 or a negative
 * code (lwt.h).
 */
#ifndef LWT_TCP_H
#define LWT_TCP_H

#include <lwt/stack.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Like lwt_stack_connect(), from an address of ours (RFC 9293 3.9.1.1; the unspecified
 * one: the best) and a port (0: one is chosen).  Not of one family: LWT_EINVAL.
 * LWT_EADDRNOTAVAIL: it is none of ours; LWT_EADDRINUSE: the port has a listener, or
 * there is such a connection, perhaps in TIME-WAIT. */
LWT_API lwt_flow_p *lwt_net_tcp_connect_from(struct lwt_stack *stack,
                                             const struct lwt_addr *from,
                                             const struct lwt_addr *to);

/* Whether a small segment may follow another that is not acknowledged.  Off at
 * first (Nagle's algorithm; a lone small segment never waits). */
LWT_API int lwt_net_tcp_nodelay(struct lwt_flow *flow, int on);

/* After `idle` ns without a sign of the peer ask for one every `interval` ns;
 * after `count` in vain (1 to 100) the connection ends with LWT_ETIMEDOUT.
 * idle 0: never, which is the default. */
LWT_API int lwt_net_tcp_keepalive(struct lwt_flow *flow, uint64_t idle,
                                  uint64_t interval, unsigned count);

/* How long sent data may remain unacknowledged, in ns (config: tcp_user_timeout);
 * then the connection ends with LWT_ETIMEDOUT.  LWT_NEVER: it does not. */
LWT_API int lwt_net_tcp_user_timeout(struct lwt_flow *flow, uint64_t duration);

/* The user timeout option (RFC 5482; config: tcp_with): tell the peer our timeout,
 * now and when it is set, and heed what the peer tells of its one: ours is the longer
 * of both then, at least 100 s and at most an hour, unless the program has set it by
 * the function above.  Off at first. */
LWT_API int lwt_net_tcp_user_timeout_option(struct lwt_flow *flow, int on);

/* The congestion control of the connection from now on, "cubic" or "newreno"
 * (config: tcp_congestion); cwnd stays.  LWT_EINVAL: there is no such one. */
LWT_API int lwt_net_tcp_congestion(struct lwt_flow *flow, const char *name);

/* What close does with bytes that the peer has not acknowledged.  LWT_NEVER, the
 * default: it goes on until the user timeout; 0: nothing, the connection is reset
 * at once; else so many ns, then it is reset and close fails with LWT_ETIMEDOUT. */
LWT_API int lwt_net_tcp_linger(struct lwt_flow *flow, uint64_t duration);

/* The differentiated services code point of what we send from now on, 0 to 63
 * (RFC 2474). */
LWT_API int lwt_net_tcp_dscp(struct lwt_flow *flow, unsigned dscp);

/* What was written and not yet acknowledged is urgent (RFC 9293 3.8.5, for old
 * protocols; RFC 6093 advises against it).  Urgent bytes we receive stay in their
 * place in the stream; `urgent` below says how many of them are still to be read.
 * LWT_EINVAL: nothing is queued. */
LWT_API int lwt_net_tcp_urgent(struct lwt_flow *flow);

struct lwt_net_tcp_info {
  const char *state;      /* RFC 9293, in small letters */
  const char *congestion; /* the algorithm */
  const char *recovery;   /* "open", "recovery" (fast) or "loss" (after a timeout) */
  uint32_t mss, cwnd, ssthresh;
  uint32_t send_window, receive_window;
  uint32_t send_buffer, receive_buffer; /* as large as they have grown */
  uint32_t unsent;        /* bytes queued, those in flight included */
  uint32_t in_flight;     /* sent and not acknowledged; of these: */
  uint32_t sacked, lost;  /* with the peer; lost and not sent again */
  uint32_t unread;
  uint32_t out_of_order;  /* holes in what was received */
  uint32_t urgent;        /* bytes to read up to the last urgent one */
  uint32_t retransmits;   /* of the present segment, by timeout */
  uint64_t sent_again;    /* segments */
  uint64_t delivered;     /* bytes that the peer is known to have got */
  uint64_t srtt, rttvar, rto, min_rtt; /* ns; min_rtt 0: not known */
  uint64_t user_timeout;  /* ns, what both ends have agreed on */
  uint8_t reordering;     /* the path reorders */
  uint8_t reordering_window; /* in quarters of min_rtt */
  uint8_t sack, timestamps, ecn, scale_out, scale_in; /* what was agreed on */
};
LWT_API int lwt_net_tcp_info(struct lwt_flow *flow, struct lwt_net_tcp_info *info);

/* ---- The log of a connection ------------------------------------------- */

/* Keep the last `events` events of the connection from now on (24 bytes each, at
 * most 2^24); 0: no more, what was kept is forgotten.  It goes with the flow. */
LWT_API int lwt_net_tcp_log(struct lwt_flow *flow, uint32_t events);

/* Write them as lines of text: seconds since the first, what, two sequence
 * numbers relative to the initial ones, cwnd.
 *
 *   send, resend A B     we sent [A, B)
 *   acked A B            the peer acknowledged A and takes up to B
 *   sacked A B           it has [A, B) as well
 *   receive A B          it sent [A, B)
 *   ack A B              we acknowledged A and take up to B
 *   recovery, timeout, undo, probe, open A B     A: the first byte in flight, B:
 *                        the end of what was sent
 *
 * tests/bench/plot-connection draws them.  LWT_EINVAL: there is no log;
 * LWT_EIO. */
LWT_API int lwt_net_tcp_log_write(struct lwt_flow *flow, FILE *out);

#ifdef __cplusplus
}
#endif

#endif
