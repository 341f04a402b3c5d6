/* lifecycle.c - what the toolstack asks for: shut down, reboot, suspend.
 * SPDX-License-Identifier: ISC
 *
 * It writes the word to control/shutdown and waits for it to be taken away.  A
 * program that has asked for lwt_platform_shutdown() ends by itself; another is
 * ended at once, as by SIGTERM.
 */
#include "store.h"

#include <string.h>
#include <xen/sched.h>

#define CONTROL "control/shutdown"

static struct store_watch watch;
static unsigned reason = SHUTDOWN_poweroff;
static struct waiting {
  struct lwt_resolver r;
  struct waiting *next;
} *waiting;

unsigned lwt__lifecycle_reason(void)
{
  return reason;
}

/* Ask, and do not wait for an answer. */
static void tell(uint32_t op, const char *path, const char *text, store_done *done)
{
  const struct store_part parts[] = { { path, strlen(path) + 1 },
                                      { text, strlen(text) } };
  int error;

  lwt__store_request(op, 0, parts, 2, done, NULL, &error);
}

static void stop(void *env)
{
  struct waiting *w = env, **link = &waiting;

  while (*link && *link != w)
    link = &(*link)->next;
  if (*link) {
    *link = w->next;
    lwt__events_want(-1);
  }
  lwt_abandon(&w->r);
  lwt__free(w);
}

void lwt__lifecycle_exit(int status)
{
  char text[4] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10),
                   (char)('0' + status % 10) };

  if (status && !lwt__store_init())
    tell(XS_WRITE, "data/exit-status", text + strspn(text, "0"), NULL);
}

lwt_t *lwt_platform_shutdown(void)
{
  struct waiting *w = lwt__alloc(sizeof *w);
  lwt_t *p;

  lwt__lifecycle_start();
  if (!w)
    return lwt_fail(LWT_ENOMEM, "platform_shutdown");
  p = lwt_task_op(&w->r, stop, w);
  if (!w->r.lwt_private) {
    lwt__free(w);
    return p;
  }
  w->next = waiting;
  waiting = w;
  lwt__events_want(1);
  return p;
}

static void asked(unsigned what)
{
  struct waiting *w;
  int told = 0;

  reason = what;
  while ((w = waiting)) {
    waiting = w->next;
    lwt__events_want(-1);
    if (lwt_unwanted(&w->r)) /* stop() is on its way */
      continue;
    told = 1;
    lwt_fulfill(&w->r, NULL);
    lwt__free(w);
  }
  if (!told)
    lwt__lifecycle_end(what);
}

static void read_word(void *env, int error, struct lwt_xs_value *value)
{
  const char *word = value ? value->bytes : "";

  (void)env;
  if (!error && *word) {
    tell(XS_WRITE, CONTROL, "", NULL);
    if (!strcmp(word, "reboot"))
      asked(SHUTDOWN_reboot);
    else if (!strcmp(word, "poweroff") || !strcmp(word, "halt"))
      asked(SHUTDOWN_poweroff);
    else if (!strcmp(word, "suspend"))
      lwt__suspend_ask();
  }
  lwt__free(value);
}

static void fired(void *env, const char *path)
{
  (void)env;
  (void)path;
  tell(XS_READ, CONTROL, "", read_word);
}

void lwt__lifecycle_start(void)
{
  struct store_part parts[] = { { CONTROL, sizeof CONTROL }, { watch.token, 0 } };
  int error;

  if (watch.fired || lwt__store_init())
    return;
  watch.fired = fired;
  watch.path = CONTROL;
  error = lwt__store_watch_add(&watch);
  parts[1].len = strlen(watch.token) + 1;
  if (!error)
    lwt__store_request(XS_WATCH, 0, parts, 2, NULL, NULL, &error);
  tell(XS_WRITE, "control/feature-poweroff", "1", NULL);
  tell(XS_WRITE, "control/feature-reboot", "1", NULL);
  tell(XS_WRITE, "control/feature-suspend", "1", NULL);
}
