/* channel.c - bounded channels.
 * SPDX-License-Identifier: ISC
 *
 * A ring of elements and two queues, of those who wait to send and to receive.
 * Who makes room or brings an element serves the head of the other queue at
 * once; callbacks run from the ready queue, when all is in order.
 */
#include "queue.h"
#include "select.h"

#include <string.h>

struct lwt_channel *lwt_channel_new(size_t capacity, lwt_drop_fn *drop)
{
  struct lwt_channel *ch;

  if (capacity > (SIZE_MAX - sizeof *ch) / sizeof(void *))
    return NULL;
  ch = lwt__alloc(sizeof *ch + capacity * sizeof(void *));
  if (!ch)
    return NULL;
  memset(ch, 0, sizeof *ch);
  ch->capacity = capacity;
  ch->drop = drop;
  return ch;
}

size_t lwt_channel_length(const struct lwt_channel *ch)
{
  return ch->n;
}

size_t lwt_channel_senders(const struct lwt_channel *ch)
{
  return lwt_queue_length(&ch->senders);
}

size_t lwt_channel_receivers(const struct lwt_channel *ch)
{
  return lwt_queue_length(&ch->receivers);
}

/* ---- Elements -------------------------------------------------------------- */

static struct waiter *head(struct lwt_queue *queue)
{
  return Q(queue)->waiters;
}

static int is_select(const struct waiter *w)
{
  return (w->source & WAITER_ENTRY) != 0;
}

int lwt__channel_full(struct lwt_channel *ch)
{
  return ch->n || head(&ch->senders);
}

int lwt__channel_wanted(struct lwt_channel *ch)
{
  return !ch->end.code && (ch->n < ch->capacity || head(&ch->receivers));
}

static void *element_of(struct waiter *w)
{
  return is_select(w) ? lwt__select_element((struct entry *)w) : lwt__owner(w)->fn;
}

void *lwt__channel_peek(struct lwt_channel *ch)
{
  return ch->n ? ch->ring[ch->first] : element_of(head(&ch->senders));
}

static void push(struct lwt_channel *ch, void *value)
{
  size_t i = ch->first + ch->n++;

  ch->ring[i < ch->capacity ? i : i - ch->capacity] = value;
}

static void *shift(struct lwt_channel *ch)
{
  void *value = ch->ring[ch->first];

  if (++ch->first == ch->capacity)
    ch->first = 0;
  ch->n--;
  return value;
}

/* The element of the first sender has been taken. */
static void sent(struct lwt_channel *ch)
{
  struct waiter *w = head(&ch->senders);
  struct promise *p;

  if (is_select(w)) {
    lwt__select_happens((struct entry *)w, (struct lwt_value){ NULL, NULL },
                        (struct lwt_error){ 0, NULL });
    return;
  }
  p = lwt__queue_pop(Q(&ch->senders));
  p->flags &= (uint16_t)~F_OWNS;
  lwt__fulfill(p, NULL, NULL);
}

void *lwt__channel_take(struct lwt_channel *ch)
{
  void *value = lwt__channel_peek(ch);

  if (ch->n)
    shift(ch);
  if (head(&ch->senders)) {
    if (ch->capacity)
      push(ch, element_of(head(&ch->senders)));
    sent(ch);
  }
  return value;
}

void lwt__channel_give(struct lwt_channel *ch, void *value)
{
  struct waiter *w = head(&ch->receivers);

  if (!w)
    push(ch, value);
  else if (is_select(w))
    lwt__select_happens((struct entry *)w, (struct lwt_value){ value, ch->drop },
                        (struct lwt_error){ 0, NULL });
  else
    lwt__fulfill(lwt__queue_pop(Q(&ch->receivers)), value, ch->drop);
}

struct lwt_error lwt__channel_closed(const struct lwt_channel *ch)
{
  struct lwt_error error = ch->end;

  if (error.code == LWT_EOF)
    error.code = LWT_EPIPE;
  return error;
}

/* ---- Sending and receiving -------------------------------------------------- */

int lwt_channel_try_send(struct lwt_channel *ch, void *value)
{
  if (ch->end.code)
    return lwt__channel_closed(ch).code;
  if (!lwt__channel_wanted(ch))
    return LWT_EAGAIN;
  lwt__channel_give(ch, value);
  lwt__leave();
  return 0;
}

lwt_t *lwt_channel_send_at(struct lwt_channel *ch, void *value, const char *where)
{
  lwt_t *p;

  if (lwt_channel_try_send(ch, value) == 0)
    return lwt_return(NULL);
  if (ch->end.code) {
    p = lwt_fail_error_at(lwt__channel_closed(ch), where);
    lwt__drop_value(value, ch->drop);
    return p;
  }
  p = lwt__wait_in(lwt__queue_of(&ch->senders, Q_SEND), value, (void *)ch->drop, where);
  if (unlikely(p == lwt__oom()))
    lwt__drop_value(value, ch->drop);
  else
    P(p)->flags |= F_OWNS;
  return p;
}

int lwt_channel_try_recv(struct lwt_channel *ch, void **value)
{
  if (!lwt__channel_full(ch))
    return ch->end.code ? ch->end.code : LWT_EAGAIN;
  *value = lwt__channel_take(ch);
  lwt__leave();
  return 0;
}

/* The promise is there before the element is taken. */
static lwt_t *recv_owned(struct lwt_channel *ch, const char *where)
{
  struct promise *p = lwt__node(sizeof *p, K_VALUE, where);

  if (unlikely(!p))
    return lwt__oom();
  p->state = LWT_FULFILLED;
  p->drop = ch->drop;
  p->value = lwt__channel_take(ch);
  lwt__leave();
  return H(p);
}

lwt_t *lwt_channel_recv_at(struct lwt_channel *ch, const char *where)
{
  void *value;

  if (!lwt__channel_full(ch)) {
    if (ch->end.code)
      return lwt_fail_error_at(ch->end, where);
    return lwt__wait_in(lwt__queue_of(&ch->receivers, Q_RECEIVE), NULL, NULL, where);
  }
  value = lwt__channel_peek(ch);
  if (ch->drop || (intptr_t)((uintptr_t)value << 1) >> 1 != (intptr_t)value)
    return recv_owned(ch, where);
  value = lwt__channel_take(ch);
  lwt__leave();
  return lwt_return(value);
}

/* ---- The end ----------------------------------------------------------------- */

/* All in the queue are rejected; what they send is dropped. */
static void reject_all(struct lwt_queue *queue, struct lwt_error error)
{
  struct waiter *w;
  struct promise *p;
  struct lwt_value v;

  while ((w = head(queue))) {
    if (is_select(w)) {
      lwt__select_happens((struct entry *)w, (struct lwt_value){ NULL, NULL }, error);
      continue;
    }
    p = lwt__queue_pop(Q(queue));
    v = (struct lwt_value){ p->fn, p->flags & F_OWNS ? (lwt_drop_fn *)p->env : NULL };
    p->flags &= (uint16_t)~F_OWNS;
    lwt__reject(p, error.code, error.what, NULL);
    lwt__drop_value(v.value, v.drop);
  }
}

void lwt_channel_fail(struct lwt_channel *ch, int code, const char *what)
{
  if (ch->end.code)
    return;
  ch->end = (struct lwt_error){ code < 0 ? code : LWT_EINVAL, what };
  if (!lwt__channel_full(ch))
    reject_all(&ch->receivers, ch->end);
  lwt__leave();
}

void lwt_channel_close(struct lwt_channel *ch)
{
  lwt_channel_fail(ch, LWT_EOF, "channel");
}

/* Drop functions run nothing else meanwhile. */
static void abort_channel(struct lwt_channel *ch, int code, const char *what)
{
  uint8_t draining = lwt__t.draining;

  lwt__t.draining = 1;
  ch->end = (struct lwt_error){ code < 0 ? code : LWT_EINVAL, what };
  reject_all(&ch->receivers, ch->end);
  reject_all(&ch->senders, ch->end);
  while (ch->n)
    lwt__drop_value(shift(ch), ch->drop);
  lwt__t.draining = draining;
}

void lwt_channel_abort(struct lwt_channel *ch, int code, const char *what)
{
  abort_channel(ch, code, what);
  lwt__leave();
}

void lwt_channel_free(struct lwt_channel *ch)
{
  if (!ch)
    return;
  abort_channel(ch, LWT_EPIPE, "channel");
  lwt__free(ch);
  lwt__leave();
}
