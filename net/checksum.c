/* net/checksum.c - the Internet checksum.
 * SPDX-License-Identifier: ISC
 *
 * Ones' complement addition does not care about the byte order: words are
 * added as the machine loads them, 32 bits at a time into 64-bit lanes that
 * cannot overflow, and the folded result is swapped once at the end.  A slice
 * that begins at an odd offset contributes its sum with the bytes swapped.
 */
#include "checksum.h"

#include "net.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(32)));

static inline uint64_t fold64(uint64_t sum)
{
  sum = (sum & 0xffffffffu) + (sum >> 32);
  return (sum & 0xffffffffu) + (sum >> 32);
}

static inline uint16_t fold_and_swap(uint64_t sum)
{
  return net_sum_of((sum & 0xffffffffu) + (sum >> 32));
}

static inline uint64_t load64(const uint8_t *p)
{
  uint64_t w;

  memcpy(&w, p, 8);
  return w;
}

/* Without losing the carry. */
static inline uint64_t add64(uint64_t sum, uint64_t w)
{
  sum += w;
  return sum + (sum < w);
}

/* Up to 31 bytes, one word after the other. */
static inline uint64_t sum_few(const uint8_t *p, size_t len)
{
  uint64_t sum = 0;
  uint32_t w;
  uint16_t h;

  for (; len >= 8; len -= 8, p += 8)
    sum = add64(sum, load64(p));
  if (len & 4) {
    memcpy(&w, p, 4);
    sum = add64(sum, w);
    p += 4;
  }
  if (len & 2) {
    memcpy(&h, p, 2);
    sum = add64(sum, h);
    p += 2;
  }
  if (len & 1) {
    uint8_t last[2] = { *p, 0 };

    memcpy(&h, last, 2);
    sum = add64(sum, h);
  }
  return sum;
}

/* On x86, 32 bytes at a time where the processor and the system have AVX2, which
 * is asked once.  A segment is summed twice on its way, which was more than a third
 * of the instructions of a stream without this; below WIDE bytes it is not worth
 * the sums of the lanes. */
#if defined(__x86_64__)
#define WIDE 96

/* Asked by hand: libgcc's table of all processors is 5 KB of an image for Xen. */
static int look_for_avx2(void)
{
  enum { OSXSAVE = 1 << 27, AVX_STATE = 6, AVX2 = 1 << 5 };
  unsigned a, b, c, d;

  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE))
    return 0;
  __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return (a & AVX_STATE) == AVX_STATE && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
         (b & AVX2);
}

static int has_avx2(void)
{
  static uint8_t known; /* 1: no, 2: yes; the same in every thread */
  uint8_t k = __atomic_load_n(&known, __ATOMIC_RELAXED);

  if (!k) {
    k = look_for_avx2() ? 2 : 1;
    __atomic_store_n(&known, k, __ATOMIC_RELAXED);
  }
  return k == 2;
}

/* Words are multiplied by one and added in pairs, which is one instruction, but takes
 * them for signed: 2^15 less than they are once a bit is turned. */
typedef int16_t words __attribute__((vector_size(32)));
typedef int32_t pairs __attribute__((vector_size(32)));

enum { AT_ONCE = 1 << 16 }; /* all sums of pairs fit 31 bits */

#define ALL16(x) { x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x }
#define ADD_PAIRS(sum, p, offset)                                          \
  do {                                                                     \
    words v_;                                                              \
    memcpy(&v_, (p) + (offset), sizeof v_);                                \
    (sum) += (pairs)__builtin_ia32_pmaddwd256(v_ ^ signs, ones);           \
  } while (0)

/* len bytes, a multiple of 4, at least 32 and at most AT_ONCE. */
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t len)
{
  static const int32_t masks[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
  words ones = ALL16(1), signs = ALL16(INT16_MIN);
  pairs a = { 0 }, b = { 0 }, mask, last;
  size_t n = (len + 31) / 32 * (16u << 15);

  __asm__("" : "+x"(ones), "+x"(signs)); /* made once */
  for (; len >= 128; len -= 128, p += 128) {
    ADD_PAIRS(a, p, 0);
    ADD_PAIRS(b, p, 32);
    ADD_PAIRS(a, p, 64);
    ADD_PAIRS(b, p, 96);
  }
  for (; len >= 32; len -= 32, p += 32)
    ADD_PAIRS(a, p, 0);
  if (len) {
    memcpy(&mask, masks + 8 - len / 4, sizeof mask);
    last = (pairs)__builtin_ia32_maskloadd256((const void *)p, mask);
    b += (pairs)__builtin_ia32_pmaddwd256((words)last ^ signs, ones);
  }
  a += b;
  return n + (uint64_t)(int64_t)(a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7]);
}
#else
#define WIDE SIZE_MAX
#define AT_ONCE WIDE
#define has_avx2() 0
#define sum_avx2(p, len) 0
#endif

#if defined(__x86_64__)
/* A carry is added with the next word: two instructions for eight bytes, which no
 * compiler makes of C. */
static inline uint64_t sum_words(const uint8_t *p, size_t len)
{
  unsigned long long sum = 0;
  unsigned char carry;

  for (; len >= 32; len -= 32, p += 32) {
    carry = __builtin_ia32_addcarryx_u64(0, sum, load64(p), &sum);
    carry = __builtin_ia32_addcarryx_u64(carry, sum, load64(p + 8), &sum);
    carry = __builtin_ia32_addcarryx_u64(carry, sum, load64(p + 16), &sum);
    carry = __builtin_ia32_addcarryx_u64(carry, sum, load64(p + 24), &sum);
    sum += carry;
  }
  return add64(sum, sum_few(p, len));
}
#else
/* Four sums that do not wait for one another; carries are only counted. */
static inline uint64_t sum_words(const uint8_t *p, size_t len)
{
  uint64_t a = 0, b = 0, c = 0, d = 0, carries = 0;

  for (; len >= 32; len -= 32, p += 32) {
    carries += __builtin_add_overflow(a, load64(p), &a);
    carries += __builtin_add_overflow(b, load64(p + 8), &b);
    carries += __builtin_add_overflow(c, load64(p + 16), &c);
    carries += __builtin_add_overflow(d, load64(p + 24), &d);
  }
  a = add64(add64(a, b), add64(c, d));
  return add64(add64(a, carries), sum_few(p, len));
}
#endif

uint16_t net_sum(const void *bytes, size_t len)
{
  const uint8_t *p = bytes;
  uint64_t sum = 0;
  size_t part;

  if (len < 32)
    return fold_and_swap(sum_few(p, len));
  while (len >= WIDE && has_avx2()) {
    part = len < AT_ONCE ? len & ~(size_t)3 : AT_ONCE;
    sum += sum_avx2(p, part);
    p += part;
    len -= part;
  }
  return fold_and_swap(add64(sum, len ? sum_words(p, len) : 0));
}

uint16_t net_sum_copy(void *to, const void *bytes, size_t len)
{
  const uint8_t *p = bytes;
  uint8_t *out = to;
  uint64_t sum = 0;

  if (len >= 64) {
    lanes a = { 0 }, b = { 0 }, v;

    for (; len >= 32; len -= 32, p += 32, out += 32) {
      memcpy(&v, p, sizeof v);
      memcpy(out, &v, sizeof v);
      a += v & 0xffffffffu;
      b += v >> 32;
    }
    a += b;
    sum = fold64(a[0]) + fold64(a[1]) + fold64(a[2]) + fold64(a[3]);
  }
  if (len)
    memcpy(out, p, len);
  return fold_and_swap(add64(sum, sum_few(p, len)));
}

uint16_t net_sum_chain(const struct lwt_buf *packet, uint32_t offset, uint32_t len)
{
  uint32_t sum = 0, part, done = 0;
  uint16_t s;

  for (; offset >= packet->len && packet->next; packet = packet->next)
    offset -= packet->len;
  for (; len; packet = packet->next) {
    part = packet->len - offset;
    if (part > len)
      part = len;
    s = net_sum(packet->data + offset, part);
    sum += done & 1 ? __builtin_bswap16(s) : s;
    sum = net_sum_fold(sum);
    done += part;
    len -= part;
    offset = 0;
  }
  return (uint16_t)sum;
}

uint32_t net_sum_pseudo(const struct lwt_addr *src, const struct lwt_addr *dst,
                        uint8_t proto, uint32_t len)
{
  uint32_t sum = proto + (len >> 16) + (len & 0xffff);
  int i, n = src->family == 6 ? 16 : 4;

  for (i = 0; i < n; i += 2)
    sum += (uint32_t)net_get16(src->ip + i) + net_get16(dst->ip + i);
  return sum;
}

struct lwt_buf *net_csum_complete(struct lwt_buf *packet)
{
  uint32_t start = packet->csum_start, at = start + packet->csum_offset;
  struct lwt_buf *front;
  uint16_t sum;

  if (start >= packet->total || at + 2 > packet->total || at + 2 > 2048)
    goto fail;
  /* The field is part of the sum: it holds that of the pseudo header. */
  sum = (uint16_t)~net_sum_chain(packet, start, packet->total - start);
  if (packet->len < at + 2 || !lwt_buf_writable(packet)) {
    /* A header that somebody else sees as well, or no header at all. */
    uint32_t n = at + 2;

    front = lwt_buf_new(LWT_BUF_HEADROOM, n);
    if (!front)
      goto fail;
    lwt_buf_copy_out(packet, 0, front->data, n);
    front->next_packet = packet->next_packet;
    front->csum_start = packet->csum_start;
    front->csum_offset = packet->csum_offset;
    front->gso_size = packet->gso_size;
    front->gso_type = packet->gso_type;
    front->flags = packet->flags;
    packet->next_packet = NULL;
    lwt_buf_append(front, lwt_buf_pull(packet, n));
    packet = front;
  }
  net_put16(packet->data + at, sum ? sum : 0xffff);
  packet->flags &= (uint8_t)~LWT_BUF_CSUM_PARTIAL;
  return packet;
fail:
  lwt_buf_free(packet);
  return NULL;
}
