/* net/mdns_records.c - the records of a multicast DNS responder, and sending them.
 * SPDX-License-Identifier: ISC
 */
#include "mdns.h"

#include <string.h>

#define HOST_TTL 120u /* RFC 6762, section 10 */
#define OTHER_TTL 4500u
#define LEGACY_TTL 10u /* section 6.7 */

unsigned net_mdns_has(const struct net_mdns_unit *u)
{
  return u->port ? NET_MDNS_PTR | NET_MDNS_SRV | NET_MDNS_TXT_RR | NET_MDNS_ENUM
                 : NET_MDNS_ADDR;
}

static void make(struct net_dns_rr *rr, const struct net_dns_name *name, uint16_t type,
                 uint32_t ttl, int unique)
{
  rr->name = *name;
  rr->type = type;
  rr->class = (uint16_t)(NET_DNS_IN | (unique ? NET_MDNS_TOP_BIT : 0));
  rr->ttl = ttl;
  rr->opaque = 0;
  rr->squeeze = 1;
}

static void addresses(const struct lwt_mdns *m, const struct net_mdns_unit *u,
                      void (*f)(void *env, struct net_dns_rr *rr), void *env)
{
  struct lwt_ip_address list[16];
  size_t i, n = lwt_ip_addresses(m->stack, m->interface, list, 16);
  struct net_dns_rr rr;

  for (i = 0; i < n && i < 16; i++) {
    if (list[i].state == LWT_IP_TENTATIVE)
      continue;
    make(&rr, &u->name, list[i].addr.family == 4 ? NET_DNS_A : NET_DNS_AAAA, HOST_TTL, 1);
    memcpy(rr.u.ip, list[i].addr.ip, 16);
    f(env, &rr);
  }
}

int net_mdns_has_address(const struct lwt_mdns *m, unsigned family)
{
  struct lwt_ip_address list[16];
  size_t i, n = lwt_ip_addresses(m->stack, m->interface, list, 16);

  for (i = 0; i < n && i < 16; i++)
    if (list[i].addr.family == family && list[i].state != LWT_IP_TENTATIVE)
      return 1;
  return 0;
}

/* What the name has, in the form of NSEC (RFC 4034, section 4.1; RFC 6762, section 6.1):
 * the name itself, and a bit for each type. */
static void no_others(const struct lwt_mdns *m, const struct net_mdns_unit *u,
                      void (*f)(void *env, struct net_dns_rr *rr), void *env)
{
  const uint16_t host[2] = { net_mdns_has_address(m, 4) ? NET_DNS_A : 0,
                             net_mdns_has_address(m, 6) ? NET_DNS_AAAA : 0 };
  const uint16_t service[2] = { NET_DNS_TXT, NET_DNS_SRV };
  const uint16_t *types = u->port ? service : host;
  uint8_t data[NET_DNS_NAME_MAX + 2 + NET_DNS_SRV / 8 + 1] = { 0 };
  uint8_t *block = data + u->name.len; /* a window of types, its length, its bits */
  struct net_dns_rr rr;
  unsigned i;

  memcpy(data, u->name.bytes, u->name.len);
  for (i = 0; i < 2; i++)
    if (types[i]) {
      block[1] = (uint8_t)(types[i] / 8 + 1);
      block[2 + types[i] / 8] |= (uint8_t)(0x80 >> types[i] % 8);
    }
  if (!block[1]) /* there is no such form */
    return;
  make(&rr, &u->name, NET_DNS_NSEC, HOST_TTL, 1);
  rr.u.raw = (struct net_dns_bytes){ data, (uint16_t)(u->name.len + 2u + block[1]) };
  f(env, &rr);
}

void net_mdns_each(const struct lwt_mdns *m, const struct net_mdns_unit *u, unsigned bits,
                   void (*f)(void *env, struct net_dns_rr *rr), void *env)
{
  struct net_dns_rr rr;
  struct net_dns_name top;

  if (bits & NET_MDNS_ADDR)
    addresses(m, u, f, env);
  if (bits & NET_MDNS_ENUM) {
    net_dns_name_from(&top, "_services._dns-sd._udp.local");
    make(&rr, &top, NET_DNS_PTR, OTHER_TTL, 0);
    rr.u.target = u->type;
    f(env, &rr);
  }
  if (bits & NET_MDNS_PTR) {
    make(&rr, &u->type, NET_DNS_PTR, OTHER_TTL, 0);
    rr.u.target = u->name;
    f(env, &rr);
  }
  if (bits & NET_MDNS_SRV) {
    make(&rr, &u->name, NET_DNS_SRV, HOST_TTL, 1);
    rr.u.srv.priority = rr.u.srv.weight = 0;
    rr.u.srv.port = u->port;
    rr.u.srv.target = m->units[0].name;
    f(env, &rr);
  }
  if (bits & NET_MDNS_TXT_RR) {
    make(&rr, &u->name, NET_DNS_TXT, OTHER_TTL, 1);
    rr.u.raw = (struct net_dns_bytes){ u->txt, u->txt_len };
    f(env, &rr);
  }
  if (bits & NET_MDNS_NSEC)
    no_others(m, u, f, env);
}

struct putting {
  struct net_dns_writer *w;
  enum net_dns_section section;
  struct net_mdns_how how;
};

static void put(void *env, struct net_dns_rr *rr)
{
  struct putting *p = env;

  if (p->how.legacy) {
    rr->class = NET_DNS_IN;
    rr->squeeze = 0;
    rr->ttl = rr->ttl < LEGACY_TTL ? rr->ttl : LEGACY_TTL;
  }
  if (p->section == NET_DNS_AUTHORITY)
    rr->class = NET_DNS_IN; /* proposed, not asserted */
  if (p->how.goodbye)
    rr->ttl = 0;
  net_dns_put(p->w, p->section, rr);
}

void net_mdns_put(const struct lwt_mdns *m, struct net_dns_writer *w,
                  enum net_dns_section section, const struct net_mdns_unit *u,
                  unsigned bits, struct net_mdns_how how)
{
  struct putting p = { w, section, how };

  net_mdns_each(m, u, bits, put, &p);
  if (!(bits & NET_MDNS_ADDR) || bits & NET_MDNS_NSEC || how.goodbye ||
      section == NET_DNS_AUTHORITY ||
      net_mdns_has_address(m, 4) + net_mdns_has_address(m, 6) != 1)
    return;
  p.section = NET_DNS_ADDITIONAL;
  no_others(m, u, put, &p);
}

size_t net_mdns_data(const struct net_dns_rr *rr, uint8_t *out, size_t room)
{
  const struct net_dns_header h = { 0 };
  uint8_t bytes[NET_MDNS_ROOM];
  struct net_dns_rr copy = *rr;
  struct net_dns_writer w;
  size_t begin = NET_DNS_HEADER_LEN + 1 + 10;

  copy.name.len = 1; /* the root: nothing to compress with */
  copy.name.bytes[0] = 0;
  copy.squeeze = 0;
  net_dns_write(&w, bytes, sizeof bytes, &h);
  if (net_dns_put(&w, NET_DNS_ANSWER, &copy) || w.len - begin > room)
    return 0;
  memcpy(out, bytes + begin, w.len - begin);
  return w.len - begin;
}

/* ---- Sending --------------------------------------------------------------------- */

struct sending {
  struct lwt_frame frame;
  struct lwt_mdns *m;
  struct lwt_addr to;
  struct lwt_error error;
  size_t len;
  uint8_t bytes[NET_MDNS_ROOM];
};

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct sending *s = (struct sending *)frame;

  lwt_begin(s);
  s->m->refs++;
  lwt_defer(s, net_mdns_unref, s->m);
  lwt_await_error(s, &s->error, lwt_udp_send(s->m->udp[s->to.family == 6], &s->to,
                                             s->bytes, s->len));
  s->m->stats.failed += s->error.code != 0;
  lwt_end(s);
}

struct lwt_addr net_mdns_group(int six, uint32_t interface)
{
  struct lwt_addr to = net_addr4(0xe00000fbu, NET_MDNS_PORT);

  if (six)
    to = (struct lwt_addr){ .family = 6, .port = NET_MDNS_PORT, .scope = interface,
                            .ip = { 0xff, 2, [15] = 0xfb } };
  return to;
}

static void send(struct lwt_mdns *m, const struct lwt_addr *to,
                 const struct net_dns_writer *w)
{
  struct sending s = { .m = m, .to = *to, .len = w->len };
  lwt_t *p;

  memcpy(s.bytes, w->out, s.len);
  p = lwt__go(sizeof s, send_step, &s, NULL, LWT_WHERE);
  m->stats.failed += lwt_error(p).code != 0;
  lwt_async(p);
}

void net_mdns_send(struct lwt_mdns *m, const struct lwt_addr *to,
                   struct net_dns_writer *w)
{
  struct lwt_addr group;
  int six;

  net_dns_written(w);
  if (to) {
    send(m, to, w);
    return;
  }
  for (six = 0; six < 2; six++) {
    group = net_mdns_group(six, m->interface);
    if (m->udp[six] && net_mdns_has_address(m, group.family))
      send(m, &group, w);
  }
}
