/* net/dhcp_client.c - the DHCP client: the states of RFC 2131, figure 5, in order.
 * SPDX-License-Identifier: ISC
 *
 * The client is one thread; a state is a piece of its step function, which is entered
 * again for a new address whenever an old one is lost.
 */
#include "dhcp.h"

#include <string.h>

#define OFFERS (1u << NET_DHCP_OFFER)
#define ANSWERS (1u << NET_DHCP_ACK | 1u << NET_DHCP_NAK)
#define REQUESTS 4           /* in vain, then from the start */
#define REBOOTS 2            /* in vain, then for any address */
#define AFTER_DECLINE LWT_S(10) /* 3.1, 5 */
#define RENEW_AT_LEAST LWT_S(60) /* between requests, 4.4.5 */

struct client {
  struct lwt_frame frame;
  struct lwt_dhcp *d;
  struct lwt_error error;
  unsigned tries, most, setbacks;
  uint64_t asked, until;
};

uint64_t net_dhcp_random(struct lwt_dhcp *d, uint64_t below)
{
  uint64_t r = net_random(net_stack_of(d->stack));

  return below ? r % below : r;
}

static void unref(void *dhcp)
{
  struct lwt_dhcp *d = dhcp;

  if (--d->refs == 0)
    lwt__free(d);
}

static void enter(struct lwt_dhcp *d, enum lwt_dhcp_state state)
{
  d->state = state;
  if (d->config.changed)
    d->config.changed(d->config.env, d, state);
}

/* ---- Waiting --------------------------------------------------------------------- */

/* 4, 8 ... 64 s, each a second more or less (4.1). */
static uint64_t back_off(struct lwt_dhcp *d, unsigned tries)
{
  return LWT_S(4u << (tries < 4 ? tries : 4)) - LWT_S(1) + net_dhcp_random(d, LWT_S(2));
}

/* Until a time, or until the address is lost.  Waits a little in any case. */
static lwt_t *wait_until(struct lwt_dhcp *d, uint64_t time)
{
  uint64_t now = lwt_now();

  if (time == LWT_NEVER)
    return lwt_task(&d->wake);
  return lwt_with_timeout(time > now ? time - now : 1, lwt_task(&d->wake));
}

static void event(struct lwt_ip_watch *watch, enum lwt_ip_event event, uint32_t index,
                  const struct lwt_addr *addr)
{
  struct lwt_dhcp *d =
    (struct lwt_dhcp *)(void *)((char *)watch - offsetof(struct lwt_dhcp, watch));

  if (!d->has_lease || index != d->interface || !lwt_addr_equal(addr, &d->lease.addr) ||
      event != LWT_IP_ADDRESS_REMOVED)
    return;
  d->lost = 1;
  lwt_fulfill(&d->wake, NULL);
}

/* ---- The states ------------------------------------------------------------------ */

static void begin_exchange(struct lwt_dhcp *d)
{
  d->xid = (uint32_t)net_dhcp_random(d, 0);
  d->begun = lwt_now();
}

static lwt_t *discover(struct client *c)
{
  c->d->stats.discovers++;
  return net_dhcp_send(c->d, NET_DHCP_DISCOVER, 0);
}

static lwt_t *request(struct client *c, int to_server)
{
  struct lwt_dhcp_stats *stats = &c->d->stats;

  stats->requests += c->d->state == LWT_DHCP_REQUESTING;
  stats->reboots += c->d->state == LWT_DHCP_REBOOTING;
  stats->renews += c->d->state == LWT_DHCP_RENEWING;
  stats->rebinds += c->d->state == LWT_DHCP_REBINDING;
  c->asked = lwt_now();
  return net_dhcp_send(c->d, NET_DHCP_REQUEST, to_server);
}

/* There was an answer, and it was ACK for the address that we asked for. */
static int granted(struct client *c)
{
  return !c->error.code && c->d->message.type == NET_DHCP_ACK &&
         c->d->message.yiaddr == c->d->offer.yiaddr;
}

static int cancelled(struct client *c)
{
  return c->error.code == LWT_ECANCELED;
}

/* When to ask again while renewing: at half of what is left (4.4.5). */
static uint64_t patience(struct client *c)
{
  uint64_t now = lwt_now(), left = c->until > now ? c->until - now : 1;

  return left / 2 > RENEW_AT_LEAST ? left / 2
         : left < RENEW_AT_LEAST   ? left
                                   : RENEW_AT_LEAST;
}

/* Everything is as the lease says. */
static void bind(struct client *c)
{
  struct lwt_dhcp *d = c->d;

  d->offer = d->message;
  net_dhcp_apply(d, &d->offer);
  net_dhcp_shut(d);
  c->setbacks = 0;
  d->lost = 0;
}

/* A longer and longer while after what should not happen. */
static uint64_t setback(struct client *c)
{
  return lwt_now() + back_off(c->d, c->setbacks++);
}

static void end(void *env)
{
  struct client *c = env;

  lwt_abandon(&c->d->wake);
  net_dhcp_shut(c->d);
  net_dhcp_undo(c->d);
}

/* Ask for d->offer, so many times, and use it if nobody else has it.  LWT_ETIMEDOUT: no
 * answer; LWT_EPROTO: refused; LWT_EADDRINUSE. */
LWT_STEP claim_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;
  struct lwt_dhcp *d = c->d;

  lwt_begin(c);
  c->error.code = LWT_ETIMEDOUT;
  for (; c->tries < c->most && c->error.code == LWT_ETIMEDOUT; c->tries++) {
    lwt_await(c, request(c, 0));
    lwt_await_error(c, &c->error, net_dhcp_receive(d, ANSWERS, d->offer.server,
                                                   back_off(d, c->tries)));
  }
  if (c->error.code)
    lwt_throw(c, c->error.code, "dhcp");
  if (!granted(c))
    lwt_throw(c, LWT_EPROTO, "dhcp");
  d->offer = d->message;
  enter(d, LWT_DHCP_PROBING);
  net_dhcp_times(d, &d->message, c->asked);
  lwt_await_error(c, &c->error, net_dhcp_set_address(d, &d->message, 1));
  if (c->error.code == LWT_EADDRINUSE) {
    d->stats.conflicts++;
    d->stats.declines++;
    lwt_await(c, net_dhcp_send(d, NET_DHCP_DECLINE, 0));
  }
  if (c->error.code)
    lwt_throw(c, c->error.code, "dhcp");
  lwt_end(c);
}

static lwt_t *claim(struct lwt_dhcp *d, enum lwt_dhcp_state state, unsigned times)
{
  enter(d, state);
  return LWT_GO(struct client, claim_step, .d = d, .most = times);
}

/* The address of before (4.4.2). */
static lwt_t *reboot(struct lwt_dhcp *d)
{
  int error = net_dhcp_open(d, 1);

  if (error)
    return lwt_fail(error, "dhcp");
  begin_exchange(d);
  memset(&d->offer, 0, sizeof d->offer);
  d->offer.yiaddr = d->previous;
  return claim(d, LWT_DHCP_REBOOTING, REBOOTS);
}

/* From INIT to an address that nobody else has: fulfilled, or rejected with what went
 * wrong. */
LWT_STEP acquire_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;
  struct lwt_dhcp *d = c->d;
  int error;

  lwt_begin(c);
  error = net_dhcp_open(d, 1);
  if (error)
    lwt_throw(c, error, "dhcp");
  begin_exchange(d);
  enter(d, LWT_DHCP_SELECTING);
  for (c->tries = 0;; c->tries++) {
    lwt_await(c, discover(c));
    lwt_await_error(c, &c->error, net_dhcp_receive(d, OFFERS, 0, back_off(d, c->tries)));
    if (!c->error.code)
      break;
    if (c->error.code != LWT_ETIMEDOUT)
      lwt_throw(c, c->error.code, "dhcp");
  }
  d->offer = d->message;
  lwt_await(c, claim(d, LWT_DHCP_REQUESTING, REQUESTS));
  lwt_end(c);
}

/* Until T2, T1 is long past, or until the end: asks for more time.  Fulfilled when it
 * is granted; LWT_ETIMEDOUT: not in time; LWT_EPROTO: refused. */
LWT_STEP extend_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;
  struct lwt_dhcp *d = c->d;
  int error;

  lwt_begin(c);
  error = net_dhcp_open(d, 0);
  if (error && error != LWT_ENOMEM)
    lwt_throw(c, error, "dhcp");
  begin_exchange(d);
  while (lwt_now() < c->until && !d->lost) {
    lwt_await(c, request(c, d->state == LWT_DHCP_RENEWING));
    lwt_await_error(c, &c->error,
                    net_dhcp_receive(d, ANSWERS,
                                     d->state == LWT_DHCP_RENEWING ? d->offer.server : 0,
                                     patience(c)));
    if (!c->error.code && !granted(c))
      lwt_throw(c, LWT_EPROTO, "dhcp");
    if (!c->error.code) {
      net_dhcp_times(d, &d->message, c->asked);
      lwt_await(c, net_dhcp_set_address(d, &d->message, 0));
      lwt_finish(c, 0);
    }
    if (c->error.code != LWT_ETIMEDOUT)
      lwt_throw(c, c->error.code, "dhcp");
  }
  lwt_throw(c, LWT_ETIMEDOUT, "dhcp");
  lwt_end(c);
}

static lwt_t *extend(struct client *c, enum lwt_dhcp_state state, uint64_t until)
{
  enter(c->d, state);
  return LWT_GO(struct client, extend_step, .d = c->d, .until = until);
}

LWT_STEP client_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;
  struct lwt_dhcp *d = c->d;

  lwt_begin(c);
  d->refs++;
  lwt_defer(c, unref, d);
  lwt_defer(c, end, c);
  if (d->config.start_delay)
    lwt_await(c, lwt_sleep(net_dhcp_random(d, d->config.start_delay)));
  for (;;) {
    c->error.code = LWT_ENOENT;
    if (d->previous)
      lwt_await_error(c, &c->error, reboot(d));
    if (c->error.code == LWT_EPROTO)
      d->previous = 0; /* nor will anybody offer it */
    if (c->error.code == LWT_ENOENT || c->error.code == LWT_ETIMEDOUT ||
        c->error.code == LWT_EPROTO)
      lwt_await_error(c, &c->error, LWT_GO(struct client, acquire_step, .d = d));
    d->previous = 0;
    if (cancelled(c))
      lwt_throw(c, LWT_ECANCELED, "dhcp");
    if (c->error.code) {
      net_dhcp_shut(d);
      net_dhcp_undo(d);
      enter(d, LWT_DHCP_INIT);
      c->until = setback(c);
      if (c->error.code == LWT_EADDRINUSE)
        c->until += AFTER_DECLINE;
      lwt_await(c, lwt_sleep_until(c->until));
      continue;
    }
    d->stats.bound++;
    do {
      bind(c);
      enter(d, LWT_DHCP_BOUND);
      lwt_condition_broadcast(&d->bound, NULL);
      lwt_await_error(c, &c->error, wait_until(d, d->lease.renew));
      lwt_abandon(&d->wake);
      if (c->error.code == LWT_ETIMEDOUT)
        lwt_await_error(c, &c->error, extend(c, LWT_DHCP_RENEWING, d->lease.rebind));
      if (c->error.code == LWT_ETIMEDOUT && !d->lost)
        lwt_await_error(c, &c->error, extend(c, LWT_DHCP_REBINDING, d->lease.expires));
      if (cancelled(c))
        lwt_throw(c, LWT_ECANCELED, "dhcp");
    } while (!c->error.code && !d->lost);
    d->stats.expired += c->error.code == LWT_ETIMEDOUT;
    net_dhcp_shut(d);
    net_dhcp_undo(d);
    enter(d, LWT_DHCP_INIT);
    if (c->error.code != LWT_ETIMEDOUT) /* refused, or taken away */
      lwt_await(c, lwt_sleep_until(setback(c)));
  }
  lwt_end(c);
}

/* ---- Life ------------------------------------------------------------------------ */

static int identify(struct lwt_dhcp *d, const struct lwt_dhcp_config *config)
{
  if (config->id && (config->id_len < 2 || config->id_len > sizeof d->id))
    return LWT_EINVAL;
  if (config->id) {
    memcpy(d->id, config->id, config->id_len);
    d->id_len = (uint8_t)config->id_len;
  } else {
    d->id[0] = 1; /* Ethernet */
    memcpy(d->id + 1, d->mac, 6);
    d->id_len = 7;
  }
  if (config->previous.family &&
      (config->previous.family != 4 || !net_ip_is_host(&config->previous, 32)))
    return LWT_EINVAL;
  if (config->previous.family)
    d->previous = net_ip4(&config->previous);
  if (config->hostname)
    strncpy(d->hostname, config->hostname, sizeof d->hostname - 1);
  d->config.id = NULL;
  d->config.hostname = NULL;
  return 0;
}

int lwt_dhcp_start(struct lwt_stack *stack, uint32_t interface,
                   const struct lwt_dhcp_config *config, struct lwt_dhcp **dhcp)
{
  static const struct lwt_dhcp_config defaults;
  struct lwt_ip_if_info info;
  struct lwt_dhcp *d;
  int error = lwt_ip_if_info(stack, interface, &info);

  if (error)
    return error;
  if (info.loopback)
    return LWT_EINVAL;
  d = lwt__alloc(sizeof *d);
  if (!d)
    return LWT_ENOMEM;
  memset(d, 0, sizeof *d);
  d->refs = 1;
  d->stack = stack;
  d->interface = interface;
  d->config = config ? *config : defaults;
  memcpy(d->mac, info.mac, 6);
  d->watch.fn = event;
  error = identify(d, &d->config);
  if (!error)
    error = lwt_ip_watch(stack, &d->watch);
  if (error) {
    unref(d);
    return error;
  }
  d->running = LWT_GO(struct client, client_step, .d = d);
  error = lwt_error(d->running).code;
  if (error) {
    lwt_drop(d->running);
    lwt_ip_unwatch(stack, &d->watch);
    unref(d);
    return error;
  }
  *dhcp = d;
  return 0;
}

static lwt_t *release(struct lwt_dhcp *d)
{
  if (!d->has_lease || (!d->udp && net_dhcp_open(d, 0)))
    return lwt_return(NULL);
  d->stats.releases++;
  return lwt_with_timeout(LWT_S(2), net_dhcp_send(d, NET_DHCP_RELEASE, 1));
}

struct stopping {
  struct lwt_frame frame;
  struct lwt_dhcp *d;
  struct lwt_error error;
};

/* What is left of the lease goes with the client's thread. */
static void stop_now(void *frame)
{
  struct lwt_dhcp *d = ((struct stopping *)frame)->d;

  lwt_ip_unwatch(d->stack, &d->watch);
  lwt_condition_fail(&d->bound, LWT_ECONNABORTED, "dhcp_wait");
  lwt_error(d->running);
  lwt_drop(d->running);
  unref(d);
}

LWT_STEP stop_step(struct lwt_frame *frame)
{
  struct stopping *s = (struct stopping *)frame;

  lwt_begin(s);
  lwt_await_error(s, &s->error, release(s->d));
  stop_now(s);
  lwt_end(s);
}

lwt_t *lwt_dhcp_stop(void *dhcp)
{
  return LWT_GO_OR(struct stopping, stop_step, stop_now, .d = dhcp);
}

static lwt_t *wait_bound(void *env, void *value)
{
  (void)value;
  unref(env);
  return lwt_return(NULL);
}

static lwt_t *not_bound(void *env, struct lwt_error error)
{
  unref(env);
  return lwt_fail_error(error);
}

lwt_t *lwt_dhcp_wait(struct lwt_dhcp *d)
{
  if (d->has_lease)
    return lwt_return(NULL);
  d->refs++;
  return lwt_try_bind(lwt_condition_wait(&d->bound, NULL), wait_bound, not_bound, d);
}

int lwt_dhcp_lease(const struct lwt_dhcp *d, struct lwt_dhcp_lease *lease)
{
  if (!d->has_lease)
    return LWT_ENODATA;
  *lease = d->lease;
  return 0;
}

enum lwt_dhcp_state lwt_dhcp_state(const struct lwt_dhcp *d)
{
  return d->state;
}

const struct lwt_dhcp_stats *lwt_dhcp_stats(const struct lwt_dhcp *d)
{
  return &d->stats;
}
