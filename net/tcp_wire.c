/* net/tcp_wire.c - TCP headers and options: bytes to struct tcp_repr and back.
 * SPDX-License-Identifier: ISC
 *
 * No state; RFC 9293 3.1 and 3.2, RFC 7323 (window scale, timestamps),
 * RFC 2018 (SACK), RFC 5482 (user timeout).
 */
#include "tcp.h"

/* Options that fill words as we and most others write them. */
enum { MSS_WORD = 0x02040000, SCALE_WORD = 0x01030300, SACK_OK_WORD = 0x01010402,
       SACK_OK_TS = 0x0402080a, SYN_OPTIONS = 20 };

enum { KIND_END, KIND_NOP, KIND_MSS, KIND_SCALE, KIND_SACK_OK, KIND_SACK, KIND_TS = 8,
       KIND_USER_TIMEOUT = 28 };

static void parse_sacks(struct tcp_repr *r, const uint8_t *p, uint32_t len)
{
  if (len % 8 || len > 8 * TCP_SACKS)
    return;
  for (r->n_sacks = 0; len; len -= 8, p += 8, r->n_sacks++) {
    r->sacks[r->n_sacks].start = net_get32(p);
    r->sacks[r->n_sacks].end = net_get32(p + 4);
  }
}

/* One option: its bytes after kind and length.  A known kind with a length
 * that is not its own is skipped like an unknown one. */
static void parse_option(struct tcp_repr *r, uint8_t kind, const uint8_t *p,
                         uint32_t len)
{
  switch (kind) {
  case KIND_MSS:
    if (len == 2 && r->flags & TCP_SYN) { /* MUST-65 */
      r->mss = net_get16(p);
      r->options |= TCP_OPT_MSS;
    }
    break;
  case KIND_SCALE:
    if (len == 1 && r->flags & TCP_SYN) {
      r->scale = p[0] < TCP_SCALE_MAX ? p[0] : TCP_SCALE_MAX;
      r->options |= TCP_OPT_SCALE;
    }
    break;
  case KIND_SACK_OK:
    if (len == 0 && r->flags & TCP_SYN)
      r->options |= TCP_OPT_SACK_OK;
    break;
  case KIND_SACK:
    parse_sacks(r, p, len);
    break;
  case KIND_TS:
    if (len == 8) {
      r->tsval = net_get32(p);
      r->tsecr = net_get32(p + 4);
      r->options |= TCP_OPT_TS;
    }
    break;
  case KIND_USER_TIMEOUT:
    if (len == 2) {
      r->uto = net_get16(p);
      r->options |= TCP_OPT_UTO;
    }
    break;
  }
}

static void parse_options(struct tcp_repr *r, const uint8_t *p, const uint8_t *end)
{
  uint8_t len;

  while (p < end) {
    if (*p == KIND_END)
      return;
    if (*p == KIND_NOP) {
      p++;
      continue;
    }
    if (end - p < 2)
      return;
    len = p[1];
    if (len < 2 || len > end - p)
      return;
    parse_option(r, p[0], p + 2, len - 2u);
    p += len;
  }
}

/* What nearly every SYN has: MSS, SACK, timestamps and a scale. */
static int parse_syn(struct tcp_repr *r, const uint8_t *p)
{
  uint32_t mss = net_get32(p), scale = net_get32(p + 16), shift = scale & 0xff;

  if (!(r->flags & TCP_SYN) || mss >> 16 != MSS_WORD >> 16 ||
      net_get32(p + 4) != SACK_OK_TS || scale >> 8 != SCALE_WORD >> 8)
    return 0;
  r->mss = (uint16_t)mss;
  r->tsval = net_get32(p + 8);
  r->tsecr = net_get32(p + 12);
  r->scale = (uint8_t)(shift < TCP_SCALE_MAX ? shift : TCP_SCALE_MAX);
  r->options = TCP_OPT_ALL;
  return 1;
}

int net_tcp_parse(struct tcp_repr *r, const uint8_t *bytes, uint32_t size,
                  uint32_t total)
{
  if (size < TCP_HEADER)
    return LWT_EBADMSG;
  r->header = (bytes[12] >> 4) * 4u;
  if (r->header < TCP_HEADER || r->header > total)
    return LWT_EBADMSG;
  if (r->header > size)
    return LWT_EMSGSIZE;
  r->src = net_get16(bytes);
  r->dst = net_get16(bytes + 2);
  r->seq = net_get32(bytes + 4);
  r->ack = net_get32(bytes + 8);
  r->flags = bytes[13];
  r->window = net_get16(bytes + 14);
  r->options = 0;
  r->n_sacks = 0;
  r->ce = 0;
  r->urgent = r->flags & TCP_URG ? net_get16(bytes + 18) : 0;
  r->mss = 0;
  r->scale = 0;
  r->tsval = r->tsecr = 0;
  r->len = r->part = total - r->header;
  r->last = r->seq;
  if (r->header == TCP_HEADER + TCP_HEADER_TS &&
      net_get32(bytes + TCP_HEADER) == TCP_TS_ALONE) {
    r->tsval = net_get32(bytes + TCP_HEADER + 4);
    r->tsecr = net_get32(bytes + TCP_HEADER + 8);
    r->options = TCP_OPT_TS;
  } else if (r->header != TCP_HEADER + SYN_OPTIONS || !parse_syn(r, bytes + TCP_HEADER)) {
    parse_options(r, bytes + TCP_HEADER, bytes + r->header);
  }
  return 0;
}

/* SACK blocks that fit beside the other options. */
static uint32_t sacks_that_fit(const struct tcp_repr *r, uint32_t used)
{
  uint32_t n = (TCP_HEADER_MAX - used - 4) / 8;

  return n < r->n_sacks ? n : r->n_sacks;
}

static uint32_t fixed_len(const struct tcp_repr *r)
{
  uint32_t len = TCP_HEADER;

  if (r->options & TCP_OPT_MSS)
    len += 4;
  if (r->options & TCP_OPT_SCALE)
    len += 4;
  if (r->options & TCP_OPT_TS)
    len += TCP_HEADER_TS;
  if ((r->options & (TCP_OPT_SACK_OK | TCP_OPT_TS)) == TCP_OPT_SACK_OK)
    len += 4; /* else it fills the word of the timestamps */
  if (r->options & TCP_OPT_UTO)
    len += 4;
  return len;
}

uint32_t net_tcp_header_len(const struct tcp_repr *r)
{
  uint32_t len = fixed_len(r);

  return r->n_sacks ? len + 4 + 8 * sacks_that_fit(r, len) : len;
}

static uint8_t *emit_sacks(const struct tcp_repr *r, uint8_t *p)
{
  uint32_t i, n = sacks_that_fit(r, fixed_len(r));

  *p++ = KIND_NOP;
  *p++ = KIND_NOP;
  *p++ = KIND_SACK;
  *p++ = (uint8_t)(2 + 8 * n);
  for (i = 0; i < n; i++, p += 8) {
    net_put32(p, r->sacks[i].start);
    net_put32(p + 4, r->sacks[i].end);
  }
  return p;
}

static uint8_t *emit_word(uint8_t *p, uint32_t word)
{
  net_put32(p, word);
  return p + 4;
}

/* Words, with NOPs in front where an option is shorter. */
static uint8_t *emit_options(const struct tcp_repr *r, uint8_t *p)
{
  uint8_t sack_ok = r->options & TCP_OPT_SACK_OK;

  if (r->options & TCP_OPT_MSS)
    p = emit_word(p, MSS_WORD | r->mss);
  if (r->options & TCP_OPT_TS) {
    p = emit_word(p, sack_ok ? SACK_OK_TS : TCP_TS_ALONE);
    p = emit_word(p, r->tsval);
    p = emit_word(p, r->tsecr);
  } else if (sack_ok) {
    p = emit_word(p, SACK_OK_WORD);
  }
  if (r->options & TCP_OPT_SCALE)
    p = emit_word(p, (uint32_t)SCALE_WORD | r->scale);
  if (r->options & TCP_OPT_UTO)
    p = emit_word(p, KIND_USER_TIMEOUT << 24 | 4 << 16 | r->uto);
  if (r->n_sacks)
    p = emit_sacks(r, p);
  return p;
}

void net_tcp_emit(const struct tcp_repr *r, uint8_t *bytes)
{
  uint8_t *end = emit_options(r, bytes + TCP_HEADER);

  net_put16(bytes, r->src);
  net_put16(bytes + 2, r->dst);
  net_put32(bytes + 4, r->seq);
  net_put32(bytes + 8, r->flags & TCP_ACK ? r->ack : 0);
  bytes[12] = (uint8_t)((end - bytes) / 4 << 4);
  bytes[13] = r->flags;
  net_put16(bytes + 14, r->window);
  net_put32(bytes + 16, r->flags & TCP_URG ? r->urgent : 0); /* checksum: 0 */
}
