/* fuzz-xen-net.c - what a network backend can write: keys of its directory, and
 * responses of both rings.
 * SPDX-License-Identifier: ISC
 *
 * The input: a key and its value, then steps: what to send either way, and which
 * bytes of the responses to change before they are published.  Whatever happens,
 * the device can be closed, and nothing is left.  As a fuzzer, this one and its
 * neighbours (which have store.c and console.c inside, so without these):
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING -DLWT_NO_POOLS \
 *     -D__XEN_INTERFACE_VERSION__=0x00040e00 -I. -Ilwt -Ilwt-xen -Ilwt-xen/headers \
 *     tests/fuzz/fuzz-xen-net.c lwt-xen/[a-z]*.c lwt/[a-z]*.c lwt/fiber_x86_64.S
 */
#include "../fakenet.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t frame[9000];

/* Only what is about to be published: the rest of a ring is the frontend's. */
static void evil(void)
{
  uint32_t n_tx = back.tx_prod - back.tx->rsp_prod;
  uint32_t n_rx = back.rx_prod - back.rx->rsp_prod;
  unsigned n = byte() & 7, slot, at;
  uint8_t *ring;

  while (n--) {
    slot = byte();
    at = byte();
    if (at & 128 && n_tx)
      ring = (uint8_t *)&back.tx->ring[(back.tx->rsp_prod + slot % n_tx) % BACK_SLOTS];
    else if (n_rx)
      ring = (uint8_t *)&back.rx->ring[(back.rx->rsp_prod + slot % n_rx) % BACK_SLOTS];
    else
      continue;
    ring[at & 7] = byte();
  }
  n = byte();
  back.shift = n & 128 ? n & 64 ? n | 0xffffff00u : n & 63 : 0;
}

static void input(void *env, struct lwt_buf *queue)
{
  struct lwt_buf *packet;

  (void)env;
  for (packet = queue; packet; packet = packet->next_packet)
    check(packet->total >= 14 && packet->total <= 65549);
  lwt_buf_free_queue(queue);
}

static void put_key(void)
{
  static const char *const keys[] = { "mac", "mtu", "backend-id" };
  static const char *const theirs[] = { "feature-sg", "feature-rx-copy", "state",
                                        "feature-gso-tcpv4", "multi-queue-max-queues" };
  unsigned key = byte() & 15, n = byte() & 31, i;
  char value[32];

  for (i = 0; i < n; i++)
    value[i] = (char)byte();
  value[n] = '\0';
  if (key < 3)
    front_put(keys[key], value);
  else if (key < 8)
    back_put(theirs[key - 3], value);
}

static void steps(struct lwt_netif *netif)
{
  lwt_t *listening = netif->ops->listen(netif, input, NULL);
  unsigned what;
  uint32_t size;

  back.evil = evil;
  while (script.at < script.end) {
    what = byte();
    size = (uint32_t)(byte() * 32) + 14;
    frame[12] = byte();
    frame[14] = byte();
    frame[23] = byte();
    if (what & 1)
      back_send(frame, size, byte() & 7, what & 2 ? 1448 : 0);
    if (what & 4)
      netif->ops->send(netif, lwt_buf_copy_in(LWT_BUF_HEADROOM, frame, size));
    if (what & 8)
      back.piece = byte() * 16u;
    run(lwt_sleep(LWT_MS(1)));
  }
  back.evil = NULL;
  lwt_error(listening);
  lwt_drop(listening);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static int started;
  lwt_t *p;
  void *netif = NULL;

  if (!started++)
    check(!back_start());
  script.at = data;
  script.end = data + len;
  back_plug();
  front_put("mtu", "1500");
  put_key();
  back.piece = 0;
  p = lwt_with_timeout(LWT_S(20), LWT_UNTYPED(lwt__netfront_open(0)));
  if (!lwt_run_value(p, &netif).code && netif) {
    steps(netif);
    run(((struct lwt_netif *)netif)->ops->close(netif));
  }
  back_forget();
  back.tx_told = back.rx_told = 0;
  back_unplug();
  memset(store.watch, 0, sizeof store.watch);
  run(lwt_sleep(LWT_S(30)));
  check(!lwt_live() && !lwt_timers() && !lwt_buf_live());
  check(!lwt__grant_stats().granted);
  return 0;
}
