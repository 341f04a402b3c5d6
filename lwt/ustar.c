/* ustar.c - an archive on a disk as a struct lwt_content.
 * SPDX-License-Identifier: ISC
 *
 * The headers are read by a frame of their own, through a window, and make an index
 * sorted by name.  The entries that are handed out are the index's.
 *
 * Reading a file allocates room for the sectors that hold the bytes, which becomes
 * the slice that is given: nothing is copied.
 */
#include "ustar_header.h"

#include <lwt/sync.h>
#include <lwt/ustar.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 65536u
#define INDEX_MAX (4u << 20)
#define READ_MAX 131072u

struct entry {
  struct lwt_entry entry;
  uint64_t at; /* of the data, in bytes */
  size_t name; /* in names */
  const char *text; /* the same, when names no longer moves */
  uint8_t is_file;
};

struct ustar {
  struct lwt_content content;
  struct lwt_block *block;
  size_t index_max;
  struct entry *entries;
  size_t n, room;
  char *names;
  size_t names_len, names_room;
  uint8_t ready, scanning, freed;
  unsigned refs; /* the program, those who wait, and the scan */
  lwt_t *scan;   /* the last one, or NULL */
  struct lwt_error error; /* of it */
  struct lwt_condition scanned;
};

static struct ustar *ustar_of(struct lwt_content *content)
{
  return (struct ustar *)content;
}

/* ---- The index --------------------------------------------------------- */

static void forget(struct ustar *u)
{
  lwt__free(u->entries);
  lwt__free(u->names);
  u->entries = NULL;
  u->names = NULL;
  u->n = u->room = u->names_len = u->names_room = 0;
}

/* Room for `more` behind len of *room elements.  Returns 0 or an error. */
static int make_room(const struct ustar *u, void *array, size_t *room, size_t len,
                     size_t more, size_t size)
{
  size_t want = *room ? *room : 64, other;
  void *old, *bytes;

  if (len + more <= *room)
    return 0;
  while (want < len + more)
    want *= 2;
  other = u->room * sizeof *u->entries + u->names_room - *room * size;
  if (want * size + other > u->index_max)
    return LWT_EFBIG;
  bytes = lwt__alloc(want * size);
  if (!bytes)
    return LWT_ENOMEM;
  memcpy(&old, array, sizeof old);
  if (old)
    memcpy(bytes, old, len * size);
  lwt__free(old);
  memcpy(array, &bytes, sizeof bytes);
  *room = want;
  return 0;
}

/* Changes when what it is made of does. */
static uint64_t etag_of(const struct ustar_header *h, uint64_t at)
{
  uint64_t hash = 0xcbf29ce484222325u;
  const uint64_t words[] = { h->size, (uint64_t)h->mtime, at };

  for (size_t i = 0; i < 3; i++)
    hash = (hash ^ words[i] ^ words[i] >> 29) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

static int add(struct ustar *u, const struct ustar_header *h, uint64_t at)
{
  size_t len = strlen(h->name) + 1;
  int error = make_room(u, &u->entries, &u->room, u->n, 1, sizeof *u->entries);

  if (!error)
    error = make_room(u, &u->names, &u->names_room, u->names_len, len, 1);
  if (error)
    return error;
  u->entries[u->n++] = (struct entry){
    .entry = { .size = h->size, .mtime = h->mtime, .etag = etag_of(h, at) },
    .at = at,
    .name = u->names_len,
    .is_file = h->is_file
  };
  memcpy(u->names + u->names_len, h->name, len);
  u->names_len += len;
  return 0;
}

/* Of one name, the later one comes later. */
static int compare(const void *a, const void *b)
{
  const struct entry *x = a, *y = b;
  int order = strcmp(x->text, y->text);

  return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

static void sort(struct ustar *u)
{
  size_t i;

  for (i = 0; i < u->n; i++)
    u->entries[i].text = u->names + u->entries[i].name;
  if (u->n)
    qsort(u->entries, u->n, sizeof *u->entries, compare);
}

/* How many entries come before path followed by `end`, all with that name included
 * (through), or not. */
static size_t place_of(const struct ustar *u, const char *path, const char *end,
                       int through)
{
  size_t low = 0, high = u->n, middle, len = strlen(path);
  const char *text;
  int order;

  while (low < high) {
    middle = low + (high - low) / 2;
    text = u->entries[middle].text;
    order = strncmp(text, path, len);
    if (!order)
      order = strcmp(text + len, end);
    if (order < 0 || (through && !order))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Returns 0 and the entry, or an error. */
static int find(const struct ustar *u, const char *path, struct entry **entry)
{
  size_t i = place_of(u, path, "", 1), len = strlen(path);

  if (i && !strcmp(u->entries[i - 1].text, path)) {
    *entry = &u->entries[i - 1];
    return (*entry)->is_file ? 0 : LWT_EISDIR;
  }
  i = place_of(u, path, "/", 0);
  if (i < u->n && !strncmp(u->entries[i].text, path, len) &&
      u->entries[i].text[len] == '/')
    return LWT_EISDIR;
  return LWT_ENOENT;
}

/* ---- Reading the headers ----------------------------------------------- */

struct scan {
  struct lwt_frame frame;
  struct ustar *u;
  uint64_t at, window_at;
  size_t window_len;
  uint8_t *window;
  struct lwt_error error;
};

static uint64_t bytes_of(const struct lwt_block *b)
{
  return b->sectors * b->sector_size;
}

/* The header at s->at, which is in the window.  Returns 1, 0: it was the end, or an
 * error. */
static int scan_header(struct scan *s)
{
  uint64_t left = bytes_of(s->u->block) - s->at - USTAR_BLOCK;
  struct ustar_header h;
  int what = lwt__ustar_parse(s->window + (s->at - s->window_at), &h);

  if (what <= 0)
    return what;
  s->at += USTAR_BLOCK;
  if (h.size > left)
    return LWT_EBADMSG;
  if (h.name[0] && (h.is_file || h.is_directory) && (what = add(s->u, &h, s->at)))
    return what;
  s->at += (h.size + USTAR_BLOCK - 1) / USTAR_BLOCK * USTAR_BLOCK;
  return 1;
}

/* Move the window to s->at. */
static lwt_t *scan_read(struct scan *s)
{
  const struct lwt_block *b = s->u->block;
  uint64_t sector = s->at / b->sector_size, left = b->sectors - sector;
  uint64_t n = WINDOW / b->sector_size < left ? WINDOW / b->sector_size : left;

  s->window_at = sector * b->sector_size;
  s->window_len = n * b->sector_size;
  return lwt_block_read(s->u->block, sector, s->window, n);
}

static void unref(struct ustar *u)
{
  if (--u->refs)
    return;
  forget(u);
  lwt__free(u);
}

/* Tell those who wait.  They may free the content. */
static void scan_end(void *env)
{
  struct scan *s = env;
  struct ustar *u = s->u;

  lwt__free(s->window);
  u->scanning = 0;
  u->error = s->error;
  if (s->error.code)
    forget(u);
  else
    u->ready = 1;
  if (s->error.code)
    lwt_condition_fail(&u->scanned, s->error.code, s->error.what);
  else
    lwt_condition_broadcast(&u->scanned, NULL);
  unref(u);
}

/* Never rejected, when it has begun. */
LWT_STEP scan_step(struct lwt_frame *frame)
{
  struct scan *s = (struct scan *)frame;
  int what;

  lwt_begin(s);
  lwt_defer(s, scan_end, s);
  s->error = (struct lwt_error){ LWT_ENOMEM, "ustar" };
  s->window = lwt__alloc(WINDOW);
  if (!s->window)
    lwt_finish(s, NULL);
  do {
    s->error = (struct lwt_error){ LWT_ENODATA, "ustar" };
    if (s->at >= bytes_of(s->u->block))
      lwt_finish(s, NULL);
    if (s->at < s->window_at || s->at - s->window_at >= s->window_len) {
      lwt_await_error(s, &s->error, scan_read(s));
      if (s->u->freed)
        s->error.code = LWT_ECANCELED;
      if (s->error.code)
        lwt_finish(s, NULL);
    }
    what = scan_header(s);
  } while (what > 0);
  s->error = (struct lwt_error){ what, "ustar" };
  if (!what)
    sort(s->u);
  lwt_end(s);
}

/* Begin to read the headers.  Returns 0, or why it has failed already. */
static int scan_begin(struct ustar *u)
{
  lwt_t *p;

  if (u->scan)
    lwt_drop(u->scan);
  u->scanning = 1;
  u->error.code = 0;
  u->refs++;
  p = LWT_GO_OR(struct scan, scan_step, scan_end, .u = u,
                .error = { LWT_ENOMEM, "ustar" });
  lwt_error(p); /* seen: it is in u->error */
  u->scan = p;
  return u->error.code;
}

/* ---- The end ----------------------------------------------------------- */

static lwt_t *ustar_free(struct lwt_content *content)
{
  struct ustar *u = ustar_of(content);
  lwt_t *scan = u->scan, *closing;

  u->freed = 1;
  u->scan = NULL;
  if (scan)
    lwt_drop(scan);
  lwt_condition_fail(&u->scanned, LWT_ECANCELED, "ustar");
  closing = lwt_block_close(u->block);
  unref(u);
  return closing;
}

/* ---- Opening ----------------------------------------------------------- */

struct opening {
  struct lwt_frame frame;
  struct ustar *u;
  size_t len;
  char path[];
};

static void opening_end(void *env)
{
  unref(((struct opening *)env)->u);
}

static lwt_entry_p *open_now(const struct ustar *u, const char *path)
{
  struct entry *entry;
  int error = find(u, path, &entry);

  return error ? lwt_entry_p_fail(error, "content_open")
               : lwt_entry_p_return(&entry->entry);
}

LWT_STEP opening_step(struct lwt_frame *frame)
{
  struct opening *s = (struct opening *)frame;

  lwt_begin(s);
  lwt_defer(s, opening_end, s);
  lwt_await(s, lwt_condition_wait(&s->u->scanned, NULL));
  if (s->u->freed)
    lwt_throw(s, LWT_ECANCELED, "content_open");
  lwt_become(s, open_now(s->u, s->path));
  lwt_end(s);
}

static lwt_entry_p *ustar_open(struct lwt_content *content, const char *path)
{
  struct ustar *u = ustar_of(content);
  struct opening *init;
  size_t size;
  lwt_t *p;
  int error;

  if (!lwt__ustar_path(path))
    return lwt_entry_p_fail(LWT_EINVAL, "content_open");
  if (!u->ready && !u->scanning && (error = scan_begin(u)))
    return lwt_entry_p_fail(error, "content_open");
  if (u->ready)
    return open_now(u, path);
  size = sizeof *init + strlen(path) + 1;
  init = lwt__alloc(size);
  if (!init)
    return lwt_entry_p_fail(LWT_ENOMEM, "content_open");
  memset(init, 0, sizeof *init);
  init->u = u;
  strcpy(init->path, path);
  u->refs++;
  p = lwt__go(size, opening_step, init, opening_end, LWT_WHERE);
  lwt__free(init);
  return (lwt_entry_p *)p;
}

/* ---- Reading ----------------------------------------------------------- */

struct reading {
  struct lwt_frame frame;
  uint8_t *bytes;
  uint32_t skip, len;
  lwt_t *read;
};

/* The bytes are ours when the disk has let go of them. */
static void reading_end(void *env)
{
  struct reading *s = env;

  if (s->read)
    lwt_drop(s->read);
  lwt__free(s->bytes);
}

static lwt_t *take_read(struct reading *s)
{
  lwt_t *read = s->read;

  s->read = NULL;
  return read;
}

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

LWT_STEP reading_step(struct lwt_frame *frame)
{
  struct reading *s = (struct reading *)frame;
  struct lwt_buf *chain;

  lwt_begin(s);
  lwt_defer(s, reading_end, s);
  lwt_await(s, take_read(s));
  chain = lwt_buf_foreign(s->bytes + s->skip, s->len, lwt__free, s->bytes);
  if (!chain)
    lwt_throw(s, LWT_ENOMEM, "content_read");
  s->bytes = NULL;
  lwt_finish_owned(s, chain, drop_chain);
  lwt_end(s);
}

static lwt_content_buf_p *ustar_read(struct lwt_content *content,
                                     struct lwt_entry *entry, uint64_t offset, size_t len)
{
  struct lwt_block *b = ustar_of(content)->block;
  uint64_t first, end, at;
  uint8_t *bytes;

  if (offset >= entry->size)
    return lwt_content_buf_p_return(NULL);
  if (!len)
    return lwt_content_buf_p_fail(LWT_EINVAL, "content_read");
  if (len > READ_MAX)
    len = READ_MAX;
  if (len > entry->size - offset)
    len = (size_t)(entry->size - offset);
  at = ((struct entry *)entry)->at + offset;
  first = at / b->sector_size;
  end = (at + len + b->sector_size - 1) / b->sector_size;
  bytes = lwt__alloc((end - first) * b->sector_size);
  if (!bytes)
    return lwt_content_buf_p_fail(LWT_ENOMEM, "content_read");
  return (lwt_content_buf_p *)LWT_GO_OR(
    struct reading, reading_step, reading_end, .bytes = bytes,
    .skip = (uint32_t)(at - first * b->sector_size), .len = (uint32_t)len,
    .read = lwt_block_read(b, first, bytes, end - first));
}

static void ustar_close(struct lwt_content *content, struct lwt_entry *entry)
{
  (void)content;
  (void)entry;
}

static const struct lwt_content_ops ustar_ops = {
  .open = ustar_open,
  .read = ustar_read,
  .close = ustar_close,
  .free = ustar_free,
};

int lwt_ustar(struct lwt_block *block, size_t index_max, struct lwt_content **content)
{
  struct ustar *u = lwt__alloc(sizeof *u);

  if (!u) {
    lwt_async(lwt_block_close(block));
    return LWT_ENOMEM;
  }
  memset(u, 0, sizeof *u);
  u->content.ops = &ustar_ops;
  u->block = block;
  u->index_max = index_max ? index_max : INDEX_MAX;
  u->refs = 1;
  scan_begin(u); /* failed: opening says why */
  *content = &u->content;
  return 0;
}
