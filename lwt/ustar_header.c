/* ustar_header.c - parses a header of an archive (POSIX.1, pax, ustar format).
 * SPDX-License-Identifier: ISC
 *
 * GNU's older format is the same but for the prefix, in whose place it has other things,
 * and for its extended headers.
 */
#include "ustar_header.h"

#include <string.h>

/* Where the fields are, and how long. */
#define NAME 0, 100
#define SIZE 124, 12
#define MTIME 136, 12
#define SUM_AT 148
#define SUM_LEN 8
#define TYPE 156
#define MAGIC 257
#define PREFIX 345, 155

/* Octal digits after blanks, ended by a blank, a NUL or the field's end.  Returns 0,
 * LWT_EBADMSG, or LWT_ENOTSUP: a number in GNU's format. */
static int parse_octal(const uint8_t *block, size_t at, size_t len, uint64_t *number)
{
  const uint8_t *p = block + at, *end = p + len;
  uint64_t n = 0;
  int digits = 0;

  if (*p & 0x80)
    return LWT_ENOTSUP;
  while (p < end && *p == ' ')
    p++;
  for (; p < end && *p >= '0' && *p <= '7'; p++, digits++)
    n = n << 3 | (uint64_t)(*p - '0'); /* at most 36 bits */
  if (!digits || (p < end && *p && *p != ' '))
    return LWT_EBADMSG;
  *number = n;
  return 0;
}

static int sum_is_right(const uint8_t *block)
{
  uint64_t want;
  unsigned sum = 0;
  size_t i;

  for (i = 0; i < USTAR_BLOCK; i++)
    sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];
  return parse_octal(block, SUM_AT, SUM_LEN, &want) == 0 && want == sum;
}

static int is_zero(const uint8_t *block)
{
  size_t i;

  for (i = 0; i < USTAR_BLOCK; i++)
    if (block[i])
      return 0;
  return 1;
}

static size_t copy_field(char *to, const uint8_t *block, size_t at, size_t len)
{
  const uint8_t *end = memchr(block + at, 0, len);

  if (end)
    len = (size_t)(end - (block + at));
  memcpy(to, block + at, len);
  to[len] = '\0';
  return len;
}

int lwt__ustar_path(const char *path)
{
  size_t len;

  for (;; path += len + 1) {
    len = strcspn(path, "/");
    if (!len || (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'))))
      return 0;
    if (!path[len])
      return 1;
  }
}

/* Returns 0 or LWT_EBADMSG.  The root itself, "./", becomes "". */
static int parse_name(const uint8_t *block, int has_prefix, struct ustar_header *h)
{
  size_t len = has_prefix ? copy_field(h->name, block, PREFIX) : 0, skip = 0;

  if (len)
    h->name[len++] = '/';
  len += copy_field(h->name + len, block, NAME);
  while (h->name[skip] == '.' && h->name[skip + 1] == '/')
    skip += 2;
  memmove(h->name, h->name + skip, len - skip + 1);
  len -= skip;
  if (h->is_directory && len && h->name[len - 1] == '/')
    h->name[--len] = '\0';
  if (h->is_directory && (!len || !strcmp(h->name, ".")))
    h->name[0] = '\0';
  else if (!lwt__ustar_path(h->name))
    return LWT_EBADMSG;
  return 0;
}

/* Returns 0 or an error. */
static int parse_type(char type, struct ustar_header *h)
{
  switch (type) {
  case '0':
  case '7':
  case '\0':
    h->is_file = 1;
    return 0;
  case '5': h->is_directory = 1; break;
  case '1':
    if (h->size) /* pax */
      return LWT_ENOTSUP;
    break;
  case '2':
  case '3':
  case '4':
  case '6': break;
  default: return LWT_ENOTSUP;
  }
  h->size = 0; /* means something else, and nothing follows */
  return 0;
}

int lwt__ustar_parse(const uint8_t block[USTAR_BLOCK], struct ustar_header *h)
{
  uint64_t mtime;
  int error, gnu;

  memset(h, 0, sizeof *h);
  if (is_zero(block))
    return 0;
  if (!sum_is_right(block))
    return LWT_EBADMSG;
  gnu = !memcmp(block + MAGIC, "ustar  ", 8);
  if (!gnu && memcmp(block + MAGIC, "ustar\00000", 8))
    return LWT_ENOTSUP;
  error = parse_octal(block, SIZE, &h->size);
  if (!error)
    error = parse_octal(block, MTIME, &mtime);
  if (!error)
    error = parse_type((char)block[TYPE], h);
  if (!error)
    error = parse_name(block, !gnu, h);
  if (error)
    return error;
  h->mtime = (int64_t)mtime;
  return 1;
}
