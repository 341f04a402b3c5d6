/* fuzz-wire6.c - what a stranger can send to the parsers of IPv6.
 * SPDX-License-Identifier: ISC
 *
 * The first byte says which parser.  What is accepted must be emitted and
 * parsed again as the same.
 */
#include "../../net/mld_wire.h"
#include "../../net/nd_wire.h"

#include <lwt.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static void fuzz_ipv6(const uint8_t *in, size_t len)
{
  struct net_ipv6_repr r;
  uint8_t out[NET_IPV6_LEN];

  if (net_ipv6_parse(&r, in, len) < 0)
    return;
  net_ipv6_emit(&r, out);
  check(!memcmp(in, out, sizeof out));
}

static void fuzz_fragment(const uint8_t *in, size_t len)
{
  struct net_fragment_repr r, again;
  struct net_icmpv6_repr c;
  uint8_t out[NET_FRAGMENT_LEN];

  if (net_fragment_parse(&r, in, len) < 0)
    return;
  net_fragment_emit(&r, out);
  net_fragment_parse(&again, out, sizeof out);
  check(r.id == again.id && r.offset == again.offset && r.mf == again.mf &&
        r.next == again.next);
  check(net_icmpv6_parse(&c, in, len) == NET_ICMPV6_LEN);
  net_icmpv6_emit(&c, out);
  check(out[0] == in[0] && out[1] == in[1] && !memcmp(out + 4, in + 4, 4));
}

/* The next header, then the headers. */
static void fuzz_ext(const uint8_t *in, size_t len)
{
  struct net_ext e;
  int n;

  if (!len)
    return;
  n = net_ext_parse(&e, in[0], 6, NET_IPV6_LEN, in[0] >> 7, in + 1, len - 1);
  check(n == LWT_EBADMSG || n == LWT_EPROTO || (n >= 0 && (size_t)n < len));
  if (n >= 0)
    check(!net_is_ext(e.next) && (!n || e.next == in[1 + e.next_at - NET_IPV6_LEN]));
  if (n == LWT_EPROTO)
    check(e.pointer == 6 || e.pointer - NET_IPV6_LEN < len - 1);
}

/* Source, destination, hop limit, then the message. */
static void fuzz_nd(const uint8_t *in, size_t len)
{
  static uint8_t out[NET_ND_LEN_MAX];
  static struct net_nd_repr r, again;
  size_t n;

  if (len < 33 || net_nd_parse(&r, in, in + 16, in[32], in + 33, len - 33))
    return;
  n = net_nd_emit(&r, out);
  check(n <= sizeof out);
  check(!net_nd_parse(&again, in, in + 16, in[32], out, n));
  check(!memcmp(&r, &again, sizeof r));
}

static void fuzz_mld(const uint8_t *in, size_t len)
{
  struct net_mld_query_repr q, again;
  struct net_mld_record_repr record;
  struct net_mld1_repr one;
  uint8_t out[NET_MLD2_QUERY_LEN];
  size_t n;

  if (net_mld_query_parse(&q, in, len) > 0) {
    check(!q.n_sources || q.sources + 16u * q.n_sources <= in + len);
    n = net_mld_query_emit(&q, out);
    check(net_mld_query_parse(&again, out, n) == (int)n && again.version == q.version &&
          !memcmp(q.group, again.group, 16));
  }
  if (net_mld_record_parse(&record, in, len) > 0) {
    check(NET_MLD2_RECORD_LEN + 16u * record.n_sources <= len);
    net_mld_record_emit(&record, out);
    check(!memcmp(out + 2, in + 2, 18));
  }
  if (net_mld1_parse(&one, in, len) > 0) {
    net_mld1_emit(&one, out);
    check(net_mld1_parse(&one, out, NET_MLD1_LEN) == NET_MLD1_LEN);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static void (*const parsers[])(const uint8_t *, size_t) = {
    fuzz_ipv6, fuzz_fragment, fuzz_ext, fuzz_nd, fuzz_mld
  };
  uint8_t *exact;

  if (!len)
    return 0;
  exact = malloc(len); /* so that the sanitizer sees the end */
  memcpy(exact, data + 1, len - 1);
  parsers[data[0] % (sizeof parsers / sizeof *parsers)](exact, len - 1);
  free(exact);
  return 0;
}
