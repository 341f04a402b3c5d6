/* net/mdns_query.c - one question by multicast (RFC 6762, section 5.1): from a port of
 * its own, so that answers come to us alone.
 * SPDX-License-Identifier: ISC
 */
#include "dns.h"
#include "mdns.h"

#include <string.h>

enum { RECORDS_AT_MOST = 256 };

struct asking {
  struct lwt_frame frame;
  struct lwt_udp *udp;
  struct net_dns_question q;
  uint64_t until;
  unsigned tries, records;
  uint16_t id;
  struct lwt_error error;
  struct lwt_addr to;
  struct lwt_datagram *datagram;
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
  a->to = net_addr4((uint32_t)NET_MDNS_GROUP, NET_MDNS_PORT);
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

/* Those that answer the question. */
static void look(struct asking *a)
{
  const struct lwt_buf *packet = a->datagram->packet;
  uint8_t bytes[9000];
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr rr;

  if (!packet || packet->total > sizeof bytes || a->datagram->from.port != NET_MDNS_PORT)
    return;
  lwt_buf_copy_out(packet, 0, bytes, packet->total);
  if (net_dns_read(&r, bytes, packet->total, &h) || !h.qr || h.opcode || h.rcode ||
      (h.id && h.id != a->id))
    return;
  while (a->records < RECORDS_AT_MOST && net_dns_next(&r, &rr) > 0) {
    rr.class &= 0x7fff;
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

LWT_STEP ask_step(struct lwt_frame *frame)
{
  struct asking *a = (struct asking *)frame;
  struct net_dns_set *set;

  lwt_begin(a);
  lwt_defer(a, lwt_udp_close, a->udp);
  make_query(a);
  while (lwt_now() < a->until && (!a->records || a->q.type == NET_DNS_PTR)) {
    if (a->tries < 3)
      lwt_await(a, lwt_udp_send(a->udp, &a->to, a->query, a->len));
    a->tries += a->tries < 3;
    do {
      lwt_await_error(a, &a->error, &a->datagram,
                      (lwt_datagram_p *)lwt_with_timeout(
                        patience(a), LWT_UNTYPED(lwt_udp_receive(a->udp))));
      if (!a->error.code) {
        look(a);
        lwt_datagram_free(a->datagram);
      }
    } while (!a->error.code && lwt_now() < a->until &&
             (!a->records || a->q.type == NET_DNS_PTR));
    if (a->error.code && a->error.code != LWT_ETIMEDOUT)
      lwt_throw(a, a->error.code, "mdns_query");
  }
  if (!a->records)
    lwt_throw(a, LWT_ENOENT, "mdns_query");
  set = net_dns_set_new(0, 0, a->out, net_dns_written(&a->w));
  if (!set)
    lwt_throw(a, LWT_ENOMEM, "mdns_query");
  lwt_finish_owned(a, set, net_dns_set_unref);
  lwt_end(a);
}

static void lost(void *frame)
{
  lwt_udp_close(((struct asking *)frame)->udp);
}

lwt_dns_answer_p *lwt_mdns_query(struct lwt_stack *stack, uint32_t interface,
                                 const char *name, uint16_t type, uint64_t timeout)
{
  const struct lwt_addr any = { .family = 4 };
  const struct lwt_ip_udp_options options = { .interface = interface, .ttl = 255 };
  struct net_dns_question q = { .type = type, .class = NET_DNS_IN };
  struct lwt_udp *udp;
  int error = net_dns_name_from(&q.name, name) || !type ? LWT_EINVAL : 0;

  if (!error)
    error = lwt_ip_udp_open(stack, &any, &options, &udp);
  if (error)
    return lwt_dns_answer_p_fail(error, "mdns_query");
  return (lwt_dns_answer_p *)lwt_bind(
    LWT_GO_OR(struct asking, ask_step, lost, .udp = udp, .q = q,
              .until = lwt_now() + timeout,
              .id = (uint16_t)net_random(net_stack_of(stack))),
    net_dns_answer, NULL);
}
