/* writer.c - buffered writing on a flow.
 * SPDX-License-Identifier: ISC
 *
 * Bytes are copied behind those in `filling`.  When that is to be sent, it
 * changes places with `sending`, which the flow has until its write settles; the
 * two together hold at most `limit` bytes.  pump() serves the first operation, and
 * leaves a pause behind if bytes are left that nobody sends.  Read lane.h first.
 */
#include "lane.h"

#include <lwt/io.h>
#include <stdarg.h>
#include <string.h>

#define LIMIT 65536u

enum { WRITE = OP_SECTION + 1, WRITE_ALL, FLUSH, CLOSE };

struct writer_section {
  struct section section;
  struct lwt_writer inner;
};

static struct lwt_writer *root_of(const struct lwt_writer *w)
{
  return (struct lwt_writer *)(void *)w->lane.root;
}

static void pump(struct lwt_lane *root);

/* ---- The flow -------------------------------------------------------------- */

/* Nothing is written any more. */
static void fail(struct lwt_writer *w, struct lwt_error error)
{
  w->error = error;
  lwt__bytes_free(&w->filling);
  lwt__bytes_free(&w->sending);
}

static void sent(void *env, struct lwt_error error, void *value)
{
  struct lwt_writer *w = env;

  (void)value;
  if (error.code)
    fail(w, error);
  else
    lwt__bytes_take(&w->sending, w->sending.len);
  pump(&w->lane);
}

static void shut(void *env, struct lwt_error error, void *value)
{
  struct lwt_writer *w = env;

  (void)value;
  if (error.code)
    fail(w, error);
  else
    w->closed = 1;
  pump(&w->lane);
}

/* Takes p, of the flow.  Returns 1 if it is pending. */
static int pending(struct lwt_writer *w, lwt_t *p, lwt__pending_fn *done)
{
  struct lwt_error error = { LWT_ENOMEM, "lwt_writer" };

  if (lwt_state(p) == LWT_PENDING) {
    if (!lwt__pending_wait(&w->pending, p, done, w))
      return 1;
  } else {
    error = lwt_error(p);
    lwt_drop(p);
  }
  if (error.code)
    fail(w, error);
  return 0;
}

/* Send what is there.  Returns 1 if that is pending. */
static int send_filling(struct lwt_writer *w)
{
  struct lwt_io_bytes empty = w->sending;

  w->sending = w->filling;
  w->filling = empty;
  if (pending(w,
              lwt_flow_write(w->flow, w->sending.bytes + w->sending.start,
                             w->sending.len),
              sent))
    return 1;
  if (!w->error.code)
    lwt__bytes_take(&w->sending, w->sending.len);
  return 0;
}

static void next_turn(void *env, struct lwt_error error, void *value)
{
  struct lwt_writer *w = env;

  (void)error, (void)value;
  if (w->filling.len && !w->pending)
    send_filling(w);
  pump(&w->lane);
}

/* What is left goes out on the next turn, or now if there is no memory to wait. */
static void send_later(struct lwt_writer *w)
{
  lwt_t *p;

  if (!w->filling.len || w->pending || w->turn)
    return;
  p = lwt_pause();
  if (lwt_state(p) != LWT_PENDING) {
    lwt_error(p);
    lwt_drop(p);
  } else if (!lwt__pending_wait(&w->turn, p, next_turn, w)) {
    return;
  }
  send_filling(w);
}

/* ---- Serving --------------------------------------------------------------- */

/* As many of n bytes as there is room for. */
static size_t put(struct lwt_writer *w, const char *bytes, size_t n)
{
  size_t space = w->limit - w->filling.len - w->sending.len, room, done = 0;
  struct lwt_io_bytes *b = &w->filling;

  if (n > space)
    n = space;
  while (done < n && (room = lwt__bytes_room(b, w->limit))) {
    if (room > n - done)
      room = n - done;
    memcpy(b->bytes + b->start + b->len, bytes + done, room);
    b->len += room;
    done += room;
  }
  w->position += done;
  return done;
}

static void finish(struct lwt__op *op, int code, const char *what)
{
  if (code)
    lwt_reject(&op->r, code, what);
  else
    lwt_fulfill(&op->r, op->kind == WRITE ? (void *)op->done : NULL);
  lwt__lane_remove(op);
}

/* Each returns 1 if there is something to wait for. */
static int serve_write(struct lwt_writer *w, struct lwt__op *op)
{
  op->done += put(w, op->from + op->done, op->n - op->done);
  if (op->done == op->n || (op->kind == WRITE && op->done))
    finish(op, 0, NULL);
  else if (w->pending)
    return 1;
  else if (w->filling.len)
    return send_filling(w);
  else
    finish(op, LWT_ENOMEM, "lwt_write");
  return 0;
}

static int serve_flush(struct lwt_writer *w, struct lwt__op *op)
{
  if (w->pending)
    return 1;
  if (w->filling.len)
    return send_filling(w);
  if (op->kind == FLUSH) {
    finish(op, 0, NULL);
    return 0;
  }
  lwt__bytes_free(&w->filling);
  lwt__bytes_free(&w->sending);
  if (pending(w, lwt_flow_shutdown(w->flow), shut))
    return 1;
  w->closed = !w->error.code;
  return 0;
}

static int serve(struct lwt_writer *w, struct lwt__op *op)
{
  if (op->kind == OP_SECTION)
    lwt__section_open(op);
  else if (w->error.code)
    finish(op, w->error.code, w->error.what);
  else if (w->closed)
    finish(op, op->kind == CLOSE || op->kind == FLUSH ? 0 : LWT_EPIPE, "lwt_write");
  else if (op->kind == WRITE || op->kind == WRITE_ALL)
    return serve_write(w, op);
  else
    return serve_flush(w, op);
  return 0;
}

static void pump(struct lwt_lane *root)
{
  struct lwt_writer *w = (struct lwt_writer *)(void *)root;
  int held = lwt__hold();
  struct lwt__op *op;

  while ((op = lwt__lane_front(root)) && !lwt_unwanted(&op->r))
    if (serve(w, op))
      break;
  send_later(w);
  lwt__release(held);
}

/* ---- Operations ------------------------------------------------------------ */

static lwt_t *begin(struct lwt_writer *w, struct lwt__op op, const char *where)
{
  op.pump = pump;
  return lwt__lane_add(&w->lane, &op, where);
}

lwt_size_p *lwt_write(struct lwt_writer *w, const void *bytes, size_t len)
{
  return (lwt_size_p *)begin(
    w, (struct lwt__op){ .kind = WRITE, .from = bytes, .n = len }, LWT_WHERE);
}

lwt_t *lwt_write_all(struct lwt_writer *w, const void *bytes, size_t len)
{
  return begin(w, (struct lwt__op){ .kind = WRITE_ALL, .from = bytes, .n = len },
               LWT_WHERE);
}

lwt_t *lwt_flush(struct lwt_writer *w)
{
  return begin(w, (struct lwt__op){ .kind = FLUSH }, LWT_WHERE);
}

lwt_t *lwt_vprint(struct lwt_writer *w, const char *format, va_list args)
{
  struct lwt__op *op;
  va_list again;
  int n;

  va_copy(again, args);
  n = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (n < 0)
    return lwt_fail(LWT_EINVAL, "lwt_print");
  if ((size_t)n > root_of(w)->limit)
    return lwt_fail(LWT_EMSGSIZE, "lwt_print");
  op = lwt__lane_op(&(struct lwt__op){ .kind = WRITE_ALL, .n = (size_t)n, .pump = pump },
                    (size_t)n + 1);
  if (!op)
    return lwt__oom();
  vsnprintf((char *)(op + 1), (size_t)n + 1, format, args);
  return lwt__lane_start(&w->lane, op, LWT_WHERE);
}

lwt_t *lwt_print(struct lwt_writer *w, const char *format, ...)
{
  va_list args;
  lwt_t *p;

  va_start(args, format);
  p = lwt_vprint(w, format, args);
  va_end(args);
  return p;
}

lwt_t *lwt_write_number_of(struct lwt_writer *w, enum lwt_order order, const void *from,
                           size_t size)
{
  struct lwt__op *op;

  if (size != 1 && size != 2 && size != 4 && size != 8)
    return lwt_fail(LWT_EINVAL, "lwt_write_number");
  op =
    lwt__lane_op(&(struct lwt__op){ .kind = WRITE_ALL, .n = size, .pump = pump }, size);
  if (!op)
    return lwt__oom();
  lwt__number(op + 1, from, size, order);
  return lwt__lane_start(&w->lane, op, LWT_WHERE);
}

size_t lwt_writer_buffered(const struct lwt_writer *w)
{
  return root_of(w)->filling.len + root_of(w)->sending.len;
}

uint64_t lwt_writer_position(const struct lwt_writer *w)
{
  return root_of(w)->position;
}

/* ---- Life and sections ----------------------------------------------------- */

void lwt_writer_init(struct lwt_writer *w, struct lwt_flow *flow, size_t limit)
{
  memset(w, 0, sizeof *w);
  w->lane.root = &w->lane;
  w->flow = flow;
  w->limit = limit ? limit : LIMIT;
}

void lwt_writer_fini(void *writer)
{
  struct lwt_writer *w = writer;
  int held = lwt__hold();

  w->closed = 1;
  lwt__pending_forget(&w->pending, w->sending.bytes);
  w->sending = (struct lwt_io_bytes){ NULL, 0, 0, 0 };
  lwt__pending_forget(&w->turn, NULL);
  lwt__bytes_free(&w->filling);
  lwt__lane_fail(&w->lane, LWT_ECONNABORTED, "lwt_writer_fini");
  lwt__release(held);
}

lwt_t *lwt_writer_close(void *writer)
{
  struct lwt_writer *w = writer;
  struct lwt__op *op = lwt__lane_op(&(struct lwt__op){ .kind = CLOSE, .pump = pump }, 0);
  lwt_t *p = op ? lwt__lane_start(&w->lane, op, LWT_WHERE) : lwt__oom();

  if (p == lwt__oom() && !w->closed)
    lwt_writer_fini(w);
  return p;
}

static lwt_t *enter(void (*body)(void), void *env, void *inner)
{
  return ((lwt_writer_fn *)body)(env, inner);
}

lwt_t *lwt_writer_atomic(struct lwt_writer *w, lwt_writer_fn *body, void *env)
{
  return lwt__section(&w->lane, sizeof(struct writer_section),
                      offsetof(struct writer_section, inner), pump, enter,
                      (void (*)(void))body, env);
}
