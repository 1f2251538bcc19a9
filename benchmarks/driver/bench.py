"""Measures Millrace against its rivals; tools/bench calls this when all is built."""

import argparse
import datetime
import os
import sys
import time

import compile_time
import machine
import page
import targets
from names import label, number
from results import Results, is_disturbed
from rounds import SIZES, Failed, Program, measure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def programs_in(build, rust, baseline):
    programs = [Program("C++", name, os.path.join(build, "benchmarks", name))
                for name in ("hop", "allocations")]
    if baseline != "none":
        programs.append(Program("C++", "hop", os.path.join(build, "benchmarks", "baseline"),
                                baseline=True))
    if rust == "available":
        programs += [Program("Rust", name, os.path.join(build, "rust", "release", name))
                     for name in ("hop", "allocations")]
    return programs


def targets_for(sizes, baseline):
    """What must be built, by CMake's names."""
    names = {"hop"} | {size.program for size in sizes}  # hop tells how far apart the cores are
    if baseline != "none" and any(size.baseline for size in sizes):
        names.add("baseline")
    return sorted(names)


MAIN = {"p50", "time per job", "start p50", "late p99", "time", "CPU", "allocations"}


def print_table(results, sizes, metrics_wanted):
    for size in sizes:
        steps = results.steps_of(size.problem, size.workers, size.in_flight)
        if not steps:
            continue
        flight = f", {size.in_flight} in flight" if size.in_flight else ""
        print(f"\n{size.problem}, {size.workers} worker(s){flight}")
        metrics = {key.split("|")[1]: True for step in steps for key in step["values"]}
        for metric in metrics:
            if metrics_wanted and metric not in metrics_wanted:
                continue
            unit = next(step["units"][metric] for step in steps if metric in step["units"])
            print(f"  {metric + ', ' + unit:<34}{'median':>10}{'quartiles':>20}"
                  f"{'min - max':>20}{'x millrace':>12}")
            for rival in results.rivals(size.problem, size.workers, size.in_flight, metric):
                got = results.spread(size.problem, rival, size.workers, size.in_flight, metric)
                ratio = ""
                if all(all(step["values"].get(f"millrace|{metric}", [0])) for step in steps):
                    relative = results.ratio(size.problem, size.workers, size.in_flight, metric,
                                             rival, "millrace")
                    ratio = "" if relative is None else f"{relative.median:.2f}"
                print(f"    {label(rival).replace('`', ''):<32}{number(got.median):>10}"
                      f"{number(got.q1) + ' - ' + number(got.q3):>20}"
                      f"{number(got.min) + ' - ' + number(got.max):>20}{ratio:>12}")
        disturbed = sum(map(is_disturbed, steps))
        if disturbed:
            print(f"  ({disturbed} of {len(steps)} measurements disturbed)")
    if results.about["rust"] != "available":
        print(f"\nTokio and Rayon: not available ({results.about['rust']})")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench")
    parser.add_argument("--mode", choices=["full", "quick", "check"], required=True)
    parser.add_argument("--rust", required=True, help="'available', or why not")
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--baseline", default="none", help="which version that is, or 'none'")
    parser.add_argument("--only", default="", help="problem[,problem]")
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--results", help="takes these instead of measuring")
    parser.add_argument("--targets", action="store_true",
                        help="prints what must be built for this, and ends")
    options = parser.parse_args()

    build = os.path.join(ROOT, "build", "bench")
    docs = os.path.join(ROOT, "docs")
    sizes = [size for size in SIZES
             if (not options.only or size.problem in options.only.split(","))
             and options.in_flight in (None, size.in_flight)
             and options.workers in (None, size.workers)]
    whole = sizes == SIZES
    if options.mode == "check" and whole:
        sizes = [size for size in sizes if size.target]
    if options.mode == "quick" and whole:
        sizes = [size for size in sizes if size.quick]
    if not sizes:
        parser.error("no problem of this name and size; there are "
                     + ", ".join(dict.fromkeys(size.problem for size in SIZES)))

    if options.targets:
        print("\n".join(targets_for(sizes, options.baseline)))
        return 0

    if options.results:
        results = Results.load(options.results)
    else:
        rounds, scale, patience, most, compiles = {
            "full": (12, 1.0, 600, 3600, 7), "check": (10, 1.0, 300, 2700, 5),
            "quick": (3, 0.4, 5, 50, 1)}[options.mode]
        about = {"machine": machine.describe(), "rust": options.rust,
                 "baseline": options.baseline, "date": datetime.date.today().isoformat()}
        path = os.path.join(build, "results" if options.mode == "full" else options.mode) + ".json"
        started = time.monotonic()
        results = measure(programs_in(build, options.rust, options.baseline), sizes,
                          options.rounds or rounds, scale, patience, most, about, path)
        if whole:
            print("compiling with and without Millrace", flush=True)
            about["compile_seconds"] = compile_time.measure(ROOT, options.compiler, compiles)
        about["seconds"] = time.monotonic() - started
        results.save(path)

    print_table(results, sizes, None if options.only else MAIN)
    if not options.results:
        print(f"\nall values: {os.path.relpath(path, ROOT)}")
    if options.mode == "check":
        print()
        return min(targets.report(results, partly=not whole), 1)
    if options.mode == "full" and whole:
        import charts  # only here: the others do without matplotlib

        charts.draw(results, os.path.join(docs, "benchmarks"))
        page.write(results, os.path.join(docs, "benchmarks.md"))
        print("written: docs/benchmarks.md, docs/benchmarks/*.svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"tools/bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
