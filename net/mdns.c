/* net/mdns.c - a multicast DNS responder: its names and its life (RFC 6762, section 8).
 * SPDX-License-Identifier: ISC
 *
 * Each name is probed for three times, announced twice, and then answered for.  All
 * that has a time has it in its unit; one timer runs to the earliest.
 */
#include "mdns.h"

#include <string.h>

#define PROBES 3u
#define PROBE_INTERVAL LWT_MS(250)
#define ANNOUNCEMENTS 2u
#define MANY_CONFLICTS 15u /* in a row, then 5 s between them (8.1) */

static const struct net_mdns_how plainly;

uint64_t net_mdns_random(const struct lwt_mdns *m, uint64_t below)
{
  return net_random(net_stack_of(m->stack)) % below;
}

void net_mdns_unref(void *mdns)
{
  struct lwt_mdns *m = mdns;

  if (--m->refs == 0)
    lwt__free(m);
}

/* ---- Names ----------------------------------------------------------------------- */

/* A label of any bytes, and a name behind it.  Returns 0 or LWT_EINVAL. */
static int label_and(struct net_dns_name *name, const char *label, size_t len,
                     const struct net_dns_name *rest)
{
  if (!len || len > NET_DNS_LABEL_MAX)
    return LWT_EINVAL;
  name->bytes[0] = (uint8_t)len;
  memcpy(name->bytes + 1, label, len);
  name->bytes[len + 1] = 0;
  name->len = (uint8_t)(len + 2);
  return net_dns_name_append(name, rest);
}

/* "host", "host-2" ...; "My site", "My site (2)" ... (RFC 6763, appendix D). */
static int make_name(struct net_mdns_unit *u)
{
  char tail[16] = "", label[80];
  struct net_dns_name local;
  size_t len = strlen(u->base), room;

  net_dns_name_from(&local, "local");
  if (u->suffix)
    sprintf(tail, u->port ? " (%u)" : "-%u", u->suffix + 1);
  room = NET_DNS_LABEL_MAX - strlen(tail);
  if (len > room)
    for (len = room; len && (u->base[len] & 0xc0) == 0x80; len--)
      ; /* not within a character */
  memcpy(label, u->base, len);
  strcpy(label + len, tail);
  if (label_and(&u->name, label, strlen(label), u->port ? &u->type : &local))
    return LWT_EINVAL;
  net_dns_name_text(&u->name, u->text, sizeof u->text);
  return 0;
}

void net_mdns_probe(struct net_mdns_unit *u, uint64_t when)
{
  u->state = NET_MDNS_PROBING;
  u->step = 0;
  u->pending = 0;
  u->next = when;
}

void net_mdns_conflict(struct lwt_mdns *m, struct net_mdns_unit *u)
{
  int rename = u->state == NET_MDNS_PROBING;

  m->stats.conflicts++;
  u->conflicts++;
  net_mdns_probe(u, lwt_now() + (u->conflicts >= MANY_CONFLICTS ? LWT_S(5)
                                                                : PROBE_INTERVAL));
  if (rename) {
    u->suffix++;
    if (make_name(u)) { /* it was a long one: as it was */
      u->suffix = 0;
      make_name(u);
    }
    m->stats.renamed++;
  }
  net_mdns_schedule(m);
  if (rename && m->config.renamed)
    m->config.renamed(m->config.env, m, u->text);
}

/* ---- What is due ------------------------------------------------------------------- */

static void probe(struct lwt_mdns *m, struct net_mdns_unit *u)
{
  const struct net_dns_header h = { 0 };
  struct net_dns_question q = { u->name, NET_DNS_ANY, NET_DNS_IN | NET_MDNS_TOP_BIT };
  uint8_t out[NET_MDNS_ROOM];
  struct net_dns_writer w;

  net_dns_write(&w, out, sizeof out, &h);
  net_dns_put_question(&w, &q);
  net_mdns_put(m, &w, NET_DNS_AUTHORITY, u, net_mdns_has(u) & NET_MDNS_UNIQUE, plainly);
  net_mdns_send(m, NULL, &w);
}

static void multicast(struct lwt_mdns *m, struct net_mdns_unit *u, unsigned bits,
                      struct net_mdns_how how)
{
  const struct net_dns_header h = { .qr = 1, .aa = 1 };
  uint8_t out[NET_MDNS_ROOM];
  struct net_dns_writer w;

  net_dns_write(&w, out, sizeof out, &h);
  net_mdns_put(m, &w, NET_DNS_ANSWER, u, bits, how);
  if (bits & NET_MDNS_PTR && !how.goodbye) /* RFC 6763, section 12 */
    net_mdns_put(m, &w, NET_DNS_ADDITIONAL, u,
                 ~bits & (NET_MDNS_SRV | NET_MDNS_TXT_RR), how);
  if (bits & (NET_MDNS_PTR | NET_MDNS_SRV) && !how.goodbye &&
      m->units[0].state != NET_MDNS_PROBING)
    net_mdns_put(m, &w, NET_DNS_ADDITIONAL, &m->units[0], NET_MDNS_ADDR, how);
  if (!w.records[NET_DNS_ANSWER])
    return; /* such as a host without an address */
  u->sent = lwt_now();
  net_mdns_send(m, NULL, &w);
}

/* Three probes, a quarter of a second apart; two announcements, a second apart. */
static void step(struct lwt_mdns *m, struct net_mdns_unit *u)
{
  uint64_t now = lwt_now();

  if (u->state == NET_MDNS_PROBING && u->step < PROBES) {
    u->step++;
    u->next = now + PROBE_INTERVAL;
    probe(m, u);
    return;
  }
  if (u->state == NET_MDNS_PROBING) {
    u->state = NET_MDNS_ANNOUNCING;
    u->step = 0;
    u->conflicts = 0;
  }
  m->stats.announced++;
  multicast(m, u, net_mdns_has(u), plainly);
  u->next = now + LWT_S(1);
  if (++u->step == ANNOUNCEMENTS) {
    u->state = NET_MDNS_KNOWN;
    u->next = LWT_NEVER;
  }
}

static void due(void *env)
{
  struct lwt_mdns *m = env;
  uint64_t now = lwt_now();
  unsigned i, bits;

  for (i = 0; i < m->n; i++) {
    struct net_mdns_unit *u = &m->units[i];

    if (u->next <= now)
      step(m, u);
    if (u->pending && u->pending_at <= now) {
      bits = u->pending;
      u->pending = 0;
      m->stats.answered++;
      multicast(m, u, bits, plainly);
    }
  }
  net_mdns_schedule(m);
}

void net_mdns_schedule(struct lwt_mdns *m)
{
  uint64_t first = LWT_NEVER;
  unsigned i;

  for (i = 0; i < m->n; i++) {
    const struct net_mdns_unit *u = &m->units[i];

    if (u->next < first)
      first = u->next;
    if (u->pending && u->pending_at < first)
      first = u->pending_at;
  }
  lwt_timer_stop(&m->timer);
  if (first != LWT_NEVER && !m->stopped)
    lwt_timer_start_until(&m->timer, first);
}

/* ---- Life ----------------------------------------------------------------------- */

static int copy_txt(struct net_mdns_unit *u, const struct lwt_mdns_service *service)
{
  size_t i, len;

  for (i = 0; i < service->n_txt; i++) {
    len = strlen(service->txt[i]);
    if (len > 255 || u->txt_len + len + 1 > sizeof u->txt)
      return LWT_EINVAL;
    u->txt[u->txt_len++] = (uint8_t)len;
    memcpy(u->txt + u->txt_len, service->txt[i], len);
    u->txt_len = (uint16_t)(u->txt_len + len);
  }
  if (!u->txt_len) /* one empty string (RFC 6763, section 6.1) */
    u->txt[u->txt_len++] = 0;
  return 0;
}

/* service NULL: the host. */
static int add(struct lwt_mdns *m, const char *label,
               const struct lwt_mdns_service *service)
{
  struct net_mdns_unit *u = &m->units[m->n];
  struct net_dns_name local;
  int error = 0;

  if (!label || !*label || strlen(label) > NET_DNS_LABEL_MAX)
    return LWT_EINVAL;
  memset(u, 0, sizeof *u);
  strcpy(u->base, label);
  net_dns_name_from(&local, "local");
  if (service) {
    if (!service->port || service->type[0] != '_' ||
        net_dns_name_from(&u->type, service->type) ||
        net_dns_name_append(&u->type, &local))
      return LWT_EINVAL;
    u->port = service->port;
    error = copy_txt(u, service);
  }
  if (!error)
    error = make_name(u);
  if (error)
    return error;
  m->n++;
  net_mdns_probe(u, lwt_now() + net_mdns_random(m, PROBE_INTERVAL));
  net_mdns_schedule(m);
  return 0;
}

int lwt_mdns_publish(struct lwt_mdns *m, const struct lwt_mdns_service *service)
{
  if (m->n > LWT_MDNS_SERVICES)
    return LWT_ENOBUFS;
  return add(m, service->name, service);
}

static int open_socket(struct lwt_mdns *m, int six)
{
  const struct lwt_addr any = { .family = six ? 6 : 4, .port = NET_MDNS_PORT };
  struct lwt_addr group = net_mdns_group(six, m->interface);
  const struct lwt_ip_udp_options options = {
    .interface = m->interface, .ttl = 255, .no_loop = 1
  };
  int error = lwt_ip_udp_open(m->stack, &any, &options, &m->udp[six]);

  group.port = 0;
  if (!error)
    error = lwt_ip_join(m->udp[six], m->interface, &group);
  if (!error) {
    m->running[six] = net_mdns_receive(m, m->udp[six]);
    error = lwt_error(m->running[six]).code;
  }
  return error;
}

/* There is a new address: the others are told (section 8.4). */
static void event(struct lwt_ip_watch *watch, enum lwt_ip_event event, uint32_t index,
                  const struct lwt_addr *addr)
{
  struct lwt_mdns *m =
    (struct lwt_mdns *)(void *)((char *)watch - offsetof(struct lwt_mdns, watch));
  struct net_mdns_unit *host = &m->units[0];

  (void)addr;
  if (event != LWT_IP_ADDRESS_USABLE || index != m->interface ||
      host->state == NET_MDNS_PROBING)
    return;
  host->state = NET_MDNS_ANNOUNCING;
  host->step = 0;
  host->next = lwt_now();
  net_mdns_schedule(m);
}

int lwt_mdns_start(struct lwt_stack *stack, uint32_t interface,
                   const struct lwt_mdns_config *config, struct lwt_mdns **mdns)
{
  struct lwt_mdns *m;
  int error;

  if (!net_stack_of(stack))
    return LWT_ENOTSUP;
  m = lwt__alloc(sizeof *m);
  if (!m)
    return LWT_ENOMEM;
  memset(m, 0, sizeof *m);
  m->refs = 1;
  m->stack = stack;
  m->interface = interface;
  m->config = *config;
  m->watch.fn = event;
  error = lwt_timer_init(&m->timer, LWT_S(1), due, m);
  if (!error)
    error = open_socket(m, 0);
  if (!error && net_if_find(net_stack_of(stack), interface)->six)
    error = open_socket(m, 1);
  if (!error)
    error = add(m, config->host, NULL);
  m->config.host = NULL;
  if (!error)
    error = lwt_ip_watch(stack, &m->watch);
  if (error) {
    m->n = 0;
    lwt_mdns_stop(m);
    return error;
  }
  *mdns = m;
  return 0;
}

void lwt_mdns_stop(void *mdns)
{
  struct lwt_mdns *m = mdns;
  unsigned i;

  if (!m)
    return;
  m->stopped = 1;
  lwt_ip_unwatch(m->stack, &m->watch);
  lwt_timer_stop(&m->timer);
  for (i = 0; i < m->n; i++)
    if (m->units[i].state != NET_MDNS_PROBING)
      multicast(m, &m->units[i], net_mdns_has(&m->units[i]) & ~(unsigned)NET_MDNS_ENUM,
                (struct net_mdns_how){ .goodbye = 1 });
  for (i = 0; i < 2; i++) {
    if (m->running[i]) {
      lwt_error(m->running[i]); /* seen: the stack may have gone */
      lwt_drop(m->running[i]);
    }
    if (m->udp[i])
      lwt_udp_close(m->udp[i]);
    m->udp[i] = NULL;
  }
  net_mdns_unref(m);
}

const char *lwt_mdns_name(const struct lwt_mdns *m, unsigned n, int *known)
{
  if (n >= m->n)
    return NULL;
  if (known)
    *known = m->units[n].state != NET_MDNS_PROBING;
  return m->units[n].text;
}

const struct lwt_mdns_stats *lwt_mdns_stats(const struct lwt_mdns *m)
{
  return &m->stats;
}
