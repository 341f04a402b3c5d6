/* t-ip.c - IPv4: what is taken, what is dropped, fragments, routes.
 * SPDX-License-Identifier: ISC
 */
#include "netlab.h"

static struct lwt_udp *udp;
static uint8_t pattern[70000];

static void start(const struct lwt_net_config *config)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7);

  lab_start(config);
  is_int(lwt_stack_udp(lab_stack, &any, &udp), 0, "an endpoint");
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
}

static void end(void)
{
  lwt_udp_close(udp);
  lab_end();
}

/* The length of the datagram that is there; -1: none. */
static int received(void)
{
  lwt_datagram_p *p = lwt_udp_receive(udp);
  struct lwt_datagram *d = lwt_value(LWT_UNTYPED(p));
  int len = -1;

  if (d) {
    uint8_t *bytes = malloc(65536);

    len = d->packet ? (int)lwt_buf_copy_out(d->packet, 0, bytes, 65536) : 0;
    if (memcmp(bytes, pattern, (size_t)len))
      len = -2;
    free(bytes);
  }
  lwt_drop(LWT_UNTYPED(p));
  return len;
}

static void send_udp(const char *ip, size_t len)
{
  struct lwt_addr to = lab_addr(ip, 1000);

  lwt_drop(lwt_udp_send(udp, &to, pattern, len));
}

/* ---- What is taken ----------------------------------------------------- */

static void test_input(void)
{
  uint8_t moved[100];

  start(NULL);
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
  inject();
  is_int(received(), 5, "a packet for us");
  lab_len = 60;
  inject();
  is_int(received(), 5, "with Ethernet's padding");
  memcpy(moved, lab_frame + 34, 13);
  memset(lab_frame + 34, 1, 12); /* no-operations */
  memcpy(lab_frame + 46, moved, 13);
  lab_frame[14] = 0x48;
  lab_put(lab_frame + 16, 2, 45);
  lab_ip_sum();
  lab_len = 59;
  inject();
  is_int(received(), 5, "with options, which are skipped");
  lab_udp("10.0.0.9", 1000, "10.0.0.255", 7, pattern, 5);
  memset(lab_frame, 0xff, 6);
  inject();
  is_int(received(), 5, "to the network's broadcast address");
  lab_udp("10.0.0.9", 1000, "255.255.255.255", 7, pattern, 5);
  memset(lab_frame, 0xff, 6);
  inject();
  is_int(received(), 5, "to everybody");
  lab_udp("192.168.1.1", 1000, "10.0.0.2", 7, pattern, 5);
  inject();
  is_int(received(), 5, "from far away");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
  lab_frame[22] = 0;
  lab_ip_sum();
  inject();
  is_int(received(), 5, "a TTL of 0 is for routers");
  quiet();
  is_int(STAT(ip_rx), 7, "counted");
  end();
}

/* ---- What is dropped --------------------------------------------------- */

static void test_drops(void)
{
  static const char *const sources[] = { "0.0.0.0",   "255.255.255.255", "224.0.0.1",
                                         "10.0.0.255", "127.0.0.1",      "10.0.0.2",
                                         "240.0.0.1", "0.1.2.3" };
  static const char *const others[] = { "10.0.0.3", "127.0.0.1", "224.0.0.2",
                                        "10.0.1.255", "0.0.0.0" };
  uint32_t i, bits = 0;

  start(NULL);
  for (i = 0; i < sizeof sources / sizeof *sources; i++) {
    lab_udp(sources[i], 1000, "10.0.0.2", 7, pattern, 5);
    inject();
  }
  is_int(STAT(ip_source), i, "sources that no host may have");
  for (i = 0; i < sizeof others / sizeof *others; i++) {
    lab_udp("10.0.0.9", 1000, others[i], 7, pattern, 5);
    inject();
  }
  is_int(STAT(ip_destination), i, "destinations that are not ours");
  for (i = 14 * 8; i < 34 * 8; i++) {
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
    lab_frame[i / 8] ^= (uint8_t)(1 << (i & 7));
    bits++;
    inject();
  }
  is_int(STAT(ip_checksum) + STAT(ip_malformed), bits, "any flipped bit in the header");
  for (i = 14; i < 47; i++) {
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
    lab_len = i;
    inject();
  }
  is_int(STAT(ip_checksum) + STAT(ip_malformed), bits + 33, "cut short anywhere");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
  lab_put(lab_frame + 12, 2, 0x88cc);
  inject();
  is_int(STAT(eth_type), 1, "another protocol");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
  lab_frame[5] = 9;
  inject();
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 5);
  lab_frame[6] = 0xff;
  inject();
  is_int(STAT(eth_other), 2, "another station's");
  is_int(received(), -1, "none of them arrived");
  quiet();
  is_int(STAT(ip_tx), 0, "nor was answered");
  end();
}

static void test_short_frames(void)
{
  int i;

  start(NULL);
  for (i = 0; i < 14; i++) { /* the hub refuses them: straight to the stack */
    lab_ether("01", 0x0800);
    lab_len = (uint32_t)i;
    inject();
  }
  is_int(lab_port->stats.tx_errors, 14, "frames shorter than a header");
  end();
}

static void test_unknown_protocol(void)
{
  start(NULL);
  lab_ipv4("10.0.0.9", "10.0.0.2", 99, 1, 0, "abcdefgh", 8);
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/2 { 10.0.0.9>10.0.0.2 proto 99 len 8 }");
  quiet();
  is_int(STAT(ip_protocol), 1, "counted");
  end();
}

/* ---- Fragments in ------------------------------------------------------ */

/* A UDP packet with n bytes of pattern, to be cut. */
static uint8_t whole[66000];

static uint32_t make_whole(uint32_t n)
{
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, n);
  memcpy(whole, lab_frame + 34, n + 8);
  return n + 8;
}

static void fragment(uint16_t id, uint32_t from, uint32_t to, int more)
{
  lab_ipv4("10.0.0.9", "10.0.0.2", 17, id, from | (uint32_t)more, whole + from,
           to - from);
  inject();
}

static void test_orders(void)
{
  static const uint8_t orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 },
                                       { 1, 3, 0, 2 } };
  uint32_t n = make_whole(2992), i, k; /* 3000 bytes */

  start(NULL);
  for (i = 0; i < 4; i++) {
    for (k = 0; k < 4; k++) {
      uint32_t part = orders[i][k];

      is_int(received(), -1, "not whole yet");
      fragment((uint16_t)i, part * 800, part < 3 ? part * 800 + 800 : n, part < 3);
    }
    is_int(received(), 2992, "whole");
  }
  is_int(STAT(frag_done), 4, "counted");
  is_int(STAT(frag_rx), 16, "counted");
  for (k = 0; k < 3; k++) {
    fragment(9, 0, 800, 1);
    fragment(9, 1600, n, 0);
  }
  fragment(9, 800, 1600, 1);
  is_int(received(), 2992, "copies do no harm");
  is_int(STAT(frag_duplicate), 4, "and are counted");
  /* two at once */
  fragment(20, 0, 1000, 1);
  fragment(21, 0, 1400, 1);
  fragment(20, 1000, 2000, 1);
  fragment(21, 1400, 2800, 1);
  fragment(20, 2000, n, 0);
  fragment(21, 2800, n, 0);
  is_int(received(), 2992, "one");
  is_int(received(), 2992, "and the other");
  advance(LWT_S(1));
  is_int(lwt_timers() ? STAT(frag_timeout) : 0, 0, "no timeout");
  end();
}

static void test_bad_fragments(void)
{
  uint32_t n = make_whole(2992);

  start(NULL);
  fragment(1, 0, 800, 1);
  fragment(1, 792, 1600, 1);
  fragment(1, 1600, n, 0);
  is_int(received(), -1, "an overlap spoils the datagram");
  fragment(2, 0, 800, 1);
  fragment(2, 0, 808, 1);
  is_int(received(), -1, "also at the same offset");
  fragment(3, 0, 801, 1);
  is_int(received(), -1, "all but the last are multiples of eight");
  fragment(4, 1600, n, 0);
  fragment(4, 3200, 3208, 1);
  is_int(received(), -1, "beyond the end");
  fragment(5, 1600, n, 0);
  fragment(5, 800, 1600, 0);
  is_int(received(), -1, "two ends");
  fragment(6, 0, 0, 1);
  is_int(STAT(frag_malformed), 6, "each is counted");
  lab_ipv4("10.0.0.9", "10.0.0.2", 17, 7, 65528, whole, 100);
  inject();
  is_int(STAT(frag_malformed), 7, "larger than a datagram can be");
  is_int(STAT(frag_done), 0, "none became whole");
  advance(LWT_S(700));
  lab_discard();
  is_int(lwt_timers(), 0, "all were forgotten");
  is_int(lwt_buf_live(), 0, "with their packets");
  end();
}

static void test_timeout(void)
{
  uint32_t n = make_whole(2992);

  start(NULL);
  fragment(1, 0, 800, 1);
  fragment(2, 1600, n, 0);
  advance(LWT_S(29));
  quiet();
  advance(LWT_S(2));
  got("02 10.0.0.2>10.0.0.9 icmp 11/1 "
      "{ 10.0.0.9>10.0.0.2 frag 0+528+ udp 1000>7 len 2992 }");
  quiet();
  is_int(STAT(frag_timeout), 2, "told if the first fragment was there");
  end();
}

static void test_limits(void)
{
  struct lwt_net_config config = { .max_reassembly = 8 * 4096 };
  uint32_t i, n = make_whole(2992);

  start(&config);
  for (i = 0; i < 20; i++)
    fragment((uint16_t)i, 0, 800, 1);
  is_int(STAT(frag_full), 12, "the oldest go when memory is full");
  fragment(11, 1600, n, 0);
  fragment(11, 800, 1600, 1);
  is_int(received(), -1, "gone");
  fragment(19, 1600, n, 0);
  fragment(19, 800, 1600, 1);
  is_int(received(), 2992, "the newest are there");
  for (i = 0; i < 100; i++)
    fragment(200, i * 16, i * 16 + 8, 1);
  ok(lwt_buf_pages() <= 8, "one datagram cannot have more either");
  end();
  start(NULL);
  for (i = 0; i < 200; i++)
    fragment(1, i * 16, i * 16 + 8, 1);
  ok(STAT(frag_malformed) >= 1, "too many fragments");
  end();
}

/* ---- Fragments out ----------------------------------------------------- */

static void test_cut(void)
{
  uint32_t id;

  start(NULL);
  send_udp("10.0.0.9", 1472);
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1472");
  send_udp("10.0.0.9", 1473);
  got("02 10.0.0.2>10.0.0.9 frag 0+1480+ udp 7>1000 len 1473");
  got("02 10.0.0.2>10.0.0.9 frag 1480+1");
  send_udp("10.0.0.9", 4000);
  got("02 10.0.0.2>10.0.0.9 frag 0+1480+ udp 7>1000 len 4000");
  id = lab_get(lab_seen + 18, 2);
  got("02 10.0.0.2>10.0.0.9 frag 1480+1480+");
  got("02 10.0.0.2>10.0.0.9 frag 2960+1048");
  is_int(lab_get(lab_seen + 18, 2), id, "of one identification");
  send_udp("10.0.0.9", 2952);
  got("02 10.0.0.2>10.0.0.9 frag 0+1480+ udp 7>1000 len 2952");
  ok(lab_get(lab_seen + 18, 2) != id, "and the next of another");
  got("02 10.0.0.2>10.0.0.9 frag 1480+1480");
  quiet();
  is_int(STAT(frag_tx), 7, "counted");
  end();
}

/* What the stack cuts, a stack joins. */
static void test_to_itself(void)
{
  static const size_t sizes[] = { 0, 1, 1472, 1473, 8000, 65507 };
  struct lwt_addr to = lab_addr("10.0.0.9", 7), self = lab_addr("10.0.0.2", 7);
  uint8_t frames[50][1514];
  uint32_t lens[50], n, i, k;

  start(NULL);
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    lwt_drop(lwt_udp_send(udp, &to, pattern, sizes[i]));
    for (n = 0; lab_take() && n < 50; n++) {
      memcpy(frames[n], lab_seen, lab_seen_len);
      lens[n] = lab_seen_len;
    }
    for (k = 0; k < n; k++) { /* back, with the addresses exchanged */
      memcpy(lab_frame, frames[k], lens[k]);
      lab_len = lens[k];
      memcpy(lab_frame, frames[k] + 6, 6);
      memcpy(lab_frame + 6, frames[k], 6);
      memcpy(lab_frame + 26, frames[k] + 30, 4);
      memcpy(lab_frame + 30, frames[k] + 26, 4);
      inject();
    }
    is_int(received(), sizes[i], "%zu bytes in %u pieces", sizes[i], n);
  }
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    lwt_drop(lwt_udp_send(udp, &self, pattern, sizes[i]));
    is_int(received(), -1, "not at once");
    settle();
    is_int(received(), sizes[i], "%zu bytes to ourselves", sizes[i]);
  }
  self = lab_addr("127.0.0.1", 7);
  lwt_drop(lwt_udp_send(udp, &self, pattern, 9));
  settle();
  is_int(received(), 9, "and to 127.0.0.1");
  quiet();
  end();
}

static void test_loop_limit(void)
{
  struct lwt_addr self = lab_addr("10.0.0.2", 9);
  int i;

  start(NULL);
  for (i = 0; i < 1100; i++)
    lwt_drop(lwt_udp_send(udp, &self, pattern, 9));
  is_int(STAT(ip_loop_full), 1100 - 1024, "what is on its way to ourselves is bounded");
  settle();
  quiet();
  end();
}

/* ---- Routes ------------------------------------------------------------ */

static lwt_t *try_udp(const char *ip)
{
  struct lwt_addr to = lab_addr(ip, 1000);

  return lwt_udp_send(udp, &to, "x", 1);
}

static void test_routes(void)
{
  struct lwt_net_config config = { .addr = lab_addr("10.0.0.2", 0), .prefix = 24 };
  lwt_t *p;

  start(NULL);
  p = try_udp("192.0.2.1");
  got("* arp who-has 10.0.0.1 tell 10.0.0.2");
  lab_arp("01", 2, "10.0.0.1", "10.0.0.2");
  inject();
  got("02 10.0.0.2>192.0.2.1 udp 7>1000 len 1 'x'");
  lwt_drop(p);
  lwt_drop(try_udp("255.255.255.255"));
  got("* 10.0.0.2>255.255.255.255 udp 7>1000 len 1 'x'");
  lwt_drop(try_udp("10.0.0.255"));
  got("* 10.0.0.2>10.0.0.255 udp 7>1000 len 1 'x'");
  lwt_drop(try_udp("224.1.2.3"));
  got("03 10.0.0.2>224.1.2.3 ttl 1 udp 7>1000 len 1 'x'");
  ok(!memcmp(lab_seen, "\x01\x00\x5e\x01\x02\x03", 6), "a group's address");
  p = try_udp("0.0.0.5");
  is_int(lwt_error(p).code, LWT_ENETUNREACH, "nobody is 0.0.0.5");
  lwt_drop(p);
  p = try_udp("240.0.0.5");
  is_int(lwt_error(p).code, LWT_ENETUNREACH, "nor 240.0.0.5");
  lwt_drop(p);
  quiet();
  end();
  start(&config);
  p = try_udp("192.0.2.1");
  is_int(lwt_error(p).code, LWT_ENETUNREACH, "no gateway");
  lwt_drop(p);
  is_int(STAT(ip_no_route), 1, "counted");
  quiet();
  end();
}

static void test_config(void)
{
  static const struct {
    const char *addr, *gateway;
    uint8_t prefix;
    uint16_t mtu;
    int error;
  } bad[] = {
    { "10.0.0.2", NULL, 0, 0, LWT_EINVAL },    { "10.0.0.2", NULL, 33, 0, LWT_EINVAL },
    { "10.0.0.255", NULL, 24, 0, LWT_EINVAL }, { "224.0.0.1", NULL, 24, 0, LWT_EINVAL },
    { "127.0.0.1", NULL, 8, 0, LWT_EINVAL },   { "0.0.0.0", NULL, 8, 0, LWT_EINVAL },
    { "10.0.0.2", NULL, 24, 67, LWT_EINVAL },  { "10.0.0.2", NULL, 24, 1501, LWT_EINVAL },
    { "::1", NULL, 64, 0, LWT_ENOTSUP },       { "10.0.0.2", "::1", 24, 0, LWT_ENOTSUP },
    { "10.0.0.2", "10.0.0.255", 24, 0, LWT_EINVAL },
  };
  struct lwt_net_config config;
  size_t i;

  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    memset(&config, 0, sizeof config);
    config.addr = lab_addr(bad[i].addr, 0);
    if (bad[i].gateway)
      config.gateway = lab_addr(bad[i].gateway, 0);
    config.prefix = bad[i].prefix;
    config.mtu = bad[i].mtu;
    is_int(lab_try_start(&config, NULL), bad[i].error, "%s/%u is refused", bad[i].addr,
           bad[i].prefix);
    lab_stop();
  }
  memset(&config, 0, sizeof config);
  config.addr = lab_addr("10.0.0.2", 0);
  config.prefix = 24;
  is_int(lab_try_start(&config, NULL), 0, "a good one");
  lab_end();
}

/* ---- Names, dump ------------------------------------------------------- */

static void test_tap(void)
{
  FILE *out = tmpfile();
  struct lwt_net_pcap *pcap;

  start(NULL);
  lwt_net_pcap_new(out, 0, 0, &pcap);
  lwt_net_stack_tap(lab_stack, pcap);
  lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0x10002, "hello", 5);
  inject();
  got("02 10.0.0.2>10.0.0.9 echo-reply id 1 seq 2 len 5 'hello'");
  is_int(lwt_net_pcap_written(pcap), 2, "a stack's capture has both directions");
  lwt_net_stack_tap(lab_stack, NULL);
  inject();
  lab_discard();
  is_int(lwt_net_pcap_written(pcap), 2, "until it ends");
  is_int(lwt_net_pcap_free(pcap), 0, "written");
  fclose(out);
  end();
}

/* A datagram that takes the short way needs no clock, but its record does. */
static void test_tap_time(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 0), to = lab_addr("10.0.0.9", 7);
  FILE *out = tmpfile();
  struct lwt_net_pcap *pcap;
  struct lwt_udp *udp;
  uint32_t record[4];
  int i;

  start(NULL);
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  is_int(lwt_stack_udp(lab_stack, &any, &udp), 0, "an endpoint");
  lwt_net_pcap_new(out, 0, 0, &pcap);
  lwt_net_stack_tap(lab_stack, pcap);
  for (i = 0; i < 3; i++) {
    lab_time.time += LWT_S(1);
    lwt_run_value(lwt_udp_send(udp, &to, "x", 1), NULL);
  }
  is_int(lwt_net_pcap_free(pcap), 0, "written");
  fseek(out, 24, SEEK_SET);
  for (i = 0; i < 3; i++)
    ok(fread(record, sizeof record, 1, out) == 1 && !fseek(out, record[2], SEEK_CUR),
       "a record");
  is_int(record[0], lab_time.time / LWT_S(1), "its time");
  fclose(out);
  lwt_net_stack_tap(lab_stack, NULL);
  lwt_udp_close(udp);
  lab_discard();
  end();
}

static void test_names(void)
{
  struct lwt_net_host hosts[] = { { "db", lab_addr("10.0.0.7", 0) },
                                  { "www", lab_addr("10.0.0.8", 0) } };
  struct lwt_net_config config = { .hosts = hosts, .n_hosts = 2 };
  char text[LWT_ADDR_TEXT], dump[2000];
  struct lwt_error error;
  lwt_addr_p *p;
  void *addr;
  FILE *out;

  start(&config);
  hosts[1].name = "gone";
  p = lwt_stack_resolve(lab_stack, "www", 80);
  error = lwt_run_value(LWT_UNTYPED(p), &addr);
  is_int(error.code, 0, "a name of the table");
  is_str(lwt_addr_format(addr, text, sizeof text), "10.0.0.8:80", "has an address");
  free(addr);
  p = lwt_stack_resolve(lab_stack, "2001:db8::1", 80);
  error = lwt_run_value(LWT_UNTYPED(p), &addr);
  is_str(lwt_addr_format(addr, text, sizeof text), "[2001:db8::1]:80", "a number");
  free(addr);
  p = lwt_stack_resolve(lab_stack, "nowhere", 80);
  is_int(lwt_run_value(LWT_UNTYPED(p), &addr).code, LWT_ENOENT, "another name");
  out = tmpfile();
  lwt_net_dump(lab_stack, out);
  rewind(out);
  dump[fread(dump, 1, sizeof dump - 1, out)] = '\0';
  fclose(out);
  ok(strstr(dump, "interface 1 lo mtu 65535\n  address 127.0.0.1/8 preferred\n"
                  "interface 2 hub:1 mtu 1500\n  address 10.0.0.2/24 preferred\n"
                  "  neighbour 10.0.0.9 02:00:00:00:00:02 stale, 0 waiting\n"
                  "route 10.0.0.0/24 interface 2 metric 0\n"
                  "route 127.0.0.0/8 interface 1 metric 0\n"
                  "route 0.0.0.0/0 via 10.0.0.1 interface 2 metric 0\n") &&
       strstr(dump, "udp 0.0.0.0:7, 0 bytes") && strstr(dump, "arp_tx 2\n") &&
       !strstr(dump, "ip_malformed"),
     "the dump shows what there is");
  end();
}

int main(void)
{
  uint32_t i, x = 1;

  for (i = 0; i < sizeof pattern; i++) {
    x = x * 1103515245 + 12345;
    pattern[i] = (uint8_t)(x >> 16);
  }
  test_input();
  test_drops();
  test_short_frames();
  test_unknown_protocol();
  test_orders();
  test_bad_fragments();
  test_timeout();
  test_limits();
  test_cut();
  test_to_itself();
  test_loop_limit();
  test_routes();
  test_config();
  test_names();
  test_tap();
  test_tap_time();
  return lwt_test_done();
}
