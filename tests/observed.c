/* observed.c - a program to look at, for trace.py: observed MODE.
 * SPDX-License-Identifier: ISC
 *
 *   run       frames, binds, timers, I/O and a worker thread, then the end
 *   threads   the same in two threads, each with a loop
 *   exit      exit() in a callback, with spans open
 *   term      SIGTERM in a callback, after more than a piece of the trace
 *   reject    a rejection that passes two binds comes to lwt_run()
 *   stall     a callback that takes 11 ms, by a clock of our own
 *   brief     one that takes 10 ms
 */
#include <lwt-unix.h>
#include <lwt-unix/pipe.h>
#include <lwt-unix/thread.h>
#include <lwt/engine.h>
#include <lwt/flow.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct reader {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  size_t n;
  char bytes[8];
};

LWT_STEP reader_step(struct lwt_frame *frame)
{
  struct reader *f = (struct reader *)frame;

  lwt_begin(f);
  do {
    lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, sizeof f->bytes));
  } while (f->n > 0);
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

struct writer {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  int i;
};

LWT_STEP writer_step(struct lwt_frame *frame)
{
  struct writer *f = (struct writer *)frame;

  lwt_begin(f);
  for (f->i = 0; f->i < 3; f->i++) {
    lwt_await(f, lwt_sleep(LWT_MS(1)));
    lwt_await(f, lwt_flow_write(f->flow, "hello", 5));
  }
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

static lwt_t *same(void *env, void *value)
{
  (void)env;
  return lwt_return(value);
}

static int work(void *arg, void **value)
{
  *value = arg;
  return 0;
}

static int all(void)
{
  struct lwt_flow *a, *b;
  int fds[2];
  lwt_t *p;

  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || lwt_unix_flow(fds[0], &a) ||
      lwt_unix_flow(fds[1], &b))
    return 1;
  p = lwt_bind(lwt_detach(work, NULL, NULL, NULL), same, NULL);
  lwt_name(p, "worker \"1\"");
  return lwt_run(lwt_join(LWT_PS(LWT_GO(struct reader, reader_step, .flow = a),
                                 LWT_GO(struct writer, writer_step, .flow = b), p)));
}

static void *loop(void *arg)
{
  *(int *)arg = all();
  lwt_platform_cleanup();
  return NULL;
}

static int threads(void)
{
  pthread_t ids[2];
  int i, codes[2] = { 1, 1 };

  for (i = 0; i < 2; i++)
    if (pthread_create(&ids[i], NULL, loop, &codes[i]))
      return 1;
  for (i = 0; i < 2; i++)
    pthread_join(ids[i], NULL);
  return codes[0] || codes[1];
}

static lwt_t *leave(void *env, void *value)
{
  (void)env;
  (void)value;
  exit(3);
}

struct busy {
  struct lwt_frame frame;
  int i;
};

LWT_STEP busy_step(struct lwt_frame *frame)
{
  struct busy *f = (struct busy *)frame;

  lwt_begin(f);
  for (f->i = 0; f->i < 2000; f->i++)
    lwt_await(f, lwt_pause());
  raise(SIGTERM);
  lwt_end(f);
}

static lwt_t *fail(void *env, void *value)
{
  (void)env;
  (void)value;
  return lwt_fail(LWT_ENOENT, "lookup");
}

static int rejected(void)
{
  lwt_t *p = lwt_bind(lwt_pause(), fail, NULL);

  p = lwt_bind(p, same, NULL);
  p = lwt_bind(p, same, NULL);
  return lwt_run(p) != LWT_ENOENT;
}

static lwt_t *hold(void *env, void *value)
{
  struct lwt_virtual *engine = (struct lwt_virtual *)(void *)lwt_get_engine();

  (void)value;
  engine->time += *(uint64_t *)env;
  return lwt_return(NULL);
}

static int stall(uint64_t duration)
{
  struct lwt_virtual engine;

  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  return lwt_run(lwt_bind(lwt_pause(), hold, &duration));
}

int main(int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";
  int code = 2;

  if (!strcmp(mode, "run"))
    code = all();
  else if (!strcmp(mode, "threads"))
    code = threads();
  else if (!strcmp(mode, "exit"))
    code = lwt_run(lwt_both(lwt_sleep(LWT_S(60)), lwt_bind(lwt_sleep(1), leave, NULL)));
  else if (!strcmp(mode, "term"))
    code = lwt_run(LWT_GO(struct busy, busy_step));
  else if (!strcmp(mode, "reject"))
    code = rejected();
  else if (!strcmp(mode, "stall"))
    code = stall(LWT_MS(11));
  else if (!strcmp(mode, "brief"))
    code = stall(LWT_MS(10));
  lwt_platform_cleanup();
  return code;
}
