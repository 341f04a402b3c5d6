/* note.c - what is known of a few promises besides themselves: names, paths.
 * SPDX-License-Identifier: ISC
 *
 * A note is kept in a hash table under the address of its promise.  A promise
 * with a note has class 0, as if it were allocated singly: the fast ways leave
 * it alone, and lwt__node_free() comes to lwt__note_gone(), which puts the
 * class back.  So promises without notes pay nothing for those that have one.
 */
#include "internal.h"

#include <string.h>

struct notes {
  size_t n, mask;
  struct note *slot[];
};

static size_t slot_of(const struct promise *p, size_t mask)
{
  return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 20) & mask;
}

static struct notes *table_new(size_t slots)
{
  size_t size = sizeof(struct notes) + slots * sizeof(struct note *);
  struct notes *t = lwt__alloc(size);

  if (!t)
    return NULL;
  memset(t, 0, size);
  t->mask = slots - 1;
  return t;
}

static void put(struct notes *t, struct note *note)
{
  struct note **slot = &t->slot[slot_of(note->p, t->mask)];

  note->next = *slot;
  *slot = note;
  t->n++;
}

/* Room for one more.  A table that cannot grow goes on with longer lists. */
static struct notes *room(void)
{
  struct notes *old = lwt__t.notes, *t;
  struct note *note;
  size_t i;

  if (!old)
    return lwt__t.notes = table_new(64);
  if (old->n <= old->mask || !(t = table_new(2 * (old->mask + 1))))
    return old;
  for (i = 0; i <= old->mask; i++)
    while ((note = old->slot[i])) {
      old->slot[i] = note->next;
      put(t, note);
    }
  lwt__free(old);
  return lwt__t.notes = t;
}

struct note *lwt__note(const struct promise *p)
{
  struct note *note = NULL;

  if (lwt__t.notes)
    for (note = lwt__t.notes->slot[slot_of(p, lwt__t.notes->mask)];
         note && note->p != p; note = note->next)
      ;
  return note;
}

struct note *lwt__note_make(struct promise *p)
{
  struct note *note = lwt__note(p);
  struct notes *t;

  if (note || (p->flags & F_IMMORTAL))
    return note;
  if (!(t = room()) || !(note = lwt__alloc(sizeof *note)))
    return NULL;
  memset(note, 0, sizeof *note);
  note->p = p;
  note->class = p->class;
  p->class = 0;
  put(t, note);
  return note;
}

static void note_free(struct note *note)
{
  lwt__free(note->name);
  lwt__free(note->trail);
  lwt__free(note);
}

void lwt__note_gone(struct promise *p)
{
  struct note **at, *note;

  for (at = &lwt__t.notes->slot[slot_of(p, lwt__t.notes->mask)]; (note = *at);
       at = &note->next)
    if (note->p == p) {
      *at = note->next;
      lwt__t.notes->n--;
      p->class = note->class;
      if (note->span)
        lwt__t.trace->span_end(note);
      note_free(note);
      return;
    }
}

void lwt__notes_end_spans(void)
{
  struct notes *t = lwt__t.notes;
  struct note *note;
  size_t i;

  for (i = 0; t && i <= t->mask; i++)
    for (note = t->slot[i]; note; note = note->next)
      if (note->span)
        lwt__t.trace->span_end(note);
}

void lwt__notes_fini(void)
{
  lwt__free(lwt__t.notes);
  lwt__t.notes = NULL;
}

/* ---- Names ------------------------------------------------------------------ */

int lwt_name(lwt_t *p, const char *name)
{
  struct note *note;
  size_t len;
  char *copy;

  if (lwt__is_inline(p) || (P(p)->flags & F_IMMORTAL))
    return 0;
  for (len = 0; name[len] && len < LWT_NAME_MAX; len++)
    ;
  if (!(copy = lwt__alloc(len + 1)))
    return LWT_ENOMEM;
  memcpy(copy, name, len);
  copy[len] = 0;
  if (!(note = lwt__note_make(P(p)))) {
    lwt__free(copy);
    return LWT_ENOMEM;
  }
  if (note->span)
    lwt__t.trace->span_end(note);
  lwt__free(note->name);
  note->name = copy;
  if (lwt__traced() && lwt_state(p) == LWT_PENDING)
    lwt__t.trace->span(P(p));
  return 0;
}

const char *lwt_name_of(lwt_t *p)
{
  const struct note *note = lwt__is_inline(p) ? NULL : lwt__note(P(p));

  return note ? note->name : NULL;
}
