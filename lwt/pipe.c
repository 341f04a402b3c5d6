/* lwt/pipe.c - two connected flows in memory, and moving one flow into another.
 * SPDX-License-Identifier: ISC
 *
 * A pipe is two halves, one for each direction.  In a half, bytes wait in a
 * chain of slices for the reader; a write that does not fit waits with the rest
 * of its bytes.  pump() moves what can be moved and settles who can be settled.
 * Every operation runs held, so that nobody's callback finds a half at work;
 * a pipe goes when both ends were given up and nobody waits for a close.
 */
#include "memory.h"

#include <lwt/flow.h>
#include <string.h>

#define SPLICE_MAX 65536

enum { CLOSED = 1, ABORTED };

struct half {
  /* what was written and not read */
  struct lwt_buf *first, *last;
  uint32_t room; /* behind the bytes of `last`, for small writes */
  size_t len, capacity;
  /* the pending write: bytes or a chain */
  struct lwt_resolver writer;
  const uint8_t *bytes;
  size_t left;
  struct lwt_buf *chain;
  /* the pending read */
  struct lwt_resolver reader;
  uint8_t *into; /* NULL: read_buf */
  size_t want;
  struct lwt_resolver closer;
  uint8_t ended;   /* nothing more will be written */
  uint8_t deaf;    /* nobody reads any more: CLOSED or ABORTED */
  uint8_t lost;    /* and some bytes were not read */
  uint8_t aborted; /* the writer is gone without an end */
};

struct end {
  struct lwt_flow flow;
  struct pipe *pipe;
  struct half *in, *out;
};

struct pipe {
  struct end end[2];
  struct half half[2];
  unsigned held_ends;
};

/* ---- The bytes that wait ----------------------------------------------- */

static void put_chain(struct half *h, struct lwt_buf *chain)
{
  h->len += chain->total;
  if (h->first)
    h->last->next = chain;
  else
    h->first = chain;
  while (chain->next)
    chain = chain->next;
  h->last = chain;
  h->room = 0;
}

/* Copy n bytes in.  Returns 0 or LWT_ENOMEM. */
static int put_bytes(struct half *h, const uint8_t *bytes, size_t n)
{
  size_t part = h->first && lwt_buf_writable(h->last) ? h->room : 0;
  struct lwt_buf *chain;
  uint32_t room;

  if (part > n)
    part = n;
  if (part) {
    memcpy(h->last->data + h->last->len, bytes, part);
    h->last->len += (uint32_t)part;
    h->room -= (uint32_t)part;
    h->len += part;
  }
  if (part == n)
    return 0;
  chain = lwt_buf_copy_in(0, bytes + part, (uint32_t)(n - part));
  if (!chain)
    return LWT_ENOMEM;
  room = LWT_PAGE_SIZE - (uint32_t)((n - part - 1) % LWT_PAGE_SIZE + 1);
  put_chain(h, chain);
  h->room = room;
  return 0;
}

static void drop_bytes(struct half *h)
{
  lwt_buf_free(h->first);
  h->first = h->last = NULL;
  h->len = 0;
  h->room = 0;
}

/* Take up to n bytes, at least one, as a chain; NULL when memory is out. */
static struct lwt_buf *take(struct half *h, size_t n)
{
  struct lwt_buf *head = h->first, *slice = head, *before = NULL, *part;
  size_t got = 0;

  while (slice && got + slice->len <= n) {
    got += slice->len;
    before = slice;
    slice = slice->next;
  }
  h->first = slice;
  if (before)
    before->next = NULL;
  if (!slice) {
    h->last = NULL;
    h->room = 0;
  } else if (got < n) {
    slice->total = slice->len;
    part = lwt_buf_slice(slice, 0, (uint32_t)(n - got));
    if (part) {
      lwt_buf_pull(slice, part->len);
      got += part->len;
      if (before)
        before->next = part;
      else
        head = part;
    } else if (!before) {
      return NULL;
    }
  }
  h->len -= got;
  head->total = (uint32_t)got;
  return head;
}

/* Copy up to n bytes out. */
static size_t take_bytes(struct half *h, uint8_t *to, size_t n)
{
  struct lwt_buf *slice;
  size_t part, got = 0;

  while ((slice = h->first) && got < n) {
    part = slice->len < n - got ? slice->len : n - got;
    memcpy(to + got, slice->data, part);
    got += part;
    slice->data += part;
    slice->len -= (uint32_t)part;
    if (!slice->len) {
      h->first = slice->next;
      slice->next = NULL;
      lwt_buf_free(slice);
    }
  }
  if (!h->first) {
    h->last = NULL;
    h->room = 0;
  }
  h->len -= got;
  return got;
}

/* ---- Moving ------------------------------------------------------------ */

static void writer_done(struct half *h, int error)
{
  lwt_buf_free(h->chain);
  h->chain = NULL;
  h->bytes = NULL;
  h->left = 0;
  if (error)
    lwt_reject(&h->writer, error, "pipe_write");
  else
    lwt_fulfill(&h->writer, NULL);
}

/* From the pending write to the bytes that wait. */
static void pump_writer(struct half *h)
{
  size_t space = h->capacity - h->len, n;
  struct lwt_buf *part;
  int error = 0;

  if (!h->writer.lwt_private)
    return;
  if (lwt_unwanted(&h->writer)) {
    writer_done(h, 0);
    return;
  }
  n = h->chain ? h->chain->total : h->left;
  if (n > space)
    n = space;
  if (n && h->bytes) {
    error = put_bytes(h, h->bytes, n);
    h->bytes += n;
    h->left -= n;
  } else if (n && n == h->chain->total) {
    put_chain(h, h->chain);
    h->chain = NULL;
  } else if (n) {
    part = lwt_buf_slice(h->chain, 0, (uint32_t)n);
    if (part) {
      h->chain = lwt_buf_pull(h->chain, (uint32_t)n);
      put_chain(h, part);
    } else {
      error = LWT_ENOMEM;
    }
  }
  if (error || (!h->chain && !h->left))
    writer_done(h, error);
}

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

/* From the bytes that wait to the pending read. */
static void pump_reader(struct half *h)
{
  struct lwt_buf *chain;

  if (!h->reader.lwt_private)
    return;
  if (lwt_unwanted(&h->reader)) {
    lwt_abandon(&h->reader);
  } else if (h->aborted) {
    lwt_reject(&h->reader, LWT_ECONNRESET, "pipe_read");
  } else if (h->len && h->into) {
    lwt_fulfill(&h->reader, (void *)take_bytes(h, h->into, h->want));
  } else if (h->len) {
    chain = take(h, h->want);
    if (chain)
      lwt_fulfill_owned(&h->reader, chain, drop_chain);
    else
      lwt_reject(&h->reader, LWT_ENOMEM, "pipe_read");
  } else if (h->ended) {
    lwt_fulfill(&h->reader, NULL);
  }
}

static void pump(struct half *h)
{
  pump_writer(h);
  pump_reader(h);
  pump_writer(h);
  if (!h->len)
    lwt_fulfill(&h->closer, NULL);
}

/* ---- Operations -------------------------------------------------------- */

static lwt_t *start_read(struct end *end, void *into, size_t want)
{
  struct half *h = end->in;
  int held;
  lwt_t *p;

  if (!lwt_unwanted(&h->reader))
    return lwt_fail(LWT_EBUSY, "pipe_read");
  lwt_abandon(&h->reader);
  held = lwt__hold();
  p = lwt_task(&h->reader);
  h->into = into;
  h->want = want;
  pump(h);
  lwt__release(held);
  return p;
}

static lwt_size_p *pipe_read(struct lwt_flow *flow, void *bytes, size_t len)
{
  if (!len)
    return lwt_size_p_fail(LWT_EINVAL, "pipe_read");
  return (lwt_size_p *)start_read((struct end *)flow, bytes, len);
}

static lwt_buf_p *pipe_read_buf(struct lwt_flow *flow, size_t max)
{
  if (!max)
    return lwt_buf_p_fail(LWT_EINVAL, "pipe_read");
  return (lwt_buf_p *)start_read((struct end *)flow, NULL,
                                 max < UINT32_MAX ? max : UINT32_MAX);
}

/* Why nothing can be written; 0 if it can. */
static int cannot_write(const struct half *h)
{
  if (h->deaf)
    return h->deaf == ABORTED ? LWT_ECONNRESET : LWT_EPIPE;
  if (h->ended)
    return LWT_EPIPE;
  return h->writer.lwt_private && !lwt_unwanted(&h->writer) ? LWT_EBUSY : 0;
}

/* Takes chain. */
static lwt_t *start_write(struct end *end, const void *bytes, size_t len,
                          struct lwt_buf *chain)
{
  struct half *h = end->out;
  int held, error = cannot_write(h);
  lwt_t *p;

  if (error || (!bytes && !chain->total) || (bytes && !len)) {
    lwt_buf_free(chain);
    return error ? lwt_fail(error, "pipe_write") : lwt_return(NULL);
  }
  held = lwt__hold();
  pump_writer(h); /* lets go of one that was cancelled */
  p = lwt_task(&h->writer);
  if (h->writer.lwt_private) {
    h->bytes = bytes;
    h->left = bytes ? len : 0;
    h->chain = chain;
    pump(h);
  } else {
    lwt_buf_free(chain);
  }
  lwt__release(held);
  return p;
}

static lwt_t *pipe_write(struct lwt_flow *flow, const void *bytes, size_t len)
{
  return start_write((struct end *)flow, bytes ? bytes : "", len, NULL);
}

static lwt_t *pipe_write_buf(struct lwt_flow *flow, struct lwt_buf *chain)
{
  return start_write((struct end *)flow, NULL, 0, chain);
}

static lwt_t *pipe_shutdown(struct lwt_flow *flow)
{
  struct half *h = ((struct end *)flow)->out;
  int held;

  if (h->writer.lwt_private && !lwt_unwanted(&h->writer))
    return lwt_fail(LWT_EBUSY, "pipe_shutdown");
  if (h->deaf == ABORTED)
    return lwt_fail(LWT_ECONNRESET, "pipe_shutdown");
  held = lwt__hold();
  h->ended = 1;
  pump(h);
  lwt__release(held);
  return lwt_return(NULL);
}

/* Nobody will read from this half any more. */
static void stop_reading(struct half *h, uint8_t how)
{
  h->lost = h->len || h->chain || h->left;
  lwt_reject(&h->reader, LWT_ECONNABORTED, "pipe_read");
  h->deaf = how;
  drop_bytes(h);
  if (h->writer.lwt_private)
    writer_done(h, how == ABORTED ? LWT_ECONNRESET : LWT_EPIPE);
  if (h->lost)
    lwt_reject(&h->closer, LWT_ECONNRESET, "pipe_close");
  else
    lwt_fulfill(&h->closer, NULL);
}

static void give_up(struct end *end)
{
  if (--end->pipe->held_ends)
    return;
  drop_bytes(&end->pipe->half[0]);
  drop_bytes(&end->pipe->half[1]);
  lwt__free(end->pipe);
}

static lwt_t *pipe_close(struct lwt_flow *flow)
{
  struct end *end = (struct end *)flow;
  struct half *h = end->out;
  int held = lwt__hold();
  lwt_t *p;

  if (h->writer.lwt_private)
    writer_done(h, LWT_ECONNABORTED);
  stop_reading(end->in, CLOSED);
  h->ended = 1;
  if (h->len) {
    p = lwt_wait(&h->closer);
    pump(h);
  } else {
    pump(h);
    p = h->lost || h->deaf == ABORTED ? lwt_fail(LWT_ECONNRESET, "pipe_close")
                                      : lwt_return(NULL);
  }
  give_up(end);
  lwt__release(held);
  return p;
}

static void pipe_abort(struct lwt_flow *flow)
{
  struct end *end = (struct end *)flow;
  struct half *h = end->out;
  int held = lwt__hold();

  if (h->writer.lwt_private)
    writer_done(h, LWT_ECONNABORTED);
  stop_reading(end->in, ABORTED);
  if (!h->ended || h->len) {
    drop_bytes(h);
    h->aborted = 1;
  }
  pump(h);
  give_up(end);
  lwt__release(held);
}

static struct lwt_addr pipe_addr(struct lwt_flow *flow)
{
  (void)flow;
  return (struct lwt_addr){ 0 };
}

static const struct lwt_flow_ops pipe_ops = {
  .read = pipe_read,
  .read_buf = pipe_read_buf,
  .write = pipe_write,
  .write_buf = pipe_write_buf,
  .shutdown = pipe_shutdown,
  .close = pipe_close,
  .abort = pipe_abort,
  .peer = pipe_addr,
  .local = pipe_addr,
};

int lwt_pipe(struct lwt_flow *ends[2], size_t capacity)
{
  struct pipe *pipe = lwt__alloc(sizeof *pipe);
  int i;

  if (!pipe)
    return LWT_ENOMEM;
  memset(pipe, 0, sizeof *pipe);
  pipe->held_ends = 2;
  for (i = 0; i < 2; i++) {
    pipe->half[i].capacity = capacity ? capacity : 1;
    if (pipe->half[i].capacity > UINT32_MAX / 2)
      pipe->half[i].capacity = UINT32_MAX / 2;
    pipe->end[i] = (struct end){
      { &pipe_ops }, pipe, &pipe->half[i], &pipe->half[!i]
    };
    ends[i] = &pipe->end[i].flow;
  }
  return 0;
}

/* ---- Splice ------------------------------------------------------------ */

struct splice {
  struct lwt_frame frame;
  struct lwt_flow *from, *to;
  struct lwt_buf *chain;
  size_t n;
};

LWT_STEP splice_step(struct lwt_frame *frame)
{
  struct splice *s = (struct splice *)frame;

  lwt_begin(s);
  for (;;) {
    lwt_await(s, &s->chain, lwt_flow_read_buf(s->from, SPLICE_MAX));
    if (!s->chain)
      break;
    s->n += s->chain->total;
    lwt_await(s, lwt_flow_write_buf(s->to, s->chain));
  }
  lwt_await(s, lwt_flow_shutdown(s->to));
  lwt_finish(s, s->n);
  lwt_end(s);
}

lwt_size_p *lwt_flow_splice(struct lwt_flow *from, struct lwt_flow *to)
{
  return (lwt_size_p *)LWT_GO(struct splice, splice_step, .from = from, .to = to);
}
