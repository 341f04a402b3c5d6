/* net/dns_name.c - domain names: compressed, in text, compared.
 * SPDX-License-Identifier: ISC
 */
#include "dns_wire.h"

#include <stdio.h>
#include <string.h>

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

int net_dns_name_parse(struct net_dns_name *name, const uint8_t *msg, size_t len,
                       size_t at)
{
  size_t from = at, segment = at, out = 0, end = 0, n;

  for (;;) {
    if (at >= len)
      return LWT_EBADMSG;
    n = msg[at];
    if (n >= 0xc0) {
      if (at + 2 > len)
        return LWT_EBADMSG;
      if (!end)
        end = at + 2;
      at = (n & 0x3f) << 8 | msg[at + 1];
      if (at >= segment || at < NET_DNS_HEADER_LEN)
        return LWT_EBADMSG;
      segment = at;
      continue;
    }
    if (n > NET_DNS_LABEL_MAX || at + 1 + n > len || out + 1 + n > NET_DNS_NAME_MAX)
      return LWT_EBADMSG;
    memcpy(name->bytes + out, msg + at, n + 1);
    out += n + 1;
    at += n + 1;
    if (!n)
      break;
  }
  name->len = (uint8_t)out;
  return (int)((end ? end : at) - from);
}

static int digit(char c)
{
  return c >= '0' && c <= '9';
}

/* The byte behind a backslash; -1: none. */
static int escaped(const char **text)
{
  const char *p = *text;
  int v;

  if (!digit(*p)) {
    *text += *p != '\0';
    return *p ? (uint8_t)*p : -1;
  }
  if (!digit(p[1]) || !digit(p[2]))
    return -1;
  v = (p[0] - '0') * 100 + (p[1] - '0') * 10 + p[2] - '0';
  *text += 3;
  return v > 255 ? -1 : v;
}

int net_dns_name_from(struct net_dns_name *name, const char *text)
{
  size_t len = 1, label = 0; /* label: where its length stands */
  int c;

  if (!strcmp(text, "."))
    text++;
  else if (!*text)
    return LWT_EINVAL;
  while (*text) {
    c = (uint8_t)*text++;
    if (c == '.') {
      if (len == label + 1)
        return LWT_EINVAL;
      name->bytes[label] = (uint8_t)(len - label - 1);
      label = len++;
    } else {
      if (c == '\\' && (c = escaped(&text)) < 0)
        return LWT_EINVAL;
      if (len - label > NET_DNS_LABEL_MAX || len >= NET_DNS_NAME_MAX)
        return LWT_EINVAL;
      name->bytes[len++] = (uint8_t)c;
    }
    if (len > NET_DNS_NAME_MAX)
      return LWT_EINVAL;
  }
  if (len > label + 1) { /* no dot at the end */
    if (len >= NET_DNS_NAME_MAX)
      return LWT_EINVAL;
    name->bytes[label] = (uint8_t)(len - label - 1);
    label = len++;
  }
  name->bytes[label] = 0;
  name->len = (uint8_t)len;
  return 0;
}

char *net_dns_name_text(const struct net_dns_name *name, char *out, size_t size)
{
  char text[NET_DNS_TEXT], *p = text;
  size_t at, end, room;
  uint8_t c;

  for (at = 0; name->bytes[at]; at = end) {
    end = at + name->bytes[at] + 1u;
    if (at)
      *p++ = '.';
    while (++at < end) {
      c = name->bytes[at];
      if (c == '.' || c == '\\') {
        *p++ = '\\';
        *p++ = (char)c;
      } else if (c > 32 && c < 127) {
        *p++ = (char)c;
      } else {
        p += sprintf(p, "\\%03u", c);
      }
    }
  }
  if (p == text)
    *p++ = '.';
  *p++ = '\0';
  if (size) {
    room = (size_t)(p - text) < size ? (size_t)(p - text) : size;
    memcpy(out, text, room);
    out[room - 1] = '\0';
  }
  return out;
}

/* Lengths are at most 63 and no letters, so that whole names can be folded. */
static int equal(const uint8_t *a, const uint8_t *b, size_t len)
{
  size_t i;

  for (i = 0; i < len; i++)
    if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
      return 0;
  return 1;
}

int net_dns_name_equal(const struct net_dns_name *a, const struct net_dns_name *b)
{
  return a->len == b->len && equal(a->bytes, b->bytes, a->len);
}

int net_dns_name_same(const struct net_dns_name *a, const struct net_dns_name *b)
{
  return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

int net_dns_name_below(const struct net_dns_name *name, const struct net_dns_name *top)
{
  size_t at = 0;

  while (name->len - at > top->len)
    at += name->bytes[at] + 1u;
  return name->len - at == top->len && equal(name->bytes + at, top->bytes, top->len);
}

void net_dns_name_fold(struct net_dns_name *name)
{
  size_t i;

  for (i = 0; i < name->len; i++)
    name->bytes[i] = lower(name->bytes[i]);
}

uint32_t net_dns_name_hash(const struct net_dns_name *name)
{
  uint32_t h = 2166136261u;
  size_t i;

  for (i = 0; i < name->len; i++)
    h = (h ^ lower(name->bytes[i])) * 16777619u;
  return h;
}

int net_dns_name_append(struct net_dns_name *name, const struct net_dns_name *tail)
{
  if (name->len - 1u + tail->len > NET_DNS_NAME_MAX)
    return LWT_EINVAL;
  memcpy(name->bytes + name->len - 1, tail->bytes, tail->len);
  name->len = (uint8_t)(name->len - 1 + tail->len);
  return 0;
}

unsigned net_dns_name_labels(const struct net_dns_name *name)
{
  unsigned at, n = 0;

  for (at = 0; name->bytes[at]; at += name->bytes[at] + 1u)
    n++;
  return n;
}
