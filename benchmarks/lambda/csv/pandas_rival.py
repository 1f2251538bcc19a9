"""pandas with its C parser and categories, as its guide says to do for speed."""

import json
import sys
import time

import pandas

TYPES = {"Hospital": "category", "Diagnosis": "category", "Treatment": "category",
         "Recovery Time": "int64"}


def groups(path):
    frame = pandas.read_csv(path, engine="c", dtype=TYPES)
    by_cell = frame.groupby(["Diagnosis", "Hospital", "Treatment"], observed=True)
    cells = by_cell["Recovery Time"].agg(["sum", "count"]).reset_index()
    by_group = cells.groupby(["Diagnosis", "Hospital"], observed=True)
    sums = by_group[["sum", "count"]].sum()
    most_used = cells.loc[by_group["count"].idxmax(), "Treatment"]
    averages = sums["sum"] / sums["count"]
    return sorted([diagnosis, hospital, average, treatment] for (diagnosis, hospital), average, treatment
            in zip(averages.index, averages, most_used))


for line in sys.stdin:
    start = time.perf_counter()
    found = groups(line.rstrip("\n"))
    ms = (time.perf_counter() - start) * 1000
    print(json.dumps({"values": {"from file": ms}, "groups": found}), flush=True)
