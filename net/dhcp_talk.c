/* net/dhcp_talk.c - the DHCP client's messages.
 * SPDX-License-Identifier: ISC
 */
#include "dhcp.h"

#include <string.h>

void net_dhcp_shut(void *dhcp)
{
  struct lwt_dhcp *d = dhcp;

  if (d->udp)
    lwt_udp_close(d->udp);
  d->udp = NULL;
}

int net_dhcp_open(struct lwt_dhcp *d, int anonymous)
{
  const struct lwt_addr any = { .family = 4, .port = NET_DHCP_CLIENT_PORT };
  const struct lwt_ip_udp_options options = {
    .interface = d->interface, .anonymous = (uint8_t)anonymous
  };

  net_dhcp_shut(d);
  return lwt_ip_udp_open(d->stack, &any, &options, &d->udp);
}

/* ---- Out --------------------------------------------------------------------- */

struct sending {
  struct lwt_frame frame;
  struct lwt_dhcp *d;
  struct lwt_addr to;
  struct lwt_error error;
  size_t len;
  uint8_t bytes[NET_DHCP_ROOM];
};

/* RFC 2131, table 5. */
static void fill(const struct lwt_dhcp *d, uint8_t type, struct net_dhcp *m)
{
  static const uint8_t params[] = {
    NET_DHCP_MASK, NET_DHCP_ROUTES, NET_DHCP_ROUTERS, NET_DHCP_DNS, NET_DHCP_DOMAIN,
    NET_DHCP_MTU, NET_DHCP_LEASE, NET_DHCP_T1, NET_DHCP_T2
  };
  uint64_t secs = (lwt_now() - d->begun) / LWT_S(1);
  int renewing = d->state >= LWT_DHCP_BOUND;

  memset(m, 0, sizeof *m);
  m->op = NET_DHCP_BOOTREQUEST;
  m->type = type;
  m->xid = d->xid;
  memcpy(m->mac, d->mac, 6);
  memcpy(m->id, d->id, m->id_len = d->id_len);
  m->secs = (uint16_t)(secs < 65535 ? secs : 65535);
  if (type == NET_DHCP_DECLINE || type == NET_DHCP_RELEASE) {
    m->secs = 0;
    m->server = d->offer.server;
    *(type == NET_DHCP_RELEASE ? &m->ciaddr : &m->requested) = d->offer.yiaddr;
    return;
  }
  m->broadcast = !renewing; /* without an address nothing else reaches us */
  m->max_size = NET_DHCP_ROOM + 28;
  memcpy(m->params, params, m->n_params = sizeof params);
  strcpy(m->hostname, d->hostname);
  if (type != NET_DHCP_REQUEST) {
    m->requested = d->previous; /* refused by nobody, or another server has it */
    return;
  }
  if (renewing) {
    m->ciaddr = d->offer.yiaddr;
  } else {
    m->requested = d->offer.yiaddr;
    m->server = d->offer.server;
  }
}

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct sending *x = (struct sending *)frame;

  lwt_begin(x);
  lwt_await_error(x, &x->error, lwt_udp_send(x->d->udp, &x->to, x->bytes, x->len));
  x->d->stats.failed += x->error.code != 0;
  if (x->error.code == LWT_ECANCELED)
    lwt_throw(x, LWT_ECANCELED, "dhcp");
  lwt_end(x);
}

lwt_t *net_dhcp_send(struct lwt_dhcp *d, uint8_t type, int to_server)
{
  struct sending x = { .d = d };
  struct net_dhcp m;
  int n;

  fill(d, type, &m);
  n = net_dhcp_emit(&m, x.bytes, sizeof x.bytes);
  if (n < 0 || !d->udp) {
    d->stats.failed++;
    return lwt_return(NULL);
  }
  x.len = (size_t)n;
  x.to = net_addr4(to_server ? d->offer.server : 0xffffffffu, NET_DHCP_SERVER_PORT);
  return lwt__go(sizeof x, send_step, &x, NULL, LWT_WHERE);
}

/* ---- In ---------------------------------------------------------------------- */

struct receiving {
  struct lwt_frame frame;
  struct lwt_dhcp *d;
  struct lwt_datagram *datagram;
  unsigned types;
  uint32_t server;
};

/* Whether it is what we wait for, in d->message. */
static int wanted(struct receiving *x, const struct lwt_datagram *datagram)
{
  struct lwt_dhcp *d = x->d;
  struct net_dhcp *m = &d->message;
  uint8_t bytes[NET_DHCP_ROOM];
  uint32_t len = 0;

  if (datagram->packet && datagram->packet->total <= sizeof bytes)
    len = lwt_buf_copy_out(datagram->packet, 0, bytes, sizeof bytes);
  if (net_dhcp_parse(m, bytes, len)) {
    d->stats.malformed++;
    return 0;
  }
  if (m->op != NET_DHCP_BOOTREPLY || m->xid != d->xid || memcmp(m->mac, d->mac, 6) ||
      (m->id_len && (m->id_len != d->id_len || memcmp(m->id, d->id, d->id_len))) ||
      !(x->types >> m->type & 1) || !m->server ||
      (x->server && m->server != x->server)) {
    d->stats.ignored++;
    return 0;
  }
  d->stats.offers += m->type == NET_DHCP_OFFER;
  d->stats.acks += m->type == NET_DHCP_ACK;
  d->stats.naks += m->type == NET_DHCP_NAK;
  if (m->type != NET_DHCP_NAK && !net_dhcp_usable(m)) {
    d->stats.bad_offers++;
    return 0;
  }
  return 1;
}

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct receiving *x = (struct receiving *)frame;
  int done;

  lwt_begin(x);
  do {
    lwt_await(x, &x->datagram, lwt_udp_receive(x->d->udp));
    done = wanted(x, x->datagram);
    lwt_datagram_free(x->datagram);
  } while (!done);
  lwt_end(x);
}

lwt_t *net_dhcp_receive(struct lwt_dhcp *d, unsigned types, uint32_t server,
                        uint64_t timeout)
{
  if (!d->udp)
    return lwt_timeout(timeout);
  return lwt_with_timeout(timeout, LWT_GO(struct receiving, receive_step, .d = d,
                                          .types = types, .server = server));
}
