/* t-http-life.c - the HTTP server: time, the end, and no memory.
 * SPDX-License-Identifier: ISC
 *
 * Over a pipe, in virtual time.
 */
#include "tests/http-handler.h"

/* ---- Time ------------------------------------------------------------------ */

#define SLOWLY "{1000}X{1000}:{1000} {1000}y{1000}\r{1000}\n"

struct timed {
  const char *name, *script, *want;
  unsigned ms;
  size_t counter; /* offset in the statistics of what must be 1; 0: none */
};
#define COUNTS(field) offsetof(struct lwt_http_stats, field)

static void test_time(void)
{
  static const struct timed table[] = {
    { "nothing is asked", "", "", 30000, COUNTS(idle_timeout) },
    { "nothing more is asked", "{1000}" GET("/") "{1000}" GET("/"),
      "200 'hello'; 200 'hello'", 32000, COUNTS(idle_timeout) },
    { "an empty line is not a request", "\r\n", "408 close page", 10000, COUNTS(slow) },
    { "half a head", "GET / HTTP/1.1\r\nHost:", "408 close page", 10000, COUNTS(slow) },
    { "slowloris", "GET / HTTP/1.1\r\n" SLOWLY SLOWLY SLOWLY, "408 close page", 10000,
      COUNTS(slow) },
    { "slowloris after a request",
      GET("/") "{5000}GET / HTTP/1.1\r\n" SLOWLY SLOWLY SLOWLY,
      "200 'hello'; 408 close page", 15000, COUNTS(slow) },
    { "a slow body", POST("Content-Length: 9\r\n", "1{9000}2{9000}3{9000}4{9000}5"),
      "408 close page", 30000, COUNTS(slow) },
    { "a slow body in chunks",
      POST("Transfer-Encoding: chunked\r\n", "1\r\n{9000}1\r\n{9000}1{9000}\r\n{9000}"),
      "408 close page", 30000, COUNTS(slow) },
    { "a body not too slow", POST("Content-Length: 3\r\nConnection: close\r\n",
                                  "1{14000}2{14000}3"), "200 close '123'", 28000, 0 },
    { "a slow handler", LAST("/slow?59000"), "200 close 'slow'", 59000, 0 },
    { "too slow a handler", LAST("/slow?61000"), "503 close page", 60000,
      COUNTS(handler_timeout) },
    { "a slow producer", LAST("/drip?59000"), "200 close chunked 'ddccbb'", 236000, 0 },
    { "too slow a producer", LAST("/drip?61000"), "503 close page", 60000,
      COUNTS(handler_timeout) },
    { "the end within a head", "GET / HT{eof}", "", 0, COUNTS(lost) },
    { "the end within a body", POST("Content-Length: 9\r\n", "123{eof}"), "", 0,
      COUNTS(lost) },
    { "a reset within a head", "GET / HT{abort}", "", 0, COUNTS(lost) },
    { "a reset while the handler runs", GET("/slow?1000") "{500}{abort}", "", 500,
      COUNTS(lost) },
    { "a client that does not read", "{stop}" GET("/stream?20") "{100000}", "", 0,
      COUNTS(write_timeout) },
    { "a client that goes away", "{stop}" GET("/stream?20") "{1000}{abort}", "", 0,
      COUNTS(lost) },
    { "a body that breaks", GET("/breaks?2"), "200 cut 'ccbb'", 3, COUNTS(aborted) },
    { "a body too short", GET("/less"), "200 cut 'ddccbb'", 4, COUNTS(aborted) },
  };

  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const struct timed *c = &table[i];
    struct http_talk t = { .options = all, .script = c->script, .capacity = 4096 };

    http_is(&t, c->want, "%s", c->name);
    is_int(t.ms, c->ms, "%s: until then", c->name);
    if (c->counter)
      is_int(*(uint64_t *)(void *)((char *)&t.stats + c->counter), 1, "%s: counted",
             c->name);
    is_int(t.stats.active, 0, "%s: the connection is closed", c->name);
  }
}

/* ---- Accepting and stopping ------------------------------------------------- */

struct hall {
  struct lwt_listener listener;
  struct lwt_resolver accept;
  int waiting, closed, fail;
  struct lwt_flow *queue[8];
  size_t n;
};

static void hall_stop(void *hall)
{
  struct hall *h = hall;

  h->waiting = 0;
  lwt_abandon(&h->accept);
}

static lwt_flow_p *hall_accept(struct lwt_listener *listener)
{
  struct hall *h = (struct hall *)listener;
  struct lwt_flow *flow = h->queue[0];
  lwt_t *p;
  int fail = h->fail;

  h->fail = 0;
  if (fail)
    return lwt_flow_p_fail(fail, "accept");
  if (h->n > 0) {
    memmove(h->queue, h->queue + 1, --h->n * sizeof *h->queue);
    return (lwt_flow_p *)lwt_return_owned(flow, lwt_flow_abort);
  }
  p = lwt_task_op(&h->accept, hall_stop, h);
  h->waiting = lwt_state(p) == LWT_PENDING;
  return (lwt_flow_p *)p;
}

static void hall_close(struct lwt_listener *listener)
{
  ((struct hall *)listener)->closed = 1;
}

static const struct lwt_listener_ops hall_ops = { hall_accept, hall_close, NULL };

static struct lwt_flow *hall_connect(struct hall *h)
{
  struct lwt_flow *ends[2];

  if (lwt_pipe(ends, 65536))
    return NULL;
  if (h->waiting) {
    h->waiting = 0;
    lwt_fulfill_owned(&h->accept, ends[0], lwt_flow_abort);
  } else {
    h->queue[h->n++] = ends[0];
  }
  return ends[1];
}

/* Clients that play scripts on connections of their own. */
struct scene {
  struct hall hall;
  struct lwt_virtual v;
  struct lwt_http_options options;
  struct lwt_http_stats stats;
  struct http_talk client[3];
  lwt_t *clients, *server;
  struct lwt_resolver stop;
};

static lwt_t *scene_begin(struct scene *s, unsigned max, const char *const scripts[3])
{
  lwt_t *p[3], *stop;

  lwt_virtual_init(&s->v);
  lwt_set_engine(&s->v.engine);
  s->hall.listener.ops = &hall_ops;
  s->options = all;
  s->options.max_connections = max;
  s->options.stats = &s->stats;
  stop = lwt_wait(&s->stop);
  s->server = lwt_http_serve(&s->hall.listener, &s->options, stop);
  for (int i = 0; i < 3; i++) {
    struct http_talk *t = &s->client[i];

    *t = (struct http_talk){ .script = scripts[i], .read = 4096 };
    t->raw = malloc(HTTP_OUT + 1);
    t->flow = hall_connect(&s->hall);
    p[i] = t->flow ? http_client(t) : lwt_return(NULL);
  }
  return s->clients = lwt_join(3, p);
}

static void scene_close(struct scene *s)
{
  lwt_abandon(&s->stop);
  for (int i = 0; i < 3; i++) {
    http_close(&s->client[i]);
    http_summarise(&s->client[i]);
    free(s->client[i].raw);
  }
  for (size_t i = 0; i < s->hall.n; i++)
    lwt_flow_abort(s->hall.queue[i]);
  http_left.talks++;
  http_left.promises += lwt_live();
  http_left.timers += lwt_timers();
  http_left.buffers += lwt_buf_live();
  lwt_set_engine(NULL);
}

static void scene_end(struct scene *s)
{
  scene_close(s);
  is_int(s->hall.closed, 1, "the listener is closed");
  is_int(s->stats.active, 0, "no connection is open");
}

static void *stop_now(void *env, void *value)
{
  lwt_fulfill(&((struct scene *)env)->stop, NULL);
  return value;
}

static void test_stop(void)
{
  struct scene s = { 0 };
  struct lwt_error e;
  lwt_t *clients = scene_begin(&s, 0, (const char *const[]){
    GET("/"), GET("/slow?3000") GET("/"), GET("/slow?8000") GET("/") });
  lwt_t *stop = lwt_map(lwt_sleep(LWT_S(1)), stop_now, &s);

  e = lwt_run_value(lwt_join(LWT_PS(s.server, stop, clients)), NULL);
  is_int(e.code, 0, "a server that is stopped is fulfilled");
  is_int(lwt_now() / LWT_MS(1), 6000, "when its grace is over");
  scene_end(&s);
  is_str(s.client[0].summary, "200 'hello'", "an idle connection ...");
  is_int(s.client[0].ms, 1000, "... is closed at once");
  is_str(s.client[1].summary, "200 close 'slow'", "a running request is answered ...");
  is_int(s.client[1].ms, 3000, "... and its connection closed");
  is_str(s.client[2].summary, "", "one that takes too long ...");
  is_int(s.client[2].ms, 6000, "... is aborted");
  is_int(s.stats.aborted, 1, "and counted");
  is_int(s.stats.connections, 3, "there were three connections");
}

static void *cancel_now(void *env, void *value)
{
  lwt_cancel(((struct scene *)env)->server);
  return value;
}

static void test_cancel(void)
{
  struct scene s = { 0 };
  struct lwt_error e;
  lwt_t *clients = scene_begin(&s, 0, (const char *const[]){
    GET("/"), GET("/slow?3000"), POST("Content-Length: 9\r\n", "1") });
  lwt_t *cancel = lwt_map(lwt_sleep(LWT_S(1)), cancel_now, &s);

  /* The stop is a wait(): cancel does not reach it. */
  e = lwt_run_value(lwt_join(LWT_PS(s.server, cancel, clients)), NULL);
  is_int(e.code, LWT_ECANCELED, "a server that is cancelled is rejected");
  is_int(lwt_now() / LWT_MS(1), 1000, "at once");
  scene_end(&s);
  is_str(s.client[0].summary, "200 'hello'", "an idle connection is closed");
  is_str(s.client[1].summary, "", "a running request is aborted");
  is_str(s.client[2].summary, "", "so is one that is being read");
  is_int(s.stats.aborted, 2, "both are counted");
}

/* While the server ends connections, the end of one ends the next. */
static void test_chain_of_ends(void)
{
  struct scene s = { 0 };
  lwt_t *clients = scene_begin(&s, 0, (const char *const[]){
    GET("/wait"), GET("/wake"), GET("/slow?3000") });
  lwt_t *cancel = lwt_map(lwt_sleep(LWT_S(1)), cancel_now, &s);

  lwt_run_value(lwt_join(LWT_PS(s.server, cancel, clients)), NULL);
  scene_end(&s);
  is_str(s.client[0].summary, "", "one that waits for another's end is aborted with it");
  is_int(s.stats.aborted, 3, "as all are");
}

/* A connection that was refused reads on for a while, but not when it is
 * ended. */
static void test_linger(void)
{
  struct scene s = { 0 };
  lwt_t *clients, *stop;

  clients = scene_begin(&s, 0, (const char *const[]){
    "nonsense\r\n{4000}more{60000}", "nonsense\r\n{60000}", "{60000}" });
  stop = lwt_map(lwt_sleep(LWT_S(10)), stop_now, &s);
  lwt_run_value(s.server, NULL);
  is_int(lwt_now() / LWT_MS(1), 10000, "nothing is left to wait for after 5 s");
  is_int(s.stats.bytes_in, 24, "what came until then was read");
  lwt_run_value(lwt_join(LWT_PS(stop, clients)), NULL);
  scene_end(&s);
  is_str(s.client[0].summary, "400 close page", "the answer has come");

  s = (struct scene){ 0 };
  clients = scene_begin(&s, 0, (const char *const[]){
    "{6000}nonsense\r\n{60000}", "{3000}nonsense\r\n{60000}", "{1000}{60000}" });
  stop = lwt_map(lwt_sleep(LWT_S(2)), stop_now, &s);
  lwt_run_value(s.server, NULL);
  is_int(lwt_now() / LWT_MS(1), 2000, "without a request there is nothing to finish");
  lwt_run_value(lwt_join(LWT_PS(stop, clients)), NULL);
  scene_end(&s);

  s = (struct scene){ 0 };
  clients = scene_begin(&s, 0, (const char *const[]){
    "{3000}nonsense\r\n{60000}", GET("/slow?6000"), GET("/") });
  stop = lwt_map(lwt_sleep(LWT_S(4)), stop_now, &s);
  lwt_run_value(s.server, NULL);
  is_int(lwt_now() / LWT_MS(1), 8000, "a connection that reads on has until 5 s, too");
  lwt_run_value(lwt_join(LWT_PS(stop, clients)), NULL);
  scene_end(&s);
}

static void test_full(void)
{
  struct scene s = { 0 };
  lwt_t *clients = scene_begin(&s, 2, (const char *const[]){
    LAST("/slow?1000"), LAST("/slow?2000"), LAST("/slow?500") });
  lwt_t *stop = lwt_map(clients, stop_now, &s);

  lwt_run_value(lwt_join(LWT_PS(s.server, stop)), NULL);
  scene_end(&s);
  is_str(s.client[2].summary, "200 close 'slow'", "the third of two connections waits");
  is_int(s.client[2].ms, 1500, "until there is room");
  is_int(s.stats.full, 2, "counted, as often as there was none");
}

static void test_accept_errors(void)
{
  struct scene s = { .hall.fail = LWT_EMFILE };
  struct lwt_error e;
  lwt_t *clients, *stop;

  clients = scene_begin(&s, 0, (const char *const[]){ LAST("/"), LAST("/"), LAST("/") });
  stop = lwt_map(clients, stop_now, &s);
  lwt_run_value(lwt_join(LWT_PS(s.server, stop)), NULL);
  scene_end(&s);
  is_int(s.stats.accept_errors, 1, "out of descriptors is counted");
  is_str(s.client[2].summary, "200 close 'hello'", "and tried again");
  is_int(s.client[2].ms, 100, "after a while");

  s = (struct scene){ .hall.fail = LWT_ENETDOWN };
  clients = scene_begin(&s, 0, (const char *const[]){ LAST("/"), LAST("/"), LAST("/") });
  e = lwt_run_value(s.server, NULL);
  is_int(e.code, LWT_ENETDOWN, "a listener that dies ends the server");
  lwt_drop(clients);
  scene_end(&s);
}

/* ---- The log ------------------------------------------------------------------- */

static char log_text[512];

static void log_line(void *env, const struct lwt_http_log *l)
{
  (void)env;
  sprintf(log_text + strlen(log_text), "%s %s?%s %d %" PRIu64 " %" PRIu64 "ms %d\n",
          lwt_http_method_name(l->request->method),
          l->request->target ? l->request->target : "-",
          l->request->query ? l->request->query : "", l->status, l->bytes,
          l->duration / LWT_MS(1), l->code);
}

static void test_log(void)
{
  struct http_talk t = { .options = all, .script = GET("/") GET("/slow?5") GET("/nothing")
                           GET("/breaks?1") };

  t.options.log = log_line;
  http_talk(&t);
  free(t.raw);
  t = (struct http_talk){ .options = t.options, .script = "GET /\r\n" };
  http_talk(&t);
  free(t.raw);
  is_str(log_text, "GET /? 200 5 0ms 0\nGET /slow?5 200 4 5ms 0\n"
                   "GET /nothing? 404 139 0ms 0\nGET /breaks?1 200 2 2ms -71\n"
                   "- -? 400 172 0ms 0\n", "the access log");
}

/* ---- Memory ----------------------------------------------------------------- */

static void everything(void *script)
{
  struct http_talk t = { .options = all, .script = script, .capacity = 5000 };

  http_talk(&t);
  free(t.raw);
}

/* Without memory, not even an error may be passed on. */
static void ignore_lost(struct lwt_error error, const char *where)
{
  (void)error, (void)where;
}

/* A whole server with three clients, stopped while one is answered. */
static void serve_everything(void *env)
{
  struct scene s = { 0 };
  lwt_t *clients, *stop;

  (void)env;
  clients = scene_begin(&s, 2, (const char *const[]){
    GET("/"), GET("/slow?1500"), LAST("/slow?500") });
  stop = lwt_map(lwt_sleep(LWT_S(1)), stop_now, &s);
  lwt_run_value(lwt_join(LWT_PS(s.server, stop, clients)), NULL);
  scene_close(&s);
}

static void test_memory(void)
{
  struct lwt_test_result r;
  char *scripts[] = {
    GET("/") LAST("/chain?20000"),
    POST("Transfer-Encoding: chunked\r\n", "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n{10}")
      LAST("/chunks"),
    POST("Expect: 100-continue\r\nContent-Length: 5\r\n", "{10}12345") GET("/fail?-5")
      "{10}" LAST("/breaks?1"),
    "GET / HTTP/1.1\r\n\r\n{10}more",
    LAST("/drip?1"),
  };

  lwt_on_lost(ignore_lost);
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    r = lwt_test_each_allocation(everything, NULL, scripts[i]);
    ok(r.runs > 0 && !r.alive && !r.lost, "every allocation fails in turn: %zu runs",
       r.runs);
  }
  r = lwt_test_each_allocation(serve_everything, NULL, NULL);
  ok(r.runs > 0 && !r.alive && !r.lost, "of a whole server too: %zu runs", r.runs);
  is_int(alive_producers, 0, "every producer was dropped");
}

int main(void)
{
  lwt_test_memory();
  lwt_on_lost(http_on_lost);
  test_time();
  test_stop();
  test_cancel();
  test_chain_of_ends();
  test_linger();
  test_full();
  test_accept_errors();
  test_log();
  test_memory();
  http_nothing_left();
  lwt_cleanup();
  return lwt_test_done();
}
