#!/usr/bin/env python3
"""Rows of values for the tests of the CSV transformation, and an independent calculation.

usage: rows.py make SEED ROWS FILE      random rows, good and bad ones
       rows.py check INPUT OUTPUT       compares what was made of them, CSV or JSON lines

Shares no code with the handler: Python's csv and json modules, math.fsum, which rounds once,
statistics.pstdev for every 50th row, which calculates in fractions, and numpy for every 100th row.

Exit status: 0 all equal, 1 some differ (they are printed), 2 can't compare.
"""

import csv
import json
import math
import random
import re
import statistics
import sys

import numpy as np

NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
HEADER = ["id", "count", "mean", "median", "std_dev", "outliers"]
IDS = ["plain", "with space", '"quoted"', '"a, ""b"""', '"two\r\nlines"', "M\u00fcnchen", "back\\slash", "'"]
ODD = ["nan", "inf", "-Infinity", "", "0x10", "1,5", "--1", "1e400", "1e-400", "1_000", "abc", "\u0661", "1 2"]


def make(seed, rows, path):
    pick = random.Random(int(seed))
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("\ufeffid,and,any,names\r\n")
        for row in range(int(rows)):
            count = pick.choice((1, 2, 3, 4, 5, 8, 8, 8, 13)) if row % 997 else 300
            kind = pick.randrange(5)
            values = [value(pick, kind) for _ in range(count)]
            if pick.randrange(50) == 0:
                odd = pick.choice(ODD)
                values[pick.randrange(count)] = f'"{odd}"' if "," in odd else odd
            if pick.randrange(500) == 0:
                values = []
            name = pick.choice(IDS) if pick.randrange(4) == 0 else f"row-{row}"
            file.write(",".join([name] + values) + pick.choice(("\n", "\r\n", "\n\n")))


def value(pick, kind):
    if kind == 0:
        return str(pick.randint(-9, 9))  # values right at a fence are common
    if kind == 1:
        return f"{pick.gauss(100, 15):.3f}"
    if kind == 2:
        return repr(pick.uniform(-1, 1) * 10 ** pick.randint(-12, 18))
    if kind == 3:
        return f" {1e9 + pick.random():.9f}\t"  # a large mean, a small deviation
    return f"+{pick.expovariate(0.1):.2f}e{pick.randint(-2, 2)}"


def parsed(fields):
    """The values, or nothing for a bad row."""
    if not fields[0] or len(fields) == 1 or not all(NUMBER.fullmatch(text) for text in fields[1:]):
        return None
    values = [float(text) for text in fields[1:]]
    for text, number in zip(fields[1:], values):
        if math.isinf(number) or (number == 0 and re.search("[1-9]", re.split("[eE]", text)[0])):
            return None
    return values


def quartile(ordered, q):
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    part = position - below
    distance = ordered[above] - ordered[below]
    return ordered[below] + distance * part if part < 0.5 else ordered[above] - distance * (1 - part)


def deviation_of(values, mean, in_fractions):
    if in_fractions:
        return statistics.pstdev(values)
    distances = [v - mean for v in values]
    off = math.fsum(distances) / len(values)
    return math.sqrt(max(0, math.fsum(d * d for d in distances) / len(values) - off * off))


def calculated(values, row):
    by_numpy = row % 100 == 1
    mean = math.fsum(values) / len(values)
    deviation = deviation_of(values, mean, row % 50 == 1)
    ordered = sorted(values)
    first, third = quartile(ordered, 0.25), quartile(ordered, 0.75)
    if by_numpy:
        assert [first, third] == list(np.percentile(values, [25, 75])), values
        assert math.isclose(mean, float(np.mean(values)), rel_tol=1e-9, abs_tol=1e-9 * max(map(abs, values)))
        assert math.isclose(deviation, float(np.std(values)), rel_tol=1e-6, abs_tol=1e-15 * max(map(abs, values)))
    reach = 1.5 * (third - first)
    outliers = [v for v in values if v < first - reach or v > third + reach]
    return len(values), mean, statistics.median(values), deviation, outliers


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file) if row)
        next(rows)
        yield from rows


def results_of(path):
    """(id, count, mean, median, std_dev, outliers, the texts of the numbers)"""
    if path.endswith(".jsonl"):
        with open(path, encoding="utf-8", newline="") as file:
            for line in file:
                row = json.loads(line, parse_float=str, parse_int=str)
                assert list(row) == HEADER, line
                yield row["id"], row["count"], row["mean"], row["median"], row["std_dev"], row["outliers"]
        return
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        assert next(rows) == HEADER
        for name, count, mean, median, deviation, outliers in rows:
            yield name, count, mean, median, deviation, outliers.split(";") if outliers else []


def shortest(text):
    """Whether no shorter text reads back the same, and it looks as Python has it."""
    return repr(float(text)).removesuffix(".0") == text


def check(source, output):
    results = results_of(output)
    equal = rows = values_seen = bad = 0
    for fields in rows_of(source):
        values = parsed(fields)
        if values is None:
            bad += 1
            continue
        rows += 1
        values_seen += len(values)
        found = next(results, None)
        count, mean, median, deviation, outliers = calculated(values, rows)
        right = (
            found is not None
            and found[0] == fields[0]
            and found[1] == str(count)
            and math.isclose(float(found[2]), mean, rel_tol=4e-16, abs_tol=0)
            and float(found[3]) == median
            and math.isclose(float(found[4]), deviation, rel_tol=1e-15)
            and [float(text) for text in found[5]] == outliers
            and all(shortest(text) for text in [*found[2:5], *found[5]])
        )
        equal += right
        if not right and rows - equal <= 5:
            print(f"{fields[0]!r}: found {found}, expected {(count, mean, median, deviation, outliers)}")
    surplus = sum(1 for _ in results)
    print(f"{equal} of {rows} rows equal, {surplus} too many; {bad} bad rows, {values_seen} values")
    return 0 if equal == rows and surplus == 0 else 1


def main(arguments):
    commands = {"make": (make, 4), "check": (check, 3)}
    if not arguments or arguments[0] not in commands or len(arguments) != commands[arguments[0]][1]:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]][0](*arguments[1:]) or 0
    except (OSError, ValueError, AssertionError, csv.Error) as error:
        print(f"rows.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
