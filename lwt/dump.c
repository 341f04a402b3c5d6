/* dump.c - what a program waits for.
 * SPDX-License-Identifier: ISC
 */
#include "internal.h"

static const char *const names[K_COUNT] = {
  [K_FREE] = "free",
  [K_VALUE] = "value",
  [K_WAIT] = "wait",
  [K_QUEUED] = "queued",
  [K_SELECT] = "select",
  [K_SLEEP] = "sleep",
  [K_TIMEOUT] = "timeout",
  [K_BIND] = "bind",
  [K_MAP] = "map",
  [K_FORWARD] = "forward",
  [K_PROTECTED] = "protected",
  [K_WRAP] = "wrap_in_cancelable",
  [K_NO_CANCEL] = "no_cancel",
  [K_CATCH] = "catch",
  [K_TRY] = "try_bind",
  [K_FINALIZE] = "finalize",
  [K_WITH] = "with",
  [K_FRAME] = "frame",
  [K_ON_SUCCESS] = "on_success",
  [K_ON_FAILURE] = "on_failure",
  [K_ON_TERMINATION] = "on_termination",
  [K_ON_ANY] = "on_any",
  [K_HOOK] = "hook",
  [K_ON_CANCEL] = "on_cancel",
  [K_JOIN] = "join",
  [K_ALL] = "all",
  [K_CHOOSE] = "choose",
  [K_PICK] = "pick",
  [K_NCHOOSE] = "nchoose",
  [K_NPICK] = "npick",
  [K_NCHOOSE_SPLIT] = "nchoose_split",
};

static void print_source(FILE *out, const struct waiter *w)
{
  const struct promise *source = lwt__source(w);

  fprintf(out, " %p%s", (const void *)source,
          source->state == LWT_PENDING ? "" : " (settled)");
}

static void print_sources(FILE *out, const struct group *g)
{
  size_t i, shown = 0;

  fprintf(out, ", waits for %zu of %zu:", g->left, g->n);
  for (i = 0; i < g->n; i++) {
    if (!g->e[i].owner)
      continue;
    if (++shown > 16) {
      fprintf(out, " ...");
      break;
    }
    print_source(out, &g->e[i].w);
  }
}

static void print(void *env, struct promise *p)
{
  FILE *out = env;

  if (p->state != LWT_PENDING)
    return;
  fprintf(out, "%p %s", (void *)p, names[p->kind]);
  if (p->where)
    fprintf(out, " at %s", p->where);
  if (p->refs != 1)
    fprintf(out, ", %u handles", (unsigned)p->refs);
  if (p->flags & F_RUNNING)
    fprintf(out, ", running");
  else if (p->flags & F_CLEANUP)
    fprintf(out, ", cleaning up, waits for"), print_source(out, &p->w);
  else if (lwt__is_group(p))
    print_sources(out, (struct group *)p);
  else if (lwt__is_single(p))
    fprintf(out, ", waits for"), print_source(out, &p->w);
  else if ((p->kind == K_SLEEP || p->kind == K_TIMEOUT) && p->w.source != LWT_NEVER)
    fprintf(out, ", until %llu ns", (unsigned long long)p->w.source);
  fprintf(out, "\n");
}

void lwt_dump(FILE *out)
{
  fprintf(out, "lwt: %zu promises in memory, %zu timers; pending:\n", lwt__t.live,
          lwt__t.timers);
  lwt__each(print, out);
}
