/* fakestore.h - a xenstored behind the ring of fakexen.h.
 * SPDX-License-Identifier: ISC
 *
 * A flat list of paths with values, watches, and transactions that it can refuse.
 * fake_store_step() moves at most store.pace bytes each way.
 */
#ifndef FAKESTORE_H
#define FAKESTORE_H

#include "fakexen.h"

#include <stdio.h>

static struct {
  size_t pace;
  unsigned refuse; /* that many transactions with EAGAIN */
  unsigned ended, aborted, started, unwatched, requests;
  unsigned host; /* which this is: of fake.hosts */
  int deaf;      /* answers nothing */
  const char *denied; /* reading this node, or one below it, is EACCES; NULL: none */
  struct {
    char path[64], value[64];
    size_t len;
    char permissions[16];
    size_t n_permissions;
  } node[64];
  char token[64]; /* of the last watch */
  struct {
    char path[64], token[64];
  } watch[16];
  char in[8192], out[65536];
  size_t n_in, n_out;
  char id[24];    /* of a transaction; empty: 99 */
  unsigned wrong; /* added to the type of the answer to a read */
  uint32_t tx;    /* that was ended last */
} store = { .pace = 4096 };

static void store_send(uint32_t type, uint32_t id, uint32_t tx, const void *bytes,
                       size_t len)
{
  struct xsd_sockmsg head = { type, id, tx, (uint32_t)len };

  memcpy(store.out + store.n_out, &head, sizeof head);
  memcpy(store.out + store.n_out + sizeof head, bytes, len);
  store.n_out += sizeof head + len;
}

static void store_event_to(const char *token, const char *path)
{
  char bytes[160];
  int n = snprintf(bytes, sizeof bytes, "%s%c%s", path, 0, token);

  store_send(XS_WATCH_EVENT, 0, 0, bytes, (size_t)n + 1);
}

static void store_event(const char *path)
{
  store_event_to(store.token, path);
}

/* A node has changed: for all that watch it or one above. */
static void store_changed(const char *path)
{
  size_t len;
  int i;

  for (i = 0; i < 16; i++) {
    len = strlen(store.watch[i].path);
    if (len && !strncmp(path, store.watch[i].path, len) &&
        (!path[len] || path[len] == '/'))
      store_event_to(store.watch[i].token, path);
  }
}

/* What the tests write is short. */
static void store_copy(char to[64], const char *from)
{
  size_t len = strlen(from);

  if (len > 63)
    abort();
  memcpy(to, from, len + 1);
}

static int store_find(const char *path, int make)
{
  int i;

  for (i = 0; i < 64; i++)
    if (!strcmp(store.node[i].path, path))
      return i;
  for (i = 0; make && i < 64; i++)
    if (!store.node[i].path[0]) {
      store_copy(store.node[i].path, path);
      store.node[i].n_permissions = 0;
      store.node[i].len = 0;
      store.node[i].value[0] = '\0';
      return i;
    }
  return -1;
}

/* 300 names of 16 bytes, in parts of 2000. */
static void store_part(const struct xsd_sockmsg *h, const char *offset)
{
  static char names[5000];
  size_t at = strtoul(offset, NULL, 10), n, head;
  char bytes[4096];
  int i;

  for (i = 0; i < 300; i++)
    snprintf(names + 16 * i, 24, "a-long-name-%03d", i);
  n = 4800 - at > 2000 ? 2000 : 4800 - at;
  head = (size_t)sprintf(bytes, "77") + 1;
  memcpy(bytes + head, names + at, n);
  if (at + n == 4800)
    bytes[head + n++] = '\0';
  store_send(h->type, h->req_id, h->tx_id, bytes, head + n);
}

static void store_write(const char *path, const char *value, size_t len)
{
  int i = store_find(path, 1);

  memcpy(store.node[i].value, value, len);
  store.node[i].value[len] = '\0';
  store.node[i].len = len;
  store_changed(path);
}

static void store_watch(const char *path, const char *token)
{
  int i;

  for (i = 0; i < 16 && store.watch[i].path[0]; i++)
    ;
  if (i == 16)
    abort();
  store_copy(store.watch[i].path, path);
  store_copy(store.watch[i].token, token);
  store_copy(store.token, token);
}

static void store_unwatch(const char *token)
{
  int i;

  for (i = 0; i < 16; i++)
    if (!strcmp(store.watch[i].token, token))
      store.watch[i].path[0] = store.watch[i].token[0] = '\0';
  store.unwatched++;
}

/* Who may do what, as a new node has it from the one above. */
static void store_permissions(const struct xsd_sockmsg *h, int i)
{
  if (store.node[i].n_permissions)
    store_send(h->type, h->req_id, h->tx_id, store.node[i].permissions,
               store.node[i].n_permissions);
  else
    store_send(h->type, h->req_id, h->tx_id, "n0", 3);
}

static const char *store_permit(int i, const char *permissions, size_t len)
{
  if (!len || len > sizeof store.node[i].permissions || permissions[len - 1])
    return "EINVAL";
  memcpy(store.node[i].permissions, permissions, len);
  store.node[i].n_permissions = len;
  return NULL;
}

static void store_domain(const struct xsd_sockmsg *h, const char *domain)
{
  char path[40];
  int n = snprintf(path, sizeof path, "/local/domain/%s", domain);

  store_send(h->type, h->req_id, h->tx_id, path, (size_t)n + 1);
}

/* The answer is there already. */
static int store_answers(uint32_t type)
{
  return type == XS_READ || type == XS_DIRECTORY || type == XS_DIRECTORY_PART ||
         type == XS_TRANSACTION_START || type == XS_GET_PERMS ||
         type == XS_GET_DOMAIN_PATH;
}

/* The devices of one kind; other directories are too long for one answer. */
static const char *store_directory(const struct xsd_sockmsg *h, const char *path)
{
  char names[256];
  size_t n = 0, len = strlen(path), name;
  int i;

  if (strncmp(path, "device/", 7))
    return "E2BIG";
  for (i = 0; i < 64; i++)
    if (!strncmp(store.node[i].path, path, len) && store.node[i].path[len] == '/') {
      name = strcspn(store.node[i].path + len + 1, "/");
      memcpy(names + n, store.node[i].path + len + 1, name);
      names[n + name] = '\0';
      if (!n || strcmp(names, names + n)) /* not the first one again */
        n += name + 1;
    }
  if (!n)
    return "ENOENT";
  store_send(h->type, h->req_id, h->tx_id, names, n);
  return NULL;
}

/* Whether there is something below it: all nodes on the way are there, too. */
static int store_is_above(const char *path)
{
  size_t len = strlen(path);
  int i;

  for (i = 0; i < 64; i++)
    if (!strncmp(store.node[i].path, path, len) && store.node[i].path[len] == '/')
      return 1;
  return 0;
}

static void store_read(const struct xsd_sockmsg *h, const char *path)
{
  int i = store_find(path, 0);

  store_send(h->type + store.wrong, h->req_id, h->tx_id, i < 0 ? "" : store.node[i].value,
             i < 0 ? 0 : store.node[i].len);
}

static void store_answer(const struct xsd_sockmsg *h, const char *p)
{
  const char *rest = p + strlen(p) + 1;
  size_t len = h->len - (size_t)(rest - p);
  const char *error = NULL;
  int i = store_find(p, 0);

  store.requests++;
  switch (h->type) {
  case XS_READ:
    if (store.denied && !strncmp(p, store.denied, strlen(store.denied)))
      error = "EACCES";
    else if (i < 0 && !store_is_above(p))
      error = "ENOENT";
    else
      store_read(h, p);
    break;
  case XS_MKDIR: store_find(p, 1); break;
  case XS_GET_PERMS:
    if (i < 0)
      error = "ENOENT";
    else
      store_permissions(h, i);
    break;
  case XS_SET_PERMS: error = i < 0 ? "ENOENT" : store_permit(i, rest, len); break;
  case XS_GET_DOMAIN_PATH: store_domain(h, p); break;
  case XS_DIRECTORY: error = store_directory(h, p); break;
  case XS_DIRECTORY_PART: store_part(h, rest); break;
  case XS_WRITE: store_write(p, rest, len); break;
  case XS_RM:
    if (i < 0)
      error = "ENOENT";
    else
      store.node[i].path[0] = '\0';
    break;
  case XS_WATCH: store_watch(p, rest); break;
  case XS_UNWATCH: store_unwatch(rest); break;
  case XS_TRANSACTION_START:
    store.started++;
    if (store.id[0])
      store_send(h->type, h->req_id, 0, store.id, strlen(store.id) + 1);
    else
      store_send(h->type, h->req_id, 0, "99", 3);
    break;
  case XS_TRANSACTION_END:
    if (*p == 'F')
      store.aborted++;
    else if (store.refuse)
      error = "EAGAIN";
    store.refuse -= store.refuse && *p == 'T';
    store.ended++;
    store.tx = h->tx_id;
    break;
  default: error = "ENOSYS";
  }
  if (error)
    store_send(XS_ERROR, h->req_id, h->tx_id, error, strlen(error) + 1);
  else if (!store_answers(h->type))
    store_send(h->type, h->req_id, h->tx_id, "OK", 3);
  if (h->type == XS_WATCH)
    store_event(p);
}

/* Another one, to whom nobody has said what is watched. */
static void store_renew(void)
{
  memset(store.watch, 0, sizeof store.watch);
  store.n_in = store.n_out = 0;
  store.host = fake.hosts;
}

static void fake_store_step(void)
{
  struct xsd_sockmsg h;
  size_t n = store.pace, whole, moved = 0;

  if (store.host != fake.hosts)
    store_renew();
  for (; n-- && fake_store->req_cons != fake_store->req_prod; moved++)
    store.in[store.n_in++] = fake_store->req[fake_store->req_cons++ % 1024];
  while (!store.deaf && store.n_in >= sizeof h) {
    memcpy(&h, store.in, sizeof h);
    whole = sizeof h + h.len;
    if (store.n_in < whole)
      break;
    store.in[store.n_in] = '\0';
    store_answer(&h, store.in + sizeof h);
    memmove(store.in, store.in + whole, store.n_in -= whole);
  }
  for (n = 0; n < store.pace && n < store.n_out &&
              fake_store->rsp_prod - fake_store->rsp_cons < 1024;
       n++)
    fake_store->rsp[fake_store->rsp_prod++ % 1024] = store.out[n];
  memmove(store.out, store.out + n, store.n_out -= n);
  if (moved || n)
    fake_event(FAKE_STORE_PORT);
}

#endif
