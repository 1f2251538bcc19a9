/* Jobs that are taken out together and given up: detail/giving_up.hpp and detail/job_life.hpp with
 * pool_core's shutdown and destructor, and the handles of detail/handle.hpp.
 *
 * JOBS jobs with handles wait in their queue. A shutdown takes out what is there and gives it up; the
 * destructor of each callable may do two things: cancel a job by its handle, and be the last owner of the
 * pool, which is destroyed then, inside the shutdown. Some jobs keep their share of the pool until they
 * have been handed over, as those whose waiter comes back through the pool. Meanwhile a canceller asks
 * for the first job by its handle and a worker runs jobs. What happens under the queue's lock is one
 * atomic step.
 *
 * Checked: each job is run or given up, once; nobody touches the pool after it was destroyed; wherever
 * nothing can move any more every job has ended and the shutdown has returned, with the pool destroyed if
 * anybody did so.
 *
 * Broken variants, each of which the checker must refute:
 *   -DUNMARKED         jobs that a shutdown takes out aren't marked as taken
 *   -DONE_BY_ONE       each job is released and destroyed before the next one is released
 *   -DSHARES_LEFT      a pool that goes doesn't take back what was kept on this thread
 *   -DSHARES_TWICE     a job gives its share back though the pool has taken it
 *   -DLOOK_UNCOUNTED   who cancels by a handle doesn't hold the pool while it looks into it
 *   -DRELEASE_UNSEEN   a handle isn't told that its job has been released, only that it has ended
 *   -DSTAY_UNJOINED    the pool waits for its jobs and not for its worker
 */
#ifndef JOBS
#define JOBS 2
#endif

byte count = 1 + JOBS;     /* shares and jobs */
bool gone = false;         /* the pool */
bool stopping = false;
bool worker_ended = false;
bool queued[JOBS] = true;
bool taken[JOBS];
bool left[JOBS];           /* released, as its handle sees it; under the job's lock */
bool ended[JOBS];          /* the same: all is over */
byte outcomes[JOBS];       /* how often it was run or given up */

/* giving_up of the thread that shuts down */
byte shares = 0;
bool pool_gone = false;
bool shut = false;
bool closing = false;

#define POOL assert(!gone)

inline release_count() { atomic { POOL; assert(count > 0); count-- } }

/* job::step::release, but for the share. */
inline leave(j) {
#ifndef RELEASE_UNSEEN
  atomic { left[j] = true }
#else
  skip
#endif
}

/* spawned_job::cancel, up to what is removed */
inline look(j, removed, late) {
  removed = false;
  atomic {
    late = ended[j] || left[j];
    if
    :: !late ->
       POOL;
#ifndef LOOK_UNCOUNTED
       count++
#endif
    :: else
    fi
  }
  if
  :: !late ->
     /* find_and_remove tries until it is one or the other */
     atomic {
       (queued[j] || taken[j]);
       POOL;
       if
       :: queued[j] -> queued[j] = false; taken[j] = true; removed = true
       :: else
       fi
     }
#ifndef LOOK_UNCOUNTED
     release_count()
#endif
  :: else
  fi
}

/* ~ComputePool. On a thread that is giving up jobs of it. */
inline close() {
#ifndef SHARES_LEFT
  atomic { pool_gone = true; POOL; assert(count >= shares); count = count - shares; shares = 0 }
#endif
  release_count();
  (count == 0);
  stopping = true;
#ifndef STAY_UNJOINED
  (worker_ended);
#endif
  gone = true
}

/* A callable of the batch goes. */
inline destroy() {
  if
  :: !closing -> closing = true; close()
  :: skip
  fi;
  if
  :: j = 0
  :: j = JOBS - 1
  :: goto destroyed
  fi;
  look(j, removed, late);
  /* Nothing but the batch is left to the shutdown, and all of that is taken. */
  assert(!removed);
destroyed:
  skip
}

active proctype shutdown() {
  byte i = 0;
  byte j;
  bool removed, late;
  bool batch[JOBS];
  bool kept[JOBS];
  byte pass;
  atomic {
    do
    :: i < JOBS ->
       batch[i] = queued[i];
       queued[i] = false;
#ifndef UNMARKED
       taken[i] = taken[i] || batch[i];
#endif
       if
       :: batch[i] -> kept[i] = true
       :: skip
       fi;
       i++
    :: i == JOBS -> break
    od;
    i = 0
  }
#ifndef ONE_BY_ONE
  do
  :: i < JOBS ->
     if
     :: batch[i] ->
        leave(i);
        if
        :: kept[i] -> shares++
        :: else -> release_count()
        fi
     :: else
     fi;
     i++
  :: i == JOBS -> break
  od;
  i = 0;
#endif
  /* first those without a share */
  pass = 0;
  do
  :: i < JOBS ->
     if
     :: batch[i] && kept[i] == pass ->
#ifdef ONE_BY_ONE
        leave(i);
        if
        :: kept[i] -> shares++
        :: else -> release_count()
        fi;
#endif
        destroy();
        atomic { outcomes[i]++; ended[i] = true }
        if
        :: kept[i] ->
           if
#ifndef SHARES_TWICE
           :: pool_gone -> skip
           :: else -> shares--; release_count()
#else
           :: true -> release_count()
#endif
           fi
        :: else
        fi
     :: else
     fi;
     i++
  :: i == JOBS && pass == 0 -> pass = 1; i = 0
  :: i == JOBS && pass == 1 -> break
  od;
  shut = true
}

/* Any thread that has the first job's handle. It gives up what it removes, and that has a share until
 * then. */
active proctype canceller() {
  bool removed, late;
  if
  :: look(0, removed, late);
     if
     :: removed ->
        leave(0);
        release_count();
        atomic { outcomes[0]++; ended[0] = true }
     :: else
     fi
  :: skip
  fi
}

#define WAITS(j) (queued[j] && !stopping)
#define TAKE POOL; queued[mine] = false; taken[mine] = true

inline ran(j) {
  atomic { outcomes[j]++; ended[j] = true }
  release_count();
  POOL  /* it looks for more */
}

active proctype worker() {
  byte mine;
end_asleep:
  do
  :: atomic { stopping -> break }
  :: atomic { WAITS(0) -> mine = 0; TAKE } ran(mine)
#if JOBS > 1
  :: atomic { WAITS(1) -> mine = 1; TAKE } ran(mine)
#endif
#if JOBS > 2
  :: atomic { WAITS(2) -> mine = 2; TAKE } ran(mine)
#endif
  od;
  worker_ended = true
}

active proctype at_rest() {
  byte i;
  timeout ->
    atomic {
      assert(shut && (closing == gone));
      for (i : 0 .. JOBS - 1) { assert(outcomes[i] == 1 && ended[i] && !queued[i]) }
      assert(count == (gone -> 0 : 1) && shares == 0)
    }
}
