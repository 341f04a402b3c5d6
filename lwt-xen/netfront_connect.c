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

struct reading {
  struct lwt_frame frame;
  struct netfront *n;
  struct lwt_xs_value *mac;
  struct lwt_error error;
  char path[40];
  unsigned i;
  uint64_t number;
  uint64_t found[6];
};

enum { RX_COPY, SG, TSO4, SPLIT, NO_CSUM, QUEUES };
static const char *const keys[] = {
  "feature-rx-copy",         "feature-sg",
  "feature-gso-tcpv4",       "feature-split-event-channels",
  "feature-no-csum-offload", "multi-queue-max-queues"
};

/* Set what the device can.  Returns 0 or an error. */
static int use(struct netfront *n, const uint64_t found[], uint64_t mtu)
{
  if (!found[RX_COPY])
    return LWT_ENOTSUP;
  n->sg = found[SG] == 1;
  n->split = found[SPLIT] == 1;
  n->queues = found[QUEUES] > 0;
  n->netif.offloads = LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO;
  if (!found[NO_CSUM])
    n->netif.offloads |= LWT_NETIF_TX_CSUM;
  if (!found[NO_CSUM] && n->sg && found[TSO4])
    n->netif.offloads |= LWT_NETIF_TX_TSO4;
  if (mtu < MTU_MIN)
    return LWT_ERANGE;
  if (mtu > (n->sg ? NETFRONT_FRAME_MAX : XEN_PAGE) - NETFRONT_ETHER)
    mtu = (n->sg ? NETFRONT_FRAME_MAX : XEN_PAGE) - NETFRONT_ETHER;
  n->netif.mtu = (uint16_t)mtu;
  return 0;
}

LWT_STEP reading_step(struct lwt_frame *frame)
{
  struct reading *s = (struct reading *)frame;
  int error;

  lwt_begin(s);
  for (s->i = 0; s->i < 6; s->i++) {
    lwt_await_error(s, &s->error, &s->found[s->i],
                    lwt__xenbus_number(0, s->n->backend->path, keys[s->i], UINT32_MAX));
    if (s->error.code && s->error.code != LWT_ENOENT)
      lwt_throw(s, s->error.code, "netfront");
  }
  s->number = MTU;
  lwt_await_error(s, &s->error, &s->number,
                  lwt__xenbus_number(0, s->n->path, "mtu", UINT16_MAX));
  if (s->error.code && s->error.code != LWT_ENOENT)
    lwt_throw(s, s->error.code, "netfront");
  snprintf(s->path, sizeof s->path, "%s/mac", s->n->path);
  lwt_await(s, &s->mac, lwt_xs_read(0, s->path));
  error = lwt__netfront_mac(s->n->netif.mac, s->mac->bytes, s->mac->len);
  lwt_xs_free(s->mac);
  if (!error)
    error = use(s->n, s->found, s->number);
  if (error)
    lwt_throw(s, error, "netfront");
  lwt_end(s);
}

/* ---- What we write ---------------------------------------------------------------- */

struct writing {
  struct lwt_frame frame;
  struct netfront *n;
  uint32_t tx;
  unsigned i;
  char path[64], text[12];
};

/* The ith key; returns 0 behind the last one, else 1, or 2: it is to be skipped. */
static int key_of(const struct netfront *n, unsigned i, const char **key, uint32_t *value)
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
  };

  if (i >= sizeof rows / sizeof *rows)
    return 0;
  *key = rows[i].key;
  *value = rows[i].value;
  return rows[i].when ? 1 : 2;
}

LWT_STEP writing_step(struct lwt_frame *frame)
{
  struct writing *s = (struct writing *)frame;
  const char *key;
  uint32_t value;
  int what;

  lwt_begin(s);
  for (s->i = 0; (what = key_of(s->n, s->i, &key, &value)); s->i++) {
    if (what == 2)
      continue;
    snprintf(s->path, sizeof s->path, "%s/%s", s->n->path, key);
    snprintf(s->text, sizeof s->text, "%u", (unsigned)value);
    lwt_await(s, lwt_xs_write_text(s->tx, s->path, s->text));
  }
  lwt_await(s, lwt__xenbus_switch(s->tx, s->n->path, XenbusStateConnected));
  lwt_end(s);
}

static lwt_t *write_keys(void *env, uint32_t tx)
{
  return LWT_GO(struct writing, writing_step, .n = env, .tx = tx);
}

/* ---- Connecting -------------------------------------------------------------------- */

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
    lwt__netfront_disconnect(s->n);
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
  lwt_await(s, LWT_GO(struct reading, reading_step, .n = s->n));
  error = make_rings(s->n);
  if (error)
    lwt_throw(s, error, "netfront");
  lwt_await(s, lwt_xs_transaction(write_keys, s->n));
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
