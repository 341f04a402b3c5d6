/* t-xen-net.c - the network frontend with an honest backend, fast and slow.
 * SPDX-License-Identifier: ISC
 */
#include "fakenet.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static struct got {
  unsigned calls, packets, bad;
  uint64_t bytes;
  struct lwt_buf last; /* the metadata */
} got;

static uint8_t pattern[70000];

static void input(void *env, struct lwt_buf *packets)
{
  static uint8_t bytes[80000];
  struct lwt_buf *packet;
  uint32_t len;

  (void)env;
  got.calls++;
  for (packet = packets; packet; packet = packet->next_packet) {
    len = lwt_buf_copy_out(packet, 0, bytes, sizeof bytes);
    got.packets++;
    got.bytes += len;
    got.bad += len != packet->total || memcmp(bytes, pattern, len);
    got.last = *packet;
  }
  lwt_buf_free_queue(packets);
}

static int code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

static void wait_ms(uint64_t ms)
{
  code(lwt_sleep(LWT_MS(ms)));
}

static struct lwt_netif *open_device(void)
{
  void *netif = NULL;
  int error = lwt_run_value(LWT_UNTYPED(lwt__netfront_open(0)), &netif).code;

  is_int(error, 0, "the device opens");
  return error ? NULL : netif;
}

static struct netfront *front_of(struct lwt_netif *netif)
{
  return (struct netfront *)netif;
}

static struct lwt_buf *frame_of(uint32_t len)
{
  return lwt_buf_copy_in(LWT_BUF_HEADROOM, pattern, len);
}

static int send_frame(struct lwt_netif *netif, uint32_t len)
{
  return netif->ops->send(netif, frame_of(len));
}

/* Frames that the backend got, all of length len if that is not 0. */
static unsigned taken(uint32_t len)
{
  struct back_frame *f;
  unsigned n = 0;

  for (; (f = back_next()); free(f)) {
    n++;
    back.faults += memcmp(f->bytes, pattern, f->len) || (len && f->len != len);
  }
  return n;
}

static void close_device(struct lwt_netif *netif)
{
  is_int(code(netif->ops->close(netif)), 0, "closed");
  is_int(back.faults, 0, "the backend has nothing to complain of");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
  back_forget();
}

static void test_handshake(void)
{
  struct lwt_netif *netif;

  back_plug();
  front_put("mtu", "9000");
  netif = open_device();
  ok(!memcmp(netif->mac, "\0\x16\x3e\1\2\3", 6), "its address");
  is_int(netif->mtu, 9000, "its MTU");
  is_int(netif->offloads, 1 | 2 | 4 | 8 | 16, "all offloads");
  is_str(netif->name, "vif:0", "its name");
  is_int(front_number("state"), XenbusStateConnected, "connected");
  ok(front_number("event-channel") < 0 && front_number("event-channel-tx") > 0 &&
       front_number("event-channel-rx") > 0,
     "an event channel each way");
  is_int(front_number("multi-queue-num-queues"), 1, "one queue");
  is_int(front_number("request-rx-copy") + front_number("feature-rx-notify") +
           front_number("feature-sg") + front_number("feature-gso-tcpv4") +
           front_number("feature-gso-tcpv6") + front_number("feature-ipv6-csum-offload"),
         6, "what we can");
  close_device(netif);
  is_int(front_number("state"), XenbusStateClosed, "we are closed");
  is_int(back.state, XenbusStateClosed, "the backend too");
}

/* A backend that knows nothing of queues is told nothing of them. */
static void test_one_queue(void)
{
  struct lwt_netif *netif;

  back_unplug();
  back_plug();
  store.node[store_find(BACK "/multi-queue-max-queues", 1)].path[0] = '\0';
  netif = open_device();
  is_int(front_number("multi-queue-num-queues"), -1, "no number of queues");
  ok(front_number("tx-ring-ref") > 0 && front_number("rx-ring-ref") > 0,
     "two rings, where they always were");
  is_int(send_frame(netif, 60), 0, "it sends");
  wait_ms(1);
  is_int(taken(60), 1, "and it arrives");
  close_device(netif);
}

static void test_plain_backend(void)
{
  struct lwt_netif *netif;

  back_plug();
  back_put("feature-split-event-channels", "0");
  back_put("feature-sg", "0");
  back_put("feature-no-csum-offload", "1");
  front_put("mtu", "9000");
  netif = open_device();
  is_int(netif->mtu, 4096 - 14, "without scatter-gather a frame is in one page");
  is_int(netif->offloads, LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO, "no offloads");
  is_int(send_frame(netif, 4096), 0, "which can be full");
  wait_ms(1);
  is_int(taken(4096), 1, "and arrives");
  is_int(send_frame(netif, 4097), LWT_EMSGSIZE, "and not more");
  close_device(netif);
  back_put("feature-no-csum-offload", "0");
  front_put("mtu", "1500");
  back_plug();
  back_put("feature-ipv6-csum-offload", "0");
  netif = open_device();
  is_int(netif->offloads, LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO,
         "IPv6 has its checksums, so all have");
  close_device(netif);
  back_plug();
  back_put("feature-gso-tcpv6", "0");
  netif = open_device();
  is_int(netif->offloads, 1 | 2 | 4 | 16, "segments of IPv4 alone");
  close_device(netif);
}

/* ---- Packets ------------------------------------------------------------------ */

/* What the guest has counted since `before`: n packets out, of so many bytes. */
static void check_counts(const struct lwt_xen_counts *before, uint64_t n, uint64_t bytes)
{
  struct lwt_xen_counts c;
  char text[600];
  size_t len;

  lwt_xen_counts(&c);
  is_int((intmax_t)(c.packets_out - before->packets_out), (intmax_t)n,
         "the guest counts packets");
  is_int((intmax_t)(c.bytes_out - before->bytes_out), (intmax_t)bytes, "their bytes");
  is_int((intmax_t)(c.copied - before->copied), (intmax_t)bytes, "copied once");
  is_int((intmax_t)(c.packets_in - before->packets_in), 0, "none came");
  c = (struct lwt_xen_counts){ .polls = 5, .packets_out = 2, .bytes_out = 2000000,
                               .copied = 7 };
  len = lwt_xen_counts_text(&c, text, sizeof text);
  ok(strstr(text, "hypercalls 5, a packet 2.5, a MB 2.5\n"), "as text");
  ok(strstr(text, "copied bytes 7, a packet 3.5, a MB 3.5\n"), "line by line");
  is_int((intmax_t)len, (intmax_t)strlen(text), "of that length");
  memset(&c, 0xff, sizeof c);
  ok(lwt_xen_counts_text(&c, text, sizeof text) < sizeof text - 1, "there is room");
  is_int((intmax_t)lwt_xen_counts_text(&c, text, 100), 99, "and no more than that");
}

static void test_send(void)
{
  struct lwt_xen_counts before;
  static const uint32_t lengths[] = { 14, 60, 1514, 4096, 4097, 9014 };
  struct lwt_netif *netif;
  unsigned i, told;

  back_plug();
  front_put("mtu", "9000");
  netif = open_device();
  wait_ms(1);
  lwt_xen_counts(&before);
  told = back.told;
  for (i = 0; i < 6; i++) {
    is_int(send_frame(netif, lengths[i]), 0, "%u bytes are sent", (unsigned)lengths[i]);
    wait_ms(1);
    is_int(taken(lengths[i]), 1, "and arrive");
  }
  is_int(back.told - told, 6, "an event each");
  told = back.told;
  for (i = 0; i < 100; i++)
    send_frame(netif, 1514);
  is_int(back.told, told, "those of one turn");
  wait_ms(1);
  is_int(taken(1514), 100, "all arrive");
  is_int(back.told - told, 1, "with one event");
  is_int(send_frame(netif, 13), LWT_EMSGSIZE, "less than a header");
  is_int(send_frame(netif, 9015), LWT_EMSGSIZE, "more than the MTU");
  check_counts(&before, 106, 14 + 60 + 1514 + 4096 + 4097 + 9014 + 100 * 1514);
  send_frame(netif, 60);
  wait_ms(1);
  front_of(netif)->port.call(netif);
  is_int((intmax_t)netif->stats.tx_packets, 107, "packets are counted");
  is_int((intmax_t)netif->stats.tx_errors, 2, "and what could not be sent");
  back.tx_status = NETIF_RSP_ERROR;
  send_frame(netif, 60);
  wait_ms(1);
  back.tx_status = NETIF_RSP_OKAY;
  front_of(netif)->port.call(netif);
  is_int((intmax_t)netif->stats.tx_errors, 3, "and what the backend did not send");
  close_device(netif);
  front_put("mtu", "1500");
}

static void test_segments(void)
{
  struct lwt_netif *netif;
  struct back_frame *f;
  struct lwt_buf *packet;

  back_plug();
  netif = open_device();
  packet = frame_of(65000);
  packet->flags = LWT_BUF_GSO | LWT_BUF_CSUM_PARTIAL;
  packet->gso_type = LWT_GSO_TCPV4;
  packet->gso_size = 1448;
  packet->csum_start = 34;
  packet->csum_offset = 16;
  is_int(netif->ops->send(netif, packet), 0, "a packet to be cut is sent");
  wait_ms(1);
  f = back_next();
  ok(f && f->len == 65000 && f->gso == 1448 && f->flags & NETTXF_csum_blank &&
       !memcmp(f->bytes, pattern, 65000),
     "whole, with the size of its segments");
  free(f);
  packet = frame_of(65000);
  packet->flags = LWT_BUF_GSO | LWT_BUF_CSUM_PARTIAL;
  packet->gso_type = LWT_GSO_TCPV6;
  packet->gso_size = 1428;
  is_int(netif->ops->send(netif, packet), 0, "one of IPv6 too");
  wait_ms(1);
  f = back_next();
  ok(f && f->gso == 1428 && f->gso_type == XEN_NETIF_GSO_TYPE_TCPV6, "which says so");
  free(f);
  packet = frame_of(65536);
  packet->flags = LWT_BUF_GSO | LWT_BUF_CSUM_PARTIAL;
  packet->gso_type = LWT_GSO_TCPV4;
  packet->gso_size = 1448;
  is_int(netif->ops->send(netif, packet), LWT_EMSGSIZE, "its size has 16 bits");
  packet = frame_of(200);
  packet->flags = LWT_BUF_CSUM_PARTIAL;
  netif->ops->send(netif, packet);
  packet = frame_of(201);
  netif->ops->send(netif, packet);
  wait_ms(1);
  f = back_next();
  ok(f && f->flags == (NETTXF_csum_blank | NETTXF_data_validated), "no checksum yet");
  free(f);
  f = back_next();
  ok(f && f->flags == 0, "all sums are there");
  free(f);
  close_device(netif);
}

static void make_tcp(void)
{
  pattern[12] = 8;
  pattern[13] = 0;
  pattern[14] = 0x45;
  pattern[20] = pattern[21] = 0;
  pattern[23] = 6;
}

static void test_receive(void)
{
  struct lwt_netif *netif;
  unsigned i, told;
  lwt_t *listening;

  make_tcp();
  back_plug();
  netif = open_device();
  listening = netif->ops->listen(netif, input, NULL);
  is_int(code(netif->ops->listen(netif, input, NULL)), LWT_EBUSY, "one listener");
  memset(&got, 0, sizeof got);
  for (i = 0; i < 300; i++)
    back_send(pattern, 60 + i, 0, 0);
  told = back.told;
  wait_ms(1);
  is_int(got.packets, 300, "300 packets arrive");
  is_int(got.bad, 0, "unharmed");
  ok(got.calls <= 3, "many at a time");
  ok(back.told - told <= 3, "few events");
  back.piece = 1000;
  back_send(pattern, 1514, NETRXF_data_validated, 0);
  wait_ms(1);
  is_int(got.packets, 301, "one in two pieces");
  is_int(got.last.flags, LWT_BUF_CSUM_VALID, "the backend has seen its sum");
  back.piece = 0;
  back_send(pattern, 60000, NETRXF_csum_blank | NETRXF_data_validated, 1448);
  wait_ms(1);
  is_int(got.packets, 302, "one of many segments");
  is_int(got.last.flags, LWT_BUF_GSO | LWT_BUF_CSUM_PARTIAL, "is marked so");
  ok(got.last.gso_size == 1448 && got.last.gso_type == LWT_GSO_TCPV4 &&
       got.last.csum_start == 34 && got.last.csum_offset == 16,
     "with all that is to be known");
  pattern[23] = 17;
  back_send(pattern, 100, NETRXF_csum_blank, 0);
  wait_ms(1);
  is_int(got.last.csum_offset, 6, "and UDP");
  is_int(got.bad, 0, "unharmed");
  pattern[12] = 0x86;
  pattern[13] = 0xdd;
  pattern[14] = 0x60;
  pattern[20] = 6;
  back_send(pattern, 60000, NETRXF_csum_blank, 1428);
  back.out->gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
  wait_ms(1);
  ok(got.packets == 304 && got.last.gso_type == LWT_GSO_TCPV6 &&
       got.last.gso_size == 1428 && got.last.csum_start == 54 &&
       got.last.csum_offset == 16,
     "segments of IPv6");
  pattern[20] = 0; /* hop by hop */
  back_send(pattern, 100, NETRXF_csum_blank, 0);
  wait_ms(1);
  is_int((intmax_t)netif->stats.rx_errors, 1, "a header in between");
  lwt_drop(listening);
  back_send(pattern, 100, 0, 0);
  wait_ms(1);
  is_int((intmax_t)netif->stats.rx_dropped, 1, "nobody listens");
  is_int((intmax_t)netif->stats.rx_packets, 305, "packets are counted");
  close_device(netif);
}

/* ---- A slow backend --------------------------------------------------------------- */

/* Two senders that each take slots one by one wait for each other for ever when the
 * ring is full of halves (2013-06-04). */
static void test_reservation(void)
{
  struct lwt_netif *netif;
  unsigned sent = 0, refused = 0, i;
  struct lwt_buf *packet;
  lwt_t *writable[2];
  unsigned listed;

  back_plug();
  netif = open_device();
  wait_ms(1);
  listed = fake.listed;
  back.deaf = 1;
  send_frame(netif, 60);
  for (i = 0; i < 40; i++) {
    packet = frame_of(60000);
    packet->flags = LWT_BUF_GSO | LWT_BUF_CSUM_PARTIAL;
    packet->gso_type = LWT_GSO_TCPV4;
    packet->gso_size = 1448;
    if (netif->ops->send(netif, packet))
      refused++;
    else
      sent++;
  }
  is_int(sent, 15, "255 slots are 15 packets of 16 slots");
  is_int(refused, 25, "the others are refused whole");
  is_int((intmax_t)netif->ops->room(netif), 15, "and leave their slots");
  for (i = 0; i < 15; i++)
    send_frame(netif, 60);
  is_int(send_frame(netif, 60), LWT_ENOBUFS, "to the last slot");
  writable[0] = netif->ops->writable(netif);
  writable[1] = netif->ops->writable(netif);
  wait_ms(1);
  is_pending(writable[0], "no room while the backend looks away");
  is_int(fake.listed, listed + 1, "an event for what is sent is looked for");
  back.deaf = 0;
  back.pace = 16;
  is_int(code(writable[0]), 0, "then there is");
  is_int(code(writable[1]), 0, "for both");
  ok(netif->ops->room(netif) >= 128, "half of it");
  back.pace = BACK_SLOTS;
  wait_ms(1);
  is_int(taken(0), 31, "all that was sent has arrived, whole");
  is_int(fake.listed, listed, "and no longer is when there is room");
  is_int((intmax_t)netif->stats.tx_dropped, 26, "the rest is counted");
  writable[0] = netif->ops->writable(netif);
  is_fulfilled(writable[0], 0, "room at once");
  lwt_drop(writable[0]);
  close_device(netif);
}

/* All indices pass 2^32. */
static void test_wrap(void)
{
  const uint32_t by = 0u - 512u;
  struct lwt_netif *netif;
  struct netfront *n;
  lwt_t *listening;
  unsigned i, arrived = 0;

  make_tcp();
  back_plug();
  netif = open_device();
  n = front_of(netif);
  wait_ms(1);
  n->tx.ring.made += by, n->tx.ring.pushed += by, n->tx.ring.taken += by;
  n->rx.ring.made += by, n->rx.ring.pushed += by, n->rx.ring.taken += by;
  back.tx->req_prod += by, back.tx->rsp_prod += by, back.tx->req_event += by;
  back.rx->req_prod += by, back.rx->rsp_prod += by, back.rx->req_event += by;
  back.rx->rsp_event += by, back.tx->rsp_event += by;
  back.tx_cons += by, back.tx_prod += by, back.rx_cons += by, back.rx_prod += by;
  memset(&got, 0, sizeof got);
  listening = netif->ops->listen(netif, input, NULL);
  for (i = 0; i < 1000; i++) {
    send_frame(netif, 1000);
    back_send(pattern, 1500, 0, 0);
    if (i % 7 == 0) {
      wait_ms(1);
      arrived += taken(1000);
    }
  }
  wait_ms(1);
  is_int(arrived + taken(1000), 1000, "1000 sent across 2^32");
  is_int(got.packets, 1000, "1000 received");
  ok(n->tx.ring.made < 4096 && n->rx.ring.taken < 4096, "the indices have wrapped");
  lwt_drop(listening);
  close_device(netif);
}

/* ---- It goes and comes ------------------------------------------------ */

static void test_unplug(void)
{
  struct lwt_netif *netif;
  lwt_t *listening, *again;

  back_plug();
  netif = open_device();
  listening = netif->ops->listen(netif, input, NULL);
  back_switch(XenbusStateClosing);
  is_int(code(listening), LWT_ENETDOWN, "detached: the listener hears of it");
  is_int(send_frame(netif, 60), LWT_ENETDOWN, "nothing can be sent");
  is_int((intmax_t)netif->ops->room(netif), 0, "no room");
  is_int(code(netif->ops->writable(netif)), LWT_ENETDOWN, "nor will there be");
  is_int(code(netif->ops->listen(netif, input, NULL)), LWT_ENETDOWN, "nobody listens");
  wait_ms(1);
  is_int(front_number("state"), XenbusStateClosed, "the frontend lets go by itself");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "of all pages");
  close_device(netif);
  back_unplug();
  again = LWT_UNTYPED(lwt__netfront_open(0));
  wait_ms(100);
  is_pending(again, "opened where there is nothing, it waits");
  back_plug();
  is_int(lwt_run_value(again, (void **)&netif).code, 0, "attached again");
  is_int(send_frame(netif, 60), 0, "and it sends");
  wait_ms(1);
  is_int(taken(60), 1, "as before");
  listening = netif->ops->listen(netif, input, NULL);
  back_unplug();
  is_int(code(listening), LWT_ENETDOWN, "gone without a word");
  close_device(netif);
}

static void came_up(void *env)
{
  ++*(int *)env;
}

static void test_resume(void)
{
  struct lwt_xen_netif_stats stats;
  int ups = 0;

  struct lwt_netif *netif;
  lwt_t *listening, *writable;

  make_tcp();
  back_plug();
  netif = open_device();
  memset(&got, 0, sizeof got);
  listening = netif->ops->listen(netif, input, NULL);
  netif->up = came_up;
  netif->up_env = &ups;
  wait_ms(1);
  send_frame(netif, 60);
  back_forget();
  back_plug(); /* another host's */
  lwt__suspend_ask();
  while (!fake.suspends)
    wait_ms(1);
  writable = netif->ops->writable(netif);
  is_int(code(writable), 0, "after a resume it connects again");
  is_int(back.state, XenbusStateConnected, "to the new backend");
  is_int(ups, 1, "the listener is told once");
  is_int((intmax_t)netif->stats.tx_dropped, 1, "what was on its way is counted");
  is_int(lwt_xen_netif_stats(0, &stats), 0, "it has counters");
  is_int((intmax_t)stats.connects, 2, "connected twice");
  is_int(lwt_xen_netif_stats(1, &stats), LWT_ENODEV, "another has not");
  taken(0);
  is_int(send_frame(netif, 61), 0, "it sends");
  back_send(pattern, 100, 0, 0);
  wait_ms(1);
  is_int(taken(61), 1, "what arrives");
  is_int(got.packets, 1, "and the listener goes on");
  lwt_drop(listening);
  close_device(netif);
}

/* A resume, to a backend whose directory has, or whose frontend's has, another value. */
static void resume_to(int ours, const char *key, const char *value)
{
  const unsigned suspends = fake.suspends;

  wait_ms(1);
  back_plug();
  (ours ? front_put : back_put)(key, value);
  lwt__suspend_ask();
  while (fake.suspends == suspends)
    wait_ms(1);
}

/* Connections rely on what was there before. */
static void test_resume_less(void)
{
  static const struct {
    const char *key, *value;
    int ours; /* of the frontend's directory */
    uint32_t offloads;
  } rows[] = {
    { "feature-gso-tcpv4", "0", 0, 31 & ~LWT_NETIF_TX_TSO4 },
    { "feature-gso-tcpv6", "0", 0, 31 & ~LWT_NETIF_TX_TSO6 },
    { "feature-ipv6-csum-offload", "0", 0, LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO },
    { "feature-no-csum-offload", "1", 0, LWT_NETIF_RX_CSUM | LWT_NETIF_RX_GRO },
    { "mtu", "1400", 1, 31 },
  };
  struct lwt_netif *netif, *next;
  lwt_t *listening;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    back_unplug();
    back_plug();
    netif = open_device();
    listening = netif->ops->listen(netif, input, NULL);
    resume_to(rows[i].ours, rows[i].key, rows[i].value);
    is_int(code(lwt_with_timeout(LWT_S(5), listening)), LWT_ENETDOWN,
           "after a resume to %s=%s the device is down", rows[i].key, rows[i].value);
    is_int(send_frame(netif, 60), LWT_ENETDOWN, "nothing can be sent");
    is_int(netif->offloads, 31, "what it was before it still says");
    close_device(netif);
    front_put("state", "1");
    back_switch(XenbusStateInitWait);
    next = open_device();
    is_int(next->offloads, (intmax_t)rows[i].offloads, "opened anew, it can less");
    close_device(next);
  }
}

/* What the next one offers beyond that is not used. */
static void test_resume_more(void)
{
  struct lwt_netif *netif;

  back_unplug();
  back_plug();
  back_put("feature-gso-tcpv4", "0");
  front_put("mtu", "1400");
  netif = open_device();
  resume_to(1, "mtu", "1500");
  is_int(code(lwt_with_timeout(LWT_S(5), netif->ops->writable(netif))), 0,
         "a resume to a backend that can more");
  is_int(netif->offloads, 31 & ~LWT_NETIF_TX_TSO4, "it does what it did");
  is_int(netif->mtu, 1400, "as long as it did");
  is_int(send_frame(netif, 60), 0, "it sends");
  wait_ms(1);
  is_int(taken(60), 1, "and it arrives");
  close_device(netif);
}

/* The program has as many requests under way as there may be. */
static void test_crowd(void)
{
  struct lwt_netif *netif;
  lwt_t *ps[256];
  int i, n = 0;

  back_plug();
  netif = open_device();
  wait_ms(1);
  store.deaf = 1;
  for (i = 0; i < 256; i++)
    ps[i] = LWT_UNTYPED(lwt_xs_read(0, "x"));
  back_switch(XenbusStateConnected); /* once more */
  wait_ms(1);
  store.deaf = 0;
  for (i = 0; i < 256; i++)
    n += code(ps[i]) == LWT_ENOENT;
  is_int(n, 256, "all are answered");
  wait_ms(200);
  is_int(send_frame(netif, 60), 0, "the device is still there");
  back_switch(XenbusStateClosing);
  wait_ms(1);
  is_int(send_frame(netif, 60), LWT_ENETDOWN, "and its backend is watched");
  close_device(netif);
}

/* The backend is not ready yet, and after the resume it is at another place. */
static void test_resume_early(void)
{
  const unsigned suspends = fake.suspends;
  void *netif = NULL;
  lwt_t *opening;

  back_plug();
  front_put("backend", "/local/domain/0/backend/vif/4/0");
  opening = LWT_UNTYPED(lwt__netfront_open(0));
  wait_ms(1);
  is_pending(opening, "a backend that is not ready is waited for");
  front_put("backend", BACK);
  lwt__suspend_ask();
  while (fake.suspends == suspends)
    wait_ms(1);
  opening = lwt_with_timeout(LWT_S(5), opening);
  is_int(lwt_run_value(opening, &netif).code, 0, "after a resume the new one is found");
  if (netif)
    close_device(netif);
}

int main(void)
{
  uint32_t i;

  lwt_test_memory();
  is_int(back_start(), 0, "a hypervisor");
  for (i = 0; i < sizeof pattern; i++)
    pattern[i] = (uint8_t)(i * 7 + (i >> 8));
  test_handshake();
  test_one_queue();
  test_plain_backend();
  test_send();
  test_segments();
  test_receive();
  test_reservation();
  test_wrap();
  test_unplug();
  test_resume();
  test_resume_early();
  test_resume_less();
  test_resume_more();
  test_crowd();
  code(lwt_xs_write_text(0, "x", "x"));
  is_int((intmax_t)lwt_live(), 0, "no promise is left");
  is_int((intmax_t)lwt_timers(), 0, "no timer");
  is_int((intmax_t)lwt_buf_live(), 0, "no packet");
  return lwt_test_done();
}
