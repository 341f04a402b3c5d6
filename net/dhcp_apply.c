/* net/dhcp_apply.c - what a DHCP lease does to the stack.
 * SPDX-License-Identifier: ISC
 */
#include "dhcp.h"

#include <string.h>

#define FOREVER 0xffffffffu
#define SHORTEST 10u

int net_dhcp_usable(const struct net_dhcp *m)
{
  uint32_t ip = m->yiaddr;

  return ip >> 24 && ip >> 24 != 127 && ip >> 28 < 14 && m->has_lease &&
         m->lease >= SHORTEST;
}

/* Without a mask, that of the address's old class. */
static unsigned prefix_of(const struct net_dhcp *m)
{
  if (m->mask)
    return net_dhcp_prefix(m->mask);
  return m->yiaddr >> 31 == 0 ? 8 : m->yiaddr >> 30 == 2 ? 16 : 24;
}

void net_dhcp_times(struct lwt_dhcp *d, const struct net_dhcp *m, uint64_t asked)
{
  struct lwt_dhcp_lease *l = &d->lease;
  uint32_t t1 = m->t1, t2 = m->t2;

  l->since = asked;
  if (m->lease == FOREVER) {
    l->renew = l->rebind = l->expires = LWT_NEVER;
    return;
  }
  if (!t2 || t2 >= m->lease)
    t2 = (uint32_t)((uint64_t)m->lease * 7 / 8);
  if (!t1 || t1 >= t2)
    t1 = m->lease / 2 < t2 ? m->lease / 2 : t2 / 2;
  /* Hosts that began together do not go on together (4.4.5). */
  l->renew = asked + LWT_S(t1) - net_dhcp_random(d, LWT_S(t1) / 20 + 1);
  l->rebind = asked + LWT_S(t2) - net_dhcp_random(d, LWT_S(t2 - t1) / 20 + 1);
  l->expires = asked + LWT_S(m->lease);
}

lwt_t *net_dhcp_set_address(struct lwt_dhcp *d, const struct net_dhcp *m, int fresh)
{
  const struct lwt_ip_address address = {
    .addr = net_addr4(m->yiaddr, 0), .prefix = (uint8_t)prefix_of(m),
    .origin = LWT_IP_DHCP, .unchecked = !fresh, .valid_until = d->lease.expires,
    .preferred_until = d->lease.expires
  };

  d->lease.addr = address.addr;
  d->has_address = 1;
  return lwt_ip_address_add(d->stack, d->interface, &address);
}

/* ---- Routes --------------------------------------------------------------------- */

/* RFC 3442: where there are classless routes, the routers are not looked at. */
static unsigned routes_of(const struct lwt_dhcp *d, const struct net_dhcp *m,
                          struct lwt_ip_route *list)
{
  unsigned i, n = 0;

  for (i = 0; i < m->n_routes; i++, n++)
    list[n] = (struct lwt_ip_route){
      .dst = net_addr4(m->routes[i].dst, 0), .prefix = m->routes[i].prefix,
      .gateway = net_addr4(m->routes[i].gateway, 0)
    };
  for (i = 0; !m->n_routes && i < m->n_routers; i++, n++)
    list[n] = (struct lwt_ip_route){ .dst = net_addr4(0, 0), .metric = i,
                                     .gateway = net_addr4(m->routers[i], 0) };
  for (i = 0; i < n; i++) {
    list[i].origin = LWT_IP_DHCP;
    list[i].interface = d->interface;
    list[i].mtu = m->mtu >= 68 ? m->mtu : 0;
    if (!net_ip4(&list[i].gateway))
      list[i].gateway.family = 0;
  }
  return n;
}

static void remove_routes(struct lwt_dhcp *d)
{
  while (d->n_routes)
    lwt_ip_route_remove(d->stack, &d->routes[--d->n_routes]);
}

static void set_routes(struct lwt_dhcp *d, const struct net_dhcp *m)
{
  struct lwt_ip_route list[16 + LWT_DHCP_ROUTERS];
  unsigned i, n;

  memset(list, 0, sizeof list);
  n = d->config.without_routes ? 0 : routes_of(d, m, list);
  remove_routes(d);
  for (i = 0; i < n; i++) {
    if (lwt_ip_route_add(d->stack, &list[i]))
      d->stats.failed++; /* such as a router that is not on link */
    else
      d->routes[d->n_routes++] = list[i];
  }
}

/* ---- All of it -------------------------------------------------------------------- */

static void set_names(struct lwt_dhcp *d)
{
  struct net_stack *s = net_stack_of(d->stack);

  if (d->names.n)
    net_names_forget(s, &d->names);
  d->names.servers = d->lease.dns;
  d->names.n = d->config.without_dns ? 0 : d->lease.n_dns;
  if (d->names.n)
    net_names_learn(s, &d->names);
}

void net_dhcp_apply(struct lwt_dhcp *d, const struct net_dhcp *m)
{
  struct lwt_dhcp_lease *l = &d->lease;
  unsigned i;

  l->addr = net_addr4(m->yiaddr, 0);
  l->server = net_addr4(m->server, 0);
  l->prefix = (uint8_t)prefix_of(m);
  l->mtu = m->mtu;
  for (i = 0; i < m->n_routers; i++)
    l->routers[i] = net_addr4(m->routers[i], 0);
  l->n_routers = m->n_routers;
  for (i = 0; i < m->n_dns; i++)
    l->dns[i] = net_addr4(m->dns[i], 0);
  l->n_dns = m->n_dns;
  strcpy(l->domain, m->domain);
  set_routes(d, m);
  set_names(d);
  d->has_lease = 1;
}

void net_dhcp_undo(struct lwt_dhcp *d)
{
  d->has_lease = 0;
  remove_routes(d);
  if (d->has_address)
    lwt_ip_address_remove(d->stack, d->interface, &d->lease.addr);
  d->has_address = 0;
  d->lease.n_dns = 0;
  set_names(d);
}

void lwt_dhcp_dump(const struct lwt_dhcp *d, FILE *out)
{
  const struct lwt_dhcp_lease *l = &d->lease;
  char text[LWT_ADDR_TEXT];
  unsigned i;

  if (!d->has_lease) {
    fprintf(out, "dhcp: no lease\n");
    return;
  }
  fprintf(out, "dhcp: %s/%u", lwt_addr_format(&l->addr, text, sizeof text), l->prefix);
  fprintf(out, " from %s", lwt_addr_format(&l->server, text, sizeof text));
  if (l->expires == LWT_NEVER)
    fprintf(out, " for ever");
  else
    fprintf(out, " for %u s",
            l->expires > lwt_now() ? (unsigned)((l->expires - lwt_now()) / LWT_S(1)) : 0);
  for (i = 0; i < l->n_routers; i++)
    fprintf(out, " router %s", lwt_addr_format(&l->routers[i], text, sizeof text));
  for (i = 0; i < l->n_dns; i++)
    fprintf(out, " dns %s", lwt_addr_format(&l->dns[i], text, sizeof text));
  fprintf(out, "%s%s\n", l->domain[0] ? " domain " : "", l->domain);
}
