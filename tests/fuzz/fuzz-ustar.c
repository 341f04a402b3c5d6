/* fuzz-ustar.c - an archive on a disk, of whatever bytes.
 * SPDX-License-Identifier: ISC
 *
 * The first byte is the disk's sector size.  Checksums are made right where the second
 * byte says so, so that more gets through.  Files that are found must have names that
 * stay below the root, and their data on the disk.
 */
#include "../../lwt/ustar_header.h"

#include <lwt/ustar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static void *value_of(lwt_t *p)
{
  void *value = NULL;

  return lwt_run_value(p, &value).code ? NULL : value;
}

static void make_sum(uint8_t *h)
{
  unsigned sum = 8 * ' ', i;

  for (i = 0; i < USTAR_BLOCK; i++)
    sum += i >= 148 && i < 156 ? 0 : h[i];
  snprintf((char *)h + 148, 8, "%06o", sum);
}

static void read_all(struct lwt_content *c, const char *path)
{
  struct lwt_entry *e = value_of(LWT_UNTYPED(c->ops->open(c, path)));
  struct lwt_buf *chain;
  uint64_t at = 0;

  if (!e)
    return;
  while ((chain = value_of(LWT_UNTYPED(c->ops->read(c, e, at, 5000))))) {
    at += chain->total;
    lwt_buf_free(chain);
  }
  check(at == e->size);
  c->ops->close(c, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  uint32_t size = len ? 512u << data[0] % 4 : 512;
  size_t bytes = (len + size) / size * size, at;
  uint8_t *image = calloc(1, bytes);
  struct ustar_header h;
  struct lwt_content *c;
  struct lwt_block *b;

  if (len > 2)
    memcpy(image, data + 2, len - 2);
  for (at = 0; len > 1 && data[1] % 2 && at < bytes; at += USTAR_BLOCK)
    if (!memcmp(image + at + 257, "ustar", 5))
      make_sum(image + at);
  check(lwt_block_memory(bytes, size, &b) == 0);
  lwt_drop(lwt_block_write(b, 0, image, bytes / size));
  check(lwt_ustar(b, 0, &c) == 0);
  for (at = 0; at < bytes; at += USTAR_BLOCK)
    if (lwt__ustar_parse(image + at, &h) == 1 && h.name[0]) {
      check(lwt__ustar_path(h.name) && strlen(h.name) <= USTAR_NAME);
      check(h.name[0] != '/' && !strstr(h.name, "/../"));
      read_all(c, h.name);
    }
  read_all(c, "index.html");
  c->ops->free(c);
  check(lwt_live() == 0);
  free(image);
  return 0;
}
