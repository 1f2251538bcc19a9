"""tools/lambda/power-tuning"""

import contextlib
import csv
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

from . import cli, figures, function, limits, page, text

DESCRIPTION = """\
What each memory size of Lambda's takes and costs: runs the bcrypt handler (20 hashes) and the CSV ETL
(a million records) with the CPU share of each size and prices the time, as AWS Lambda Power Tuning does:
the average without the highest and lowest fifth, billed in whole milliseconds. Sizes that have more CPUs
than this machine are estimated from the others, and said to be."""

# The sizes of the published measurements that ours stand beside, and for bcrypt some that a small machine has too.
SIZES = {
    "bcrypt": [512, 1024, 1536, 2048, 3008, 3538, 4096, 6144, 8192, 10240],
    "csv-etl": [256, 512, 1024, 1536, 2048, 3008, 5000],
}
# A version in Rust on AWS, arm64: ms by memory, S3 and DynamoDB included for the CSV ETL.
PUBLISHED_MS = {
    "bcrypt": {1536: 1885, 2048: 1334, 4096: 685, 6144: 463, 8192: 338, 10240: 280},
    "csv-etl": {256: 5629, 512: 2772, 1024: 1519, 1536: 1320, 2048: 1131, 3008: 1130, 5000: 1124},
}
TITLES = {"bcrypt": "{count} password hashes (bcrypt, cost 10)", "csv-etl": "CSV ETL, {rows:,} medical records"}


def add_arguments(parser) -> None:
    parser.add_argument("--workload", choices=[*SIZES, "both"], default="both")
    parser.add_argument("--sizes", type=cli.whole_numbers(128, 10240), metavar="MB,...", help="memory sizes, 128 to 10240")
    parser.add_argument("--runs", type=cli.whole_number(1, 100), metavar="N", help="invocations per size, default 10")
    parser.add_argument("--rows", type=cli.whole_number(1, 100_000_000), metavar="N", help="of the CSV file, default 1000000")
    parser.add_argument("--function-name", metavar="NAME",
                        help="a deployed bcrypt handler instead: sets its memory size, invokes it through the aws"
                        " command, and sets the size back")
    parser.add_argument("--output", type=pathlib.Path, metavar="FOLDER", default=cli.RESULTS / "power-tuning",
                        help="default build/lambda/power-tuning")


def machine() -> dict:
    model = platform.machine()
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    system = platform.system()
    with contextlib.suppress(OSError):
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "memory_gib": round(memory), "system": system,
            "kernel": platform.release(), "architecture": architecture, "load": round(os.getloadavg()[0], 1)}


def records(build: pathlib.Path, rows: int) -> pathlib.Path:
    path = cli.ROOT / f"build/demo/medical-records-{rows}.csv"  # as tools/demo names them
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.run([build / "examples/lambda/data/generate-medical-records", "--rows", str(rows),
                                  "--output", path], stdout=subprocess.DEVNULL, check=False)
        if process.returncode != 0:
            raise cli.ToolError(f"generating {rows} records failed with status {process.returncode}")
    return path


def row(size: int, reports: list[function.Report], workers: int) -> dict:
    ms = figures.trimmed_mean([report.duration_ms for report in reports])
    memory = [report.memory_used_mb for report in reports if report.memory_used_mb is not None]
    return priced({"memory_mb": size, "vcpus": round(figures.vcpus(size), 2), "workers": workers, "estimated": False,
                   "ms": round(ms, 2), "least_ms": min(r.duration_ms for r in reports),
                   "most_ms": max(r.duration_ms for r in reports), "init_ms": None, "peak_memory_mb": max(memory, default=None),
                   "runs": len(reports)})


def priced(one: dict) -> dict:
    for architecture in figures.PRICES:
        one[f"dollars_{architecture}"] = round(figures.dollars_per_million(one["ms"], one["memory_mb"], architecture), 4)
    return one


def estimated(sizes: list[int], measured: list[dict]) -> list[dict]:
    """For the sizes that need more CPUs than there are; two measured ones or more tell how the time falls."""
    if len(measured) < 2:
        return []
    a, b = figures.fit({one["vcpus"]: one["ms"] for one in measured})
    rows = []
    for size in sizes:
        ms = a + b / figures.vcpus(size)
        rows.append(priced({"memory_mb": size, "vcpus": round(figures.vcpus(size), 2), "workers": figures.workers(size),
                            "estimated": True, "ms": round(ms, 2), "least_ms": None, "most_ms": None, "init_ms": None,
                            "peak_memory_mb": None, "runs": 0}))
    return rows


def measure_here(build: pathlib.Path, handler: str, event: dict, sizes: list[int], runs: int, limit, work: pathlib.Path,
                 cpus: int) -> list[dict]:
    rows, beyond = [], []
    output = work / "items.sqlite"
    with text.Progress(handler) as progress:
        for size in sizes:
            share = figures.vcpus(size)
            if share > cpus + 0.01:
                beyond.append(size)
                continue
            progress.show(f"{size} MB, {share:.2f} vCPUs")
            env = {"WORKER_COUNT": str(figures.workers(size)), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(size)}
            if handler == "csv-etl":
                output.unlink(missing_ok=True)
                env["CSV_ETL_OUTPUT"] = str(output)
            with limit.limited(share, size) as wrap, function.Local(build, handler, env, wrap) as service:
                first = service.invoke(event)
                first.result()  # cold, doesn't count
                reports = []
                for _ in range(runs):
                    invocation = service.invoke(event)
                    invocation.result()
                    if invocation.report is None:
                        raise cli.ToolError("local-runtime-api printed no REPORT line")
                    reports.append(invocation.report)
            one = row(size, reports, figures.workers(size))
            one["init_ms"] = round(first.report.init_ms, 1) if first.report else None
            rows.append(one)
    output.unlink(missing_ok=True)
    return sorted(rows + estimated(beyond, rows), key=lambda one: one["memory_mb"])


def wait_until_updated(name: str) -> None:
    for _ in range(150):
        status = function.aws("lambda", "get-function-configuration", "--function-name", name).get("LastUpdateStatus")
        if status in (None, "Successful"):
            return
        if status == "Failed":
            raise cli.ToolError(f"the update of {name} failed")
        time.sleep(2)
    raise cli.ToolError(f"the update of {name} takes longer than five minutes")


def measure_deployed(name: str, event: dict, sizes: list[int], runs: int) -> list[dict]:
    service = function.Deployed(name)
    before = service.configuration().get("MemorySize")
    if before is None:
        raise cli.ToolError(f"aws tells no MemorySize of {name}")

    def resize(size: int) -> None:
        function.aws("lambda", "update-function-configuration", "--function-name", name, "--memory-size", str(size))
        wait_until_updated(name)

    rows = []
    try:
        for size in sizes:
            resize(size)
            first = service.invoke(event)
            reply = first.result()
            reports = []
            for _ in range(runs):
                invocation = service.invoke(event)
                invocation.result()
                if invocation.report is None:
                    raise cli.ToolError(f"the log of {name} has no REPORT line")
                reports.append(invocation.report)
            one = row(size, reports, reply.get("workers", 0) if isinstance(reply, dict) else 0)
            one["init_ms"] = first.report.init_ms if first.report else None
            rows.append(one)
    finally:
        resize(before)
    return rows


def choices(rows: list[dict], architecture: str) -> figures.Choice:
    """Among what was measured."""
    return figures.choose({one["memory_mb"]: (one["ms"], one[f"dollars_{architecture}"])
                           for one in rows if not one["estimated"]})


def show(title: str, rows: list[dict], choice: figures.Choice) -> None:
    text.heading(title)

    def mark(size: int) -> str:
        return ", ".join(name for name in ("cheapest", "fastest", "balanced") if getattr(choice, name) == size)
    text.table(
        ["memory", "vCPUs", "workers", "ms", "least", "most", "$/1M arm64", "$/1M x86_64", "peak MB", ""],
        [[f"{one['memory_mb']} MB", f"{one['vcpus']:.2f}", str(one["workers"]), f"{one['ms']:.1f}",
          *("-" if one[key] is None else f"{one[key]:.1f}" for key in ("least_ms", "most_ms")),
          f"{one['dollars_arm64']:.2f}", f"{one['dollars_x86_64']:.2f}",
          "-" if one["peak_memory_mb"] is None else str(one["peak_memory_mb"]),
          "estimated" if one["estimated"] else mark(one["memory_mb"])] for one in rows])


def draw(result: dict, folder: pathlib.Path) -> None:
    """PNG and SVG, by matplotlib: Debian's is for Debian's Python, which need not be this one."""
    document = folder / "power-tuning.json"
    document.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    chart = pathlib.Path(__file__).with_name("chart.py")
    for python in dict.fromkeys((sys.executable, "/usr/bin/python3")):
        if subprocess.run([python, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0:
            break
    else:
        raise cli.ToolError("no Python here has matplotlib; install python3-matplotlib")
    process = subprocess.run([python, "-B", str(chart), str(document), str(folder)], capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise cli.ToolError(f"drawing failed: {(process.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def main(arguments) -> int:
    runs = arguments.runs or (2 if arguments.quick else 10)
    rows = arguments.rows or (1000 if arguments.quick else 1_000_000)
    here = machine()
    event = {"count": 2 if arguments.quick else 20, "mode": "parallel"}
    quick_sizes = {"bcrypt": [1536, 3008, 10240], "csv-etl": [1024, 2048]}
    names = list(SIZES) if arguments.workload == "both" else [arguments.workload]
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    result = {"machine": here, "runs": runs, "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
              "requests_dollars": figures.REQUESTS, "warning": "" if arguments.function_name else cli.disturbed(), "deployed": bool(arguments.function_name), "workloads": {}}
    measured = {}
    if arguments.function_name:
        if arguments.workload == "csv-etl":
            raise cli.ToolError("a deployed function is taken for the bcrypt handler; --workload csv-etl is for here")
        result["how"] = f"The deployed function {arguments.function_name}, its memory size set to each in turn."
        here["architecture"] = function.Deployed(arguments.function_name).configuration().get("Architectures", ["x86_64"])[0]
        measured["bcrypt"] = measure_deployed(arguments.function_name, event, arguments.sizes or SIZES["bcrypt"], runs)
    else:
        limit = limits.best()
        result["how"] = f"Workers: the vCPUs rounded up, at most {figures.MOST_WORKERS}. Limited by {limit.name}."
        print(f"  limited by {limit.name}")
        if result["warning"]:
            print(f"  {result['warning']}")
        build = cli.build(arguments, [*function.targets(*names), "generate-medical-records"])
        for name in names:
            sizes = arguments.sizes or (quick_sizes if arguments.quick else SIZES)[name]
            sent = event if name == "bcrypt" else {"input": str(records(build, rows))}
            measured[name] = measure_here(build, name, sent, sizes, runs, limit, folder, here["cpus"])
    for name, sized in measured.items():
        if all(one["estimated"] for one in sized):
            raise cli.ToolError(f"no size of {name} can be measured here: each has more CPUs than the machine")
        choice = choices(sized, here["architecture"])
        title = TITLES[name].format(rows=rows, count=event["count"])
        as_published = event["count"] == 20 if name == "bcrypt" else rows == 1_000_000
        show(title, sized, choice)
        result["workloads"][name] = {"title": title, "rows": sized, "published": PUBLISHED_MS[name] if as_published else {},
                                     "choice": {"cheapest": choice.cheapest, "fastest": choice.fastest, "balanced": choice.balanced}}
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, sized[0].keys())
            writer.writeheader()
            writer.writerows(sized)
    draw(result, folder)
    (folder / "index.html").write_text(page.make(result, folder), encoding="utf-8")
    print(f"\n  requests: {figures.REQUESTS:.2f} dollars per million on top, whatever the size")
    print(f"  {cli.shown(folder / 'index.html')}, the charts beside it")
    return 0
