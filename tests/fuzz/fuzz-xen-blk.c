/* fuzz-xen-blk.c - what a disk's backend can write: a key of its directory, and
 * responses and indices of the ring.
 * SPDX-License-Identifier: ISC
 *
 * The input: what the backend offers, a key and its value, then steps: calls, their
 * cancelling, the backend's going, and which bytes of the responses to change before they
 * are published.  Whatever happens, a call ends with a code that lwt/block.h allows,
 * bytes of a call that has ended are not touched, the disk can be closed, and nothing is
 * left.
 */
#include "../fakeblk.h"
#include "input.h"

#include <lwt/block.h>

#define CALLS 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct {
  lwt_t *p;
  uint8_t *bytes; /* from malloc(): a sanitizer sees what comes too late */
} calls[CALLS];
static const char *odd_key;
static char odd_value[32];

/* Only what is about to be published, and the backend's own indices: the rest of the
 * ring is the frontend's. */
static void evil(void)
{
  uint32_t n_new = back.prod - ring_indices()->rsp_prod;
  unsigned n = byte() & 7, slot, at;

  while (n--) {
    slot = byte();
    at = byte() & 15;
    if (!n_new)
      continue;
    slot = (ring_indices()->rsp_prod + slot % n_new) & (back.slots - 1);
    *ring_at(64 + slot * 112 + at) = byte();
  }
  n = byte();
  back.shift = n & 128 ? n & 64 ? n | 0xffffff00u : n & 63 : 0;
  if (n & 1)
    ring_indices()->req_event += byte();
}

/* The odd key is there when the frontend looks. */
static void step(void)
{
  int was = back.state;

  back_step();
  if (odd_key && was != XenbusStateConnected && back.state == XenbusStateConnected)
    back_put(odd_key, odd_value);
}

static void choose_key(void)
{
  static const char *const keys[] = {
    "sectors",           "sector-size",         "info",
    "max-ring-page-order", "feature-max-indirect-segments", "feature-persistent",
    "state",             "physical-sector-size", "mode",
    "feature-flush-cache", "feature-barrier",   "feature-discard",
  };
  unsigned key = byte() & 15, n = byte() & 31, i;

  for (i = 0; i < n; i++)
    odd_value[i] = (char)byte();
  odd_value[n] = '\0';
  odd_key = key < sizeof keys / sizeof *keys ? keys[key] : NULL;
}

static void offer(void)
{
  unsigned what = byte();

  back_default();
  back.order = what & 3;
  back.segments = what & 4 ? 256 : 0;
  back.flush = !(what & 8);
  back.discard = !(what & 16);
  back.persistent = !!(what & 32);
  back.backwards = !!(what & 64);
  back.sector_size = what & 128 ? 4096 : 512;
  back_plug();
  choose_key();
  if (odd_key)
    back_put(odd_key, odd_value);
}

static void ended(int code)
{
  static const int codes[] = { 0,           LWT_ERANGE, LWT_EROFS,   LWT_EIO,
                               LWT_ENODEV,  LWT_EAGAIN, LWT_ENOTSUP, LWT_ETIMEDOUT,
                               LWT_ECANCELED };
  size_t i;

  for (i = 0; codes[i] != code; i++)
    check(i + 1 < sizeof codes / sizeof *codes);
}

/* Patience: 0, it is cancelled. */
static void finish(unsigned i, uint64_t patience)
{
  if (!calls[i].p)
    return;
  if (!patience)
    lwt_cancel(calls[i].p);
  ended(run(lwt_with_timeout(patience + 1, calls[i].p)));
  calls[i].p = NULL;
  free(calls[i].bytes);
  calls[i].bytes = NULL;
}

static void begin(struct lwt_block *b, unsigned i, unsigned kind)
{
  size_t n = (byte() & 127) + 1u;
  uint64_t at = byte() * (uint64_t)16;

  finish(i, LWT_MS(10));
  if (kind < 2) {
    calls[i].bytes = malloc(n * b->sector_size);
    check(calls[i].bytes != NULL);
    memset(calls[i].bytes, (int)n, n * b->sector_size);
  }
  switch (kind) {
  case 0: calls[i].p = lwt_block_read(b, at, calls[i].bytes, n); break;
  case 1: calls[i].p = lwt_block_write(b, at, calls[i].bytes, n); break;
  case 2: calls[i].p = lwt_block_flush(b); break;
  default: calls[i].p = lwt_block_discard(b, at, n);
  }
}

/* An index of the backend's by itself, without a response. */
static void poke(void)
{
  unsigned what = byte();

  if (back.state != XenbusStateConnected)
    return;
  if (what & 1)
    ring_indices()->rsp_prod += byte() * 3u;
  else
    ring_indices()->req_event = byte() * 0x01010101u;
  fake_event(back.port);
}

static void steps(struct lwt_block *b)
{
  unsigned what, i;

  back.evil = evil;
  while (script.at < script.end) {
    what = byte();
    i = what >> 5;
    switch (what & 15) {
    case 0:
    case 1:
    case 2:
    case 3: begin(b, i, what & 3); break;
    case 4: finish(i, 0); break;
    case 5: finish(i, LWT_MS(1)); break;
    case 6: back.pace = what & 16 ? byte() & 7 : 512; break;
    case 7: poke(); break;
    case 8: back.fails = byte() & 3; break;
    case 9: back.unsupported = what & 16 ? byte() & 7 : -1; break;
    case 10: back.evil = what & 16 ? evil : NULL; break;
    case 11: back_put("state", what & 16 ? "" : "5"); break;
    case 12:
      if (what == 12)
        back_unplug();
      break;
    case 13: back.deaf = what & 16; break;
    default: run(lwt_sleep(LWT_US(byte() * 100u)));
    }
  }
  back.evil = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static int started;
  struct lwt_block *b = NULL;
  unsigned i;

  if (!started++)
    check(!back_start());
  fake.step = step;
  script.at = data;
  script.end = data + len;
  offer();
  if (!lwt_platform_block("xvda", &b)) {
    steps(b);
    for (i = 0; i < CALLS; i++)
      finish(i, i & 1 ? LWT_MS(1) : 0);
    run(lwt_block_close(b));
  }
  back_unplug();
  back_unmap();
  back.n_rsp = 0;
  memset(store.watch, 0, sizeof store.watch);
  run(lwt_sleep(LWT_S(30)));
  check(!lwt_live() && !lwt_timers());
  check(!lwt__grant_stats().granted && !fake.pages);
  return 0;
}
