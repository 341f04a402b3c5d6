/* check.c - one random program, on the library and on the model.
 * SPDX-License-Identifier: ISC
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

static struct history want, got;

/* The first event in which they differ, of the first n. */
static size_t differ(size_t n)
{
  size_t i;

  for (i = 0; i < n; i++)
    if (i >= want.n || i >= got.n || memcmp(&want.e[i], &got.e[i], sizeof want.e[i]))
      break;
  return i;
}

/* What holds in any case. */
static const char *invariants(const struct program *p)
{
  size_t i;

  for (i = 1; i <= p->n; i++) {
    if (got.drops[i] > 1)
      return "a value was dropped twice";
    if (got.made[i] && got.drops[i] + got.taken[i] == 0)
      return "a value was neither dropped nor taken";
    if (!got.made[i] && got.drops[i])
      return "a value that nobody owns was dropped";
    if (got.calls[i - 1] > 1)
      return "a callback ran twice";
    if (got.due[i - 1] && got.calls[i - 1] != 1)
      return "a finalizer did not run once";
  }
  return got.left ? "something is left" : NULL;
}

const char *check(const struct program *p, unsigned faults)
{
  const char *wrong;
  size_t n;

  interpret(p, &world_model, &want);
  world_lwt_faults(faults, p->seed + p->n);
  interpret(p, &world_lwt, &got);
  if (want.n == EVENTS)
    return NULL; /* too long to tell */
  n = got.first_fault < SIZE_MAX ? got.first_fault : want.n > got.n ? want.n : got.n;
  if (differ(n) < n)
    return "another event";
  if ((wrong = invariants(p)))
    return wrong;
  if (want.left)
    return "something is left in the model";
  if (got.first_fault == SIZE_MAX && memcmp(want.drops, got.drops, sizeof want.drops))
    return "other values were dropped";
  return NULL;
}

static int still_wrong(void *faults, const struct program *p)
{
  return check(p, *(unsigned *)faults) != NULL;
}

void check_explain(const struct program *program, unsigned faults)
{
  struct program p = *program;
  const char *wrong;
  size_t i, at;

  program_shrink(&p, still_wrong, &faults);
  wrong = check(&p, faults);
  printf("# %s:\n", wrong ? wrong : "not wrong any more");
  program_print(&p);
  at = differ(EVENTS);
  for (i = at < 12 ? 0 : at - 12; i < at; i++)
    event_print(&want.e[i]);
  if (at < want.n) {
    printf("# the model:\n");
    event_print(&want.e[at]);
  }
  if (at < got.n) {
    printf("# the library:\n");
    event_print(&got.e[at]);
  }
  for (i = 1; i <= p.n; i++)
    if (want.drops[i] != got.drops[i])
      printf("# value %zu: dropped %u times, the model %u times\n", i, got.drops[i],
             want.drops[i]);
  printf("# left: %zu\n", got.left);
}
