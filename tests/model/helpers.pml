/* Who takes part in the regions of jobs: detail/helpers.hpp with detail/consumers.hpp's count of those
 * inside.
 *
 * WORKERS workers, one helper less. A worker that is called counts as inside, comes, and may have a
 * region in its job: it wants 1 or more helpers, then as many as there are, and ends; or, once that is
 * all that still happens, it goes on for ever, so that what it wanted must be there. Each worker comes
 * ROUNDS times; the first REGIONS of them have regions. The crew brings one helper for each call, which is crew.pml's to show. What happens
 * under the lock is one atomic step. Which region a helper takes isn't laid down here.
 *
 * Checked: no count falls below zero or differs from what it counts; no helper is called while as many
 * are at work as workers have no job; wherever nothing can move any more, as many help as are wanted and
 * may, none more, each of them in a region that hasn't ended; and if no region is left all counts are
 * zero.
 *
 * -DNO_MEMORY: a helper can't take part for want of memory, once. Then some may be missing.
 * -DNO_THREAD: a worker that was called can't come for want of a thread, once.
 *
 * Broken variants, each of which the checker must refute:
 *   -DLEAVE_UNTOLD      a worker that leaves calls no helper
 *   -DLEAVE_EARLY       it does so before it counts as outside
 *   -DCOME_UNTOLD       a worker that comes calls nobody back
 *   -DCOME_EARLY        it does so before it counts as inside
 *   -DNO_CHAIN          a helper that has come doesn't call the next
 *   -DLEAVE_FOR_GOOD    a helper that was called back doesn't look whether it is wanted again
 *   -DCALLED_UNCOUNTED  who was called and hasn't come is counted by nobody
 *   -DEND_UNTOLD        a region that ends calls nobody back
 *   -DPLACES_TWICE      a region that ends takes the places away that helpers have already taken
 *   -DBEGIN_LATE        a region asks for helpers first and shows itself afterwards
 *   -DNEVER_CAME_UNTOLD with NO_THREAD: a worker that couldn't come is out, and nobody is told
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef REGIONS
#define REGIONS WORKERS
#endif
#define HELPERS (WORKERS - 1)
#define NOWHERE 255

byte inside = 0;            /* of consumers */
byte regions = 0;           /* regions_, read without the lock */
byte places_left = 0;
byte called = 0;
byte helping = 0;
byte staying = 0;
byte wanted[WORKERS];       /* of each worker's region; 0: it has none */
byte there[WORKERS];        /* helpers in it */
byte at[HELPERS];           /* seat::at, or NOWHERE */
bool called_back[HELPERS];
bool held[HELPERS];         /* the stay lasts */
byte calls = 0;             /* of the crew */

byte at_work = 0;           /* workers that haven't gone home for good */
byte for_ever = 0;          /* of these, the ones that stay in their region */
#ifdef NO_MEMORY
bool memory_fails = true;
#endif
#ifdef NO_THREAD
bool thread_fails = true;
#endif

#define MOST (WORKERS - inside)

/* under the lock */
inline call_back(h) {
  if
  :: at[h] != NOWHERE && !called_back[h] ->
     called_back[h] = true;
     assert(staying > 0);
     staying--;
     held[h] = false
  :: else
  fi
}

#ifdef CALLED_UNCOUNTED
#define ROOM (places_left > 0 && helping < MOST)
#else
#define ROOM (called < places_left && called + helping < MOST)
#endif

/* the lock, then the crew's */
inline call_if_wanted(wants) {
  atomic {
    wants = ROOM;
    if
    :: wants -> called++; assert(called + helping <= HELPERS); assert(called + helping <= MOST)
    :: else
    fi
  }
  if
  :: wants -> atomic { wants = false; calls++ }
  :: else
  fi
}

inline come(h) {
#ifndef COME_UNTOLD
  if
  :: regions != 0 ->
     atomic {
       h = HELPERS;
       do
       :: h > 0 && called + staying > MOST -> h--; call_back(h)
       :: else -> break
       od;
       h = 0
     }
  :: else
  fi
#else
  skip
#endif
}

inline leave(wants) {
#ifndef LEAVE_UNTOLD
  if
  :: regions != 0 -> call_if_wanted(wants)
  :: else
  fi
#else
  skip
#endif
}

inline want(many, wants) {
#ifdef BEGIN_LATE
  call_if_wanted(wants);
#endif
  atomic {
    if
    :: wanted[me] == 0 -> regions++
    :: else
    fi;
    places_left = places_left + many - wanted[me];
    wanted[me] = many
  }
#ifndef BEGIN_LATE
  call_if_wanted(wants)
#endif
}

inline end(h) {
  atomic {
    assert(regions > 0);
    regions--;
#ifdef PLACES_TWICE
    assert(places_left >= wanted[me]);
    places_left = places_left - wanted[me];
#else
    assert(places_left >= wanted[me] - there[me]);
    places_left = places_left - (wanted[me] - there[me]);
#endif
    h = 0;
    do
    :: h < HELPERS && at[h] == me ->
#ifndef END_UNTOLD
       call_back(h);
#endif
       at[h] = NOWHERE; there[me]--; h++
    :: h < HELPERS && at[h] != me -> h++
    :: h == HELPERS -> break
    od;
    assert(there[me] == 0);
    wanted[me] = 0;
    h = 0
  }
}

proctype worker(byte me) {
  byte n = 0;
  byte h = 0;
  byte many;
  bool wants = false;
  do
  :: n < ROUNDS ->
     n++;
     /* consumers::want_another, by whoever calls it */
#ifdef COME_EARLY
     come(h);
#endif
     inside++;
#ifdef NO_THREAD
     if
     :: atomic { thread_fails -> thread_fails = false }
        inside--;
#ifndef NEVER_CAME_UNTOLD
        leave(wants);
#endif
        goto next
     :: skip
     fi;
#endif
back:
#ifndef COME_EARLY
     come(h);
#endif
     if
     :: atomic { me < REGIONS -> many = 1 }
        if
        :: HELPERS > 1 -> many = HELPERS
        :: skip
        fi;
        want(many, wants);
        if
        :: many < HELPERS -> want(HELPERS, wants)
        :: skip
        fi;
        if
        :: end(h)
        :: atomic { for_ever++; goto for_good }
        fi
     :: skip
     fi;
#ifdef LEAVE_EARLY
     leave(wants);
#endif
     inside--;
     if
     :: n < ROUNDS -> inside++; n++; goto back  /* come_back */
     :: skip
     fi;
#ifndef LEAVE_EARLY
     leave(wants);
#endif
next:
     skip
  :: n >= ROUNDS -> break
  od;
  at_work--;
  goto home;
for_good:
end_for_good:
  (false);
home:
  skip
}

proctype helper(byte me) {
  byte to = NOWHERE;
  bool wants = false;
  bool entered;
end_asleep:
  do
  :: atomic { calls > 0 -> calls-- }
     atomic { assert(called > 0); called-- }
look:
#ifdef NO_MEMORY
     if
     :: atomic { memory_fails -> memory_fails = false; goto asleep }
     :: skip
     fi;
#endif
     held[me] = true;
     atomic {
       if
#ifdef CALLED_UNCOUNTED
       :: helping >= MOST -> to = NOWHERE
#else
       :: called + helping >= MOST -> to = NOWHERE
#endif
       :: else ->
          if
          :: wanted[0] > there[0] -> to = 0
          :: wanted[1] > there[1] -> to = 1
#if WORKERS > 2
          :: wanted[2] > there[2] -> to = 2
#endif
          :: else -> to = NOWHERE
          fi
       fi;
       if
       :: to == NOWHERE -> held[me] = false; goto asleep
       :: else ->
          at[me] = to;
          called_back[me] = false;
          there[to]++;
          assert(places_left > 0);
          places_left--;
          helping++;
          staying++;
          to = NOWHERE
       fi
     }
#ifndef NO_CHAIN
     call_if_wanted(wants);
#endif
     entered = true;
     /* helping_stay::help_in */
     if
#ifdef NO_MEMORY
     :: atomic { memory_fails -> memory_fails = false; entered = false }
#endif
     :: true ->
end_staying:
        (!held[me])
     fi;
     atomic {
       if
       :: !entered -> call_back(me)
       :: else
       fi;
       assert(helping > 0);
       helping--;
       if
       :: at[me] != NOWHERE ->
          there[at[me]]--;
          places_left++;
          at[me] = NOWHERE;
          if
          :: !entered -> goto asleep
          :: else
          fi
       :: else
       fi
     }
#ifndef LEAVE_FOR_GOOD
     goto look;
#endif
asleep:
     skip
  od
}

active proctype at_rest() {
  byte i, n;
  timeout ->
    atomic {
      assert(at_work == for_ever && inside == for_ever && regions == for_ever);
      assert(called == 0 && calls == 0);
      assert(helping == staying && helping <= MOST);
#ifndef NO_MEMORY
      assert(places_left == 0 || helping == MOST);
#endif
      n = 0;
      for (i : 0 .. HELPERS - 1) {
        if
        :: held[i] -> n++; assert(at[i] != NOWHERE && !called_back[i] && wanted[at[i]] > 0)
        :: else -> assert(at[i] == NOWHERE)
        fi
      }
      assert(n == helping);
      n = 0;
      for (i : 0 .. WORKERS - 1) { n = n + wanted[i] - there[i] }
      assert(n == places_left)
    }
}

init {
  byte i;
  atomic {
    for (i : 0 .. HELPERS - 1) { at[i] = NOWHERE; run helper(i) }
    at_work = WORKERS;
    for (i : 0 .. WORKERS - 1) { run worker(i) }
  }
}
