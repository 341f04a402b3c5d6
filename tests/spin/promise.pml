/* promise.pml - the states of promises, for spin.
 * SPDX-License-Identifier: ISC
 *
 * A leaf with a resolver, two links on it and a third link beside them; each
 * link is a bind or a catch, whose callback may return a second leaf.  Handles
 * are dropped, promises cancelled, resolvers settled, and waiters run from the
 * queue in any order and between any two steps: more than the library, which
 * drains its queue in order, can do.  The rules are those of lwt/promise.c,
 * chain.c (run), and cancel.c (cancel, drop, sever).
 *
 * Shown: a promise settles once; nothing is used after it was freed; handles
 * are counted right; who waits is hooked into what is pending or stands in the
 * queue (no lost wake-up); in the end nothing is left.  MUTANT=1..8 plants a
 * mistake, which spin must find.
 */
byte mutant;

#define NODES 6
#define CANCELED 0 /* immortal: what severed waiters get */
#define LEAF 1
#define LINK 2     /* waits for LEAF */
#define TOP 3      /* waits for LINK */
#define BESIDE 4   /* waits for LEAF */
#define LATER 5    /* a leaf that a callback returns */

#define PENDING 0
#define FULFILLED 1
#define REJECTED 2

byte state[NODES];
byte refs[NODES];
byte source[NODES];
bool sees_failure[NODES];
bool hooked[NODES];
bool queued[NODES];
bool running[NODES];
bool kill[NODES];
bool dropped[NODES];
bool resolver[NODES];
bool freed[NODES];
bool held[NODES];  /* the user has a handle */
bool later_used;
byte i, p, s, w;
bool any, go;

#define is_leaf(n) (n == LEAF || n == LATER)
#define touch(n) assert(!freed[n])

inline release(n)
{
  touch(n);
  freed[n] = 1
}

/* No handle is left on a settled n. */
inline unowned(n)
{
  if
  :: resolver[n] && mutant != 1 -> skip
  :: else -> release(n)
  fi
}

inline settle(n, to)
{
  touch(n);
  assert(state[n] == PENDING);
  state[n] = to;
  any = 0;
  i = 0;
  do
  :: i < NODES ->
     if
     :: hooked[i] && source[i] == n ->
        hooked[i] = 0;
        queued[i] = (mutant != 2);
        any = 1
     :: else -> skip
     fi;
     i++
  :: else -> break
  od;
  if
  :: !any && refs[n] == 0 -> unowned(n)
  :: else -> skip
  fi
}

inline hook(n, on)
{
  touch(on);
  source[n] = on;
  hooked[n] = 1
}

/* n's input is taken: give up the handle on what is settled. */
inline take(n)
{
  s = source[n];
  touch(s);
  assert(state[s] != PENDING);
  if
  :: s == CANCELED -> skip
  :: else ->
     assert(refs[s] > 0);
     refs[s]--;
     if
     :: refs[s] == 0 -> unowned(s)
     :: else -> skip
     fi
  fi
}

/* What w waits for is cancelled as far as nobody else holds it. */
inline sever(n)
{
  w = n;
  go = 1;
  do
  :: go ->
     s = source[w];
     touch(s);
     if
     :: state[s] != PENDING -> go = 0
     :: state[s] == PENDING && (refs[s] > 1 || is_leaf(s)) ->
        hooked[w] = 0;
        assert(refs[s] > 0);
        refs[s]--;
        if
        :: mutant == 3 && refs[s] > 0 -> refs[s]--
        :: else -> skip
        fi;
        source[w] = CANCELED;
        queued[w] = 1;
        if
        :: is_leaf(s) && refs[s] == 0 -> settle(s, REJECTED)
        :: else -> skip
        fi;
        go = 0
     :: else ->
        if
        :: running[s] || queued[s] -> kill[s] = 1; go = 0
        :: else ->
           if
           :: !sees_failure[s] -> kill[s] = 1
           :: else -> skip
           fi;
           w = s
        fi
     fi
  :: else -> break
  od
}

/* Give up a handle; down the line while it was the last. */
inline unref(n)
{
  p = n;
  go = 1;
  do
  :: go ->
     touch(p);
     assert(refs[p] > 0);
     refs[p]--;
     if
     :: refs[p] > 0 -> break
     :: refs[p] == 0 && state[p] != PENDING -> unowned(p); break
     :: refs[p] == 0 && state[p] == PENDING && is_leaf(p) -> settle(p, REJECTED); break
     :: refs[p] == 0 && state[p] == PENDING && !is_leaf(p) ->
        dropped[p] = 1;
        if
        :: running[p] -> kill[p] = 1; break
        :: !running[p] && queued[p] && mutant != 4 -> kill[p] = 1; break
        :: !running[p] && !queued[p] && sees_failure[p] -> sever(p); break
        :: else -> /* a plain link goes, and lets go of its source */
           hooked[p] = 0;
           release(p);
           p = source[p]
        fi
     fi
  :: else -> break
  od
}

/* lwt_cancel(): backwards to the leaf. */
inline cancel(n)
{
  p = n;
  go = 1;
  do
  :: go ->
     touch(p);
     if
     :: (state[p] != PENDING && mutant != 5) || running[p] || queued[p] -> go = 0
     :: else ->
        if
        :: is_leaf(p) -> settle(p, REJECTED); go = 0
        :: else -> p = source[p]
        fi
     fi
  :: else -> break
  od
}

/* lwt_fulfill(), lwt_reject(), lwt_abandon(). */
inline resolve(n, to)
{
  touch(n);
  resolver[n] = 0;
  if
  :: state[n] == PENDING -> settle(n, to)
  :: state[n] != PENDING && refs[n] == 0 && mutant != 6 -> unowned(n)
  :: else -> skip
  fi
}

/* From the queue: the callback begins, or the outcome passes through. */
inline resume(n)
{
  touch(n);
  queued[n] = 0;
  if
  :: kill[n] && !sees_failure[n] ->
     kill[n] = 0;
     take(n);
     settle(n, REJECTED)
  :: else ->
     if
     :: (state[source[n]] == REJECTED) == sees_failure[n] ->
        take(n);
        running[n] = 1
     :: else ->
        p = state[source[n]];
        take(n);
        settle(n, p)
     fi
  fi
}

/* The callback returns a value, or a promise that the program has made. */
inline become(n)
{
  touch(n);
  running[n] = 0;
  if
  :: kill[n] = 0; settle(n, FULFILLED)
  :: kill[n] = 0; settle(n, REJECTED)
  :: later_used && held[LATER] ->
     held[LATER] = 0;
     if
     :: state[LATER] != PENDING && mutant != 7 ->
        source[n] = LATER;
        p = state[LATER];
        take(n);
        settle(n, p)
     :: else ->
        if
        :: kill[n] && sees_failure[n] ->
           kill[n] = 0;
           hook(n, LATER);
           sees_failure[n] = 0; /* a link that passes all through */
           sever(n)
        :: kill[n] && !sees_failure[n] ->
           kill[n] = 0;
           if
           :: mutant != 8 -> unref(LATER)
           :: else -> skip
           fi;
           settle(n, REJECTED)
        :: else -> hook(n, LATER)
        fi
     fi
  fi
}

inline check()
{
  i = LINK;
  do
  :: i <= BESIDE ->
     if
     :: freed[i] || state[i] != PENDING || running[i] -> skip
     :: else ->
        /* no lost wake-up */
        assert(hooked[i] != queued[i]);
        assert(!hooked[i] || state[source[i]] == PENDING);
        assert(!freed[source[i]])
     fi;
     i++
  :: else -> break
  od
}

active proctype program()
{
  c_code { if (getenv("MUTANT")) now.mutant = atoi(getenv("MUTANT")); };
  d_step {
    refs[CANCELED] = 1;
    state[CANCELED] = REJECTED;
    refs[LEAF] = 3; /* the user's, and those of LINK and BESIDE */
    resolver[LEAF] = 1;
    held[LEAF] = 1;
    refs[LINK] = 1;
    refs[TOP] = 1;
    held[TOP] = 1;
    refs[BESIDE] = 1;
    held[BESIDE] = 1;
    freed[LATER] = 1;
    hook(LINK, LEAF);
    hook(TOP, LINK);
    hook(BESIDE, LEAF)
  }
  if :: sees_failure[LINK] = 1 :: skip fi;
  if :: sees_failure[TOP] = 1 :: skip fi;
  if :: sees_failure[BESIDE] = 1 :: skip fi;
  do
  :: atomic { resolver[LEAF] -> if :: resolve(LEAF, FULFILLED)
                                   :: resolve(LEAF, REJECTED) fi; check() }
  :: atomic { !freed[LATER] && resolver[LATER] ->
              if :: resolve(LATER, FULFILLED) :: resolve(LATER, REJECTED) fi; check() }
  :: atomic { held[LEAF] -> held[LEAF] = 0; unref(LEAF); check() }
  :: atomic { held[TOP] -> held[TOP] = 0; unref(TOP); check() }
  :: atomic { held[BESIDE] -> held[BESIDE] = 0; unref(BESIDE); check() }
  :: atomic { later_used && held[LATER] -> held[LATER] = 0; unref(LATER); check() }
  :: atomic { held[LEAF] -> cancel(LEAF); check() }
  :: atomic { held[TOP] -> cancel(TOP); check() }
  :: atomic { held[BESIDE] -> cancel(BESIDE); check() }
  :: atomic { !later_used -> /* the program makes another leaf */
              later_used = 1; freed[LATER] = 0; refs[LATER] = 1;
              resolver[LATER] = 1; held[LATER] = 1 }
  :: atomic { queued[LINK] && !running[TOP] && !running[BESIDE] -> resume(LINK); check() }
  :: atomic { queued[TOP] && !running[LINK] && !running[BESIDE] -> resume(TOP); check() }
  :: atomic { queued[BESIDE] && !running[LINK] && !running[TOP] -> resume(BESIDE); check() }
  :: atomic { running[LINK] -> become(LINK); check() }
  :: atomic { running[TOP] -> become(TOP); check() }
  :: atomic { running[BESIDE] -> become(BESIDE); check() }
  :: atomic { else ->
              /* Nothing can happen any more: all handles and resolvers are gone. */
              assert(freed[LEAF] && freed[LINK] && freed[TOP] && freed[BESIDE]);
              assert(freed[LATER] || !later_used);
              break }
  od
}
