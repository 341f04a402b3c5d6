/* combine.c - several promises: join, all, both, choose, pick and the others.
 * SPDX-License-Identifier: ISC
 *
 * If the inputs decide the outcome at once, no group is made.  Otherwise a
 * struct group has one entry per pending input, hooked into it; entries of
 * inputs that are settled already have no owner.  g->left counts the entries
 * that are hooked or in the ready queue: the group's memory stays until it is
 * 0, even when the group has settled and nobody holds it.
 */
#include "internal.h"

#include <string.h>

#define RANDOM 0x9e3779b97f4a7c15u

void lwt_seed(uint64_t seed)
{
  lwt__t.random = (seed * 2 + 1) ^ RANDOM;
}

/* xorshift64*, uniform enough below n. */
size_t lwt__random_below(size_t n)
{
  uint64_t x = lwt__t.random ^ RANDOM;

  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  lwt__t.random = x ^ RANDOM;
  return (size_t)((x * 0x2545f4914f6cdd1du) >> 32) % n;
}

/* ---- Their values --------------------------------------------------------- */

static size_t vec_size(size_t n)
{
  return sizeof(struct lwt_vec) + n * sizeof(struct lwt_value);
}

/* The room that was allocated stands behind the struct's back: a vec made for
 * n inputs may hold fewer. */
struct sized_vec {
  size_t room;
  struct sized_vec *next; /* lwt__t.dead_vecs */
  struct lwt_vec vec;
};

struct lwt_vec *lwt__vec_new(size_t room)
{
  struct sized_vec *s;

  if (room > (SIZE_MAX - sizeof *s) / sizeof(struct lwt_value))
    return NULL;
  s = lwt__raw_alloc(offsetof(struct sized_vec, vec) + vec_size(room));
  if (!s)
    return NULL;
  s->room = room;
  s->vec.n = 0;
  return &s->vec;
}

int lwt__vec_push(struct lwt_vec **vec, void *value, lwt_drop_fn *drop)
{
  struct lwt_vec *v = *vec, *wide;
  size_t room = 0;

  if (v)
    room = ((struct sized_vec *)(void *)((char *)v - offsetof(struct sized_vec, vec)))
             ->room;
  if (!v || v->n == room) {
    if (room > SIZE_MAX / 2 || !(wide = lwt__vec_new(room ? room * 2 : 4)))
      return LWT_ENOMEM;
    if (v) {
      memcpy(wide->v, v->v, v->n * sizeof *v->v);
      wide->n = v->n;
      v->n = 0;
      lwt_vec_free(v);
    }
    *vec = v = wide;
  }
  v->v[v->n++] = (struct lwt_value){ value, drop };
  return 0;
}

/* The values may be vecs of vecs of vecs: a list keeps the stack flat. */
void lwt_vec_free(void *ptr)
{
  struct sized_vec *s;
  size_t i;

  if (!ptr)
    return;
  s = (struct sized_vec *)(void *)((char *)ptr - offsetof(struct sized_vec, vec));
  s->next = lwt__t.dead_vecs;
  lwt__t.dead_vecs = s;
  if (lwt__t.freeing)
    return;
  lwt__t.freeing = 1;
  while ((s = lwt__t.dead_vecs)) {
    lwt__t.dead_vecs = s->next;
    for (i = 0; i < s->vec.n; i++)
      lwt__drop_value(s->vec.v[i].value, s->vec.v[i].drop);
    lwt__raw_free(s, offsetof(struct sized_vec, vec) + vec_size(s->room));
  }
  lwt__t.freeing = 0;
}

static struct lwt_split *split_new(size_t n)
{
  struct lwt_split *split;

  if (n > SIZE_MAX / sizeof(lwt_t *) - sizeof *split)
    return NULL;
  split = lwt__alloc(sizeof *split + n * sizeof(lwt_t *));
  if (!split)
    return NULL;
  split->n = 0;
  split->done = lwt__vec_new(n);
  if (!split->done) {
    lwt__free(split);
    return NULL;
  }
  return split;
}

void lwt_split_free(void *ptr)
{
  struct lwt_split *split = ptr;
  size_t i;

  if (!split)
    return;
  for (i = 0; i < split->n; i++)
    lwt_drop(split->pending[i]);
  lwt_vec_free(split->done);
  lwt__free(split);
}

/* Take the value of a fulfilled input. */
static struct lwt_value value_of(lwt_t *p)
{
  struct outcome o;

  if (lwt__is_inline(p))
    return (struct lwt_value){ lwt__inline_value(p), NULL };
  lwt__take_over(P(p), &o);
  return (struct lwt_value){ o.value, o.drop };
}

static void vec_add(struct lwt_vec *vec, lwt_t *p)
{
  vec->v[vec->n++] = value_of(p);
}

/* Give up a handle without cancelling, the outcome unseen. */
static void let_go(lwt_t *p)
{
  if (!lwt__is_inline(p))
    lwt__detach(P(p));
}

static void drop_all(size_t n, lwt_t *const ps[])
{
  size_t i;

  for (i = 0; i < n; i++)
    if (!lwt__is_inline(ps[i]))
      lwt__unref(P(ps[i]));
  lwt__leave();
}

/* ---- The group -------------------------------------------------------------- */

static void free_result(enum kind kind, void *result)
{
  if (kind == K_ALL || kind == K_NCHOOSE || kind == K_NPICK)
    lwt_vec_free(result);
  else if (kind == K_NCHOOSE_SPLIT)
    lwt_split_free(result);
}

void lwt__group_gone(struct group *g)
{
  free_result(g->p.kind, g->p.fn);
  lwt__node_free(&g->p);
}

/* A group that waits for the pending among ps and has their handles; the
 * handles of settled ones stay with the caller.  Takes result.  NULL: no
 * memory; ps and result are gone. */
static struct group *group_new(size_t n, lwt_t *const ps[], enum kind kind, void *result,
                               const char *where)
{
  struct group *g = NULL;
  size_t i;

  if (n <= (SIZE_MAX - 4096) / sizeof(struct entry))
    g = lwt__node(sizeof *g + n * sizeof(struct entry), kind, where);
  if (!g) {
    free_result(kind, result);
    drop_all(n, ps);
    return NULL;
  }
  g->p.fn = result;
  g->n = n;
  g->left = 0;
  g->canceled = 0;
  g->result.state = LWT_PENDING;
  g->lender = NULL;
  for (i = 0; i < n; i++) {
    g->e[i].owner = NULL;
    if (lwt__state(ps[i]) != LWT_PENDING)
      continue;
    g->e[i].owner = g;
    g->e[i].w.source = WAITER_ENTRY;
    lwt__hook(P(ps[i]), &g->e[i].w);
    g->left++;
  }
  return g;
}

/* Let go of every input that is still pending. */
static void release_inputs(struct group *g)
{
  struct promise *source;
  struct entry *e;

  for (e = g->e; e < g->e + g->n; e++) {
    if (!e->owner || (source = lwt__source(&e->w))->state != LWT_PENDING)
      continue;
    lwt__unhook(&e->w);
    e->owner = NULL;
    g->left--;
    lwt__detach(source);
  }
}

static void group_settle(struct group *g)
{
  if (g->left)
    g->p.flags |= F_RESOLVER;
  lwt__settle_lent(&g->p, &g->result, g->lender);
}

/* ---- join, all, both --------------------------------------------------------- */

/* The first rejection in time is the group's. */
static void join_error(struct group *g, struct promise *source)
{
  struct outcome o;

  if (unlikely(lwt__t.debug) && g->result.state == LWT_PENDING)
    lwt__pass(&g->p, source);
  lwt__take_over(source, &o);
  if (g->result.state == LWT_PENDING)
    g->result = o;
}

static void join_end(struct group *g)
{
  if (g->result.state == LWT_REJECTED) {
    free_result(g->p.kind, g->p.fn);
  } else {
    g->result.state = LWT_FULFILLED;
    g->result.grant = 0;
    g->result.value = g->p.fn;
    g->result.drop = g->p.kind == K_ALL ? lwt_vec_free : NULL;
  }
  group_settle(g);
}

/* Input i is settled; takes it. */
static void join_input(struct group *g, size_t i, lwt_t *p)
{
  struct lwt_vec *vec = g->p.fn;

  if (lwt__state(p) == LWT_REJECTED)
    join_error(g, P(p));
  else if (vec)
    vec->v[i] = value_of(p);
  else
    let_go(p);
}

static lwt_t *join(size_t n, lwt_t *const ps[], enum kind kind, const char *where)
{
  struct lwt_vec *vec = NULL;
  struct group *g;
  size_t i;

  if (kind == K_ALL && !(vec = lwt__vec_new(n))) {
    drop_all(n, ps);
    return lwt__oom();
  }
  for (i = 0; vec && i < n; i++)
    vec->v[i] = (struct lwt_value){ NULL, NULL };
  if (vec)
    vec->n = n;
  g = group_new(n, ps, kind, vec, where);
  if (!g)
    return lwt__oom();
  for (i = 0; i < n; i++)
    if (!g->e[i].owner)
      join_input(g, i, ps[i]);
  if (g->left == 0)
    join_end(g);
  lwt__leave();
  return H(&g->p);
}

lwt_t *lwt_join_at(size_t n, lwt_t *const ps[], const char *where)
{
  return join(n, ps, K_JOIN, where);
}

lwt_t *lwt_all_at(size_t n, lwt_t *const ps[], const char *where)
{
  return join(n, ps, K_ALL, where);
}

lwt_t *lwt_both_at(lwt_t *p, lwt_t *q, const char *where)
{
  return join(2, (lwt_t *[]){ p, q }, K_ALL, where);
}

/* ---- choose, pick and the others ---------------------------------------------- */

static int picks(enum kind kind)
{
  return kind == K_PICK || kind == K_NPICK;
}

static int takes_one(enum kind kind)
{
  return kind == K_CHOOSE || kind == K_PICK;
}

/* g->result is there. */
static void decide(struct group *g)
{
  struct entry *e;

  if (!picks(g->p.kind)) {
    release_inputs(g);
    group_settle(g);
    return;
  }
  /* The losers' callbacks come first: settle from the end of the queue. */
  g->p.flags |= F_DECIDED;
  for (e = g->e; e < g->e + g->n; e++)
    if (e->owner)
      lwt__cancel(lwt__source(&e->w), 1);
  release_inputs(g);
  g->p.w.source = 0;
  lwt__queue(&g->p.w);
}

void lwt__run_group(struct group *g)
{
  group_settle(g);
}

/* A queued entry whose input is no longer needed. */
static void entry_done(struct entry *e)
{
  e->w.source = (uintptr_t)&lwt__unit | WAITER_ENTRY;
}

/* The outcome of one input becomes the group's.  If other entries of g wait
 * for the same input, their handles go first, so that the value can move. */
static void take_one(struct group *g, struct promise *source)
{
  struct entry *e;

  if (source->refs > 1)
    for (e = g->e; e < g->e + g->n; e++)
      if (e->owner && lwt__source(&e->w) == source) {
        entry_done(e);
        lwt__unref(source);
      }
  if (!takes_one(g->p.kind))
    free_result(g->p.kind, g->p.fn);
  if (unlikely(lwt__t.debug) && source->state == LWT_REJECTED)
    lwt__pass(&g->p, source);
  lwt__take(source, &g->result, &g->lender);
}

/* All values that are there; entry i's source has been taken out of it. */
static void take_many(struct group *g, size_t i, struct promise *first)
{
  struct lwt_split *split = g->p.kind == K_NCHOOSE_SPLIT ? g->p.fn : NULL;
  struct lwt_vec *vec = split ? split->done : g->p.fn;
  struct promise *source;
  struct entry *e;

  for (e = g->e; e < g->e + g->n; e++) {
    if (e == g->e + i) {
      vec_add(vec, H(first));
      continue;
    }
    if (!e->owner)
      continue;
    source = lwt__source(&e->w);
    if (source->state == LWT_FULFILLED) {
      vec_add(vec, H(source));
      entry_done(e);
    } else if (source->state == LWT_PENDING && split) {
      lwt__unhook(&e->w);
      e->owner = NULL;
      g->left--;
      split->pending[split->n++] = H(source);
    }
  }
  g->result.state = LWT_FULFILLED;
  g->result.grant = 0;
  g->result.value = g->p.fn;
  g->result.drop = split ? lwt_split_free : lwt_vec_free;
}

void lwt__run_entry(struct entry *e, struct promise *source)
{
  struct group *g = e->owner;

  if (unlikely(g->p.kind == K_SELECT)) {
    lwt__run_select(e, source);
    return;
  }
  e->owner = NULL;
  g->left--;
  if (g->p.state == LWT_PENDING && !(g->p.flags & (F_KILL | F_DECIDED))) {
    if (g->p.kind == K_JOIN || g->p.kind == K_ALL) {
      join_input(g, (size_t)(e - g->e), H(source));
      if (g->left == 0)
        join_end(g);
      return;
    }
    if (takes_one(g->p.kind) || source->state == LWT_REJECTED)
      take_one(g, source);
    else
      take_many(g, (size_t)(e - g->e), source);
    decide(g);
    return;
  }
  /* Too late: settled, decided or given up. */
  lwt__detach(source);
  if (g->left)
    return;
  if (g->p.state != LWT_PENDING) {
    g->p.flags &= (uint16_t)~F_RESOLVER;
    if (g->p.refs == 0)
      lwt__unowned(&g->p);
  } else if (g->p.flags & F_KILL) {
    lwt__group_gone(g);
  }
}

/* Among the inputs that are settled: a rejected one if there is one (at random
 * or the first), else a fulfilled one; n if none is settled. */
static size_t settled_input(size_t n, lwt_t *const ps[], int at_random)
{
  size_t i, fulfilled = 0, rejected = 0, k;
  enum lwt_state wanted;

  for (i = 0; i < n; i++) {
    fulfilled += lwt__state(ps[i]) == LWT_FULFILLED;
    rejected += lwt__state(ps[i]) == LWT_REJECTED;
  }
  if (fulfilled + rejected == 0)
    return n;
  wanted = rejected ? LWT_REJECTED : LWT_FULFILLED;
  k = rejected ? rejected : fulfilled;
  k = at_random && k > 1 ? lwt__random_below(k) : 0;
  for (i = 0; lwt__state(ps[i]) != wanted || k-- > 0; i++)
    ;
  return i;
}

/* Input `first` decides at once; the others go. */
static lwt_t *one_at_once(size_t n, lwt_t *const ps[], size_t first, int cancel)
{
  size_t i;

  for (i = 0; cancel && i < n; i++)
    if (!lwt__is_inline(ps[i]))
      lwt__cancel(P(ps[i]), 0);
  for (i = 0; i < n; i++)
    if (i != first)
      let_go(ps[i]);
  lwt__leave();
  return ps[first];
}

/* All values that are there; takes ps. */
static lwt_t *many_at_once(size_t n, lwt_t *const ps[], enum kind kind)
{
  struct lwt_split *split = NULL;
  struct lwt_vec *vec;
  size_t i;

  if (kind == K_NCHOOSE_SPLIT)
    vec = (split = split_new(n)) ? split->done : NULL;
  else
    vec = lwt__vec_new(n);
  if (!vec) {
    drop_all(n, ps);
    return lwt__oom();
  }
  /* Cancelling runs nothing yet: no other input can become fulfilled. */
  for (i = 0; kind == K_NPICK && i < n; i++)
    if (lwt__state(ps[i]) == LWT_PENDING)
      lwt__cancel(P(ps[i]), 0);
  for (i = 0; i < n; i++)
    if (lwt__state(ps[i]) == LWT_FULFILLED)
      vec_add(vec, ps[i]);
    else if (split)
      split->pending[split->n++] = ps[i];
    else
      let_go(ps[i]);
  lwt__leave();
  return split ? lwt_return_owned(split, lwt_split_free)
               : lwt_return_owned(vec, lwt_vec_free);
}

static lwt_t *choose(size_t n, lwt_t *const ps[], enum kind kind, const char *where)
{
  struct group *g;
  void *result = NULL;
  size_t first;

  if (n == 0)
    return lwt_fail_at(LWT_EINVAL, "nothing to choose from", where);
  first = settled_input(n, ps, takes_one(kind));
  if (first < n && (takes_one(kind) || lwt__state(ps[first]) == LWT_REJECTED))
    return one_at_once(n, ps, first, picks(kind));
  if (first < n)
    return many_at_once(n, ps, kind);
  if (!takes_one(kind)) {
    result = kind == K_NCHOOSE_SPLIT ? (void *)split_new(n) : (void *)lwt__vec_new(n);
    if (!result) {
      drop_all(n, ps);
      return lwt__oom();
    }
  }
  g = group_new(n, ps, kind, result, where);
  return g ? H(&g->p) : lwt__oom();
}

lwt_t *lwt_choose_at(size_t n, lwt_t *const ps[], const char *where)
{
  return choose(n, ps, K_CHOOSE, where);
}

lwt_t *lwt_pick_at(size_t n, lwt_t *const ps[], const char *where)
{
  return choose(n, ps, K_PICK, where);
}

lwt_t *lwt_nchoose_at(size_t n, lwt_t *const ps[], const char *where)
{
  return choose(n, ps, K_NCHOOSE, where);
}

lwt_t *lwt_npick_at(size_t n, lwt_t *const ps[], const char *where)
{
  return choose(n, ps, K_NPICK, where);
}

lwt_t *lwt_nchoose_split_at(size_t n, lwt_t *const ps[], const char *where)
{
  return choose(n, ps, K_NCHOOSE_SPLIT, where);
}
