/* net/mdns.h - what the files of multicast DNS share.
 * SPDX-License-Identifier: ISC
 *
 *   mdns.c           names: probing, announcing, conflicts; life
 *   mdns_receive.c   questions and others' answers
 *   mdns_records.c   what is sent
 *   mdns_query.c     asking once
 */
#ifndef NET_MDNS_H
#define NET_MDNS_H

#include "dns_wire.h"
#include "net.h"

#include "lwt-ip.h"
#include "lwt-mdns.h"

#include <lwt/timeout.h>

/* A message fits into a packet of either family. */
enum { NET_MDNS_PORT = 5353, NET_MDNS_ROOM = 1452, NET_MDNS_TXT = 416,
       NET_MDNS_TOP_BIT = 0x8000 };

/* Records of a unit, as bits; NSEC: that its name has no others. */
enum { NET_MDNS_ADDR = 1, NET_MDNS_PTR = 2, NET_MDNS_SRV = 4, NET_MDNS_TXT_RR = 8,
       NET_MDNS_ENUM = 16, NET_MDNS_NSEC = 32 };
#define NET_MDNS_UNIQUE (NET_MDNS_ADDR | NET_MDNS_SRV | NET_MDNS_TXT_RR | NET_MDNS_NSEC)

enum net_mdns_state { NET_MDNS_PROBING, NET_MDNS_ANNOUNCING, NET_MDNS_KNOWN };

/* A name that is ours alone: the host, or an instance of a service. */
struct net_mdns_unit {
  enum net_mdns_state state;
  unsigned step, suffix, conflicts;
  uint64_t next;       /* when the next probe or announcement goes out */
  uint64_t sent;       /* the last multicast answer */
  unsigned pending;    /* records that are to be sent */
  uint64_t pending_at;
  char base[64];       /* the label as asked for */
  struct net_dns_name name, type; /* type: of services */
  uint16_t port;
  uint8_t txt[NET_MDNS_TXT];
  uint16_t txt_len;
  char text[NET_DNS_TEXT];
};

struct lwt_mdns {
  unsigned refs;
  uint8_t stopped;
  struct lwt_stack *stack;
  uint32_t interface;
  struct lwt_mdns_config config;
  struct lwt_mdns_stats stats;
  struct lwt_udp *udp[2];  /* IPv4, IPv6; NULL: not spoken there */
  lwt_t *running[2];
  struct lwt_ip_watch watch;
  struct lwt_timer timer;
  unsigned n; /* units; the first is the host */
  struct net_mdns_unit units[1 + LWT_MDNS_SERVICES];
};

void net_mdns_unref(void *mdns);
uint64_t net_mdns_random(const struct lwt_mdns *m, uint64_t below);
/* Something has a new time. */
void net_mdns_schedule(struct lwt_mdns *m);
/* Somebody else has the name of a unit. */
void net_mdns_conflict(struct lwt_mdns *m, struct net_mdns_unit *u);
/* Begin to probe, after a while. */
void net_mdns_probe(struct net_mdns_unit *u, uint64_t when);

lwt_t *net_mdns_receive(struct lwt_mdns *m, struct lwt_udp *udp) LWT_MUST_USE;

/* 224.0.0.251 or ff02::fb on an interface, with the port (RFC 6762, section 3). */
struct lwt_addr net_mdns_group(int six, uint32_t interface);

/* ---- mdns_records.c ------------------------------------------------------------ */

struct net_mdns_how {
  unsigned legacy : 1;  /* for a simple resolver: no top bit, a short life */
  unsigned goodbye : 1;
};
/* Whether the host has an address of that family, to be told and to send from. */
int net_mdns_has_address(const struct lwt_mdns *m, unsigned family);
/* All records that a unit has; NSEC is said only when asked for. */
unsigned net_mdns_has(const struct net_mdns_unit *u);
/* Write records of a unit; what does not fit is left out.  With addresses in a response,
 * but of one family only, goes a NSEC as an additional record (6.2). */
void net_mdns_put(const struct lwt_mdns *m, struct net_dns_writer *w,
                  enum net_dns_section section, const struct net_mdns_unit *u,
                  unsigned bits, struct net_mdns_how how);
/* Call f(env, rr) for each record. */
void net_mdns_each(const struct lwt_mdns *m, const struct net_mdns_unit *u, unsigned bits,
                   void (*f)(void *env, struct net_dns_rr *rr), void *env);
/* To the groups of both families, or to somebody; the bytes are copied. */
void net_mdns_send(struct lwt_mdns *m, const struct lwt_addr *to,
                   struct net_dns_writer *w);
/* The data as bytes that can be compared: 0 if there are too many. */
size_t net_mdns_data(const struct net_dns_rr *rr, uint8_t *out, size_t room);

#endif
