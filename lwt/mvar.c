/* mvar.c - a mailbox for one value.
 * SPDX-License-Identifier: ISC
 */
#include "queue.h"

lwt_t *lwt_mvar_put_owned_at(struct lwt_mvar *m, void *value, lwt_drop_fn *drop,
                             const char *where)
{
  struct promise *taker;
  lwt_t *p;

  if (m->full) {
    p = lwt__wait_in(lwt__queue_of(&m->putters, Q_MVAR_PUT), value, (void *)drop, where);
    if (p == lwt__oom())
      lwt__drop_value(value, drop);
    else
      P(p)->flags |= F_OWNS;
    return p;
  }
  if ((taker = lwt__queue_pop(Q(&m->takers)))) {
    lwt__fulfill(taker, value, drop);
    lwt__leave();
  } else {
    m->content = (struct lwt_value){ value, drop };
    m->full = 1;
  }
  return lwt_return(NULL);
}

/* Empty it, and let the first putter in. */
static struct lwt_value take(struct lwt_mvar *m)
{
  struct lwt_value v = m->content;
  struct promise *putter = lwt__queue_pop(Q(&m->putters));

  m->full = putter != NULL;
  if (putter) {
    m->content = (struct lwt_value){ putter->fn, (lwt_drop_fn *)putter->env };
    putter->flags &= (uint16_t)~F_OWNS;
    lwt__fulfill(putter, NULL, NULL);
  }
  return v;
}

lwt_t *lwt_mvar_take_at(struct lwt_mvar *m, const char *where)
{
  struct lwt_value v;

  if (!m->full)
    return lwt__wait_in(lwt__queue_of(&m->takers, Q_MVAR_TAKE), NULL, NULL, where);
  v = take(m);
  lwt__leave();
  return lwt_return_owned(v.value, v.drop);
}

int lwt_mvar_try_take(struct lwt_mvar *m, void **value)
{
  if (!m->full)
    return 0;
  *value = take(m).value;
  lwt__leave();
  return 1;
}

void lwt_mvar_fini(struct lwt_mvar *m)
{
  struct lwt_value v = m->content;

  if (!m->full)
    return;
  m->full = 0;
  lwt__drop_value(v.value, v.drop);
}
