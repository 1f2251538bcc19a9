"""CSV from file to groups: Millrace's handler against rivals; tools/bench --only csv calls this.

Every rival is a process that stays, so that nobody's start counts. It gets a path per line and
answers with how long it took and with its groups, which must be the right ones. In each round each
has its turn once.
"""

import argparse
import csv
import datetime
import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict

import machine
from results import spread
from targets import Verdict

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "bench")
SOURCE = os.path.join(ROOT, "benchmarks", "lambda", "csv")
ROWS = {"10k": 10_000, "1m": 1_000_000}
WARM_UP = 2
FROM_FILE, FROM_MEMORY, FLOOR, STD_FLOOR = ("from file", "from memory", "newlines",
                                            "newlines, std::count")


class Failed(Exception):
    pass


class Rival:
    def __init__(self, name, command, directory=None, **environment):
        self.name = name
        self.errors = open(os.path.join(BUILD, "rival-" + name.translate(str.maketrans(" /", "--"))
                                        + ".log"), "w+",
                           encoding="utf-8")
        self.process = subprocess.Popen(command, cwd=directory, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors,
                                        env={**os.environ, **environment})

    def run(self, path):
        try:
            self.process.stdin.write(path + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise Failed(f"{self.name} ended: {self.errors.read()[-500:]}")
        return json.loads(line)

    def close(self):
        """The end of its input is its end."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def start_all(rust):
    npm = os.path.join(ROOT, "build", "npm", "benchmarks", "lambda")
    for script in ("rival.mjs", "duckdb.mjs", "polars.mjs", "node_stream.mjs"):
        shutil.copy(os.path.join(SOURCE, script), npm)  # Node looks for packages beside a script
    millrace = os.path.join(BUILD, "benchmarks", "lambda", "csv-millrace")
    commands = [("Millrace, 1 worker", [millrace, "1"], None, {}),
                ("Millrace, 2 workers", [millrace, "2"], None, {}),
                ("DuckDB, 2 threads", ["node", "duckdb.mjs", "2"], npm, {}),
                ("Polars, 2 threads", ["node", "polars.mjs"], npm, {"POLARS_MAX_THREADS": "2"}),
                ("pandas", ["/usr/bin/python3", os.path.join(SOURCE, "pandas_rival.py")], None, {}),
                ("Node stream", ["node", "node_stream.mjs"], npm, {})]
    if rust == "available":
        program = os.path.join(BUILD, "rust", "release", "csv-rival")
        commands += [("Rust csv, 1 thread", [program, "1"], None, {}),
                     ("Rust csv + Rayon, 2 threads", [program, "2"], None, {})]
    rivals = []
    try:
        for name, command, directory, environment in commands:
            rivals.append(Rival(name, command, directory, **environment))
    except OSError as error:
        for rival in rivals:
            rival.close()
        raise Failed(f"{command[0]}: {error}") from error
    return rivals


def expected_groups(path):
    """{(diagnosis, hospital): (average, treatments with the highest count, first seen first)}"""
    rows = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["Diagnosis"], row["Hospital"]].append((row["Treatment"],
                                                            int(row["Recovery Time"])))
    groups = {}
    for key, found in rows.items():
        counts = Counter(treatment for treatment, _ in found)
        highest = max(counts.values())
        groups[key] = (sum(time for _, time in found) / len(found),
                       [treatment for treatment, count in counts.items() if count == highest])
    return groups


def check(rival, groups, expected):
    """Only Millrace promises which of equally frequent treatments it names."""
    keys = [(group[0], group[1]) for group in groups]
    if keys != sorted(expected):
        raise Failed(f"{rival}: {len(keys)} groups, of which some are wrong or out of order")
    for diagnosis, hospital, average, treatment in groups:
        right_average, most_used = expected[diagnosis, hospital]
        if rival.startswith("Millrace"):
            most_used = most_used[:1]
        if not math.isclose(average, right_average, rel_tol=1e-12) or treatment not in most_used:
            raise Failed(f"{rival}: {diagnosis}, {hospital}: {average} days and {treatment}, must "
                         f"be {right_average} and {' or '.join(most_used)}")


def measure(rounds, rust):
    """{size: {"rival|value": [one number per round]}}"""
    measured = {}
    rivals = start_all(rust)
    try:
        for size, rows in ROWS.items():
            path = os.path.join(BUILD, f"records-{size}.csv")
            subprocess.run([os.path.join(BUILD, "examples", "lambda", "data",
                                         "generate-medical-records"), "--rows", str(rows),
                            "--output", path], check=True)
            expected = expected_groups(path)
            values = measured[size] = defaultdict(list)
            for turn in range(-WARM_UP, rounds):
                print(f"\r\033[K{size}: round {max(turn + 1, 0)} of {rounds}", end="",
                      file=sys.stderr, flush=True)
                for at in range(len(rivals)):
                    rival = rivals[(at + turn) % len(rivals)]
                    reply = rival.run(path)
                    check(rival.name, reply["groups"], expected)
                    if turn < 0:
                        continue
                    for name, value in reply["values"].items():
                        values[f"{rival.name}|{name}"].append(value)
        print("\r\033[K", end="", file=sys.stderr)
    finally:
        for rival in rivals:
            rival.close()
    return measured


def rows_of(measured, size):
    """(name, spread, spread of its ratio to Millrace with 2 workers), the fastest first."""
    values = measured[size]
    ours = values[f"Millrace, 2 workers|{FROM_FILE}"]
    rows = [(key.split("|")[0], spread(got), spread([a / b for a, b in zip(got, ours)]))
            for key, got in values.items() if key.endswith("|" + FROM_FILE)]
    return sorted(rows, key=lambda row: row[1].median)


def floors_of(measured, size):
    values = measured[size]
    for threads, ours in (("1 thread", "Millrace, 1 worker"), ("2 threads", "Millrace, 2 workers")):
        yield f"Millrace, parse and aggregate, {threads}", spread(values[f"{ours}|{FROM_MEMORY}"])
        yield f"newline count, {threads}", spread(values[f"{ours}|{FLOOR}"])
        yield f"newline count by std::count, {threads}", spread(values[f"{ours}|{STD_FLOOR}"])


def tables(measured):
    for size in measured:
        yield f"### {ROWS[size]:,} rows, from the file to the sorted groups\n"
        yield "| | median, ms | quartiles | best | x Millrace, 2 workers |\n|---|---|---|---|---|"
        for name, got, ratio in rows_of(measured, size):
            yield (f"| {name} | {got.median:.2f} | {got.q1:.2f} - {got.q3:.2f} | {got.min:.2f} "
                   f"| {ratio.median:.2f} |")
        yield f"\n### {ROWS[size]:,} rows in memory, against the floor\n"
        yield "| | median, ms | quartiles | best |\n|---|---|---|---|"
        for name, got in floors_of(measured, size):
            yield f"| {name} | {got.median:.2f} | {got.q1:.2f} - {got.q3:.2f} | {got.min:.2f} |"
        yield ""


def verdicts(measured):
    for size, values in measured.items():
        ours = values[f"Millrace, 2 workers|{FROM_FILE}"]

        def ratio(above, below):
            return spread([a / b for a, b in zip(above, below)])

        for key, got in values.items():
            name, value = key.split("|")
            if value != FROM_FILE or name.startswith("Millrace"):
                continue
            have = ratio(ours, got)
            yield verdict(f"CSV, {size} rows, from file, against {name}", have, 1, strict=True)
            if size == "1m" and name.startswith("DuckDB"):
                yield verdict("CSV, 1m rows, from file, of DuckDB's time", have, 0.25)
    values = measured["1m"]
    for floor, what in ((FLOOR, "the newline count"), (STD_FLOOR, "std::count of newlines")):
        yield verdict(f"CSV, 1m rows in memory, 2 workers, of {what}",
                      ratio(values[f"Millrace, 2 workers|{FROM_MEMORY}"],
                            values[f"Millrace, 2 workers|{floor}"]), 5)
    yield verdict("CSV, 1m rows, 2 workers, from file, of the same from memory",
                  ratio(values[f"Millrace, 2 workers|{FROM_FILE}"],
                        values[f"Millrace, 2 workers|{FROM_MEMORY}"]), 1.5)
    values = measured["10k"]
    for where in (FROM_FILE, FROM_MEMORY):
        yield verdict(f"CSV, 10k rows, {where}, 2 workers, of 1 worker's time",
                      ratio(values[f"Millrace, 2 workers|{where}"],
                            values[f"Millrace, 1 worker|{where}"]), 1.05)


def verdict(what, have, want, strict=False):
    ok = have.median < want if strict else have.median <= want
    return Verdict(what, f"{have.median:.3g}x [{have.q1:.3g} - {have.q3:.3g}]",
                   f"{'<' if strict else '<='} {want:g}x", ok)


def draw(measured, directory):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    from charts import CPP, OURS, save  # with its style

    figure, panels = plt.subplots(len(measured), 1, figsize=(7.5, 6.4), layout="constrained")
    for axes, size in zip(panels, measured):
        rows = rows_of(measured, size)
        for at, (name, got, _) in enumerate(reversed(rows)):
            axes.barh(at, got.median, color=OURS if name.startswith("Millrace") else CPP,
                      height=0.68)
            axes.plot([got.q1, got.q3], [at, at], color="#20252b", linewidth=1.2, marker="|",
                      markersize=5)
            axes.annotate(f"{got.median:,.1f}", (max(got.median, got.q3), at), xytext=(4, 0),
                          textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
        axes.set_xscale("log")
        axes.set_xlim(rows[0][1].min / 2, rows[-1][1].max * 2)
        axes.set_title(f"{ROWS[size]:,} rows, from the file to the sorted groups")
        axes.set_xlabel("ms, logarithmic (less is better)")
        axes.tick_params(axis="y", length=0)
    save(figure, directory, "csv")


PAGE = """# CSV: Millrace's handler against its rivals

Written by `tools/bench --only csv` on {date}, on {cpus} CPUs ({cpu}, {os}). Medians of {rounds}
alternating rounds.
Everybody is a process that stays, so no start counts; the file is in the page cache. Each result was
compared with an independent calculation. [0010](decisions/0010-csv-at-the-speed-of-memory.md) says
how it works. DuckDB, Polars, pandas and Rust are given the columns' types.

![times](benchmarks/csv.svg)

"""


def main():
    parser = argparse.ArgumentParser(prog="tools/bench --only csv")
    parser.add_argument("--mode", choices=["full", "quick", "check"], required=True)
    parser.add_argument("--rust", required=True, help="'available', or why not")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--results", help="takes these instead of measuring")
    options = parser.parse_args()

    path = options.results or os.path.join(BUILD, "csv.json")
    if options.results:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    else:
        rounds = options.rounds or (3 if options.mode == "quick" else 10)
        data = {"rounds": rounds, "date": datetime.date.today().isoformat(),
                "machine": machine.describe(), "measured": measure(rounds, options.rust)}
        with open(path, "w", encoding="utf-8") as out:
            json.dump(data, out, indent=1)
    measured = data["measured"]
    text = "\n".join(tables(measured))
    print(text)
    if options.mode == "check":
        found = list(verdicts(measured))
        for one in found:
            print(one.line())
        return 0 if all(one.ok for one in found) else 1
    if options.mode == "full":
        docs = os.path.join(ROOT, "docs")
        draw(measured, os.path.join(docs, "benchmarks"))
        with open(os.path.join(docs, "csv-benchmark.md"), "w", encoding="utf-8") as out:
            about = data["machine"]
            out.write(PAGE.format(date=data["date"], rounds=data["rounds"], cpu=about["cpu"],
                                  cpus=about["usable"], os=about["os"]) + text)
        print("written: docs/csv-benchmark.md, docs/benchmarks/csv.svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"tools/bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
