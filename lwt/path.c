/* path.c - where a rejection was made, and what it has passed on its way.
 * SPDX-License-Identifier: ISC
 *
 * Only with lwt_debug(): each promise that a rejection comes to gets a note with
 * its trail, which is a copy of that of the promise where it came from and one
 * hop more.  The rejection that was looked at last is also kept per thread, for
 * callbacks, which get an error and no promise.
 */
#include "internal.h"

#include <string.h>

int lwt_debug(int on)
{
  int before = lwt__t.debug;

  lwt__t.debug = on != 0;
  return before;
}

static void add_hop(struct trail *trail, const char *where)
{
  if (!where)
    return;
  if (trail->hops < LWT_PATH_FIRST)
    trail->first[trail->hops] = where;
  else
    trail->last[(trail->hops - LWT_PATH_FIRST) % LWT_PATH_LAST] = where;
  trail->hops++;
}

/* p's trail becomes `from`, or an empty one, and where.  Without memory there is
 * none. */
static void set_trail(struct promise *p, const struct trail *from, const char *where)
{
  struct note *note = lwt__note_make(p);

  if (!note)
    return;
  if (!note->trail && !(note->trail = lwt__alloc(sizeof *note->trail)))
    return;
  if (!from)
    memset(note->trail, 0, sizeof *note->trail);
  else if (from != note->trail)
    *note->trail = *from;
  add_hop(note->trail, where);
}

static const struct trail *trail_of(const struct promise *p)
{
  const struct note *note = lwt__note(p);

  return note ? note->trail : NULL;
}

void lwt__pass(struct promise *p, const struct promise *source)
{
  set_trail(p, trail_of(source), p->where);
}

void lwt__hop(struct promise *p, const char *where)
{
  set_trail(p, trail_of(p), where);
}

void lwt__pass_handled(struct promise *p, const char *where)
{
  set_trail(p, &lwt__t.handled.trail, where);
}

void lwt__handle(const struct promise *p)
{
  struct handled *h = &lwt__t.handled;
  const struct note *note = lwt__note(p);

  h->rejected = 1;
  h->error = (struct lwt_error){ (int)p->code, p->what };
  h->origin = p->flags & F_IMMORTAL ? NULL : (const char *)p->w.source;
  h->name[0] = 0;
  if (note && note->name)
    memcpy(h->name, note->name, strlen(note->name) + 1);
  if (note && note->trail)
    h->trail = *note->trail;
  else
    h->trail.hops = 0;
}

void lwt__handle_new(int code, const char *what, const char *where)
{
  struct handled *h = &lwt__t.handled;

  h->rejected = 1;
  h->error = (struct lwt_error){ code, what };
  h->origin = where;
  h->name[0] = 0;
  h->trail.hops = 0;
}

static void copy_trail(struct lwt_path *path, const struct trail *trail)
{
  size_t i, last;

  path->hops = trail->hops;
  for (i = 0; i < LWT_PATH_FIRST && i < trail->hops; i++)
    path->where[i] = trail->first[i];
  last = trail->hops - i;
  if (last > LWT_PATH_LAST)
    last = LWT_PATH_LAST;
  for (; last; last--)
    path->where[i++] = trail->last[(trail->hops - LWT_PATH_FIRST - last) % LWT_PATH_LAST];
}

int lwt_path(lwt_t *p, struct lwt_path *path)
{
  struct handled before, *h = &lwt__t.handled;

  memset(path, 0, sizeof *path);
  before = *h;
  if (p) {
    if (lwt_state(p) != LWT_REJECTED)
      return 0;
    lwt__handle(P(p)->flags & F_STOP ? &lwt__canceled : P(p));
  }
  path->error = h->error;
  path->origin = h->origin;
  memcpy(path->name, h->name, sizeof path->name);
  copy_trail(path, &h->trail);
  if (p)
    *h = before;
  return p || h->rejected;
}

void lwt_path_print(FILE *out, const struct lwt_path *path)
{
  size_t i, n = path->hops;

  if (n > LWT_PATH_FIRST + LWT_PATH_LAST)
    n = LWT_PATH_FIRST + LWT_PATH_LAST;
  for (i = 0; i < n; i++) {
    if (i == LWT_PATH_FIRST && path->hops > n)
      fprintf(out, "  ... %zu more\n", path->hops - n);
    fprintf(out, "  passed %s\n", path->where[i]);
  }
}
