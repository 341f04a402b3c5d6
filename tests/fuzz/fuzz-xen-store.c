/* fuzz-xen-store.c - what xenstored can write into the ring.
 * SPDX-License-Identifier: ISC
 *
 * store.c itself is in here, so that a connection that was given up can begin
 * anew.  The first byte says which requests wait; the others are messages: one byte
 * says which of the requests it pretends to answer, or that it is raw.
 */
#include "../../lwt-xen/store.c"

#include "../fakestore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static lwt_t *ask(unsigned what)
{
  switch (what) {
  case 0: return LWT_UNTYPED(lwt_xs_read(0, "data/a"));
  case 1: return LWT_UNTYPED(lwt_xs_directory(0, "data"));
  case 2: return LWT_UNTYPED(lwt_xs_permissions(0, "data"));
  case 3: return LWT_UNTYPED(lwt_xs_start());
  case 4: return LWT_UNTYPED(lwt_xs_watch("data"));
  case 5: return lwt_xs_write_text(0, "data/a", "1");
  case 6: return lwt_xs_end(5, 1);
  default: return LWT_UNTYPED(lwt_xs_domain_path(3));
  }
}

/* One message, or what is not one.  Returns what it has used of n bytes. */
static size_t message_from(const uint8_t *data, size_t n)
{
  const struct request *r = s.first;
  size_t len = n > 2 ? data[1] & 63 : 0, skip = data[0] & 7;

  if (len > n - 2)
    len = n > 2 ? n - 2 : 0;
  if (store.n_out + 100 > sizeof store.out)
    return n;
  if (data[0] & 128) {
    memcpy(store.out + store.n_out, data + 1, n > 17 ? 16 : n - 1);
    store.n_out += n > 17 ? 16 : n - 1;
    return n > 17 ? 17 : n;
  }
  while (r && skip--)
    r = r->next;
  store_send(data[0] & 64   ? XS_WATCH_EVENT
             : data[0] & 32 ? XS_ERROR
             : r            ? r->op
                            : XS_READ,
             r ? r->head.req_id : 1, 0, data + 2, len);
  return n > 2 ? len + 2 : n;
}

/* As after a start: what waits is rejected. */
static void again(void)
{
  fail_all();
  while (s.watches)
    lwt__store_watch_remove(s.watches);
  s.broken = s.in_payload = 0;
  s.got = 0;
  s.sending = NULL;
  store.n_in = store.n_out = 0;
  fake_store->req_cons = fake_store->req_prod;
  fake_store->rsp_prod = fake_store->rsp_cons;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static int started;
  lwt_t *asked[8];
  void *value[8] = { NULL };
  unsigned i, turns;
  size_t at = 1;

  if (!started++) {
    check(!fake_start(0xfffff000u) && !lwt__store_init());
    fake.step = fake_store_step;
    store.deaf = 1;
  }
  for (i = 0; i < 8; i++)
    asked[i] = len && data[0] >> i & 1 ? ask(i) : NULL;
  lwt__events_scan();
  fake_store_step();
  while (at < len) {
    at += message_from(data + at, len - at);
    for (turns = 0; turns < 3; turns++) {
      fake_store_step();
      fake_event(FAKE_STORE_PORT);
      lwt__events_scan();
    }
  }
  again();
  for (i = 0; i < 8; i++) {
    int done = asked[i] && !lwt_run_value(asked[i], &value[i]).code;

    if (done && i == 4)
      lwt_xs_unwatch(value[i]);
    else if (done && i != 3 && i < 5)
      lwt_xs_free(value[i]);
    else if (done && i == 7)
      lwt_xs_free(value[i]);
  }
  again();
  check(!lwt_live());
  return 0;
}
