/* sem-rows.h - tests of the combinators, one line each.
 * SPDX-License-Identifier: ISC
 *
 * A row names a combinator and its inputs, then alternates what the result
 * must be and what happens next:
 *
 *   { "JOIN-06 ...", lwt_join_at, "FW", "? 2R R2" }
 *
 * Inputs, one letter each; input i (from 1) has the value i or the error Ri:
 *   F fulfilled   R rejected   W lwt_wait   T lwt_task   = the one before again
 * What happens: iF, iR settle input i; X cancels the result.
 * The result: ? pending, () no value, 2 a value, [1,2] several, [1|2] those
 * that are there and those that are not, R2 the error of input 2, C cancelled,
 * E LWT_EINVAL.  After a slash, the states of the inputs: P F R C.
 *
 * Each row runs twice: with the inputs' handles kept by the test, which can
 * then look at the inputs, and with the combinator as their only owner.
 */
#ifndef SEM_ROWS_H
#define SEM_ROWS_H

#include "sem.h"

enum { ROW_MAX = 16 };
typedef lwt_t *combine_fn(size_t n, lwt_t *const ps[], const char *where);

struct row {
  const char *text;
  combine_fn *combine;
  const char *inputs;
  const char *script;
};

struct row_run {
  size_t n;
  lwt_t *p[ROW_MAX]; /* kept or only remembered */
  struct lwt_resolver r[ROW_MAX];
};

static lwt_t *row_input(struct row_run *run, size_t i, char letter)
{
  run->r[i].lwt_private = NULL;
  switch (letter) {
  case 'F':
    return lwt_return_owned(V(i + 1), NULL);
  case 'R':
    return lwt_fail(-200 - (int)(i + 1), "input");
  case 'W':
    return lwt_wait(&run->r[i]);
  case 'T':
    return lwt_task(&run->r[i]);
  default:
    return lwt_ref(run->p[i - 1]);
  }
}

static char *put_vec(char *s, const struct lwt_vec *vec)
{
  size_t i;

  for (i = 0; vec && i < vec->n; i++)
    s += sprintf(s, "%s%d", i ? "," : "", (int)(intptr_t)vec->v[i].value);
  return s;
}

static char *put_split(const struct row_run *run, char *s, const struct lwt_split *split)
{
  size_t i, k;

  s = put_vec(s, split->done);
  *s++ = '|';
  for (i = 0; i < split->n; i++) {
    for (k = 0; k < run->n && run->p[k] != split->pending[i]; k++)
      ;
    s += sprintf(s, "%s%d", i ? "," : "", (int)k + 1);
  }
  return s;
}

static void put_result(const struct row_run *run, char *s, const struct row *row,
                       lwt_t *p)
{
  int code = lwt_error(p).code;

  if (pending(p))
    strcpy(s, "?");
  else if (code == LWT_ECANCELED || code == LWT_EINVAL)
    strcpy(s, code == LWT_EINVAL ? "E" : "C");
  else if (code)
    sprintf(s, "R%d", -200 - code);
  else if (row->combine == lwt_join_at)
    strcpy(s, lwt_value(p) ? "value" : "()");
  else if (row->combine == lwt_choose_at || row->combine == lwt_pick_at)
    sprintf(s, "%d", (int)(intptr_t)lwt_value(p));
  else {
    *s++ = '[';
    if (row->combine == lwt_nchoose_split_at)
      s = put_split(run, s, lwt_value(p));
    else
      s = put_vec(s, lwt_value(p));
    strcpy(s, "]");
  }
}

static void put_states(const struct row_run *run, char *s)
{
  size_t i;

  for (i = 0; i < run->n; i++)
    *s++ = canceled(run->p[i]) ? 'C' : "PFR"[lwt_state(run->p[i])];
  *s = 0;
}

static void row_step(struct row_run *run, lwt_t *p, const char *step)
{
  size_t i = (size_t)atoi(step) - 1;

  if (*step == 'X')
    lwt_cancel(p);
  else if (step[strlen(step) - 1] == 'F')
    lwt_fulfill(&run->r[i], V(i + 1));
  else
    lwt_reject(&run->r[i], -201 - (int)i, "input");
}

static void run_row(const struct row *row, int keep)
{
  struct row_run run = { .n = strlen(row->inputs) };
  char script[100], got[100], *word, *rest = script;
  lwt_t *ps[ROW_MAX], *p;
  int good = 1, state = 1;
  size_t i;

  strcpy(script, row->script);
  for (i = 0; i < run.n; i++) {
    ps[i] = run.p[i] = row_input(&run, i, row->inputs[i]);
    if (keep)
      ps[i] = lwt_ref(run.p[i]);
  }
  p = row->combine(run.n, ps, LWT_WHERE);
  for (; good && (word = strtok_r(rest, " ", &rest)); state = !state) {
    if (*word == '/') {
      word = strtok_r(rest, " ", &rest);
      if (keep)
        put_states(&run, got);
      good = !keep || !strcmp(got, word);
    } else if (state) {
      put_result(&run, got, row, p);
      good = !strcmp(got, word);
    } else {
      row_step(&run, p, word);
    }
  }
  ok(good, "%s%s", row->text, keep ? "" : " (not kept)");
  if (!good && !lwt_test_muted())
    printf("# inputs %s, script \"%s\": got %s, want %s\n", row->inputs, row->script, got,
           word);
  lwt_drop(p);
  for (i = 0; i < run.n; i++) {
    if (keep)
      lwt_drop(run.p[i]);
    lwt_abandon(&run.r[i]);
  }
}

static void run_rows(const struct row *rows, size_t n)
{
  size_t i;

  for (i = 0; i < n; i++) {
    run_row(&rows[i], 1);
    run_row(&rows[i], 0);
  }
}

#define RUN_ROWS(rows) run_rows((rows), sizeof (rows) / sizeof *(rows))

#endif
