/* resolve.c - host names to addresses, by the system's getaddrinfo().
 * SPDX-License-Identifier: ISC
 *
 * It runs in libuv's thread pool, and once a thread has begun it cannot be
 * stopped: a cancelled promise leaves it behind.
 */
#include "unix.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
  struct object object;
  struct lwt_resolver r;
  uint16_t port;
  uv_getaddrinfo_t req;
};

/* The first usable address.  Freed by free(), as the contract says. */
static struct lwt_addr *pick(const struct addrinfo *info, uint16_t port)
{
  struct lwt_addr *addr = malloc(sizeof *addr);

  for (; addr && info; info = info->ai_next) {
    *addr = lwt__unix_addr(info->ai_addr);
    if (addr->family) {
      addr->port = port;
      return addr;
    }
  }
  if (addr)
    addr->family = 0;
  return addr;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *info)
{
  struct resolve *r = req->data;
  struct sockets *s = lwt__unix_remove(&r->object);
  struct lwt_resolver resolver = r->r;
  struct lwt_addr *addr = NULL;
  int error = lwt__unix_error(status);

  if (!error && !(addr = pick(info, r->port)))
    error = LWT_ENOMEM;
  if (addr && !addr->family) {
    free(addr);
    error = LWT_ENOENT;
  }
  uv_freeaddrinfo(info);
  lwt__free(r);
  if (error)
    lwt_reject(&resolver, error, "resolve");
  else if (lwt_fulfill_owned(&resolver, addr, free))
    free(addr); /* cancelled */
  lwt__sockets_left(s);
}

static void stop(void *env)
{
  struct resolve *r = env;

  lwt_abandon(&r->r);
  uv_cancel((uv_req_t *)&r->req);
}

static void resolve_cut(struct object *object, int now)
{
  struct resolve *r = CONTAINER(object, struct resolve, object);
  struct lwt_resolver resolver = r->r;

  (void)now;
  r->r.lwt_private = NULL;
  uv_cancel((uv_req_t *)&r->req);
  lwt_reject(&resolver, LWT_ECONNABORTED, "resolve");
}

static lwt_addr_p *numeric(struct lwt_addr *addr, uint16_t port)
{
  struct lwt_addr *copy = malloc(sizeof *copy);

  if (!copy)
    return lwt_addr_p_fail(LWT_ENOMEM, "resolve");
  *copy = *addr;
  copy->port = port;
  return (lwt_addr_p *)lwt_return_owned(copy, free);
}

lwt_addr_p *lwt__resolve(struct lwt_stack *stack, const char *name, uint16_t port)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
  struct lwt_unix *u = lwt__unix_here();
  struct lwt_addr addr;
  struct resolve *r;
  lwt_t *p;
  int error;

  if (lwt_addr_parse(&addr, name) == 0)
    return numeric(&addr, port);
  if (!name[0] || strlen(name) > 253)
    return lwt_addr_p_fail(LWT_ENOENT, "resolve");
  if (!u || !(r = lwt__alloc(sizeof *r)))
    return lwt_addr_p_fail(LWT_ENOMEM, "resolve");
  memset(r, 0, sizeof *r);
  r->req.data = r;
  r->port = port;
  p = lwt_task_op(&r->r, stop, r);
  if (!r->r.lwt_private) {
    lwt__free(r);
    return (lwt_addr_p *)p;
  }
  error = uv_getaddrinfo(u->loop, &r->req, on_resolved, name, NULL, &hints);
  if (error) {
    lwt_reject(&r->r, lwt__unix_error(error), "resolve");
    lwt__free(r);
    return (lwt_addr_p *)p;
  }
  lwt__unix_add(&r->object, lwt__sockets(stack), resolve_cut);
  return (lwt_addr_p *)p;
}
