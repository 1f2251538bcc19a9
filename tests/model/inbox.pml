/* The protocol by which finished jobs find a turn of their loop: detail/consumers.hpp with
 * detail/finished_queue.hpp, as detail/inbox.hpp uses them.
 *
 * PRODUCERS publish JOBS jobs each; THREADS threads run the turns that were asked for, a call being a
 * post. Each atomic step of the code is one atomic step here; what a turn does under the queue's lock
 * is one step, too. Jobs are numbered in the order of the exchange of the tail; job n is linked when
 * its producer has written the link behind job n - 1, or the head for the first of an empty queue.
 *
 * Checked: no assertion fails (no job is completed twice, none out of order), and wherever nothing can
 * move any more every job has been completed and no turn is inside.
 *
 * -DRENDEZVOUS: a handler doesn't return before as many run as there are threads.
 * A turn may also end after any handler, as one that throws or stops its context makes it do.
 *
 * -DTURN=n: a turn completes n jobs at most.
 *
 * Broken variants, each of which the checker must refute:
 *   -DNO_MARK         a turn that misses a link goes away without leaving the mark
 *   -DMARK_UNSEEN     the producer that finds the mark makes nobody look
 *   -DNO_MORE         a turn that leaves others behind doesn't see to it that somebody comes
 *   -DHEAD_TOO_LATE   the last job is taken before the head is emptied
 */
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef THREADS
#define THREADS 2
#endif
#ifndef JOBS
#define JOBS 2
#endif
#ifndef TURN
#define TURN 2
#endif
#define ALL (PRODUCERS * JOBS)

byte tail = 0;          /* jobs that have been through the exchange */
byte first = 0;         /* the oldest that hasn't been taken; empty when first == tail */
bool head = false;      /* is the head written? */
bool link[ALL + 1];     /* link[n]: from job n - 1 to job n */
bool mark[ALL + 1];     /* mark[n]: in the place of link[n] */
byte inside = 0;        /* the two halves of consumers::word_, always changed in one step */
byte coming = 0;
byte calls = 0;         /* posts on their way */
byte done = 0;
byte blocked = 0;

inline want_another() {
  atomic {
    if
    :: coming == 0 -> inside++; coming++; calls++
    :: else
    fi
  }
}

proctype producer() {
  byte n = 0;
  byte mine;
  bool was_empty, due;
  do
  :: n < JOBS ->
     n++;
     atomic { was_empty = (first == tail); mine = tail; tail++ }
     due = false;
     if
     :: was_empty ->
        atomic { assert(!head); head = true }
        due = true
     :: else ->
        if
        :: atomic { !mark[mine] -> link[mine] = true }
        :: else ->
           link[mine] = true;  /* a step of its own: the mark is seen first */
#ifndef MARK_UNSEEN
           due = true
#endif
        fi
     fi;
     if
     :: due -> want_another()
     :: else
     fi
  :: n == JOBS -> break
  od
}

proctype thread() {
  byte completed, taken;
  bool more, got;
end_waiting:
  do
  :: atomic { calls > 0 -> calls-- }
     atomic { coming--; completed = 0 }
look:
     if
     :: completed == TURN -> goto leave
     :: else
     fi;
     atomic {
       got = false;
       more = false;
       if
       :: head && link[first + 1] -> got = true; more = true; taken = first; first++
       :: head && !link[first + 1] && first + 1 == tail ->
          got = true; taken = first; first++;
#ifndef HEAD_TOO_LATE
          head = false
#endif
       :: head && !link[first + 1] && first + 1 < tail ->
#ifndef NO_MARK
          mark[first + 1] = true
#else
          skip
#endif
       :: else
       fi
     }
#ifdef HEAD_TOO_LATE
     if
     :: got && !more -> head = false
     :: else
     fi;
#endif
     if
     :: got ->
#ifndef NO_MORE
        if
        :: more -> want_another()
        :: else
        fi;
#endif
#ifdef RENDEZVOUS
        blocked++;
        (blocked >= THREADS);
#endif
        atomic { done++; assert(done <= ALL); assert(taken < ALL) }
        completed++;
        if
        :: goto look
        :: goto leave
        fi
     :: else
     fi;
leave:
     if
     :: atomic { coming == 0 -> coming++; calls++ }  /* it looks on in another turn */
     :: atomic { inside-- }
     fi
  od
}

/* Nothing moves any more: everything has been completed. */
active proctype at_rest() {
  timeout -> assert(done == ALL && first == tail && !head && calls == 0 && inside == 0 && coming == 0)
}

init {
  byte i;
  atomic {
    for (i : 1 .. PRODUCERS) { run producer() }
    for (i : 1 .. THREADS) { run thread() }
  }
}
