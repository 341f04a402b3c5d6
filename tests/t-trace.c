/* t-trace.c - the trace of a known program, in virtual time; TRC.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/trace.h>

#include "sem.h"

static char trace[20000];
static size_t len;
static int refuse, pieces;

static int sink(void *env, const void *bytes, size_t n)
{
  (void)env;
  pieces++;
  if (refuse || len + n >= sizeof trace)
    return -1;
  memcpy(trace + len, bytes, n);
  trace[len += n] = 0;
  return 0;
}

static int start(void)
{
  len = 0;
  trace[0] = 0;
  refuse = pieces = 0;
  return lwt_trace_to(sink, NULL);
}

/* The next event of the trace as "phase category name time". */
static char *event(char *line, char *out)
{
  char phase[4], category[32], name[80] = "";
  unsigned long long us;
  unsigned ns;

  if (sscanf(line, "{\"ph\":\"%3[^\"]\",\"pid\":1,\"tid\":%*u,\"ts\":%llu.%u,"
                   "\"cat\":\"%31[^\"]\",\"name\":\"%79[^\"]",
             phase, &us, &ns, category, name) >= 4)
    sprintf(out, "%s %s %s %llu;", phase, category, name, us);
  else
    *out = 0;
  return out + strlen(out);
}

static const char *events(void)
{
  static char out[8000];
  char *line, *end = out;

  *out = 0;
  for (line = trace; line && *line; line = strchr(line, '\n'), line += line != NULL)
    if (strncmp(line, "{\"ph\":\"C\"", 9))
      end = event(line, end);
  return out;
}

struct nap {
  struct lwt_frame frame;
};

LWT_STEP nap_step(struct lwt_frame *frame)
{
  lwt_begin(frame);
  lwt_await(frame, lwt_sleep(LWT_MS(2)));
  lwt_end(frame);
}

static void exact(void)
{
  struct cb f = { 0 };
  lwt_t *p;

  if (start() != 0)
    return;
  p = lwt_bind(LWT_GO(struct nap, nap_step), cb_bind, &f);
  if (pending(p) && !lwt_name(p, "after")) {
    lwt_run(p);
    is_int(lwt_trace_stop(), 0, "TRC-01 a trace begins and ends");
    is_str(events(),
           "b sleep sleep 0;b frame nap_step 0;b bind bind 0;e bind bind 0;"
           "b bind after 0;B loop wait 0;E loop wait 2000;e sleep sleep 2000;"
           "B call nap_step 2000;E call  2000;e frame nap_step 2000;"
           "e bind after 2000;B call after 2000;E call  2000;i loop end 2000;",
           "TRC-01 BTB-05 the frame, its sleep and the bind, as spans and calls");
    ok(!strncmp(trace, "[\n{", 3) && !strcmp(trace + len - 4, "}\n]\n"), "... an array");
  } else {
    lwt_drop(p);
    lwt_trace_stop();
  }
}

static void fulfilled(void)
{
  struct cb f = { 0 };
  lwt_t *p;

  if (start() != 0)
    return;
  p = lwt_bind(lwt_return(V(1)), cb_bind, &f);
  lwt_drop(p);
  lwt_trace_stop();
  ok(!strstr(trace, "\"bind\""), "BTB-05 nothing on the way of what is settled");
}

static void given_up(void)
{
  struct cb f = { 0 };
  lwt_t *p;
  int i, begun = 0, ended = 0;
  const char *s;

  if (start() != 0)
    return;
  for (i = 0; i < 5; i++) {
    p = lwt_bind(lwt_sleep(LWT_S(1)), cb_bind, &f);
    lwt_drop(p);
  }
  p = lwt_bind(lwt_sleep(LWT_S(1)), cb_bind, &f);
  lwt_trace_stop();
  for (s = trace; (s = strstr(s, "\"ph\":\"b\"")); s++)
    begun++;
  for (s = trace; (s = strstr(s, "\"ph\":\"e\"")); s++)
    ended++;
  ok(begun == ended && begun == 12,
     "TRC-01 spans end when they are given up, and with the trace");
  lwt_drop(p);
}

static void limits(void)
{
  int i, error;

  ok(!lwt_tracing() && lwt_trace_stop() == LWT_ENOENT, "TRC-02 no trace, nothing to end");
  if ((error = start()) != 0) {
    ok(error == LWT_ENOMEM, "no memory for a trace");
    return;
  }
  ok(lwt_tracing() && lwt_trace_to(sink, NULL) == LWT_EBUSY, "one at a time");
  lwt_trace_begin("io", "read");
  lwt_trace_instant("io", "a \"name\"\n\\", -5);
  lwt_trace_stop();
  ok(strstr(trace, "a \\\"name\\\"\\u000a\\\\") && strstr(trace, "\"value\":-5"),
     "names are quoted");
  ok(strstr(trace, "\"ph\":\"E\"") != NULL, "what is open ends with the trace");
  if (start() == 0) {
    refuse = 1;
    for (i = 0; i < 2000; i++)
      lwt_trace_instant("io", "event", i);
    ok(pieces == 1, "pieces of 64 KiB; a sink that fails is not called again");
    is_int(lwt_trace_stop(), LWT_EIO, "... and the end says so");
  }
}

SEM_TESTS(trace, T(exact), T(fulfilled), T(given_up), T(limits))
