/* t-tcp-wire.c - TCP headers and options, and what is done with odd ones.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <string.h>
#include "../net/tcp.h"

static uint64_t state = 1;

static uint32_t rng(void)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}

/* A header with the given options behind it; flags SYN unless said. */
static int parse(struct tcp_repr *r, const char *options, uint32_t len, uint8_t flags)
{
  uint8_t bytes[64] = { 0x1f, 0x90, 0x00, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0, flags, 0x10,
                        0x01 };

  memcpy(bytes + 20, options, len);
  bytes[12] = (uint8_t)((20 + len) / 4 << 4);
  return net_tcp_parse(r, bytes, 20 + len, 20 + len);
}
#define PARSE(r, text) parse((r), (text), sizeof(text) - 1, TCP_SYN)

static void header(void)
{
  uint8_t bytes[100] = { 0x1f, 0x90, 0x00, 0x50, 1,    2, 3, 4, 5, 6,
                         7,    8,    0x50, 0xff, 0x10, 1 };
  struct tcp_repr r;

  is_int(net_tcp_parse(&r, bytes, 100, 100), 0, "a header");
  ok(r.src == 8080 && r.dst == 80 && r.seq == 0x01020304 && r.ack == 0x05060708,
     "ports and numbers");
  ok(r.window == 0x1001 && r.flags == 0xff && r.header == 20 && r.len == 80,
     "window, flags, lengths");
  is_int(net_tcp_parse(&r, bytes, 19, 19), LWT_EBADMSG, "too short");
  bytes[12] = 0x40;
  is_int(net_tcp_parse(&r, bytes, 100, 100), LWT_EBADMSG, "data offset 4");
  bytes[12] = 0xf0;
  is_int(net_tcp_parse(&r, bytes, 59, 59), LWT_EBADMSG, "offset beyond the segment");
  is_int(net_tcp_parse(&r, bytes, 59, 100), LWT_EMSGSIZE, "offset beyond the slice");
  is_int(net_tcp_parse(&r, bytes, 60, 100), 0, "all of it there");
}

static void options(void)
{
  struct tcp_repr r;

  is_int(PARSE(&r, "\2\4\5\264"), 0, "MUST-4: MSS");
  ok(r.options == TCP_OPT_MSS && r.mss == 1460, "1460");
  PARSE(&r, "\1\1\1\1\2\4\5\264");
  is_int(r.options, TCP_OPT_MSS, "MUST-4: NOP");
  PARSE(&r, "\0\0\0\0\2\4\5\264");
  is_int(r.options, 0, "MUST-4: nothing is read after the end of options");
  PARSE(&r, "\376\4\1\2\2\4\5\264");
  is_int(r.options, TCP_OPT_MSS, "MUST-6: unknown options are skipped");
  PARSE(&r, "\1\3\3\7\2\4\5\264");
  ok(r.options == (TCP_OPT_MSS | TCP_OPT_SCALE) && r.scale == 7,
     "MUST-64: options need not be aligned");
  PARSE(&r, "\1\3\3\377");
  is_int(r.scale, 14, "RFC 7323 2.3: a scale above 14 is 14");
  parse(&r, "\2\4\5\264\3\3\7\4\2\1\1\1", 12, TCP_ACK);
  is_int(r.options, 0, "MUST-65: these only count in a SYN");
  parse(&r, "\1\1\10\12\0\0\0\1\0\0\0\2", 12, TCP_ACK);
  ok(r.options == TCP_OPT_TS && r.tsval == 1 && r.tsecr == 2,
     "MUST-5: options in any segment: timestamps");
  parse(&r, "\10\12\0\0\0\1\0\0\0\2\1\1", 12, TCP_ACK);
  ok(r.options == TCP_OPT_TS && r.tsval == 1, "timestamps elsewhere");
  parse(&r, "\1\1\5\22\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 20, TCP_ACK);
  ok(r.n_sacks == 2 && r.sacks[0].start == 1 && r.sacks[1].end == 4, "SACK blocks");
}

static void illegal(void)
{
  struct tcp_repr r;

  is_int(PARSE(&r, "\2\0\5\264"), 0, "MUST-7: a length of 0 survives");
  is_int(r.options, 0, "and nothing is read");
  is_int(PARSE(&r, "\3\3\7\1\2\1\5\264"), 0, "MUST-7: a length of 1");
  is_int(r.options, TCP_OPT_SCALE, "what came before counts");
  is_int(PARSE(&r, "\2\5\5\264"), 0, "MUST-7: beyond the header");
  is_int(r.options, 0, "nothing");
  is_int(PARSE(&r, "\1\1\1\2"), 0, "MUST-7: the length is missing");
  PARSE(&r, "\2\3\5\1");
  is_int(r.options, 0, "MUST-68: MSS with another length is no MSS");
  PARSE(&r, "\10\11\0\0\0\1\0\0\0\2\1\1");
  is_int(r.options, 0, "timestamps with another length");
  PARSE(&r, "\5\7\0\0\0\1\0\0");
  is_int(r.n_sacks, 0, "SACK with another length");
}

static void random_repr(struct tcp_repr *r)
{
  uint32_t i;

  *r = (struct tcp_repr){ .src = (uint16_t)rng(), .dst = (uint16_t)rng(), .seq = rng(),
                          .ack = rng(), .window = (uint16_t)rng(),
                          .flags = (uint8_t)(rng() & 0x3f),
                          .options = (uint8_t)(rng() & TCP_OPT_ALL) };
  if (!(r->flags & TCP_SYN))
    r->options &= TCP_OPT_TS;
  if (!(r->flags & TCP_ACK))
    r->ack = 0;
  if (r->options & TCP_OPT_MSS)
    r->mss = (uint16_t)rng();
  if (r->options & TCP_OPT_SCALE)
    r->scale = (uint8_t)(rng() % 15);
  if (r->options & TCP_OPT_TS) {
    r->tsval = rng();
    r->tsecr = rng();
  }
  r->n_sacks = (uint8_t)(rng() % 5);
  for (i = 0; i < r->n_sacks; i++)
    r->sacks[i] = (struct tcp_range){ rng(), rng() };
}

static void round_trip(void)
{
  struct tcp_repr r, back;
  uint8_t bytes[64];
  uint32_t i, len, wrong = 0, cut = 0, unaligned = 0, dirty = 0;

  for (i = 0; i < 100000; i++) {
    random_repr(&r);
    memset(bytes, 0xaa, sizeof bytes);
    len = net_tcp_header_len(&r);
    net_tcp_emit(&r, bytes);
    unaligned += len % 4 || len > 60;
    dirty += bytes[len] != 0xaa || bytes[16] || bytes[17];
    if (net_tcp_parse(&back, bytes, len, len)) {
      wrong++;
      continue;
    }
    cut += back.n_sacks < r.n_sacks;
    r.n_sacks = back.n_sacks;
    wrong += back.src != r.src || back.dst != r.dst || back.seq != r.seq ||
             back.ack != r.ack || back.window != r.window || back.flags != r.flags ||
             back.options != r.options || back.mss != r.mss || back.scale != r.scale ||
             back.tsval != r.tsval || back.tsecr != r.tsecr || back.header != len ||
             memcmp(back.sacks, r.sacks, r.n_sacks * sizeof *r.sacks);
  }
  is_int(wrong, 0, "what is written is what is read");
  is_int(unaligned, 0, "MUST-69: headers are a multiple of 4, at most 60");
  is_int(dirty, 0, "nothing is written beyond, the checksum is 0");
  ok(cut > 0, "SACK blocks that do not fit are left out");
}

static void garbage(void)
{
  struct tcp_repr r;
  uint8_t *bytes;
  uint32_t i, j, len, wrong = 0;

  for (i = 0; i < 200000; i++) {
    len = rng() % 64;
    bytes = lwt__alloc(len + 1); /* for the sanitizer */
    for (j = 0; j < len; j++)
      bytes[j] = (uint8_t)rng();
    if (!net_tcp_parse(&r, bytes, len, len))
      wrong += r.header > len || r.len != len - r.header || r.n_sacks > TCP_SACKS ||
               r.scale > 14;
    lwt__free(bytes);
  }
  is_int(wrong, 0, "garbage is refused or makes sense");
}

int main(void)
{
  header();
  options();
  illegal();
  round_trip();
  garbage();
  return lwt_test_done();
}
