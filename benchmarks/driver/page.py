"""docs/benchmarks.md, all of it, from the results."""

from names import CALLBACKS, COMPARED, HEADLINE, LOAD, RUST, label, number
from results import is_all
from rounds import LOAD_KINDS, LOADS, MOST_IN_FLIGHT
from targets import LOAD_METRICS, compile_ratio, verdicts

INTRO = """\
# Benchmarks

What a hop costs, against the other ways to run a job off an async thread and come back. This page
and its pictures are written by `tools/bench`, which builds everything, measures in rounds, and takes
about {minutes:.0f} minutes; change `benchmarks/driver/page.py` rather than this file.

```sh
tools/bench           # measures all, writes this page
tools/bench --quick   # within two minutes, writes nothing here
tools/bench --check   # compares with the targets, exit status 0 if all are met
```

For work on one thing, after `tools/bench --build`; both programs take the same options, `--help`
lists them:

```sh
build/bench/benchmarks/hop --problem throughput --in-flight 64 --workers 1 --rival millrace,naive
build/bench/rust/release/hop --problem throughput --in-flight 64 --workers 1
tools/bench --quick --only throughput --in-flight 64 --workers 1   # both, in alternation
```

## How it is measured

- One thread runs the event loop, the pool has one worker; where two are meant it says so. The loop
  waits in `epoll`, as that of any service with sockets does.
- A job returns its number plus one, and every result is checked. Coroutines submit them: each
  awaits its job and submits the next. "In flight" is the number of such coroutines. The rows with
  `deferred` do the same with callbacks.
- A round runs every rival once, Rust and C++ in alternation, in fresh processes and each time
  beginning with another one. Ratios are taken within a round. Tables show the median over {rounds}
  rounds, in brackets the quartiles. A measurement counts as disturbed if other processes used more
  than 5 % of a core meanwhile, or if the cores came nearer or went apart (see below); it is repeated
  while time allows, and left out where five others are there.
- Rivals: `co_spawn` on `asio::thread_pool`; `asio::post` to it and back; `task_arena::enqueue` and
  `asio::post` back, one of each per job ("naive"); Rayon's `spawn` with a Tokio oneshot channel, as
  the crate tokio-rayon does it; the same over Rayon's global pool into a pool of its own ("two
  hops"); `tokio::task::spawn_blocking`. Tokio runs its current-thread runtime.
- The policy is the default one, with metrics.
- Where Millrace differs much from an earlier version, that one is measured too: the same programs,
  built with its headers (`tools/bench --baseline REVISION`).
- The version whose workers were oneTBB's threads has a page of its own, [what it gave in the newer
  problems](benchmarks/first-version.md); what changed is in [decision 0021](decisions/0021-threads-of-the-pools-own.md).
"""


def entry(got, unit=""):
    if got is None:
        return "not available"
    if got.count == 1:
        return f"{number(got.median)}{unit}"
    return f"{number(got.median)}{unit} [{number(got.q1)} - {number(got.q3)}]"


def times(got):
    return "" if got is None else f"{got.median:.2f}x"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def throughput(results):
    parts = ["## Throughput\n", "The picture shows the rounds of the mode that this virtual machine was "
             "in most often, its two cores near each other or far apart. The tables are over all "
             "rounds, the ratios within each round.\n", "![Time per job with 1, 64 and 1,024 jobs in flight]"
             "(benchmarks/throughput.svg)\n"]
    for workers in (1, 2):
        sizes = [n for w, n in results.sizes("throughput") if w == workers]
        header = [f"ns per job, {workers} worker{'s' if workers > 1 else ''}"]
        for n in sizes:
            header += [f"{n:,} in flight", "x Millrace"]
        rows = []
        for rival in HEADLINE + CALLBACKS:
            row = [label(rival)]
            for n in sizes:
                row.append(entry(results.spread("throughput", rival, workers, n, "time per job")))
                row.append(times(results.ratio("throughput", workers, n, "time per job", rival,
                                               "millrace")))
            rows.append(row)
        parts.append(table(header, rows))
    parts.append("CPU time per job, one worker, loop and worker together:\n")
    sizes = [n for w, n in results.sizes("throughput") if w == 1]
    parts.append(table(["ns of CPU per job"] + [f"{n:,} in flight" for n in sizes], [
        [label(rival)] + [entry(results.spread("throughput", rival, 1, n, "CPU per job"))
                          for n in sizes] for rival in HEADLINE + CALLBACKS]))
    parts.append(strands(results))
    parts.append(modes(results))
    return parts


def strands(results):
    sizes = [n for _, n in results.sizes("strands")]
    header = ["ns per job, one worker, a strand each"]
    for n in sizes:
        header += [f"{n:,} in flight", "x Millrace"]
    rows = []
    for rival in HEADLINE:
        if rival in RUST:  # Tokio has no strands: a task runs on one thread at a time
            continue
        row = [label(rival)]
        for n in sizes:
            row.append(entry(results.spread("strands", rival, 1, n, "time per job")))
            row.append(times(results.ratio("strands", 1, n, "time per job", rival, "millrace")))
        rows.append(row)
    return ("Coroutines with a strand each, as the connections of a service have whose context is "
            "run by several threads "
            "([decision 0019](decisions/0019-strands-by-way-of-their-context.md)):\n\n"
            + table(header, rows))


def modes(results):
    """Throughput apart for rounds with the cores near each other and far, if there were both."""
    sizes = [n for n in (64, 1024)
             if all(any(is_all(far, step) for step in results.steps_of("throughput", 1, n))
                    for far in (False, True))]
    if not sizes:
        return ""
    header = ["ns per job, one worker"]
    for n in sizes:
        for far in (False, True):
            count = sum(is_all(far, s) for s in results.steps_of("throughput", 1, n))
            header.append(f"{n:,}, cores {'far' if far else 'near'} ({count})")
    rows = [[label(rival)] + [
        entry(results.spread("throughput", rival, 1, n, "time per job", far))
        for n in sizes for far in (False, True)] for rival in HEADLINE + CALLBACKS]
    return ("This machine's two cores are near each other at times (a spinning round trip below "
            "0.2 µs) and far apart at others; the same rounds, told apart, with their number:\n\n"
            + table(header, rows))


def latency(results):
    rows = []
    for rival in HEADLINE:
        row = [label(rival)]
        for workers in (1, 2):
            row += [entry(results.spread("latency", rival, workers, 1, metric))
                    for metric in ("p50", "p99")]
            row.append(times(results.ratio("latency", workers, 1, "p50", rival, "millrace")))
        rows.append(row)
    return ["## Latency\n", "One empty job at a time, from submission to the coroutine's next "
            "line.\n", "![Latency of one empty job at a time](benchmarks/latency.svg)\n",
            table(["µs", "1 worker: p50", "p99", "p50 x Millrace", "2 workers: p50", "p99",
                   "p50 x Millrace"], rows)]


def isolated(results):
    parts = ["## Isolated jobs\n",
             "One job each 2 ms, after pauses of 1 to 3 ms, so that each finds the pool asleep.\n",
             "![Start latency and CPU time of isolated jobs](benchmarks/isolated.svg)\n"]
    for workers in (1, 2, 3):
        rivals = COMPARED + (["no_job"] if workers == 1 else [])
        rows = [[label(rival)] + [
            "" if rival == "no_job" and metric != "CPU per job" else
            entry(results.spread("isolated", rival, workers, 1, metric))
            for metric in ("start p50", "start p99", "round trip p50", "CPU per job")]
            for rival in rivals]
        parts.append(table([f"µs, {in_words(workers)}", "start p50",
                            "start p99", "there and back p50", "CPU per job"], rows))
    parts.append("The same jobs with a `parallel_for` of 16 pieces of 10 µs in each, awaited with "
                 "`install` or with `execute`; in `asio::thread_pool` it runs on oneTBB's own "
                 "threads, in Rayon it is a parallel iterator:\n")
    rivals = ["millrace-install", "baseline-install", *COMPARED]
    rivals.remove("tokio-spawn_blocking")
    for workers in (1, 2, 3):
        rows = [[label(rival)] + [entry(results.spread("isolated_nested", rival, workers, 1, metric))
                                  for metric in ("start p50", "round trip p50", "CPU per job")]
                for rival in rivals]
        parts.append(table([f"µs, a loop in each, {in_words(workers)}", "start p50",
                            "there and back p50", "CPU per job"], rows))
    return parts


def in_words(workers):
    return f"{workers} worker{'s' if workers > 1 else ''}"


def load(results):
    parts = ["## Load\n",
             "Jobs arrive at random (a Poisson process, the same numbers for all), whether the ones "
             "before have ended or not, so that the workers are busy for 10 to 90 % of the time. From "
             "when a job should have arrived until its handler runs; and the CPU time of the process "
             "for each job, beyond the job's own. Jobs of 500 µs are few in a run: there p99.9 is "
             "about the slowest.\n",
             "![From arrival to handler, and CPU time, under load](benchmarks/load.svg)\n"]
    for kind, _, numbers in LOAD_KINDS:
        for workers in numbers:
            rivals = [*LOAD, "inline_on_loop"] if workers == 1 else LOAD
            for percent in LOADS:
                rows = [[label(rival)] + [
                    entry(results.spread(f"load_{kind}_at_{percent}", rival, workers, 0, metric))
                    for metric in LOAD_METRICS] for rival in rivals]
                parts.append(table([f"µs, jobs of {kind[:-2]} µs, {percent} % of "
                                    f"{in_words(workers)}", *LOAD_METRICS], rows))
    return parts


def crowded(results):
    parts = ["## Jobs beside a parallel loop\n",
             "A job each 2 ms while a `parallel_for` keeps the cores busy. First somebody else's: another "
             "thread runs it in oneTBB's default arena (in Rust, in Rayon's global pool). Then one of "
             "the pool's own, 2,000 pieces of 100 µs in `install`, again and again; for "
             "`asio::thread_pool` and `spawn_blocking` it runs on oneTBB's and Rayon's own threads. "
             "Each loop ends by itself, the foreign one after 400 ms: jobs that wait for its end wait "
             "half of that, at the median.\n",
             "![Start latency beside a parallel loop](benchmarks/crowded.svg)\n"]
    for problem, workers, what in (("foreign", 1, "a foreign loop"), ("foreign", 2, "a foreign loop"),
                                   ("beside_a_region", 2, "a region of the pool")):
        rows = [[label(rival)] + [entry(results.spread(problem, rival, workers, 1, metric))
                                  for metric in ("start p50", "start p99", "round trip p50")]
                for rival in COMPARED]
        parts.append(table([f"µs, beside {what}, {in_words(workers)}", "start p50", "start p99",
                            "there and back p50"], rows))
    return parts


def timer(results):
    parts = ["## Timers of a loop whose workers are busy\n",
             "A timer every millisecond, while four jobs of 1 ms per worker are under way: how late "
             "its handler runs. Tokio's timers have a resolution of 1 ms.\n",
             "![Lateness of a 1 ms timer](benchmarks/timer.svg)\n"]
    rivals = ["idle_loop", "millrace", "thread_pool-co_spawn", "thread_pool-post", "naive",
              "inline_on_loop", "tokio-idle_loop", *RUST, "tokio-inline_on_loop"]
    for workers in (1, 2):
        rows = [[label(rival)] + [entry(results.spread("timer", rival, workers, 0, metric))
                                  for metric in ("late p50", "late p99", "cores busy")]
                for rival in rivals]
        parts.append(table([f"µs late, {workers} busy worker{'s' if workers > 1 else ''}", "p50",
                            "p99", "cores busy"], rows))
    if results.about["machine"]["usable"] < 3:
        parts.append("With two workers and the loop, three threads share this machine's two cores.\n")
    return parts


def against_onetbb(results, problems, in_flight=(1,)):
    """(problem, what to call it) each: our time, oneTBB's, and the ratio."""
    rows = []
    for problem, what in problems:
        for workers in (1, 2):
            for n in in_flight:
                ratio = results.ratio(problem, workers, n, "time", "onetbb", "millrace")
                rows.append([f"`{what}`, {workers} thread{'s' if workers > 1 else ''}"
                             + (f", {n} in flight" if n > 1 else ""),
                             entry(results.spread(problem, "millrace", workers, n, "time")),
                             entry(results.spread(problem, "onetbb", workers, n, "time")),
                             "" if ratio is None else f"{ratio.median:.3f}"])
    return rows


def parallel(results):
    rows = against_onetbb(results, ((name, name) for name in ("parallel_for", "parallel_reduce")),
                          (1, MOST_IN_FLIGHT))
    return ["## `install`\n",
            "oneTBB's algorithms awaited through `install`, against `task_arena::execute` with the "
            "same number of threads, the asking one among them. Of several in flight the time for "
            "each.\n",
            table(["ms", "Millrace", "oneTBB alone", "speed against oneTBB"], rows)]


def patterns(results):
    rows = against_onetbb(results, (("parallel_map", "parallel_map"), ("map_reduce", "parallel_reduce"),
                                    ("parallel_sort", "parallel_sort")))
    return ["## Patterns\n",
            "Over a million 64-bit numbers, a few nanoseconds of work for each, awaited; against the "
            "same written by hand with oneTBB in an arena. What is sorted is what a map has made.\n",
            table(["ms", "Millrace", "oneTBB by hand", "speed against oneTBB"], rows)]


def adaptive(results):
    rows = []
    for problem, what in (("adaptive_short", "short, 1 us"), ("adaptive_long", "long, 1 ms"),
                          ("adaptive_mixed", "mixed, 2 long after 100 short"),
                          ("adaptive_drifting", "drifting, 1 us to 1 ms and back")):
        for workers in (1, 2):
            for rival in ("always_inline", "always_offload", "adaptive"):
                rows.append([f"{what}, {workers} worker{'s' if workers > 1 else ''}", label(rival),
                             entry(results.spread(problem, rival, workers, 8, "time per job")),
                             entry(results.spread(problem, rival, workers, 8, "late p99"))])
    here, pool = (entry(results.spread("adaptive_decision", place, 1, 1, "time"), " ns")
                  for place in ("here", "pool"))
    return ["## Adaptive\n",
            "Eight coroutines on one loop await jobs, one after the other; a timer of the loop is due "
            "every millisecond. Mixed jobs are of two callable types, drifting ones of one type; "
            "`execute_adaptive` knows nothing of either when a run of 300 ms begins. Workers have nice "
            "10, wherever the jobs run ([decision 0017](decisions/0017-adaptive-choice.md)).\n",
            table(["jobs", "where", "ns per job", "timer late p99, us"], rows),
            f"A decision costs {here} where the job stays on the loop and {pool} where it goes to "
            "the pool.\n"]


def small_print(results):
    rows = []
    for rival in HEADLINE + CALLBACKS:
        rows.append([label(rival)] + [
            entry(results.spread("allocations", rival, 1, n, "allocations")) for n in (1, 64)]
            + ["" if rival in CALLBACKS else
               entry(results.spread("idle", rival, 2, 0, "CPU"), " %")])
    parts = ["## Allocations, idle CPU, metrics, compile time\n",
             "Heap allocations per job after 20,000 jobs of warm-up, one worker; and the CPU time of "
             "a process whose pool of two workers has had nothing to do for 100 ms, of one core.\n",
             table(["", "allocations, 1 in flight", "64 in flight", "idle CPU"], rows)]
    rows = []
    for n in (64, 1024):
        ratio = results.ratio("metrics", 1, n, "time per job", "millrace", "millrace-no_metrics")
        rows.append([f"{n:,} in flight",
                     entry(results.spread("metrics", "millrace", 1, n, "time per job")),
                     entry(results.spread("metrics", "millrace-no_metrics", 1, n, "time per job")),
                     times(ratio),
                     entry(results.spread("metrics", "millrace-trace", 1, n, "time per job")),
                     times(results.ratio("metrics", 1, n, "time per job", "millrace-trace",
                                         "millrace"))])
    parts.append(table(["ns per job", "default metrics", "`NoMetrics`", "ratio", "`TraceMetrics`",
                        "x default"], rows))
    seconds = results.about.get("compile_seconds")
    if seconds:
        middle = {name: sorted(values)[len(values) // 2] for name, values in seconds.items()}
        parts.append(table(["seconds of CPU to compile", "with Millrace", "without", "ratio"], [
            ["a file with one `co_await pool.execute(...)`, and its twin by hand",
             f"{middle['uses millrace']:.2f}", f"{middle['by hand']:.2f}",
             times(compile_ratio(results, "uses millrace", "by hand"))],
            ["nothing but `compute_pool.hpp`, and the Asio and oneTBB headers that it includes",
             f"{middle['includes millrace']:.2f}", f"{middle['includes what it includes']:.2f}",
             times(compile_ratio(results, "includes millrace", "includes what it includes"))]]))
    return parts


def targets(results):
    rows = [[one.what, one.have, one.want, "yes" if one.ok else "**no**"]
            for one in verdicts(results)]
    return ["## Targets\n", "As `tools/bench --check` tells them: the median over the rounds.\n",
            table(["", "have", "want", "met"], rows)]


def machine(results):
    about = results.about
    computer = about["machine"]
    rows = [["Processor", f"{computer['cpu']}, {computer['usable']} CPUs"
             + (f" (virtual: {computer['virtual']})" if computer["virtual"] not in ("", "none")
                else "")],
            ["System", f"{computer['os']}, Linux {computer['kernel']}"]]
    for language, program in about["programs"].items():
        versions = ", ".join(f"{name} {version}" for name, version in program["versions"].items())
        rows.append([language, f"{program['compiler']}, `{program['flags']}`; {versions}"])
    if about["rust"] != "available":
        rows.append(["Rust", f"not available: {about['rust']}"])
    for rival in ("plain call", "spinning round trip", "sleeping round trip"):
        got = results.spread("calibration", rival, 0, 0, "time")
        name = {"plain call": "A call through a pointer",
                "spinning round trip": "Two spinning threads, there and back",
                "sleeping round trip": "Two threads asleep in `eventfd`, there and back"}[rival]
        rows.append([name, f"{entry(got)} ns, {number(got.min)} to {number(got.max)}"])
    disturbed, steps = results.disturbed()
    if about.get("baseline", "none") != "none":
        rows.append(["The earlier version", about["baseline"]])
    rows.append(["Rounds", f"{about['rounds']}, on {about['date']}"])
    rows.append(["Measurements that count although they were disturbed",
                 f"{disturbed} of {steps}"])
    return ["## The machine\n", table(["", ""], rows).replace("|---|---:|", "|---|---|")]


def write(results, path):
    parts = [INTRO.format(minutes=max(1, results.about["seconds"] / 60),
                          rounds=results.about["rounds"])]
    for section in (targets, throughput, latency, isolated, load, crowded, timer, parallel, patterns,
                    adaptive, small_print, machine):
        parts += section(results)
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(part for part in parts if part))
