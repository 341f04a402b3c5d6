/* t-udp-next.c - the short way of a datagram checks what the layers check.
 * SPDX-License-Identifier: ISC
 *
 * A datagram that is like those before it but for one thing does not arrive, and
 * is counted where the layers count it; what is sent the short way looks as if it
 * had gone the long one.
 */
#include "netlab.h"

#include <lwt-ip.h>

static struct lwt_udp *udp;
static const struct lwt_addr peer = { .family = 4, .ip = { 10, 0, 0, 9 }, .port = 1000 };

static void start(const char *bound)
{
  struct lwt_addr addr = lab_addr(bound, 7);

  lab_start(NULL);
  is_int(lwt_stack_udp(lab_stack, &addr, &udp), 0, "an endpoint");
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_discard();
}

static void end(void)
{
  lwt_udp_close(udp);
  lab_discard();
  lab_end();
}

static void due(const char *text)
{
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, text, (uint32_t)strlen(text));
}

static void udp_sum(void)
{
  uint32_t len = lab_get(lab_frame + 16, 2) - 20;

  lab_put(lab_frame + 40, 2, 0);
  lab_put(lab_frame + 40, 2,
          ~lab_sum(lab_frame + 34, len, lab_pseudo(lab_frame + 14, len)));
}

/* What came; "" when nothing. */
static const char *arrived(void)
{
  static char text[64];
  lwt_t *p = (lwt_t *)lwt_udp_receive(udp);
  struct lwt_datagram *d = lwt_value(p);

  text[0] = '\0';
  if (d && d->packet)
    text[lwt_buf_copy_out(d->packet, 0, text, sizeof text - 1)] = '\0';
  lwt_drop(p);
  return text;
}

static void takes(const char *name)
{
  due("right");
  inject();
  is_str(arrived(), "right", "%s", name);
}

static void refused(const uint64_t *counter, const char *name)
{
  uint64_t before = *counter;

  inject();
  is_str(arrived(), "", "%s: does not arrive", name);
  is_int((int)(*counter - before), 1, "%s: counted", name);
  lab_discard();
}

#define REFUSED(stat, name) refused(&STAT(stat), name)

static void from(const char *ip)
{
  lab_put(lab_frame + 26, 4, lab_ip(ip));
  lab_ip_sum();
  udp_sum();
}

static void test_input(const char *bound)
{
  start(bound);
  takes("a datagram");
  due("wrong");
  lab_frame[24] ^= 1;
  REFUSED(ip_checksum, "IP checksum");
  due("wrong");
  lab_frame[lab_len - 1] ^= 1;
  REFUSED(udp_checksum, "UDP checksum");
  due("right");
  lab_put(lab_frame + 40, 2, 0);
  inject();
  is_str(arrived(), "right", "without a checksum");
  due("wrong");
  lab_frame[6] |= 1;
  REFUSED(eth_other, "from a group");
  due("wrong");
  from("10.0.0.2");
  REFUSED(ip_source, "from ourselves");
  due("wrong");
  from("127.0.0.1");
  REFUSED(ip_source, "from the loopback network");
  due("wrong");
  from("0.0.0.1");
  REFUSED(ip_source, "from network 0");
  due("wrong");
  from("224.0.0.9");
  REFUSED(ip_source, "from a group of hosts");
  due("wrong");
  from("10.0.0.255");
  REFUSED(ip_source, "from everybody");
  due("wrong");
  lab_put(lab_frame + 30, 4, lab_ip("10.0.0.3"));
  lab_ip_sum();
  udp_sum();
  REFUSED(ip_destination, "to another address");
  due("wrong");
  lab_put(lab_frame + 36, 2, 8);
  udp_sum();
  REFUSED(udp_no_port, "to another port");
  due("wrong");
  lab_put(lab_frame + 38, 2, 7);
  udp_sum();
  REFUSED(udp_malformed, "shorter than its header");
  due("wrong");
  lab_put(lab_frame + 38, 2, 14);
  udp_sum();
  REFUSED(udp_malformed, "longer than the packet");
  due("wrong");
  lab_put(lab_frame + 16, 2, lab_len);
  lab_ip_sum();
  REFUSED(ip_malformed, "longer than the frame");
  due("right");
  lab_len = 14 + 200;
  inject();
  is_str(arrived(), "right", "padding is cut off");
  takes("a datagram after that");
  end();
}

static void sends(uint32_t len, const char *name)
{
  static uint8_t bytes[4000];
  lwt_t *p;
  uint32_t i;

  for (i = 0; i < len; i++)
    bytes[i] = (uint8_t)(i * 7 + 1);
  p = lwt_udp_send(udp, &peer, bytes, len);
  is_int(lwt_error(p).code, 0, "%s", name);
  lwt_drop(p);
  settle();
}

/* The frame that is next, as far as sends() made it. */
static void seen(uint32_t len, uint32_t id, const char *name)
{
  if (!ok(lab_take(), "%s: a frame", name))
    return;
  is_int((int)lab_get(lab_seen + 16, 2), (int)len + 28, "%s: its length", name);
  is_int(lab_sum(lab_seen + 14, 20, 0), 0xffff, "%s: its header's sum", name);
  is_int(lab_sum(lab_seen + 34, len + 8, lab_pseudo(lab_seen + 14, len + 8)), 0xffff,
         "%s: its sum", name);
  is_int((int)lab_get(lab_seen + 18, 2), (int)(uint16_t)id, "%s: its number", name);
  is_int((int)lab_get(lab_seen + 20, 2), 0, "%s: may be cut up", name);
  is_int(lab_seen[22], 64, "%s: its life", name);
}

/* A sum of 0 would say that there is none. */
static void sum_of_zero(uint32_t id)
{
  uint8_t word[2] = { 0 };

  lwt_drop(lwt_udp_send(udp, &peer, word, 2));
  settle();
  seen(2, id, "a word of zeros");
  memcpy(word, lab_seen + 40, 2);
  lwt_drop(lwt_udp_send(udp, &peer, word, 2));
  settle();
  seen(2, id + 1, "its sum");
  is_int((int)lab_get(lab_seen + 40, 2), 0xffff, "whose sum is not 0");
}

static void test_output(const char *bound)
{
  uint32_t id;
  lwt_t *p;

  start(bound);
  sends(5, "the first goes the long way");
  ok(lab_take(), "there it is");
  id = lab_get(lab_seen + 18, 2);
  sends(5, "the second the short one");
  seen(5, id + 1, "the second");
  sends(0, "an empty one");
  seen(0, id + 2, "the empty one");
  sum_of_zero(id + 3);
  sends(1472, "the longest");
  seen(1472, id + 5, "the longest");
  sends(1473, "one that must be cut up");
  is_int((int)STAT(frag_tx), 2, "into two");
  lab_discard();
  lab_mac[5] = 5;
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2"); /* it has moved, and asks for us */
  inject();
  lab_discard();
  sends(5, "to a neighbour that has moved");
  ok(lab_take() && lab_seen[5] == 5, "goes where it is now");
  lab_mac[5] = 2;
  lwt_buf_limit(lwt_buf_pages());
  p = lwt_udp_send(udp, &peer, "x", 1);
  is_int(lwt_error(p).code, LWT_ENOMEM, "no memory");
  lwt_drop(p);
  lwt_buf_limit(SIZE_MAX);
  sends(5, "then there is again");
  ok(lab_take(), "and it goes");
  end();
}

/* Datagrams with the same headers go to whom they belong now. */
static void test_changes(void)
{
  struct lwt_addr other = lab_addr("10.0.0.8", 1000), nobody = { .family = 0 };
  struct lwt_addr any = lab_addr("0.0.0.0", 7);

  start("0.0.0.0");
  takes("before");
  is_int(lwt_ip_udp_connect(udp, &other), 0, "connected to another host");
  due("wrong");
  REFUSED(udp_no_port, "not from that one");
  is_int(lwt_ip_udp_connect(udp, &nobody), 0, "connected to nobody");
  takes("then again");
  lwt_udp_close(udp);
  due("wrong");
  inject();
  is_int((int)STAT(udp_no_port), 2, "not to one that is closed");
  lab_discard();
  is_int(lwt_stack_udp(lab_stack, &any, &udp), 0, "another endpoint");
  takes("which has it now");
  end();
}

int main(void)
{
  test_input("0.0.0.0");
  test_input("10.0.0.2");
  test_output("0.0.0.0");
  test_output("10.0.0.2");
  test_changes();
  return lwt_test_done();
}
