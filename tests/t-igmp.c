/* t-igmp.c - groups: joined, reported, asked for, left (RFC 3376, 2236, 1112).
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>

#include "netlab.h"

static struct lwt_udp *udp, *other;
static struct lwt_addr group, group2, any;

static void start(const struct lwt_net_config *config)
{
  lab_start(config);
  group = lab_addr("239.1.2.3", 0);
  group2 = lab_addr("239.1.2.4", 0);
  any = lab_addr("0.0.0.0", 5000);
  is_int(lwt_stack_udp(lab_stack, &any, &udp), 0, "an endpoint");
  any.port = 5001;
  is_int(lwt_stack_udp(lab_stack, &any, &other), 0, "another");
}

static void end(void)
{
  lwt_udp_close(udp);
  lwt_udp_close(other);
  advance(LWT_S(300));
  lab_end();
}

/* ---- The wire ------------------------------------------------------------ */

static void say_record(const uint8_t *p)
{
  static const char *const types[] = { "?", "IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW",
                                       "BLOCK" };
  uint32_t i, n = lab_get(p + 2, 2);

  lab_say(" %s ", types[p[0] < 7 ? p[0] : 0]);
  lab_say_ip(p + 4);
  for (i = 0; i < n; i++) {
    lab_say(i ? "," : " ");
    lab_say_ip(p + 8 + 4 * i);
  }
}

/* The next frame, as IGMP: "22 TO_EX 239.1.2.3". */
static const char *igmp(void)
{
  const uint8_t *p = lab_seen + 14, *m = p + 24, *at;
  uint32_t i, len;

  lab_out = lab_text;
  if (!lab_take())
    return "nothing";
  len = lab_get(p + 2, 2) - 24;
  if (p[0] != 0x46 || lab_sum(p, 24, 0) != 0xffff || p[8] != 1 || p[1] != 0xc0 ||
      p[9] != 2 || lab_get(p + 20, 4) != 0x94040000 || lab_sum(m, len, 0) != 0xffff ||
      memcmp(lab_seen, "\x01\0\x5e", 3) || memcmp(lab_seen + 4, p + 18, 2)) {
    lab_describe(lab_seen, lab_seen_len);
    return lab_text;
  }
  lab_say("%02x", m[0]);
  if (m[0] == 0x22) {
    if (lab_get(p + 16, 4) != 0xe0000016)
      lab_say(" BAD-DESTINATION");
    for (i = 0, at = m + 8; i < lab_get(m + 6, 2); i++, at += 8 + 4 * lab_get(at + 2, 2))
      say_record(at);
    if (at != m + len)
      lab_say(" BAD-LEN");
  } else {
    lab_say(" ");
    lab_say_ip(m + 4);
    lab_say(" to ");
    lab_say_ip(p + 16);
  }
  return lab_text;
}

#define sent(text) lab_is(igmp(), (text), __LINE__, (text))

/* A message from the router 10.0.0.1. */
static uint8_t *message(const char *dst, int type, int code, const char *about,
                        uint32_t len)
{
  uint8_t *p = lab_ipv4("10.0.0.1", dst, 2, 1, 0, NULL, len);

  memset(p, 0, len);
  p[0] = (uint8_t)type;
  p[1] = (uint8_t)code;
  lab_put(p + 4, 4, lab_ip(about));
  lab_frame[22] = 1; /* TTL */
  lab_ip_sum();
  return p;
}

static void finish(uint8_t *p, uint32_t len)
{
  lab_put(p + 2, 2, 0);
  lab_put(p + 2, 2, ~lab_sum(p, len, 0));
  inject();
}

static void query(const char *dst, int code, const char *about, uint32_t len)
{
  finish(message(dst, 0x11, code, about, len), len);
}

/* One query of version 3 for the sources. */
static void query_sources(int code, unsigned n, const char *const *sources)
{
  uint8_t *p = message("239.1.2.3", 0x11, code, "239.1.2.3", 12 + 4 * n);
  unsigned i;

  lab_put(p + 10, 2, n);
  for (i = 0; i < n; i++)
    lab_put(p + 12 + 4 * i, 4, lab_ip(sources[i]));
  finish(p, 12 + 4 * n);
}

static void datagram(const char *src, const char *dst)
{
  lab_udp(src, 99, dst, 5000, "x", 1);
  inject();
}

static int received(struct lwt_udp *from)
{
  lwt_datagram_p *p = lwt_udp_receive(from);
  int yes;

  settle();
  yes = lwt_state(LWT_UNTYPED(p)) == LWT_FULFILLED;
  lwt_drop(LWT_UNTYPED(p));
  return yes;
}

/* ---- Joining and leaving ------------------------------------------------- */

static void test_join(void)
{
  start(NULL);
  datagram("10.0.0.9", "239.1.2.3");
  is_int(received(udp), 0, "not a member");
  is_int(STAT(ip_destination), 1, "dropped and counted");
  is_int(lwt_ip_join(udp, 2, &group), 0, "joins");
  sent("22 TO_EX 239.1.2.3");
  datagram("10.0.0.9", "239.1.2.3");
  is_int(received(udp), 1, "a member");
  is_int(lwt_ip_join(other, 2, &group), 0, "another endpoint joins");
  advance(LWT_S(1));
  sent("22 TO_EX 239.1.2.3"); /* once more, in case the first was lost */
  advance(LWT_S(100));
  quiet();
  is_int(lwt_ip_leave(udp, 2, &group), 0, "the first leaves");
  quiet();
  datagram("10.0.0.9", "239.1.2.3");
  is_int(received(udp), 0, "it does not receive");
  is_int(lwt_ip_leave(udp, 2, &group), LWT_EADDRNOTAVAIL, "once");
  lwt_udp_close(other);
  sent("22 TO_IN 239.1.2.3");
  advance(LWT_S(1));
  sent("22 TO_IN 239.1.2.3");
  advance(LWT_S(100));
  quiet();
  datagram("10.0.0.9", "239.1.2.3");
  is_int(STAT(ip_destination), 2, "nobody is a member");
  lwt_stack_udp(lab_stack, &any, &other);
  end();
}

static void test_errors(void)
{
  struct lwt_net_config config = { .max_groups = 2 };
  struct lwt_addr a = lab_addr("224.0.0.1", 0), source = lab_addr("224.9.9.9", 0);
  struct lwt_addr many[65];
  unsigned i;

  start(&config);
  is_int(lwt_ip_join(udp, 2, &a), LWT_EINVAL, "all hosts");
  a = lab_addr("10.0.0.1", 0);
  is_int(lwt_ip_join(udp, 2, &a), LWT_EINVAL, "no group");
  is_int(lwt_ip_join(udp, 1, &group), LWT_EINVAL, "loopback");
  is_int(lwt_ip_join(udp, 9, &group), LWT_ENODEV, "no interface");
  is_int(lwt_ip_join_sources(udp, 2, &group, 0, &source, 1), LWT_EINVAL, "a bad source");
  for (i = 0; i < 65; i++)
    many[i] = lab_addr("10.0.9.1", 0), many[i].ip[3] = (uint8_t)(i + 1);
  is_int(lwt_ip_join_sources(udp, 2, &group, 0, many, 65), LWT_ENOBUFS, "too many");
  is_int(lwt_ip_join_sources(udp, 2, &group, 0, many, 64), 0, "as many as can be");
  is_int(lwt_ip_join_sources(other, 2, &group, 0, many + 64, 1), LWT_ENOBUFS,
         "one more of another endpoint");
  datagram("10.0.9.65", "239.1.2.3");
  is_int(received(other), 0, "which is not a member then");
  is_int(lwt_ip_join(udp, 2, &group2), 0, "a second group");
  a = lab_addr("239.1.2.5", 0);
  is_int(lwt_ip_join(udp, 2, &a), LWT_ENOBUFS, "no third");
  lab_discard();
  end();
}

/* ---- Sources -------------------------------------------------------------- */

static void test_sources(void)
{
  struct lwt_addr list[3] = { lab_addr("10.0.0.7", 0), lab_addr("10.0.0.8", 0),
                              lab_addr("10.0.0.9", 0) };

  start(NULL);
  is_int(lwt_ip_join_sources(udp, 2, &group, 0, list, 2), 0, "two sources");
  sent("22 ALLOW 239.1.2.3 10.0.0.7,10.0.0.8");
  datagram("10.0.0.8", "239.1.2.3");
  is_int(received(udp), 1, "one of them");
  datagram("10.0.0.9", "239.1.2.3");
  is_int(received(udp), 0, "another");
  is_int(lwt_ip_join_sources(udp, 2, &group, 0, list + 1, 2), 0, "others");
  sent("22 ALLOW 239.1.2.3 10.0.0.8,10.0.0.9 BLOCK 239.1.2.3 10.0.0.7");
  advance(LWT_S(1));
  sent("22 ALLOW 239.1.2.3 10.0.0.9 BLOCK 239.1.2.3 10.0.0.7");
  advance(LWT_S(2));
  quiet();
  is_int(lwt_ip_join_sources(other, 2, &group, 1, list, 2), 0, "another excludes");
  sent("22 TO_EX 239.1.2.3 10.0.0.7"); /* .8 is wanted by the first */
  is_int(lwt_ip_join_sources(other, 2, &group, 1, list, 0), 0, "then nothing");
  sent("22 TO_EX 239.1.2.3");
  advance(LWT_S(3));
  lab_discard();
  is_int(lwt_ip_join_sources(other, 2, &group, 1, list, 1), 0, "then one");
  sent("22 BLOCK 239.1.2.3 10.0.0.7");
  is_int(lwt_ip_leave(other, 2, &group), 0, "it leaves");
  sent("22 TO_IN 239.1.2.3 10.0.0.8,10.0.0.9");
  advance(LWT_S(3));
  lab_discard();
  end();
}

/* ---- Queries --------------------------------------------------------------- */

static void test_queries(void)
{
  static const char *const some[] = { "10.0.0.7", "10.0.0.9" };
  struct lwt_addr list[1] = { lab_addr("10.0.0.7", 0) };

  start(NULL);
  query("224.0.0.1", 100, "0.0.0.0", 12);
  advance(LWT_S(11));
  quiet();
  lwt_ip_join(udp, 2, &group);
  lwt_ip_join_sources(udp, 2, &group2, 0, list, 1);
  advance(LWT_S(2));
  lab_discard();
  query("224.0.0.1", 100, "0.0.0.0", 12);
  quiet();
  advance(LWT_S(10));
  sent("22 IS_IN 239.1.2.4 10.0.0.7 IS_EX 239.1.2.3");
  quiet();
  query("239.1.2.3", 10, "239.1.2.3", 12);
  advance(LWT_S(1));
  sent("22 IS_EX 239.1.2.3");
  query("239.9.9.9", 10, "239.9.9.9", 12);
  query("10.0.0.2", 10, "239.1.2.3", 12);
  advance(LWT_S(1));
  sent("22 IS_EX 239.1.2.3");
  quiet();
  query_sources(10, 2, some);
  advance(LWT_S(1));
  sent("22 IS_IN 239.1.2.3 10.0.0.7,10.0.0.9");
  lwt_ip_join_sources(udp, 2, &group, 1, list, 1);
  advance(LWT_S(2));
  lab_discard();
  query_sources(10, 2, some);
  query_sources(10, 1, some);
  advance(LWT_S(1));
  sent("22 IS_IN 239.1.2.3 10.0.0.9");
  query_sources(10, 1, some);
  advance(LWT_S(1));
  quiet();
  /* a general answer that is due soon saves others */
  query("224.0.0.1", 1, "0.0.0.0", 12);
  query("239.1.2.3", 0xff, "239.1.2.3", 12);
  advance(LWT_S(1));
  sent("22 IS_IN 239.1.2.4 10.0.0.7 IS_EX 239.1.2.3 10.0.0.7");
  advance(LWT_S(4000));
  quiet();
  end();
}

static void test_bad_queries(void)
{
  static const char *const some[] = { "10.0.0.7", "10.0.0.9" };
  uint8_t *p;
  uint32_t len;

  start(NULL);
  lwt_ip_join(udp, 2, &group);
  advance(LWT_S(2));
  lab_discard();
  for (len = 0; len < 12; len++)
    if (len != 8) {
      p = message("224.0.0.1", 0x11, 10, "0.0.0.0", 12);
      lab_put(lab_frame + 16, 2, 20 + len);
      lab_ip_sum();
      finish(p, len < 4 ? 4 : len);
    }
  is_int(STAT(igmp_malformed), 11, "neither 8 nor 12 bytes");
  p = message("224.0.0.1", 0x11, 10, "0.0.0.0", 12);
  p[2] = 1;
  inject();
  is_int(STAT(igmp_checksum), 1, "a bad checksum");
  p = message("224.0.0.1", 0x11, 10, "10.0.0.7", 12);
  finish(p, 12);
  p = message("239.1.2.3", 0x11, 10, "239.1.2.3", 16);
  lab_put(p + 10, 2, 2);
  finish(p, 16);
  p = message("224.0.0.1", 0x11, 10, "0.0.0.0", 16);
  lab_put(p + 10, 2, 1);
  finish(p, 16);
  is_int(STAT(igmp_malformed), 14, "no group, too few sources, sources of no group");
  p = message("224.0.0.1", 0x11, 10, "0.0.0.0", 12);
  lab_frame[22] = 2;
  lab_ip_sum();
  finish(p, 12);
  query("239.1.2.3", 10, "0.0.0.0", 12);
  p = message("224.0.0.1", 0x99, 10, "0.0.0.0", 12);
  finish(p, 12);
  is_int(STAT(igmp_ignored), 3, "from afar, to a group, unknown");
  advance(LWT_S(100));
  quiet();
  query_sources(10, 2, some);
  lwt_ip_leave(udp, 2, &group);
  lab_discard();
  advance(LWT_S(100));
  lab_discard();
  end();
}

/* ---- Older routers ---------------------------------------------------------- */

static void test_version2(void)
{
  start(NULL);
  query("224.0.0.1", 10, "0.0.0.0", 8);
  lwt_ip_join(udp, 2, &group);
  sent("16 239.1.2.3 to 239.1.2.3");
  advance(LWT_S(1));
  sent("16 239.1.2.3 to 239.1.2.3");
  query("239.1.2.3", 10, "239.1.2.3", 8);
  advance(LWT_S(1));
  sent("16 239.1.2.3 to 239.1.2.3");
  query("224.0.0.1", 100, "0.0.0.0", 8);
  advance(LWT_S(10));
  sent("16 239.1.2.3 to 239.1.2.3");
  lwt_ip_leave(udp, 2, &group);
  sent("17 239.1.2.3 to 224.0.0.2");
  advance(LWT_S(2));
  quiet();
  lwt_ip_join(udp, 2, &group);
  advance(LWT_S(2));
  lab_discard();
  query("239.1.2.3", 100, "239.1.2.3", 8);
  finish(message("239.1.2.3", 0x16, 0, "239.1.2.3", 8), 8);
  advance(LWT_S(10));
  quiet(); /* somebody else has answered */
  lwt_ip_leave(udp, 2, &group);
  quiet(); /* and would be the one to leave */
  advance(LWT_S(261));
  lwt_ip_join(udp, 2, &group);
  sent("22 TO_EX 239.1.2.3");
  advance(LWT_S(2));
  lab_discard();
  end();
}

static void test_version1(void)
{
  start(NULL);
  lwt_ip_join(udp, 2, &group);
  advance(LWT_S(2));
  lab_discard();
  query("224.0.0.1", 0, "0.0.0.0", 8);
  advance(LWT_S(10));
  sent("12 239.1.2.3 to 239.1.2.3");
  query("224.0.0.1", 10, "0.0.0.0", 8);
  advance(LWT_S(10));
  sent("12 239.1.2.3 to 239.1.2.3"); /* the oldest one counts */
  lwt_ip_leave(udp, 2, &group);
  quiet();
  end();
}

/* ---- Sending ---------------------------------------------------------------- */

static void test_send(void)
{
  struct lwt_ip_udp_options o = { .no_loop = 1, .ttl = 7, .no_broadcast = 1, .tos = 8 };
  struct lwt_addr to = lab_addr("239.1.2.3", 5000);
  struct lwt_addr all = lab_addr("10.0.0.255", 5000);
  struct lwt_udp *deaf;
  lwt_t *p;

  start(NULL);
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("03 10.0.0.2>239.1.2.3 ttl 1 udp 5000>5000 len 1 'x'");
  is_int(received(udp), 0, "not a member");
  lwt_ip_join(udp, 2, &group);
  advance(LWT_S(2));
  lab_discard();
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("03 10.0.0.2>239.1.2.3 ttl 1 udp 5000>5000 len 1 'x'");
  is_int(received(udp), 1, "a member hears itself");
  any.port = 5002;
  is_int(lwt_ip_udp_open(lab_stack, &any, &o, &deaf), 0, "one with options");
  lwt_drop(lwt_udp_send(deaf, &to, "x", 1));
  got("03 10.0.0.2>239.1.2.3 tos 8 ttl 7 udp 5002>5000 len 1 'x'");
  is_int(received(udp), 0, "does not come back");
  p = lwt_udp_send(deaf, &all, "x", 1);
  is_rejected(p, LWT_EACCES, "and no broadcast");
  lwt_drop(p);
  lwt_udp_close(deaf);
  lwt_drop(lwt_udp_send(other, &all, "x", 1));
  got("* 10.0.0.2>10.0.0.255 udp 5001>5000 len 1 'x'");
  datagram("10.0.0.9", "224.0.0.1");
  is_int(received(udp), 1, "all hosts");
  end();
}

/* Two interfaces: a group is joined on one. */
static void test_interfaces(void)
{
  struct lwt_ip_address a = { .addr = lab_addr("10.9.0.2", 0), .prefix = 24,
                              .unchecked = 1 };
  struct lwt_ip_udp_options o = { .interface = 3 };
  struct lwt_addr to = lab_addr("239.1.2.3", 5000);
  struct lwt_netif *second;
  struct lwt_udp *on3;
  uint32_t index;

  start(NULL);
  lwt_net_hub_port(lab_hub, NULL, &second);
  is_int(lwt_ip_if_add(lab_stack, second, 0, &index), 0, "another interface");
  lwt_drop(lwt_ip_address_add(lab_stack, 3, &a));
  lwt_ip_join(udp, 3, &group);
  advance(LWT_S(2));
  lab_discard();
  datagram("10.9.0.9", "239.1.2.3"); /* both ports get it */
  lab_frame[5] = 1;
  is_int(received(udp), 0, "not to the other one's address");
  memcpy(lab_frame, "\x01\0\x5e\x01\x02\x03", 6);
  inject();
  is_int(received(udp), 1, "received once");
  is_int(received(udp), 0, "and not twice");
  any.port = 6000;
  is_int(lwt_ip_udp_open(lab_stack, &any, &o, &on3), 0, "an endpoint there");
  lwt_drop(lwt_udp_send(on3, &to, "x", 1));
  got("03 10.9.0.2>239.1.2.3 ttl 1 udp 6000>5000 len 1 'x'");
  is_int(lab_seen[11], 3, "leaves there");
  is_int(received(udp), 1, "and comes back");
  lwt_drop(lwt_ip_if_remove(lab_stack, 3));
  settle();
  is_int(lwt_ip_leave(udp, 3, &group), 0, "left when the interface is gone");
  lwt_udp_close(on3);
  lab_discard();
  end();
}

int main(void)
{
  test_join();
  test_errors();
  test_sources();
  test_queries();
  test_bad_queries();
  test_version2();
  test_version1();
  test_send();
  test_interfaces();
  return lwt_test_done();
}
