/* net/dns_transport.c - one question to one server (RFC 1035 4.2, 5452, 6891, 7766).
 * SPDX-License-Identifier: ISC
 *
 * Each question over UDP has an endpoint of its own, and with it a port that the
 * stack chose at random.  What is not the answer is counted and waited on.
 */
#include "dns.h"

#include "net.h"

#include <string.h>

enum { UNWANTED = 16, QUERY_MAX = NET_DNS_HEADER_LEN + NET_DNS_NAME_MAX + 4 + 11 };

struct exchange {
  struct lwt_frame frame;
  struct net_dns_try try;
  uint16_t id;
  struct lwt_udp *udp;
  struct lwt_flow *flow;
  struct lwt_datagram *datagram;
  struct lwt_chunk *chunk;
  struct lwt_reader in;
  unsigned unwanted;
  size_t len;
  uint8_t query[2 + QUERY_MAX]; /* behind its length, for TCP */
};

/* Capitals by chance; the answer has them, too. */
static void mix(struct lwt_dns *dns, struct net_dns_name *name)
{
  uint64_t bits = 0;
  unsigned i;

  for (i = 0; i < name->len; i++, bits >>= 1) {
    if (i % 64 == 0)
      bits = net_dns_random(dns);
    if ((name->bytes[i] | 0x20) >= 'a' && (name->bytes[i] | 0x20) <= 'z')
      name->bytes[i] = (uint8_t)((name->bytes[i] & ~0x20) | (bits & 1) << 5);
  }
}

static void make_query(struct exchange *x)
{
  struct lwt_dns *dns = x->try.dns;
  const struct net_dns_opt opt = { .udp_size = dns->config.udp_size };
  struct net_dns_header h = { .id = (uint16_t)net_dns_random(dns), .rd = 1 };
  struct net_dns_writer w;
  struct net_dns_rr rr;

  x->id = h.id;
  if (net_dns_uses(dns, LWT_DNS_0X20) && !x->try.tcp)
    mix(dns, &x->try.q.name);
  net_dns_write(&w, x->query + 2, QUERY_MAX, &h);
  net_dns_put_question(&w, &x->try.q);
  if (x->try.edns) {
    net_dns_opt_make(&rr, &opt);
    net_dns_put(&w, NET_DNS_ADDITIONAL, &rr);
  }
  x->len = net_dns_written(&w);
  net_put16(x->query, (uint32_t)x->len);
}

/* Whether it answers our question; LWT_EMSGSIZE: it is truncated. */
static int check(struct exchange *x, const uint8_t *bytes, size_t len)
{
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_question q;
  int n;

  if (net_dns_read(&r, bytes, len, &h))
    return LWT_EBADMSG;
  if (h.id != x->id || !h.qr || h.opcode)
    return LWT_EPROTO;
  /* A server that does not understand the query may leave out the question. */
  if (!h.questions)
    return h.rcode == NET_DNS_FORMERR || h.rcode == NET_DNS_NOTIMP ? 0 : LWT_EPROTO;
  n = net_dns_next_question(&r, &q);
  if (n < 0 || h.questions != 1)
    return LWT_EBADMSG;
  if (q.type != x->try.q.type || q.class != x->try.q.class ||
      !net_dns_name_same(&q.name, &x->try.q.name))
    return LWT_EPROTO;
  return h.tc && !x->try.tcp ? LWT_EMSGSIZE : 0;
}

static void count(struct exchange *x, int error)
{
  struct lwt_dns_stats *stats = &x->try.dns->stats;

  if (error == LWT_EMSGSIZE)
    stats->truncated++;
  else if (error == LWT_EBADMSG)
    stats->malformed++;
  else if (error)
    stats->unwanted++;
  else
    stats->answers++;
}

/* ---- UDP ----------------------------------------------------------------- */

/* What a datagram is worth: 0 (then it is x->chunk), LWT_EMSGSIZE, LWT_ENOMEM, or
 * LWT_EAGAIN: nothing. */
static int look(struct exchange *x)
{
  const struct lwt_datagram *d = x->datagram;
  size_t len = d->packet ? d->packet->total : 0;
  int error;

  if (!lwt_addr_equal(&d->from, &x->try.server)) {
    x->try.dns->stats.unwanted++;
    return LWT_EAGAIN;
  }
  x->chunk = lwt__alloc(sizeof *x->chunk + len + 1);
  if (!x->chunk)
    return LWT_ENOMEM;
  x->chunk->len = len;
  if (len)
    lwt_buf_copy_out(d->packet, 0, x->chunk->bytes, (uint32_t)len);
  error = check(x, (const uint8_t *)x->chunk->bytes, len);
  count(x, error);
  if (!error)
    return 0;
  lwt__free(x->chunk);
  x->chunk = NULL;
  return error == LWT_EMSGSIZE ? error : LWT_EAGAIN;
}

static int open_udp(struct exchange *x)
{
  const struct lwt_addr any = { .family = x->try.server.family };

  return lwt_stack_udp(x->try.dns->stack, &any, &x->udp);
}

LWT_STEP udp_step(struct lwt_frame *frame)
{
  struct exchange *x = (struct exchange *)frame;
  int error;

  lwt_begin(x);
  x->try.dns->refs++;
  lwt_defer(x, net_dns_unref, x->try.dns);
  error = open_udp(x);
  if (error)
    lwt_throw(x, error, "dns");
  lwt_defer(x, lwt_udp_close, x->udp);
  make_query(x);
  x->try.dns->stats.sent_udp++;
  lwt_await(x, lwt_udp_send(x->udp, &x->try.server, x->query + 2, x->len));
  for (;;) {
    lwt_await(x, &x->datagram, lwt_udp_receive(x->udp));
    error = look(x);
    lwt_datagram_free(x->datagram);
    if (!error)
      lwt_finish_owned(x, x->chunk, lwt_chunk_free);
    if (error != LWT_EAGAIN)
      lwt_throw(x, error, "dns");
    if (++x->unwanted == UNWANTED)
      lwt_throw(x, LWT_EPROTO, "dns");
  }
  lwt_end(x);
}

/* ---- TCP ----------------------------------------------------------------- */

LWT_STEP tcp_step(struct lwt_frame *frame)
{
  struct exchange *x = (struct exchange *)frame;
  int error;

  lwt_begin(x);
  x->try.dns->refs++;
  lwt_defer(x, net_dns_unref, x->try.dns);
  lwt_await(x, &x->flow, lwt_stack_connect(x->try.dns->stack, &x->try.server));
  lwt_defer(x, lwt_flow_abort, x->flow);
  make_query(x);
  x->try.dns->stats.sent_tcp++;
  lwt_await(x, lwt_flow_write(x->flow, x->query, x->len + 2));
  lwt_reader_init(&x->in, x->flow, 65536);
  lwt_defer(x, lwt_reader_fini, &x->in);
  lwt_await(x, &x->chunk, lwt_read_exactly(&x->in, 2));
  x->len = net_get16((const uint8_t *)x->chunk->bytes);
  lwt_chunk_free(x->chunk);
  lwt_await(x, &x->chunk, lwt_read_exactly(&x->in, x->len));
  error = check(x, (const uint8_t *)x->chunk->bytes, x->chunk->len);
  count(x, error);
  if (error) {
    lwt_chunk_free(x->chunk);
    lwt_throw(x, LWT_EBADMSG, "dns");
  }
  lwt_finish_owned(x, x->chunk, lwt_chunk_free);
  lwt_end(x);
}

lwt_chunk_p *net_dns_exchange(const struct net_dns_try *try, uint64_t timeout)
{
  lwt_t *p = try->tcp ? LWT_GO(struct exchange, tcp_step, .try = *try)
                      : LWT_GO(struct exchange, udp_step, .try = *try);

  return (lwt_chunk_p *)lwt_with_timeout(timeout, p);
}
