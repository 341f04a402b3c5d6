/* fuzz-dns.c - what a stranger can send to the parsers of net/dns_wire.c.
 * SPDX-License-Identifier: ISC
 *
 * What is read is written, read again, and must then be the same.
 */
#include "../../net/dns_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static uint8_t first[70000], second[70000];

static void names(const struct net_dns_name *name)
{
  char text[NET_DNS_TEXT];
  struct net_dns_name again;

  check(name->len >= 1 && !name->bytes[name->len - 1]);
  check(!net_dns_name_from(&again, net_dns_name_text(name, text, sizeof text)));
  check(net_dns_name_same(name, &again) && net_dns_name_below(name, &again));
}

/* Write what is read of a message, until something is wrong. */
static size_t copy(const uint8_t *in, size_t len, uint8_t *out)
{
  struct net_dns_reader r;
  struct net_dns_writer w;
  struct net_dns_header h;
  struct net_dns_question q;
  struct net_dns_rr rr;

  if (net_dns_read(&r, in, len, &h))
    return 0;
  net_dns_write(&w, out, sizeof first, &h);
  while (net_dns_next_question(&r, &q) > 0) {
    names(&q.name);
    if (net_dns_put_question(&w, &q))
      return 0;
  }
  while (net_dns_next(&r, &rr) > 0) {
    names(&rr.name);
    rr.squeeze = rr.ttl & 1;
    if (net_dns_put(&w, rr.section, &rr))
      return 0;
  }
  return net_dns_written(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees the end */
  size_t n, m;

  memcpy(exact, data, len);
  n = copy(exact, len, first);
  if (n) {
    m = copy(first, n, second);
    check(m == n && !memcmp(first, second, n));
  }
  free(exact);
  return 0;
}
