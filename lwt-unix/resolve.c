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
  int all; /* addresses are wanted, not one */
  uv_getaddrinfo_t req;
};

#define MAX_ADDRS 64

/* The usable addresses, or the first: a block for free(), as the contract says.  NULL:
 * *error says why. */
static void *pick(const struct addrinfo *info, const struct resolve *r, int *error)
{
  struct lwt_addrs *addrs = malloc(sizeof *addrs + MAX_ADDRS * sizeof *addrs->addr);
  struct lwt_addr addr;

  *error = addrs ? 0 : LWT_ENOMEM;
  if (!addrs)
    return NULL;
  addrs->n = 0;
  for (; info && addrs->n < (r->all ? MAX_ADDRS : 1); info = info->ai_next) {
    addr = lwt__unix_addr(info->ai_addr);
    addr.port = r->port;
    if (addr.family)
      addrs->addr[addrs->n++] = addr;
  }
  if (!addrs->n) {
    free(addrs);
    *error = LWT_ENOENT;
    return NULL;
  }
  if (r->all)
    return addrs;
  addr = addrs->addr[0];
  memcpy(addrs, &addr, sizeof addr); /* the block is larger */
  return addrs;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *info)
{
  struct resolve *r = req->data;
  struct sockets *s = lwt__unix_remove(&r->object);
  struct lwt_resolver resolver = r->r;
  int error = lwt__unix_error(status);
  void *addr = error ? NULL : pick(info, r, &error);

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

static lwt_t *numeric(struct lwt_addr *addr, uint16_t port, int all)
{
  struct lwt_addrs *addrs = malloc(sizeof *addrs + sizeof *addr);

  if (!addrs)
    return lwt_fail(LWT_ENOMEM, "resolve");
  addr->port = port;
  addrs->n = 1;
  if (all)
    addrs->addr[0] = *addr;
  else
    memcpy(addrs, addr, sizeof *addr);
  return lwt_return_owned(addrs, free);
}

static lwt_t *resolve(struct lwt_stack *stack, const char *name, uint16_t port, int all)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
  struct lwt_unix *u = lwt__unix_here();
  struct lwt_addr addr;
  struct resolve *r;
  lwt_t *p;
  int error;

  if (lwt_addr_parse(&addr, name) == 0)
    return numeric(&addr, port, all);
  if (!name[0] || strlen(name) > 253)
    return lwt_fail(LWT_ENOENT, "resolve");
  if (!u || !(r = lwt__alloc(sizeof *r)))
    return lwt_fail(LWT_ENOMEM, "resolve");
  memset(r, 0, sizeof *r);
  r->req.data = r;
  r->port = port;
  r->all = all;
  p = lwt_task_op(&r->r, stop, r);
  if (!r->r.lwt_private) {
    lwt__free(r);
    return p;
  }
  error = uv_getaddrinfo(u->loop, &r->req, on_resolved, name, NULL, &hints);
  if (error) {
    lwt_reject(&r->r, lwt__unix_error(error), "resolve");
    lwt__free(r);
    return p;
  }
  lwt__unix_add(&r->object, lwt__sockets(stack), resolve_cut);
  return p;
}

lwt_addr_p *lwt__resolve(struct lwt_stack *stack, const char *name, uint16_t port)
{
  return (lwt_addr_p *)resolve(stack, name, port, 0);
}

lwt_addrs_p *lwt__resolve_all(struct lwt_stack *stack, const char *name, uint16_t port)
{
  return (lwt_addrs_p *)resolve(stack, name, port, 1);
}
