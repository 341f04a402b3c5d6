/* net/interface.c - interfaces: made over devices, fed by them, taken away.
 * SPDX-License-Identifier: ISC
 *
 * Input runs held (lwt/memory.h): what packets settle is seen by the program when
 * the whole batch is through.
 */
#include "group.h"
#include "ipv6.h"
#include "route.h"

#include <string.h>

struct net_if *net_if_find(const struct net_stack *s, uint32_t index)
{
  unsigned i;

  for (i = 0; i < s->n_ifs; i++)
    if (s->ifs[i]->index == index)
      return s->ifs[i];
  return NULL;
}

static void input(void *env, struct lwt_buf *packets)
{
  struct net_if *nif = env;
  struct net_stack *s = nif->s;
  struct lwt_buf *frame;
  int held = lwt__hold();

  s->clocked = 0;
  if (s->pcap)
    net_clock(s);
  nif->rest = packets;
  while ((frame = nif->rest)) {
    nif->rest = frame->next_packet;
    frame->next_packet = NULL;
    net_ether_input(nif, frame);
  }
  net_tcp_input_done(s);
  lwt__release(held);
}

/* The device died. */
static lwt_t *died(void *env, struct lwt_error error)
{
  struct net_if *nif = env;

  if (error.code == LWT_ECANCELED)
    return lwt_return(NULL);
  nif->down = 1;
  net_clock(nif->s);
  net_routes_changed(nif->s);
  net_event(nif->s, LWT_IP_IF_DOWN, nif->index, NULL);
  return lwt_return(NULL);
}

/* Bridges and neighbours learn where we are now. */
static void came_up(void *env)
{
  struct net_if *nif = env;
  struct net_address *a;

  net_clock(nif->s);
  for (a = nif->addrs; a; a = a->next)
    if (a->addr.family == 4 && a->state != LWT_IP_TENTATIVE)
      net_acd_announce(a);
    else if (a->addr.family == 6 && a->state != LWT_IP_TENTATIVE)
      net_nd_announce(a);
}

/* Whatever name the device has, as text without surprises. */
static void set_name(struct net_if *nif, const char *name)
{
  size_t i;

  for (i = 0; i + 1 < sizeof nif->name && name[i]; i++)
    nif->name[i] = name[i] > ' ' && name[i] < 127 ? name[i] : '?';
}

/* Neighbours and input.  Loopback has neither. */
static int attach(struct net_if *nif)
{
  int error = net_neighbours_init(nif);
  lwt_t *listening;

  if (error)
    return error;
  listening = nif->netif->ops->listen(nif->netif, input, nif);
  error = lwt_state(listening) == LWT_REJECTED ? lwt_error(listening).code : 0;
  if (error) {
    lwt_drop(listening);
    return error;
  }
  nif->listening = lwt_catch(listening, died, nif);
  nif->netif->up = came_up;
  nif->netif->up_env = nif;
  return 0;
}

int net_if_add(struct net_stack *s, struct lwt_netif *netif, uint16_t mtu,
               struct net_if **out)
{
  struct net_if *nif;
  int error = 0;

  if (netif && (mtu > netif->mtu || (mtu && mtu < 68)))
    return LWT_EINVAL;
  if (s->n_ifs == NET_IF_MAX)
    return LWT_ENOBUFS;
  nif = lwt__alloc(sizeof *nif);
  if (!nif)
    return LWT_ENOMEM;
  memset(nif, 0, sizeof *nif);
  nif->s = s;
  nif->netif = netif;
  nif->index = ++s->last_if;
  nif->loop_end = &nif->loop;
  net_groups_init(nif);
  nif->mtu = mtu ? mtu : netif ? netif->mtu : 65535;
  nif->offloads = netif ? netif->offloads : LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM;
  set_name(nif, netif ? netif->name : "lo");
  if (netif) {
    memcpy(nif->mac, netif->mac, 6);
    error = attach(nif);
  }
  s->ifs[s->n_ifs++] = nif;
  if (!error && netif && s->config.ipv6 && nif->mtu >= NET_IPV6_MTU_MIN)
    error = net_if6_start(nif, s->config.ipv6 == LWT_NET_IPV6_AUTO);
  if (error) {
    net_if_free(nif);
    return error;
  }
  net_event(s, LWT_IP_IF_ADDED, nif->index, NULL);
  *out = nif;
  return 0;
}

static void let_go(lwt_t *p)
{
  if (!p)
    return;
  lwt_error(p); /* the device may have died: seen */
  lwt_drop(p);
}

void net_if_free(struct net_if *nif)
{
  struct net_stack *s = nif->s;
  unsigned i;

  while (nif->addrs)
    net_address_remove(nif->addrs);
  net_routes_drop_if(s, nif->index);
  if (nif->netif && nif->netif->up_env == nif)
    nif->netif->up = NULL;
  let_go(nif->listening);
  let_go(nif->writable);
  net_if6_stop(nif);
  net_groups_fini(nif);
  net_neighbours_fini(nif);
  lwt_buf_free_queue(nif->loop);
  for (i = 0; s->ifs[i] != nif; i++)
    ;
  s->n_ifs--;
  memmove(s->ifs + i, s->ifs + i + 1, (s->n_ifs - i) * sizeof *s->ifs);
  net_event(s, LWT_IP_IF_REMOVED, nif->index, NULL);
  lwt__free(nif);
}
