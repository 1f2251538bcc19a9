/* Who ends a lease: detail/turn_scope.hpp with detail/pump.hpp and detail/outstanding.hpp.
 *
 * TURNS turns, each on its own thread, hold a job back for one pool, or not. The pool shuts: it takes
 * its leases back, on a thread of its own or, with -DOWN, on that of the first turn, in the middle of
 * it. Meanwhile the turns end. A worker runs what is pushed; it sleeps and looks at nothing that is
 * held back. The lock of the leases is a lock here, as what it guards takes several steps.
 *
 * Checked: nobody touches the pool after its count has reached zero, which it does once, nor a turn
 * after its end; each job is pushed and run once; wherever nothing can move any more the pool has gone
 * and all turns have ended.
 *
 * Broken variants, each of which the checker must refute:
 *   -DEND_BY_LOOK       a turn looks whether it has a lease, and ends it in another step
 *   -DREVOKE_BY_STORE   the pool takes a lease back without asking whether it has just been ended
 *   -DUNLINK_LATE       the pool takes a lease back first and then touches the turn
 *   -DSTAYS_LISTED      a turn that has ended its lease leaves the list as it is
 *   -DRELEASE_FIRST     a turn gives its share back before it has pushed what it held
 *   -DREVOKE_HOLDS      the pool takes leases back, but doesn't push what was held
 *   -DREVOKE_NO_SHARE   the pool takes leases back and keeps their shares
 */
#ifndef TURNS
#define TURNS 2
#endif

byte count = 1;           /* outstanding_count: the owner's share, turns and jobs */
bool gone = false;        /* the pool */
bool locked = false;      /* leases_lock_ */
bool listed[TURNS];
bool lease[TURNS];        /* turn_scope::holder_ */
bool over[TURNS];         /* the turn */
byte held[TURNS];         /* a slot each */
byte pushed = 0;
byte ran = 0;
byte submitted = 0;
byte ready = 0;           /* turns that have submitted all they will */
byte ended = 0;

#define POOL assert(!gone)
#define TURN(t) assert(!over[t])

inline lock() { atomic { POOL; !locked -> locked = true } }
inline unlock() { atomic { POOL; locked = false } }
inline release() { atomic { POOL; assert(count > 0); count-- } }
/* under the slot's lock */
inline push(t) { atomic { POOL; pushed = pushed + held[t]; held[t] = 0 } }

inline revoke_leases(i, revoked, mine) {
  revoked = 0;
  lock();
  i = 0;
  do
  :: i < TURNS && listed[i] ->
#ifndef UNLINK_LATE
     atomic { TURN(i); listed[i] = false }
#endif
#ifndef REVOKE_BY_STORE
     atomic { TURN(i); mine = lease[i]; lease[i] = false }
#else
     atomic { TURN(i); mine = true; lease[i] = false }
#endif
#ifdef UNLINK_LATE
     atomic { TURN(i); listed[i] = false }
#endif
     if
     :: mine -> revoked++
     :: else
     fi;
     i++
  :: i < TURNS && !listed[i] -> i++
  :: i == TURNS -> break
  od;
  unlock();
#ifndef REVOKE_HOLDS
  i = 0;
  do
  :: i < TURNS -> push(i); i++
  :: i == TURNS -> break
  od;
#endif
#ifndef REVOKE_NO_SHARE
  do
  :: revoked > 0 -> release(); revoked--
  :: revoked == 0 -> break
  od
#endif
}

inline close(i, revoked, mine) {
  revoke_leases(i, revoked, mine);
  release();
  (count == 0);
  gone = true
}

proctype turn(byte me) {
  byte i, revoked;
  bool mine;
  if
  :: /* pump::hold_back */
     atomic { POOL; count++; submitted++ }  /* the job */
     atomic { POOL; count++ }               /* the turn */
     lock();
     atomic { listed[me] = true; lease[me] = true }
     unlock();
     atomic { POOL; held[me]++ }
  :: skip
  fi;
  ready++;
#ifdef OWN
  if
  :: me == 0 -> (ready == TURNS); close(i, revoked, mine)
  :: else
  fi;
#endif
  /* ~turn_scope */
  if
  :: lease[me] ->
#ifndef END_BY_LOOK
     atomic { mine = lease[me]; lease[me] = false }
#else
     lease[me] = false;
     mine = true;
#endif
     if
     :: mine ->
        /* pump::end_of_turn */
        lock();
#ifndef STAYS_LISTED
        listed[me] = false;
#endif
        unlock();
#ifdef RELEASE_FIRST
        release();
        push(me)
#else
        push(me);
        release()
#endif
     :: else
     fi
  :: else
  fi;
  atomic { over[me] = true; ended++ }
}

proctype worker() {
end_asleep:
  do
  :: atomic { pushed > 0 -> POOL; pushed--; ran++; assert(ran <= submitted) }
     release()
  od
}

#ifndef OWN
active proctype closer() {
  byte i, revoked;
  bool mine;
  (ready == TURNS);
  close(i, revoked, mine)
}
#endif

active proctype at_rest() {
  timeout -> assert(gone && count == 0 && ended == TURNS && ran == submitted)
}

init {
  byte n;
  atomic {
    for (n : 0 .. TURNS - 1) { run turn(n) }
    run worker()
  }
}
