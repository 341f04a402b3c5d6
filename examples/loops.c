/* loops.c - one port, a loop in each of several threads.
 * SPDX-License-Identifier: ISC
 *
 *   examples/loops [LOOPS [SECONDS]]
 *
 * An echo server with 1, 2, ... LOOPS threads (default: processors), each with a
 * loop and a listener of its own at the same port; the kernel spreads the
 * connections.  Blocking clients send a byte and wait for it, and the program prints
 * how many came back in each second.  From doc/unix.md.
 */
#include <arpa/inet.h>
#include <lwt-unix.h>
#include <lwt-unix/thread.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 16
#define MAX_LOOPS 64

/* ---- A server's thread ------------------------------------------------- */

struct echo {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  size_t n;
  char bytes[100];
};

static void echo_lost(void *echo)
{
  lwt_flow_abort(((struct echo *)echo)->flow);
}

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct echo *e = (struct echo *)frame;

  lwt_begin(e);
  lwt_defer(e, lwt_flow_abort, e->flow);
  for (;;) {
    lwt_await(e, &e->n, lwt_flow_read(e->flow, e->bytes, sizeof e->bytes));
    if (!e->n)
      break;
    lwt_await(e, lwt_flow_write(e->flow, e->bytes, e->n));
  }
  lwt_end(e);
}

struct server {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
};

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct server *s = (struct server *)frame;

  lwt_begin(s);
  lwt_defer(s, lwt_listener_close, s->listener);
  for (;;) {
    lwt_await(s, &s->flow, lwt_accept(s->listener));
    lwt_async(LWT_GO_OR(struct echo, echo_step, echo_lost, .flow = s->flow));
  }
  lwt_end(s);
}

struct loop {
  pthread_t thread;
  sem_t ready;
  struct lwt_addr addr;
  struct lwt_loop *handle; /* for other threads */
  struct lwt_resolver stop;
  int error;
};

static void stop(void *env)
{
  lwt_fulfill(&((struct loop *)env)->stop, NULL);
}

static void *loop_main(void *arg)
{
  struct loop *l = arg;
  struct lwt_stack *stack;
  struct lwt_listener *listener;
  lwt_t *stopped = lwt_task(&l->stop), *server = NULL;

  l->error = lwt_platform_sockets(&stack);
  if (!l->error)
    l->error = lwt_unix_listen_shared(stack, &l->addr, 128, &listener);
  if (!l->error) {
    l->addr = listener->ops->local(listener);
    server = LWT_GO(struct server, server_step, .listener = listener);
  }
  l->handle = lwt_loop_here();
  sem_post(&l->ready);
  lwt_run(stopped);
  lwt_drop(server);
  lwt_platform_cleanup(); /* all that this thread has */
  return NULL;
}

/* ---- Clients ----------------------------------------------------------- */

static atomic_ulong round_trips;
static atomic_int over;

static void *client_main(void *arg)
{
  const struct sockaddr_in *to = arg;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char byte = 'x';

  if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to)) {
    perror("connect");
    exit(1);
  }
  while (!atomic_load(&over) && send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1)
    atomic_fetch_add(&round_trips, 1);
  close(fd);
  return NULL;
}

static void load(uint16_t port, unsigned seconds)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
  pthread_t clients[CLIENTS];
  int i;

  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (i = 0; i < CLIENTS; i++)
    pthread_create(&clients[i], NULL, client_main, &to);
  sleep(seconds);
  atomic_store(&over, 1);
  for (i = 0; i < CLIENTS; i++)
    pthread_join(clients[i], NULL);
  atomic_store(&over, 0);
}

/* ---- The program ------------------------------------------------------- */

static void measure(int n, unsigned seconds)
{
  struct loop loops[MAX_LOOPS] = { 0 };
  int i, error = 0;

  for (i = 0; i < n; i++) {
    sem_init(&loops[i].ready, 0, 0);
    lwt_addr_parse(&loops[i].addr, "127.0.0.1");
    loops[i].addr.port = i ? loops[0].addr.port : 0;
    pthread_create(&loops[i].thread, NULL, loop_main, &loops[i]);
    while (sem_wait(&loops[i].ready))
      ;
    error = error ? error : loops[i].error;
  }
  atomic_store(&round_trips, 0);
  if (!error)
    load(loops[0].addr.port, seconds);
  for (i = 0; i < n; i++) {
    lwt_post(loops[i].handle, stop, &loops[i], NULL);
    pthread_join(loops[i].thread, NULL);
    lwt_loop_unref(loops[i].handle);
  }
  if (error) {
    fprintf(stderr, "loops: %s\n", lwt_strerror(error));
    exit(1);
  }
  printf("%2d loop%s %lu round trips/s\n", n, n == 1 ? ": " : "s:",
         atomic_load(&round_trips) / seconds);
}

int main(int argc, char **argv)
{
  long loops = argc > 1 ? atol(argv[1]) : sysconf(_SC_NPROCESSORS_ONLN), n;
  long seconds = argc > 2 ? atol(argv[2]) : 2;

  if (loops < 1 || loops > MAX_LOOPS || seconds < 1) {
    fprintf(stderr, "usage: loops [LOOPS [SECONDS]]\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (n = 1; n <= loops; n++)
    measure((int)n, (unsigned)seconds);
  return 0;
}
