/* dnslab.h - a resolver's stack on a hub with servers that the test scripts.
 * SPDX-License-Identifier: ISC
 *
 * A server answers as its `answer` function says, which is given the question and the
 * message that is being written, its header and question already in it.
 */
#ifndef DNSLAB_H
#define DNSLAB_H

#define LWT_TEST_SHORT
#include "../net/dns_wire.h"
#include <lwt-dns.h>
#include <lwt-net.h>
#include <lwt/io.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

enum reply { REPLY, SILENCE, WRONG_ID, WRONG_NAME, WRONG_PORT, GARBAGE, NO_QUESTION };

struct server {
  struct lwt_stack *stack;
  struct lwt_udp *udp, *other;
  struct lwt_listener *listener;
  lwt_t *running, *tcp;
  int udp_queries, tcp_queries, edns, mixed;
  uint16_t port, id; /* of the last query */
  uint64_t at;
  enum reply (*answer)(struct server *s, const struct net_dns_question *q, int tcp,
                       struct net_dns_header *h, struct net_dns_writer *w);
  struct net_dns_question q; /* the last one */
};

static struct lwt_net_hub *lab_hub;
static struct lwt_stack *lab_stack;
static struct lwt_dns *lab_dns;
static struct server lab_servers[2];

__attribute__((unused)) static struct lwt_addr lab_addr(const char *text, uint16_t port)
{
  struct lwt_addr a = { 0 };

  lwt_addr_parse(&a, text);
  a.port = port;
  return a;
}

/* ---- Records ----------------------------------------------------------------- */

static void lab_record(struct net_dns_rr *rr, const char *name, uint16_t type,
                       uint32_t ttl)
{
  memset(rr, 0, sizeof *rr);
  net_dns_name_from(&rr->name, name);
  rr->type = type;
  rr->class = NET_DNS_IN;
  rr->ttl = ttl;
}

__attribute__((unused)) static void put_addr(struct net_dns_writer *w, const char *name,
                                             uint32_t ttl, const char *text)
{
  struct lwt_addr a = lab_addr(text, 0);
  struct net_dns_rr rr;

  lab_record(&rr, name, a.family == 4 ? NET_DNS_A : NET_DNS_AAAA, ttl);
  memcpy(rr.u.ip, a.ip, 16);
  net_dns_put(w, NET_DNS_ANSWER, &rr);
}

__attribute__((unused)) static void put_name(struct net_dns_writer *w, const char *name,
                                             uint16_t type, uint32_t ttl,
                                             const char *target)
{
  struct net_dns_rr rr;

  lab_record(&rr, name, type, ttl);
  net_dns_name_from(&rr.u.target, target);
  net_dns_put(w, type == NET_DNS_NS ? NET_DNS_AUTHORITY : NET_DNS_ANSWER, &rr);
}

__attribute__((unused)) static void put_soa(struct net_dns_writer *w, const char *name,
                                            uint32_t ttl, uint32_t minimum)
{
  struct net_dns_rr rr;

  lab_record(&rr, name, NET_DNS_SOA, ttl);
  net_dns_name_from(&rr.u.soa.mname, "ns.example.org");
  net_dns_name_from(&rr.u.soa.rname, "root.example.org");
  rr.u.soa.minimum = minimum;
  net_dns_put(w, NET_DNS_AUTHORITY, &rr);
}

/* ---- Servers ------------------------------------------------------------------ */

static int lab_mixed(const struct net_dns_name *name)
{
  struct net_dns_name folded = *name;

  net_dns_name_fold(&folded);
  return !net_dns_name_same(name, &folded);
}

/* The answer to a query, and what becomes of it. */
static enum reply lab_reply(struct server *s, int tcp, const uint8_t *in, size_t len,
                            uint8_t *out, size_t *out_len)
{
  struct net_dns_reader r;
  struct net_dns_header h, question_header;
  struct net_dns_writer w;
  struct net_dns_rr rr;
  enum reply reply;

  s->edns = 0;
  s->at = lwt_now();
  if (net_dns_read(&r, in, len, &h) || net_dns_next_question(&r, &s->q) != 1)
    return SILENCE;
  while (net_dns_next(&r, &rr) > 0)
    s->edns |= rr.type == NET_DNS_OPT ? rr.class : 0;
  s->mixed += lab_mixed(&s->q.name);
  s->id = h.id;
  h.qr = h.ra = 1;
  net_dns_write(&w, out, 65535, &h);
  question_header = h;
  net_dns_put_question(&w, &s->q);
  reply = s->answer ? s->answer(s, &s->q, tcp, &h, &w) : SILENCE;
  if (reply == WRONG_ID)
    h.id++;
  if (reply == WRONG_NAME)
    out[NET_DNS_HEADER_LEN + 1] ^= 0x20;
  if (reply == NO_QUESTION) {
    net_dns_write(&w, out, 65535, &question_header);
  }
  net_dns_set_header(&w, &h);
  *out_len = reply == GARBAGE ? 20 : net_dns_written(&w);
  return reply;
}

static lwt_t *lab_ignore(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
  return lwt_return(NULL);
}

struct serving {
  struct lwt_frame frame;
  struct server *s;
  struct lwt_datagram *d;
  struct lwt_flow *flow;
  struct lwt_reader in;
  struct lwt_chunk *chunk;
  struct lwt_addr from;
  struct lwt_error error;
  size_t len;
  uint8_t query[600], out[65537];
};

LWT_STEP lab_udp_step(struct lwt_frame *frame)
{
  struct serving *v = (struct serving *)frame;
  enum reply reply;

  lwt_begin(v);
  for (;;) {
    lwt_await(v, &v->d, lwt_udp_receive(v->s->udp));
    v->from = v->d->from;
    v->len = v->d->packet ? lwt_buf_copy_out(v->d->packet, 0, v->query, 600) : 0;
    lwt_datagram_free(v->d);
    v->s->udp_queries++;
    v->s->port = v->from.port;
    reply = lab_reply(v->s, 0, v->query, v->len, v->out, &v->len);
    if (reply != SILENCE)
      lwt_await_error(v, &v->error,
                      lwt_udp_send(reply == WRONG_PORT ? v->s->other : v->s->udp,
                                   &v->from, v->out, v->len));
  }
  lwt_end(v);
}

LWT_STEP lab_tcp_step(struct lwt_frame *frame)
{
  struct serving *v = (struct serving *)frame;
  enum reply reply;

  lwt_begin(v);
  for (;;) {
    lwt_await(v, &v->flow, lwt_accept(v->s->listener));
    lwt_reader_init(&v->in, v->flow, 0);
    lwt_await_error(v, &v->error, &v->chunk, lwt_read_exactly(&v->in, 2));
    if (!v->error.code) {
      v->len = (size_t)(uint8_t)v->chunk->bytes[0] << 8 | (uint8_t)v->chunk->bytes[1];
      lwt_chunk_free(v->chunk);
      lwt_await_error(v, &v->error, &v->chunk, lwt_read_exactly(&v->in, v->len));
    }
    if (!v->error.code) {
      v->s->tcp_queries++;
      reply = lab_reply(v->s, 1, (uint8_t *)v->chunk->bytes, v->len, v->out + 2, &v->len);
      lwt_chunk_free(v->chunk);
      v->out[0] = (uint8_t)(v->len >> 8);
      v->out[1] = (uint8_t)v->len;
      if (reply != SILENCE)
        lwt_await_error(v, &v->error, lwt_flow_write(v->flow, v->out, v->len + 2));
    }
    lwt_reader_fini(&v->in);
    lwt_async(lwt_catch(lwt_flow_close(v->flow), lab_ignore, NULL));
  }
  lwt_end(v);
}

/* ---- Life ---------------------------------------------------------------------- */

static struct lwt_stack *lab_stack_at(const char *text)
{
  struct lwt_net_config c = { .addr = lab_addr(text, 0), .prefix = 24 };
  struct lwt_netif *port;
  struct lwt_stack *stack = NULL;

  c.tcp_time_wait = LWT_MS(1);
  memcpy(c.secret, text, strlen(text));
  if (!lwt_net_hub_port(lab_hub, NULL, &port) && lwt_net_stack_new(port, &c, &stack))
    lwt_drop(port->ops->close(port));
  return stack;
}

static void lab_serve(struct server *s, const char *text)
{
  struct lwt_addr addr = lab_addr(text, 53);

  s->stack = lab_stack_at(text);
  if (!s->stack)
    return;
  if (!lwt_stack_udp(s->stack, &addr, &s->udp))
    s->running = LWT_GO(struct serving, lab_udp_step, .s = s);
  if (!lwt_stack_listen(s->stack, &addr, 16, &s->listener))
    s->tcp = LWT_GO(struct serving, lab_tcp_step, .s = s);
  addr.port = 5353;
  lwt_stack_udp(s->stack, &addr, &s->other);
}

/* The resolver is on 10.0.0.2, its servers 10.0.0.53 and .54 unless config says else. */
__attribute__((unused)) static int lab_begin(const struct lwt_dns_config *config)
{
  struct lwt_net_hub_config hub = { .link = { .delay = LWT_MS(1) } };
  struct lwt_dns_config c = { 0 };
  int error;

  memset(lab_servers, 0, sizeof lab_servers);
  lab_dns = NULL;
  lab_stack = NULL;
  if (config)
    c = *config;
  memcpy(c.secret, "a secret for the resolver's test", 32);
  if (!c.n_servers) {
    c.servers[0] = lab_addr("10.0.0.53", 0);
    c.servers[1] = lab_addr("10.0.0.54", 53);
    c.n_servers = 2;
  }
  lab_hub = NULL;
  error = lwt_net_hub_new(&hub, &lab_hub);
  if (error)
    return error;
  lab_stack = lab_stack_at("10.0.0.2");
  lab_serve(&lab_servers[0], "10.0.0.53");
  lab_serve(&lab_servers[1], "10.0.0.54");
  if (!lab_stack)
    return LWT_ENOMEM;
  return lwt_dns_new(lab_stack, &c, &lab_dns);
}

__attribute__((unused)) static void lab_finish(void)
{
  int i;

  lwt_dns_close(lab_dns);
  for (i = 0; i < 2; i++) {
    struct server *s = &lab_servers[i];

    lwt_drop(s->running);
    lwt_drop(s->tcp);
    if (s->listener)
      lwt_listener_close(s->listener);
    if (s->udp)
      lwt_udp_close(s->udp);
    if (s->other)
      lwt_udp_close(s->other);
    if (s->stack)
      lwt_async(lwt_catch(lwt_stack_close(s->stack), lab_ignore, NULL));
  }
  if (lab_stack)
    lwt_async(lwt_catch(lwt_stack_close(lab_stack), lab_ignore, NULL));
  if (lab_hub)
    lwt_net_hub_free(lab_hub);
  lwt_test_advance(LWT_NEVER);
}

#endif
