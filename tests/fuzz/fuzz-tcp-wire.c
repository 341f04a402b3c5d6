/* fuzz-tcp-wire.c - any bytes as a TCP header.
 * SPDX-License-Identifier: ISC
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING \
 *     -I. -Ilwt -Inet tests/fuzz/fuzz-tcp-wire.c net/tcp_wire.c -o fuzz-tcp-wire
 *
 * What is understood, written again and read again, must be the same.
 */
#include "net/tcp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  uint8_t bytes[TCP_HEADER_MAX];
  struct tcp_repr r, back;
  uint32_t size = (uint32_t)len, n;
  int code;

  if (len > 65535)
    return 0;
  code = net_tcp_parse(&r, data, size, size + (size > 40));
  if (code) {
    check(code == LWT_EBADMSG || (code == LWT_EMSGSIZE && size > 40));
    return 0;
  }
  check(r.header >= TCP_HEADER && r.header <= size && r.scale <= TCP_SCALE_MAX);
  check(r.n_sacks <= TCP_SACKS && r.header + r.len == size + (size > 40));
  n = net_tcp_header_len(&r);
  check(n >= TCP_HEADER && n <= TCP_HEADER_MAX && n % 4 == 0);
  net_tcp_emit(&r, bytes);
  check(net_tcp_parse(&back, bytes, n, n) == 0);
  check(back.seq == r.seq && back.flags == r.flags && back.options == r.options);
  check(back.tsval == r.tsval && back.tsecr == r.tsecr && back.scale == r.scale);
  check(back.n_sacks <= r.n_sacks);
  check(!memcmp(back.sacks, r.sacks, back.n_sacks * sizeof *r.sacks));
  return 0;
}
