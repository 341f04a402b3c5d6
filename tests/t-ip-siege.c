/* t-ip-siege.c - attacks of a hundred thousand packets on what is below TCP: the bound
 * each one holds, the counter that shows it, and a good host that is answered
 * meanwhile.
 * SPDX-License-Identifier: ISC
 *
 *   t-ip-siege                  100,000 packets each
 *   IP_SIEGE=5000 t-ip-siege    as many
 */
#include "../net/neighbour.h"
#include "counted.h"
#include "netlab6.h"

/* Without pools a page takes more than its size. */
#ifdef LWT_NO_POOLS
#define PAGE 8192
#else
#define PAGE 4096
#endif

enum {
  TENTHS = 10,
  NEIGHBOURS = 512, /* the defaults of struct lwt_net_config */
  REASSEMBLY = 4 << 20,
  DATAGRAMS = REASSEMBLY / 4096, /* of one fragment each */
  KEPT = 800, /* at most, beside the pages of a datagram: structs, headers */
  KNOWN = 200, /* at most, for a neighbour */
  ERRORS = 2 * 400, /* ICMP messages at most, each family in up to 3 s: 100 a second */
  TRIES = 3 /* to find out where to send one */
};

static uint32_t packets = 100000;
static uint64_t before, most; /* bytes in use */
static uint32_t most_pages, good;

/* ---- The good host ----------------------------------------------------- */

static int answered(const char *text)
{
  int yes = lab_take() && !strcmp(lab6_describe(), text);

  lab_discard();
  return yes;
}

static void ping4(void)
{
  lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0x70009, "0123456789abcdef", 16);
}

static void ping6(void)
{
  uint8_t m[24] = { 128, [5] = 7, [7] = 9 };

  memcpy(m + 8, "0123456789abcdef", 16);
  lab6_icmp("2001:db8::9", "2001:db8::1", 64, m, sizeof m);
}

#define PONG4 "02 10.0.0.2>10.0.0.9 echo-reply id 7 seq 9 len 16 '0123456789abcdef'"
#define PONG6 "02 2001:db8::1>2001:db8::9 echo-reply 7/9 len 16 '0123456789abcdef'"

/* Four answers, two of them to a datagram in two fragments. */
static int well(void)
{
  static uint16_t id;
  uint8_t payload[24];
  int n;

  lab_mac[2] = lab_mac[3] = lab_mac[4] = 0;
  lab_discard();
  id++;
  ping4();
  inject();
  n = answered(PONG4);
  ping6();
  inject();
  n += answered(PONG6);
  ping4();
  memcpy(payload, lab_frame + 34, 24);
  lab_ipv4("10.0.0.9", "10.0.0.2", 1, id, 0 | 1, payload, 16);
  inject();
  lab_ipv4("10.0.0.9", "10.0.0.2", 1, id, 16, payload + 16, 8);
  inject();
  n += answered(PONG4);
  ping6();
  lab6_fragment(0, 16, 1, id);
  lab6_fragment(16, 8, 0, id);
  n += answered(PONG6);
  return n == 4;
}

/* ---- The siege --------------------------------------------------------- */

static struct net_if *interface(void)
{
  return net_if_find((struct net_stack *)lab_stack, 2);
}

/* A stack of both families on a large network, which knows the good host. */
static void begin(const char *what)
{
  struct lwt_net_config c = { .addr = lab_addr("10.0.0.2", 0), .prefix = 8,
                              .ipv6 = LWT_NET_IPV6_STATIC, .prefix6 = 64,
                              .addr6 = lab_addr("2001:db8::1", 0), .unchecked6 = 1 };

  printf("# %u %s\n", (unsigned)packets, what);
  is_int(lab_try_start(&c, NULL), 0, "a stack starts");
  advance(LWT_S(4));
  lab6_find_ll();
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab6_nd(135, 0, "2001:db8::9", "ff02::1:ff00:1", "2001:db8::1", 1);
  ok(well(), "a good host is answered");
  before = in_use;
  most = good = most_pages = 0;
}

/* Whoever sends packet i. */
static const char *somebody4(uint32_t i)
{
  static char text[24];

  lab_put(lab_mac + 2, 3, i + 1);
  snprintf(text, sizeof text, "10.%u.%u.%u", 1 + (i >> 16 & 127), i >> 8 & 255, i & 255);
  return text;
}

static const char *somebody6(uint32_t i)
{
  static char text[40];

  lab_put(lab_mac + 2, 3, i + 1);
  snprintf(text, sizeof text, "2001:db8::%x:%x", 1 + (i >> 16), i & 0xffff);
  return text;
}

/* After packet i: how much there is; ten times, the good host's turn. */
static uint32_t look(uint32_t i)
{
  uint32_t answers = 0;

  while (lab_take())
    answers++;
  most = in_use > before && in_use - before > most ? in_use - before : most;
  most_pages = lwt_buf_pages() > most_pages ? (uint32_t)lwt_buf_pages() : most_pages;
  if ((i + 1) % (packets / TENTHS) == 0 && i / (packets / TENTHS) < TENTHS) {
    good += (uint32_t)well();
    advance(LWT_MS(300));
    lab_discard();
  }
  return answers;
}

static void end(void)
{
  is_int(good, TENTHS, "ten of ten times the good host is answered");
  lab_end();
  is_int(lwt_cleanup(), 0, "nor is anything kept for the next");
}

static void neighbours(const char *what, int family)
{
  uint32_t i, answers = 0, known;

  begin(what);
  known = NEIGHBOURS - interface()->neighbours->count; /* room for so many more */
  for (i = 0; i < packets; i++) {
    if (family == 4) {
      lab_arp("*", 1, somebody4(i), "10.0.0.2");
      inject();
    } else {
      lab6_nd(135, 0, somebody6(i), "ff02::1:ff00:1", "2001:db8::1", 1);
    }
    answers += look(i);
  }
  known = known < packets ? known : packets;
  is_int(interface()->neighbours->count, known + 2, "max_neighbours");
  is_int(STAT(arp_table_full), packets - known, "the others are counted");
  is_int(STAT(arp_evicted), 0, "who asks pushes nobody out");
  is_int(STAT(arp_malformed) + STAT(nd_malformed) + STAT(arp_ignored), 0,
         "and they were good questions");
  if (family == 4)
    is_int(answers, packets, "all of them are answered, to the sender's address");
  else
    is_int(answers, known, "those who are known are answered");
  ok(most < known * KNOWN + 4096, "%u KiB of memory", (unsigned)(most >> 10));
  end();
}

/* Who is not known has to be asked for before it is answered. */
static void pings(const char *what, int family)
{
  uint8_t m[8] = { 128 };
  uint32_t i;

  begin(what);
  for (i = 0; i < packets; i++) {
    if (family == 4)
      lab_icmp(somebody4(i), "10.0.0.2", 8, 0, 0, NULL, 0);
    else
      lab6_icmp(somebody6(i), "2001:db8::1", 64, m, sizeof m);
    inject();
    look(i);
  }
  ok(interface()->neighbours->count <= NEIGHBOURS, "max_neighbours");
  ok(packets <= NEIGHBOURS || STAT(arp_table_full) > 0, "%u answers had no room, counted",
     (unsigned)STAT(arp_table_full));
  ok(most < NEIGHBOURS * (2 * PAGE + KEPT), "%u KiB of memory",
     (unsigned)(most >> 10));
  end();
}

/* First fragments of different datagrams, of both families in turn. */
static void first_fragments(void)
{
  uint8_t payload[16] = { 0x03, 0xe8, 0, 7, 0, 32 };
  uint32_t i, frag_rx, kept = packets < DATAGRAMS ? packets : DATAGRAMS, answers = 0;

  begin("first fragments of datagrams of which no more comes");
  frag_rx = (uint32_t)STAT(frag_rx);
  for (i = 0; i < packets; i++) {
    if (i & 1) {
      lab_ipv4(somebody4(i), "10.0.0.2", 17, (uint16_t)i, 1, payload, 16);
      inject();
    } else {
      memcpy(lab6(somebody6(i), "2001:db8::1", 17, 64, 16), payload, 16);
      lab6_fragment(0, 16, 1, i);
    }
    answers += look(i);
  }
  is_int(STAT(frag_rx) - frag_rx, packets + 4 * TENTHS, "all are counted");
  ok(most_pages <= DATAGRAMS + 8, "max_reassembly: %u pages", most_pages);
  ok(most < kept * (PAGE + KEPT) + 65536, "%u KiB of memory",
     (unsigned)(most >> 10));
  ok(STAT(frag_full) >= packets - kept &&
       STAT(frag_full) <= packets - kept + 4 * TENTHS,
     "the oldest went, %u of them, counted", (unsigned)STAT(frag_full));
  is_int(STAT(frag_done), 2 * (TENTHS + 1), "only the good host's became whole");
  is_int(STAT(frag_malformed) + answers, 0,
         "nothing was wrong with them, nothing is said");
  advance(LWT_S(70));
  while (lab_take())
    answers++;
  ok(STAT(frag_timeout) >= kept - 4 && STAT(frag_timeout) <= kept,
     "a minute later the others are given up, counted");
  ok(STAT(icmp_limited) + ERRORS >= kept,
     "but the errors are limited: %u are not sent, counted",
     (unsigned)STAT(icmp_limited));
  ok(answers <= ERRORS * TRIES + 8,
     "%u frames to find out where %u senders are", answers, (unsigned)kept);
  is_int(lwt_buf_live(), 0, "and nothing of them is left");
  end();
}

/* The second of each pair contradicts the first. */
static void overlaps(void)
{
  uint32_t i, all = packets, answers = 0;
  uint8_t payload[24] = { 0x03, 0xe8, 0, 7, 0, 32 };

  packets = packets < 10000 ? packets : 10000;
  begin("pairs of fragments that overlap");
  for (i = 0; i < packets; i++) {
    if (i & 1) {
      lab_ipv4(somebody4(i), "10.0.0.2", 17, (uint16_t)i, 0 | 1, payload, 16);
      inject();
      lab_ipv4(somebody4(i), "10.0.0.2", 17, (uint16_t)i, 8, payload, 16);
      inject();
    } else {
      memcpy(lab6(somebody6(i), "2001:db8::1", 17, 64, 24), payload, 24);
      lab6_fragment(0, 16, 1, i);
      lab6_fragment(8, 16, 0, i);
    }
    answers += look(i);
  }
  is_int(STAT(frag_malformed), packets, "each pair is counted");
  is_int(STAT(frag_full), 0, "and dropped at once: none waits for room");
  is_int(STAT(frag_done), 2 * (TENTHS + 1), "only the good host's became whole");
  ok(most_pages <= 8 && most < 65536, "%u pages, %u bytes of memory", most_pages,
     (unsigned)most);
  is_int(answers, 0, "nothing is said");
  end();
  packets = all;
}

int main(void)
{
  const char *number = getenv("IP_SIEGE");

  if (number)
    packets = (uint32_t)strtoul(number, NULL, 0);
  lwt_set_allocator(counted, release);
  neighbours("ARP requests from other hosts", 4);
  neighbours("neighbour solicitations from other hosts", 6);
  pings("pings from hosts that are not there", 4);
  pings("pings from hosts that are not there, IPv6", 6);
  first_fragments();
  overlaps();
  ok(!lwt_cleanup() && !in_use, "nothing is left at the end");
  return lwt_test_done();
}
