/* post.pml - lwt_post() between threads, for spin.
 * SPDX-License-Identifier: ISC
 *
 * The inbox of lwt-unix/inbox.c: a stack of mail without locks, an eventfd that
 * is written when the stack was empty, references that keep the descriptor.
 * Two threads push two mails each; the owner waits, takes the whole stack, and
 * ends at any moment.  Memory is sequentially consistent here; that the orders
 * of the atomics are strong enough is for ThreadSanitizer.
 *
 * Shown: what was taken is delivered once, in the order of its thread; what was
 * refused never is; nobody writes to a closed descriptor; the owner does not
 * sleep while there is mail (no lost wake-up).  MUTANT=1..6 plants a mistake,
 * which spin must find.
 */
byte mutant;

#define MAILS 4
#define NIL 0
#define CLOSED 9

byte head;
byte next[MAILS + 1];
bool accepted[MAILS + 1];
byte delivered[MAILS + 1];
byte last[2];     /* of each thread: the mail delivered last */
bool event;       /* the eventfd can be read */
byte refs = 3;    /* the owner's and the threads' */
bool closed;      /* the descriptor */
bool asleep, ended;
byte posters = 2;

inline release()
{
  atomic {
    assert(refs > 0);
    refs--;
    if
    :: refs == 0 -> closed = 1
    :: else -> skip
    fi
  }
}

inline wake()
{
  assert(!closed);
  event = 1
}

/* lwt__inbox_push() */
inline push(m)
{
  seen = head;
  do
  :: seen == CLOSED -> break
  :: else ->
     next[m] = seen;
     atomic {
       if
       :: head == seen || mutant == 1 -> head = m; accepted[m] = 1; break
       :: else -> seen = head
       fi
     }
  od;
  if
  :: seen == NIL && mutant != 2 -> wake()
  :: else -> skip
  fi
}

proctype poster(byte me)
{
  byte seen, m;

  if
  :: mutant == 3 -> release()
  :: else -> skip
  fi;
  m = 2 * me + 1;
  push(m);
  m = 2 * me + 2;
  push(m);
  if
  :: mutant != 3 -> release()
  :: else -> skip
  fi;
  atomic { posters-- }
}

/* Turn the stack around, then deliver each. */
inline deliver(instead)
{
  atomic { mail = head; head = instead }
  first = NIL;
  do
  :: mail != NIL && mutant != 4 ->
     after = next[mail];
     next[mail] = first;
     first = mail;
     mail = after
  :: mail != NIL && mutant == 4 -> first = mail; mail = NIL
  :: mail == NIL -> break
  od;
  do
  :: first != NIL ->
     after = next[first];
     assert(accepted[first]);
     assert(delivered[first] == 0);
     delivered[first]++;
     assert(last[(first - 1) / 2] < first);
     last[(first - 1) / 2] = first;
     first = after
  :: else -> break
  od
}

proctype owner()
{
  byte mail, first, after;

  do
  :: /* uv_poll: until the eventfd can be read */
     asleep = 1;
     atomic { event -> asleep = 0 }
     if
     :: mutant != 5 -> event = 0; deliver(NIL)
     :: else -> deliver(NIL); event = 0
     fi
  :: skip; /* the engine ends */
     if
     :: mutant != 6 -> deliver(CLOSED)
     :: else -> deliver(NIL)
     fi;
     ended = 1;
     release();
     break
  od
}

init {
  byte m;

  c_code { if (getenv("MUTANT")) now.mutant = atoi(getenv("MUTANT")); };
  atomic { run poster(0); run poster(1); run owner() }
  /* Nobody can do anything any more: the owner sleeps, or it has ended. */
  timeout;
  assert(posters == 0);
  assert(asleep || ended);
  assert(head == NIL || head == CLOSED);
  m = 1;
  do
  :: m <= MAILS -> assert(delivered[m] == accepted[m]); m++
  :: else -> break
  od;
  assert(closed == ended)
}
