/* net/mdns_query.c - one question by multicast (RFC 6762, section 5.1): from a port of
 * its own, so that answers come to us alone; by IPv4 and IPv6 at the same time.
 * SPDX-License-Identifier: ISC
 */
#include "dns.h"
#include "mdns.h"

#include <string.h>

enum { RECORDS_AT_MOST = 256 };

struct ear;

struct asking {
  struct lwt_frame frame;
  struct lwt_udp *udp[2]; /* NULL: not of this family */
  lwt_t *ears[2];
  struct ear *listening[2];
  struct lwt_resolver heard;
  int failed;  /* what an ear has died of */
  int unsent;  /* neither family could send */
  uint32_t interface;
  int i;
  struct net_dns_question q;
  uint64_t until;
  unsigned tries, records;
  int absent; /* whose name it is says that there is no such record */
  uint16_t id;
  struct lwt_error error;
  struct lwt_addr to;
  struct net_dns_writer w;
  size_t len;
  uint8_t query[NET_DNS_HEADER_LEN + NET_DNS_NAME_MAX + 4];
  uint8_t out[16384]; /* the answers so far */
};

static void make_query(struct asking *a)
{
  struct net_dns_header h = { .id = a->id };
  struct net_dns_writer w;

  net_dns_write(&w, a->query, sizeof a->query, &h);
  net_dns_put_question(&w, &a->q);
  a->len = net_dns_written(&w);
  h.qr = 1;
  net_dns_write(&a->w, a->out, sizeof a->out, &h);
}

/* Whether this record is among the answers. */
static int is_there(struct asking *a, const struct net_dns_rr *rr)
{
  uint8_t ours[600], theirs[600];
  size_t len = net_mdns_data(rr, theirs, sizeof theirs);
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr seen;

  net_dns_written(&a->w);
  net_dns_read(&r, a->out, a->w.len, &h);
  while (net_dns_next(&r, &seen) > 0)
    if (net_mdns_data(&seen, ours, sizeof ours) == len && !memcmp(ours, theirs, len))
      return 1;
  return 0;
}

/* Whether these are the data of a NSEC that has no such type (RFC 4034, section 4.1).
 * Of types from 256 on it says nothing here (RFC 6762, section 6.1). */
static int lacks(const struct net_dns_bytes *data, uint16_t type)
{
  const uint8_t *p = data->bytes, *end = p + data->len;

  while (p < end && *p && *p < 0xc0)
    p += *p + 1;
  p += p < end && *p ? 2 : 1; /* a pointer, or the root */
  if (type > 255 || end - p < 3 || p[0] || end - p != 2 + p[1])
    return 0;
  return type / 8 >= p[1] || !(p[2 + type / 8] & 0x80 >> type % 8);
}

/* Whether rr says that the name asked for has no such record. */
static int denies(const struct asking *a, const struct net_dns_rr *rr)
{
  return rr->type == NET_DNS_NSEC && !rr->opaque && rr->class == NET_DNS_IN && rr->ttl &&
         rr->section != NET_DNS_AUTHORITY && a->q.type != NET_DNS_PTR &&
         net_dns_name_equal(&rr->name, &a->q.name) && lacks(&rr->u.raw, a->q.type);
}

/* Those that answer the question. */
static void look(struct asking *a, const struct lwt_datagram *datagram)
{
  const struct lwt_buf *packet = datagram->packet;
  uint8_t bytes[9000];
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr rr;

  if (!packet || packet->total > sizeof bytes || datagram->from.port != NET_MDNS_PORT)
    return;
  lwt_buf_copy_out(packet, 0, bytes, packet->total);
  if (net_dns_read(&r, bytes, packet->total, &h) || !h.qr || h.opcode || h.rcode ||
      (h.id && h.id != a->id))
    return;
  while (a->records < RECORDS_AT_MOST && net_dns_next(&r, &rr) > 0) {
    rr.class &= 0x7fff;
    a->absent |= denies(a, &rr);
    if (rr.section != NET_DNS_ANSWER || rr.class != NET_DNS_IN || !rr.ttl ||
        rr.type != a->q.type || !net_dns_name_equal(&rr.name, &a->q.name) ||
        is_there(a, &rr))
      continue;
    a->records += net_dns_put(&a->w, NET_DNS_ANSWER, &rr) == 0;
  }
}

/* When to ask again: after one second, after three, then no more. */
static uint64_t patience(const struct asking *a)
{
  uint64_t now = lwt_now(), left = a->until > now ? a->until - now : 1;
  uint64_t wait = a->tries < 3 ? LWT_S(1u << (a->tries - 1)) : left;

  return wait < left ? wait : left;
}

/* The first answer is enough, or all that come. */
static int has_enough(const struct asking *a)
{
  return a->failed || a->absent || (a->records && a->q.type != NET_DNS_PTR) ||
         lwt_now() >= a->until;
}

/* Who listens to one family; a goes before it when the asker goes. */
struct ear {
  struct lwt_frame frame;
  struct asking *a;
  int i;
  struct lwt_udp *udp;
  struct lwt_datagram *datagram;
  struct lwt_error error;
};

static void ear_ends(void *ear)
{
  struct ear *e = ear;

  if (e->a)
    e->a->listening[e->i] = NULL;
}

/* What came. */
static void hear(struct ear *e)
{
  if (e->error.code)
    e->a->failed = e->error.code;
  else
    look(e->a, e->datagram);
  if (has_enough(e->a))
    lwt_fulfill(&e->a->heard, NULL);
}

LWT_STEP ear_step(struct lwt_frame *frame)
{
  struct ear *e = (struct ear *)frame;

  lwt_begin(e);
  e->a->listening[e->i] = e;
  lwt_defer(e, ear_ends, e);
  do {
    lwt_await_error(e, &e->error, &e->datagram, lwt_udp_receive(e->udp));
    if (e->a)
      hear(e);
    if (!e->error.code)
      lwt_datagram_free(e->datagram);
  } while (e->a && !has_enough(e->a));
  lwt_end(e);
}

static void close_all(void *asking)
{
  struct asking *a = asking;
  int i;

  for (i = 0; i < 2; i++)
    if (a->udp[i])
      lwt_udp_close(a->udp[i]);
}

static void deaf(void *asking)
{
  struct asking *a = asking;
  int i;

  for (i = 0; i < 2; i++) {
    if (a->listening[i])
      a->listening[i]->a = NULL;
    if (a->ears[i])
      lwt_drop(a->ears[i]);
  }
  lwt_abandon(&a->heard);
}

static void listen_to(struct asking *a)
{
  int i;

  for (i = 0; i < 2 && !a->failed; i++)
    if (a->udp[i]) {
      a->ears[i] = LWT_GO(struct ear, ear_step, .a = a, .i = i, .udp = a->udp[i]);
      a->failed = lwt_error(a->ears[i]).code;
    }
}

LWT_STEP ask_step(struct lwt_frame *frame)
{
  struct asking *a = (struct asking *)frame;
  struct net_dns_set *set;

  lwt_begin(a);
  lwt_defer(a, close_all, a);
  lwt_defer(a, deaf, a);
  make_query(a);
  listen_to(a);
  while (!has_enough(a)) {
    a->unsent = LWT_ENETUNREACH;
    for (a->i = 0; a->i < 2 && a->tries < 3; a->i++) {
      if (!a->udp[a->i])
        continue;
      a->to = net_mdns_group(a->i, a->interface);
      lwt_await_error(a, &a->error,
                      lwt_udp_send(a->udp[a->i], &a->to, a->query, a->len));
      if (a->error.code == LWT_ECANCELED)
        lwt_throw(a, LWT_ECANCELED, "mdns_query");
      if (a->unsent)
        a->unsent = a->error.code;
    }
    if (a->tries < 3 && a->unsent)
      lwt_throw(a, a->unsent, "mdns_query");
    a->tries += a->tries < 3;
    if (has_enough(a))
      break;
    lwt_await_error(a, &a->error,
                    lwt_with_timeout(patience(a), lwt_task(&a->heard)));
    lwt_abandon(&a->heard);
    if (a->error.code && a->error.code != LWT_ETIMEDOUT)
      lwt_throw(a, a->error.code, "mdns_query");
  }
  if (a->failed)
    lwt_throw(a, a->failed, "mdns_query");
  if (!a->records)
    lwt_throw(a, LWT_ENOENT, "mdns_query");
  set = net_dns_set_new(0, 0, a->out, net_dns_written(&a->w));
  if (!set)
    lwt_throw(a, LWT_ENOMEM, "mdns_query");
  lwt_finish_owned(a, set, net_dns_set_unref);
  lwt_end(a);
}

lwt_dns_answer_p *lwt_mdns_query(struct lwt_stack *stack, uint32_t interface,
                                 const char *name, uint16_t type, uint64_t timeout)
{
  const struct lwt_addr any[2] = { { .family = 4 }, { .family = 6 } };
  const struct lwt_ip_udp_options options = { .interface = interface, .ttl = 255 };
  struct net_dns_question q = { .type = type, .class = NET_DNS_IN };
  struct asking sockets = { .udp = { NULL } };
  struct lwt_ip_if_info info;
  int error = net_dns_name_from(&q.name, name) || !type ? LWT_EINVAL : 0;

  if (!error)
    error = lwt_ip_if_info(stack, interface, &info);
  if (!error)
    error = lwt_ip_udp_open(stack, &any[0], &options, &sockets.udp[0]);
  if (!error && net_if_find(net_stack_of(stack), interface)->six)
    error = lwt_ip_udp_open(stack, &any[1], &options, &sockets.udp[1]);
  if (error) {
    close_all(&sockets);
    return lwt_dns_answer_p_fail(error, "mdns_query");
  }
  return (lwt_dns_answer_p *)lwt_bind(
    LWT_GO_OR(struct asking, ask_step, close_all,
              .udp = { sockets.udp[0], sockets.udp[1] }, .q = q, .interface = interface,
              .until = lwt_now() + timeout,
              .id = (uint16_t)net_random(net_stack_of(stack))),
    net_dns_answer, NULL);
}
