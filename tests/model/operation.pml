/* Who ends an operation: detail/operation.hpp with the lock of detail/handoff_queue.hpp (or gate.hpp),
 * leaving_state, detail/job_life.hpp with detail/giving_up.hpp, and pool_core's shutdown and destructor.
 * What is given up in one batch, and what the destructors of callables may do then, is in batch.pml.
 *
 * One operation. A submitter hands its job to the pool; a worker takes it, runs it and completes it;
 * a canceller on the handler's executor, a timer's thread and a shutdown may each remove it first.
 * After the shutdown the pool waits for its jobs, ends its workers and is destroyed. Who gives the
 * operation up releases it, which ends what it has of the pool, and sends it home then; one that comes
 * home through the pool keeps its share until it is on its way. What happens under the queue's lock is
 * one atomic step.
 *
 * Checked, wherever nothing can move any more: the operation was completed exactly once; it ran if and
 * only if no one removed it and it wasn't refused; nobody touched the pool after it was destroyed, nor
 * the operation after its handler was called (that is when its memory is given back); the pool's
 * destructor returned. The handler runs on the same executor as the canceller, so never at the same
 * time.
 *
 * Broken variants, each of which the checker must refute:
 *   -DTAKE_WITHOUT_LOCK     a worker takes the job without asking whether it was removed
 *   -DREMOVE_WITHOUT_LOCK   a canceller removes the job without asking whether it was taken
 *   -DNO_LEAVING            whoever ends the operation doesn't wait for a canceller in the pool
 *   -DENTER_LATE            the canceller looks whether the operation has left, and announces itself
 *                           afterwards
 *   -DSTAYS_INSIDE          the canceller announces itself even if the operation is about to leave
 *   -DNO_SLOT_CLEARED       the slot isn't cleared before the handler is called
 *   -DFORGET_COUNT          the destructor doesn't wait for the job
 *   -DFORGET_WORKERS        it waits for the job, but not for the workers to end
 *   -DRELEASE_EARLY         who gives the operation up lets the pool go before the operation has left
 *   -DSHARE_FORGOTTEN       one that comes home through the pool doesn't keep its share
 *   -DCLOSE_UNSEEN          shutdown takes what is queued, but doesn't close the pool, and its workers
 *                           run nothing afterwards
 */
bool closed = false;      /* no more submissions */
bool queued = false;
bool taken_out = false;   /* removed from the queue, or refused: it never runs */
byte ran = 0;
byte completions = 0;     /* on their way to the handler */
byte handled = 0;         /* handler called, memory given back */
bool slot = true;         /* the canceller can be called */
bool inside = false;      /* leaving_state */
bool left = false;
byte count = 0;           /* the pool's jobs */
bool through_pool = false; /* the handler's executor is the pool's */
bool stopping = false;
byte workers = 2;
bool destroyed = false;   /* the pool */
bool executor = false;    /* somebody runs on the handler's executor */
bool submitted = false;
bool asleep = false;     /* workers that sleep for good: only in a broken variant */

#define POOL assert(!destroyed)
#define OPERATION assert(handled == 0)

inline leave() {
  OPERATION;
  atomic { left = true }
#ifndef NO_LEAVING
  (!inside);
#endif
}

inline deliver() { OPERATION; completions++ }
inline ended() { atomic { POOL; count-- } }

/* job::step::release, then settle. */
inline give_up() {
  taken_out = true;
#ifdef RELEASE_EARLY
  ended();
  leave();
  deliver()
#else
  leave();
  if
  :: through_pool ->
#ifdef SHARE_FORGOTTEN
     ended();
     atomic { POOL; deliver() }
#else
     atomic { POOL; deliver() }
     ended()
#endif
  :: else ->
     ended();
     deliver()
  fi
#endif
}

proctype submitter() {
  bool refused = false;
  atomic { POOL; count++ }
  if
  :: closed -> refused = true
  :: else -> skip
  fi;
  if
  :: refused -> give_up()
  :: else -> atomic { POOL; queued = true }
  fi;
  submitted = true
}

proctype worker() {
  bool mine = false;
end_waiting:
  do
  :: atomic {
#ifdef CLOSE_UNSEEN
       queued && !asleep ->
#else
       queued ->
#endif
       POOL;
#ifndef TAKE_WITHOUT_LOCK
       queued = false;
#endif
       mine = true
     }
     OPERATION;
     ran++;
#ifdef TAKE_WITHOUT_LOCK
     queued = false;
#endif
     leave();
     deliver();
     ended();
     POOL;  /* it looks for more, leaves and goes to sleep */
     mine = false
  :: atomic { stopping -> workers--; break }
  od
}

/* A signal's emit(), on the handler's executor, after the initiating function. */
proctype canceller() {
  bool removed = false;
  bool late = false;
  if
  :: goto out  /* not every operation is cancelled */
  :: skip
  fi;
  atomic { submitted && !executor -> executor = true }
  if
  :: slot ->
     OPERATION;
#ifdef ENTER_LATE
     late = left;
     inside = true;
#else
     atomic {
       late = left;
#ifndef STAYS_INSIDE
       if
       :: !late -> inside = true
       :: else
       fi
#else
       inside = true
#endif
     }
#endif
     if
     :: late -> skip
     :: else ->
        /* core.remove: two steps, in between others move; each touches the pool */
        POOL;
        atomic {
          POOL;
#ifndef REMOVE_WITHOUT_LOCK
          if
          :: queued -> queued = false; removed = true
          :: else
          fi
#else
          removed = true; queued = false
#endif
        }
        inside = false;
        if
        :: removed -> give_up()
        :: else
        fi
     fi
  :: else
  fi;
  executor = false;
out: skip
}

/* The deadline. Its entry is taken out of the timer before the operation leaves, and waited for, which
 * is modelled as one step with the removal. */
proctype timer() {
  bool removed = false;
  if
  :: goto out
  :: skip
  fi;
  atomic {
    if
    :: queued -> queued = false; removed = true
    :: else
    fi
  }
  if
  :: removed -> give_up()
  :: else
  fi;
out: skip
}

/* shutdown(), then the destructor. The submitter is done with the pool by then: that is its user's part. */
proctype closer() {
  bool removed = false;
#ifndef CLOSE_UNSEEN
  closed = true;
#else
  asleep = true;
#endif
  atomic {
    if
    :: queued -> queued = false; removed = true
    :: else
    fi
  }
  if
  :: removed -> give_up()
  :: else
  fi;
  (submitted);
#ifndef FORGET_COUNT
  (count == 0);
#endif
  stopping = true;
#ifndef FORGET_WORKERS
  (workers == 0);
#endif
  destroyed = true
}

/* The handler's context. */
proctype loop() {
end_waiting:
  do
  :: atomic { completions > 0 && !executor -> executor = true; completions-- }
     OPERATION;
#ifndef NO_SLOT_CLEARED
     slot = false;
#endif
     handled++;
     executor = false
  od
}

active proctype at_rest() {
  timeout ->
    assert(handled == 1 && completions == 0 && destroyed && count == 0);
    assert((ran == 1 && !taken_out) || (ran == 0 && taken_out))
}

init {
  if
  :: through_pool = true
  :: skip
  fi;
  atomic {
    run submitter(); run worker(); run worker(); run canceller(); run timer(); run closer(); run loop()
  }
}
