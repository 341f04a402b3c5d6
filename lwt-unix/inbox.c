/* inbox.c - what other threads send to a loop, and lwt_post().
 * SPDX-License-Identifier: ISC
 */
#include "thread_internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#define LIMIT 65536

static struct mail closed_mail;
#define MAIL_CLOSED (&closed_mail)

/* ---- Waking ------------------------------------------------------------ */

static int open_wake(struct lwt_loop *loop)
{
#ifdef __linux__
  loop->wake_fd = loop->read_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return loop->wake_fd < 0 ? lwt__unix_errno() : 0;
#else
  int fds[2];

  if (pipe(fds))
    return lwt__unix_errno();
  loop->read_fd = fds[0];
  loop->wake_fd = fds[1];
  fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  fcntl(fds[1], F_SETFD, FD_CLOEXEC);
  fcntl(fds[1], F_SETFL, O_NONBLOCK);
  return 0;
#endif
}

static void close_wake(struct lwt_loop *loop)
{
  if (loop->read_fd != loop->wake_fd)
    close(loop->read_fd);
  close(loop->wake_fd);
}

/* A full pipe wakes as well. */
static void wake(struct lwt_loop *loop)
{
  uint64_t one = 1;
  ssize_t n = write(loop->wake_fd, &one, sizeof one);

  (void)n;
}

/* ---- References -------------------------------------------------------- */

void lwt__inbox_hold(struct lwt_loop *loop)
{
  atomic_fetch_add_explicit(&loop->refs, 1, memory_order_relaxed);
}

void lwt__inbox_release(struct lwt_loop *loop)
{
  if (atomic_fetch_sub_explicit(&loop->refs, 1, memory_order_acq_rel) != 1)
    return;
  close_wake(loop);
  lwt__free(loop);
}

struct lwt_loop *lwt_loop_ref(struct lwt_loop *loop)
{
  lwt__inbox_hold(loop);
  atomic_fetch_add_explicit(&loop->handles, 1, memory_order_relaxed);
  return loop;
}

/* Without handles the loop may have nothing to wait for: it must look. */
void lwt_loop_unref(struct lwt_loop *loop)
{
  if (!loop)
    return;
  if (atomic_fetch_sub_explicit(&loop->handles, 1, memory_order_acq_rel) == 1)
    wake(loop);
  lwt__inbox_release(loop);
}

struct lwt_loop *lwt_loop_here(void)
{
  struct lwt_loop *loop = lwt__inbox();

  return loop ? lwt_loop_ref(loop) : NULL;
}

/* ---- Mail -------------------------------------------------------------- */

int lwt__inbox_push(struct lwt_loop *loop, struct mail *mail)
{
  struct mail *head = atomic_load_explicit(&loop->head, memory_order_relaxed);

  do {
    if (head == MAIL_CLOSED)
      return LWT_ESHUTDOWN;
    mail->next = head;
  } while (!atomic_compare_exchange_weak_explicit(
    &loop->head, &head, mail, memory_order_acq_rel, memory_order_relaxed));
  if (!head)
    wake(loop);
  return 0;
}

/* Deliver what is there now, in order. */
static void deliver(struct lwt_loop *loop, struct mail *instead)
{
  struct mail *mail = atomic_exchange_explicit(&loop->head, instead,
                                               memory_order_acq_rel);
  struct mail *next, *first = NULL;

  for (; mail; mail = next) {
    next = mail->next;
    mail->next = first;
    first = mail;
  }
  for (; first; first = next) {
    next = first->next;
    first->deliver(first, loop->closing);
  }
}

static void on_closed(uv_handle_t *handle)
{
  lwt__inbox_release(handle->data);
}

/* Nothing comes back any more. */
static void end(struct lwt_loop *loop)
{
  if (loop->ended || !loop->left || loop->jobs)
    return;
  loop->ended = 1;
  deliver(loop, MAIL_CLOSED);
  if (loop->works)
    lwt__workers_release();
  uv_close((uv_handle_t *)&loop->poll, on_closed);
}

static void on_mail(uv_poll_t *poll, int status, int events)
{
  struct lwt_loop *loop = poll->data;
  uint64_t count[8];
  ssize_t n = read(loop->read_fd, count, sizeof count);

  (void)n;
  (void)status;
  (void)events;
  deliver(loop, NULL);
  end(loop);
}

void lwt__inbox_busy(struct lwt_loop *loop)
{
  if (loop->ended)
    return;
  if (loop->jobs || loop->asked)
    uv_ref((uv_handle_t *)&loop->poll);
  else
    uv_unref((uv_handle_t *)&loop->poll);
}

/* ---- Life -------------------------------------------------------------- */

struct lwt_loop *lwt__inbox(void)
{
  struct lwt_unix *u = lwt__unix_here();
  struct lwt_loop *loop = lwt__unix.inbox;

  if (loop || !u || !(loop = lwt__alloc(sizeof *loop)))
    return loop;
  memset(loop, 0, sizeof *loop);
  atomic_init(&loop->refs, 1);
  atomic_init(&loop->limit, LIMIT);
  if (open_wake(loop)) {
    lwt__free(loop);
    return NULL;
  }
  if (uv_poll_init(u->loop, &loop->poll, loop->read_fd)) {
    lwt__inbox_release(loop);
    return NULL;
  }
  loop->poll.data = loop;
  uv_poll_start(&loop->poll, UV_READABLE, on_mail);
  uv_unref((uv_handle_t *)&loop->poll);
  return lwt__unix.inbox = loop;
}

void lwt__inbox_close(void)
{
  struct lwt_loop *loop = lwt__unix.inbox;

  if (!loop)
    return;
  loop->closing = 1;
  lwt__calls_end(loop);
}

void lwt__inbox_leave(void)
{
  struct lwt_loop *loop = lwt__unix.inbox;

  if (!loop)
    return;
  lwt__inbox_close();
  loop->left = 1;
  lwt__unix.inbox = NULL;
  lwt__inbox_busy(loop);
  end(loop);
}

int lwt__inbox_expected(void)
{
  struct lwt_loop *loop = lwt__unix.inbox;

  /* Who gave the last handle back may have posted before: look in this order. */
  return loop && (atomic_load_explicit(&loop->handles, memory_order_acquire) ||
                  atomic_load_explicit(&loop->head, memory_order_acquire));
}

/* dup2() gives the new descriptor the old number, which libuv knows. */
int lwt__inbox_forked(void)
{
  struct lwt_loop *loop = lwt__unix.inbox, now;

  if (!loop)
    return 0;
  if (open_wake(&now))
    return lwt__unix_errno();
  if (dup2(now.read_fd, loop->read_fd) < 0 ||
      (now.wake_fd != now.read_fd && dup2(now.wake_fd, loop->wake_fd) < 0)) {
    close_wake(&now);
    return LWT_EMFILE;
  }
  close_wake(&now);
  fcntl(loop->read_fd, F_SETFD, FD_CLOEXEC);
  fcntl(loop->wake_fd, F_SETFD, FD_CLOEXEC);
  wake(loop); /* what was pushed before */
  return 0;
}

/* ---- Posts ------------------------------------------------------------- */

struct post {
  struct mail mail;
  struct lwt_loop *loop;
  lwt_call_fn *fn, *lost;
  void *env;
};

static void post_deliver(struct mail *mail, int ended)
{
  struct post post = *CONTAINER(mail, struct post, mail);

  lwt__free(CONTAINER(mail, struct post, mail));
  atomic_fetch_sub_explicit(&post.loop->waiting, 1, memory_order_relaxed);
  if (!ended)
    post.fn(post.env);
  else if (post.lost)
    post.lost(post.env);
}

static int give_room(struct lwt_loop *loop, int error)
{
  atomic_fetch_sub_explicit(&loop->waiting, 1, memory_order_relaxed);
  return error;
}

int lwt_post(struct lwt_loop *loop, lwt_call_fn *fn, void *env, lwt_call_fn *lost)
{
  struct post *post;

  if (atomic_fetch_add_explicit(&loop->waiting, 1, memory_order_relaxed) >=
      atomic_load_explicit(&loop->limit, memory_order_relaxed)) {
    if (atomic_load_explicit(&loop->head, memory_order_relaxed) == MAIL_CLOSED)
      return give_room(loop, LWT_ESHUTDOWN);
    atomic_fetch_add_explicit(&loop->refused, 1, memory_order_relaxed);
    return give_room(loop, LWT_EAGAIN);
  }
  if (!(post = lwt__alloc(sizeof *post)))
    return give_room(loop, LWT_ENOMEM);
  *post = (struct post){ { NULL, post_deliver }, loop, fn, lost, env };
  if (lwt__inbox_push(loop, &post->mail) == 0)
    return 0;
  lwt__free(post);
  return give_room(loop, LWT_ESHUTDOWN);
}

void lwt_loop_limit(struct lwt_loop *loop, size_t calls)
{
  atomic_store_explicit(&loop->limit, calls, memory_order_relaxed);
}

void lwt_loop_stats(struct lwt_loop *loop, struct lwt_loop_stats *stats)
{
  stats->waiting = atomic_load_explicit(&loop->waiting, memory_order_relaxed);
  stats->refused = atomic_load_explicit(&loop->refused, memory_order_relaxed);
}
