"""The targets of the design, section 7, that concern the pool; those of the CSV handler are in
csv_rivals.py, those of the other Lambda handlers in lambda_page.py."""

from dataclasses import dataclass

from results import spread
from rounds import LOADS, LOAD_KINDS, MOST_IN_FLIGHT

ADAPTIVE = [f"adaptive_{work}" for work in ("short", "long", "mixed", "drifting")]
POOLS = ["thread_pool-co_spawn", "thread_pool-post"]


MISSING = "nothing: not measured"
NO_BASELINE = "nothing: no earlier version measured, see --baseline"
LOAD_METRICS = ["p50", "p99", "p99.9", "CPU beyond the job's"]


@dataclass(frozen=True)
class Verdict:
    what: str
    have: str  # "1.23x", or why there is no number
    want: str
    ok: bool

    def line(self):
        if self.ok:
            return f"ok     {self.what}: {self.have} (want {self.want})"
        return f"short: {self.what}: have {self.have}, want {self.want}"


def verdicts(results):
    """One for each target, in the design's order."""
    no_rust = f"nothing: not available ({results.about.get('rust')})"

    def at_least(what, ratio, want, why=MISSING):
        return compare(what, ratio, want, ">=", lambda have: have >= want, why)

    def at_most(what, ratio, want, why=MISSING):
        return compare(what, ratio, want, "<=", lambda have: have <= want, why)

    def compare(what, ratio, want, sign, good, why):
        if ratio is None:
            return Verdict(what, why, f"{sign} {want:g}x", False)
        have = f"{ratio.median:.3g}x [{ratio.q1:.3g} - {ratio.q3:.3g}]"
        return Verdict(what, have, f"{sign} {want:g}x", good(ratio.median))

    rust_why = MISSING if results.about.get("rust") == "available" else no_rust
    for n in (64, 1024):
        for rival, name, why in (("tokio_rayon", "Tokio+Rayon", rust_why),
                                 (POOLS, "the better way on asio::thread_pool", MISSING),
                                 ("naive", "naive enqueue+post", MISSING)):
            yield at_least(f"throughput, {n} in flight, against {name}",
                           results.ratio("throughput", 1, n, "time per job", rival, "millrace"),
                           4, why)
    yield at_most("latency p50, one at a time, against the best of these",
                  results.ratio("latency", 1, 1, "p50", "millrace",
                                ["tokio_rayon", *POOLS, "naive"]), 0.1, rust_why)
    for workers in (1, 2, 3):
        for metric in ("start p50", "start p99", "CPU per job"):
            yield at_most(f"isolated job, {workers} worker(s), {metric}, against asio::thread_pool "
                          "with post",
                          results.ratio("isolated", workers, 1, metric, "millrace",
                                        "thread_pool-post"), 1.15)
    no_baseline = MISSING if has_baseline(results) else NO_BASELINE
    for workers in (1, 2, 3):
        for way, name in (("-install", "install"), ("", "execute")):
            yield at_most(f"isolated job with a parallel_for in {name}, {workers} worker(s), CPU per "
                          "job, against the earlier version",
                          results.ratio("isolated_nested", workers, 1, "CPU per job",
                                        f"millrace{way}", f"baseline{way}"), 0.75, no_baseline)
    for problem, workers, what in load_problems():
        for metric in LOAD_METRICS:
            yield at_most(f"{what}, {metric}, against the best of all rivals",
                          results.ratio(problem, workers, 0, metric, "millrace",
                                        [*POOLS, "naive", "tokio_rayon", "tokio-spawn_blocking"]),
                          1.1, rust_why)
    for problem, workers, what in (("foreign", 1, "a foreign parallel_for"),
                                   ("foreign", 2, "a foreign parallel_for"),
                                   ("beside_a_region", 2, "a region of the same pool")):
        for metric in ("start p50", "start p99"):
            yield at_most(f"{metric} beside {what}, {workers} worker(s), against asio::thread_pool "
                          "with post",
                          results.ratio(problem, workers, 1, metric, "millrace",
                                        "thread_pool-post"), 1.2)
    for workers in (1, 2):
        yield at_most(f"timer lateness p99, {workers} busy worker(s), against the idle loop",
                      results.ratio("timer", workers, 0, "late p99", "millrace", "idle_loop"), 2)
    for problem in ("parallel_for", "parallel_reduce"):
        for workers in (1, 2):
            for n in (1, MOST_IN_FLIGHT):
                what = f"install with {problem}, {workers} worker(s), {n} in flight, speed of"
                yield at_least(f"{what} raw oneTBB's",
                               results.ratio(problem, workers, n, "time", "onetbb", "millrace"),
                               0.98)
                yield at_least(f"{what} the earlier version's",
                               results.ratio(problem, workers, n, "time", "baseline", "millrace"),
                               1, no_baseline)
    for problem in ("parallel_map", "map_reduce", "parallel_sort"):
        for workers in (1, 2):
            yield at_least(f"{problem} of a million, {workers} worker(s), speed of oneTBB by hand",
                           results.ratio(problem, workers, 1, "time", "onetbb", "millrace"), 0.95)
    for problem in ADAPTIVE:
        for workers in (1, 2):
            what = f"{problem.replace('_', ' ')} work, {workers} worker(s)"
            yield at_least(f"{what}, speed of the better of always inline and always offload",
                           results.ratio(problem, workers, 8, "time per job",
                                         ["always_inline", "always_offload"], "adaptive"), 0.9)
            yield at_most(f"{what}, timer lateness p99 against always offload",
                          results.ratio(problem, workers, 8, "late p99", "adaptive",
                                        "always_offload"), 2)
    for place in ("here", "pool"):
        got = results.spread("adaptive_decision", place, 1, 1, "time")
        yield Verdict(f"adaptive decision for the {'I/O thread' if place == 'here' else place}",
                      MISSING if got is None else f"{got.median:.3g} ns", "< 100 ns",
                      got is not None and got.median < 100)
    for rival, name, most in (("millrace-deferred", "deferred", 0),
                              ("millrace", "use_awaitable", 1)):
        for n in (1, 64):
            got = results.spread("allocations", rival, 1, n, "allocations")
            yield Verdict(f"allocations per job, {name}, {n} in flight",
                          MISSING if got is None else f"{got.median:.4g}",
                          f"<= {most}" if most else "0",
                          got is not None and got.median <= most)
    got = results.spread("idle", "millrace", 2, 0, "CPU")
    yield Verdict("CPU of an idle pool", MISSING if got is None else f"{got.median:.3g} % of a core",
                  "< 0.03 %", got is not None and got.median < 0.03)
    for n in (64, 1024):
        yield at_most(f"default metrics, {n} in flight, against NoMetrics",
                      results.ratio("metrics", 1, n, "time per job", "millrace",
                                    "millrace-no_metrics"), 1.1)
    yield at_most("compile time of compute_pool.hpp, against the headers of Asio and oneTBB in it",
                  compile_ratio(results, "includes millrace", "includes what it includes"), 1.2)
    yield at_most("compile time of a file with one co_await pool.execute, against the same by hand",
                  compile_ratio(results, "uses millrace", "by hand"), 1.4)


def load_problems():
    """(problem, workers, what to call it) of each point."""
    for kind, _, numbers in LOAD_KINDS:
        for workers in numbers:
            for load in LOADS:
                yield (f"load_{kind}_at_{load}", workers,
                       f"load of {load} % with jobs of {kind[:-2]} us, {workers} worker(s)")


def has_baseline(results):
    return results.about.get("baseline", "none") != "none"


def compile_ratio(results, above, below):
    times = results.about.get("compile_seconds")
    if not times:
        return None
    return spread([a / b for a, b in zip(times[above], times[below])])


def report(results, partly):
    """Prints all, or if measured only in part what there is; the number that fall short."""
    short = 0
    for verdict in verdicts(results):
        if partly and verdict.have in (MISSING, NO_BASELINE):
            continue
        print(verdict.line())
        short += not verdict.ok
    disturbed, steps = results.disturbed()
    if disturbed:
        print(f"note:  {disturbed} of {steps} measurements that count were disturbed, by other "
              "processes or by cores that moved")
    return short
