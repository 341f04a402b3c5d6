/* t-xen-net-hostile.c - network backends that break the rules, and no pages.
 * SPDX-License-Identifier: ISC
 *
 * Each breach costs the device and nothing else: the listener is rejected, the pages
 * are given back, timers go on, and the device can be opened again.
 */
#include "fakenet.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>

static uint8_t bytes[70000];
static unsigned packets;

static void input(void *env, struct lwt_buf *queue)
{
  struct lwt_buf *packet;

  (void)env;
  for (packet = queue; packet; packet = packet->next_packet)
    packets++;
  lwt_buf_free_queue(queue);
}

static int code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

/* ---- What a backend may write ------------------------------------------------- */

/* The first response of what is about to be published. */
static netif_rx_response_t *rx_rsp(unsigned i)
{
  return &back.rx->ring[(back.rx->rsp_prod + i) % BACK_SLOTS].rsp;
}

static netif_tx_response_t *tx_rsp(void)
{
  return &back.tx->ring[back.tx->rsp_prod % BACK_SLOTS].rsp;
}

static void rx_too_many(void) { back.shift = 300; }
static void rx_unasked(void) { back.shift = back.rx->req_prod - back.rx_prod + 1; }
static void rx_backwards(void) { back.shift = 0u - 2u; }
static void rx_id_wild(void) { rx_rsp(0)->id = 60000; }
static void rx_id_other(void) { rx_rsp(0)->id ^= 1; }
static void rx_long(void) { rx_rsp(0)->status = 4097; }
static void rx_offset(void) { rx_rsp(0)->offset = 4096; }
static void rx_offset_wild(void) { rx_rsp(0)->offset = 65535, rx_rsp(0)->status = 1; }
static void rx_beyond(void) { rx_rsp(0)->offset = 3000, rx_rsp(0)->status = 1097; }
static void rx_prefix(void) { rx_rsp(0)->flags |= NETRXF_gso_prefix; }
static void rx_extra_late(void) { rx_rsp(1)->flags |= NETRXF_extra_info; }
static void tx_too_many(void) { back.shift = 1; }
static void tx_backwards(void) { back.shift = 0u - 201u; }
static void tx_id_wild(void) { tx_rsp()->id = 256; }
static void tx_id_other(void) { tx_rsp()->id = 255; }
static void tx_null(void) { tx_rsp()->status = NETIF_RSP_NULL; }

static netif_extra_info_t *extra_of(void)
{
  return (netif_extra_info_t *)(void *)rx_rsp(1);
}

static void extra_none(void) { extra_of()->type = XEN_NETIF_EXTRA_TYPE_NONE; }
static void extra_unknown(void) { extra_of()->type = XEN_NETIF_EXTRA_TYPE_MAX; }
static void extra_size(void) { extra_of()->u.gso.size = 0; }
static void extra_type(void) { extra_of()->u.gso.type = 0; }
static void extra_strange(void) { extra_of()->u.gso.type = XEN_NETIF_GSO_TYPE_TCPV6 + 1; }

/* Extras without end. */
static void extra_more(void)
{
  unsigned i;

  for (i = 1; i < 10; i++)
    *(netif_extra_info_t *)(void *)rx_rsp(i) =
      (netif_extra_info_t){ .type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
                            .flags = XEN_NETIF_EXTRA_FLAG_MORE };
  back.shift = 8;
}

/* A packet of pages without end. */
static void rx_endless(void)
{
  uint32_t i, n = back.rx_prod - back.rx->rsp_prod;

  for (i = 0; i < n; i++)
    rx_rsp(i)->flags |= NETRXF_more_data;
}

static void frame_to_guest(uint32_t len, uint16_t flags, uint16_t gso)
{
  bytes[12] = 8;
  bytes[13] = 0;
  bytes[14] = 0x45;
  bytes[23] = 6;
  back_send(bytes, len, flags, gso);
}

static const struct breach {
  const char *name;
  void (*evil)(void);
  uint32_t to_guest; /* bytes */
  uint16_t gso;
  uint32_t from_guest; /* bytes, if not to_guest */
} breaches[] = {
  { "more responses than slots", rx_too_many, 60, 0, 0 },
  { "a response to no request", rx_unasked, 60, 0, 0 },
  { "an index that goes back", rx_backwards, 60, 0, 0 },
  { "an id out of range", rx_id_wild, 60, 0, 0 },
  { "an id of another place", rx_id_other, 60, 0, 0 },
  { "more than a page", rx_long, 60, 0, 0 },
  { "an offset at the end", rx_offset, 60, 0, 0 },
  { "an offset far beyond", rx_offset_wild, 60, 0, 0 },
  { "a byte beyond the page", rx_beyond, 60, 0, 0 },
  { "a prefix that was not offered", rx_prefix, 60, 0, 0 },
  { "extra slots late in a packet", rx_extra_late, 5000, 0, 0 },
  { "a packet without end", rx_endless, 60000, 0, 0 },
  { "an extra slot of no type", extra_none, 5000, 1448, 0 },
  { "an extra slot of an unknown type", extra_unknown, 5000, 1448, 0 },
  { "segments of no bytes", extra_size, 5000, 1448, 0 },
  { "segments of no type", extra_type, 5000, 1448, 0 },
  { "segments of an unknown type", extra_strange, 5000, 1448, 0 },
  { "extra slots without end", extra_more, 60, 1448, 0 },
  { "more sent than was asked for", tx_too_many, 0, 0, 60 },
  { "sent, an index that goes back", tx_backwards, 0, 0, 60 },
  { "sent, an id out of range", tx_id_wild, 0, 0, 60 },
  { "sent, an id that is not under way", tx_id_other, 0, 0, 60 },
  { "sent, an extra slot that was not there", tx_null, 0, 0, 60 },
};

static struct lwt_netif *open_device(void)
{
  void *netif = NULL;
  int error = lwt_run_value(LWT_UNTYPED(lwt__netfront_open(0)), &netif).code;

  return error ? NULL : netif;
}

static void test_breach(const struct breach *b)
{
  struct lwt_netif *netif;
  lwt_t *listening, *writable;
  unsigned i;

  back_plug();
  netif = open_device();
  if (!netif) {
    ok(0, "%s: opened", b->name);
    return;
  }
  code(lwt_sleep(LWT_MS(1)));
  listening = netif->ops->listen(netif, input, NULL);
  packets = 0;
  back.evil = b->evil;
  if (b->to_guest)
    frame_to_guest(b->to_guest, 0, b->gso);
  if (b->evil == rx_endless)
    frame_to_guest(b->to_guest, 0, b->gso);
  for (i = 0; b->from_guest && i < 200; i++)
    netif->ops->send(netif, lwt_buf_copy_in(0, bytes, b->from_guest));
  writable = b->from_guest ? netif->ops->writable(netif) : lwt_return(NULL);
  is_int(code(lwt_with_timeout(LWT_S(1), listening)), LWT_ENETDOWN, "%s", b->name);
  back.evil = NULL;
  is_int(lwt_error(writable).code, b->from_guest ? LWT_ENETDOWN : 0, "writers too");
  lwt_drop(writable);
  is_int(packets, 0, "nothing is delivered");
  is_int(code(lwt_sleep(LWT_MS(1))), 0, "time goes on");
  is_int(code(netif->ops->close(netif)), 0, "it is closed");
  is_int(front_number("state"), XenbusStateClosed, "and says so");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
  back_forget();
}

static void rx_long_and_silent(void)
{
  rx_long();
  back.refuse = 1;
}

/* It breaks a rule, and does not let go. */
static void test_silent(void)
{
  struct lwt_netif *netif;
  lwt_t *listening;
  uint64_t start;

  back_plug();
  netif = open_device();
  code(lwt_sleep(LWT_MS(1)));
  listening = netif->ops->listen(netif, input, NULL);
  back.evil = rx_long_and_silent;
  frame_to_guest(60, 0, 0);
  is_int(code(lwt_with_timeout(LWT_S(1), listening)), LWT_ENETDOWN, "a breach");
  back.evil = NULL;
  start = lwt_now();
  is_int(code(netif->ops->close(netif)), 0, "closed, though the backend ignores it");
  ok(lwt_now() - start > LWT_S(9) && lwt_now() - start < LWT_S(11), "after ten seconds");
  is_int(back.state, XenbusStateConnected, "which it has not left");
  is_int(front_number("state"), XenbusStateClosed, "it is told");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
  back.refuse = 0;
  back_forget();
}

/* ---- What it sees of us ---------------------------------------------------------- */

static size_t zeros(const void *page, size_t from)
{
  size_t n = from;

  while (n < XEN_PAGE && !((const uint8_t *)page)[n])
    n++;
  return n - from;
}

/* Pages that hold nothing but what is sent, and can be written only to receive in. */
static void test_pages_seen(void)
{
  struct lwt_netif *netif;
  struct netfront *n;
  uint16_t flags;
  unsigned i, clean = 0, writable = 0;

  back_plug();
  netif = open_device();
  n = (struct netfront *)netif;
  for (i = 0; i < n->rx.pages; i++) {
    flags = fake.grants[n->rx.ref[i]].flags;
    clean += zeros(n->rx.page[i], 0) == XEN_PAGE;
    writable += flags & GTF_permit_access && !(flags & GTF_readonly);
  }
  is_int(n->rx.pages, NETFRONT_SLOTS, "pages to receive in");
  is_int(clean, NETFRONT_SLOTS, "are zeros");
  is_int(writable, NETFRONT_SLOTS, "that the backend may write");
  memset(bytes, 0xaa, sizeof bytes);
  is_int(netif->ops->send(netif, lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, 60)), 0,
         "a short packet");
  for (i = 0; i < n->tx.pages && !n->tx.id[i].busy; i++)
    ;
  if (ok(i < n->tx.pages, "has a page")) {
    is_mem(n->tx.id[i].page, bytes, 60, "with its bytes");
    is_int((intmax_t)zeros(n->tx.id[i].page, 60), XEN_PAGE - 60, "and zeros behind it");
    ok(fake.grants[n->tx.id[i].ref].flags & GTF_readonly, "which can only be read");
  }
  for (i = writable = 0; i < n->tx.pages; i++)
    writable += !(fake.grants[n->tx.id[i].ref].flags & GTF_readonly);
  is_int(writable, 0, "as all that are sent");
  code(lwt_sleep(LWT_MS(1)));
  is_int((intmax_t)back.n_in, 1, "it arrives");
  is_int(code(netif->ops->close(netif)), 0, "closed");
  back_forget();
}

/* ---- A packet that cannot be is dropped, and the device goes on ------------------- */

static void rx_error(void) { rx_rsp(0)->status = NETIF_RSP_ERROR; }
static void rx_dropped(void) { rx_rsp(0)->status = NETIF_RSP_DROPPED; }
static void rx_empty(void) { rx_rsp(0)->status = 0; }
static void rx_short(void) { rx_rsp(0)->status = 13; }
static void rx_lost_half(void) { rx_rsp(1)->status = -1; }

static void test_packets(void)
{
  static const struct breach rows[] = {
    { "an error", rx_error, 60, 0, 0 },
    { "a packet that was dropped", rx_dropped, 60, 0, 0 },
    { "a packet of no bytes", rx_empty, 60, 0, 0 },
    { "less than a header", rx_short, 60, 0, 0 },
    { "half a packet", rx_lost_half, 5000, 1448, 0 },
    { "longer than the MTU", NULL, 1519, 0, 0 },
  };
  struct lwt_netif *netif;
  lwt_t *listening;
  size_t i;

  back_plug();
  netif = open_device();
  code(lwt_sleep(LWT_MS(1)));
  listening = netif->ops->listen(netif, input, NULL);
  packets = 0;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    back.evil = rows[i].evil;
    frame_to_guest(rows[i].to_guest, 0, 0);
    code(lwt_sleep(LWT_MS(1)));
    is_int((intmax_t)netif->stats.rx_errors, (intmax_t)i + 1, "%s", rows[i].name);
  }
  back.evil = NULL;
  frame_to_guest(60, NETRXF_csum_blank, 0);
  back.out->bytes[12] = 0x86;
  frame_to_guest(60, NETRXF_csum_blank, 0);
  back.out->next->bytes[14] = 0x41;
  frame_to_guest(60, NETRXF_csum_blank, 0);
  back.out->next->next->bytes[20] = 0x20;
  frame_to_guest(40, NETRXF_csum_blank, 0);
  code(lwt_sleep(LWT_MS(1)));
  is_int((intmax_t)netif->stats.rx_errors, 10, "no place for a checksum, four ways");
  lwt_buf_limit(0);
  frame_to_guest(60, 0, 0);
  code(lwt_sleep(LWT_MS(1)));
  lwt_buf_limit(SIZE_MAX);
  is_int((intmax_t)netif->stats.rx_dropped, 1, "no memory for a packet");
  is_int(packets, 0, "none is delivered");
  frame_to_guest(60, 0, 0);
  code(lwt_sleep(LWT_MS(1)));
  is_int(packets, 1, "the next good one is");
  lwt_drop(listening);
  code(netif->ops->close(netif));
  back_forget();
}

/* ---- Xenstore --- */

static void test_directory(void)
{
  static const struct {
    const char *key, *value, *good;
    int code;
  } rows[] = {
    { "mac", "", "", LWT_EINVAL },
    { "mac", "00:16:3e:01:02", "", LWT_EINVAL },
    { "mac", "00:16:3e:01:02:0g", "", LWT_EINVAL },
    { "mac", "00-16-3e-01-02-03", "", LWT_EINVAL },
    { "mac", "01:16:3e:01:02:03", "", LWT_EINVAL },
    { "mac", "00:00:00:00:00:00", "00:16:3e:01:02:03", LWT_EINVAL },
    { "mtu", "67", "", LWT_ERANGE },
    { "mtu", "65536", "", LWT_ERANGE },
    { "mtu", "-1", "1500", LWT_EINVAL },
  };
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    back_plug();
    front_put(rows[i].key, rows[i].value);
    is_int(code(LWT_UNTYPED(lwt__netfront_open(0))), rows[i].code, "%s '%s'", rows[i].key,
           rows[i].value);
    if (rows[i].good[0])
      front_put(rows[i].key, rows[i].good);
  }
  back_plug();
  back_put("feature-sg", "yes");
  is_int(code(LWT_UNTYPED(lwt__netfront_open(0))), LWT_EINVAL, "no number");
  back_plug();
  back_put("feature-rx-copy", "0");
  is_int(code(LWT_UNTYPED(lwt__netfront_open(0))), LWT_ENOTSUP, "cannot copy");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "nothing is left of them");
  back_plug();
  back.refuse = 1;
  is_int(code(lwt_with_timeout(LWT_S(1), LWT_UNTYPED(lwt__netfront_open(0)))),
         LWT_ETIMEDOUT, "a backend that does not answer");
  back.refuse = 0;
  is_int((intmax_t)lwt__grant_stats().granted, 0, "nothing is left of it");
}

/* ---- Events for nothing; pages that are held --------------------------------------- */

static void storm(void)
{
  back_step();
  fake_event(back.port);
  fake.now += LWT_US(10);
}

static void test_storm(void)
{
  struct lwt_netif *netif;
  uint64_t start;

  back_plug();
  netif = open_device();
  start = fake.now;
  fake.step = storm;
  is_int(code(lwt_sleep(LWT_MS(10))), 0, "time goes on in a storm of events");
  fake.step = back_step;
  ok(fake.now - start < LWT_MS(11), "as fast as ever");
  ok(((struct netfront *)netif)->counts.idle > 100, "they are counted");
  code(netif->ops->close(netif));
}

static void test_mapped(void)
{
  struct lwt_netif *netif;
  uint32_t ref;

  back_plug();
  netif = open_device();
  ref = ((struct netfront *)netif)->rx.ref[7];
  fake.grants[ref].flags |= GTF_writing;
  code(netif->ops->close(netif));
  is_int((intmax_t)lwt__grant_stats().parked, 1, "a page that is still mapped is kept");
  fake.grants[ref].flags &= (uint16_t)~GTF_writing;
  is_int((intmax_t)lwt__grant_stats().granted, 0, "until it is let go");
}

/* ---- No pages --------------------------------------------------------- */

static void test_pages(void)
{
  struct lwt_netif *netif;
  unsigned i, opened = 0;

  for (i = 1; i < 60; i++) {
    back_plug();
    fake.page_fail = i;
    netif = open_device();
    fake.page_fail = 0;
    opened += !!netif;
    if (netif)
      code(netif->ops->close(netif));
  }
  is_int(opened, 59 - 38, "with 36 pages to receive in, and two rings, it works");
  is_int((intmax_t)fake.pages, 0, "no page is lost");
}

int main(void)
{
  size_t i;

  lwt_test_memory();
  is_int(back_start(), 0, "a hypervisor");
  test_packets();
  test_directory();
  test_storm();
  test_mapped();
  test_pages();
  for (i = 0; i < sizeof breaches / sizeof *breaches; i++)
    test_breach(&breaches[i]);
  test_silent();
  test_pages_seen();
  return lwt_test_done();
}
