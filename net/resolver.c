/* net/resolver.c - the resolver of a stack (lwt-dns.h), and the order of what comes out
 * (RFC 6724).
 * SPDX-License-Identifier: ISC
 */
#include "addr_select.h"
#include "dns.h"
#include "ipv6.h"
#include "names.h"

#include <string.h>

/* ---- The order of addresses ------------------------------------------------ */

static void look_at(struct net_stack *s, const struct lwt_addr *addr,
                    struct net_select_dst *dst)
{
  const struct net_address *a;
  struct lwt_addr source;
  uint16_t mtu;

  memset(dst, 0, sizeof *dst);
  net_select_map(addr, dst->ip);
  dst->usable = !net_ip_route(s, addr, &source, &mtu);
  if (!dst->usable)
    return;
  net_select_map(&source, dst->source.ip);
  source.port = 0;
  a = net_address_find(s, NULL, &source);
  dst->source.prefix = a ? (uint8_t)(a->prefix + (source.family == 4 ? 96 : 0)) : 128;
  dst->source.deprecated = a && a->state == LWT_IP_DEPRECATED;
  dst->source.outgoing = 1;
}

/* Without memory they stay as they are. */
static void order(void *env, struct lwt_addr *addrs, size_t n)
{
  struct net_select_dst *list = n > 1 ? lwt__alloc(n * sizeof *list) : NULL;
  struct lwt_addr *copy = list ? lwt__alloc(n * sizeof *copy) : NULL;
  size_t i;

  for (i = 0; copy && i < n; i++) {
    copy[i] = addrs[i];
    look_at(env, &addrs[i], &list[i]);
    list[i].index = i;
  }
  if (copy) {
    net_select_order(list, n);
    for (i = 0; i < n; i++)
      addrs[i] = copy[list[i].index];
  }
  lwt__free(copy);
  lwt__free(list);
}

/* ---- The resolver ------------------------------------------------------------ */

/* DHCP's first, until the lease, or the router's word, is over. */
static size_t learnt(struct lwt_stack *stack, struct lwt_addr *list, size_t max)
{
  struct net_stack *s = (struct net_stack *)stack;
  const struct net_name_source *source;
  size_t n = 0, i;

  net_clock(s);
  for (source = s->name_sources; source; source = source->next)
    for (i = 0; i < source->n && n < max; i++)
      list[n++] = source->servers[i];
  for (i = 0; i < s->n_ifs && n < max; i++)
    if (s->ifs[i]->six)
      n += net_ra_servers(s->ifs[i], list + n, max - n);
  return n < max ? n : max;
}

static int start(struct net_stack *s, const struct lwt_dns_config *config)
{
  struct lwt_dns_config c = { 0 };
  int error;

  if (config)
    c = *config;
  net_key(s, "dns random", c.secret);
  net_key(s, "dns hash", c.secret + 16);
  if (!s->config.ipv6)
    c.without |= LWT_DNS_IPV6;
  if (!c.order) {
    c.order = order;
    c.env = s;
  }
  error = lwt_dns_new(&s->stack, &c, &s->dns);
  if (!error)
    s->dns->learnt = learnt;
  return error;
}

const struct net_resolver net_resolver = {
  .start = start,
  .close = lwt_dns_close,
  .lookup = lwt_dns_lookup,
  .dump = lwt_dns_dump,
  .learnt = learnt,
};
