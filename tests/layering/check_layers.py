#!/usr/bin/env python3
"""Checks that the arrows between Millrace's headers only go down.

usage: check_layers.py INCLUDE_DIR

Each header has a rank, tens being the layer of docs/architecture.md; it may include only headers of
a lower rank. Headers of one rank stand side by side and don't know each other. Also checked: who
may name Asio and oneTBB, that L1 needs nothing but the standard library and the system, that the
pool's users don't compile oneTBB's loops, and that no header outgrows 400 lines.
"""
import pathlib
import re
import sys

RANKS = {
    # L1: std only
    "version.hpp": 10,
    "error.hpp": 10,
    "concepts.hpp": 10,
    "metrics.hpp": 10,
    "core_type.hpp": 10,
    "adaptive_policy.hpp": 10,
    "detail/config.hpp": 10,
    "detail/config_text.hpp": 10,
    "detail/cpu_mask.hpp": 10,
    "detail/current_pool.hpp": 10,
    "detail/deadline_timer.hpp": 11,
    "detail/event.hpp": 10,
    "detail/job_home.hpp": 10,
    "detail/expected_like.hpp": 10,
    "detail/fork_generation.hpp": 10,
    "detail/job.hpp": 10,
    "detail/job_streak.hpp": 10,
    "detail/block_cache.hpp": 10,
    "detail/consumers.hpp": 10,
    "detail/spin_lock.hpp": 10,
    "detail/owned.hpp": 10,
    "detail/thread_number.hpp": 10,
    "detail/suggestion.hpp": 10,
    "detail/time_text.hpp": 10,
    "detail/turn_scope.hpp": 10,
    "job_options.hpp": 10,
    "detail/result.hpp": 10,
    "detail/worker_frame.hpp": 10,
    "detail/loop_round.hpp": 10,
    "detail/size_table.hpp": 10,
    "detail/sort.hpp": 10,
    "stages.hpp": 11,
    "detail/timed_call.hpp": 11,
    "size_check.hpp": 12,
    "detail/call.hpp": 11,
    "detail/cpu_count.hpp": 11,
    "detail/finished_queue.hpp": 11,
    "detail/handoff_queue.hpp": 11,
    "detail/histogram.hpp": 11,
    "detail/metrics_print.hpp": 11,
    "detail/gate.hpp": 11,
    "detail/live_pools.hpp": 12,
    "detail/job_deadline.hpp": 12,
    "detail/giving_up.hpp": 11,
    "detail/outstanding.hpp": 11,
    "detail/trace_ring.hpp": 11,
    "detail/trace_log.hpp": 12,
    "detail/return_count.hpp": 13,
    "detail/held_jobs.hpp": 11,
    "detail/inbox.hpp": 13,
    "detail/topology.hpp": 12,
    "config.hpp": 13,
    "detail/placement.hpp": 14,
    # L2: one neighbour each
    "detail/native_thread.hpp": 10,
    "detail/look_out.hpp": 10,
    "detail/look_on.hpp": 11,
    "detail/delivering.hpp": 10,
    "detail/crew.hpp": 11,
    "detail/fork_place.hpp": 10,
    "detail/job_end.hpp": 21,
    "detail/arena.hpp": 20,
    "detail/helpers.hpp": 21,
    "detail/fork_join.hpp": 22,
    "detail/workers.hpp": 22,
    "detail/parallel.hpp": 20,
    "detail/counters.hpp": 20,
    "detail/pool_counters.hpp": 21,
    "detail/handler.hpp": 20,
    "detail/executors.hpp": 20,
    "detail/refusals.hpp": 20,
    "detail/inbox_service.hpp": 21,
    "detail/ways_home.hpp": 21,
    "detail/way_back.hpp": 22,
    "detail/all_ways_home.hpp": 23,
    "detail/trace_json.hpp": 22,
    "detail/pump.hpp": 23,
    "detail/range_source.hpp": 21,
    "detail/first_failure.hpp": 21,
    # L3: the operation, and what it needs of its pool
    "instrumentation.hpp": 30,
    "detail/pool_core.hpp": 24,
    "detail/pool_engine.hpp": 30,
    "detail/scope.hpp": 30,
    "detail/job_life.hpp": 23,
    "detail/operation.hpp": 31,
    "scope.hpp": 31,
    "detail/drain_op.hpp": 40,
    # L4: one file per operation
    "detail/execute_op.hpp": 40,
    "detail/initiation.hpp": 41,
    "detail/handle.hpp": 40,
    "detail/install_op.hpp": 40,
    "detail/join_op.hpp": 40,
    "detail/posted_op.hpp": 40,
    "detail/scoped_op.hpp": 40,
    "detail/sync_op.hpp": 40,
    "detail/patterns.hpp": 40,
    "detail/reduce_pattern.hpp": 40,
    "detail/inline_op.hpp": 40,
    # L5: what users call
    "executor.hpp": 50,
    "detail/stream_strand.hpp": 50,
    "detail/stream_ends.hpp": 50,
    "compute_pool.hpp": 51,
    "batched.hpp": 51,
    "detail/stream.hpp": 51,
    "current_pool.hpp": 52,
    "handle.hpp": 52,
    "patterns.hpp": 52,
    "stream.hpp": 52,
    "io_threads.hpp": 52,
    "job_size.hpp": 53,
    "detail/adaptive.hpp": 53,
    "adaptive.hpp": 54,
    # Optional: nothing else includes them
    "config_flags.hpp": 60,
    "config_toml.hpp": 60,
    "metrics_print.hpp": 60,
    "prometheus.hpp": 60,
    "trace.hpp": 60,
}
# parallel.hpp: oneTBB's loops. They take longer to compile than the rest of a pool, so who includes
# compute_pool.hpp must not get them with arena.hpp, or in any other way.
MAY_NAME_TBB = {"detail/arena.hpp", "detail/parallel.hpp"}
EXPENSIVE = "detail/parallel.hpp"
WITHOUT_EXPENSIVE = "compute_pool.hpp"
# Streams are coroutines over the pool's operations: Asio is what they are made of.
STREAM = {"detail/stream_strand.hpp", "detail/stream_ends.hpp", "detail/stream.hpp",
          "batched.hpp", "stream.hpp"}
# Jobs that run where they are started: their way back is Asio's own.
INLINE = {"detail/inline_op.hpp", "io_threads.hpp", "job_size.hpp",
          "detail/adaptive.hpp", "adaptive.hpp"}
MAY_NAME_ASIO = {"detail/executors.hpp", "detail/handler.hpp", "detail/inbox_service.hpp", "detail/way_back.hpp",
                 "detail/ways_home.hpp", "detail/all_ways_home.hpp",
                 "detail/refusals.hpp",  # what a coroutine's frame can't hold
                 "executor.hpp", "compute_pool.hpp", "current_pool.hpp", "handle.hpp"} | STREAM | INLINE
MAY_INCLUDE_TOML = {"config_toml.hpp"}  # only who wants it pays for it
MAY_NAME_PROMETHEUS = {"prometheus.hpp"}  # nor does anything else need prometheus-cpp
MOST_LINES = 400

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT_OR_TEXT = re.compile(r'//.*|"[^"]*"')


def check(name: str, text: str) -> list[str]:
    if name not in RANKS:
        return [f"{name}: has no rank; give it one in check_layers.py"]
    found = []
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        found.append(f"{name}: {len(lines)} lines, at most {MOST_LINES}")
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        include = INCLUDE.match(line)
        target = include.group(2) if include else ""
        if target.startswith("millrace/"):
            target = target.removeprefix("millrace/")
            if target not in RANKS:
                found.append(f"{where}: includes {target}, which has no rank")
            elif RANKS[target] >= RANKS[name]:
                found.append(f"{where}: an arrow up, {name} ({RANKS[name]}) includes {target} ({RANKS[target]})")
        elif target in ("asio.hpp", "oneapi/tbb.h", "tbb/tbb.h"):
            found.append(f"{where}: includes {target}; include what is used")
        elif target.startswith("toml++/") and name not in MAY_INCLUDE_TOML:
            found.append(f"{where}: includes toml++")
        elif include and RANKS[name] < 20 and ("/" in target and not target.startswith("sys/")):
            found.append(f"{where}: L1 is std only, but includes {target}")
        code = COMMENT_OR_TEXT.sub("", line)
        if re.search(r"\b(oneapi|tbb)\b", code) and name not in MAY_NAME_TBB:
            found.append(f"{where}: names oneTBB")
        if re.search(r"\bprometheus\b", code) and name not in MAY_NAME_PROMETHEUS:
            found.append(f"{where}: names prometheus-cpp")
        if re.search(r"\basio\b", code) and name not in MAY_NAME_ASIO:
            found.append(f"{where}: names Asio")
    return found


def reached_from(name: str, include: pathlib.Path, seen: set[str]) -> set[str]:
    """The headers of ours that `name` includes, and those that they include."""
    for line in (include / name).read_text(encoding="utf-8").splitlines():
        found = INCLUDE.match(line)
        target = found.group(2).removeprefix("millrace/") if found else ""
        if target in RANKS and target not in seen and (include / target).exists():
            seen.add(target)
            reached_from(target, include, seen)
    return seen


def main() -> int:
    include = pathlib.Path(sys.argv[1]) / "millrace"
    headers = sorted(p.relative_to(include).as_posix() for p in include.rglob("*.hpp"))
    found = [f"{name}: ranked, but there is no such header" for name in RANKS if name not in headers]
    for name in headers:
        found += check(name, (include / name).read_text(encoding="utf-8"))
    if EXPENSIVE in reached_from(WITHOUT_EXPENSIVE, include, set()):
        found.append(f"{WITHOUT_EXPENSIVE}: reaches {EXPENSIVE}, which is expensive to compile")
    print("\n".join(found) if found else f"{len(headers)} headers, every arrow goes down")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
