/* net/tcp_log.c - what happened to a connection, in the order of time.
 * SPDX-License-Identifier: ISC
 *
 * A ring of events that the program switches on for a flow; when it is full, the
 * oldest go and are counted.  tests/bench/plot-connection draws it.
 */
#include "tcp.h"

#include <inttypes.h>
#include <string.h>

struct event {
  uint64_t time;
  uint32_t a, b, cwnd;
  uint32_t what;
};

struct tcp_log {
  uint32_t room, n;
  uint64_t total;
  struct event events[];
};

void net_tcp_log_event(struct tcp_conn *c, enum tcp_event what, uint32_t a, uint32_t b)
{
  struct tcp_log *log = c->log;

  log->events[log->total++ % log->room] = (struct event){
    c->stack->now, a, b, c->cwnd, what
  };
  if (log->n < log->room)
    log->n++;
}

/* r came in: what it acknowledges, and what it brings. */
void net_tcp_log_input(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint32_t i;

  if (r->flags & TCP_ACK)
    net_tcp_log_event(c, TCP_LOG_ACKED, r->ack - c->iss,
                      ((uint32_t)r->window << c->snd_scale) + r->ack - c->iss);
  for (i = 0; i < r->n_sacks; i++)
    net_tcp_log_event(c, TCP_LOG_SACKED, r->sacks[i].start - c->iss,
                      r->sacks[i].end - c->iss);
  if (net_tcp_seg_len(r))
    net_tcp_log_event(c, TCP_LOG_RECEIVED, r->seq - c->irs,
                      r->seq + net_tcp_seg_len(r) - c->irs);
}

int lwt_net_tcp_log(struct lwt_flow *flow, uint32_t events)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);
  struct tcp_log *log = NULL;

  if (!c)
    return LWT_ENOTSUP;
  if (events > 1u << 24)
    return LWT_EINVAL;
  if (events) {
    log = lwt__alloc(sizeof *log + events * sizeof *log->events);
    if (!log)
      return LWT_ENOMEM;
    log->room = events;
    log->n = 0;
    log->total = 0;
  }
  lwt__free(c->log);
  c->log = log;
  return 0;
}

static void write_event(FILE *out, const struct event *e, uint64_t begin)
{
  static const char *const names[] = {
    "send", "resend", "acked", "sacked", "receive", "ack", "recovery", "timeout",
    "undo", "probe", "open"
  };
  uint64_t us = (e->time - begin) / 1000;

  fprintf(out, "%" PRIu64 ".%06u %s %" PRIu32 " %" PRIu32 " cwnd %" PRIu32 "\n",
          us / 1000000, (unsigned)(us % 1000000), names[e->what], e->a, e->b, e->cwnd);
}

int lwt_net_tcp_log_write(struct lwt_flow *flow, FILE *out)
{
  const struct tcp_conn *c = net_tcp_conn_of(flow);
  const struct tcp_log *log;
  char local[LWT_ADDR_TEXT], remote[LWT_ADDR_TEXT];
  uint64_t i, first;

  if (!c)
    return LWT_ENOTSUP;
  log = c->log;
  if (!log)
    return LWT_EINVAL;
  first = log->total - log->n;
  fprintf(out, "# tcp %s %s mss %" PRIu32 ", %" PRIu64 " events before these\n",
          lwt_addr_format(&c->local, local, sizeof local),
          lwt_addr_format(&c->remote, remote, sizeof remote), c->mss, first);
  for (i = first; i < log->total; i++)
    write_event(out, &log->events[i % log->room],
                log->events[first % log->room].time);
  return ferror(out) ? LWT_EIO : 0;
}
