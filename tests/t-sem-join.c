/* t-sem-join.c - waiting for all: JOIN ALL BOTH CJ.
 * SPDX-License-Identifier: ISC
 *
 * Read sem-rows.h first.
 */
#include <stdlib.h>

#include "sem-rows.h"

static const struct row join_rows[] = {
  { "JOIN-01 nothing: fulfilled", lwt_join_at, "", "()" },
  { "JOIN-02 all fulfilled: at once", lwt_join_at, "FFF", "()" },
  { "JOIN-03 all rejected: at once", lwt_join_at, "RR", "R1" },
  { "JOIN-04 pending then F", lwt_join_at, "FW", "? 2F ()" },
  { "JOIN-05 one is rejected: the others are waited for", lwt_join_at, "RW", "? 2F R1" },
  { "JOIN-06 pending then R", lwt_join_at, "FW", "? 2R R2" },
  { "JOIN-07 the first rejection in time wins", lwt_join_at, "RW", "? 2R R1" },
  { "JOIN-08 the same twice", lwt_join_at, "W=", "? 1F ()" },
  { "JOIN-09 ... not the first in the list", lwt_join_at, "WW", "? 2R ? 1R R2" },
  { "JOIN-10 ... but in order among those rejected before", lwt_join_at, "RR", "R1" },
  { "JOIN-11 ... which precede later ones", lwt_join_at, "WR", "? 1R R2" },
  { "JOIN-12 nothing is cancelled after a rejection", lwt_join_at, "RTT",
    "? 2R ? 3F R1 / RRF" },
  { "JOIN-12 ... all are waited for", lwt_join_at, "TRT", "? / PRP" },

  { "CJ-01 cancel, [wait; wait]: nothing", lwt_join_at, "WW", "? X ? / PP" },
  { "CJ-02 cancel, [task; task]: all", lwt_join_at, "TT", "? X C / CC" },
  { "CJ-03 cancel, [wait; task]: the join still waits", lwt_join_at, "WT",
    "? X ? 1F C / FC" },
};

static const struct row all_rows[] = {
  { "ALL-01 nothing", lwt_all_at, "", "[]" },
  { "ALL-02 one", lwt_all_at, "F", "[1]" },
  { "ALL-03 two", lwt_all_at, "FF", "[1,2]" },
  { "ALL-04 three", lwt_all_at, "FFF", "[1,2,3]" },
  { "ALL-05 ten", lwt_all_at, "FFFFFFFFFF", "[1,2,3,4,5,6,7,8,9,10]" },
  { "ALL-06 all rejected", lwt_all_at, "RR", "R1" },
  { "ALL-07 one is pending", lwt_all_at, "FW", "? 2F [1,2]" },
  { "ALL-08 the same twice", lwt_all_at, "W=", "? 1F [1,1]" },
  { "ALL-09 two, each twice", lwt_all_at, "W=W=", "? 1F ? 3F [1,1,3,3]" },
  { "ALL-10 by position, not by time", lwt_all_at, "FWF", "? 2F [1,2,3]" },
  { "ALL-10 by position, not by time, all pending", lwt_all_at, "WWW",
    "? 3F ? 1F ? 2F [1,2,3]" },
  { "ALL-11 eleven", lwt_all_at, "FFFFFWFFFFF", "? 6F [1,2,3,4,5,6,7,8,9,10,11]" },
  { "ALL-12 one rejected", lwt_all_at, "RW", "? 2F R1" },
  { "ALL-13 pending then R", lwt_all_at, "FW", "? 2R R2" },
  { "ALL-14 the first in time wins", lwt_all_at, "RW", "? 2R R1" },
  { "ALL-15 a task twice", lwt_all_at, "T=", "? 1F [1,1]" },
  { "CJ-02 cancel, all", lwt_all_at, "TT", "? X C / CC" },
};

static lwt_t *both_of(size_t n, lwt_t *const ps[], const char *where)
{
  (void)n;
  return lwt_both_at(ps[0], ps[1], where);
}

static const struct row both_rows[] = {
  { "BOTH-01", both_of, "FF", "[1,2]" },
  { "BOTH-02", both_of, "RR", "R1" },
  { "BOTH-03", both_of, "RF", "R1" },
  { "BOTH-04", both_of, "FR", "R2" },
  { "BOTH-05", both_of, "WW", "?" },
  { "BOTH-06", both_of, "WF", "?" },
  { "BOTH-07", both_of, "WR", "?" },
  { "BOTH-08", both_of, "FW", "?" },
  { "BOTH-09", both_of, "RW", "?" },
  { "BOTH-10", both_of, "WF", "? 1F [1,2]" },
  { "BOTH-11", both_of, "WR", "? 1F R2" },
  { "BOTH-12", both_of, "WF", "? 1R R1" },
  { "BOTH-13", both_of, "WR", "? 1R R2" },
  { "BOTH-14", both_of, "FW", "? 2F [1,2]" },
  { "BOTH-15", both_of, "RW", "? 2F R1" },
  { "BOTH-16", both_of, "FW", "? 2R R2" },
  { "BOTH-17", both_of, "RW", "? 2R R1" },
  { "BOTH-18", both_of, "WW", "? 1F ?" },
  { "BOTH-19", both_of, "WW", "? 1R ?" },
  { "BOTH-20", both_of, "WW", "? 2F ?" },
  { "BOTH-21", both_of, "WW", "? 2R ?" },
  { "BOTH-22", both_of, "WW", "? 1F ? 2F [1,2]" },
  { "BOTH-23", both_of, "WW", "? 1F ? 2R R2" },
  { "BOTH-24", both_of, "WW", "? 1R ? 2F R1" },
  { "BOTH-25", both_of, "WW", "? 1R ? 2R R1" },
  { "BOTH-26", both_of, "WW", "? 2F ? 1F [1,2]" },
  { "BOTH-27", both_of, "WW", "? 2F ? 1R R1" },
  { "BOTH-28", both_of, "WW", "? 2R ? 1F R2" },
  { "BOTH-29", both_of, "WW", "? 2R ? 1R R2" },
  { "BOTH-30", both_of, "W=", "? 1F [1,1]" },
  { "CJ-02 cancel, both", both_of, "TT", "? X C / CC" },
};

static void join(void)
{
  RUN_ROWS(join_rows);
}

static void all(void)
{
  RUN_ROWS(all_rows);
}

static void both(void)
{
  RUN_ROWS(both_rows);
}

static void join_once(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *p = lwt_wait(&r), *q = lwt_map(lwt_join(LWT_PS(lwt_ref(p), p)), cb_map, &f);

  lwt_fulfill(&r, V(1));
  ok(f.calls == 1, "JOIN-08 its callback runs once");
  lwt_drop(q);

  f.calls = 0;
  p = lwt_task(&r);
  lwt_on_cancel(p, cb_call, &f);
  q = lwt_join(LWT_PS(lwt_ref(p), lwt_ref(p)));
  lwt_cancel(q);
  ok(f.calls == 1 && canceled(q) && canceled(p),
     "CJ-04 cancel, [t; t]: on_cancel runs once");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(q);
}

/* What join and all do not tell is not lost. */
static void join_seen(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_join(LWT_PS(lwt_fail(LWT_EIO, "first"), lwt_wait(&r)));

  lost();
  lwt_reject(&r, LWT_EBADF, "second");
  ok(failed(p, LWT_EIO), "JOIN-07 the first rejection is the result");
  lwt_drop(p);
  ok(lost() == 0, "JOIN-07 ... and the second is not reported");
}

SEM_TESTS(join, T(join), T(all), T(both), T(join_once), T(join_seen))
