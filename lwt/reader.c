/* reader.c - buffered reading on a flow.
 * SPDX-License-Identifier: ISC
 *
 * pump() answers the first operation from the buffer (answer()), or reads more
 * behind what is there.  An operation takes bytes out of the buffer in the
 * moment in which its promise is fulfilled, and none before (a skip does): that
 * is why nothing is lost when it is cancelled.  Read lane.h first.
 */
#include "lane.h"

#include <lwt/io.h>
#include <string.h>

#define LIMIT 65536u
/* Beyond the limit: the end of a line, a mark, or what shows that it is too long. */
#define SLACK LWT_MARK_MAX
/* Reads in a row that need not wait, before others get their turn. */
#define BURST 32

enum { LINE = OP_SECTION + 1, UNTIL, EXACTLY, ALL, SOME, PEEK, SKIP, NUMBER };

struct reader_section {
  struct section section;
  struct lwt_reader inner;
};

/* What the flow said: more, its end, or an error. */
struct news {
  int end;
  struct lwt_error error;
};

static struct lwt_reader *root_of(const struct lwt_reader *r)
{
  return (struct lwt_reader *)(void *)r->lane.root;
}

void lwt_chunk_free(void *chunk)
{
  lwt__free(chunk);
}

/* ---- Answers from the buffer ----------------------------------------------- */

static void take(struct lwt_reader *r, size_t n)
{
  lwt__bytes_take(&r->buffer, n);
  r->position += n;
}

static int refuse(struct lwt__op *op, int code)
{
  static const char *const what[] = { "", "lwt_read_line", "lwt_read_until",
                                      "lwt_read_exactly", "lwt_read_all",
                                      "lwt_read_some", "lwt_peek", "lwt_read_skip",
                                      "lwt_read_number" };

  lwt_reject(&op->r, code, what[op->kind]);
  lwt__lane_remove(op);
  return 1;
}

static int give(struct lwt__op *op, size_t value)
{
  lwt_fulfill(&op->r, (void *)value);
  lwt__lane_remove(op);
  return 1;
}

/* The first n bytes, and rest more are taken. */
static int give_chunk(struct lwt_reader *r, struct lwt__op *op, size_t n, size_t rest)
{
  struct lwt_chunk *c = lwt__alloc(sizeof *c + n + 1);

  if (!c)
    return refuse(op, LWT_ENOMEM);
  c->len = n;
  if (n)
    memcpy(c->bytes, r->buffer.bytes + r->buffer.start, n);
  c->bytes[n] = 0;
  take(r, n + rest);
  lwt_fulfill_owned(&op->r, c, lwt_chunk_free);
  lwt__lane_remove(op);
  return 1;
}

/* Where the mark begins; len: not there.  op->done remembers what was searched. */
static size_t find(const struct lwt_reader *r, struct lwt__op *op, const char *mark,
                   size_t mark_len)
{
  const char *bytes = r->buffer.bytes + r->buffer.start, *at;
  size_t len = r->buffer.len, i = op->done;

  while (i + mark_len <= len) {
    at = memchr(bytes + i, mark[0], len - mark_len + 1 - i);
    if (!at)
      break;
    i = (size_t)(at - bytes);
    if (!memcmp(at, mark, mark_len))
      return i;
    i++;
  }
  op->done = len < mark_len ? 0 : len - mark_len + 1;
  return len;
}

static int answer_line(struct lwt_reader *r, struct lwt__op *op, int end)
{
  size_t len = r->buffer.len, at = len ? find(r, op, "\n", 1) : 0;
  const char *bytes = r->buffer.bytes + r->buffer.start;
  size_t n = at;

  /* A CR at the end of what is there may belong to the end of the line. */
  if (at && bytes[at - 1] == '\r' && (at < len || !end))
    n--;
  if (n > op->n)
    return refuse(op, LWT_EMSGSIZE);
  if (at < len)
    return give_chunk(r, op, n, at + 1 - n);
  if (!end)
    return 0;
  return len ? give_chunk(r, op, len, 0) : give(op, 0);
}

static int answer_until(struct lwt_reader *r, struct lwt__op *op, int end)
{
  size_t len = r->buffer.len, at = len ? find(r, op, op->from, op->len) : 0;

  if (at > op->n && (at < len || len >= op->n + op->len))
    return refuse(op, LWT_EMSGSIZE);
  if (at < len)
    return give_chunk(r, op, at, op->len);
  if (!end)
    return 0;
  return len ? refuse(op, LWT_ENODATA) : give(op, 0);
}

static int answer_skip(struct lwt_reader *r, struct lwt__op *op, int end)
{
  size_t n = op->n < r->buffer.len ? op->n : r->buffer.len;

  take(r, n);
  op->n -= n;
  op->done += n;
  if (!op->n)
    return give(op, 0);
  return end ? refuse(op, op->done ? LWT_ENODATA : LWT_EOF) : 0;
}

static int answer_some(struct lwt_reader *r, struct lwt__op *op, int end)
{
  size_t n = op->n < r->buffer.len ? op->n : r->buffer.len;

  if (!n)
    return end ? give(op, 0) : 0;
  memcpy(op->to, r->buffer.bytes + r->buffer.start, n);
  take(r, n);
  return give(op, n);
}

/* Settle op and take it out of its lane, or return 0: it needs more bytes. */
static int answer(struct lwt_reader *r, struct lwt__op *op, int end)
{
  size_t len = r->buffer.len;

  switch (op->kind) {
  case LINE:
    return answer_line(r, op, end);
  case UNTIL:
    return answer_until(r, op, end);
  case SKIP:
    return answer_skip(r, op, end);
  case SOME:
    return answer_some(r, op, end);
  case PEEK:
    return len >= op->n || end ? give(op, len) : 0;
  case ALL:
    if (len > op->n)
      return refuse(op, LWT_EMSGSIZE);
    return end ? give_chunk(r, op, len, 0) : 0;
  default: /* EXACTLY, NUMBER */
    if (len < op->n)
      return end ? refuse(op, len ? LWT_ENODATA : LWT_EOF) : 0;
    if (op->kind == EXACTLY)
      return give_chunk(r, op, op->n, 0);
    lwt__number(op->to, r->buffer.bytes + r->buffer.start, op->n,
                (enum lwt_order)op->order);
    take(r, op->n);
    return give(op, 0);
  }
}

/* ---- Reading --------------------------------------------------------------- */

static void pump_with(struct lwt_reader *r, struct news news);

static void arrived(void *env, struct lwt_error error, void *value)
{
  struct lwt_reader *r = env;
  struct news news = { !error.code && !value, error };

  /* The flow's answer to our own cancel; another may have come meanwhile. */
  if (error.code == LWT_ECANCELED)
    news.error.code = 0;
  r->buffer.len += (size_t)value;
  pump_with(r, news);
}

static void rested(void *env, struct lwt_error error, void *value)
{
  (void)error, (void)value;
  pump_with(env, (struct news){ 0 });
}

/* Read behind what is there.  Returns 1 if that is pending. */
static int read_more(struct lwt_reader *r, unsigned *burst, struct news *news)
{
  size_t room = lwt__bytes_room(&r->buffer, r->limit + SLACK);
  lwt__pending_fn *done = arrived;
  lwt_t *p;

  if (!room) {
    news->error = (struct lwt_error){ LWT_ENOMEM, "lwt_reader" };
    return 0;
  }
  if ((*burst)++ == BURST) {
    p = lwt_pause();
    done = rested;
  } else {
    p = LWT_UNTYPED(lwt_flow_read(
      r->flow, r->buffer.bytes + r->buffer.start + r->buffer.len, room));
  }
  if (lwt_state(p) != LWT_PENDING) {
    news->error = lwt_error(p);
    r->buffer.len += (size_t)lwt_value(p);
    news->end = !news->error.code && !lwt_value(p) && done == arrived;
    lwt_drop(p);
    return 0;
  }
  if (!lwt__pending_wait(&r->pending, p, done, r))
    return 1;
  news->error = (struct lwt_error){ LWT_ENOMEM, "lwt_reader" };
  return 0;
}

/* Serve until something is pending or nothing is to be served. */
static void pump_with(struct lwt_reader *r, struct news news)
{
  int held = lwt__hold();
  unsigned burst = 0;
  struct lwt__op *op;

  while ((op = lwt__lane_front(&r->lane)) && !lwt_unwanted(&op->r)) {
    if (op->kind == OP_SECTION) {
      lwt__section_open(op);
    } else if (answer(r, op, news.end)) {
      news.end = 0;
    } else if (news.error.code) {
      lwt_reject(&op->r, news.error.code, news.error.what);
      lwt__lane_remove(op);
      news.error.code = 0;
    } else if (r->pending || read_more(r, &burst, &news)) {
      break;
    }
  }
  if (!op && r->pending)
    lwt__pending_cancel(r->pending);
  lwt__release(held);
}

static void pump(struct lwt_lane *root)
{
  pump_with((struct lwt_reader *)(void *)root, (struct news){ 0 });
}

/* ---- Operations ------------------------------------------------------------ */

static lwt_t *begin(struct lwt_reader *r, struct lwt__op op, const char *where)
{
  size_t limit = root_of(r)->limit;

  op.pump = pump;
  if (op.n > limit) {
    if (op.kind == EXACTLY || op.kind == PEEK)
      return lwt_fail_at(LWT_EMSGSIZE, "lwt_reader", where);
    if (op.kind == LINE || op.kind == UNTIL || op.kind == ALL)
      op.n = limit;
  }
  return lwt__lane_add(&r->lane, &op, where);
}

lwt_chunk_p *lwt_read_line(struct lwt_reader *r, size_t limit)
{
  return (lwt_chunk_p *)begin(r, (struct lwt__op){ .kind = LINE, .n = limit }, LWT_WHERE);
}

lwt_chunk_p *lwt_read_until(struct lwt_reader *r, const void *mark, size_t len,
                            size_t limit)
{
  if (!len || len > LWT_MARK_MAX)
    return lwt_chunk_p_fail(LWT_EINVAL, "lwt_read_until");
  return (lwt_chunk_p *)begin(
    r, (struct lwt__op){ .kind = UNTIL, .from = mark, .len = len, .n = limit },
    LWT_WHERE);
}

lwt_chunk_p *lwt_read_exactly(struct lwt_reader *r, size_t n)
{
  return (lwt_chunk_p *)begin(r, (struct lwt__op){ .kind = EXACTLY, .n = n }, LWT_WHERE);
}

lwt_chunk_p *lwt_read_all(struct lwt_reader *r, size_t limit)
{
  return (lwt_chunk_p *)begin(r, (struct lwt__op){ .kind = ALL, .n = limit }, LWT_WHERE);
}

lwt_size_p *lwt_read_some(struct lwt_reader *r, void *bytes, size_t len)
{
  if (!len)
    return lwt_size_p_fail(LWT_EINVAL, "lwt_read_some");
  return (lwt_size_p *)begin(r, (struct lwt__op){ .kind = SOME, .to = bytes, .n = len },
                             LWT_WHERE);
}

lwt_size_p *lwt_peek(struct lwt_reader *r, size_t n)
{
  return (lwt_size_p *)begin(r, (struct lwt__op){ .kind = PEEK, .n = n }, LWT_WHERE);
}

lwt_t *lwt_read_skip(struct lwt_reader *r, size_t n)
{
  return begin(r, (struct lwt__op){ .kind = SKIP, .n = n }, LWT_WHERE);
}

lwt_t *lwt_read_number_of(struct lwt_reader *r, enum lwt_order order, void *to,
                          size_t size)
{
  if (size != 1 && size != 2 && size != 4 && size != 8)
    return lwt_fail(LWT_EINVAL, "lwt_read_number");
  return begin(
    r, (struct lwt__op){ .kind = NUMBER, .to = to, .n = size, .order = (int)order },
    LWT_WHERE);
}

const void *lwt_reader_buffered(const struct lwt_reader *r, size_t *n)
{
  const struct lwt_io_bytes *b = &root_of(r)->buffer;

  *n = b->len;
  return b->len ? b->bytes + b->start : NULL;
}

uint64_t lwt_reader_position(const struct lwt_reader *r)
{
  return root_of(r)->position;
}

/* ---- Life and sections ----------------------------------------------------- */

void lwt_reader_init(struct lwt_reader *r, struct lwt_flow *flow, size_t limit)
{
  memset(r, 0, sizeof *r);
  r->lane.root = &r->lane;
  r->flow = flow;
  r->limit = limit ? limit : LIMIT;
  if (r->limit > SIZE_MAX / 4)
    r->limit = SIZE_MAX / 4;
  if (r->limit < sizeof(uint64_t))
    r->limit = sizeof(uint64_t);
}

void lwt_reader_fini(void *reader)
{
  struct lwt_reader *r = reader;
  char *bytes = r->buffer.bytes;
  int held = lwt__hold();

  r->buffer = (struct lwt_io_bytes){ NULL, 0, 0, 0 };
  lwt__pending_forget(&r->pending, bytes);
  lwt__lane_fail(&r->lane, LWT_ECONNABORTED, "lwt_reader_fini");
  lwt__release(held);
}

static lwt_t *enter(void (*body)(void), void *env, void *inner)
{
  return ((lwt_reader_fn *)body)(env, inner);
}

lwt_t *lwt_reader_atomic(struct lwt_reader *r, lwt_reader_fn *body, void *env)
{
  return lwt__section(&r->lane, sizeof(struct reader_section),
                      offsetof(struct reader_section, inner), pump, enter,
                      (void (*)(void))body, env);
}
