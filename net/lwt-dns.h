/* lwt-dns.h - a DNS resolver over any stack.
 * SPDX-License-Identifier: ISC
 *
 * It asks recursive servers (a stub resolver, RFC 1034 5.3.1), over UDP and where an
 * answer does not fit over TCP, through any struct lwt_stack: ours or the kernel's.
 * What it learns it keeps for as long as the answer says (RFC 1035, 2181), also that
 * there is nothing (RFC 2308).  Equal questions that are under way are asked once.
 *
 * An answer counts if it comes from the server that was asked, to the port that was
 * chosen at random for this question, with its random number and its name in the
 * random mixture of capitals and small letters in which it was sent (RFC 5452 and
 * "0x20").  After 16 others in a row, a question goes over TCP.
 *
 * A stack of ours has a resolver of its own if servers are configured or learnt
 * (lwt-net.h), which lwt_stack_resolve() uses.
 *
 * Functions that return int return 0 or a negative code (lwt.h).
 */
#ifndef LWT_DNS_H
#define LWT_DNS_H

#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* flexible array members */
#endif

#define LWT_DNS_SERVERS 8

enum lwt_dns_feature {
  LWT_DNS_CACHE = 1,
  LWT_DNS_EDNS = 2,    /* RFC 6891 */
  LWT_DNS_0X20 = 4,
  LWT_DNS_IPV6 = 8     /* asking for AAAA in lookups */
};

/* Zero means the default everywhere, except in `secret`. */
struct lwt_dns_config {
  struct lwt_addr servers[LWT_DNS_SERVERS]; /* port 0: 53 */
  unsigned n_servers;
  uint8_t secret[32];  /* unpredictable bytes (lwt_platform_random()) */
  uint32_t without;    /* enum lwt_dns_feature: not to be used */
  uint32_t rotate;     /* begin with another server each time */

  /* For lookups: names with fewer than ndots dots (default 1) are looked for in the
   * search list first, others as they are first (RFC 1123 6.1.4.3).  Copied. */
  const char *const *search;
  size_t n_search;
  unsigned ndots;

  /* Nanoseconds. */
  uint64_t timeout;    /* of a server in the first round, twice that in the next ...;
                          default 2 s */
  uint64_t deadline;   /* of a question, default 20 s */
  uint64_t delay;      /* how long a lookup that has addresses of one family waits for
                          the other, default 50 ms (RFC 8305, section 3) */
  unsigned rounds;     /* default 3 */
  uint16_t udp_size;   /* what an answer over UDP may have, default 1232 */

  /* Limits, each with a counter that shows it. */
  uint32_t max_questions; /* under way, default 256 */
  uint32_t max_waiters;   /* for answers, default 4096 */
  uint32_t max_entries;   /* in the cache, default 1024 */
  uint32_t max_memory;    /* of the cache, default 1 MiB */

  /* Seconds that something is kept at most: records, default 86400; that there is
   * none, default 3600; that servers failed, default 1 (RFC 9520). */
  uint32_t max_ttl, max_negative, failure_ttl;

  /* Bring addresses into the order in which they are to be tried (RFC 6724).  NULL:
   * the order of the answers, IPv6 first. */
  void (*order)(void *env, struct lwt_addr *addrs, size_t n);
  void *env;
};

#define LWT_DNS_STATS(X)                                                      \
  X(questions)      /* of programs */                                         \
  X(cache_hits)     /* answered by the cache */                               \
  X(cache_negative) /* of these, that there is none, or servers failed */     \
  X(cache_evicted)  /* before its time, for max_entries or max_memory */      \
  X(coalesced)      /* joined one that was under way */                       \
  X(full)           /* refused: max_questions, max_waiters */                 \
  X(sent_udp) X(sent_tcp)                                                     \
  X(answers)        /* that were believed */                                  \
  X(timeouts)       /* a server did not answer */                             \
  X(unreachable)    /* a server could not be asked */                         \
  X(truncated)      /* and asked again over TCP */                            \
  X(unwanted)       /* not from that server, or not to that question */       \
  X(suspicious)     /* asked again over TCP for too many of these */          \
  X(malformed)                                                                \
  X(no_edns)        /* servers that do not understand it */                   \
  X(server_failed)  /* SERVFAIL and the like */                               \
  X(lame)           /* neither an answer nor recursion */                     \
  X(aliases)        /* CNAMEs that had to be asked for */                     \
  X(failed)         /* questions without an answer */

#define LWT_DNS_STAT(name) uint64_t name;
struct lwt_dns_stats {
  LWT_DNS_STATS(LWT_DNS_STAT)
};

struct lwt_dns;

/* A resolver over a stack, which it borrows.  Without servers questions are rejected
 * with LWT_ENETUNREACH, and lookups with LWT_ENOENT.  Errors: LWT_EINVAL (a server's
 * address, a name in the search list), LWT_ENOMEM. */
LWT_API int lwt_dns_new(struct lwt_stack *stack, const struct lwt_dns_config *config,
                        struct lwt_dns **dns);

/* For lwt_defer(): takes a struct lwt_dns *.  What is asked is rejected with
 * LWT_ECONNABORTED. */
LWT_API void lwt_dns_close(void *dns);

/* Other servers from now on; what is cached stays.  Errors: LWT_EINVAL. */
LWT_API int lwt_dns_set_servers(struct lwt_dns *dns, const struct lwt_addr *servers,
                                size_t n);

/* Forget everything. */
LWT_API void lwt_dns_flush(struct lwt_dns *dns);

LWT_API const struct lwt_dns_stats *lwt_dns_stats(const struct lwt_dns *dns);

/* Servers, what is under way and in the cache, and the counters that are not zero. */
LWT_API void lwt_dns_dump(const struct lwt_dns *dns, FILE *out);

/* ---- Addresses ----------------------------------------------------------- */

/* All addresses of a host, at most 64, the best first, with the port set; free() them.
 * A and AAAA are asked for at the same time.  A numeric address is itself; localhost
 * and what is below it are the loopback addresses, without a question (RFC 6761).
 * Rejected with LWT_ENOENT: there is no such host, or it has no address;
 * LWT_ETIMEDOUT: no server answered; LWT_EIO: servers failed; LWT_EINVAL: no name;
 * LWT_ENOBUFS: too much is asked at once; LWT_ENETUNREACH: no server could be asked. */
LWT_API lwt_addrs_p *lwt_dns_lookup(struct lwt_dns *dns, const char *name,
                                    uint16_t port) LWT_MUST_USE;

/* ---- Records ------------------------------------------------------------- */

enum lwt_dns_type {
  LWT_DNS_A = 1, LWT_DNS_NS = 2, LWT_DNS_CNAME = 5, LWT_DNS_SOA = 6, LWT_DNS_PTR = 12,
  LWT_DNS_MX = 15, LWT_DNS_TXT = 16, LWT_DNS_AAAA = 28, LWT_DNS_SRV = 33,
  LWT_DNS_SVCB = 64, LWT_DNS_HTTPS = 65
};

/* Names are text, without a dot at the end; a byte that is no visible ASCII is \DDD. */
struct lwt_dns_record {
  const char *name;    /* the one that was asked for, or what aliases led to */
  uint16_t type;
  uint32_t ttl;        /* seconds left */
  struct lwt_addr addr;   /* A, AAAA; port 0 */
  const char *target;  /* NS, CNAME, PTR, MX, SRV; SOA: the primary server */
  uint16_t preference; /* MX; SRV: the priority */
  uint16_t weight, port;  /* SRV */
  const uint8_t *bytes;   /* the data of all others, and of TXT */
  size_t len;
};

/* Records of the type that was asked for, CNAMEs on the way first. */
struct lwt_dns_answer {
  size_t n;
  struct lwt_dns_record records[];
};
LWT_PROMISE(lwt_dns_answer_p, struct lwt_dns_answer *);
LWT_API void lwt_dns_answer_free(void *answer);

/* Ask for the records of a type (any but 0, OPT, AXFR and the like, LWT_EINVAL).
 * name is used as it is, without the search list.  Rejected with LWT_ENOENT: there is
 * no such name; LWT_ENODATA: it has no such record; else as lwt_dns_lookup(). */
LWT_API lwt_dns_answer_p *lwt_dns_query(struct lwt_dns *dns, const char *name,
                                        uint16_t type) LWT_MUST_USE;

/* The name of an address: a PTR record of in-addr.arpa or ip6.arpa. */
LWT_API lwt_dns_answer_p *lwt_dns_reverse(struct lwt_dns *dns,
                                          const struct lwt_addr *addr) LWT_MUST_USE;

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
