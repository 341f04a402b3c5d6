/* select.c - one of several things, and the others as if not begun.
 * SPDX-License-Identifier: ISC
 *
 * If no case can happen at once, a struct select is made: a promise with an
 * entry for each case, hooked into a queue of a channel, or into the promise
 * that the case waits for (a timer is one of our own).  It is a leaf for cancel.
 * The first entry that is served takes the others out.  Those whose promise has
 * settled meanwhile are in the ready queue already, and keep the memory, by
 * F_RESOLVER, until they have run: `left` counts the entries that are hooked or
 * queued.
 */
#include "select.h"

struct select_entry {
  struct entry entry; /* owner: NULL if it is not hooked nor queued */
  int kind;
  void *element;
};

struct select {
  struct promise p;
  struct lwt_selected *result;
  size_t n;
  size_t left;
  struct select_entry e[];
};

static struct select *select_of(const struct entry *e)
{
  return (struct select *)(void *)e->owner;
}

/* ---- Results ----------------------------------------------------------------- */

static struct lwt_selected *result_new(void)
{
  return lwt__raw_alloc(sizeof(struct lwt_selected));
}

static void result_free(struct lwt_selected *result)
{
  lwt__raw_free(result, sizeof *result);
}

void lwt_selected_free(void *selected)
{
  struct lwt_selected *s = selected;
  struct lwt_value v;

  if (!s)
    return;
  v = (struct lwt_value){ s->value, s->drop };
  result_free(s);
  lwt__drop_value(v.value, v.drop);
}

size_t lwt_selected_take(struct lwt_selected *s, void **value, struct lwt_error *error)
{
  size_t which = s->which;

  if (error)
    *error = s->error;
  if (value) {
    *value = s->value;
    s->drop = NULL;
  }
  lwt_selected_free(s);
  return which;
}

static void set(struct lwt_selected *r, size_t which, struct lwt_value v,
                struct lwt_error error)
{
  *r = (struct lwt_selected){ which, error, v.value, v.drop };
}

/* The outcome of a promise that was given to lwt_case_take(). */
static void set_outcome(struct lwt_selected *r, size_t which, lwt_t *p)
{
  struct outcome o;

  if (lwt__is_inline(p)) {
    set(r, which, (struct lwt_value){ lwt__inline_value(p), NULL },
        (struct lwt_error){ 0, NULL });
    return;
  }
  lwt__take_over(P(p), &o);
  if (o.state == LWT_FULFILLED)
    set(r, which, (struct lwt_value){ o.value, o.drop }, (struct lwt_error){ 0, NULL });
  else
    set(r, which, (struct lwt_value){ NULL, NULL },
        (struct lwt_error){ (int)o.code, o.what });
}

/* ---- A select that waits ------------------------------------------------------- */

void *lwt__select_element(struct entry *e)
{
  return ((struct select_entry *)(void *)e)->element;
}

/* Take an entry out of where it waits.  The handle of a promise that settled
 * already is given up at once; its entry in the ready queue finds nothing. */
static void withdraw(struct select *s, struct select_entry *e)
{
  struct promise *source = lwt__source(&e->entry.w);
  int channel = e->kind == LWT__CASE_RECV || e->kind == LWT__CASE_SEND;

  if (channel || source->state == LWT_PENDING) {
    lwt__unhook(&e->entry.w);
    e->entry.owner = NULL;
    s->left--;
  } else {
    e->entry.w.source = (uintptr_t)&lwt__unit | WAITER_ENTRY;
  }
  if (!channel)
    lwt__unref(source);
}

static void free_unless_queued(struct select *s)
{
  if (s->left)
    return;
  s->p.flags &= (uint16_t)~F_RESOLVER;
  if (s->p.refs == 0)
    lwt__unowned(&s->p);
}

/* It has settled, so that nothing that is dropped here can cancel it. */
static void withdraw_all(struct select *s)
{
  size_t i;
  uint8_t draining = lwt__t.draining;

  lwt__t.draining = 1; /* drop functions run nothing meanwhile */
  for (i = 0; i < s->n; i++)
    if (s->e[i].entry.owner)
      withdraw(s, &s->e[i]);
  lwt__t.draining = draining;
  free_unless_queued(s);
}

static void happen(struct select *s)
{
  s->p.flags |= F_RESOLVER;
  lwt__fulfill(&s->p, s->result, lwt_selected_free);
  withdraw_all(s);
}

void lwt__select_happens(struct entry *e, struct lwt_value value, struct lwt_error error)
{
  struct select *s = select_of(e);

  set(s->result, (size_t)((struct select_entry *)(void *)e - s->e), value, error);
  happen(s);
}

/* The promise that an entry waited for has settled. */
void lwt__run_select(struct entry *entry, struct promise *source)
{
  struct select *s = select_of(entry);
  struct select_entry *e = (struct select_entry *)(void *)entry;
  size_t which = (size_t)(e - s->e);

  entry->owner = NULL;
  s->left--;
  if (s->p.state != LWT_PENDING) {
    free_unless_queued(s);
    return;
  }
  if (e->kind == LWT__CASE_TAKE) {
    set_outcome(s->result, which, H(source));
  } else {
    set(s->result, which, (struct lwt_value){ NULL, NULL },
        (struct lwt_error){ 0, NULL });
    lwt__unref(source);
  }
  happen(s);
}

void lwt__select_cancel(struct promise *p)
{
  struct select *s = (struct select *)(void *)p;

  if (s->result)
    result_free(s->result);
  p->flags |= F_RESOLVER;
  lwt__reject(p, LWT_ECANCELED, lwt__canceled.what, NULL);
  withdraw_all(s);
}

/* ---- Beginning ------------------------------------------------------------------ */

static int ready(const struct lwt_case *c, uint64_t now)
{
  struct lwt_channel *ch = c->lwt_channel;

  switch (c->lwt_kind) {
  case LWT__CASE_RECV:
    return ch && (ch->end.code || lwt__channel_full(ch));
  case LWT__CASE_SEND:
    return ch && (ch->end.code || lwt__channel_wanted(ch));
  case LWT__CASE_AT:
    return c->lwt_time <= now;
  case LWT__CASE_WAIT:
  case LWT__CASE_TAKE:
    return lwt__state((lwt_t *)c->lwt_value) != LWT_PENDING;
  default:
    return 0;
  }
}

/* One of those that can happen now, at random; else the default; else n. */
static size_t find(size_t n, const struct lwt_case cases[])
{
  size_t i, count = 0, fallback = n, k;
  uint64_t now = 0;

  for (i = 0; i < n; i++)
    if (cases[i].lwt_kind == LWT__CASE_AT)
      now = lwt_now();
  for (i = 0; i < n; i++) {
    count += ready(&cases[i], now);
    if (cases[i].lwt_kind == LWT__CASE_DEFAULT)
      fallback = i;
  }
  if (!count)
    return fallback;
  k = count > 1 ? lwt__random_below(count) : 0;
  for (i = 0; !ready(&cases[i], now) || k--; i++)
    ;
  return i;
}

/* The promises that were taken, and are not that of case `but`. */
static void drop_taken(size_t n, const struct lwt_case cases[], size_t but)
{
  size_t i;

  for (i = 0; i < n; i++)
    if (cases[i].lwt_kind == LWT__CASE_TAKE && i != but)
      lwt_drop((lwt_t *)cases[i].lwt_value);
}

static void do_case(struct lwt_selected *r, size_t which, const struct lwt_case *c)
{
  struct lwt_channel *ch = c->lwt_channel;

  set(r, which, (struct lwt_value){ NULL, NULL }, (struct lwt_error){ 0, NULL });
  if (c->lwt_kind == LWT__CASE_TAKE) {
    set_outcome(r, which, (lwt_t *)c->lwt_value);
  } else if (c->lwt_kind == LWT__CASE_RECV) {
    if (lwt__channel_full(ch)) {
      r->drop = ch->drop;
      r->value = lwt__channel_take(ch);
    } else {
      r->error = ch->end;
    }
  } else if (c->lwt_kind == LWT__CASE_SEND) {
    if (ch->end.code)
      r->error = lwt__channel_closed(ch);
    else
      lwt__channel_give(ch, c->lwt_value);
  }
}

/* Nothing waits: the promise of the result is made first. */
static lwt_t *select_now(size_t n, const struct lwt_case cases[], size_t which,
                         const char *where)
{
  struct promise *p = lwt__node(sizeof *p, K_VALUE, where);
  struct lwt_selected *r = p ? result_new() : NULL;
  uint8_t draining = lwt__t.draining;

  if (unlikely(!r)) {
    if (p)
      lwt__node_free(p);
    drop_taken(n, cases, n);
    return lwt__oom();
  }
  lwt__t.draining = 1;
  do_case(r, which, &cases[which]);
  drop_taken(n, cases, which);
  lwt__t.draining = draining;
  p->state = LWT_FULFILLED;
  p->value = r;
  p->drop = lwt_selected_free;
  lwt__leave();
  return H(p);
}

/* The promise that a case waits for; NULL: none.  A timer may fail. */
static lwt_t *source_of(const struct lwt_case *c, const char *where)
{
  switch (c->lwt_kind) {
  case LWT__CASE_AT:
    return lwt_sleep_until_at(c->lwt_time, where);
  case LWT__CASE_WAIT:
    P((lwt_t *)c->lwt_value)->refs++;
    return c->lwt_value;
  case LWT__CASE_TAKE:
    return c->lwt_value;
  default:
    return NULL;
  }
}

/* Hook an entry; 0 if there is no memory for its timer. */
static int begin(struct select *s, struct select_entry *e, const struct lwt_case *c,
                 const char *where)
{
  struct promise *queue;
  lwt_t *p;

  e->kind = c->lwt_kind;
  e->element = c->lwt_value;
  e->entry.owner = NULL;
  e->entry.w.source = WAITER_ENTRY;
  if (c->lwt_kind == LWT__CASE_RECV || c->lwt_kind == LWT__CASE_SEND) {
    if (!c->lwt_channel)
      return 1;
    queue = Q(c->lwt_kind == LWT__CASE_RECV ? &c->lwt_channel->receivers
                                            : &c->lwt_channel->senders);
  } else {
    p = source_of(c, where);
    if (p == lwt__oom())
      return 0;
    queue = P(p);
  }
  e->entry.owner = (struct group *)(void *)s;
  s->left++;
  lwt__hook(queue, &e->entry.w);
  return 1;
}

static lwt_t *select_later(size_t n, const struct lwt_case cases[], const char *where)
{
  struct select *s = NULL;
  int begun = 1;

  if (n <= (SIZE_MAX - sizeof *s) / sizeof s->e[0])
    s = lwt__node(sizeof *s + n * sizeof s->e[0], K_SELECT, where);
  if (unlikely(!s)) {
    drop_taken(n, cases, n);
    return lwt__oom();
  }
  s->left = s->n = 0;
  s->result = result_new();
  /* Every case is begun, so that what was taken is given up in one way. */
  for (; s->n < n; s->n++)
    if (!begin(s, &s->e[s->n], &cases[s->n], where))
      begun = 0;
  if (likely(s->result && begun))
    return H(&s->p);
  lwt__unref(&s->p);
  lwt__leave();
  return lwt__oom();
}

lwt_t *lwt_select_at(size_t n, const struct lwt_case cases[], const char *where)
{
  size_t which = find(n, cases);

  if (n == 0)
    return lwt_fail_at(LWT_EINVAL, "lwt_select", where);
  if (which < n)
    return select_now(n, cases, which, where);
  return select_later(n, cases, where);
}
