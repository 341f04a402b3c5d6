/* suspend.c - suspend and resume: save, restore, migrate.
 * SPDX-License-Identifier: ISC
 *
 * The domain goes on as another one, perhaps on another host.  Its memory is the
 * same; what belonged to the hypervisor is new: the shared page, the grant table,
 * all event channels.  So nothing may be under way: xenstored has answered all that it
 * was asked, and what is asked meanwhile is sent later.  No callback runs in between,
 * and after it, in this order: the shared page and the clock, the grant table, the
 * console, xenstore with its watches.  Devices see their ports and grants gone, and
 * connect again.
 *
 * The hypercall returns 1 if nothing happened after all (a checkpoint).
 */
#include "store.h"

#include <xen/sched.h>

unsigned lwt__generation;

static uint8_t asked;
static struct lwt__resume *hooks;

void lwt__resume_add(struct lwt__resume *hook)
{
  if (hook->added)
    return;
  hook->added = 1;
  hook->next = hooks;
  hooks = hook;
}

void lwt__suspend_ask(void)
{
  if (!asked)
    lwt__store_stop();
  asked = 1;
}

static void resume(void)
{
  struct lwt__resume *hook;

  lwt__generation++;
  /* Without these the program cannot go on, and nobody can be told. */
  if (lwt__events_resume())
    lwt__lifecycle_end(SHUTDOWN_crash);
  lwt__clock_resume();
  if (lwt__grants_resume() || lwt__console_resume() || lwt__store_resume())
    lwt__lifecycle_end(SHUTDOWN_crash);
  for (hook = hooks; hook; hook = hook->next)
    hook->call();
}

void lwt__suspend_look(void)
{
  struct sched_shutdown op = { .reason = SHUTDOWN_suspend };
  int held;

  if (!asked || !lwt__store_is_quiet())
    return;
  asked = 0;
  held = lwt__hold();
  if (hypercall_sched_op(SCHEDOP_shutdown, &op) == 0)
    resume();
  lwt__store_go_on();
  lwt__release(held);
}
