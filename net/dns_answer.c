/* net/dns_answer.c - records for programs.
 * SPDX-License-Identifier: ISC
 *
 * An answer is one block: the records, and behind them the text of the names and the
 * bytes that they point to.
 */
#include "dns.h"

#include <stdio.h>
#include <string.h>

void lwt_dns_answer_free(void *answer)
{
  lwt__free(answer);
}

/* Where names and bytes go; NULL: only how much it would be. */
struct store {
  char *at;
  size_t len;
};

static const void *keep(struct store *s, const void *bytes, size_t len)
{
  char *p = s->at ? s->at + s->len : NULL;

  if (p && len)
    memcpy(p, bytes, len);
  s->len += len;
  return p;
}

static const char *keep_name(struct store *s, const struct net_dns_name *name)
{
  char text[NET_DNS_TEXT];

  net_dns_name_text(name, text, sizeof text);
  return keep(s, text, strlen(text) + 1);
}

static void address(struct lwt_dns_record *to, uint8_t family, const uint8_t *ip)
{
  to->addr.family = family;
  memcpy(to->addr.ip, ip, family == 4 ? 4 : 16);
}

/* The primary server, the mailbox, and five numbers as on the wire. */
static void soa(struct store *s, struct lwt_dns_record *to, const struct net_dns_rr *rr)
{
  const uint32_t numbers[5] = { rr->u.soa.serial, rr->u.soa.refresh, rr->u.soa.retry,
                                rr->u.soa.expire, rr->u.soa.minimum };
  uint8_t bytes[20];
  size_t i;

  for (i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(numbers[i / 4] >> (24 - i % 4 * 8));
  to->target = keep_name(s, &rr->u.soa.mname);
  to->bytes = keep(s, bytes, to->len = sizeof bytes);
}

static void record(struct store *s, struct lwt_dns_record *to,
                   const struct net_dns_rr *rr, uint32_t age)
{
  memset(to, 0, sizeof *to);
  to->name = keep_name(s, &rr->name);
  to->type = rr->type;
  to->ttl = rr->ttl > age ? rr->ttl - age : 0;
  switch (rr->type) {
  case NET_DNS_A:
    address(to, 4, rr->u.ip);
    break;
  case NET_DNS_AAAA:
    address(to, 6, rr->u.ip);
    break;
  case NET_DNS_NS:
  case NET_DNS_CNAME:
  case NET_DNS_PTR:
  case NET_DNS_DNAME:
    to->target = keep_name(s, &rr->u.target);
    break;
  case NET_DNS_MX:
    to->preference = rr->u.mx.preference;
    to->target = keep_name(s, &rr->u.mx.exchange);
    break;
  case NET_DNS_SRV:
    to->preference = rr->u.srv.priority;
    to->weight = rr->u.srv.weight;
    to->port = rr->u.srv.port;
    to->target = keep_name(s, &rr->u.srv.target);
    break;
  case NET_DNS_SOA:
    soa(s, to, rr);
    break;
  default:
    to->len = rr->u.raw.len;
    to->bytes = keep(s, rr->u.raw.bytes, to->len);
  }
}

/* Fill in answer, or with NULL count the records; returns the bytes behind them. */
static size_t fill(const struct net_dns_set *set, struct lwt_dns_answer *answer,
                   size_t *n)
{
  uint32_t age = (uint32_t)((lwt_now() - set->since) / LWT_S(1));
  struct store s = { answer ? (char *)&answer->records[answer->n] : NULL, 0 };
  struct lwt_dns_record one;
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr rr;

  *n = 0;
  if (net_dns_read(&r, set->msg, set->len, &h))
    return 0;
  for (; net_dns_next(&r, &rr) > 0; ++*n)
    record(&s, answer ? &answer->records[*n] : &one, &rr, age);
  return s.len;
}

lwt_t *net_dns_answer(void *env, void *value)
{
  const struct net_dns_set *set = value;
  struct lwt_dns_answer *a;
  size_t n, len;
  int error = set->error;

  (void)env;
  if (!error) {
    len = fill(set, NULL, &n);
    a = lwt__alloc(sizeof *a + n * sizeof *a->records + len);
    if (a) {
      a->n = n;
      fill(set, a, &n);
    }
    error = a ? 0 : LWT_ENOMEM;
  }
  net_dns_set_unref(value);
  return error ? lwt_fail(error, "dns_query") : lwt_return_owned(a, lwt_dns_answer_free);
}

static lwt_dns_answer_p *query(struct lwt_dns *dns, const struct net_dns_name *name,
                               uint16_t type)
{
  if (!net_dns_servers(dns))
    return lwt_dns_answer_p_fail(LWT_ENETUNREACH, "dns_query");
  return (lwt_dns_answer_p *)lwt_bind(LWT_UNTYPED(net_dns_question(dns, name, type)),
                                      net_dns_answer, NULL);
}

lwt_dns_answer_p *lwt_dns_query(struct lwt_dns *dns, const char *name, uint16_t type)
{
  struct net_dns_name n;

  /* Not questions: OPT, TKEY and beyond, IXFR AXFR and what is obsolete beside. */
  if (net_dns_name_from(&n, name) || !type || type == NET_DNS_OPT ||
      (type >= 249 && type <= 254))
    return lwt_dns_answer_p_fail(LWT_EINVAL, "dns_query");
  return query(dns, &n, type);
}

lwt_dns_answer_p *lwt_dns_reverse(struct lwt_dns *dns, const struct lwt_addr *addr)
{
  char text[80], *p = text;
  struct net_dns_name name;
  int i;

  if (addr->family == 4) {
    sprintf(p, "%u.%u.%u.%u.in-addr.arpa", addr->ip[3], addr->ip[2], addr->ip[1],
            addr->ip[0]);
  } else if (addr->family == 6) {
    for (i = 15; i >= 0; i--)
      p += sprintf(p, "%x.%x.", addr->ip[i] & 15, addr->ip[i] >> 4);
    strcpy(p, "ip6.arpa");
  } else {
    return lwt_dns_answer_p_fail(LWT_EINVAL, "dns_reverse");
  }
  net_dns_name_from(&name, text);
  return query(dns, &name, NET_DNS_PTR);
}
