/* lwt-dhcp.h - DHCP for IPv4: a client, and a small server for test networks.
 * SPDX-License-Identifier: ISC
 *
 * Over interfaces of stacks made by lwt_net_stack_new() (lwt-ip.h); LWT_ENOTSUP for
 * others.  RFC 2131, 2132, 3442, 4361 (identifiers given), 6842.
 *
 * Functions that return int return 0 or a negative code (lwt.h).
 */
#ifndef LWT_DHCP_H
#define LWT_DHCP_H

#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The client --------------------------------------------------------------- */

/* RFC 2131, figure 5. */
enum lwt_dhcp_state {
  LWT_DHCP_INIT,       /* waits a little before it begins (again) */
  LWT_DHCP_REBOOTING,  /* asks for the address of before (INIT-REBOOT) */
  LWT_DHCP_SELECTING,
  LWT_DHCP_REQUESTING,
  LWT_DHCP_PROBING,    /* asks whether the address is free (RFC 5227) */
  LWT_DHCP_BOUND,
  LWT_DHCP_RENEWING,
  LWT_DHCP_REBINDING
};

#define LWT_DHCP_DNS 8
#define LWT_DHCP_ROUTERS 4

/* Times are those of lwt_now(), LWT_NEVER for without end. */
struct lwt_dhcp_lease {
  struct lwt_addr addr, server;
  uint8_t prefix;
  uint16_t mtu;              /* 0: not said */
  struct lwt_addr routers[LWT_DHCP_ROUTERS], dns[LWT_DHCP_DNS];
  unsigned n_routers, n_dns;
  char domain[254];
  uint64_t since, renew, rebind, expires;
};

struct lwt_dhcp;

/* Zero means the default everywhere. */
struct lwt_dhcp_config {
  const char *hostname;      /* told to the server; copied, up to 63 bytes */
  const uint8_t *id;         /* the client's identifier, its type first; copied, up to
                                64 bytes.  NULL: Ethernet and our address */
  size_t id_len;
  struct lwt_addr previous;  /* the address of before, which is asked for first (RFC 2131
                                4.4.2); family 0: none is known.  If a server refuses it,
                                or none answers, any other one will do */
  uint64_t start_delay;      /* wait up to this long before the first message (RFC 2131
                                4.4.1 wants 1 to 10 s where many begin at once) */
  uint32_t without_dns;      /* the stack's resolver does not hear of its servers */
  uint32_t without_routes;
  /* The state has changed: there is a lease, another one, none any more.  Called by the
   * loop; it does not stop the client. */
  void (*changed)(void *env, struct lwt_dhcp *dhcp, enum lwt_dhcp_state state);
  void *env;
};

#define LWT_DHCP_STATS(X)                                                     \
  X(discovers) X(requests) X(reboots) X(renews) X(rebinds) X(declines)        \
  X(releases)                                                                 \
  X(offers) X(acks) X(naks)                                                   \
  X(ignored)    /* not to us, or not what is waited for */                    \
  X(malformed)                                                                \
  X(bad_offers) /* no address that we could use, or for less than 10 s */     \
  X(conflicts)  /* somebody had the address */                                \
  X(expired)    /* leases that came to their end */                           \
  X(bound)      /* times that a lease was got */                              \
  X(failed)     /* messages that could not be sent, routes not set */

#define LWT_DHCP_STAT(name) uint64_t name;
struct lwt_dhcp_stats {
  LWT_DHCP_STATS(LWT_DHCP_STAT)
};

/* Get an address for an interface, its routes and servers for the stack's resolver, and
 * keep them for as long as servers let us.  The resolver asks them after those that it
 * was given (lwt_dns_set_servers()).  Borrows the stack; stop the client before
 * the stack is closed.  Errors: LWT_ENOTSUP, LWT_ENODEV, LWT_EINVAL (identifier, or
 * `previous` is no IPv4 address), LWT_ENOMEM. */
LWT_API int lwt_dhcp_start(struct lwt_stack *stack, uint32_t interface,
                           const struct lwt_dhcp_config *config, struct lwt_dhcp **dhcp);

/* Give the lease back, take the address away, free the client; fulfilled when that is
 * done.  Takes a struct lwt_dhcp *. */
LWT_API lwt_t *lwt_dhcp_stop(void *dhcp) LWT_MUST_USE;

/* Fulfilled when there is a lease. */
LWT_API lwt_t *lwt_dhcp_wait(struct lwt_dhcp *dhcp) LWT_MUST_USE;

/* LWT_ENODATA: there is none. */
LWT_API int lwt_dhcp_lease(const struct lwt_dhcp *dhcp, struct lwt_dhcp_lease *lease);
LWT_API enum lwt_dhcp_state lwt_dhcp_state(const struct lwt_dhcp *dhcp);
LWT_API const struct lwt_dhcp_stats *lwt_dhcp_stats(const struct lwt_dhcp *dhcp);

/* The lease as one line of text: address, server, how long, routers, servers of names,
 * domain; or that there is none. */
LWT_API void lwt_dhcp_dump(const struct lwt_dhcp *dhcp, FILE *out);

/* ---- The server --------------------------------------------------------------- */

/* Zero means the default everywhere. */
struct lwt_dhcpd_config {
  struct lwt_addr first, last; /* what it gives away, at most 1024; in our network */
  uint32_t lease;              /* seconds, default 3600 */
  uint32_t max_lease;          /* default 86400 */
  uint64_t hold;               /* how long an offer is kept, ns, default 30 s */
  struct lwt_addr router;      /* family 0: none is told */
  struct lwt_addr dns[LWT_DHCP_DNS];
  unsigned n_dns;
  const char *domain;          /* copied */
  uint16_t mtu;
};

#define LWT_DHCPD_STATS(X)                                                    \
  X(discovers) X(requests) X(declines) X(releases) X(informs)                 \
  X(offers) X(acks) X(naks)                                                   \
  X(malformed) X(ignored)                                                     \
  X(exhausted)  /* nothing left to offer */                                   \
  X(failed)     /* could not be sent */

#define LWT_DHCPD_STAT(name) uint64_t name;
struct lwt_dhcpd_stats {
  LWT_DHCPD_STATS(LWT_DHCPD_STAT)
};

struct lwt_dhcpd;

/* Give addresses away on an interface, which has one of the same network.  Leases are in
 * memory only.  It does not ask whether an address is in use: clients do, and one
 * that is declined is kept out for ten minutes.  Errors:
 * LWT_ENOTSUP, LWT_ENODEV, LWT_EINVAL (addresses), LWT_EADDRNOTAVAIL (the interface has
 * no address there), LWT_EADDRINUSE, LWT_ENOMEM. */
LWT_API int lwt_dhcpd_start(struct lwt_stack *stack, uint32_t interface,
                            const struct lwt_dhcpd_config *config,
                            struct lwt_dhcpd **dhcpd);
/* For lwt_defer(): takes a struct lwt_dhcpd *. */
LWT_API void lwt_dhcpd_stop(void *dhcpd);
LWT_API const struct lwt_dhcpd_stats *lwt_dhcpd_stats(const struct lwt_dhcpd *dhcpd);
/* Who has what, for how long. */
LWT_API void lwt_dhcpd_dump(const struct lwt_dhcpd *dhcpd, FILE *out);

#ifdef __cplusplus
}
#endif

#endif
