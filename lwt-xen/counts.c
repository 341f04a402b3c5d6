/* counts.c - what the guest counts of itself, always on: an addition each.
 * SPDX-License-Identifier: ISC
 *
 * With LWT_XEN_COUNTS in front of the arguments they are printed at the end.
 */
#include "xen.h"

#include <inttypes.h>
#include <stdio.h>

struct lwt_xen_counts lwt__counts;

void lwt_xen_counts(struct lwt_xen_counts *counts)
{
  *counts = lwt__counts;
}

/* n in tenths for each of `of`. */
static uint64_t tenths(uint64_t n, uint64_t of)
{
  return of ? (10 * n + of / 2) / of : 0;
}

static int print_total(char *to, size_t size, const char *what, uint64_t n,
                       const struct lwt_xen_counts *c)
{
  uint64_t packets = tenths(n, c->packets_in + c->packets_out);
  uint64_t mb = tenths(n, (c->bytes_in + c->bytes_out + 500000) / 1000000);

  return snprintf(to, size,
                  "%s %" PRIu64 ", a packet %" PRIu64 ".%" PRIu64 ", a MB %" PRIu64
                  ".%" PRIu64 "\n",
                  what, n, packets / 10, packets % 10, mb / 10, mb % 10);
}

size_t lwt_xen_counts_text(const struct lwt_xen_counts *c, char *text, size_t size)
{
  const struct {
    const char *what;
    uint64_t n;
  } totals[] = {
    { "hypercalls",
      c->polls + c->sends + c->event_ops + c->grant_ops + c->memory_ops + c->others },
    { "events", c->events },
    { "copied bytes", c->copied },
    { "grants", c->grants },
  };
  size_t at, i;
  int n = snprintf(text, size,
                   "polls %" PRIu64 ", sends %" PRIu64 ", event ops %" PRIu64
                   ", grant ops %" PRIu64 ", memory ops %" PRIu64 ", others %" PRIu64
                   "\npackets in %" PRIu64 ", out %" PRIu64 "; bytes in %" PRIu64
                   ", out %" PRIu64 "\n",
                   c->polls, c->sends, c->event_ops, c->grant_ops, c->memory_ops,
                   c->others, c->packets_in, c->packets_out, c->bytes_in, c->bytes_out);

  at = n > 0 ? (size_t)n : 0;
  for (i = 0; i < sizeof totals / sizeof *totals && at < size; i++) {
    n = print_total(text + at, size - at, totals[i].what, totals[i].n, c);
    at += n > 0 ? (size_t)n : 0;
  }
  return at < size ? at : size - 1;
}
