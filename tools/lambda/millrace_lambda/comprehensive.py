"""tools/lambda/comprehensive"""

import contextlib
import csv
import os
import pathlib
import statistics

from . import cli, figures, function, text

DESCRIPTION = """\
Measures the bcrypt handler with every number of workers: one cold and 20 warm invocations of
{"count": 20, "mode": "parallel"} each, alternating, so that what else the machine does hits all alike.
Times are the handler's own (duration_ms); percentiles are nearest ranks; cold init is the time of the
first invocation before the handler has it."""


def add_arguments(parser) -> None:
    parser.add_argument("--workers", type=cli.whole_numbers(1, figures.MOST_WORKERS), metavar="N,...",
                        help="numbers of workers, 1 to 6 (default: 1 to the CPUs that may be used, at most 6)")
    parser.add_argument("--count", type=cli.whole_number(1, 1000), metavar="N", help="hashes per invocation, default 20")
    parser.add_argument("--mode", choices=["parallel", "sequential", "auto"], default="parallel")
    parser.add_argument("--runs", type=cli.whole_number(1, 1000), metavar="N", help="warm invocations, default 20")
    parser.add_argument("--function-name", action="append", metavar="NAME",
                        help="a deployed function instead, through the aws command; may be given several times")
    parser.add_argument("--output", type=pathlib.Path, metavar="CSV", default=cli.RESULTS / "comprehensive.csv",
                        help="default build/lambda/comprehensive.csv")


def functions(arguments) -> dict:
    """By what they are called in the table."""
    if arguments.function_name:
        return {name: function.Deployed(name) for name in arguments.function_name}
    cpus = len(os.sched_getaffinity(0))
    counts = arguments.workers
    if counts is None:
        counts = list(range(1, min(cpus, figures.MOST_WORKERS) + 1))
        if cpus < figures.MOST_WORKERS:
            print(f"  {cpus} CPUs may be used here: 1 to {counts[-1]} workers; more would share them"
                  " (--workers 1,2,3,4,5,6 tries it)")
    elif counts[-1] > cpus:
        print(f"  only {cpus} CPUs may be used here: more workers than that share them")
    build = cli.build(arguments, function.targets("bcrypt"))
    return {str(n): function.Local(build, "bcrypt", {"WORKER_COUNT": str(n)}) for n in counts}


def measure(services: dict, event: dict, runs: int) -> dict[str, dict]:
    measured = {}
    with contextlib.ExitStack() as stack, text.Progress("measuring") as progress:
        for name, service in services.items():
            stack.enter_context(service)
            first = service.invoke(event)
            reply = first.result()
            if not isinstance(reply, dict) or "duration_ms" not in reply:
                raise cli.ToolError(f"{name} is not the bcrypt handler: it replied without duration_ms")
            measured[name] = {"workers": reply["workers"], "threads": reply["threads_used"], "cold_ms": reply["duration_ms"],
                              "init_ms": first.report.init_ms if first.report else None, "warm": []}
        for i in range(runs):
            for name, service in services.items():
                reply = service.invoke(event).result()
                measured[name]["warm"].append(reply["duration_ms"])
                measured[name]["threads"] = max(measured[name]["threads"], reply["threads_used"])
            progress.show(f"{i + 1} of {runs} warm invocations each")
    return measured


def summary(measured: dict[str, dict]) -> list[dict]:
    """One row per function; the first is what the others are compared with."""
    rows = []
    base = None
    for name, one in measured.items():
        mean = statistics.mean(one["warm"])
        base = base or {"mean": mean, "workers": one["workers"]}
        speed_up = base["mean"] / mean
        rows.append({
            "function": name, "workers": one["workers"], "threads_used": one["threads"], "warm_mean_ms": round(mean, 1),
            **{f"p{p}_ms": figures.percentile(one["warm"], p) for p in (50, 90, 95, 99)},
            "speed_up": round(speed_up, 2),
            "efficiency_percent": round(100 * speed_up * base["workers"] / one["workers"], 1),
            "cold_ms": one["cold_ms"],
            "cold_init_ms": None if one["init_ms"] is None else round(one["init_ms"], 1)})
    return rows


def show(rows: list[dict], deployed: bool) -> None:
    text.table(
        ["function" if deployed else "workers", "threads", "warm ms", "P50", "P90", "P95", "P99", "speed-up", "efficiency", "cold init ms"],
        [[row["function"], str(row["threads_used"]), f"{row['warm_mean_ms']:.1f}",
          *(f"{row[f'p{p}_ms']:g}" for p in (50, 90, 95, 99)), f"{row['speed_up']:.2f}x",
          f"{row['efficiency_percent']:.0f} %", "-" if row["cold_init_ms"] is None else f"{row['cold_init_ms']:.1f}"]
         for row in rows])


def main(arguments) -> int:
    if arguments.function_name and arguments.workers:
        raise cli.ToolError("--workers and --function-name exclude each other: a deployed function has its own")
    runs = arguments.runs or (2 if arguments.quick else 20)
    event = {"count": arguments.count or (2 if arguments.quick else 20), "mode": arguments.mode}
    text.heading(f"bcrypt, {event['count']} hashes of cost 10, {event['mode']}: one cold, {runs} warm invocations each")
    warning = "" if arguments.function_name else cli.disturbed()
    rows = summary(measure(functions(arguments), event, runs))
    show(rows, bool(arguments.function_name))
    if warning:
        print(f"\n  {warning}")
    with open(cli.output_file(arguments.output), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    print(f"\n  {cli.shown(arguments.output)}")
    return 0
