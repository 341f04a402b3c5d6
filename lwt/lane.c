/* lane.c - operations in line, sections, bytes: of readers and writers.
 * SPDX-License-Identifier: ISC
 *
 * Read lane.h first.
 */
#include "lane.h"

#include <string.h>

#define BYTES_MIN 4096u
#define BYTES_KEPT 65536u /* an empty buffer that is larger is given back */

/* ---- Lanes ----------------------------------------------------------------- */

struct lwt__op *lwt__lane_front(struct lwt_lane *root)
{
  struct lwt__op *op = root->first;

  while (op && op->kind == OP_SECTION && ((struct section *)op)->open)
    op = ((struct section *)op)->inner->first;
  return op;
}

static void append(struct lwt_lane *lane, struct lwt__op *op)
{
  op->lane = lane;
  op->next = NULL;
  op->prev = lane->last;
  *(lane->last ? &lane->last->next : &lane->first) = op;
  lane->last = op;
}

/* The section that the lane belongs to, if it is to end with the lane's last. */
static struct section *leaving(struct lwt_lane *root, struct lwt_lane *lane)
{
  struct lwt__op *op = root->first;

  while (op && op->kind == OP_SECTION && ((struct section *)op)->open) {
    struct section *s = (struct section *)op;

    if (s->inner == lane)
      return s->leaving ? s : NULL;
    op = s->inner->first;
  }
  return NULL;
}

static void unlink_op(struct lwt__op *op)
{
  *(op->next ? &op->next->prev : &op->lane->last) = op->prev;
  *(op->prev ? &op->prev->next : &op->lane->first) = op->next;
}

void lwt__lane_remove(struct lwt__op *op)
{
  struct lwt_lane *lane = op->lane, *root = lane->root;
  struct section *s;

  unlink_op(op);
  lwt__free(op);
  while (!lane->first && lane != root && (s = leaving(root, lane))) {
    lane = s->op.lane;
    unlink_op(&s->op);
    lwt_fulfill(&s->left, NULL);
    lwt__free(s);
  }
}

/* The promise was cancelled. */
static void stop(void *env)
{
  struct lwt__op *op = env;
  void (*pump)(struct lwt_lane *) = op->pump;
  struct lwt_lane *root;

  lwt_abandon(&op->r);
  if (!op->lane) {
    lwt__free(op);
    return;
  }
  root = op->lane->root;
  lwt__lane_remove(op);
  pump(root);
}

lwt_t *lwt__lane_start(struct lwt_lane *lane, struct lwt__op *op, const char *where)
{
  lwt_t *p = lwt_task_op_at(&op->r, stop, op, where);

  if (!op->r.lwt_private) {
    lwt__free(op);
    return p;
  }
  append(lane, op);
  op->pump(lane->root);
  return p;
}

struct lwt__op *lwt__lane_op(const struct lwt__op *op, size_t extra)
{
  struct lwt__op *copy = lwt__alloc(sizeof *copy + extra);

  if (!copy)
    return NULL;
  *copy = *op;
  if (extra)
    copy->from = (const char *)(copy + 1);
  return copy;
}

lwt_t *lwt__lane_add(struct lwt_lane *lane, const struct lwt__op *op, const char *where)
{
  struct lwt__op *copy = lwt__lane_op(op, 0);

  return copy ? lwt__lane_start(lane, copy, where) : lwt__oom();
}

void lwt__lane_fail(struct lwt_lane *lane, int code, const char *what)
{
  int held = lwt__hold();
  struct lwt__op *op, *next;

  for (op = lane->first; op; op = next) {
    next = op->next;
    if (op->kind == OP_SECTION && ((struct section *)op)->open)
      continue;
    unlink_op(op);
    if (lwt_unwanted(&op->r)) {
      op->lane = NULL; /* its stop function will find it */
    } else {
      lwt_reject(&op->r, code, what);
      lwt__free(op);
    }
  }
  lwt__release(held);
}

/* ---- Sections -------------------------------------------------------------- */

static lwt_t *leave(void *section)
{
  struct section *s = section;
  struct lwt_lane *root = s->op.lane->root;
  void (*pump)(struct lwt_lane *) = s->op.pump;

  if (s->inner->first) {
    s->leaving = 1;
    return lwt_wait(&s->left);
  }
  lwt__lane_remove(&s->op);
  pump(root);
  return lwt_return(NULL);
}

static void leave_unseen(void *section)
{
  lwt_async(leave(section));
}

void lwt__section_open(struct lwt__op *op)
{
  struct section *s = (struct section *)op;

  s->open = 1;
  lwt_fulfill_owned(&op->r, s, leave_unseen);
}

struct atomic {
  struct lwt_frame frame;
  struct lwt_lane *lane;
  size_t size, inner;
  void (*pump)(struct lwt_lane *root);
  lwt__enter_fn *enter;
  void (*body)(void);
  void *env;
  struct section *section;
};

static lwt_t *line_up(const struct atomic *a)
{
  struct section *s = lwt__alloc(a->size);

  if (!s)
    return lwt__oom();
  memset(s, 0, a->size);
  s->op.kind = OP_SECTION;
  s->op.pump = a->pump;
  s->inner = (struct lwt_lane *)(void *)((char *)s + a->inner);
  s->inner->root = a->lane->root;
  return lwt__lane_start(a->lane, &s->op, LWT_WHERE);
}

LWT_STEP atomic_step(struct lwt_frame *frame)
{
  struct atomic *a = (struct atomic *)frame;

  lwt_begin(a);
  lwt_await(a, &a->section, line_up(a));
  lwt_defer(a, leave, a->section);
  lwt_become(a, a->enter(a->body, a->env, a->section->inner));
  lwt_end(a);
}

lwt_t *lwt__section(struct lwt_lane *lane, size_t size, size_t inner,
                    void (*pump)(struct lwt_lane *root), lwt__enter_fn *enter,
                    void (*body)(void), void *env)
{
  return LWT_GO(struct atomic, atomic_step, .lane = lane, .size = size, .inner = inner,
                .pump = pump, .enter = enter, .body = body, .env = env);
}

/* ---- Waiting for the flow -------------------------------------------------- */

struct lwt__pending {
  lwt_t *p;
  lwt__pending_fn *done;
  void *env;
  struct lwt__pending **slot; /* NULL: forgotten */
  void *bytes;
};

static void settled(struct lwt__pending *w, struct lwt_error error, void *value)
{
  struct lwt__pending **slot = w->slot;
  lwt__pending_fn *done = w->done;
  void *env = w->env;

  lwt_drop(w->p);
  lwt__free(w->bytes);
  lwt__free(w);
  if (slot) {
    *slot = NULL;
    done(env, error, value);
  }
}

static void fulfilled(void *env, void *value)
{
  settled(env, (struct lwt_error){ 0, NULL }, value);
}

static void rejected(void *env, struct lwt_error error)
{
  settled(env, error, NULL);
}

int lwt__pending_wait(struct lwt__pending **slot, lwt_t *p, lwt__pending_fn *done,
                      void *env)
{
  struct lwt__pending *w = lwt__alloc(sizeof *w);

  if (!w) {
    lwt_cancel(p);
    lwt_drop(p);
    return LWT_ENOMEM;
  }
  *w = (struct lwt__pending){ lwt_ref(p), done, env, slot, NULL };
  if (lwt_on_any(p, fulfilled, rejected, w)) {
    lwt_cancel(w->p);
    lwt_drop(w->p);
    lwt__free(w);
    return LWT_ENOMEM;
  }
  *slot = w;
  return 0;
}

void lwt__pending_cancel(struct lwt__pending *w)
{
  lwt_cancel(w->p);
}

void lwt__pending_forget(struct lwt__pending **slot, void *bytes)
{
  struct lwt__pending *w = *slot;

  if (!w) {
    lwt__free(bytes);
    return;
  }
  *slot = NULL;
  w->slot = NULL;
  w->bytes = bytes;
  lwt_cancel(w->p);
}

/* ---- Bytes ----------------------------------------------------------------- */

/* The bytes in another block, from its start. */
static int resize(struct lwt_io_bytes *b, size_t capacity)
{
  char *bytes = lwt__alloc(capacity);

  if (!bytes)
    return LWT_ENOMEM;
  if (b->len)
    memcpy(bytes, b->bytes + b->start, b->len);
  lwt__free(b->bytes);
  b->bytes = bytes;
  b->start = 0;
  b->capacity = capacity;
  return 0;
}

size_t lwt__bytes_room(struct lwt_io_bytes *b, size_t limit)
{
  size_t room = b->capacity - b->start - b->len;
  size_t want = b->capacity < limit / 2 ? b->capacity * 2 : limit;

  if (!b->capacity)
    want = limit < BYTES_MIN ? limit : BYTES_MIN;
  if (room && room >= b->capacity / 4)
    return room;
  /* Moving the bytes is paid for by those that were taken. */
  if (b->capacity < limit && b->start <= b->capacity / 2 && !resize(b, want))
    return b->capacity - b->len;
  if (b->start)
    memmove(b->bytes, b->bytes + b->start, b->len);
  b->start = 0;
  return b->capacity - b->len;
}

void lwt__bytes_take(struct lwt_io_bytes *b, size_t n)
{
  b->start += n;
  b->len -= n;
  if (b->len)
    return;
  b->start = 0;
  if (b->capacity > BYTES_KEPT)
    lwt__bytes_free(b);
}

void lwt__bytes_free(struct lwt_io_bytes *b)
{
  lwt__free(b->bytes);
  *b = (struct lwt_io_bytes){ NULL, 0, 0, 0 };
}

void lwt__number(void *to, const void *from, size_t size, enum lwt_order order)
{
  const int one = 1;
  int same = *(const char *)&one == (order == LWT_LITTLE);
  size_t i;

  for (i = 0; i < size; i++)
    ((char *)to)[i] = ((const char *)from)[same ? i : size - 1 - i];
}
