/* net/dns_wire.h - DNS messages as they are on the wire (RFC 1035, 2181, 3596, 2782,
 * 6891), for resolvers, servers and multicast DNS.
 * SPDX-License-Identifier: ISC
 *
 * Reading and writing take no memory: a record is read into a struct whose names are
 * decompressed copies, and whose other variable parts point into the message.  A
 * message is read once, from front to back:
 *
 *   if (net_dns_read(&r, bytes, len, &h)) ...
 *   while ((n = net_dns_next_question(&r, &q)) > 0) ...
 *   while ((n = net_dns_next(&r, &rr)) > 0) ...         answers, then authority ...
 *
 * Parsers look at len bytes at most and return LWT_EBADMSG for what is malformed.
 * Names are decompressed wherever the field knows compression (RFC 3597, section 4).
 */
#ifndef NET_DNS_WIRE_H
#define NET_DNS_WIRE_H

#include "../lwt/memory.h"

enum { NET_DNS_HEADER_LEN = 12, NET_DNS_NAME_MAX = 255, NET_DNS_LABEL_MAX = 63 };

enum {
  NET_DNS_A = 1, NET_DNS_NS = 2, NET_DNS_CNAME = 5, NET_DNS_SOA = 6, NET_DNS_PTR = 12,
  NET_DNS_MX = 15, NET_DNS_TXT = 16, NET_DNS_AAAA = 28, NET_DNS_SRV = 33,
  NET_DNS_DNAME = 39, NET_DNS_OPT = 41, NET_DNS_NSEC = 47, NET_DNS_SVCB = 64,
  NET_DNS_HTTPS = 65, NET_DNS_AXFR = 252, NET_DNS_ANY = 255
};
enum { NET_DNS_IN = 1, NET_DNS_CLASS_NONE = 254, NET_DNS_CLASS_ANY = 255 };
enum {
  NET_DNS_NOERROR = 0, NET_DNS_FORMERR = 1, NET_DNS_SERVFAIL = 2, NET_DNS_NXDOMAIN = 3,
  NET_DNS_NOTIMP = 4, NET_DNS_REFUSED = 5, NET_DNS_BADVERS = 16
};

/* ---- Names (dns_name.c) -------------------------------------------------- */

/* Labels with their lengths, the empty one at the end included: 1 to 255 bytes. */
struct net_dns_name {
  uint8_t len;
  uint8_t bytes[NET_DNS_NAME_MAX];
};

/* The name at `at` of a message.  Returns the length of what stands there, pointers
 * not followed.  A pointer leads backwards (each further than the one before), or
 * the name is malformed. */
int net_dns_name_parse(struct net_dns_name *name, const uint8_t *msg, size_t len,
                       size_t at);

/* "www.example.org", with or without a dot at the end; \. \\ and \DDD are understood.
 * "." is the root.  Returns 0, or LWT_EINVAL: an empty or long label, a long name. */
int net_dns_name_from(struct net_dns_name *name, const char *text);

/* The same way back, without a dot at the end but for the root.  Returns out, which
 * NET_DNS_TEXT bytes are always enough for. */
enum { NET_DNS_TEXT = 4 * NET_DNS_NAME_MAX + 1 };
char *net_dns_name_text(const struct net_dns_name *name, char *out, size_t size);

/* Without regard to case (RFC 4343). */
int net_dns_name_equal(const struct net_dns_name *a, const struct net_dns_name *b);
/* Byte for byte. */
int net_dns_name_same(const struct net_dns_name *a, const struct net_dns_name *b);
/* Whether name is `top` or below it. */
int net_dns_name_below(const struct net_dns_name *name, const struct net_dns_name *top);
/* In small letters. */
void net_dns_name_fold(struct net_dns_name *name);
/* Without regard to case; not for tables that strangers fill, see net_siphash(). */
uint32_t net_dns_name_hash(const struct net_dns_name *name);
/* tail after name, which must not be the root's.  Returns 0 or LWT_EINVAL: too long. */
int net_dns_name_append(struct net_dns_name *name, const struct net_dns_name *tail);
unsigned net_dns_name_labels(const struct net_dns_name *name); /* the root's not */

/* ---- Messages ------------------------------------------------------------ */

enum net_dns_section { NET_DNS_ANSWER, NET_DNS_AUTHORITY, NET_DNS_ADDITIONAL };

struct net_dns_header {
  uint16_t id;
  uint8_t qr, opcode, aa, tc, rd, ra, ad, cd;
  uint8_t rcode;             /* the four bits of the header */
  uint16_t questions;        /* not read when emitted */
  uint16_t records[3];       /* by section; not read when emitted */
};

struct net_dns_question {
  struct net_dns_name name;
  uint16_t type, class;
};

/* Some bytes of the message. */
struct net_dns_bytes {
  const uint8_t *bytes;
  uint16_t len;
};

struct net_dns_rr {
  struct net_dns_name name;
  uint16_t type, class;
  uint32_t ttl;      /* at most 2^31 - 1: larger ones are 0 (RFC 2181, section 8);
                        OPT: as it is */
  uint8_t section;   /* when read */
  uint8_t opaque;    /* the data is u.raw, whatever the type: of classes other than
                        IN (with or without the upper bit, see RFC 6762), or empty */
  uint8_t squeeze;   /* when written: compression in SRV (RFC 6762, 18.14), which
                        RFC 2782 forbids */
  union {
    uint8_t ip[16];                /* A (4 bytes), AAAA */
    struct net_dns_name target;    /* NS CNAME PTR DNAME */
    struct {
      uint16_t preference;
      struct net_dns_name exchange;
    } mx;
    struct {
      uint16_t priority, weight, port;
      struct net_dns_name target;
    } srv;
    struct {
      struct net_dns_name mname, rname;
      uint32_t serial, refresh, retry, expire, minimum;
    } soa;
    struct net_dns_bytes raw;      /* TXT (well-formed strings), OPT, all others */
  } u;
};

/* OPT (RFC 6891) out of a record, whose class and ttl it lives in. */
struct net_dns_opt {
  uint16_t udp_size;
  uint8_t rcode; /* the upper eight bits */
  uint8_t version;
  uint8_t dnssec;
};
void net_dns_opt_of(const struct net_dns_rr *rr, struct net_dns_opt *opt);
/* A record without options. */
void net_dns_opt_make(struct net_dns_rr *rr, const struct net_dns_opt *opt);

struct net_dns_reader {
  const uint8_t *msg;
  size_t len, at;
  uint16_t questions; /* left */
  uint16_t records[3];
};

/* Returns 0 or LWT_EBADMSG. */
int net_dns_read(struct net_dns_reader *r, const uint8_t *bytes, size_t len,
                 struct net_dns_header *h);
/* 1: there is one, 0: no more, or LWT_EBADMSG, which stays.  net_dns_next() skips
 * the questions that were not read. */
int net_dns_next_question(struct net_dns_reader *r, struct net_dns_question *q);
int net_dns_next(struct net_dns_reader *r, struct net_dns_rr *rr);

/* ---- Writing ------------------------------------------------------------- */

enum { NET_DNS_SUFFIXES = 64 };

struct net_dns_writer {
  uint8_t *out;
  size_t room, len;
  uint16_t questions, records[3];
  uint8_t section;    /* of the record before */
  uint16_t suffixes[NET_DNS_SUFFIXES]; /* where names begin, by hash; 0: free */
};

/* room: at least NET_DNS_HEADER_LEN, at most 65535 bytes count. */
void net_dns_write(struct net_dns_writer *w, uint8_t *out, size_t room,
                   const struct net_dns_header *h);
/* Return 0, or LWT_EMSGSIZE: it does not fit, and nothing is written.  Records come
 * in the order of their sections (else LWT_EINVAL), after the questions.  Names are
 * compressed where RFC 3597, section 4, allows it, and keep their case. */
int net_dns_put_question(struct net_dns_writer *w, const struct net_dns_question *q);
int net_dns_put(struct net_dns_writer *w, enum net_dns_section section,
                const struct net_dns_rr *rr);
/* Fill in the counts; the message's length. */
size_t net_dns_written(struct net_dns_writer *w);
/* Another header in the message, with the counts so far. */
void net_dns_set_header(struct net_dns_writer *w, const struct net_dns_header *h);

#endif
