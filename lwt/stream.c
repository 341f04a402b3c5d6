/* stream.c - sources, their elements, and handles that read them one by one.
 * SPDX-License-Identifier: ISC
 *
 * Read streams.h first.  The model function is get_slow(): what a read does
 * when no element is there.
 */
#include "queue.h"
#include "streams.h"

#include <string.h>

static void *const GET = NULL, *const NEXT = (void *)1, *const PEEK = (void *)2;

const struct lwt_elements lwt_vec_elements = { lwt_vec_free, NULL };
const struct lwt_elements lwt_stream_elements = { lwt_stream_drop, NULL };

/* Sources without handles whose elements are to be dropped: a list keeps the
 * stack flat when a stream pulls from a stream that pulls from a stream ... */
static __thread struct source *dead;
static __thread uint8_t reaping;

static lwt__hook_fn pulled;

/* ---- Items --------------------------------------------------------------- */

/* Take the item that s is at.  Returns 0, or an error of the copy: the item
 * stays then. */
static int take(struct lwt_stream *s, struct item *out)
{
  struct source *src = s->src;
  struct item *it = lwt__slot(src, s->pos);
  int error;

  *out = *it;
  if (unlikely(it->readers > 1 && !it->code && src->type.copy) &&
      (error = src->type.copy(it->value, &out->value)))
    return error < 0 ? error : LWT_EINVAL;
  it->readers--;
  s->pos++;
  if (!it->readers)
    lwt__source_advance(src);
  return 0;
}

/* ---- Readers ------------------------------------------------------------- */

static lwt_t *at_end(const struct source *src, void *want, const char *where)
{
  if (src->end_code)
    return lwt_fail_at(src->end_code, src->end_what, where);
  if (want == NEXT)
    return lwt_fail_at(LWT_ENODATA, "lwt_stream_next", where);
  return lwt_return(LWT_NONE);
}

/* The first reader, p, gets what it wants from the item at s. */
static void serve_item(struct lwt_stream *s, struct promise *p)
{
  struct item it = *lwt__slot(s->src, s->pos);
  int error;

  if (p->fn != PEEK && (error = take(s, &it)))
    lwt__reject(p, error, "lwt_stream_get", p->where);
  else if (it.code)
    lwt__reject(p, it.code, it.value, p->where);
  else
    lwt__fulfill(p, it.value, p->fn == PEEK ? NULL : s->src->type.drop);
}

static void serve_end(const struct source *src, struct promise *p)
{
  if (src->end_code)
    lwt__reject(p, src->end_code, src->end_what, p->where);
  else if (p->fn == NEXT)
    lwt__reject(p, LWT_ENODATA, "lwt_stream_next", p->where);
  else
    lwt__fulfill(p, LWT_NONE, NULL);
}

static void serve_handle(struct lwt_stream *s)
{
  struct source *src = s->src;

  while (Q(&s->readers)->waiters && (lwt__stream_has(s) || src->flags & S_ENDED)) {
    struct promise *p = lwt__queue_pop(Q(&s->readers));

    if (lwt__stream_has(s))
      serve_item(s, p);
    else
      serve_end(src, p);
  }
}

/* Let waiting pushes in; returns whether there was one. */
static int admit(struct source *src)
{
  struct promise *p;
  lwt_drop_fn *drop;
  void *value;
  int any = 0;

  while (src->end - src->base < src->limit && (p = lwt__queue_pop(Q(&src->pushers)))) {
    value = p->fn;
    drop = (lwt_drop_fn *)p->env;
    p->flags &= (uint16_t)~F_OWNS;
    any = 1;
    if (!lwt__source_put(src, value, 0)) {
      lwt__fulfill(p, NULL, NULL);
    } else {
      lwt__reject(p, LWT_ENOMEM, "lwt_sink_push", p->where);
      lwt__drop_value(value, drop);
    }
  }
  return any;
}

void lwt__source_serve(struct source *src)
{
  struct lwt_stream *s;

  do {
    for (s = src->handles; s; s = s->next)
      serve_handle(s);
  } while (unlikely(Q(&src->pushers)->waiters) && admit(src));
}

/* ---- The end ------------------------------------------------------------- */

/* The last pull is over. */
static void release(struct source *src)
{
  lwt_call_fn *fn = src->release;

  src->pull = NULL;
  src->release = NULL;
  if (fn)
    fn(src->env);
}

static void refuse_pushers(struct source *src)
{
  struct promise *p;
  struct lwt_value v;

  while ((p = lwt__queue_pop(Q(&src->pushers)))) {
    v = (struct lwt_value){ p->fn, (lwt_drop_fn *)p->env };
    p->flags &= (uint16_t)~F_OWNS;
    lwt__reject(p, LWT_EPIPE, "lwt_sink_push", p->where);
    lwt__drop_value(v.value, v.drop);
  }
}

void lwt__source_end(struct source *src, int code, const char *what)
{
  struct promise *p;

  src->flags |= S_ENDED | S_CLOSED;
  src->end_code = code;
  src->end_what = what;
  while ((p = lwt__queue_pop(Q(&src->closers))))
    lwt__fulfill(p, NULL, NULL);
  refuse_pushers(src);
  release(src);
}

void lwt__source_unref(struct source *src)
{
  if (--src->refs)
    return;
  if (src->ring != src->small)
    lwt__free(src->ring);
  lwt__free(src);
}

/* Nobody can read any more. */
static void retire(struct source *src)
{
  struct promise *p;

  for (; src->base != src->end; src->base++) {
    struct item *it = lwt__slot(src, src->base);

    if (it->readers && !it->code)
      lwt__element_drop(src, it->value);
  }
  refuse_pushers(src);
  while ((p = lwt__queue_pop(Q(&src->closers))))
    lwt__reject(p, LWT_ECANCELED, lwt__canceled.what, NULL);
  if (src->flags & S_PULLING)
    lwt__sever(&src->hook.w);
  else if (!(src->flags & S_CALLING))
    release(src);
}

static void bury(struct source *src)
{
  src->refs++;
  src->dead = dead;
  dead = src;
  if (reaping)
    return;
  reaping = 1;
  while ((src = dead)) {
    dead = src->dead;
    retire(src);
    lwt__source_unref(src);
  }
  reaping = 0;
}

/* ---- Pulling ------------------------------------------------------------- */

static lwt_t *call_later(void *env, void *value)
{
  struct source *src = env;

  (void)value;
  return src->pull(src->env);
}

/* When too many pulls are nested, a stream of a stream of ..., from the queue. */
static inline lwt_t *call_pull(struct source *src)
{
  lwt_t *p;

  src->flags |= S_CALLING;
  if (likely(lwt__t.depth < MAX_DEPTH)) {
    lwt__t.depth++;
    p = src->pull(src->env);
    lwt__t.depth--;
  } else {
    p = lwt_bind(lwt_return(NULL), call_later, src);
  }
  src->flags &= (uint8_t)~S_CALLING;
  return p;
}

/* What a pull gave. */
static void store(struct source *src, const struct outcome *o)
{
  int failed = 0;

  if (!src->nhandles) {
    if (o->state == LWT_FULFILLED && o->value != LWT_NONE)
      lwt__element_drop(src, o->value);
    release(src);
    return;
  }
  if (o->state == LWT_REJECTED)
    failed = lwt__source_put(src, (void *)(uintptr_t)o->what, (int)o->code);
  else if (o->value != LWT_NONE)
    failed = lwt__source_put(src, o->value, 0);
  assert(!failed); /* there was room before the pull */
  (void)failed;
  if (src->flags & S_ONCE || (o->state == LWT_FULFILLED && o->value == LWT_NONE))
    lwt__source_end(src, 0, NULL);
}

static void await_pull(struct source *src, struct promise *p)
{
  src->flags |= S_PULLING;
  src->refs++;
  lwt__hook(p, &src->hook.w);
  if (!src->nhandles)
    lwt__sever(&src->hook.w);
}

int lwt__source_accept(struct source *src, lwt_t *p)
{
  struct outcome o = { .state = LWT_FULFILLED };

  if (!p)
    o = (struct outcome){ .state = LWT_REJECTED, .what = "pull", .code = LWT_EINVAL };
  else if (lwt__is_inline(p))
    o.value = lwt__inline_value(p);
  else if (P(p)->state != LWT_PENDING)
    lwt__take_over(P(p), &o);
  else {
    await_pull(src, P(p));
    return 0;
  }
  store(src, &o);
  return 1;
}

static int wanted(const struct source *src)
{
  const struct lwt_stream *s;

  for (s = src->handles; s; s = s->next)
    if (Q((struct lwt_queue *)(uintptr_t)&s->readers)->waiters)
      return 1;
  return 0;
}

static void reject_readers(struct lwt_stream *s, int code, const char *what)
{
  struct promise *p;

  while ((p = lwt__queue_pop(Q(&s->readers))))
    lwt__reject(p, code, what, p->where);
}

/* Pull as long as somebody waits. */
static void pull(struct source *src)
{
  struct lwt_stream *s;

  while (src->pull && !(src->flags & (S_ENDED | S_CALLING | S_PULLING)) && wanted(src)) {
    if (lwt__source_reserve(src)) {
      for (s = src->handles; s; s = s->next)
        reject_readers(s, LWT_ENOMEM, "lwt_stream_get");
      return;
    }
    if (!lwt__source_accept(src, call_pull(src)))
      return;
    lwt__source_serve(src);
  }
}

static void pulled(struct promise *p, struct promise *source)
{
  struct source *src = (struct source *)(void *)p;
  struct outcome o;

  src->flags &= (uint8_t)~S_PULLING;
  lwt__take_over(source, &o);
  store(src, &o);
  lwt__source_serve(src);
  pull(src);
  lwt__source_unref(src);
}

/* ---- Reading one element ------------------------------------------------- */

/* The item at s in a promise. */
static lwt_t *take_promise(struct lwt_stream *s, void *want, const char *where)
{
  struct source *src = s->src;
  struct promise *node = NULL;
  struct item it = *lwt__slot(src, s->pos);
  int error = 0;

  if (want == PEEK)
    return it.code ? lwt_fail_at(it.code, it.value, where) : lwt_return(it.value);
  if ((src->type.drop || it.code) && !(node = lwt__node(sizeof *node, K_VALUE, where)))
    return lwt__oom();
  if ((error = take(s, &it)))
    it = (struct item){ (void *)(uintptr_t)"lwt_stream_get", 0, error };
  if (!node && !it.code) {
    node = P(lwt_return(it.value));
  } else if (!node) {
    node = P(lwt_fail_at(it.code, it.value, where));
  } else if (it.code) {
    lwt__reject(node, it.code, it.value, where);
  } else {
    lwt__fulfill(node, it.value, src->type.drop);
  }
  if (Q(&src->pushers)->waiters)
    lwt__source_serve(src);
  return H(node);
}

/* What the pull gave may go straight to the only reader that there is. */
static int straight(const struct lwt_stream *s, lwt_t *p)
{
  if (!p || s->src->nhandles != 1 || s->dropped || lwt__stream_has(s) ||
      Q((struct lwt_queue *)(uintptr_t)&s->readers)->waiters)
    return 0;
  if (lwt__is_inline(p))
    return lwt__inline_value(p) != LWT_NONE;
  return P(p)->state != LWT_PENDING && lwt__movable(P(p)) &&
         (P(p)->state == LWT_REJECTED || P(p)->drop == s->src->type.drop);
}

static lwt_t *wait_for(struct lwt_stream *s, void *want, const char *where)
{
  lwt_t *p = lwt__wait_in(Q(&s->readers), want, NULL, where);

  if (likely(p != lwt__oom()))
    pull(s->src);
  return p;
}

/* No element is there, or others wait already. */
static lwt_t *read_held(struct lwt_stream *s, void *want, const char *where)
{
  struct source *src = s->src;
  lwt_t *p;

  if (Q(&s->readers)->waiters)
    return wait_for(s, want, where);
  if (lwt__stream_has(s))
    return take_promise(s, want, where);
  if (src->pull && want == GET && !(src->flags & (S_CALLING | S_PULLING)) &&
      !lwt__source_reserve(src)) {
    p = call_pull(src);
    if (likely(straight(s, p)))
      return p;
    lwt__source_accept(src, p);
    lwt__source_serve(src);
  }
  if (s->dropped)
    return H(&lwt__canceled);
  if (lwt__stream_has(s) && !Q(&s->readers)->waiters)
    return take_promise(s, want, where);
  if (src->flags & S_ENDED)
    return at_end(src, want, where);
  return wait_for(s, want, where);
}

static lwt_t *get_slow(struct lwt_stream *s, void *want, const char *where)
{
  struct source *src;
  lwt_t *p;
  int held;

  if (!s)
    return lwt__oom();
  src = s->src;
  held = lwt__hold();
  src->refs++;
  s->pins++;
  p = s->dropped ? H(&lwt__canceled) : read_held(s, want, where);
  lwt__stream_unpin(s);
  lwt__source_unref(src);
  lwt__release(held);
  return p;
}

lwt_t *lwt_stream_get_at(struct lwt_stream *s, const char *where)
{
  struct source *src;
  struct item *it;

  if (likely(s && s->pos != s->src->end)) {
    src = s->src;
    it = lwt__slot(src, s->pos);
    /* the only handle; as good as nothing to free, to copy, to wait for */
    if (likely(it->readers == 1 && s->pos == src->base && !it->code &&
               !src->type.drop && !Q(&s->readers)->waiters &&
               !Q(&src->pushers)->waiters && src->mask < LWT__RING_LARGE)) {
      it->readers = 0;
      src->base = ++s->pos;
      return lwt_return(it->value);
    }
  }
  return get_slow(s, GET, where);
}

lwt_t *lwt_stream_next_at(struct lwt_stream *s, const char *where)
{
  return get_slow(s, NEXT, where);
}

lwt_t *lwt_stream_peek_at(struct lwt_stream *s, const char *where)
{
  return get_slow(s, PEEK, where);
}

int lwt_stream_try_get(struct lwt_stream *s, void **value)
{
  struct item it;
  int error, held;

  if (!s)
    return LWT_ENOMEM;
  if (s->dropped || !lwt__stream_has(s))
    return s->dropped ? LWT_ECANCELED : 0;
  held = lwt__hold();
  error = take(s, &it);
  if (!error && Q(&s->src->pushers)->waiters)
    lwt__source_serve(s->src);
  lwt__release(held);
  if (error || it.code)
    return error ? error : it.code;
  *value = it.value;
  return 1;
}

/* ---- Putting back -------------------------------------------------------- */

static void unget(struct lwt_stream *s, void *value)
{
  struct source *src = s->src;
  struct item *it;

  if (s->dropped || (s->pos == src->base && lwt__source_reserve(src))) {
    lwt__element_drop(src, value);
    return;
  }
  if (s->pos == src->base) {
    src->base--;
    lwt__slot(src, src->base)->readers = 0;
  }
  it = lwt__slot(src, --s->pos);
  if (it->readers++) {
    /* Other handles have still to read it: ours was a copy. */
    if (src->type.copy)
      lwt__element_drop(src, value);
  } else {
    it->value = value;
    it->code = 0;
  }
}

void lwt__stream_unget(struct lwt_stream *s, void *value)
{
  int held = lwt__hold();

  unget(s, value);
  if (!s->dropped)
    serve_handle(s);
  lwt__release(held);
}

void lwt__stream_unget_vec(struct lwt_stream *s, struct lwt_vec *vec)
{
  int held = lwt__hold();

  while (vec && vec->n)
    unget(s, vec->v[--vec->n].value);
  lwt_vec_free(vec);
  if (!s->dropped)
    serve_handle(s);
  lwt__release(held);
}

void lwt__stream_unget_look(struct lwt_stream *s, struct lwt_vec *vec)
{
  int held = lwt__hold();
  size_t i;

  for (i = vec->n; i-- > 0;) {
    unget(s, vec->v[i].value);
    if (lwt__stream_has(s))
      vec->v[i].value = lwt__slot(s->src, s->pos)->value;
    vec->v[i].drop = NULL;
  }
  if (!s->dropped)
    serve_handle(s);
  lwt__release(held);
}

/* ---- Handles ------------------------------------------------------------- */

static void link_handle(struct source *src, struct lwt_stream *s, uint64_t pos)
{
  *s = (struct lwt_stream){ .src = src, .pos = pos, .next = src->handles };
  if (s->next)
    s->next->prev = s;
  src->handles = s;
  src->nhandles++;
  src->refs++;
}

struct source *lwt__source_new(const struct lwt_elements *type)
{
  struct source *src = lwt__alloc(sizeof *src);

  if (!src)
    return NULL;
  memset(src, 0, sizeof *src);
  lwt__node_init(&src->hook, K_HOOK, NULL, 1);
  src->hook.fn = (void *)pulled;
  if (type)
    src->type = *type;
  src->ring = src->small;
  src->mask = sizeof src->small / sizeof *src->small - 1;
  src->base = src->end = (uint64_t)1 << 62;
  src->limit = LWT_UNLIMITED;
  link_handle(src, &src->first, src->base);
  return src;
}

struct lwt_stream *lwt_stream_clone(struct lwt_stream *s)
{
  struct source *src = s ? s->src : NULL;
  struct lwt_stream *clone;
  uint64_t i;

  if (!s || s->dropped || (src->type.drop && !src->type.copy) ||
      !(clone = lwt__alloc(sizeof *clone)))
    return NULL;
  link_handle(src, clone, s->pos);
  for (i = s->pos; i != src->end; i++)
    lwt__slot(src, i)->readers++;
  return clone;
}

void lwt__stream_unpin(struct lwt_stream *s)
{
  struct source *src = s->src;

  if (--s->pins || !s->dropped)
    return;
  if (s != &src->first)
    lwt__free(s);
  lwt__source_unref(src);
}

void lwt__stream_skip(struct lwt_stream *s)
{
  struct source *src = s->src;
  struct item *it = lwt__slot(src, s->pos++), last = *it;

  if (--it->readers)
    return;
  lwt__source_advance(src);
  if (!last.code)
    lwt__element_drop(src, last.value);
  if (Q(&src->pushers)->waiters)
    lwt__source_serve(src);
}

void lwt_stream_drop(void *stream)
{
  struct lwt_stream *s = stream;
  struct source *src;
  uint64_t end;
  int held;

  if (!s || s->dropped)
    return;
  src = s->src;
  end = src->end; /* what is put from now on is not for s */
  held = lwt__hold();
  s->pins++;
  s->dropped = 1;
  if (s->next)
    s->next->prev = s->prev;
  if (s->prev)
    s->prev->next = s->next;
  else
    src->handles = s->next;
  reject_readers(s, LWT_ECANCELED, lwt__canceled.what);
  if (--src->nhandles)
    while (s->pos != end)
      lwt__stream_skip(s);
  else
    bury(src);
  lwt__stream_unpin(s);
  lwt__release(held);
}

int lwt_stream_is_closed(const struct lwt_stream *s)
{
  return s && (s->src->flags & S_CLOSED);
}

lwt_t *lwt_stream_closed_at(struct lwt_stream *s, const char *where)
{
  if (!s)
    return lwt__oom();
  if (s->src->flags & S_CLOSED)
    return lwt_return(NULL);
  return lwt__wait_in(Q(&s->src->closers), NULL, NULL, where);
}
