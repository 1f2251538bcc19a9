/* The protocol by which jobs find a consumer: detail/consumers.hpp with detail/handoff_queue.hpp,
 * as detail/pump.hpp uses it for submissions (consumers are workers, a call is a task of oneTBB)
 * and detail/inbox.hpp for completions (consumers are turns of a loop, a call is a post).
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
byte blocked = 0;  /* consumers inside a job that doesn't end before all jobs run at once */

/* want_another: one compare-exchange */
inline want_another() {
  atomic {
    if
    :: coming == 0 && inside < CONSUMERS -> inside++; coming++; calls++
    :: else
    fi
  }
}

proctype producer() {
  byte n = 0;
  bool first;
  do
  :: n < JOBS ->
     atomic { first = (stack == 0); stack++; n++ }
     if
     :: first -> want_another()
     :: else
     fi
  :: n == JOBS -> break
  od
}

proctype consumer() {
  bool got, more, again;
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
     /* look_out: search for a while, or not at all */
     if
     :: atomic { coming++ }
        if
        :: (stack > 0 || ready > 0) -> goto arrive
        :: atomic { coming--; just_arrived = true }
        fi
     :: skip
     fi;
#ifdef LEAVE_AFTER_LOOK
     again = (stack > 0 || ready > 0);
     atomic { inside-- }
#else
     atomic { inside-- }
     again = (stack > 0 || ready > 0);
#endif
#ifdef NO_LAST_LOOK
     again = false;
#endif
     if
     :: again ->
        /* come_back: one compare-exchange */
        atomic {
          if
          :: coming == 0 && inside < CONSUMERS -> inside++; again = true; just_arrived = true
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
  timeout -> assert(done == ALL && stack == 0 && ready == 0 && calls == 0 && inside == 0 && coming == 0)
}

init {
  byte i;
  atomic {
    for (i : 1 .. PRODUCERS) { run producer() }
    for (i : 1 .. CONSUMERS) { run consumer() }
  }
}
