#!/usr/bin/env python3
"""Model-checks a protocol with SPIN, and shows that SPIN refutes broken variants of it.

usage: check_model.py MODEL WORK_DIR, MODEL being one of those named below
"""
import pathlib
import re
import shutil
import subprocess
import sys

# name, definitions, does it hold?
VARIANTS = {
"handoff": [
    ("2 producers, 2 consumers", ["JOBS=2"], True),
    ("3 producers, 2 consumers", ["PRODUCERS=3", "JOBS=1"], True),
    ("jobs that wait for each other, 2 consumers", ["PRODUCERS=2", "JOBS=1", "RENDEZVOUS"], True),
    ("jobs that wait for each other, 3 consumers",
     ["PRODUCERS=1", "JOBS=3", "CONSUMERS=3", "RENDEZVOUS"], True),
    ("jobs held back, 2 consumers", ["JOBS=2", "HOLD"], True),
    ("jobs held back, 1 consumer", ["JOBS=3", "CONSUMERS=1", "HOLD"], True),
    ("jobs for which there may be no thread, 2 consumers", ["JOBS=2", "NO_THREAD"], True),
    ("jobs held back for which there may be no thread, 1 consumer",
     ["JOBS=2", "CONSUMERS=1", "HOLD", "NO_THREAD"], True),
    ("broken: no second look after holding back", ["HOLD", "CONSUMERS=1", "NO_SECOND_LOOK"], False),
    ("broken: what is held back is forgotten", ["HOLD", "CONSUMERS=1", "FORGET_HELD"], False),
    ("broken: no last look after leaving", ["NO_LAST_LOOK"], False),
    ("broken: last look before leaving", ["LEAVE_AFTER_LOOK"], False),
    ("broken: who has just arrived asks the ready list only",
     ["PRODUCERS=1", "JOBS=3", "CONSUMERS=3", "RENDEZVOUS", "ASK_READY_ONLY"], False),
    ("broken: what no thread will run isn't given up", ["NO_THREAD", "NOT_STARVED"], False),
],
"inbox": [
    ("1 thread", ["THREADS=1"], True),
    ("2 threads", [], True),
    ("3 workers, 2 threads", ["PRODUCERS=3", "JOBS=1"], True),
    ("3 workers, 1 thread, turns of one job", ["PRODUCERS=3", "JOBS=2", "THREADS=1", "TURN=1"], True),
    ("handlers that wait for each other, 3 threads",
     ["PRODUCERS=1", "JOBS=3", "THREADS=3", "RENDEZVOUS"], True),
    ("handlers of 3 workers that wait for each other, 3 threads",
     ["PRODUCERS=3", "JOBS=1", "THREADS=3", "RENDEZVOUS"], True),
    ("broken: no mark in the place of a link", ["NO_MARK"], False),
    ("broken: the mark is seen, but nobody called", ["MARK_UNSEEN"], False),
    ("broken: nobody called for the rest", ["NO_MORE"], False),
    ("broken: the head is emptied after the last job was taken", ["HEAD_TOO_LATE"], False),
],
"operation": [
    ("cancel, deadline, start, finish, shutdown, each against the others", [], True),
    ("broken: a worker takes a job without the lock", ["TAKE_WITHOUT_LOCK"], False),
    ("broken: a canceller removes a job without the lock", ["REMOVE_WITHOUT_LOCK"], False),
    ("broken: nobody waits for a canceller in the pool", ["NO_LEAVING"], False),
    ("broken: a canceller announces itself too late", ["ENTER_LATE"], False),
    ("broken: a canceller that comes too late stays inside", ["STAYS_INSIDE"], False),
    ("broken: the slot isn't cleared", ["NO_SLOT_CLEARED"], False),
    ("broken: the destructor doesn't wait for the job", ["FORGET_COUNT"], False),
    ("broken: a submission doesn't see the shutdown", ["CLOSE_UNSEEN"], False),
    ("broken: the destructor doesn't wait for the workers", ["FORGET_WORKERS"], False),
    ("broken: who gives up lets the pool go before the operation has left", ["RELEASE_EARLY"], False),
    ("broken: who comes home through the pool keeps no share", ["SHARE_FORGOTTEN"], False),
],
"batch": [
    ("2 jobs given up together, destructors that cancel and destroy", [], True),
    ("3 jobs", ["JOBS=3"], True),
    ("broken: who is taken out isn't marked", ["UNMARKED"], False),
    ("broken: each is destroyed before the next has left the pool", ["ONE_BY_ONE"], False),
    ("broken: a pool that goes leaves the shares of its own thread", ["SHARES_LEFT"], False),
    ("broken: a share is given back twice", ["SHARES_TWICE"], False),
    ("broken: a canceller looks into a pool that it doesn't hold", ["LOOK_UNCOUNTED"], False),
    ("broken: a canceller doesn't see that the job has left", ["RELEASE_UNSEEN"], False),
    ("broken: the destructor doesn't wait for the worker", ["STAY_UNJOINED"], False),
],
"crew": [
    ("2 threads, 4 calls", [], True),
    ("3 threads, 5 calls", ["MOST=3", "EXTRA=2"], True),
    ("2 threads that are told to stop", ["STOP"], True),
    ("broken: a call that finds all at work is forgotten", ["AHEAD_UNCOUNTED"], False),
    ("broken: a thread looks first and lies down then", ["LOOK_THEN_LIE"], False),
    ("broken: a thread that lies down forgets what it was told", ["FRESH_SLEEP"], False),
    ("broken: a thread lies down when all are to end", ["STOP", "STOP_UNSEEN"], False),
    ("broken: a call begins when all are to end", ["STOP", "CALL_UNSTOPPED"], False),
    ("broken: threads are told before new ones are stopped", ["STOP", "STOP_LATE"], False),
    ("broken: nobody waits for the threads", ["STOP", "NO_JOIN"], False),
],
"helpers": [
    ("2 workers, 1 helper", [], True),
    ("3 workers, 2 helpers", ["WORKERS=3", "ROUNDS=1", "REGIONS=1"], True),
    ("a helper without memory", ["NO_MEMORY"], True),
    ("a worker without a thread", ["NO_THREAD"], True),
    ("broken: a worker that leaves calls nobody", ["LEAVE_UNTOLD"], False),
    ("broken: a worker calls before it leaves", ["LEAVE_EARLY"], False),
    ("broken: a worker that comes calls nobody back", ["COME_UNTOLD"], False),
    ("broken: a worker calls back before it comes", ["COME_EARLY"], False),
    ("broken: a helper doesn't call the next",
     ["WORKERS=3", "ROUNDS=1", "REGIONS=1", "NO_CHAIN"], False),
    ("broken: a helper that was called back goes for good", ["LEAVE_FOR_GOOD"], False),
    ("broken: who was called isn't counted",
     ["WORKERS=3", "ROUNDS=1", "REGIONS=1", "CALLED_UNCOUNTED"], False),
    ("broken: a region that ends calls nobody back", ["END_UNTOLD"], False),
    ("broken: a region that ends takes places away twice", ["PLACES_TWICE"], False),
    ("broken: a region asks before it can be seen", ["BEGIN_LATE"], False),
    ("broken: nobody hears of a worker without a thread", ["NO_THREAD", "NEVER_CAME_UNTOLD"], False),
],
"lease": [
    ("2 turns, taken back from another thread", [], True),
    ("2 turns, taken back in one of them", ["OWN"], True),
    ("broken: a turn looks first and ends its lease then", ["END_BY_LOOK"], False),
    ("broken: a lease is taken back that was ended", ["REVOKE_BY_STORE"], False),
    ("broken: a turn is touched when its lease has been taken back", ["UNLINK_LATE"], False),
    ("broken: a turn that ends stays in the list", ["STAYS_LISTED"], False),
    ("broken: a turn gives its share back too early", ["RELEASE_FIRST"], False),
    ("broken: what a turn held stays when its lease is taken back", ["REVOKE_HOLDS"], False),
    ("broken: who takes a lease back keeps its share", ["REVOKE_NO_SHARE"], False),
],
}


def check(model: pathlib.Path, work: pathlib.Path, definitions: list[str],
          optimise: str) -> tuple[int, str]:
    """Errors found, states stored."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    shutil.copy(model, work)
    flags = [f"-D{definition}" for definition in definitions]
    run = lambda *command: subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
    run("spin", *flags, "-a", model.name)
    run("cc", optimise, "-DSAFETY", "-DVECTORSZ=2048", "-o", "pan", "pan.c")
    report = run("./pan", "-m1000000", "-w24").stdout
    if "Search not completed" in report and "errors: 0" in report or "truncated" in report:
        raise RuntimeError(f"the search did not cover everything:\n{report}")
    errors = re.search(r"errors: (\d+)", report)
    states = re.search(r"(\S+) states, stored", report)
    if not errors or not states:
        raise RuntimeError(f"what SPIN printed isn't understood:\n{report}")
    return int(errors.group(1)), states.group(1)


def main() -> int:
    model, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    wrong = 0
    for name, definitions, holds in VARIANTS[model.stem]:
        # A broken variant is refuted before long: there the compiler is what takes time.
        optimise = "-O2" if holds else "-O0"
        errors, states = check(model, work / model.stem, definitions, optimise)
        as_expected = (errors == 0) == holds
        wrong += not as_expected
        outcome = "holds" if errors == 0 else "refuted"
        print(f"{'ok   ' if as_expected else 'WRONG'} {name}: {outcome} ({states} states)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
