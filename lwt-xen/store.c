/* store.c - the xenstore ring: requests out, answers and events of watches in.
 * SPDX-License-Identifier: ISC
 *
 * One message at a time is being written, one being read; both go through the ring
 * in pieces, as there is room.  Requests have ids and are answered in any order.
 * At most MAX_REQUESTS wait; a message that cannot be right (too long, an answer of
 * another kind than its request, an impossible index) ends the connection for all:
 * there is no way to find the next one.  An answer to nothing is ignored.
 */
#include "store.h"

#include "ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/hvm/params.h>

#define MAX_REQUESTS 256u
#define LAST_WORDS 64u
/* For an answer that a caller blocks for. */
#define ASK_PATIENCE LWT_S(30)

struct request {
  struct request *next;
  store_done *done; /* NULL: forgotten */
  void *env;
  uint32_t op;
  uint32_t len, sent; /* of bytes */
  uint8_t kept;       /* not freed when it is answered */
  struct xsd_sockmsg head;
  char payload[];
};

static struct {
  struct lwt__port port;
  struct ring req, rsp;
  uint8_t broken;
  uint32_t last_id;
  size_t n;
  struct request *first, **last; /* all, in the order of sending */
  struct request *sending;       /* the first that is not sent, or NULL */
  struct store_watch *watches;
  uint64_t tokens;
  uint64_t until; /* see lwt__store_until() */
  uint32_t bound; /* the last that is sent, while `stopped` */
  uint8_t stopped;
  /* the message being read */
  struct xsd_sockmsg head;
  uint32_t got; /* of head, then of the payload */
  uint8_t in_payload;
  struct lwt_xs_value *value; /* NULL: no memory, the payload is skipped */
} s;

/* ---- Errors -------------------------------------------------------------- */

static int code_of(const char *name)
{
  static const struct {
    const char *name;
    int code;
  } codes[] = {
    { "EINVAL", LWT_EINVAL },   { "EACCES", LWT_EACCES }, { "EEXIST", LWT_EEXIST },
    { "EISDIR", LWT_EISDIR },   { "ENOENT", LWT_ENOENT }, { "ENOMEM", LWT_ENOMEM },
    { "ENOSPC", LWT_ENOSPC },   { "EIO", LWT_EIO },       { "ENOTEMPTY", LWT_EBUSY },
    { "ENOSYS", LWT_ENOSYS },   { "EROFS", LWT_EROFS },   { "EBUSY", LWT_EBUSY },
    { "EAGAIN", LWT_EAGAIN },   { "EISCONN", LWT_EISCONN }, { "E2BIG", LWT_EMSGSIZE },
    { "EPERM", LWT_EPERM },
  };
  size_t i;

  for (i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strcmp(codes[i].name, name) == 0)
      return codes[i].code;
  return LWT_EIO;
}

/* ---- Requests -------------------------------------------------------------- */

static void unlink_request(struct request *r)
{
  struct request **link = &s.first;

  while (*link != r)
    link = &(*link)->next;
  *link = r->next;
  if (!r->next)
    s.last = link;
  s.n--;
  lwt__events_want(-1);
}

static uint32_t submit(struct request *r)
{
  r->head.req_id = ++s.last_id ? s.last_id : ++s.last_id;
  *s.last = r;
  s.last = &r->next;
  s.n++;
  lwt__events_want(1);
  if (!s.sending)
    s.sending = r;
  lwt__port_again(&s.port); /* sent at the end of the turn, with others */
  return r->head.req_id;
}

/* With the request of a watch, which is not under way. */
static void say(struct request *r, uint32_t op)
{
  r->op = r->head.type = op;
  r->next = NULL;
  r->sent = 0;
  submit(r);
}

static void finish(struct request *r, int error, struct lwt_xs_value *value)
{
  store_done *done = r->done;
  void *env = r->env;

  unlink_request(r);
  r->done = NULL;
  r->head.req_id = 0;
  if (!r->kept && r->op == XS_WATCH && !s.broken)
    say(r, XS_UNWATCH); /* removed before it was answered */
  else if (!r->kept)
    lwt__free(r);
  if (done)
    done(env, error, value);
  else
    lwt__free(value);
}

/* The connection is of no use any more. */
static void fail_all(void)
{
  s.broken = 1;
  s.sending = NULL;
  lwt__free(s.value);
  s.value = NULL;
  while (s.first)
    finish(s.first, LWT_EPROTO, NULL);
}

/* Whether it has to wait for lwt__store_go_on().  Ids are in the order of sending. */
static int is_stopped(const struct request *r)
{
  return s.stopped && (int32_t)(r->head.req_id - s.bound) > 0;
}

static void send_more(void)
{
  const char *from;
  struct request *r;
  uint32_t n, total = 0;
  int room = 0;

  while ((r = s.sending) && !is_stopped(r) && (room = ring_room(&s.req)) > 0) {
    from = (const char *)&r->head + r->sent;
    n = r->len - r->sent;
    if (n > (uint32_t)room)
      n = (uint32_t)room;
    ring_put(&s.req, from, n);
    total += n;
    r->sent += n;
    if (r->sent == r->len)
      s.sending = r->next;
  }
  if (total)
    lwt__port_notify(&s.port);
  if (room < 0)
    fail_all();
}

static size_t sum(const struct store_part *parts, size_t n)
{
  size_t len = 0, i;

  for (i = 0; i < n; i++)
    len = parts[i].len > XENSTORE_PAYLOAD_MAX ? XENSTORE_PAYLOAD_MAX + 1u
                                              : len + parts[i].len;
  return len;
}

/* r has room for the parts, which are len bytes. */
static struct request *fill(struct request *r, uint32_t op, uint32_t tx,
                            const struct store_part *parts, size_t n, size_t len)
{
  size_t i, at = 0;

  memset(r, 0, sizeof *r);
  r->op = op;
  r->head = (struct xsd_sockmsg){ .type = op, .tx_id = tx, .len = (uint32_t)len };
  r->len = (uint32_t)(sizeof r->head + len);
  for (i = 0; i < n; at += parts[i++].len)
    if (parts[i].len)
      memcpy(r->payload + at, parts[i].bytes, parts[i].len);
  return r;
}

/* NULL: no memory. */
static struct request *make(uint32_t op, uint32_t tx, const struct store_part *parts,
                            size_t n, size_t len)
{
  struct request *r = lwt__alloc(sizeof *r + len);

  return r ? fill(r, op, tx, parts, n, len) : NULL;
}

void lwt__store_last_words(const struct store_part *parts, size_t n)
{
  static union {
    struct request request;
    char room[sizeof(struct request) + LAST_WORDS];
  } last;
  size_t len = sum(parts, n);

  if (!s.port.number || s.broken || len > LAST_WORDS || last.request.head.req_id)
    return;
  fill(&last.request, XS_WRITE, 0, parts, n, len);
  last.request.kept = 1;
  submit(&last.request);
}

/* Why a request of len bytes cannot be sent, or 0. */
static int refusal(size_t len)
{
  return !s.port.number               ? LWT_ENODEV
         : s.broken                   ? LWT_EPROTO
         : len > XENSTORE_PAYLOAD_MAX ? LWT_EMSGSIZE
         : s.n >= MAX_REQUESTS        ? LWT_ENOBUFS
                                      : 0;
}

uint32_t lwt__store_request(uint32_t op, uint32_t tx, const struct store_part *parts,
                            size_t n, store_done *done, void *env, int *error)
{
  size_t len = sum(parts, n);
  struct request *r;

  *error = refusal(len);
  if (*error)
    return 0;
  r = make(op, tx, parts, n, len);
  if (!r) {
    *error = LWT_ENOMEM;
    return 0;
  }
  r->done = done;
  r->env = env;
  return submit(r);
}

static struct request *find(uint32_t id)
{
  struct request *r = s.first;

  while (r && r->head.req_id != id)
    r = r->next;
  return r;
}

void lwt__store_forget(uint32_t id)
{
  struct request *r = find(id);

  if (!r)
    return;
  r->done = NULL;
  /* What has not begun to be sent need not be. */
  if (!r->sent) {
    if (s.sending == r)
      s.sending = r->next;
    unlink_request(r);
    lwt__free(r);
  }
}

/* ---- Answers ---------------------------------------------------------------- */

/* An answer that nobody takes has opened a transaction. */
static void end_orphan(const struct lwt_xs_value *value)
{
  const struct store_part abort = { "F", 2 };
  unsigned long id = strtoul(value->bytes, NULL, 10);
  int error;

  lwt__store_request(XS_TRANSACTION_END, (uint32_t)id, &abort, 1, NULL, NULL, &error);
}

static void answer(struct request *r, struct lwt_xs_value *value)
{
  if (!value) {
    finish(r, LWT_ENOMEM, NULL);
  } else if (s.head.type == XS_ERROR) {
    int code = code_of(value->bytes);

    lwt__free(value);
    finish(r, code, NULL);
  } else {
    if (r->op == XS_TRANSACTION_START && !r->done)
      end_orphan(value);
    finish(r, 0, value);
  }
}

/* value: path, token.  Without memory for it, anything may have changed. */
static void event(struct lwt_xs_value *value)
{
  const char *token = value ? memchr(value->bytes, 0, value->len) : NULL;
  struct store_watch *w, *next;

  for (w = s.watches; w; w = next) {
    next = w->next;
    if (!value)
      w->fired(w->env, NULL);
    else if (token && strcmp(w->token, token + 1) == 0) {
      w->fired(w->env, value->bytes);
      break;
    }
  }
  lwt__free(value);
}

/* A whole message is there.  Returns 0 if it cannot be right. */
static int message(void)
{
  struct lwt_xs_value *value = s.value;
  struct request *r;

  s.value = NULL;
  s.in_payload = 0;
  s.got = 0;
  if (s.head.type == XS_WATCH_EVENT) {
    event(value);
    return 1;
  }
  r = find(s.head.req_id);
  if (!r || r->sent < r->len || (s.head.type != r->op && s.head.type != XS_ERROR)) {
    lwt__free(value);
    return r != NULL && r->sent == r->len ? 0 : 1; /* an answer to nothing: ignored */
  }
  answer(r, value);
  return 1;
}

static int begin_payload(void)
{
  if (s.head.len > XENSTORE_PAYLOAD_MAX)
    return 0;
  s.value = lwt__alloc(sizeof *s.value + s.head.len + 2);
  if (s.value) {
    s.value->len = s.head.len;
    memset(s.value->bytes + s.head.len, 0, 2);
  }
  s.in_payload = 1;
  s.got = 0;
  return 1;
}

static void receive(void)
{
  uint32_t want, n, total = 0;
  char skipped[256];
  int used, fine = 1;

  while (fine && !s.broken && (used = ring_used(&s.rsp)) != 0) {
    if (used < 0) {
      fine = 0;
      break;
    }
    want = (s.in_payload ? s.head.len : (uint32_t)sizeof s.head) - s.got;
    n = want < (uint32_t)used ? want : (uint32_t)used;
    if (s.in_payload && !s.value && n > sizeof skipped)
      n = sizeof skipped;
    ring_take(&s.rsp,
              !s.in_payload ? (char *)&s.head + s.got
              : s.value     ? s.value->bytes + s.got
                            : skipped,
              n);
    s.got += n;
    total += n;
    if (!s.in_payload && s.got == sizeof s.head)
      fine = begin_payload();
    if (fine && s.in_payload && s.got == s.head.len)
      fine = message();
  }
  if (total)
    lwt__port_notify(&s.port);
  if (!fine)
    fail_all();
}

static void on_event(void *env)
{
  (void)env;
  if (s.broken)
    return;
  receive();
  send_more();
}

/* ---- Outside of the loop ---------------------------------------------------- */

struct asked {
  int done, error;
  struct lwt_xs_value *value;
};

static void asked_done(void *env, int error, struct lwt_xs_value *value)
{
  struct asked *a = env;

  a->done = 1;
  a->error = error;
  a->value = value;
}

void lwt__store_until(uint64_t deadline)
{
  s.until = deadline;
}

void lwt__store_turn(uint64_t deadline)
{
  int held = lwt__hold();

  lwt__port_sleep(&s.port, deadline);
  on_event(NULL);
  lwt__release(held);
}

int lwt__store_ask(uint32_t op, const char *path, const char *text,
                   struct lwt_xs_value **value)
{
  const struct store_part parts[] = { { path, strlen(path) + 1 },
                                      { text, text ? strlen(text) : 0 } };
  uint64_t deadline = s.until ? s.until : lwt__xen_now() + ASK_PATIENCE;
  struct asked a = { .error = LWT_ETIMEDOUT };
  int held = lwt__hold(), error = lwt__store_init();
  uint32_t id =
    error ? 0 : lwt__store_request(op, 0, parts, 2, asked_done, &a, &error);

  if (id) {
    s.bound = id; /* the loop, which could suspend, stands still until it is answered */
    on_event(NULL);
    while (!a.done && lwt__xen_now() < deadline)
      lwt__store_turn(deadline);
    if (!a.done)
      lwt__store_forget(id);
    error = a.error;
  }
  if (value && !error)
    *value = a.value;
  else
    lwt__free(a.value);
  lwt__release(held);
  return error;
}

void lwt__store_flush(uint64_t patience)
{
  uint64_t deadline = lwt__xen_now() + patience;

  s.stopped = 0;
  while (s.first && !s.broken && lwt__xen_now() < deadline) {
    send_more();
    if (!s.sending && ring_used(&s.req) <= 0)
      break;
    lwt__port_sleep(&s.port, deadline);
  }
}

/* ---- Watches ------------------------------------------------------------------ */

int lwt__store_watch_add(struct store_watch *w, store_done *done, void *env)
{
  struct store_part parts[] = { { w->path, strlen(w->path) + 1 }, { w->token, 0 } };
  int error;

  snprintf(w->token, sizeof w->token, "w%llx", (unsigned long long)++s.tokens);
  parts[1].len = strlen(w->token) + 1;
  error = refusal(sum(parts, 2));
  if (error)
    return error;
  w->request = make(XS_WATCH, 0, parts, 2, sum(parts, 2));
  if (!w->request)
    return LWT_ENOMEM;
  w->request->kept = 1;
  w->request->done = done;
  w->request->env = env;
  w->next = s.watches;
  s.watches = w;
  submit(w->request);
  return 0;
}

void lwt__store_watch_remove(struct store_watch *w)
{
  struct store_watch **link = &s.watches;
  struct request *r = w->request;

  while (*link && *link != w)
    link = &(*link)->next;
  if (*link)
    *link = w->next;
  w->request = NULL;
  if (!r)
    return;
  r->kept = 0;
  if (r->head.req_id)
    lwt__store_forget(r->head.req_id);
  else if (s.port.number && !s.broken)
    say(r, XS_UNWATCH);
  else
    lwt__free(r);
}

/* ---- Start ---------------------------------------------------------------------- */

int lwt__store_init(void)
{
  struct xenstore_domain_interface *page;
  uint64_t frame, port;

  if (s.port.number)
    return 0;
  if (lwt__xen_param(HVM_PARAM_STORE_PFN, &frame) ||
      lwt__xen_param(HVM_PARAM_STORE_EVTCHN, &port) || port >= UINT32_MAX)
    return LWT_ENODEV;
  page = hypercall_map(frame);
  if (!page)
    return LWT_ENOMEM;
  s.req = (struct ring){ page->req, sizeof page->req, &page->req_cons, &page->req_prod };
  s.rsp = (struct ring){ page->rsp, sizeof page->rsp, &page->rsp_cons, &page->rsp_prod };
  if (!s.last)
    s.last = &s.first;
  s.port.call = on_event;
  return lwt__port_bind(&s.port, (uint32_t)port);
}

/* ---- A suspend ------------------------------------------------------------------- */

void lwt__store_stop(void)
{
  s.bound = s.last_id;
  s.stopped = 1;
}

int lwt__store_is_quiet(void)
{
  return !s.first || is_stopped(s.first);
}

void lwt__store_go_on(void)
{
  s.stopped = 0;
  lwt__port_again(&s.port);
}

/* Transactions are gone, and another one may get the same id: nothing may be said in
 * its name. */
static void end_transactions(void)
{
  struct request *r, *next;

  for (r = s.first; r; r = next) {
    next = r->next;
    if (r->head.tx_id)
      finish(r, LWT_EAGAIN, NULL);
  }
}

int lwt__store_resume(void)
{
  struct store_watch *w;
  int error = s.last ? lwt__store_init() : 0;

  if (error || !s.last)
    return error;
  lwt__free(s.value); /* of a message that does not go on */
  s.value = NULL;
  s.got = 0;
  s.in_payload = 0;
  s.broken = 0; /* another xenstored */
  end_transactions();
  s.sending = s.first;
  for (w = s.watches; w; w = w->next)
    if (!w->request->head.req_id) /* else it is about to be said for the first time */
      say(w->request, XS_WATCH);
  return 0;
}
