/* lwt-mdns.h - names without a server: multicast DNS (RFC 6762) and services that say
 * where they are (RFC 6763), over IPv4, and over IPv6 where the interface speaks it.
 * SPDX-License-Identifier: ISC
 *
 * Over interfaces of stacks made by lwt_net_stack_new() (lwt-ip.h); LWT_ENOTSUP for
 * others.  Functions that return int return 0 or a negative code (lwt.h).
 */
#ifndef LWT_MDNS_H
#define LWT_MDNS_H

#include "lwt-dns.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_mdns;

#define LWT_MDNS_SERVICES 16

/* Zero means the default everywhere. */
struct lwt_mdns_config {
  const char *host; /* "name" of name.local, 1 to 63 bytes; copied */
  /* A name was somebody else's: what ours is now, as text. */
  void (*renamed)(void *env, struct lwt_mdns *mdns, const char *name);
  void *env;
};

struct lwt_mdns_service {
  const char *name; /* what people see, 1 to 63 bytes of UTF-8, such as "My site" */
  const char *type; /* "_http._tcp" */
  uint16_t port;
  const char *const *txt; /* "key=value" ...; NULL: none */
  size_t n_txt;           /* 400 bytes in all */
};

#define LWT_MDNS_STATS(X)                                                     \
  X(queries) X(responses) X(probes)  /* received */                           \
  X(answered)   /* responses sent */                                          \
  X(suppressed) /* answers that the asker knew */                             \
  X(announced) X(conflicts) X(renamed)                                        \
  X(malformed)                                                                \
  X(ignored)    /* not from this link, not a question for us */               \
  X(failed)     /* could not be sent */

#define LWT_MDNS_STAT(name) uint64_t name;
struct lwt_mdns_stats {
  LWT_MDNS_STATS(LWT_MDNS_STAT)
};

/* Answer for host.local with the addresses of an interface: once nobody else was found
 * to have that name, else as "host-2" and so on.  A new address is announced.  Borrows
 * the stack; stop it before the stack is closed.  Errors: LWT_EINVAL (the name),
 * LWT_ENODEV, LWT_EADDRINUSE, LWT_ENOMEM. */
LWT_API int lwt_mdns_start(struct lwt_stack *stack, uint32_t interface,
                           const struct lwt_mdns_config *config, struct lwt_mdns **mdns);

/* For lwt_defer(): takes a struct lwt_mdns *.  Tells the others that its names are
 * gone. */
LWT_API void lwt_mdns_stop(void *mdns);

/* Say that there is a service on this host.  Errors: LWT_EINVAL (a name, a type, too
 * much text), LWT_ENOBUFS (there are LWT_MDNS_SERVICES). */
LWT_API int lwt_mdns_publish(struct lwt_mdns *mdns,
                             const struct lwt_mdns_service *service);

/* The names now: of the host (0) and the n-th service, with "local" at the end, and
 * whether others know of it.  NULL: there is none. */
LWT_API const char *lwt_mdns_name(const struct lwt_mdns *mdns, unsigned n, int *known);
LWT_API const struct lwt_mdns_stats *lwt_mdns_stats(const struct lwt_mdns *mdns);

/* Ask once (section 5.1), both groups, again after one second and after three, until the
 * time is over: the first answer, or with LWT_DNS_PTR all that came.  The answer as by
 * lwt_dns_query().  Rejected with LWT_ENOENT: nobody answered, or whose name it
 * is says that there is no such record (NSEC, section 6.1); LWT_EINVAL: no name;
 * the errors of lwt_ip_udp_open(). */
LWT_API lwt_dns_answer_p *lwt_mdns_query(struct lwt_stack *stack, uint32_t interface,
                                         const char *name, uint16_t type,
                                         uint64_t timeout) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
