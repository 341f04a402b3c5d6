/* t-xenbus.c - the handshake of devices, with an end that is late or writes nonsense.
 * SPDX-License-Identifier: ISC
 */
#include "../lwt-xen/xenbus.h"
#include "fakestore.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <string.h>

static int code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

static int put(const char *path, const char *text)
{
  return code(lwt_xs_write_text(0, path, text));
}

static void test_numbers(void)
{
  static const struct {
    const char *text;
    uint64_t max;
    int code;
  } rows[] = {
    { "0", 0, 0 },
    { "7", 6, LWT_ERANGE },
    { "18446744073709551615", UINT64_MAX, 0 },
    { "18446744073709551616", UINT64_MAX, LWT_ERANGE },
    { "99999999999999999999999", UINT64_MAX, LWT_ERANGE },
    { "", 9, LWT_EINVAL },
    { "-1", 9, LWT_EINVAL },
    { "0x1", 9, LWT_EINVAL },
    { " 1", 9, LWT_EINVAL },
    { "1\n", 9, LWT_EINVAL },
  };
  uint64_t n;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    is_int(lwt__xenbus_parse(rows[i].text, strlen(rows[i].text), rows[i].max, &n),
           rows[i].code, "number %d", (int)i);
  is_int(lwt__xenbus_parse("1\0", 2, 9, &n), LWT_EINVAL, "a NUL is no digit");
}

static void test_states(void)
{
  xenbus_state_p *p = lwt__xenbus_wait("back", XENBUS_IN(XenbusStateConnected));
  void *state;

  put("back/state", "2");
  lwt_run_ready();
  ok(lwt_state((lwt_t *)p) == LWT_PENDING, "InitWait is not Connected");
  put("back/state", "nonsense");
  put("back/state", "4");
  is_int(lwt_run_value((lwt_t *)p, &state).code, 0, "Connected");
  is_int((intptr_t)state, XenbusStateConnected, "says so");
  p = lwt__xenbus_wait("back", XENBUS_IN(XenbusStateClosed));
  put("x", "x");
  put("x", "x");
  code(lwt_xs_rm(0, "back/state"));
  store_event("back/state");
  is_int(code((lwt_t *)p), 0, "an end that is gone is closed");
  lwt_drop((lwt_t *)lwt__xenbus_wait("back", XENBUS_IN(XenbusStateClosed)));
  is_int(code(lwt__xenbus_switch(0, "front", XenbusStateInitialised)), 0, "our state");
  ok(!strcmp(store.node[store_find("front/state", 0)].value, "3"), "is written");
}

static void test_backend(void)
{
  xenbus_backend_p *p = lwt__xenbus_backend("device/vif/0");
  struct xenbus_backend *b;
  void *value;

  put("device/vif/0/backend", "/local/domain/5/backend/vif/1/0");
  store_event("device/vif/0");
  put("x", "x");
  ok(lwt_state((lwt_t *)p) == LWT_PENDING, "the id is not written yet");
  put("device/vif/0/backend-id", "5");
  store_event("device/vif/0");
  is_int(lwt_run_value((lwt_t *)p, &value).code, 0, "now it is");
  b = value;
  ok(b->domain == 5 && !strcmp(b->path, "/local/domain/5/backend/vif/1/0"), "found");
  lwt__xenbus_free(b);
  put("device/vif/0/backend-id", "40000");
  is_int(code((lwt_t *)lwt__xenbus_backend("device/vif/0")), LWT_ERANGE,
         "a domain that cannot be");
}

int main(void)
{
  lwt_test_memory();
  is_int(fake_start(0), 0, "the shared page");
  fake.now = LWT_S(1);
  fake.step = fake_store_step;
  test_numbers();
  test_states();
  test_backend();
  put("x", "x");
  is_int(lwt_live(), 0, "no promise is left");
  return lwt_test_done();
}
