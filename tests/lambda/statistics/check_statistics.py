#!/usr/bin/env python3
"""Compares a reply of the statistics handler with a calculation that shares no code.

    check_statistics.py EVENT REPLY

Plain sums in the order of the event must give the same bits; exact sums (math.fsum, statistics)
must give nearly the same number. Exit status 1 if anything differs.
"""

import json
import math
import statistics
import sys


def plain(values: list[float], algorithm: str) -> float:
    result = 0.0
    if algorithm == "advanced":
        for value in values:
            for i in range(1000):
                result += value * math.sin(i)
        return result
    mean = plain_sum(values) / len(values)
    for value in values:
        result += (value - mean) * (value - mean)
    return math.sqrt(result)


def plain_sum(values: list[float]) -> float:
    # Not sum(), which from Python 3.12 on corrects its rounding errors.
    total = 0.0
    for value in values:
        total += value
    return total


def exact(values: list[float], algorithm: str) -> tuple[float, float]:
    """The result, and how far rounding may take a plain sum from it."""
    if algorithm == "advanced":
        terms = [value * math.sin(i) for value in values for i in range(1000)]
        return math.fsum(terms), 1e-15 * len(terms) * math.fsum(map(abs, terms))
    result = statistics.pstdev(values) * math.sqrt(len(values))
    return result, 1e-9 * max(map(abs, values))


def class_of(result: float) -> str:
    return "low" if result < 0 else "medium" if result < 10 else "high"


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        event = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        reply = json.load(file)
    problems = []
    results = []
    for i, point in enumerate(event["data"]):
        values = [float(value) for value in point["values"]]
        given = reply["processed"][i]["result"]
        expected = plain(values, event["algorithm"])
        results.append(expected)
        if given != expected:
            problems.append(f"point {i}: {given!r}, expected {expected!r}")
        best, tolerance = exact(values, event["algorithm"])
        if abs(given - best) > tolerance:
            problems.append(f"point {i}: {given!r}, exactly {best!r}")
        if reply["processed"][i]["classification"] != class_of(expected):
            problems.append(f"point {i}: {reply['processed'][i]}, expected {class_of(expected)}")
    if len(reply["processed"]) != len(results):
        problems.append(f"{len(reply['processed'])} results for {len(results)} points")
    mean = plain_sum(results) / len(results)
    deviation = math.sqrt(plain_sum([(result - mean) * (result - mean) for result in results]) / len(results))
    if reply["stats"] != {"count": len(results), "mean": mean, "std_dev": deviation}:
        problems.append(f"stats {reply['stats']}, expected mean {mean!r} and std_dev {deviation!r}")
    if not math.isclose(deviation, statistics.pstdev(results), rel_tol=1e-9, abs_tol=1e-12):
        problems.append(f"std_dev {deviation!r}, exactly {statistics.pstdev(results)!r}")
    for problem in problems[:10]:
        print(problem)
    print(f"{len(results)} points, {len(problems)} differences")
    return 1 if problems else 0


sys.exit(main())
