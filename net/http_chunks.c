/* http_chunks.c - requests of HTTP/1.1: a body in chunks.
 * SPDX-License-Identifier: ISC
 *
 * RFC 9112, 7.1, byte by byte except for the data itself.  Extensions and
 * trailers are checked, counted against a limit, and ignored.
 */
#include "http_parse.h"

#include <string.h>

enum state {
  SIZE,        /* digits */
  EXTENSION,   /* after the size, to the CR */
  BLANK,       /* white space after the size: only ';' may follow */
  SIZE_LF,
  DATA,
  DATA_CR,
  DATA_LF,
  TRAILER,     /* at the begin of a line after the last chunk */
  NAME,        /* in a trailer field */
  VALUE,
  VALUE_LF,
  LAST_LF,
  END
};

static int refuse(struct net_http_chunks *c, int status, const char *why)
{
  c->why = why;
  return -status;
}

static int size_byte(struct net_http_chunks *c, char byte, uint64_t max)
{
  int digit = net_http_hex(byte);

  if (digit >= 0) {
    if (++c->digits > 16 || c->left > UINT64_MAX >> 4)
      return refuse(c, 400, "chunk size too long");
    c->left = c->left << 4 | (uint64_t)digit;
    return SIZE;
  }
  if (c->digits == 0)
    return refuse(c, 400, "malformed chunk size");
  if (c->left > max - c->total)
    return refuse(c, 413, "body too long");
  switch (byte) {
  case '\r':
    return SIZE_LF;
  case ';':
    return EXTENSION;
  case ' ':
  case '\t':
    return BLANK;
  default:
    return refuse(c, 400, "malformed chunk size");
  }
}

/* The state after byte, or a negative status. */
static int step(struct net_http_chunks *c, char byte, uint64_t max)
{
  switch ((enum state)c->state) {
  case SIZE:
    return size_byte(c, byte, max);
  case BLANK:
    if (byte == ' ' || byte == '\t')
      return BLANK;
    return byte == ';' ? EXTENSION : refuse(c, 400, "malformed chunk size");
  case EXTENSION:
    if (byte == '\r')
      return SIZE_LF;
    return net_http_is_value(&byte, 1)
      ? EXTENSION
      : refuse(c, 400, "malformed chunk extension");
  case SIZE_LF:
    if (byte != '\n')
      break;
    return c->left > 0 ? DATA : TRAILER;
  case DATA_CR:
    if (byte != '\r')
      break;
    return DATA_LF;
  case DATA_LF:
    if (byte != '\n')
      break;
    c->digits = 0;
    return SIZE;
  case TRAILER:
    if (byte == '\r')
      return LAST_LF;
    return net_http_is_token(&byte, 1) ? NAME
                                       : refuse(c, 400, "malformed trailer");
  case NAME:
    if (byte == ':')
      return VALUE;
    return net_http_is_token(&byte, 1) ? NAME
                                       : refuse(c, 400, "malformed trailer");
  case VALUE:
    if (byte == '\r')
      return VALUE_LF;
    return net_http_is_value(&byte, 1) ? VALUE
                                       : refuse(c, 400, "malformed trailer");
  case VALUE_LF:
    if (byte != '\n')
      break;
    return TRAILER;
  case LAST_LF:
    if (byte != '\n')
      break;
    return END;
  case DATA:
  case END:
    break;
  }
  return refuse(c, 400, "a line end that is not CRLF");
}

static int counts_as_overhead(int state)
{
  return state == EXTENSION || state == BLANK ||
    (state >= TRAILER && state <= VALUE_LF);
}

int net_http_parse_chunks(struct net_http_chunks *c, const char *bytes,
                          size_t len, uint64_t max, uint32_t max_overhead,
                          size_t *used, const char **data, size_t *data_len)
{
  size_t i = 0;

  *data = NULL;
  *data_len = 0;
  while (i < len && c->state != END) {
    int state;

    if (c->state == DATA) {
      size_t n = len - i < c->left ? len - i : (size_t)c->left;

      *data = bytes + i;
      *data_len = n;
      *used = i + n;
      c->total += n;
      c->left -= n;
      if (c->left == 0)
        c->state = DATA_CR;
      return 0;
    }
    state = step(c, bytes[i], max);
    if (state < 0)
      return state;
    if (counts_as_overhead(state) && c->overhead++ >= max_overhead)
      return refuse(c, 431, "trailers too long");
    c->state = state;
    i++;
  }
  *used = i;
  return c->state == END;
}
