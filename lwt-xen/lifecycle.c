/* lifecycle.c - what the toolstack asks for: shut down, reboot, suspend.
 * SPDX-License-Identifier: ISC
 *
 * It writes the word to control/shutdown and waits for it to be taken away.  A
 * program that has asked for lwt_platform_shutdown() ends by itself; another is
 * ended at once, as by SIGTERM.  What there was no memory to ask or to read is tried
 * again soon, so that no request is missed; the word is obeyed when it is taken away.
 */
#include "store.h"

#include <string.h>
#include <xen/sched.h>

#define CONTROL "control/shutdown"
#define AGAIN LWT_MS(100)

static const char *const features[] = { "control/feature-poweroff",
                                        "control/feature-reboot",
                                        "control/feature-suspend" };
static struct store_watch watch;
static unsigned said;     /* of the watch and the features */
static uint64_t again_at; /* when what could not be done is tried again; 0: nothing */
static uint8_t reading, unread; /* the word is asked for; must be asked for again */
static unsigned reason = SHUTDOWN_poweroff;
static struct waiting {
  struct lwt_resolver r;
  struct waiting *next;
} *waiting;

unsigned lwt__lifecycle_reason(void)
{
  return reason;
}

/* Whether something went wrong that is tried again. */
static int again(int error)
{
  if (error != LWT_ENOMEM && error != LWT_ENOBUFS)
    return 0;
  again_at = lwt__xen_now() + AGAIN;
  return 1;
}

/* Ask, and do not wait for an answer.  Returns 0 or why it cannot be asked. */
static int tell(uint32_t op, const char *path, const char *text, store_done *done)
{
  const struct store_part parts[] = { { path, strlen(path) + 1 },
                                      { text, strlen(text) } };
  int error;

  lwt__store_request(op, 0, parts, 2, done, NULL, &error);
  return error;
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

  const char *number = text + strspn(text, "0");
  const struct store_part parts[] = { { "data/exit-status", 17 },
                                      { number, strlen(number) } };

  if (status && !lwt__store_init())
    lwt__store_last_words(parts, 2);
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

static void obey(const char *word)
{
  if (!strcmp(word, "reboot"))
    asked(SHUTDOWN_reboot);
  else if (!strcmp(word, "poweroff") || !strcmp(word, "halt"))
    asked(SHUTDOWN_poweroff);
  else if (!strcmp(word, "suspend"))
    lwt__suspend_ask();
}

static void fired(void *env, const char *path);

static void read_word(void *env, int error, struct lwt_xs_value *value)
{
  const char *word = value ? value->bytes : "";
  uint8_t changed = unread;

  reading = 0;
  if (!error && *word)
    error = tell(XS_WRITE, CONTROL, "", NULL);
  unread = (uint8_t)again(error);
  if (changed && !unread)
    fired(env, NULL);
  if (!error)
    obey(word);
  lwt__free(value);
}

/* One question at a time: a second one could be answered by the same word. */
static void fired(void *env, const char *path)
{
  (void)path;
  if (reading) {
    unread = 1;
    return;
  }
  unread = (uint8_t)again(tell(XS_READ, CONTROL, "", read_word));
  reading = !unread;
  (void)env;
}

void lwt__lifecycle_start(void)
{
  const unsigned all = 1 + sizeof features / sizeof *features;
  int error = said < all ? lwt__store_init() : 0;

  while (!error && said < all) {
    watch.fired = fired;
    watch.path = CONTROL;
    error = said ? tell(XS_WRITE, features[said - 1], "1", NULL)
                 : lwt__store_watch_add(&watch, NULL, NULL);
    said += !error;
  }
  again(error);
}

void lwt__lifecycle_look(void)
{
  if (again_at && again_at <= lwt__xen_now()) {
    again_at = 0;
    lwt__lifecycle_start();
    if (unread)
      fired(NULL, NULL);
  }
  if (again_at)
    lwt__events_by(again_at);
}
