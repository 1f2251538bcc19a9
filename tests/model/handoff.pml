/* The protocol by which jobs find a consumer: detail/consumers.hpp with detail/handoff_queue.hpp,
 * as detail/pump.hpp uses it for submissions: consumers are workers, and one call brings one of them,
 * which crew.pml shows. The way back is in inbox.pml; who ends the turn of which something is held back
 * is in lease.pml.
 *
 * PRODUCERS push JOBS jobs each; at most CONSUMERS may be inside. Each atomic step of the code is
 * one atomic step here; what a consumer does under the queue's lock is one step, too.
 *
 * Checked: no assertion fails (no job is run twice), and wherever nothing can move any more every
 * job has been run (no lost wake-up) and nobody is inside (SPIN's invalid end states: a consumer
 * may end waiting for a call, a producer only at its end).
 *
 * Broken variants, each of which the checker must refute:
 *   -DNO_LAST_LOOK        a leaving consumer doesn't look again after it has left
 *   -DASK_READY_ONLY      a consumer that has just arrived doesn't ask the stack whether there is more
 *   -DLEAVE_AFTER_LOOK    it looks first and leaves then
 *   -DNO_SECOND_LOOK      with HOLD: a producer that has held a job back doesn't ask again whether
 *                         somebody will look
 *   -DFORGET_HELD         with HOLD: a consumer that leaves doesn't look at what is held back
 *   -DNOT_STARVED         with NO_THREAD: what nobody will run isn't given up
 *
 * -DHOLD: producers hold jobs back (detail/held_jobs.hpp) and never push them at the end of a turn, as
 * if that turn's last handler waited for them: consumers must find them all the same.
 *
 * -DNO_THREAD: a call may fail, as the system gives no thread. If nobody else is inside, all that is
 * queued is given up then.
 */
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef JOBS
#define JOBS 2
#endif
#define ALL (PRODUCERS * JOBS)

byte stack = 0;    /* jobs on the stack */
byte ready = 0;    /* jobs on the ready list */
byte inside = 0;   /* the two halves of consumers::word_, always changed in one step */
byte coming = 0;
byte calls = 0;    /* calls on their way */
byte done = 0;      /* jobs that were run */
byte held = 0;     /* jobs that are held back */
byte starved = 0;  /* jobs that were given up */
byte blocked = 0;  /* consumers inside a job that doesn't end before all jobs run at once */

#define ROOM (inside < CONSUMERS)

/* pump::starve: what is held back is pushed; what is queued is taken out under the lock, until there
 * is nothing. */
inline starve() {
  do
  :: stack + ready + held > 0 ->
     atomic { stack = stack + held; held = 0 }
     atomic { starved = starved + stack + ready; stack = 0; ready = 0 }
  :: else -> break
  od
}

/* want_another, one compare-exchange; then the call, which fails or doesn't */
inline want_another() {
  atomic {
    if
    :: coming == 0 && ROOM -> inside++; coming++; wanted = true
    :: else -> wanted = false
    fi
  }
  if
  :: wanted -> calls++
#ifdef NO_THREAD
  :: wanted ->
     atomic { alone = (inside == 1); inside--; coming-- }  /* never_came */
#ifndef NOT_STARVED
     if
     :: alone -> starve()
     :: else
     fi
#endif
#endif
  :: else
  fi
}

/* push: all that is held back, under its lock, then one compare-exchange */
inline push_held() {
  atomic { mine = held; held = 0 }
  if
  :: mine > 0 ->
     atomic { first = (stack == 0); stack = stack + mine; mine = 0 }
     if
     :: first -> want_another()
     :: else
     fi
  :: else
  fi
}

#define WILL_LOOK (coming != 0 || inside == CONSUMERS)

proctype producer() {
  byte n = 0;
  byte mine = 0;
  bool first, hold, wanted, alone;
  do
  :: n < JOBS ->
     n++;
     hold = false;
#ifdef HOLD
     hold = WILL_LOOK;
     if
     :: hold ->
        held++;
#ifndef NO_SECOND_LOOK
        if
        :: WILL_LOOK -> skip
        :: else -> push_held()
        fi
#endif
     :: else
     fi;
#endif
     if
     :: hold -> skip
     :: else ->
        atomic { first = (stack == 0); stack++ }
        if
        :: first -> want_another()
        :: else
        fi
     fi
  :: n == JOBS -> break
  od
}

#ifdef FORGET_HELD
#define SOMETHING_LEFT (stack > 0 || ready > 0)
#else
#define SOMETHING_LEFT (stack > 0 || ready > 0 || held > 0)
#endif

proctype consumer() {
  bool got, more, again, first, wanted, alone;
  byte mine = 0;
  bool just_arrived;
end_waiting:
  do
  :: atomic { calls > 0 -> calls-- }
arrive:
     atomic { coming--; just_arrived = true }
look:
     /* take: under the lock */
     atomic {
       got = false;
       if
       :: ready == 0 && stack > 0 -> ready = stack; stack = 0
       :: else
       fi;
       if
       :: ready > 0 -> ready--; got = true
       :: else
       fi;
#ifdef ASK_READY_ONLY
       more = (ready > 0);
#else
       more = (ready > 0 || (just_arrived && stack > 0));
#endif
       just_arrived = false
     }
     if
     :: got ->
        if
        :: more -> want_another()
        :: else
        fi;
#ifdef RENDEZVOUS
        /* a job that ends only when as many run as there are consumers */
        blocked++;
        (blocked >= CONSUMERS);
#endif
        done++;
        assert(done <= ALL);
        goto look
     :: else -> skip
     fi;
     /* pump::look_out searches for a while, or not at all */
     if
     :: atomic { coming++ }
        if
        :: SOMETHING_LEFT -> goto arrive
        :: atomic { coming--; just_arrived = true }
        fi
     :: skip
     fi;
     /* fetch_held */
     if
     :: held > 0 -> push_held(); just_arrived = true; goto look
     :: else
     fi;
#ifdef LEAVE_AFTER_LOOK
     again = SOMETHING_LEFT;
     atomic { inside-- }
#else
     atomic { inside-- }
     again = SOMETHING_LEFT;
#endif
#ifdef NO_LAST_LOOK
     again = false;
#endif
     if
     :: again ->
        /* come_back: one compare-exchange */
        atomic {
          if
          :: coming == 0 && ROOM -> inside++; again = true; just_arrived = true
          :: else -> again = false
          fi
        }
        if
        :: again -> goto look
        :: else
        fi
     :: else
     fi
  od
}

/* Nothing moves any more: everything has been run. */
active proctype at_rest() {
  timeout -> assert(done + starved == ALL && stack == 0 && ready == 0 && held == 0 && calls == 0 && inside == 0 && coming == 0)
}

init {
  byte i;
  atomic {
    for (i : 1 .. PRODUCERS) { run producer() }
    for (i : 1 .. CONSUMERS) { run consumer() }
  }
}
