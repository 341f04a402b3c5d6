/* storage.c - values that follow a thread.
 * SPDX-License-Identifier: ISC
 *
 * A storage is a table of keys and values that never changes; with_value makes
 * another.  lwt__t.storage is that of the running thread, NULL the empty one.
 * Who will run later keeps it: a chain node, by F_STORED, behind its two
 * functions, and a frame.  The ready queue is drained in the empty storage.
 */
#include "internal.h"

#include <lwt/storage.h>
#include <string.h>

struct cell {
  size_t refs;
  struct lwt_value v;
};

struct binding {
  const struct lwt_key *key;
  struct cell *cell;
};

struct storage {
  size_t refs;
  size_t n;
  struct binding b[];
};

static size_t size_of(size_t n)
{
  return sizeof(struct storage) + n * sizeof(struct binding);
}

struct storage *lwt__storage_ref(struct storage *s)
{
  if (s)
    s->refs++;
  return s;
}

/* Drop functions run nothing meanwhile: the caller may be half way through. */
void lwt__storage_unref(struct storage *s)
{
  uint8_t draining = lwt__t.draining;
  size_t i;

  if (!s || --s->refs)
    return;
  lwt__t.draining = 1;
  for (i = 0; i < s->n; i++) {
    struct cell *c = s->b[i].cell;
    struct lwt_value v = c->v;

    if (--c->refs)
      continue;
    lwt__raw_free(c, sizeof *c);
    lwt__drop_value(v.value, v.drop);
  }
  lwt__raw_free(s, size_of(s->n));
  lwt__t.draining = draining;
}

static struct cell *look(const struct storage *s, const struct lwt_key *key)
{
  size_t i;

  for (i = 0; s && i < s->n; i++)
    if (s->b[i].key == key)
      return s->b[i].cell;
  return NULL;
}

void *lwt_get(const struct lwt_key *key)
{
  struct cell *c = look(lwt__t.storage, key);

  return c ? c->v.value : NULL;
}

/* The present storage with the key bound to c (NULL: not bound).  Takes c; 0 if
 * there is no memory, and c is as it was. */
static int with(const struct lwt_key *key, struct cell *c, struct storage **result)
{
  const struct storage *from = lwt__t.storage;
  size_t n = from ? from->n : 0, i;
  struct storage *s;

  n = n - (look(from, key) != NULL) + (c != NULL);
  *result = NULL;
  if (n == 0)
    return 1;
  if (!(s = lwt__raw_alloc(size_of(n))))
    return 0;
  s->refs = 1;
  s->n = 0;
  for (i = 0; from && i < from->n; i++)
    if (from->b[i].key != key) {
      s->b[s->n++] = from->b[i];
      from->b[i].cell->refs++;
    }
  if (c)
    s->b[s->n++] = (struct binding){ key, c };
  *result = s;
  return 1;
}

static struct cell *cell_new(struct lwt_value v)
{
  struct cell *c = lwt__raw_alloc(sizeof *c);

  if (c)
    *c = (struct cell){ 1, v };
  return c;
}

lwt_t *lwt_with_value_at(const struct lwt_key *key, void *value, lwt_drop_fn *drop,
                         lwt_finalize_fn *body, void *env, const char *where)
{
  struct cell *c = value ? cell_new((struct lwt_value){ value, drop }) : NULL;
  struct storage *before = lwt__t.storage, *s;
  lwt_t *p;

  (void)where;
  if ((value && !c) || !with(key, c, &s)) {
    if (c)
      lwt__raw_free(c, sizeof *c);
    if (value)
      lwt__drop_value(value, drop);
    return lwt__oom();
  }
  lwt__t.storage = s;
  p = body(env);
  lwt__t.storage = before;
  lwt__storage_unref(s);
  lwt__leave();
  return p;
}

/* ---- Chain nodes --------------------------------------------------------------- */

struct promise *lwt__node_stored(enum kind kind, const char *where)
{
  struct promise *p = lwt__node(sizeof(struct promise2), kind, where);

  if (p) {
    p->flags |= F_STORED;
    ((struct promise2 *)p)->storage = lwt__storage_ref(lwt__t.storage);
  }
  return p;
}

struct storage *lwt__storage_take(struct promise *p)
{
  p->flags &= (uint16_t)~F_STORED;
  return ((struct promise2 *)p)->storage;
}
