#!/usr/bin/env python3
"""Compares what the CSV ETL wrote with a calculation of its own.

usage: check_result.py CSV RESULT REQUEST_ID

RESULT is the SQLite file, or a file named *.json with all items of the DynamoDB table, a list as its
Scan gives them.

Shares no code with the handler: Python's csv module, fractions and sqlite3. Where a quote is out
of place the csv module reads on as it sees fit, so files with such rows can't be checked with it.

Exit status: 0 all groups equal, 1 some differ (they are printed), 2 can't compare.
"""

import csv
import json
import re
import sqlite3
import sys
from collections import Counter
from fractions import Fraction

COLUMNS = ("Hospital", "Diagnosis", "Treatment", "Recovery Time")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]{0,6})?|\.[0-9]{1,6})")


def is_utf8(row):
    # surrogateescape turned each byte that isn't UTF-8 into a lone surrogate.
    return not any("\udc80" <= c <= "\udcff" for field in row for c in field)


def calculate(path):
    """(diagnosis, hospital) -> (sum, Counter of treatments in order of first appearance)"""
    groups = {}
    values = {}  # text -> Fraction; there are few different ones
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = (row for row in csv.reader(file) if row)
        header = next(rows)
        hospital, diagnosis, treatment, time = (header.index(name) for name in COLUMNS)
        for row in rows:
            if len(row) != len(header) or not is_utf8(row):
                continue
            needed = row[hospital], row[diagnosis], row[treatment], row[time]
            if "" in needed or not NUMBER.fullmatch(row[time]):
                continue
            if row[time] not in values:
                values[row[time]] = Fraction(row[time].rstrip("."))
            group = groups.setdefault((row[diagnosis], row[hospital]), [Counter(), Counter()])
            group[0][row[time]] += 1
            group[1][row[treatment]] += 1
    expected = {}
    for key, (times, treatments) in groups.items():
        total = sum(values[text] * count for text, count in times.items())
        # float(Fraction) rounds correctly; most_common keeps the first of equals first.
        average = float(total / sum(times.values()))
        expected[key] = (repr(average), treatments.most_common(1)[0][0])
    return expected


ATTRIBUTES = {
    "PK": "S",
    "SK": "S",
    "Diagnosis": "S",
    "Hospital": "S",
    "AverageRecoveryTime": "N",
    "MostUsedTreatment": "S",
}


def read_items(path, request_id):
    with open(path, encoding="utf-8") as file:
        items = json.load(file)
    if not isinstance(items, list):
        raise ValueError(f"not a list of items: {items}")
    for item in items:
        types = {name: next(iter(value), None) for name, value in item.items()}
        if types != ATTRIBUTES:
            raise ValueError(f"an item's attributes are {types}, not {ATTRIBUTES}")
        if item["PK"]["S"] == request_id:
            text = {name: item[name][kind] for name, kind in ATTRIBUTES.items()}
            yield (
                text["SK"],
                text["Diagnosis"],
                text["Hospital"],
                float(text["AverageRecoveryTime"]),
                text["MostUsedTreatment"],
            )


def read_rows(path, request_id):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    yield from database.execute(
        "SELECT SK, Diagnosis, Hospital, AverageRecoveryTime, MostUsedTreatment"
        " FROM recovery_statistics WHERE PK = ?",
        (request_id,),
    )
    database.close()


def read_result(path, request_id):
    """(diagnosis, hospital) -> (average, treatment)"""
    found = {}
    read = read_items if path.endswith(".json") else read_rows
    for sort_key, diagnosis, hospital, average, treatment in read(path, request_id):
        if sort_key != f"#diagnosis#{diagnosis}#hospital#{hospital}":
            raise ValueError(f"sort key {sort_key!r} isn't that of {diagnosis!r}, {hospital!r}")
        found[diagnosis, hospital] = (repr(average), treatment)
    return found


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        expected = calculate(arguments[0])
        found = read_result(arguments[1], arguments[2])
    except (OSError, ValueError, StopIteration, csv.Error, sqlite3.Error) as error:
        print(f"check_result.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    keys = sorted(expected.keys() | found.keys())
    different = [key for key in keys if expected.get(key) != found.get(key)]
    for key in different:
        print(f"{key[0]!r}, {key[1]!r}: expected {expected.get(key)}, found {found.get(key)}")
    print(f"{len(keys) - len(different)} of {len(keys)} groups equal")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
