/* lwt/addr.c - IP addresses as text, and the datagram of the stack contract.
 * SPDX-License-Identifier: ISC
 *
 * IPv6 is written as RFC 5952 says: lower case, the longest run of zero groups
 * (the first of equals, at least two) as "::", mapped IPv4 in dotted form.
 */
#include "internal.h"

#include <lwt/stack.h>
#include <string.h>

/* A decimal number up to max, without superfluous zeros. */
static int number(const char **text, uint32_t max, uint32_t *value)
{
  const char *p = *text;
  uint32_t v = 0;

  if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
    return LWT_EINVAL;
  for (; *p >= '0' && *p <= '9'; p++) {
    uint32_t digit = (uint32_t)(*p - '0');

    if (v > (max - digit) / 10)
      return LWT_EINVAL;
    v = v * 10 + digit;
  }
  *text = p;
  *value = v;
  return 0;
}

/* Four numbers with dots between. */
static int quad(const char **text, uint8_t ip[4])
{
  const char *p = *text;
  uint32_t v;
  int i;

  for (i = 0; i < 4; i++) {
    if (i && *p++ != '.')
      return LWT_EINVAL;
    if (number(&p, 255, &v))
      return LWT_EINVAL;
    ip[i] = (uint8_t)v;
  }
  *text = p;
  return 0;
}

/* One to four hexadecimal digits. */
static int group(const char **text, uint8_t out[2])
{
  const char *p = *text;
  unsigned v = 0;

  for (; p - *text < 5; p++) {
    if (*p >= '0' && *p <= '9')
      v = v << 4 | (unsigned)(*p - '0');
    else if (*p >= 'a' && *p <= 'f')
      v = v << 4 | (unsigned)(*p - 'a' + 10);
    else if (*p >= 'A' && *p <= 'F')
      v = v << 4 | (unsigned)(*p - 'A' + 10);
    else
      break;
  }
  if (p == *text || p - *text > 4)
    return LWT_EINVAL;
  *text = p;
  out[0] = (uint8_t)(v >> 8);
  out[1] = (uint8_t)v;
  return 0;
}

/* Groups up to the end of the address; *gap is where "::" stands, else -1.
 * Returns the number of bytes, or LWT_EINVAL. */
static int groups(const char **text, uint8_t ip[16], int *gap)
{
  const char *p = *text, *at;
  int n = 0;

  *gap = -1;
  if (p[0] == ':' && p[1] == ':') {
    *gap = 0;
    p += 2;
  }
  while (n < 16 && *p && *p != '%' && (at = p)) {
    if (group(&p, ip + n))
      return LWT_EINVAL;
    if (*p == '.') { /* it was the first number of an IPv4 address */
      p = at;
      if (n > 12 || quad(&p, ip + n))
        return LWT_EINVAL;
      n += 4;
      break;
    }
    n += 2;
    if (*p != ':')
      break;
    if (p[1] == ':') {
      if (*gap >= 0)
        return LWT_EINVAL;
      *gap = n;
      p++;
    } else if (!p[1] || p[1] == '%') {
      return LWT_EINVAL;
    }
    p++;
  }
  *text = p;
  return n;
}

static int parse6(struct lwt_addr *addr, const char *text)
{
  uint8_t ip[16];
  int gap, n = groups(&text, ip, &gap);

  if (n < 0 || (gap < 0) != (n == 16))
    return LWT_EINVAL;
  if (*text == '%') {
    text++;
    if (number(&text, UINT32_MAX, &addr->scope))
      return LWT_EINVAL;
  }
  if (*text)
    return LWT_EINVAL;
  if (gap < 0)
    gap = 16;
  memcpy(addr->ip, ip, (size_t)gap);
  memcpy(addr->ip + 16 - (n - gap), ip + gap, (size_t)(n - gap));
  addr->family = 6;
  return 0;
}

int lwt_addr_parse(struct lwt_addr *addr, const char *text)
{
  struct lwt_addr parsed = { 0 };
  const char *p = text;

  if (strchr(text, ':')) {
    if (parse6(&parsed, text))
      return LWT_EINVAL;
  } else {
    if (quad(&p, parsed.ip) || *p)
      return LWT_EINVAL;
    parsed.family = 4;
  }
  *addr = parsed;
  return 0;
}

static char *put_quad(char *out, const uint8_t *ip)
{
  return out + sprintf(out, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
}

static char *put6(char *out, const uint8_t *ip)
{
  static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
  int i, n, gap = 8, longest = 1;

  if (!memcmp(ip, mapped, sizeof mapped))
    return put_quad(out + sprintf(out, "::ffff:"), ip + 12);
  for (i = 0; i < 8; i += n + 1) {
    for (n = 0; i + n < 8 && !ip[2 * (i + n)] && !ip[2 * (i + n) + 1]; n++)
      ;
    if (n > longest) {
      longest = n;
      gap = i;
    }
  }
  for (i = 0; i < 8; i++) {
    if (i == gap) {
      out += sprintf(out, "::");
      i += longest - 1;
    } else {
      out += sprintf(out, "%s%x", i && i != gap + longest ? ":" : "",
                     ip[2 * i] << 8 | ip[2 * i + 1]);
    }
  }
  return out;
}

char *lwt_addr_format(const struct lwt_addr *addr, char *text, size_t size)
{
  char buffer[LWT_ADDR_TEXT], *out = buffer;

  if (addr->family == 4) {
    out = put_quad(out, addr->ip);
  } else if (addr->family == 6) {
    if (addr->port)
      *out++ = '[';
    out = put6(out, addr->ip);
    if (addr->scope)
      out += sprintf(out, "%%%u", (unsigned)addr->scope);
    if (addr->port)
      *out++ = ']';
  } else {
    out += sprintf(out, "-");
  }
  if (addr->port)
    sprintf(out, ":%u", addr->port);
  if (size) {
    strncpy(text, buffer, size - 1);
    text[size - 1] = '\0';
  }
  return text;
}

int lwt_addr_equal(const struct lwt_addr *a, const struct lwt_addr *b)
{
  size_t len = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;

  return a->family == b->family && a->port == b->port && !memcmp(a->ip, b->ip, len);
}

void *lwt__datagram_new(size_t size)
{
  assert(size <= LWT__DATAGRAM);
  (void)size;
  return lwt__raw_alloc(LWT__DATAGRAM);
}

void lwt_datagram_free(void *datagram)
{
  struct lwt_datagram *d = datagram;

  if (!d)
    return;
  lwt_buf_free(d->packet);
  lwt__raw_free(d, LWT__DATAGRAM);
}
