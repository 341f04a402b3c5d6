/* net/ip.c - lwt-ip.h: interfaces, addresses and routes, from the program.
 * SPDX-License-Identifier: ISC
 */
#include "ipv6.h"

static int find(struct lwt_stack *stack, uint32_t index, struct net_stack **s,
                struct net_if **nif)
{
  *s = net_stack_of(stack);
  if (!*s)
    return LWT_ENOTSUP;
  net_clock(*s);
  if ((*s)->closing)
    return LWT_ENETDOWN;
  *nif = net_if_find(*s, index);
  return *nif ? 0 : LWT_ENODEV;
}

/* ---- Interfaces -------------------------------------------------------- */

int lwt_ip_if_add(struct lwt_stack *stack, struct lwt_netif *netif, uint16_t mtu,
                  uint32_t *index)
{
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, 0, &s, &nif);

  if (error != LWT_ENODEV)
    return error;
  error = net_if_add(s, netif, mtu, &nif);
  if (!error)
    *index = nif->index;
  return error;
}

lwt_t *lwt_ip_if_remove(struct lwt_stack *stack, uint32_t index)
{
  struct lwt_netif *netif;
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, index, &s, &nif), held;

  if (!error && !nif->netif)
    error = LWT_EINVAL;
  if (error)
    return lwt_fail(error, "lwt_ip_if_remove");
  netif = nif->netif;
  held = lwt__hold();
  net_if_free(nif);
  lwt__release(held);
  return netif->ops->close(netif);
}

int lwt_ip_if_info(struct lwt_stack *stack, uint32_t index, struct lwt_ip_if_info *info)
{
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, index, &s, &nif);

  if (error)
    return error;
  memset(info, 0, sizeof *info);
  info->index = index;
  memcpy(info->name, nif->name, sizeof info->name);
  memcpy(info->mac, nif->mac, sizeof info->mac);
  info->loopback = !nif->netif;
  info->down = nif->down;
  info->mtu = nif->mtu;
  info->offloads = nif->offloads;
  info->stats = nif->stats;
  return 0;
}

uint32_t lwt_ip_if_next(struct lwt_stack *stack, uint32_t after)
{
  struct net_stack *s = net_stack_of(stack);
  unsigned i;

  for (i = 0; s && i < s->n_ifs; i++) /* in the order of their numbers */
    if (s->ifs[i]->index > after)
      return s->ifs[i]->index;
  return 0;
}

/* ---- Addresses --------------------------------------------------------- */

lwt_t *lwt_ip_address_add(struct lwt_stack *stack, uint32_t index,
                          const struct lwt_ip_address *address)
{
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, index, &s, &nif);

  if (error)
    return lwt_fail(error, "lwt_ip_address_add");
  return net_address_add(nif, address, NULL);
}

int lwt_ip_address_remove(struct lwt_stack *stack, uint32_t index,
                          const struct lwt_addr *addr)
{
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, index, &s, &nif);
  struct net_address *a = error ? NULL : net_address_find(s, nif, addr);

  if (error)
    return error;
  if (!a)
    return LWT_EADDRNOTAVAIL;
  net_address_remove(a);
  return 0;
}

size_t lwt_ip_addresses(struct lwt_stack *stack, uint32_t index,
                        struct lwt_ip_address *list, size_t max)
{
  struct net_stack *s;
  struct net_if *nif;
  struct net_address *a;
  size_t n = 0;

  if (find(stack, index, &s, &nif))
    return 0;
  for (a = nif->addrs; a; a = a->next, n++)
    if (n < max)
      list[n] = (struct lwt_ip_address){
        .addr = a->addr, .prefix = a->prefix, .origin = a->origin, .state = a->state,
        .preferred_until = a->preferred_until, .valid_until = a->valid_until
      };
  return n;
}

size_t lwt_ip_name_servers(struct lwt_stack *stack, uint32_t index,
                           struct lwt_addr *list, size_t max)
{
  struct net_stack *s;
  struct net_if *nif;

  if (find(stack, index, &s, &nif) || !nif->six)
    return 0;
  return net_ra_servers(nif, list, max);
}

/* ---- Routes ------------------------------------------------------------ */

int lwt_ip_route_add(struct lwt_stack *stack, const struct lwt_ip_route *route)
{
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, NET_IF_LOOPBACK, &s, &nif);

  return error ? error : net_routes_add(s, route);
}

int lwt_ip_route_remove(struct lwt_stack *stack, const struct lwt_ip_route *route)
{
  struct net_stack *s;
  struct net_if *nif;
  int error = find(stack, NET_IF_LOOPBACK, &s, &nif);

  return error ? error : net_routes_remove(s, route);
}

size_t lwt_ip_routes(struct lwt_stack *stack, struct lwt_ip_route *list, size_t max)
{
  struct net_stack *s = net_stack_of(stack);

  return s ? net_routes_list(s, list, max) : 0;
}
