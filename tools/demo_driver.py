#!/usr/bin/env python3
"""The part of tools/demo that runs once everything is built; see there."""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/lambda"))

from millrace_lambda.cli import ToolError  # noqa: E402
from millrace_lambda.function import Local  # noqa: E402

CHECKED_UP_TO = 3_000_000  # rows; the independent calculation does about 400,000 in a second
REPETITIONS = 5

TERMINAL = sys.stdout.isatty()
BOLD, DIM, GREEN, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m") if TERMINAL else ("",) * 4
WIDTH = max(60, min(100, shutil.get_terminal_size((80, 24)).columns))


def bar(share: float, width: int) -> str:
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width)


def heading(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}")


class Progress:
    """One line that is drawn over on a terminal; elsewhere only its end is printed."""

    def __init__(self, what: str):
        self.what = what
        self.started = time.monotonic()

    def show(self, share: float) -> None:
        if TERMINAL:
            print(f"\r\x1b[K  {self.what:<22} {bar(share, 30)} {share:4.0%}", end="", flush=True)

    def done(self, text: str) -> None:
        print(("\r\x1b[K" if TERMINAL else "") + f"  {self.what:<22} {text}", flush=True)


class Service(Local):
    """bootstrap-csv-etl, with its progress."""

    def __init__(self, build: pathlib.Path, work: pathlib.Path, workers: int | None):
        """`workers` None: as many as the process may use."""
        super().__init__(build, "csv-etl", {"WORKER_COUNT": str(workers)} if workers else None)
        self.log = work / f"service-{workers or 'all'}.log"
        self.log.unlink(missing_ok=True)
        self.progress = None  # (done, total) as last logged by the function

    def logged(self, line: str) -> None:
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(line)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line[line.index("{"):])
            if entry["message"] == "progress":
                self.progress = (entry["done"], entry["total"])

    def invoke_and_show(self, event: dict, progress: Progress | None = None) -> dict:
        self.progress = None
        outcome = {}

        def call() -> None:
            try:
                outcome["reply"] = self.invoke(event).result()
            except (ToolError, OSError) as error:
                outcome["error"] = error

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.05)
            if progress and self.progress:
                progress.show(self.progress[0] / max(1, self.progress[1]))
        if "error" in outcome:
            raise ToolError(f"{outcome['error']} (log: {self.log})")
        return outcome["reply"]


def input_file(arguments) -> pathlib.Path:
    if arguments.file:
        return pathlib.Path(arguments.file)
    path = arguments.work / f"medical-records-{arguments.rows}.csv"
    progress = Progress("medical records")
    if path.exists():
        progress.done(f"{arguments.rows:,} rows, {path.stat().st_size / 1e6:.1f} MB, from an earlier run")
        return path
    expected = arguments.rows * 48  # bytes, roughly; for the bar only
    started = time.monotonic()
    process = subprocess.Popen(
        [str(arguments.build / "examples/lambda/data/generate-medical-records"),
         "--rows", str(arguments.rows), "--output", str(path)],
        stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        while process.poll() is None:
            time.sleep(0.05)
            written = [entry.stat().st_size for entry in os.scandir(path.parent)
                       if entry.name.startswith(path.name)]
            progress.show(max(written, default=0) / expected)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode != 0:
        raise ToolError(f"generating the records failed with status {process.returncode}")
    seconds = time.monotonic() - started
    progress.done(f"{arguments.rows:,} rows, {path.stat().st_size / 1e6:.1f} MB, generated in {seconds:.1f} s")
    return path


def show_phases(reply: dict) -> None:
    heading("Time of each phase")
    phases = [("await input", reply["read_ms"], "read the file, off the loop"),
              ("compute on the pool", reply["compute_ms"], f"parse and aggregate, {reply['workers']} workers"),
              ("await output", reply["write_ms"], f"{reply['items_written']} items to SQLite")]
    longest = max(ms for _, ms, _ in phases) or 1
    for name, ms, what in phases:
        print(f"  {name:<20} {bar(ms / longest, 24)} {ms:8.1f} ms  {DIM}{what}{PLAIN}")
    rate = reply["rows"] / (reply["compute_ms"] / 1000)
    print(f"  {reply['rows']:,} rows in {reply['groups']} groups, {reply['bad_rows']} bad rows;"
          f" {rate / 1e6:.1f} million rows/s, {reply['input_bytes'] / reply['compute_ms'] / 1000:.0f} MB/s")


def show_best(database: pathlib.Path, request_id: str) -> None:
    """Read back from SQLite: of each diagnosis the hospital with the shortest recovery."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            """select Diagnosis, Hospital, cast(AverageRecoveryTime as real) as days, MostUsedTreatment,
                      max(cast(AverageRecoveryTime as real)) over (partition by Diagnosis) as worst,
                      row_number() over (partition by Diagnosis
                                         order by cast(AverageRecoveryTime as real), Hospital) as place
               from recovery_statistics where PK = ?""", (request_id,)).fetchall()
    best = sorted(row for row in rows if row[5] == 1)
    heading("Best hospital per diagnosis (shortest average recovery)")
    texts = [(diagnosis, hospital, treatment) for diagnosis, hospital, _, treatment, _, _ in best[:40]]
    w = [max([len(text[i]) for text in texts] + [len(title)])
         for i, title in enumerate(("Diagnosis", "Hospital", "Most used treatment"))]
    print(f"  {DIM}{'Diagnosis':<{w[0]}}  {'Hospital':<{w[1]}}  {'Days':>6}  {'Worst':>6}  {'Most used treatment':<{w[2]}}{PLAIN}")
    for diagnosis, hospital, days, treatment, worst, _ in best[:40]:
        print(f"  {diagnosis:<{w[0]}}  {GREEN}{hospital:<{w[1]}}{PLAIN}  {days:6.2f}  {worst:6.2f}  {treatment}")
    if len(best) > 40:
        print(f"  {DIM}... and {len(best) - 40} more, in {database}{PLAIN}")


def compare_workers(services: dict[int, Service], event: dict) -> None:
    """Alternating, so that what else the machine does hits both alike."""
    times = {workers: [] for workers in services}
    many = max(services)
    progress = Progress(f"1 and {many} workers")
    for i in range(REPETITIONS):
        for workers, service in services.items():
            times[workers].append(service.invoke_and_show(event)["compute_ms"])
        progress.show((i + 1) / REPETITIONS)
    progress.done(f"{REPETITIONS} invocations each, alternating")
    heading(f"Parse and aggregate: 1 worker against {many}, medians")
    medians = {workers: statistics.median(ms) for workers, ms in times.items()}
    for workers, ms in times.items():
        label = f"{workers} worker" + ("s" if workers > 1 else "")
        print(f"  {label:<10} {bar(medians[workers] / max(medians.values()), 36)}"
              f" {medians[workers]:8.1f} ms  {DIM}{min(ms):.1f} to {max(ms):.1f}{PLAIN}")
    print(f"  {many} workers take {medians[many] / medians[1]:.2f}x the time of one")


def check(source: pathlib.Path, database: pathlib.Path, request_id: str) -> None:
    checker = subprocess.run(
        [sys.executable, "-B", str(ROOT / "examples/lambda/csv_etl/check_result.py"),
         str(source), str(database), request_id], capture_output=True, text=True, check=False)
    if checker.returncode != 0:
        raise ToolError(f"the independent calculation disagrees:\n{checker.stdout}{checker.stderr}")
    Progress("checked").done(f"{checker.stdout.strip()} an independent calculation (python3, csv and decimal)")


def run(arguments) -> None:
    arguments.work.mkdir(parents=True, exist_ok=True)
    heading("Millrace: async at the boundaries, sync compute in the middle")
    source = input_file(arguments)
    database = arguments.work / "recovery-statistics.sqlite"
    database.unlink(missing_ok=True)
    event = {"input": str(source), "output": str(database)}
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Service(arguments.build, arguments.work, arguments.workers))
        progress = Progress("invoking the function")
        reply = service.invoke_and_show(event, progress)
        progress.done(f"request {reply['request_id']}")
        # Python's csv module reads on as it sees fit where a row is broken: nothing to compare with.
        if reply["rows"] <= CHECKED_UP_TO and reply["bad_rows"] == 0:
            check(source, database, reply["request_id"])
        show_best(database, reply["request_id"])
        show_phases(reply)
        if reply["workers"] > 1:
            print()
            one = stack.enter_context(Service(arguments.build, arguments.work, 1))
            compare_workers({1: one, reply["workers"]: service}, event)
    print()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--file")
    arguments = parser.parse_args()
    # SIGTERM ends the demo as Ctrl-C does: by an exception, so that every block stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(arguments)
    except ToolError as error:
        print(f"tools/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntools/demo: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
