/* blkfront.c - the disk as a struct lwt_block: its calls, and their life.
 * SPDX-License-Identifier: ISC
 *
 * Read blkfront.h first.  Calls are issued first come, first served, and end in any
 * order; those in front of b->waiting are all issued.  Requests made in one turn of
 * the run loop are pushed, and the backend told once, when the loop next looks for
 * events.
 *
 * A call that is cancelled leaves its requests behind: they hold pages of ours only.
 * After a resume the calls are issued again from their beginnings, since the bytes are
 * still the program's to give.
 */
#include "blkfront.h"

#include <stdio.h>
#include <string.h>

/* ---- The list of calls ------------------------------------------------- */

static void list(struct blkfront_call *c)
{
  struct blkfront *b = c->b;

  c->next = NULL;
  c->prev = b->last;
  *(b->last ? &b->last->next : &b->first) = c;
  b->last = c;
  if (!b->waiting)
    b->waiting = c;
  b->calls++;
}

static void unlist(struct blkfront_call *c)
{
  struct blkfront *b = c->b;

  *(c->prev ? &c->prev->next : &b->first) = c->next;
  *(c->next ? &c->next->prev : &b->last) = c->prev;
  if (b->waiting == c)
    b->waiting = c->next;
  if (--b->calls == 0)
    lwt_condition_broadcast(&b->idle, NULL);
}

void lwt__blkfront_again(struct blkfront_call *c)
{
  c->issued = 0;
  unlist(c);
  list(c);
}

static const char *what(const struct blkfront_call *c)
{
  static const char *const names[] = { "block_read", "block_write", "block_flush",
                                       "block_discard" };

  return names[c->kind];
}

void lwt__blkfront_settle(struct blkfront_call *c)
{
  struct lwt_resolver r = c->r;
  int error = c->error;
  const char *name = what(c);

  unlist(c);
  c->unlisted = 1;
  c->requests = 0;
  if (lwt_unwanted(&c->r))
    return; /* stop() is on its way */
  lwt__free(c);
  if (error)
    lwt_reject(&r, error, name);
  else
    lwt_fulfill(&r, NULL);
}

/* Cancelled, or nobody has the promise any more.  A call without requests may have
 * outlived its disk. */
static void stop(void *env)
{
  struct blkfront_call *c = env;
  struct blkfront *b = c->b;
  uint32_t i;

  for (i = 0; c->requests && i < b->ring.slots; i++)
    if (b->request[i].call == c)
      b->request[i].call = NULL;
  if (!c->unlisted)
    unlist(c);
  lwt_abandon(&c->r);
  lwt__free(c);
}

/* ---- A turn ------------------------------------------------------------ */

void lwt__blkfront_kick(struct blkfront *b)
{
  b->kicked = 1;
  lwt__port_again(&b->port);
}

/* From the run loop, callbacks held back. */
static void on_event(void *env)
{
  struct blkfront *b = env;
  int got;

  b->counts.events++;
  if (b->front.state != FRONT_UP)
    return;
  got = lwt__blkfront_take(b);
  if (got < 0) {
    lwt__front_lose(&b->front);
    return;
  }
  if (!got && !b->kicked)
    b->counts.idle++;
  b->kicked = 0;
  lwt__blkfront_issue(b);
  if (front_push(&b->ring)) {
    lwt__port_notify(&b->port);
    b->counts.notifies++;
  }
  if (front_await(&b->ring, 1))
    lwt__blkfront_kick(b);
}

/* ---- The contract ------------------------------------------------------ */

static struct blkfront *of_block(struct lwt_block *block)
{
  return (struct blkfront *)block;
}

static lwt_t *call(struct lwt_block *block, enum blkfront_kind kind, uint64_t sector,
                   void *bytes, uint64_t sectors)
{
  struct blkfront *b = of_block(block);
  struct blkfront_call *c;
  lwt_t *p;
  int held;

  if (b->front.state == FRONT_LOST)
    return lwt_fail(LWT_ENODEV, "block");
  if (b->calls == BLKFRONT_CALLS) {
    b->counts.refused++;
    return lwt_fail(LWT_EAGAIN, "block");
  }
  c = lwt__alloc(sizeof *c);
  if (!c)
    return lwt_fail(LWT_ENOMEM, "block");
  *c = (struct blkfront_call){ .b = b,
                               .kind = (uint8_t)kind,
                               .bytes = bytes,
                               .unit = sector * (block->sector_size / BLKFRONT_UNIT),
                               .len = sectors * block->sector_size };
  p = lwt_task_op(&c->r, stop, c);
  if (!c->r.lwt_private) {
    lwt__free(c);
    return p;
  }
  if (kind == BLKFRONT_FLUSH)
    c->len = 1;
  held = lwt__hold();
  list(c);
  if (b->front.state == FRONT_UP) {
    lwt__blkfront_issue(b);
    lwt__blkfront_kick(b);
  }
  lwt__release(held);
  return p;
}

static lwt_t *blkfront_read(struct lwt_block *block, uint64_t sector, void *bytes,
                            size_t sectors)
{
  return call(block, BLKFRONT_READ, sector, bytes, sectors);
}

/* The bytes are only read. */
static lwt_t *blkfront_write(struct lwt_block *block, uint64_t sector, const void *bytes,
                             size_t sectors)
{
  return call(block, BLKFRONT_WRITE, sector, (void *)(uintptr_t)bytes, sectors);
}

static lwt_t *blkfront_flush(struct lwt_block *block)
{
  return call(block, BLKFRONT_FLUSH, 0, NULL, 0);
}

static lwt_t *blkfront_discard(struct lwt_block *block, uint64_t sector, uint64_t sectors)
{
  return call(block, BLKFRONT_DISCARD, sector, NULL, sectors);
}

struct closing {
  struct lwt_frame frame;
  struct blkfront *b;
  struct lwt_error error;
};

static lwt_t *closing_end(void *env)
{
  return lwt__front_close(&((struct closing *)env)->b->front);
}

static void closing_lost(void *env)
{
  lwt_async(closing_end(env));
}

/* Cancelled, what is pending is rejected. */
LWT_STEP closing_step(struct lwt_frame *frame)
{
  struct closing *s = (struct closing *)frame;

  lwt_begin(s);
  lwt_defer(s, closing_end, s);
  while (s->b->calls) {
    lwt_await_error(s, &s->error, lwt_condition_wait(&s->b->idle, NULL));
    if (s->error.code)
      break;
  }
  lwt_end(s);
}

static lwt_t *blkfront_close(struct lwt_block *block)
{
  return LWT_GO_OR(struct closing, closing_step, closing_lost, .b = of_block(block));
}

static const struct lwt_block_ops blkfront_ops = {
  .read = blkfront_read,
  .write = blkfront_write,
  .flush = blkfront_flush,
  .discard = blkfront_discard,
  .close = blkfront_close,
};

/* ---- Names ------------------------------------------------------------- */

/* As Xen's toolstack numbers them (docs/man/xen-vbd-interface.7): "xvda" is disk 0,
 * "xvda1" its first partition. */
static int parse_xvd(const char *name, uint32_t *device)
{
  const char *p = name + 3;
  uint32_t disk = 0;
  uint64_t part = 0;

  if (strncmp(name, "xvd", 3) || *p < 'a' || *p > 'z')
    return LWT_ENODEV;
  for (; *p >= 'a' && *p <= 'z'; p++)
    if ((disk = disk * 26 + (uint32_t)(*p - 'a') + 1) > 1u << 20)
      return LWT_ENODEV;
  disk--;
  if (*p && (lwt__xenbus_parse(p, strlen(p), 255, &part) || !part))
    return LWT_ENODEV;
  if (disk < 16 && part < 16)
    *device = 202u << 8 | disk << 4 | (uint32_t)part;
  else
    *device = 1u << 28 | disk << 8 | (uint32_t)part;
  return 0;
}

int lwt__blkfront_number(const char *name, uint32_t *device)
{
  uint64_t number;

  if (strncmp(name, "vbd:", 4) == 0)
    name += 4;
  if (lwt__xenbus_parse(name, strlen(name), UINT32_MAX, &number))
    return parse_xvd(name, device);
  *device = (uint32_t)number;
  return 0;
}

/* Here, so that a program which opens no disk does not have the driver. */
int lwt_platform_block(const char *name, struct lwt_block **block)
{
  struct blkfront *b;
  uint32_t device;
  int error = lwt__blkfront_number(name, &device);

  if (error)
    return lwt__block_named(name, block);
  b = lwt__alloc(sizeof *b);
  if (!b)
    return LWT_ENOMEM;
  memset(b, 0, sizeof *b);
  snprintf(b->name, sizeof b->name, "vbd:%u", (unsigned)device);
  snprintf(b->front.path, sizeof b->front.path, "device/vbd/%u", (unsigned)device);
  b->front.ops = &lwt__blkfront_ops;
  b->block.ops = &blkfront_ops;
  b->block.name = b->name;
  b->device = device;
  b->port.call = on_event;
  b->port.env = b;
  error = lwt__front_open(&b->front);
  if (!error)
    *block = &b->block;
  return error;
}
