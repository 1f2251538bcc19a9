"""tools/lambda/metrics"""

import csv
import datetime
import json
import pathlib
import statistics
import time

from . import cli, figures, function, text

DESCRIPTION = """\
Collects what the runtime logs about each invocation (JSON lines with requestId and durationMs, on the
bootstrap's standard error), joined with Lambda's REPORT lines, into a table, a CSV and a JSON file.
Here it makes the invocations itself, of the bcrypt handler; --log reads a log instead, and
--function-name asks CloudWatch for the log and the metrics of a deployed function."""

CLOUDWATCH = {  # metric: statistic and what its figures are
    "Invocations": "Sum", "Errors": "Sum", "Throttles": "Sum", "Duration": "Average", "ConcurrentExecutions": "Maximum",
}
# In this order, as far as they are there; then what a handler reports of its own.
FIRST = ["requestId", "status", "durationMs", "lambdaMs", "billedMs", "invocation", "initDurationMs", "initMs",
         "maxRssKb", "maxMemoryMB", "bytesIn", "bytesOut", "items", "itemsPerSecond", "pool.submitted", "pool.completed",
         "pool.failed", "pool.cancelled", "pool.queueWaitP50Ms", "pool.queueWaitP99Ms", "pool.runTimeP50Ms",
         "pool.runTimeP99Ms", "pool.active", "pool.pending"]
# What a terminal's line has room for: field, heading, how it is shown.
SHOWN = [("requestId", "request", lambda id: id[:8]), ("status", "status", str), ("durationMs", "ms", "{:.1f}".format),
         ("lambdaMs", "Lambda's ms", "{:.1f}".format), ("billedMs", "billed", str),
         ("maxRssKb", "MiB", lambda kib: f"{kib / 1024:.1f}"), ("bytesIn", "bytes in", str), ("bytesOut", "out", str),
         ("pool.completed", "jobs", str), ("pool.failed", "failed", str),
         ("pool.queueWaitP99Ms", "wait P99", "{:.2f}".format), ("pool.runTimeP99Ms", "run P99", "{:.1f}".format)]
IGNORED = {"timestamp", "level", "message"}


def add_arguments(parser) -> None:
    parser.add_argument("--invocations", type=cli.whole_number(1, 1000), metavar="N", help="default 10")
    parser.add_argument("--count", type=cli.whole_number(1, 1000), metavar="N", help="hashes per invocation, default 8")
    parser.add_argument("--log", type=pathlib.Path, metavar="FILE", help="a bootstrap's log, e.g. kept with 2>FILE")
    parser.add_argument("--function-name", metavar="NAME", help="a deployed function, through the aws command")
    parser.add_argument("--minutes", type=cli.whole_number(1, 60 * 24 * 14), metavar="N", default=60,
                        help="of a deployed function's past, default 60")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", default=cli.RESULTS / "metrics.csv",
                        help="default build/lambda/metrics.csv; a JSON file of the same name goes beside it")


def flat(value: dict, prefix: str = "") -> dict:
    """{"pool": {"completed": 3}} as {"pool.completed": 3}; lists as JSON."""
    fields = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            fields |= flat(inner, f"{prefix}{key}.")
        else:
            fields[prefix + key] = json.dumps(inner) if isinstance(inner, list) else inner
    return fields


def collect(lines: list[str]) -> list[dict]:
    """One row per invocation that the log tells of, in its order."""
    rows: dict[str, dict] = {}
    for line in lines:
        if report := function.parse_report(line):
            row = rows.setdefault(report.request_id, {"requestId": report.request_id})
            # Lambda's own clock, which stops when the reply arrives; the runtime's, durationMs, a moment
            # later, when Lambda has said so.
            row |= {"lambdaMs": report.duration_ms, "billedMs": report.billed_ms,
                    "maxMemoryMB": report.memory_used_mb, "initMs": report.init_ms}
            continue
        start = line.find("{")
        try:
            entry = json.loads(line[start:]) if start >= 0 else None
        except ValueError:
            continue
        if isinstance(entry, dict) and "requestId" in entry and "durationMs" in entry:
            row = rows.setdefault(entry["requestId"], {"requestId": entry["requestId"]})
            row |= flat({key: value for key, value in entry.items() if key not in IGNORED})
    for row in rows.values():
        # A missing field and one without a value are the same.
        for key in [key for key, value in row.items() if value is None]:
            del row[key]
    return list(rows.values())


def columns(rows: list[dict]) -> list[str]:
    present = dict.fromkeys(key for row in rows for key in row)
    return [key for key in FIRST if key in present] + [key for key in present if key not in FIRST]


def cell(value) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)


def show(rows: list[dict]) -> None:
    """What matters most; the files have all columns."""
    most = 40
    shown = [column for column in SHOWN if any(column[0] in row for row in rows)]
    text.table([heading for _, heading, _ in shown],
               [[form(row[field]) if field in row else "-" for field, _, form in shown] for row in rows[:most]])
    if len(rows) > most:
        print(f"  ... and {len(rows) - most} more")
    # A log that Lambda wrote alone, without the runtime's lines, has only Lambda's.
    times = [row.get("durationMs", row.get("lambdaMs")) for row in rows]
    print(f"\n  {len(rows)} invocations; ms: mean {statistics.mean(times):.1f}, "
          + ", ".join(f"P{p} {figures.percentile(times, p):.1f}" for p in (50, 90, 95, 99)))


def invoke_here(arguments) -> list[str]:
    build = cli.build(arguments, function.targets("bcrypt"))
    event = {"count": arguments.count or (1 if arguments.quick else 8), "mode": "parallel"}
    wanted = arguments.invocations or (3 if arguments.quick else 10)
    with function.Local(build, "bcrypt") as service:
        for _ in range(wanted):
            service.invoke(event).result()
        # The runtime's line about the last one may still be on its way.
        with service.changed:
            service.changed.wait_for(lambda: sum("durationMs" in line for line in service.lines) >= wanted, timeout=5)
            return list(service.lines)


def log_of(name: str, since_ms: int) -> list[str]:
    answer = function.aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{name}",
                          "--start-time", str(since_ms))
    return [line for event in answer.get("events", []) for line in event.get("message", "").splitlines()]


def cloudwatch(name: str, minutes: int, now: float) -> dict[str, list[dict]]:
    """The points of each metric by time."""
    def iso(seconds: float) -> str:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    # A call gives at most 1440 points.
    period = 60 * max(1, -(-minutes // 1440))
    metrics = {}
    for metric, statistic in CLOUDWATCH.items():
        answer = function.aws(
            "cloudwatch", "get-metric-statistics", "--namespace", "AWS/Lambda", "--metric-name", metric,
            "--dimensions", f"Name=FunctionName,Value={name}", "--start-time", iso(now - minutes * 60),
            "--end-time", iso(now), "--period", str(period), "--statistics", statistic)
        metrics[metric] = sorted(answer.get("Datapoints", []), key=lambda point: point["Timestamp"])
    return metrics


def show_cloudwatch(metrics: dict[str, list[dict]]) -> None:
    rows = []
    for metric, points in metrics.items():
        statistic = CLOUDWATCH[metric]
        values = [point[statistic] for point in points]
        combine = {"Sum": sum, "Average": statistics.mean, "Maximum": max}[statistic]
        rows.append([metric, statistic.lower(), cell(float(combine(values))) if values else "-", str(len(values))])
    text.heading("CloudWatch")
    text.table(["metric", "", "value", "points"], rows)


def main(arguments) -> int:
    metrics = {}
    if arguments.log and arguments.function_name:
        raise cli.ToolError("--log and --function-name exclude each other")
    if arguments.log:
        lines = arguments.log.read_text(encoding="utf-8", errors="replace").splitlines()
    elif arguments.function_name:
        now = time.time()
        lines = log_of(arguments.function_name, int((now - arguments.minutes * 60) * 1000))
        metrics = cloudwatch(arguments.function_name, arguments.minutes, now)
    else:
        lines = invoke_here(arguments)
    rows = collect(lines)
    if not rows:
        raise cli.ToolError("the log tells of no invocation; it needs AWS_LAMBDA_LOG_FORMAT=JSON and level INFO")
    text.heading("Invocations")
    show(rows)
    if metrics:
        show_cloudwatch(metrics)
    table, document = arguments.output, arguments.output.with_suffix(".json")
    with open(cli.output_file(table), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns(rows))
        writer.writeheader()
        writer.writerows(rows)
    content = {"invocations": rows} | ({"cloudwatch": metrics} if metrics else {})
    document.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"\n  {cli.shown(table)}\n  {cli.shown(document)}")
    return 0
