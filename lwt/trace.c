/* trace.c - a trace in the Chrome trace-event format.
 * SPDX-License-Identifier: ISC
 *
 * Each event is a line that ends in a comma; the last one says that the trace
 * ends, and is followed by the bracket.  Threads have buffers of their own and
 * may share a file: one fwrite() is a piece, and stdio keeps pieces whole.
 *
 * A span is open while its note says so; the note ends it if nobody else does.
 */
#include "internal.h"

#include <lwt/trace.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 65536u
#define EVENT 2048u /* the longest */

struct tracer {
  lwt_trace_fn *sink;
  void *env;
  uint64_t spans; /* numbers given */
  unsigned track, open; /* open: begun on the track, not ended */
  int failed, shared, stopping;
  uint64_t now; /* of the last event */
  size_t len;
  char buf[ROOM];
};

static atomic_uint tracks = 1;

/* ---- Writing ------------------------------------------------------------------ */

static void flush(struct tracer *t)
{
  if (t->len && !t->failed && t->sink(t->env, t->buf, t->len))
    t->failed = 1;
  t->len = 0;
}

__attribute__((format(printf, 2, 3))) static void put(struct tracer *t,
                                                      const char *format, ...)
{
  va_list ap;
  int n;

  va_start(ap, format);
  n = vsnprintf(t->buf + t->len, ROOM - t->len, format, ap);
  va_end(ap);
  if (n > 0 && (size_t)n < ROOM - t->len)
    t->len += (size_t)n;
}

/* n bytes at most, as the inside of a JSON string. */
static void put_text(struct tracer *t, const char *s, size_t n)
{
  for (; s && *s && n; s++, n--)
    if (*s == '"' || *s == '\\')
      put(t, "\\%c", *s);
    else if ((unsigned char)*s < ' ' || (unsigned char)*s >= 127)
      put(t, "\\u00%02x", (unsigned char)*s);
    else
      t->buf[t->len++] = *s;
}

/* What all events have; the caller goes on behind it. */
static struct tracer *event(const char *phase, const char *category, const char *name)
{
  struct tracer *t = lwt__t.tracer;

  /* At the end there may be no engine, and none is to be made. */
  if (!t->stopping || lwt__t.engine)
    t->now = lwt_now();
  if (ROOM - t->len < EVENT)
    flush(t);
  t->open += *phase == 'B';
  t->open -= *phase == 'E' && t->open;
  put(t, "{\"ph\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":%llu.%03u,\"cat\":\"", phase,
      t->track, (unsigned long long)(t->now / 1000), (unsigned)(t->now % 1000));
  put_text(t, category, 20);
  put(t, "\",\"name\":\"");
  put_text(t, name, LWT_NAME_MAX);
  put(t, "\"");
  return t;
}

static void put_end(struct tracer *t)
{
  put(t, "},\n");
}

/* The end of it, where the number of the line is. */
static const char *tail(const char *where)
{
  size_t n = where ? strlen(where) : 0;

  return n > 80 ? where + n - 80 : where;
}

static void put_where(struct tracer *t, const char *where, const char *resumed)
{
  put(t, ",\"args\":{\"where\":\"");
  put_text(t, tail(where), 80);
  if (resumed) {
    put(t, "\",\"resumed\":\"");
    put_text(t, tail(resumed), 80);
  }
  put(t, "\"}");
  put_end(t);
}

/* ---- Spans -------------------------------------------------------------------- */

/* The name of p: its own, the function of a frame, or what it is. */
static const char *name_of(const struct promise *p, const struct note *note, char *buf)
{
  unsigned kind = note && note->span ? note->kind : p->kind;
  const char *from, *to;
  size_t n;

  if (note && note->name)
    return note->name;
  if (kind != K_FRAME || !p->where || !(from = strchr(p->where, '(')) ||
      !(to = strrchr(from, ')')))
    return lwt__kind_name(kind);
  n = (size_t)(to - from) - 1;
  if (n > LWT_NAME_MAX)
    n = LWT_NAME_MAX;
  memcpy(buf, from + 1, n);
  buf[n] = 0;
  return buf;
}

static void span(struct promise *p)
{
  struct note *note = lwt__note_make(p);
  char buf[LWT_NAME_MAX + 1];
  struct tracer *t;

  if (!note || note->span)
    return;
  note->span = ++lwt__t.tracer->spans;
  note->kind = p->kind;
  t = event("b", lwt__kind_name(p->kind), name_of(p, note, buf));
  put(t, ",\"id\":\"%u.%llu\"", t->track, (unsigned long long)note->span);
  put_where(t, p->where, NULL);
}

static void span_end(struct note *note)
{
  char buf[LWT_NAME_MAX + 1];
  struct tracer *t;

  if (lwt__t.tracer) {
    t = event("e", lwt__kind_name(note->kind), name_of(note->p, note, buf));
    put(t, ",\"id\":\"%u.%llu\"", t->track, (unsigned long long)note->span);
    put_end(t);
  }
  note->span = 0;
}

static void end_of(const struct promise *p)
{
  struct note *note = lwt__note(p);

  if (note && note->span)
    span_end(note);
}

/* The callback behind w begins: what it waited for is over. */
static void begin_call(struct traced *c, struct waiter *w, const struct lwt_stall *call)
{
  struct promise *p = lwt__owner(w);
  struct note *note = lwt__note(p);
  char buf[LWT_NAME_MAX + 1];

  end_of(lwt__source(w));
  c->p = p;
  c->span = note && p->kind == K_FRAME ? note->span : 0;
  if (!c->span && note && note->span)
    span_end(note);
  put_where(event("B", "call", name_of(p, note, buf)), call->where, call->resumed);
}

static void called(const struct traced *c)
{
  struct note *note;

  if (!lwt__t.tracer)
    return;
  put_end(event("E", "call", ""));
  if (c->span && (note = lwt__note(c->p)) && note->span == c->span &&
      c->p->state != LWT_PENDING)
    span_end(note);
}

/* ---- What others say ------------------------------------------------------------ */

static void mark(const char *phase, const char *category, const char *name)
{
  put_end(event(phase, category, name));
}

static void instant(const char *category, const char *name, int64_t value)
{
  put(event("i", category, name), ",\"s\":\"t\",\"args\":{\"value\":%lld}},\n",
      (long long)value);
}

static int wait(struct lwt_engine *engine, uint64_t deadline, size_t resumed)
{
  int error;

  put(event("C", "loop", "loop"),
      ",\"args\":{\"resumed\":%zu,\"timers\":%zu,\"promises\":%zu}},\n", resumed,
      lwt__t.timers, lwt__t.live);
  mark("B", "loop", "wait");
  error = engine->wait(engine, deadline);
  lwt_trace_end("loop", "wait"); /* it may be over */
  return error;
}

/* ---- Beginning and end ----------------------------------------------------------- */

static const struct trace_ops ops = { span, begin_call, called, wait, mark, instant,
                                      span_end, lwt_trace_stop };

int lwt__trace_start(lwt_trace_fn *sink, void *env, int shared, int first)
{
  struct tracer *t;

  if (lwt__t.tracer)
    return LWT_EBUSY;
  if (!(t = lwt__alloc(sizeof *t)))
    return LWT_ENOMEM;
  t->sink = sink;
  t->env = env;
  t->shared = shared;
  t->stopping = 0;
  t->now = 0;
  t->failed = 0;
  t->spans = 0;
  t->open = 0;
  t->len = 0;
  t->track = atomic_fetch_add(&tracks, 1);
  lwt__t.tracer = t;
  lwt__t.trace = &ops;
  lwt__t.watch |= WATCH_TRACE;
  if (first)
    put(t, "[\n");
  put(t, "{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\",\"args\":{\"name\":"
      "\"loop %u\"}},\n", t->track, t->track);
  return 0;
}

int lwt_trace_to(lwt_trace_fn *sink, void *env)
{
  return lwt__trace_start(sink, env, 0, 1);
}

static int to_file(void *file, const void *bytes, size_t len)
{
  return fwrite(bytes, 1, len, file) != len || fflush(file);
}

int lwt_trace_file(FILE *file)
{
  return lwt__trace_start(to_file, file, 0, 1);
}

/* The spans that are open end here; the note of each promise forgets its own. */
int lwt_trace_stop(void)
{
  struct tracer *t = lwt__t.tracer;
  int failed;

  if (!t)
    return LWT_ENOENT;
  t->stopping = 1;
  lwt__notes_end_spans();
  while (t->open)
    put_end(event("E", "call", ""));
  if (!t->shared) {
    event("i", "loop", "end");
    put(t, ",\"s\":\"t\"}\n]\n");
  }
  flush(t);
  failed = t->failed;
  lwt__t.tracer = NULL;
  lwt__t.watch &= (uint8_t)~WATCH_TRACE;
  lwt__free(t);
  return failed ? LWT_EIO : 0;
}
