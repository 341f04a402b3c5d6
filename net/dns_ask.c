/* net/dns_ask.c - from a question to an answer: servers in turn, aliases, and what a
 * message means (RFC 1034 5.3.3, 1035 7, 2308).
 * SPDX-License-Identifier: ISC
 *
 * Of a message only this is believed: the records of the name that was asked for, or
 * of what its CNAMEs in that message lead to.
 */
#include "dns.h"

#include <string.h>

#define ALIASES 16
#define BAD_FOR LWT_S(30)

struct ask {
  struct lwt_frame frame;
  struct lwt_dns *dns;
  struct net_dns_name name; /* what aliases have led to */
  uint16_t type;
  uint8_t order[LWT_DNS_SERVERS];
  unsigned n, i, round, aliases;
  struct net_dns_try try;
  uint64_t timeout;
  struct lwt_error error;
  int failure; /* what is said if nobody answers */
  struct lwt_chunk *chunk;
  uint32_t ttl;
  uint8_t *out; /* what there is of the answer */
  struct net_dns_writer w;
  struct net_dns_set *set;
};

/* ---- What a message means ------------------------------------------------- */

enum verdict { ANSWERED, ALIASED, NEXT_SERVER, AGAIN, NO_MEMORY };

struct message {
  struct net_dns_header h;
  unsigned rcode;
  uint32_t soa_ttl; /* of a negative answer; has_soa */
  uint8_t has_soa, has_ns;
};

/* The whole of it, once. */
static int survey(struct ask *a, struct message *m)
{
  struct net_dns_reader r;
  struct net_dns_opt opt;
  struct net_dns_rr rr;
  int n;

  memset(m, 0, sizeof *m);
  if (net_dns_read(&r, (const uint8_t *)a->chunk->bytes, a->chunk->len, &m->h))
    return LWT_EBADMSG;
  m->rcode = m->h.rcode;
  while ((n = net_dns_next(&r, &rr)) > 0) {
    if (rr.type == NET_DNS_OPT && rr.section == NET_DNS_ADDITIONAL) {
      net_dns_opt_of(&rr, &opt);
      m->rcode |= (unsigned)opt.rcode << 4;
    }
    if (rr.section != NET_DNS_AUTHORITY || rr.opaque)
      continue;
    m->has_ns |= rr.type == NET_DNS_NS;
    if (rr.type == NET_DNS_SOA) {
      m->has_soa = 1;
      m->soa_ttl = rr.ttl < rr.u.soa.minimum ? rr.ttl : rr.u.soa.minimum;
    }
  }
  return n;
}

static void lower_ttl(struct ask *a, uint32_t ttl)
{
  if (ttl < a->ttl)
    a->ttl = ttl;
}

static void fold_target(struct net_dns_rr *rr)
{
  if (rr->opaque)
    return;
  if (rr->type == NET_DNS_CNAME || rr->type == NET_DNS_NS)
    net_dns_name_fold(&rr->u.target);
  else if (rr->type == NET_DNS_MX)
    net_dns_name_fold(&rr->u.mx.exchange);
  else if (rr->type == NET_DNS_SRV)
    net_dns_name_fold(&rr->u.srv.target);
}

/* Copy the records of a->name and `type` from the answer section; how many there
 * were, or LWT_EMSGSIZE.  Names are folded: servers repeat our capitals. */
static int gather(struct ask *a, uint16_t type, int at_most, struct net_dns_rr *rr)
{
  struct net_dns_reader r;
  struct net_dns_header h;
  int n = 0;

  net_dns_read(&r, (const uint8_t *)a->chunk->bytes, a->chunk->len, &h);
  while (n < at_most && net_dns_next(&r, rr) > 0 && rr->section == NET_DNS_ANSWER) {
    if (rr->class != NET_DNS_IN || !net_dns_name_equal(&rr->name, &a->name) ||
        (rr->type != type && type != NET_DNS_ANY))
      continue;
    fold_target(rr);
    rr->name = a->name;
    if (net_dns_put(&a->w, NET_DNS_ANSWER, rr))
      return LWT_EMSGSIZE;
    lower_ttl(a, rr->ttl);
    n++;
  }
  return n;
}

/* Room for what another message may add. */
static int reserve(struct ask *a)
{
  size_t room = a->w.len + 4 * a->chunk->len + 512;
  uint8_t *out = lwt__alloc(room < 65535 ? room : 65535);

  if (!out)
    return LWT_ENOMEM;
  memcpy(out, a->out, a->w.len);
  lwt__free(a->out);
  a->w.out = a->out = out;
  a->w.room = room < 65535 ? room : 65535;
  return 0;
}

static void conclude(struct ask *a, int error, uint32_t ttl)
{
  size_t len = net_dns_written(&a->w);

  a->set = net_dns_set_new(error, ttl, a->out, len);
}

static uint32_t at_most(uint32_t a, uint32_t b)
{
  return a < b ? a : b;
}

/* The records, or what leads to them. */
static enum verdict extract(struct ask *a, const struct message *m)
{
  const struct lwt_dns_config *c = &a->dns->config;
  struct net_dns_rr rr;
  unsigned before = a->aliases;
  int n;

  if (reserve(a))
    return NO_MEMORY;
  for (;;) {
    n = gather(a, a->type, 65535, &rr);
    if (n < 0)
      return NEXT_SERVER;
    if (n) {
      conclude(a, 0, at_most(a->ttl, c->max_ttl));
      return ANSWERED;
    }
    if (a->type == NET_DNS_CNAME || gather(a, NET_DNS_CNAME, 1, &rr) != 1)
      break;
    if (++a->aliases > ALIASES) {
      conclude(a, LWT_EIO, c->failure_ttl);
      return ANSWERED;
    }
    a->name = rr.u.target;
  }
  if (m->rcode == NET_DNS_NXDOMAIN || m->has_soa || a->aliases == before) {
    n = m->rcode == NET_DNS_NXDOMAIN ? LWT_ENOENT : LWT_ENODATA;
    lower_ttl(a, m->has_soa ? m->soa_ttl : 0);
    conclude(a, n, at_most(a->ttl, c->max_negative));
    return ANSWERED;
  }
  a->dns->stats.aliases++;
  return ALIASED;
}

static struct net_dns_server *server_of(struct ask *a)
{
  return &a->dns->servers[a->order[a->i]];
}

static enum verdict next_server(struct ask *a, uint64_t *counter, int failure)
{
  struct net_dns_server *s = server_of(a);

  ++*counter;
  if (lwt_addr_equal(&s->addr, &a->try.server)) { /* servers may have been set */
    s->failed++;
    s->bad_until = lwt_now() + BAD_FOR;
  }
  if (a->failure != LWT_EIO)
    a->failure = failure;
  return NEXT_SERVER;
}

/* a->chunk is a message that answers our question. */
static enum verdict judge(struct ask *a)
{
  struct lwt_dns_stats *stats = &a->dns->stats;
  struct net_dns_server *s = server_of(a);
  struct message m;

  if (survey(a, &m))
    return next_server(a, &stats->malformed, LWT_EIO);
  if (a->try.edns && (m.rcode == NET_DNS_FORMERR || m.rcode == NET_DNS_NOTIMP ||
                      m.rcode == NET_DNS_BADVERS)) {
    stats->no_edns++;
    a->try.edns = 0;
    if (lwt_addr_equal(&s->addr, &a->try.server))
      s->no_edns = 1;
    return AGAIN;
  }
  if (m.rcode != NET_DNS_NOERROR && m.rcode != NET_DNS_NXDOMAIN)
    return next_server(a, &stats->server_failed, LWT_EIO);
  if (!m.rcode && !m.h.records[NET_DNS_ANSWER] && !m.has_soa && m.has_ns && !m.h.aa)
    return next_server(a, &stats->lame, LWT_EIO);
  s->bad_until = 0;
  return extract(a, &m);
}

/* There is no message. */
static enum verdict excuse(struct ask *a)
{
  struct lwt_dns_stats *stats = &a->dns->stats;

  if (a->error.code == LWT_ENOMEM)
    return NO_MEMORY;
  if (!a->try.tcp && (a->error.code == LWT_EMSGSIZE || a->error.code == LWT_EPROTO)) {
    stats->suspicious += a->error.code == LWT_EPROTO;
    a->try.tcp = 1;
    return AGAIN;
  }
  if (a->error.code == LWT_ETIMEDOUT)
    return next_server(a, &stats->timeouts, LWT_ETIMEDOUT);
  if (a->error.code == LWT_EBADMSG) /* counted */
    return next_server(a, &(uint64_t){ 0 }, LWT_EIO);
  return next_server(a, &stats->unreachable,
                     a->failure ? a->failure : LWT_ENETUNREACH);
}

/* ---- Servers in turn --------------------------------------------------------- */

/* Those that did not answer a short time ago come last. */
static void make_order(struct ask *a)
{
  struct lwt_dns *dns = a->dns;
  unsigned start = dns->config.rotate ? dns->turn++ : 0, pass, i, k;

  net_dns_servers(dns);
  a->n = 0;
  for (pass = 0; pass < 2; pass++)
    for (i = 0; i < dns->n_servers; i++) {
      k = (start + i) % dns->n_servers;
      if ((dns->servers[k].bad_until > lwt_now()) == pass)
        a->order[a->n++] = (uint8_t)k;
    }
  a->i = a->round = 0;
}

static uint64_t begin_try(struct ask *a)
{
  struct lwt_dns *dns = a->dns;
  struct net_dns_server *s = server_of(a);

  if (!a->try.dns) { /* the first time here */
    s->asked++;
    a->try.dns = dns;
    a->try.server = s->addr;
    a->try.edns = net_dns_uses(dns, LWT_DNS_EDNS) && !s->no_edns;
    a->try.tcp = 0;
  }
  a->try.q = (struct net_dns_question){ a->name, a->type, NET_DNS_IN };
  return dns->config.timeout << (a->round < 8 ? a->round : 8);
}

/* Another server, or the first one again; 0: it was the last time. */
static int advance(struct ask *a)
{
  a->try.dns = NULL;
  if (++a->i < a->n)
    return 1;
  a->i = 0;
  return ++a->round < a->dns->config.rounds;
}

static void begin_ask(struct ask *a)
{
  const struct net_dns_header h = { .qr = 1 };

  a->ttl = UINT32_MAX;
  a->out = lwt__alloc(NET_DNS_HEADER_LEN);
  if (a->out)
    net_dns_write(&a->w, a->out, NET_DNS_HEADER_LEN, &h);
  make_order(a);
}

static void free_out(void *env)
{
  lwt__free(((struct ask *)env)->out);
}

LWT_STEP ask_step(struct lwt_frame *frame)
{
  struct ask *a = (struct ask *)frame;
  enum verdict verdict;

  lwt_begin(a);
  a->dns->refs++;
  lwt_defer(a, net_dns_unref, a->dns);
  begin_ask(a);
  if (!a->out)
    lwt_throw(a, LWT_ENOMEM, "dns");
  lwt_defer(a, free_out, a);
  if (!a->n)
    lwt_throw(a, LWT_ENETUNREACH, "dns");
  do {
    do {
      a->timeout = begin_try(a);
      lwt_await_error(a, &a->error, &a->chunk, net_dns_exchange(&a->try, a->timeout));
      if (a->error.code == LWT_ECANCELED || a->dns->closed)
        lwt_throw(a, LWT_ECANCELED, "dns");
      verdict = a->error.code ? excuse(a) : judge(a);
      lwt_chunk_free(a->chunk);
      a->chunk = NULL;
      if (verdict == NO_MEMORY || (verdict == ANSWERED && !a->set))
        lwt_throw(a, LWT_ENOMEM, "dns");
      if (verdict == ANSWERED)
        lwt_finish_owned(a, a->set, net_dns_set_unref);
      if (verdict == ALIASED) { /* the question is another one */
        a->i = a->round = 0;
        a->try.dns = NULL;
      }
    } while (verdict != NEXT_SERVER);
  } while (advance(a));
  conclude(a, a->failure, a->dns->config.failure_ttl);
  if (!a->set)
    lwt_throw(a, LWT_ENOMEM, "dns");
  lwt_finish_owned(a, a->set, net_dns_set_unref);
  lwt_end(a);
}

net_dns_set_p *net_dns_ask(struct lwt_dns *dns, const struct net_dns_name *name,
                           uint16_t type)
{
  lwt_t *p = LWT_GO(struct ask, ask_step, .dns = dns, .name = *name, .type = type);

  return (net_dns_set_p *)lwt_with_timeout(dns->config.deadline, p);
}
