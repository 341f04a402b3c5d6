/* t-sem-choose.c - waiting for the first: CHO NCH NCS PIC NPI CX.
 * SPDX-License-Identifier: ISC
 *
 * Read sem-rows.h first.
 */
#include <stdlib.h>

#include "sem-rows.h"

#define CHOOSE lwt_choose_at
#define NCHOOSE lwt_nchoose_at
#define SPLIT lwt_nchoose_split_at
#define PICK lwt_pick_at
#define NPICK lwt_npick_at

static const struct row choose_rows[] = {
  { "CHO-01 (differs) nothing: LWT_EINVAL", CHOOSE, "", "E" },
  { "CHO-02 one is fulfilled", CHOOSE, "WF", "2 / PF" },
  { "CHO-03 one is rejected", CHOOSE, "WR", "R2 / PR" },
  { "CHO-05 all pending", CHOOSE, "WW", "?" },
  { "CHO-06 the first in time wins", CHOOSE, "WW", "? 1F 1 2F 1" },
  { "CHO-06 ... the second in the list", CHOOSE, "WWW", "? 2F 2 1R 2 3F 2" },
  { "CHO-06 ... by a rejection", CHOOSE, "WW", "? 2R R2 1F R2" },
  { "CHO-07 the same twice", CHOOSE, "W=", "? 1F 1" },
  { "CHO-11 losers are not cancelled", CHOOSE, "TTT", "? 2F 2 / PFP" },
  { "CHO-11 ... nor when one is settled", CHOOSE, "TFT", "2 / PFP" },
  { "CX-01 cancel, choose [wait; wait]: nothing", CHOOSE, "WW", "? X ? / PP" },
  { "CX-02 cancel, choose [wait; task]", CHOOSE, "WT", "? X C / PC" },
};

static const struct row nchoose_rows[] = {
  { "NCH-01 (differs) nothing: LWT_EINVAL", NCHOOSE, "", "E" },
  { "NCH-02 all fulfilled", NCHOOSE, "FFF", "[1,2,3]" },
  { "NCH-03 fulfilled and rejected", NCHOOSE, "FR", "R2" },
  { "NCH-04 rejected and fulfilled", NCHOOSE, "RF", "R1" },
  { "NCH-05 one is pending: not waited for", NCHOOSE, "FWF", "[1,3] / FPF" },
  { "NCH-06 pending then F", NCHOOSE, "WW", "? 2F [2]" },
  { "NCH-07 pending then R", NCHOOSE, "WW", "? 2R R2" },
  { "NCH-08 the same twice, F", NCHOOSE, "W=", "? 1F [1,1]" },
  { "NCH-09 the same twice, R", NCHOOSE, "W=", "? 1R R1" },
  { "NCH-10 several rejected: the first in order", NCHOOSE, "WFRR", "R3" },
  { "CX-05 cancel, nchoose [wait; wait]: nothing", NCHOOSE, "WW", "? X ? / PP" },
  { "CX-06 cancel, nchoose [wait; task]", NCHOOSE, "WT", "? X C / PC" },
};

static const struct row split_rows[] = {
  { "NCS-01 (differs) nothing: LWT_EINVAL", SPLIT, "", "E" },
  { "NCS-02 one is pending", SPLIT, "FWF", "[1,3|2]" },
  { "NCS-03 fulfilled and rejected", SPLIT, "FR", "R2" },
  { "NCS-04 rejected and fulfilled", SPLIT, "RF", "R1" },
  { "NCS-05 pending and rejected", SPLIT, "WR", "R2 / PR" },
  { "NCS-06 pending then F", SPLIT, "WW", "? 1F [1|2]" },
  { "NCS-07 pending then R", SPLIT, "WW", "? 1R R1" },
  { "NCS-08 the same twice, F", SPLIT, "W=W", "? 1F [1,1|3]" },
  { "NCS-09 the same twice, R", SPLIT, "W=W", "? 1R R1" },
  { "NCS-10 (differs) the pending in order, some settled", SPLIT, "WFWFW",
    "[2,4|1,3,5]" },
  { "NCS-10 ... and none settled", SPLIT, "WWWW", "? 3F [3|1,2,4]" },
  { "CX-09 cancel, nchoose_split [wait; wait]: nothing", SPLIT, "WW", "? X ? / PP" },
  { "CX-10 cancel, nchoose_split [wait; task]", SPLIT, "WT", "? X C / PC" },
};

static const struct row pick_rows[] = {
  { "PIC-01 (differs) nothing: LWT_EINVAL", PICK, "", "E" },
  { "PIC-02 one is fulfilled: the task is cancelled", PICK, "TF", "2 / CF" },
  { "PIC-03 one is rejected: the task is cancelled", PICK, "TR", "R2 / CR" },
  { "PIC-05 all pending", PICK, "TT", "? / PP" },
  { "PIC-06 the first in time wins, the other is cancelled", PICK, "TT", "? 1F 1 / FC" },
  { "PIC-07 the same twice", PICK, "T=", "? 1F 1 / FF" },
  { "PIC-08 cancel: both and the result", PICK, "TT", "? X C / CC" },
  { "PIC-11 a rejection cancels the others too", PICK, "TTT", "? 2R R2 / CRC" },
  { "PIC-13 what cannot be cancelled stays pending", PICK, "TWT", "? 1F 1 / FPC" },
  { "CX-03 cancel, pick [wait; wait]: nothing", PICK, "WW", "? X ? / PP" },
  { "CX-04 cancel, pick [wait; task]", PICK, "WT", "? X C / PC" },
};

static const struct row npick_rows[] = {
  { "NPI-01 (differs) nothing: LWT_EINVAL", NPICK, "", "E" },
  { "NPI-02 all fulfilled", NPICK, "FF", "[1,2]" },
  { "NPI-03 fulfilled and rejected", NPICK, "FR", "R2" },
  { "NPI-04 rejected and fulfilled", NPICK, "RF", "R1" },
  { "NPI-05 one is pending: cancelled", NPICK, "FTF", "[1,3] / FCF" },
  { "NPI-06 all pending", NPICK, "TT", "? / PP" },
  { "NPI-07 pending then F: the other is cancelled", NPICK, "TT", "? 2F [2] / CF" },
  { "NPI-08 pending then R: the other is cancelled", NPICK, "TT", "? 2R R2 / CR" },
  { "NPI-09 the same twice, F", NPICK, "T=", "? 1F [1,1]" },
  { "NPI-10 the same twice, R", NPICK, "T=", "? 1R R1" },
  { "NPI-11 cancel: both and the result", NPICK, "TT", "? X C / CC" },
  { "CX-07 cancel, npick [wait; wait]: nothing", NPICK, "WW", "? X ? / PP" },
  { "CX-08 cancel, npick [wait; task]", NPICK, "WT", "? X C / PC" },
};

static void rows(void)
{
  RUN_ROWS(choose_rows);
  RUN_ROWS(nchoose_rows);
  RUN_ROWS(split_rows);
  RUN_ROWS(pick_rows);
  RUN_ROWS(npick_rows);
}

/* ---- Identity, and losers that live on ------------------------------------- */

static void choose_same(void)
{
  struct lwt_resolver r, s;
  struct cb f = { 0 };
  lwt_t *p = lwt_return_owned(V(1), NULL), *q = lwt_choose(LWT_PS(lwt_wait(&r), p));

  ok(q == p || failed(q, LWT_ENOMEM), "CHO-02 the result is that promise itself");
  lwt_drop(q);
  lwt_fulfill(&r, V(1));

  p = lwt_wait(&r);
  q = lwt_choose(LWT_PS(lwt_ref(p)));
  ok(q != p, "CHO-10 of a single pending promise the result is another promise");
  lwt_fulfill(&r, V(2));
  ok(is(q, 2), "CHO-10 ... that follows it");
  lwt_drop(p);
  lwt_drop(q);

  p = lwt_wait(&r);
  q = lwt_map(lwt_choose(LWT_PS(lwt_ref(p), p)), cb_map, &f);
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1, "CHO-07 the same twice: the callback runs once");
  lwt_drop(q);

  f.calls = 0;
  q = lwt_choose(LWT_PS(lwt_wait(&r), lwt_map(lwt_task(&s), cb_map, &f)));
  lwt_fulfill(&r, V(1));
  lwt_drop(q);
  ok(f.calls == 0, "CHO-11 a loser that nobody else holds is not cancelled");
  lwt_fulfill(&s, V(2));
  ok(f.calls == 1, "CHO-11 ... but runs on");
  ok(lwt_live() == 0, "CHO-12 ... and is freed when it ends");

  lost();
  q = lwt_choose(LWT_PS(lwt_wait(&r), lwt_wait(&s)));
  lwt_fulfill(&r, V(1));
  lwt_drop(q);
  lwt_reject(&s, LWT_EIO, "late");
  ok(lost() == 0, "CHO-11 ... its late rejection is not reported");
}

/* ---- Random choice --------------------------------------------------------- */

static int draw(combine_fn *combine, const char *inputs, int *canceled_all)
{
  struct row_run run = { .n = strlen(inputs) };
  lwt_t *ps[ROW_MAX], *p;
  int got;
  size_t i;

  for (i = 0; i < run.n; i++) {
    run.p[i] = row_input(&run, i, inputs[i]);
    ps[i] = lwt_ref(run.p[i]);
  }
  p = combine(run.n, ps, LWT_WHERE);
  got = (int)(intptr_t)lwt_value(p);
  if (lwt_state(p) == LWT_REJECTED)
    got = lwt_error(p).code + 200;
  for (i = 0; i < run.n; i++) {
    *canceled_all &= inputs[i] != 'T' || canceled(run.p[i]);
    lwt_drop(run.p[i]);
    lwt_abandon(&run.r[i]);
  }
  lwt_drop(p);
  return got;
}

static void choose_random(void)
{
  int i, k, got, rejected = 0, all = 1, none = 1, counts[4] = { 0 }, errors[4] = { 0 };
  char first[40], second[40];

  for (i = 0; i < 100; i++)
    rejected += draw(CHOOSE, "FRF", &none) == -2;
  ok(rejected == 100, "CHO-04 a rejected one comes before the fulfilled, always");
  for (i = rejected = 0; i < 100; i++)
    rejected += draw(PICK, "FTR", &all) == -3;
  ok(rejected == 100, "PIC-04 a rejected one comes before the fulfilled, always");
  ok(all, "PIC-04 ... and the pending one is cancelled each time");

  for (i = 0; i < 3000; i++) {
    got = draw(CHOOSE, "FFF", &none);
    counts[got > 0 && got < 4 ? got : 0]++;
  }
  for (k = 1, i = 0; k <= 3; k++)
    i += counts[k] > 850 && counts[k] < 1150;
  ok(i == 3, "CHO-08 several fulfilled: each as often (%d %d %d)", counts[1], counts[2],
     counts[3]);
  for (i = 0; i < 3000; i++) {
    got = -draw(CHOOSE, "RFRR", &none);
    errors[got == 1 ? 1 : got == 3 ? 2 : got == 4 ? 3 : 0]++;
  }
  for (k = 1, i = 0; k <= 3; k++)
    i += errors[k] > 850 && errors[k] < 1150;
  ok(i == 3, "CHO-09 several rejected: each as often (%d %d %d)", errors[1], errors[2],
     errors[3]);
  for (i = 0, k = 0, all = 1; i < 1000; i++)
    k += draw(PICK, "FTF", &all) == 1;
  ok(k > 400 && k < 600 && all,
     "PIC-12 pick draws too (%d of 1000), the task is cancelled", k);

  for (k = 0; k < 2; k++) {
    lwt_seed(7);
    for (i = 0; i < 39; i++)
      (k ? second : first)[i] = (char)('0' + draw(CHOOSE, "FFF", &none));
    (k ? second : first)[i] = 0;
  }
  is_str(second, first, "CHO-08 the same seed, the same choices");
}

/* ---- Several settled in one callback --------------------------------------- */

static void act_two(struct cb *cb)
{
  struct lwt_resolver *r = cb->arg;

  lwt_fulfill(&r[0], V(1));
  lwt_fulfill(&r[1], V(2));
}

static void nchoose_later(void)
{
  struct lwt_resolver r0, r[2];
  struct cb f = { .act = act_two, .arg = r };
  struct lwt_vec *vec;
  lwt_t *p;

  lwt_on_success(lwt_wait(&r0), cb_value, &f);
  p = lwt_nchoose(LWT_PS(lwt_wait(&r[0]), lwt_wait(&r[1])));
  lwt_fulfill(&r0, V(0));
  vec = lwt_value(p);
  ok(vec && vec->n == 2, "NCH-11 two inputs settled in one callback: both values");
  ok(vec && vec->n == 2 && vec->v[1].value == V(2),
     "NCH-12 (differs) ... there is no other way to settle them");
  lwt_drop(p);
  lwt_abandon(&r[0]);
  lwt_abandon(&r[1]);
}

/* ---- The order of pick ----------------------------------------------------- */

static lwt_t *watched_winner, *watched_result;

static void act_watch(struct cb *cb)
{
  (void)cb;
  if (!watched_result) /* it was made settled: no memory */
    return;
  note(pending(watched_winner) ? "winner pending" : "winner settled");
  note(pending(watched_result) ? "result pending" : "result settled");
}

static void order(combine_fn *combine, int reject, const char *id)
{
  struct lwt_resolver r1, r2;
  struct cb loser = { .name = "loser", .act = act_watch };
  struct cb loser2 = { .name = "loser's bind" }, res = { .name = "result" };
  lwt_t *t1 = lwt_task(&r1), *t2 = lwt_task(&r2), *q;

  lwt_on_cancel(t2, cb_call, &loser);
  q = lwt_catch(lwt_ref(t2), cb_catch, &loser2);
  watched_winner = t1;
  watched_result = NULL;
  watched_result = combine(2, (lwt_t *[]){ lwt_ref(t1), lwt_ref(t2) }, LWT_WHERE);
  lwt_on_termination(lwt_ref(watched_result), cb_call, &res);
  if (reject)
    lwt_reject(&r1, LWT_EIO, "disk");
  else
    lwt_fulfill(&r1, V(1));
  ok(noted("loser winner settled result pending loser's bind result"),
     "%s the losers' callbacks run before the result settles", id);
  lwt_abandon(&r2);
  lwt_drop(t1);
  lwt_drop(t2);
  lwt_drop(q);
  lwt_drop(watched_result);
}

static void pick_order(void)
{
  order(PICK, 0, "PIC-09 PIC-10");
  order(PICK, 1, "PIC-09 PIC-10 PIC-11");
  order(NPICK, 0, "NPI-12");
  order(NPICK, 1, "NPI-12");
}

/* A loser that a cancel callback fulfils comes too late. */
static void npick_late(void)
{
  struct lwt_resolver r1, r2, r3;
  struct cb f = { .act = act_fulfill, .arg = &r3 };
  lwt_t *t = lwt_task(&r2), *p;
  struct lwt_vec *vec;

  lwt_on_cancel(t, cb_call, &f);
  p = lwt_npick(LWT_PS(lwt_task(&r1), t, lwt_wait(&r3)));
  lwt_fulfill(&r1, V(1));
  vec = lwt_value(p);
  ok(f.calls == 1 && vec && vec->n == 1, "NPI-13 values are collected before the cancel");
  lwt_abandon(&r2);
  lwt_abandon(&r3);
  lwt_drop(p);
}

static lwt_t *sleep_on(void *env, struct lwt_error error)
{
  (void)error;
  *(lwt_t **)env = lwt_sleep(LWT_S(1));
  return lwt_ref(*(lwt_t **)env);
}

/* Cancelled once, the loser waits for something new when it is to be cancelled
 * again, by another pick, before the queue is empty. */
static void pick_again(void)
{
  struct lwt_resolver x, t;
  lwt_t *late = NULL, *shared, *inner, *outer;

  shared = lwt_join(LWT_PS(lwt_catch(lwt_task(&t), sleep_on, &late)));
  inner = lwt_pick(LWT_PS(lwt_wait(&x), lwt_ref(shared)));
  outer = lwt_pick(LWT_PS(inner, lwt_map(lwt_ref(shared), cb_map, NULL)));
  lwt_fulfill(&x, V(1));
  ok(is(outer, 1), "PIC-09 a pick that a pick decides");
  ok(late && canceled(late) && canceled(shared),
     "PIC-09 each cancels what its loser waits for by then");
  lwt_abandon(&t);
  if (late) {
    lwt_cancel(late); /* without memory for the join, the catch still sleeps */
    lwt_drop(late);
  }
  lwt_drop(shared);
  lwt_drop(outer);
}

SEM_TESTS(choose, T(rows), T(choose_same), ONCE(choose_random), T(nchoose_later),
          T(pick_order), T(npick_late), T(pick_again))
