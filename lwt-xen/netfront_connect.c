/* netfront_connect.c - the handshake with the network backend, both ways.
 * SPDX-License-Identifier: ISC
 *
 * One queue is used, and its keys are then the plain ones, however many there could
 * be.  Nothing is sent before the backend is connected.
 */
#include "netfront.h"

#include <stdio.h>
#include <string.h>
#include <xen/io/netif.h>

/* For each step of a backend that is to let go. */
#define PATIENCE LWT_S(5)
/* For a program that blocks until it is connected; the host may have much to do. */
#define START_PATIENCE LWT_S(30)
/* Of a backend that leaves, or has left. */
#define ENDING                                                       \
  (XENBUS_IN(XenbusStateUnknown) | XENBUS_IN(XenbusStateClosing) |   \
   XENBUS_IN(XenbusStateClosed))
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

void lwt__netfront_disconnect(struct netfront *n)
{
  lwt__port_free(&n->port);
  lwt__port_free(&n->rx_port);
  lwt__netfront_tx_stop(n);
  lwt__netfront_rx_stop(n);
}

static int make_rings(struct netfront *n)
{
  int error = lwt__port_alloc(&n->port, n->backend->domain);

  if (!error && n->split)
    error = lwt__port_alloc(&n->rx_port, n->backend->domain);
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

/* Set what the device can.  Returns 0 or an error.  A device leaves checksums out for
 * both families or for none (lwt/netif.h). */
static int use(struct netfront *n, const uint64_t found[], uint64_t mtu)
{
  int csum = !found[NO_CSUM4] && found[CSUM6] == 1;

  if (!found[RX_COPY])
    return LWT_ENOTSUP;
  n->sg = found[SG] == 1;
  n->split = found[SPLIT] == 1;
  n->queues = found[QUEUES] > 0;
  n->netif.offloads = LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO;
  if (csum)
    n->netif.offloads |= LWT_NETIF_TX_CSUM;
  if (csum && n->sg && found[TSO4] == 1)
    n->netif.offloads |= LWT_NETIF_TX_TSO4;
  if (csum && n->sg && found[TSO6] == 1)
    n->netif.offloads |= LWT_NETIF_TX_TSO6;
  if (mtu < MTU_MIN)
    return LWT_ERANGE;
  if (mtu > (n->sg ? NETFRONT_FRAME_MAX : XEN_PAGE) - NETFRONT_ETHER)
    mtu = (n->sg ? NETFRONT_FRAME_MAX : XEN_PAGE) - NETFRONT_ETHER;
  n->netif.mtu = (uint16_t)mtu;
  return 0;
}

static int read_keys(struct netfront *n)
{
  uint64_t found[N_KEYS] = { 0 }, mtu = MTU;
  struct lwt_xs_value *mac;
  int i, error;

  for (i = 0; i < N_KEYS; i++) {
    error = lwt__xenbus_ask_number(n->backend->path, keys[i], UINT32_MAX, &found[i]);
    if (error && error != LWT_ENOENT)
      return error;
  }
  error = lwt__xenbus_ask_number(n->path, "mtu", UINT16_MAX, &mtu);
  if (error && error != LWT_ENOENT)
    return error;
  error = lwt__xenbus_ask(n->path, "mac", &mac);
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
      error = lwt__xenbus_tell(n->path, rows[i].key, rows[i].value);
  return error;
}

/* The backend waits for us: everything up to our state Connected. */
static int offer(struct netfront *n)
{
  int error = read_keys(n);

  if (!error)
    error = make_rings(n);
  if (!error)
    error = write_keys(n);
  return error;
}

/* ---- Connecting -------------------------------------------------------------------- */

/* Without a state of ours the backend would go on to look at the rings. */
static void give_up(struct netfront *n)
{
  if (n->backend)
    lwt__xenbus_tell(n->path, "state", XenbusStateClosed);
  lwt__netfront_disconnect(n);
}

struct connecting {
  struct lwt_frame frame;
  struct netfront *n;
  struct xenbus_backend *backend;
  struct lwt_error error;
  unsigned state;
};

static void connecting_end(void *env)
{
  struct connecting *s = env;

  if (s->n->state != NETFRONT_UP)
    give_up(s->n);
}

/* The backend's state as soon as it is one of `set`; LWT_ESHUTDOWN after a resume. */
static xenbus_state_p *wait_state(struct netfront *n, unsigned set)
{
  lwt_t *ps[] = {
    LWT_UNTYPED(lwt__xenbus_wait(n->backend->path, set)),
    lwt_condition_wait(&n->resumed, NULL),
  };

  return (xenbus_state_p *)lwt_pick(2, ps);
}

lwt_t *lwt__netfront_gone(struct netfront *n)
{
  return LWT_UNTYPED(wait_state(n, ENDING));
}

LWT_STEP connecting_step(struct lwt_frame *frame)
{
  struct connecting *s = (struct connecting *)frame;
  int error;

  lwt_begin(s);
  lwt_defer(s, connecting_end, s);
again:
  lwt__netfront_disconnect(s->n);
  lwt_await(s, &s->backend, lwt__xenbus_backend(s->n->path));
  lwt__xenbus_free(s->n->backend);
  s->n->backend = s->backend;
  lwt_await(s, lwt__xenbus_switch(0, s->n->path, XenbusStateInitialising));
  lwt_await(s, lwt__xenbus_wait(s->backend->path, XENBUS_IN(XenbusStateInitWait)));
  error = offer(s->n);
  if (error)
    lwt_throw(s, error, "netfront");
  lwt_await_error(s, &s->error, &s->state,
                  wait_state(s->n, ENDING | XENBUS_IN(XenbusStateConnected)));
  if (s->error.code == LWT_ESHUTDOWN)
    goto again;
  if (s->error.code)
    lwt_throw(s, s->error.code, s->error.what);
  if (s->state != XenbusStateConnected)
    lwt_throw(s, LWT_ECONNREFUSED, "netfront");
  s->n->state = NETFRONT_UP;
  lwt_end(s);
}

lwt_t *lwt__netfront_connect(struct netfront *n)
{
  return LWT_GO(struct connecting, connecting_step, .n = n);
}

/* ---- At once ---------------------------------------------------------- */

static int connect_by(struct netfront *n, uint64_t deadline)
{
  unsigned state;
  int error = lwt__xenbus_find(n->path, &n->backend);

  if (!error)
    error = lwt__xenbus_tell(n->path, "state", XenbusStateInitialising);
  if (!error)
    error = lwt__xenbus_await(n->backend->path, XENBUS_IN(XenbusStateInitWait), deadline,
                              &state);
  if (!error)
    error = offer(n);
  if (!error)
    error = lwt__xenbus_await(n->backend->path, ENDING | XENBUS_IN(XenbusStateConnected),
                              deadline, &state);
  if (!error && state != XenbusStateConnected)
    error = LWT_ECONNREFUSED;
  return error;
}

int lwt__netfront_connect_now(struct netfront *n)
{
  int error = connect_by(n, lwt__xen_now() + START_PATIENCE);

  if (!error) {
    n->state = NETFRONT_UP;
    return 0;
  }
  give_up(n);
  return error == LWT_ENOENT ? LWT_ENODEV : error;
}

/* ---- Leaving ---------------------------------------------------------- */

struct leaving {
  struct lwt_frame frame;
  struct netfront *n;
  struct lwt_error error;
  unsigned i;
};

static const struct {
  unsigned ours, theirs;
} steps[] = {
  { XenbusStateClosing, ENDING | XENBUS_IN(XenbusStateInitWait) },
  { XenbusStateClosed, XENBUS_IN(XenbusStateUnknown) | XENBUS_IN(XenbusStateClosed) |
                         XENBUS_IN(XenbusStateInitWait) },
};

LWT_STEP leaving_step(struct lwt_frame *frame)
{
  struct leaving *s = (struct leaving *)frame;

  lwt_begin(s);
  for (s->i = 0; s->i < 2; s->i++) {
    lwt_await_error(s, &s->error,
                    lwt__xenbus_switch(0, s->n->path, steps[s->i].ours));
    if (!s->error.code)
      lwt_await_error(s, &s->error,
                      lwt_with_timeout(PATIENCE, LWT_UNTYPED(lwt__xenbus_wait(
                                                   s->n->backend->path,
                                                   steps[s->i].theirs))));
    if (s->error.code == LWT_ECANCELED)
      lwt_throw(s, LWT_ECANCELED, "netfront");
  }
  lwt__netfront_disconnect(s->n);
  lwt_end(s);
}

lwt_t *lwt__netfront_leave(struct netfront *n)
{
  return LWT_GO(struct leaving, leaving_step, .n = n);
}
