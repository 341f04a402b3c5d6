/* t-unix-oom.c - lwt-unix when memory is out: ours, then libuv's.
 * SPDX-License-Identifier: ISC
 *
 * One program that uses everything runs again and again, each time with another
 * allocation failing; it must end, and everything must be given back.  libuv
 * gives up by itself (abort) when it cannot keep track of a descriptor; that is
 * counted apart.
 */
#include "unix-flows.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <uv.h>

static int quiet(void *p)
{
  return lwt_run_value(p, NULL).code;
}

static void *value_of(void *p)
{
  void *value = NULL;

  return lwt_run_value(p, &value).code ? NULL : value;
}

static void use_flow(struct lwt_flow *a, struct lwt_flow *b)
{
  static char sea[3 << 20];
  char bytes[100];
  struct lwt_buf *chain = lwt_buf_copy_in(0, sea, 300000);
  lwt_t *write = lwt_flow_write_buf(a, chain), *read;
  struct lwt_buf *got;
  size_t n = chain ? 0 : 300000;

  while (n < 300000 && lwt_state(write) != LWT_REJECTED &&
         (got = value_of(lwt_flow_read_buf(b, 100000)))) {
    n += got->total;
    lwt_buf_free(got);
  }
  quiet(write);
  read = LWT_UNTYPED(lwt_flow_read(a, bytes, sizeof bytes));
  quiet(lwt_flow_write(b, "x", 1));
  lwt_drop(read);
  lwt_drop(lwt_flow_write(a, sea, sizeof sea));
}

static void use_tcp(struct lwt_stack *s)
{
  struct lwt_addr addr = address("127.0.0.1", 0);
  struct lwt_listener *l;
  struct lwt_flow *a, *b;
  lwt_flow_p *accept;
  lwt_t *close;

  if (lwt_stack_listen(s, &addr, 10, &l))
    return;
  addr = l->ops->local(l);
  accept = lwt_accept(l);
  a = value_of(lwt_stack_connect(s, &addr));
  lwt_listener_close(l);
  b = value_of(accept);
  if (a && b)
    use_flow(a, b);
  close = a ? lwt_flow_close(a) : NULL;
  if (b)
    quiet(lwt_flow_close(b));
  if (close)
    quiet(close);
}

static void use_udp(struct lwt_stack *s)
{
  struct lwt_addr addr = address("127.0.0.1", 0);
  static char bytes[9000];
  struct lwt_udp *u;
  void *addr2;

  if (lwt_stack_udp(s, &addr, &u) == 0) {
    addr = u->ops->local(u);
    quiet(lwt_udp_send(u, &addr, bytes, sizeof bytes));
    quiet(lwt_udp_send(u, &addr, "x", 1));
    lwt_datagram_free(value_of(lwt_udp_receive(u)));
    lwt_datagram_free(value_of(lwt_udp_receive(u)));
    lwt_drop(LWT_UNTYPED(lwt_udp_receive(u)));
    lwt_udp_close(u);
  }
  addr2 = value_of(lwt_stack_resolve(s, "localhost", 1));
  free(addr2);
}

static void use_content(void)
{
  struct lwt_content *c;
  struct lwt_entry *e;

  if (lwt_platform_content("/etc", &c))
    return;
  if ((e = value_of(c->ops->open(c, "passwd")))) {
    lwt_buf_free(value_of(c->ops->read(c, e, 0, 100000)));
    c->ops->close(c, e);
  }
  lwt_async(c->ops->free(c));
}

static void everything(void *env)
{
  struct lwt_stack *s;
  lwt_t *p;

  (void)env;
  if (lwt_platform_sockets(&s) == 0) {
    use_tcp(s);
    use_udp(s);
    quiet(lwt_stack_close(s));
  }
  use_content();
  p = lwt_unix_signal(SIGUSR1);
  if (lwt_state(p) == LWT_PENDING)
    raise(SIGUSR1);
  lwt_drop(lwt_platform_shutdown());
  quiet(p);
  quiet(lwt_sleep(1));
  lwt_platform_cleanup();
}

/* A lost rejection is what is asked for here. */
static void lost(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

/* ---- libuv's memory ---------------------------------------------------- */

static size_t uv_calls, uv_fail;

static int fails(void)
{
  return ++uv_calls == uv_fail;
}
static void *uv_malloc(size_t size)
{
  return fails() ? NULL : malloc(size);
}
static void *uv_realloc(void *p, size_t size)
{
  return size && fails() ? NULL : realloc(p, size);
}
static void *uv_calloc(size_t n, size_t size)
{
  return fails() ? NULL : calloc(n, size);
}

/* In a child, because libuv may abort.  Returns its status. */
static int run_child(size_t fail)
{
  int status = -1;
  pid_t pid;

  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    uv_fail = fail;
    uv_replace_allocator(uv_malloc, uv_realloc, uv_calloc, free);
    everything(NULL);
    if (fail == 0)
      printf("# %zu allocations of libuv\n", uv_calls);
    if (fail && uv_calls < fail)
      exit(99);
    exit(lwt_live() || lwt_buf_live() ? 1 : 0);
  }
  waitpid(pid, &status, 0);
  return status;
}

static void libuv_fails(void)
{
  size_t i, bad = 0, aborted = 0;
  int status;

  is_int(run_child(0), 0, "libuv with memory");
  for (i = 1; i < 1000; i++) {
    status = run_child(i);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
      break;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
      aborted++;
    } else if (status) {
      bad++;
      printf("# allocation %zu: status %#x\n", i, status);
    }
  }
  ok(i > 3, "%zu allocations of libuv fail in turn", i - 1);
  is_int(bad, 0, "each time cleanly (libuv itself aborts at %zu)", aborted);
}

int main(void)
{
  struct lwt_test_result r;

  lwt_on_lost(lost);
  libuv_fails();
  lwt_test_memory();
  r = lwt_test_each_allocation(everything, NULL, NULL);
  ok(r.runs > 40, "%zu runs", r.runs);
  is_int(r.alive, 0, "no promise is left");
  is_int(r.lost, 0, "no memory is left");
  is_int(lwt_live(), 0, "no promise left");
  is_int(lwt_buf_live(), 0, "no packet left");
  return lwt_test_done();
}
