/* t-xen-net-open.c - a network device by name, and with each allocation failing.
 * SPDX-License-Identifier: ISC
 */
#include "fakenet.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include "fakeresume.h"

static uint8_t bytes[60];
static size_t pages_held;

static int code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

static int opened(const char *name, struct lwt_netif **netif)
{
  *netif = NULL;
  return lwt_platform_netif(name, netif);
}

static void test_names(void)
{
  static const char *const strangers[] = {
    "", "vif", "vif:", "vif:x", "vif:1", "tap:0", "vif:-1", "vif:0 ", "vif:4294967296"
  };
  struct lwt_netif *netif;
  size_t i;

  back_plug();
  for (i = 0; i < sizeof strangers / sizeof *strangers; i++)
    is_int(opened(strangers[i], &netif), LWT_ENODEV, "'%s' is no device", strangers[i]);
  is_int(opened("vif:0", &netif), 0, "one that is there");
  is_int(back.state, XenbusStateConnected, "is connected at once");
  is_str(netif->name, "vif:0", "its name");
  is_int(netif->mtu, 1500, "its MTU");
  is_int(netif->ops->send(netif, lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, 60)), 0,
         "it sends");
  code(lwt_sleep(LWT_MS(1)));
  is_int((intmax_t)back.n_in, 1, "and that arrives");
  back_switch(XenbusStateClosing);
  code(lwt_sleep(LWT_MS(1)));
  is_int(netif->ops->send(netif, lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, 60)),
         LWT_ENETDOWN, "detached, it says so");
  is_int(code(netif->ops->close(netif)), 0, "closed");
  back_forget();
  is_int(opened("vif:0", &netif), 0, "the same device again");
  is_int(code(netif->ops->close(netif)), 0, "closed");
}

static void remove_node(const char *path)
{
  store.node[store_find(path, 1)].path[0] = '\0';
}

/* What a program takes if nobody says which. */
static void test_default(void)
{
  back_unplug();
  is_str(lwt_platform_network(), "vif:0", "no device");
  store_write("device/vif/junk/x", "", 0);
  store_write("device/vif/12/mac", "", 0);
  is_str(lwt_platform_network(), "vif:12", "the only one");
  store_write("device/vif/7/mac", "", 0);
  store_write("device/vif/30/mac", "", 0);
  is_str(lwt_platform_network(), "vif:7", "the first one");
  remove_node("device/vif/junk/x");
  remove_node("device/vif/12/mac");
  remove_node("device/vif/7/mac");
  remove_node("device/vif/30/mac");
}

/* A second for each look, and an answer to each `slow`th. */
static unsigned slow, looks, answers;

static void slowly(void)
{
  fake.now += LWT_S(1);
  store.deaf = ++looks % slow != 0;
  fake_store_step();
  fake_event(FAKE_STORE_PORT);
  if (!store.deaf && !--answers)
    fake.race = NULL;
}

/* Answers come every `every` seconds, `n` times, and at once from then on; returns the
 * seconds that it took. */
static uint64_t open_slowly(unsigned every, unsigned n, int wanted, const char *what)
{
  struct lwt_netif *netif;
  uint64_t start = lwt_now();

  back_plug();
  slow = every;
  answers = n;
  looks = 0;
  store.deaf = 1;
  fake.race = slowly;
  is_int(opened("vif:0", &netif), wanted, "%s", what);
  fake.race = NULL;
  store.deaf = 0;
  start = lwt_now() - start;
  if (netif)
    is_int(code(netif->ops->close(netif)), 0, "closed");
  code(lwt_sleep(LWT_MS(1)));
  return start / LWT_S(1);
}

/* xenstored has much to do when a host starts its domains. */
static void test_slow_store(void)
{
  uint64_t took = open_slowly(25, 1, 0, "xenstored answers after 25 seconds");

  ok(took >= 25 && took < 30, "and then all goes well: %d s", (int)took);
  took = open_slowly(3, 4, 0, "or takes three seconds each for some time");
  ok(took >= 12 && took < 30, "which is none of the program's business: %d s", (int)took);
  took = open_slowly(9, 100, LWT_ETIMEDOUT, "nine seconds for each answer");
  ok(took >= 30 && took < 60, "are too many in all: %d s", (int)took);
}

/* It blocks, so it must have an end; and it runs no callback. */
static void test_patience(void)
{
  struct lwt_netif *netif;
  uint64_t start;

  back_plug();
  back.refuse = 1;
  start = lwt_now();
  is_int(opened("vif:0", &netif), LWT_ETIMEDOUT, "a backend that does not answer");
  ok(lwt_now() - start < LWT_S(31), "is not waited for longer than thirty seconds");
  is_int(front_number("state"), XenbusStateClosed, "it is told");
  back.state = 0;
  back_put("state", "1");
  is_int(opened("vif:0", &netif), LWT_ETIMEDOUT, "one that is not ready");
  back.refuse = 0;
  back_plug();
  store.deaf = 1;
  start = lwt_now();
  is_int(opened("vif:0", &netif), LWT_ETIMEDOUT, "xenstored is silent");
  ok(lwt_now() - start < LWT_S(31), "it is waited for thirty seconds");
  store.deaf = 0;
  code(lwt_sleep(LWT_MS(1)));
  is_int((intmax_t)lwt__grant_stats().granted, 0, "nothing is left of them");
}

static uint64_t plugging; /* since */

/* Its directory is the guest's after a second; then the two keys, one by one. */
static void slow_toolstack(void)
{
  uint64_t t = lwt_now() - plugging;

  if (t >= LWT_S(1))
    store.denied = NULL;
  if (t >= LWT_S(3) && front_number("backend-id") < 0)
    front_put("backend-id", "0");
  if (t >= LWT_S(4) && store_find(FRONT "/backend", 0) < 0)
    front_put("backend", BACK);
  back_step();
}

static void test_slow_toolstack(void)
{
  struct lwt_netif *netif;
  uint64_t took;

  back_plug();
  remove_node(FRONT "/backend");
  remove_node(FRONT "/backend-id");
  plugging = lwt_now();
  is_int(opened("vif:1", &netif), LWT_ENODEV, "a device that is not there");
  ok(lwt_now() - plugging < LWT_MS(1), "is not waited for");
  store.denied = FRONT;
  fake.step = slow_toolstack;
  is_int(opened("vif:0", &netif), 0, "one whose directory is being written");
  took = lwt_now() - plugging;
  ok(took >= LWT_S(4) && took < LWT_S(4) + LWT_MS(100), "is waited for: %d ms",
     (int)(took / LWT_MS(1)));
  fake.step = back_step;
  if (netif)
    is_int(code(netif->ops->close(netif)), 0, "closed");
  remove_node(FRONT "/backend");
  took = lwt_now();
  is_int(opened("vif:0", &netif), LWT_ETIMEDOUT, "one that stays half written");
  took = lwt_now() - took;
  ok(took >= LWT_S(30) && took < LWT_S(31), "is waited for, but not for ever");
  code(lwt_sleep(LWT_MS(1)));
  is_int((intmax_t)lwt__grant_stats().granted, 0, "nothing is left of it");
}

struct inside {
  struct lwt_netif *netif;
  int error, timer_ran, ran_inside;
};

static lwt_t *timer_runs(void *env, void *value)
{
  struct inside *s = env;

  lwt_xs_free(value);
  s->timer_ran = 1;
  return lwt_return(NULL);
}

static lwt_t *open_inside(void *env, void *value)
{
  struct inside *s = env;

  (void)value;
  s->error = opened("vif:0", &s->netif);
  s->ran_inside = s->timer_ran;
  return lwt_return(NULL);
}

static void test_callback(void)
{
  struct inside s = { .error = 1 };
  lwt_t *watched;

  back_plug();
  watched = lwt_bind(LWT_UNTYPED(lwt_xs_read(0, FRONT "/mac")), timer_runs, &s);
  is_int(code(lwt_bind(lwt_pause(), open_inside, &s)), 0, "from a callback");
  is_int(s.error, 0, "it is opened too");
  is_int(s.ran_inside, 0, "and nobody else runs meanwhile");
  is_int(code(watched), 0, "but afterwards");
  is_int(s.timer_ran, 1, "they do");
  if (s.netif)
    is_int(code(s.netif->ops->close(s.netif)), 0, "closed");
}

/* ---- No memory ------------------------------------------------------------------- */

static void input(void *env, struct lwt_buf *packets)
{
  (void)env;
  lwt_buf_free_queue(packets);
}

/* The life of a device: what is done may fail, but nothing may be left. */
static void live(struct lwt_netif *netif)
{
  lwt_t *listening = netif->ops->listen(netif, input, NULL);
  struct lwt_buf *packet = lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, 60);

  if (packet)
    netif->ops->send(netif, packet);
  code(netif->ops->writable(netif));
  code(lwt_sleep(LWT_MS(1)));
  lwt_error(listening); /* seen */
  lwt_drop(listening);
  code(netif->ops->close(netif));
  back_forget();
}

static void promised(void *env)
{
  void *netif = NULL;

  (void)env;
  back_plug();
  if (!lwt_run_value(LWT_UNTYPED(lwt__netfront_open(0)), &netif).code)
    live(netif);
}

static void by_name(void *env)
{
  struct lwt_netif *netif;

  (void)env;
  back_plug();
  if (!opened("vif:0", &netif))
    live(netif);
}

static void detached(void *env)
{
  struct lwt_netif *netif;

  (void)env;
  back_plug();
  if (opened("vif:0", &netif))
    return;
  back_switch(XenbusStateClosing);
  code(lwt_sleep(LWT_MS(1)));
  live(netif);
}

/* Memory is back: what was left to the loop ends. */
static void settle(void *env, size_t failed)
{
  (void)env;
  (void)failed;
  lwt_test_fail_no_more();
  back_forget();
  code(lwt_sleep(LWT_S(20)));
  back_unplug();
  pages_held += lwt__grant_stats().granted;
}

/* ---- No memory for a resume ------------------------------------------------------ */

static void *open_device(void)
{
  struct lwt_netif *netif;

  back_plug();
  return opened("vif:0", &netif) ? NULL : netif;
}

static enum front_state use_device(void *device)
{
  struct lwt_netif *netif = device;
  enum front_state state = ((struct netfront *)netif)->front.state;
  int error = netif->ops->send(netif, lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, 60));

  code(lwt_sleep(LWT_MS(1)));
  if (state == FRONT_UP ? error || back.n_in != 1 : error != LWT_ENETDOWN)
    state = FRONT_DOWN;
  return state;
}

static void close_device(void *device)
{
  struct lwt_netif *netif = device;

  code(netif->ops->close(netif));
  back_forget();
}

static void test_resume(void)
{
  back_resumes(&(struct back_device){ open_device, use_device, close_device });
}

/* ---- Each allocation ------------------------------------------------------------- */

static void test_memory(void (*body)(void *), const char *what)
{
  struct lwt_test_result r;

  pages_held = 0;
  r = lwt_test_each_allocation(body, settle, NULL);
  ok(r.runs && !r.alive && !r.lost, "%s: each of %d allocations may fail (%d %d)", what,
     (int)r.runs, (int)r.alive, (int)r.lost);
  is_int((intmax_t)pages_held, 0, "%s: no page is granted for ever", what);
  is_int(back_watches(), 0, "%s: xenstored watches nothing for us", what);
}

int main(void)
{
  lwt_test_memory();
  is_int(back_start(), 0, "a hypervisor");
  test_names();
  test_default();
  test_patience();
  test_slow_store();
  test_slow_toolstack();
  test_callback();
  test_memory(promised, "a promise");
  test_memory(by_name, "by name");
  test_memory(detached, "detached");
  test_resume();
  is_int((intmax_t)lwt_live(), 0, "no promise is left");
  is_int((intmax_t)lwt_timers(), 0, "no timer");
  is_int((intmax_t)lwt_buf_live(), 0, "no packet");
  return lwt_test_done();
}
