/* Threads that sleep until they are called: detail/crew.hpp.
 *
 * A caller makes CALLS calls; what a thread does when called may be one more call, EXTRA times in all,
 * as a worker calls the next one and a helper another. There are at most MOST threads. What happens
 * under the crew's lock is one atomic step, and so is what happens under a member's.
 *
 * Checked without -DSTOP: wherever nothing can move any more every call has brought a thread once, and
 * no call is counted ahead. With it, the crew is told to stop when the caller is done, whatever its
 * threads do: every thread has ended then, and nobody touches the crew after stop() has returned.
 *
 * Broken variants, each of which the checker must refute:
 *   -DAHEAD_UNCOUNTED   a call that finds all threads at work is forgotten
 *   -DLOOK_THEN_LIE     a thread looks whether it was called, and lies down in another step
 *   -DFRESH_SLEEP       a thread that begins to wait forgets what it was told before
 *   -DSTOP_UNSEEN       a thread that wants to sleep doesn't ask whether all are to end
 *   -DCALL_UNSTOPPED    a call doesn't ask whether all are to end
 *   -DSTOP_LATE         stop() tells each thread first, and those that come to sleep afterwards
 *   -DNO_JOIN           stop() doesn't wait for the threads
 */
#ifndef MOST
#define MOST 2
#endif
#ifndef CALLS
#define CALLS 3
#endif
#ifndef EXTRA
#define EXTRA 1
#endif
#define NOBODY 255

mtype = { uncalled, called, dismissed };

byte depth = 0;         /* of the stack of those asleep */
byte asleep[MOST];
byte started = 0;
byte ahead = 0;
bool stopping = false;
mtype told[MOST] = uncalled;
byte ended = 0;
bool gone = false;      /* stop() has returned */

byte extra = EXTRA;
byte made = 0;          /* calls */
byte works = 0;
bool all_called = false;

#define CREW assert(!gone)

inline call(one) {
  atomic {
    CREW;
    one = NOBODY;
    if
#ifndef CALL_UNSTOPPED
    :: stopping -> skip
    :: else ->
#else
    :: true ->
#endif
       made++;
       if
       :: depth > 0 -> depth--; one = asleep[depth]
       :: depth == 0 && started < MOST -> run member(started); started++
       :: else ->
#ifndef AHEAD_UNCOUNTED
          ahead++
#else
          skip
#endif
       fi
    fi
  }
  if
  :: one != NOBODY -> atomic { CREW; told[one] = called; one = NOBODY }
  :: else
  fi
}

proctype member(byte me) {
  byte one = NOBODY;
  bool lie;
  mtype heard;
work:
  atomic { works++; assert(works <= made) }
  if
  :: atomic { extra > 0 -> extra-- } call(one)
  :: skip
  fi;
#ifdef LOOK_THEN_LIE
  atomic { CREW; lie = (ahead == 0) }
#endif
  atomic {
    CREW;
    if
#ifndef STOP_UNSEEN
    :: stopping -> goto out
#endif
#ifdef LOOK_THEN_LIE
    :: !stopping && !lie -> ahead--; goto work
    :: !stopping && lie -> asleep[depth] = me; depth++
#else
#ifndef STOP_UNSEEN
    :: !stopping && ahead > 0 -> ahead--; goto work
    :: !stopping && ahead == 0 -> asleep[depth] = me; depth++
#else
    :: ahead > 0 -> ahead--; goto work
    :: ahead == 0 -> asleep[depth] = me; depth++
#endif
#endif
    fi
  }
#ifdef FRESH_SLEEP
  told[me] = uncalled;
#endif
end_asleep:
  atomic { told[me] != uncalled -> CREW; heard = told[me]; told[me] = uncalled }
  if
  :: heard == called -> goto work
  :: else
  fi;
out:
  ended++
}

active proctype caller() {
  byte n = 0;
  byte one;
  do
  :: n < CALLS -> n++; call(one)
  :: n == CALLS -> break
  od;
  all_called = true
}

#ifdef STOP
active proctype stopper() {
  byte i = 0;
  (all_called);
#ifndef STOP_LATE
  stopping = true;
#endif
  do
  :: i < started -> atomic { told[i] = dismissed; i++ }
  :: i >= started -> break
  od;
#ifdef STOP_LATE
  stopping = true;
#endif
#ifndef NO_JOIN
  (ended >= i);
#endif
  gone = true
}
#endif

active proctype at_rest() {
#ifdef STOP
  timeout -> assert(gone && ended == started)
#else
  timeout -> assert(all_called && works == made && ahead == 0 && depth == started)
#endif
}
