"""tools/lambda/validation"""

import dataclasses
import math
import typing

from . import cli, function, text

DESCRIPTION = """\
Says in some seconds whether a function is deployed well: good and bad events, each with what must come
back. Exit status 0 if all is as it should be, 1 if not."""

INVALID = "Function.InvalidEvent"


@dataclasses.dataclass
class Check:
    name: str
    event: object
    problem: typing.Callable[[object], str] | None = None  # what is wrong with a reply, empty if nothing
    error_type: str = ""  # expected instead of a reply
    message: str = ""  # part of the error's message


def bcrypt_reply(count: int, modes: tuple[str, ...]):
    def problem(reply) -> str:
        fields = {"processed", "duration_ms", "mode", "workers", "detected_cpus", "avg_ms_per_item", "memory_used_kb",
                  "threads_used"}
        if not isinstance(reply, dict) or set(reply) != fields:
            return f"the fields are {sorted(reply) if isinstance(reply, dict) else reply}"
        if reply["processed"] != count:
            return f"processed is {reply['processed']}, not {count}"
        if reply["mode"] not in modes:
            return f"mode is {reply['mode']}"
        most = reply["workers"] if reply["mode"] == "parallel" else 1
        if not 1 <= reply["threads_used"] <= most:
            return f"threads_used is {reply['threads_used']} of {most}"
        if abs(reply["avg_ms_per_item"] - reply["duration_ms"] / count) > 0.0051:
            return f"avg_ms_per_item is {reply['avg_ms_per_item']} with duration_ms {reply['duration_ms']}"
        return ""
    return problem


def statistics_reply(results: list[float], classes: list[str]):
    def problem(reply) -> str:
        if not isinstance(reply, dict) or set(reply) != {"processed", "stats"}:
            return f"the reply is {str(reply)[:80]}"
        if [point["classification"] for point in reply["processed"]] != classes:
            return f"the classes are {[point['classification'] for point in reply['processed']]}"
        mean = math.fsum(results) / len(results)
        deviation = math.sqrt(math.fsum((result - mean) ** 2 for result in results) / len(results))
        stats = reply["stats"]
        given = [*(point["result"] for point in reply["processed"]), stats["count"], stats["mean"], stats["std_dev"]]
        expected = [*results, len(results), mean, deviation]
        if not all(math.isclose(g, e, rel_tol=1e-9, abs_tol=1e-9) for g, e in zip(given, expected)):
            return f"the numbers are {given}, not {expected}"
        return ""
    return problem


CHECKS = {
    "bcrypt": [
        Check("one hash", {"count": 1, "mode": "sequential"}, bcrypt_reply(1, ("sequential",))),
        Check("eight hashes in parallel", {"count": 8, "mode": "parallel"}, bcrypt_reply(8, ("parallel",))),
        Check("auto", {"count": 4, "mode": "auto"}, bcrypt_reply(4, ("parallel", "sequential"))),
        Check("count 0", {"count": 0, "mode": "auto"}, None, INVALID, "not 0"),
        Check("count 1001", {"count": 1001, "mode": "auto"}, None, INVALID, "not 1001"),
        Check("count -1", {"count": -1, "mode": "auto"}, None, INVALID, "not -1"),
        Check("count 1.5", {"count": 1.5, "mode": "auto"}, None, INVALID, "not 1.5"),
        Check("count in quotes", {"count": "20", "mode": "auto"}, None, INVALID, 'not "20"'),
        Check("no count", {"mode": "auto"}, None, INVALID, '"count" is missing'),
        Check("no mode", {"count": 1}, None, INVALID, '"mode" is missing'),
        Check("unknown mode", {"count": 1, "mode": "fast"}, None, INVALID, '"fast"'),
        Check("unknown field", {"count": 1, "mode": "auto", "cost": 4}, None, INVALID, '"cost"'),
        Check("not an object", [1], None, INVALID, "object"),
        Check("still serving", {"count": 1, "mode": "auto"}, bcrypt_reply(1, ("sequential",))),
    ],
    "statistics": [
        Check("three points", {"data": [{"values": [1, 3], "metadata": "a"}, {"values": [0, 20]}, {"values": [5]}],
                               "algorithm": "standard"},
              statistics_reply([math.sqrt(2), math.sqrt(200), 0.0], ["medium", "high", "medium"])),
        Check("the advanced algorithm", {"data": [{"values": [1e4]}, {"values": [-1e4]}], "algorithm": "advanced"},
              statistics_reply([1e4 * math.fsum(map(math.sin, range(1000))) * sign for sign in (1, -1)], ["low", "high"])),
        Check("unknown algorithm", {"data": [{"values": [1]}], "algorithm": "best"}, None, INVALID, '"standard" or "advanced"'),
        Check("no data", {"algorithm": "standard"}, None, INVALID, '"data" is missing'),
        Check("empty values", {"data": [{"values": []}], "algorithm": "standard"}, None, INVALID, "data[0].values is empty"),
        Check("a value that is no number", {"data": [{"values": [1, "2"]}], "algorithm": "standard"}, None, INVALID,
              "data[0].values[1]"),
        Check("beyond all numbers", {"data": [{"values": [1e308, 1e308]}], "algorithm": "standard"}, None,
              "Function.ResultOverflow", "data[0]"),
        Check("not an object", "data", None, INVALID, "object"),
        Check("still serving", {"data": [{"values": [7]}], "algorithm": "standard"}, statistics_reply([0.0], ["medium"])),
    ],
}


def add_arguments(parser) -> None:
    parser.add_argument("--handler", choices=list(CHECKS), help="default: all here, bcrypt if it is deployed")
    parser.add_argument("--function-name", metavar="NAME", help="a deployed function, through the aws command")


def wrong(check: Check, invocation: function.Invocation) -> str:
    """Empty if all is well."""
    if check.error_type:
        if not invocation.error_type:
            return f"no error but {str(invocation.reply)[:80]}"
        if invocation.error_type != check.error_type:
            return f"error {invocation.error_type}, not {check.error_type}"
        return "" if check.message in invocation.error_message else f"the message is {invocation.error_message[:100]!r}"
    if invocation.error_type:
        return f"{invocation.error_type}: {invocation.error_message[:100]}"
    try:
        return check.problem(invocation.reply)
    except (KeyError, TypeError, AttributeError):  # the reply of another function
        return f"the reply is {str(invocation.reply)[:80]}"


def validate(service, handler: str) -> int:
    """The number of checks that failed."""
    text.heading(f"{service.name}: {len(CHECKS[handler])} checks")
    failed = 0
    for check in CHECKS[handler]:
        problem = wrong(check, service.invoke(check.event))
        failed += bool(problem)
        mark = f"{text.RED}FAIL{text.PLAIN}" if problem else f"{text.GREEN}ok{text.PLAIN}  "
        print(f"  {mark}  {check.name}" + (f": {problem}" if problem else ""), flush=True)
    return failed


def main(arguments) -> int:
    failed = 0
    if arguments.function_name:
        handlers = [arguments.handler or "bcrypt"]
        with function.Deployed(arguments.function_name) as service:
            failed += validate(service, handlers[0])
    else:
        handlers = [arguments.handler] if arguments.handler else list(CHECKS)
        build = cli.build(arguments, function.targets(*handlers))
        for handler in handlers:
            with function.Local(build, handler) as service:
                failed += validate(service, handler)
    total = sum(len(CHECKS[handler]) for handler in handlers)
    print(f"\n  {total - failed} of {total} checks passed" + (f", {failed} failed" if failed else ""))
    return 1 if failed else 0
