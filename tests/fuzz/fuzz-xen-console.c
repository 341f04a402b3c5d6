/* fuzz-xen-console.c - what the console daemon can write: input, and the indices of
 * both rings.
 * SPDX-License-Identifier: ISC
 *
 * console.c itself is in here, so that a console that was given up can begin anew.
 */
#include "../../lwt-xen/console.c"

#include "../fakexen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static void typed(const uint8_t *bytes, size_t n)
{
  while (n--)
    fake_console->in[fake_console->in_prod++ % 1024] = (char)*bytes++;
}

static void drop(lwt_t *p)
{
  lwt_error(p);
  lwt_drop(p);
}

static void step(uint8_t what, const uint8_t *bytes, size_t n)
{
  char text[40];
  lwt_t *reading = NULL, *writing = NULL;
  size_t got;

  if (what & 1)
    reading = LWT_UNTYPED(lwt_flow_read(lwt_xen_console(), text, 1 + what / 8));
  if (what & 2)
    writing = lwt_flow_write(lwt_xen_console(), bytes, n);
  typed(bytes, n);
  if (what & 4)
    fake_console->in_prod += what;
  if (what & 8)
    fake_console->out_cons = fake_console->out_prod - (what & 16 ? 5000u : 0u);
  fake_event(FAKE_CONSOLE_PORT);
  lwt__events_scan();
  if (!(what & 1) && ring_used(&c.in) > 0) {
    got = lwt__console_get(text, sizeof text);
    check(got <= sizeof text);
  }
  if (what & 32)
    lwt__console_put((const char *)bytes, n);
  if (reading)
    drop(reading);
  if (writing)
    drop(writing);
}

static void start_again(void)
{
  c.broken = c.stuck = c.cr = 0;
  c.len = c.head = 0;
  c.lost = 0;
  fake_console->in_prod = fake_console->in_cons;
  fake_console->out_prod = fake_console->out_cons;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static int started;
  size_t at, n;

  if (!started++)
    check(!fake_start(0xffffff00u) && !lwt__console_init());
  for (at = 0; at + 2 <= len; at += n) {
    n = data[at + 1];
    at += 2;
    if (n > len - at)
      n = len - at;
    step(data[at - 2], data + at, n);
  }
  start_again();
  lwt__events_scan();
  check(!lwt_live() && !lwt_buf_live());
  return 0;
}
