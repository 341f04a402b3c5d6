/* netfront_connect.c - what the network backend is told and asked.
 * SPDX-License-Identifier: ISC
 *
 * One queue is used, and its keys are then the plain ones, however many there could
 * be.  Nothing is sent before the backend is connected.
 */
#include "netfront.h"

#include <stdio.h>
#include <string.h>
#include <xen/io/netif.h>

#define MTU 1500u
#define MTU_MIN 68u

int lwt__netfront_mac(uint8_t mac[6], const char *text, size_t len)
{
  unsigned digit, i, byte = 0;

  if (len != 17)
    return LWT_EINVAL;
  for (i = 0; i < 17; i++) {
    char c = text[i];

    if (i % 3 == 2) {
      if (c != ':')
        return LWT_EINVAL;
      continue;
    }
    digit = (unsigned)(c >= '0' && c <= '9'   ? c - '0'
                       : c >= 'a' && c <= 'f' ? c - 'a' + 10
                       : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                              : 16);
    if (digit > 15)
      return LWT_EINVAL;
    byte = (byte << 4 | digit) & 0xff;
    mac[i / 3] = (uint8_t)byte;
  }
  if (mac[0] & 1 || !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
    return LWT_EINVAL;
  return 0;
}

/* ---- Rings, grants, ports ------------------------------------------------------ */

static void disconnect(struct front *f)
{
  struct netfront *n = netfront_of(f);

  lwt__port_free(&n->port);
  lwt__port_free(&n->rx_port);
  lwt__netfront_tx_stop(n);
  lwt__netfront_rx_stop(n);
}

static int make_rings(struct netfront *n)
{
  int error = lwt__port_alloc(&n->port, n->front.backend->domain);

  if (!error && n->split)
    error = lwt__port_alloc(&n->rx_port, n->front.backend->domain);
  if (!error)
    error = lwt__netfront_tx_start(n);
  if (!error)
    error = lwt__netfront_rx_start(n);
  return error;
}

/* ---- What the directories say ---------------------------------------------------- */

enum { RX_COPY, SG, TSO4, TSO6, SPLIT, NO_CSUM4, CSUM6, QUEUES, N_KEYS };
static const char *const keys[N_KEYS] = {
  "feature-rx-copy",           "feature-sg",
  "feature-gso-tcpv4",         "feature-gso-tcpv6",
  "feature-split-event-channels", "feature-no-csum-offload",
  "feature-ipv6-csum-offload", "multi-queue-max-queues"
};

/* Connections rely on what was there before a resume, and on no more. */
static int keep(struct netfront *n, uint32_t offloads, uint16_t mtu)
{
  if (n->known && (n->netif.offloads & ~offloads || n->netif.mtu > mtu))
    return LWT_ENOTSUP;
  if (n->known)
    return 0;
  n->netif.offloads = offloads;
  n->netif.mtu = mtu;
  return 0;
}

/* Set what the device can.  Returns 0 or an error.  A device leaves checksums out for
 * both families or for none (lwt/netif.h). */
static int use(struct netfront *n, const uint64_t found[], uint64_t mtu)
{
  int csum = !found[NO_CSUM4] && found[CSUM6] == 1;
  uint32_t offloads = LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO;

  if (!found[RX_COPY])
    return LWT_ENOTSUP;
  n->sg = found[SG] == 1;
  n->split = found[SPLIT] == 1;
  n->queues = found[QUEUES] > 0;
  if (csum)
    offloads |= LWT_NETIF_TX_CSUM;
  if (csum && n->sg && found[TSO4] == 1)
    offloads |= LWT_NETIF_TX_TSO4;
  if (csum && n->sg && found[TSO6] == 1)
    offloads |= LWT_NETIF_TX_TSO6;
  if (mtu < MTU_MIN)
    return LWT_ERANGE;
  if (mtu > (n->sg ? NETFRONT_FRAME_MAX : XEN_PAGE) - NETFRONT_ETHER)
    mtu = (n->sg ? NETFRONT_FRAME_MAX : XEN_PAGE) - NETFRONT_ETHER;
  return keep(n, offloads, (uint16_t)mtu);
}

static int read_keys(struct netfront *n)
{
  uint64_t found[N_KEYS] = { 0 }, mtu = MTU;
  const char *path = n->front.backend->path;
  struct lwt_xs_value *mac;
  int i, error;

  for (i = 0; i < N_KEYS; i++) {
    error = lwt__xenbus_ask_number(path, keys[i], UINT32_MAX, &found[i]);
    if (error && error != LWT_ENOENT)
      return error;
  }
  error = lwt__xenbus_ask_number(n->front.path, "mtu", UINT16_MAX, &mtu);
  if (error && error != LWT_ENOENT)
    return error;
  error = lwt__xenbus_ask(n->front.path, "mac", &mac);
  if (error)
    return error;
  error = lwt__netfront_mac(n->netif.mac, mac->bytes, mac->len);
  lwt_xs_free(mac);
  return error ? error : use(n, found, mtu);
}

/* ---- What we write ---------------------------------------------------------------- */

/* The state last: the backend looks at the rest then. */
static int write_keys(const struct netfront *n)
{
  const struct {
    const char *key;
    uint32_t value;
    int when;
  } rows[] = {
    { "tx-ring-ref", n->tx.ring.ref, 1 },
    { "rx-ring-ref", n->rx.ring.ref, 1 },
    { "event-channel", n->port.number, !n->split },
    { "event-channel-tx", n->port.number, n->split },
    { "event-channel-rx", n->rx_port.number, n->split },
    { "multi-queue-num-queues", 1, n->queues },
    { "request-rx-copy", 1, 1 },
    { "feature-rx-notify", 1, 1 },
    { "feature-sg", 1, 1 },
    { "feature-gso-tcpv4", 1, 1 },
    { "feature-gso-tcpv6", 1, 1 },
    { "feature-ipv6-csum-offload", 1, 1 },
    { "state", XenbusStateConnected, 1 },
  };
  size_t i;
  int error = 0;

  for (i = 0; i < sizeof rows / sizeof *rows && !error; i++)
    if (rows[i].when)
      error = lwt__xenbus_tell(n->front.path, rows[i].key, rows[i].value);
  return error;
}

static int offer(struct front *f)
{
  struct netfront *n = netfront_of(f);
  int error = read_keys(n);

  if (!error)
    error = make_rings(n);
  if (!error)
    error = write_keys(n);
  return error;
}

/* It said everything before. */
static int accept(struct front *f)
{
  (void)f;
  return 0;
}

/* ---- Its life -------------------------------------------------------------------- */

static void up(struct front *f)
{
  struct netfront *n = netfront_of(f);

  n->known = 1;
  n->counts.connects++;
  lwt__netfront_kick(n);
  if (n->netif.up)
    n->netif.up(n->netif.up_env);
}

static void lost(struct front *f)
{
  struct netfront *n = netfront_of(f);
  struct lwt_resolver listener = n->listener;

  n->input = NULL;
  n->listener.lwt_private = NULL;
  lwt_condition_fail(&n->writers, LWT_ENETDOWN, "netif_writable");
  if (listener.lwt_private)
    lwt_reject(&listener, LWT_ENETDOWN, "netif_listen");
}

static void free_device(struct front *f)
{
  lwt__free(netfront_of(f));
}

const struct front_ops lwt__netfront_ops = {
  .what = "netfront",
  .offer = offer,
  .accept = accept,
  .disconnect = disconnect,
  .up = up,
  .down = disconnect,
  .lost = lost,
  .free = free_device,
};
