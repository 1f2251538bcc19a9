"""Runs the programs: round after round, each rival once a round."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import machine
from results import Results, is_disturbed

TIMEOUT = 60  # seconds that one program may take for one step


@dataclass(frozen=True)
class Program:
    language: str
    name: str  # hop, allocations
    path: str
    baseline: bool = False  # an earlier version of the library, of which only that is measured


@dataclass(frozen=True)
class Size:
    """A problem in one size. `repeat`: how often each rival has its turn in one round, for rivals
    that differ by little. `ms`: length of one run, 0 if the problem has no such thing."""

    problem: str
    workers: int
    in_flight: int
    ms: int
    program: str = "hop"
    rust: bool = True
    repeat: int = 1
    target: bool = False  # section 7 of the design has a number for it
    baseline: bool = False  # compared with an earlier version of the library
    quick: bool = True  # part of a quick run


LOADS = (10, 30, 60, 90)  # percent of what the workers can do
# (length of a job, ms of one run, numbers of workers): long jobs need more time for as many.
LOAD_KINDS = (("5us", 300, (1,)), ("50us", 400, (1, 2)), ("500us", 1000, (1,)))
MOST_IN_FLIGHT = 8  # of install

SIZES = (
    [Size("latency", w, 1, 100, target=w == 1) for w in (1, 2)]
    + [Size("throughput", w, n, 80, target=w == 1 and n > 1) for w in (1, 2) for n in (1, 64, 1024)]
    + [Size("strands", 1, n, 80, rust=False) for n in (1, 64)]
    + [Size(p, w, 1, 400, target=True, baseline=True, quick=p == "isolated" or w == 2)
       for p in ("isolated", "isolated_nested") for w in (1, 2, 3)]
    + [Size(f"load_{kind}_at_{load}", w, 0, ms, target=True, baseline=True,
            quick=w == 1 and kind == "50us" and load in (30, 90))
       for kind, ms, workers in LOAD_KINDS for w in workers for load in LOADS]
    + [Size("foreign", w, 1, 400, target=True, baseline=True) for w in (1, 2)]
    + [Size("beside_a_region", 2, 1, 400, target=True, baseline=True)]
    + [Size("timer", w, 0, 300, target=True) for w in (1, 2)]
    + [Size(p, w, n, 30 * (n + 1), rust=False, repeat=3, target=True, baseline=True)
       for w in (1, 2) for p in ("parallel_for", "parallel_reduce") for n in (1, MOST_IN_FLIGHT)]
    + [Size(p, w, 1, 60, rust=False, repeat=3, target=True)
       for w in (1, 2) for p in ("parallel_map", "map_reduce", "parallel_sort")]
    + [Size(p, w, 8, 300, rust=False, target=True)
       for w in (1, 2) for p in ("adaptive_short", "adaptive_long", "adaptive_mixed",
                                 "adaptive_drifting")]
    + [Size("adaptive_decision", 1, 1, 20, rust=False, target=True)]
    + [Size("metrics", 1, n, 20, rust=False, repeat=9, target=True) for n in (64, 1024)]
    + [Size("idle", 2, 0, 500, target=True)]
    + [Size("allocations", 1, n, 0, program="allocations", target=True) for n in (1, 64)]
)


class Failed(Exception):
    pass


def run(program, arguments):
    """Rows of one run of a program, and what it says of itself."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [program.path, *arguments, "--json", out.name]
        try:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{' '.join(command)}: no end after {TIMEOUT} s") from error
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
        with open(out.name, encoding="utf-8") as file:
            data = json.load(file)
    return data["rows"], data["program"]


class Foreign:
    """The share of a core that processes other than our children used within the block."""

    def __enter__(self):
        self.busy = machine.busy_seconds()
        self.own = own_seconds()
        self.started = time.monotonic()
        return self

    def __exit__(self, *_):
        used = machine.busy_seconds() - self.busy - (own_seconds() - self.own)
        # The kernel counts in hundredths of a second.
        self.share = max(0.0, used - 0.02) / (time.monotonic() - self.started)


def own_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def as_step(size, number, spins_ns, foreign, rows):
    problem, workers, in_flight = size
    return {"problem": problem, "workers": workers, "in_flight": in_flight, "round": number,
            "spins_ns": spins_ns, "foreign": foreign,
            "values": {f"{row['rival']}|{row['metric']}": row["values"] for row in rows},
            "units": {row["metric"]: row["unit"] for row in rows}}


class Runner:
    def __init__(self, programs, scale, patience, deadline):
        self.programs = programs
        self.scale = scale
        self.patience = patience  # seconds to spend on waiting for other processes, altogether
        self.deadline = deadline
        self.about_programs = {}
        self.hop = next(p for p in programs if p.language == "C++" and p.name == "hop"
                        and not p.baseline)

    def step(self, size, number):
        """One step, again while something disturbs it and patience lasts."""
        while True:
            self.wait_for_quiet()
            started = time.monotonic()
            step = self.step_once(size, number)
            took = time.monotonic() - started
            if not is_disturbed(step) or self.patience < took or time.monotonic() > self.deadline:
                return step
            self.patience -= took

    def step_once(self, size, number):
        with Foreign() as foreign:
            spins = [self.spin()]
            arguments = ["--problem", size.problem, "--workers", str(size.workers),
                         "--in-flight", str(size.in_flight), "--rounds", str(size.repeat),
                         "--rotate", str(number)]
            if size.ms:
                arguments += ["--time", str(max(5, round(size.ms * self.scale)))]
            programs = [p for p in self.programs
                        if p.name == size.program and (p.language == "C++" or size.rust)
                        and (size.baseline or not p.baseline)]
            if number % 2:
                programs.reverse()
            rows = []
            for program in programs:
                if program.baseline:
                    its_rows, _ = run(program, [*arguments, "--rival", "millrace,millrace-install"])
                    for row in its_rows:
                        row["rival"] = row["rival"].replace("millrace", "baseline", 1)
                else:
                    its_rows, self.about_programs[program.language] = run(program, arguments)
                rows += its_rows
            spins.append(self.spin())
        return as_step((size.problem, size.workers, size.in_flight), number, spins, foreign.share,
                       rows)

    def spin(self):
        rows, _ = run(self.hop, ["--problem", "calibration", "--rival", "spinning round trip",
                                 "--rounds", "1", "--time", "10"])
        return rows[0]["values"][0]

    def calibration(self, number):
        self.wait_for_quiet()
        with Foreign() as foreign:
            rows, self.about_programs["C++"] = run(
                self.hop, ["--problem", "calibration", "--rounds", "1"])
        spins = [row["values"][0] for row in rows if row["rival"] == "spinning round trip"]
        return as_step(("calibration", 0, 0), number, spins, foreign.share, rows)

    def wait_for_quiet(self):
        while self.patience > 0 and time.monotonic() < self.deadline:
            before = machine.busy_seconds()
            started = time.monotonic()
            time.sleep(0.2)
            passed = time.monotonic() - started
            if machine.busy_seconds() - before <= 0.02:
                return
            self.patience -= passed


def show(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def measure(programs, sizes, rounds, scale, patience, most_seconds, about, path):
    """All sizes in all rounds; fewer rounds if that takes more than `most_seconds`. Writes what it
    has to `path` after each round."""
    started = time.monotonic()
    runner = Runner(programs, scale, patience, started + most_seconds)
    results = Results(about)
    for number in range(rounds):
        round_started = time.monotonic()
        results.steps.append(runner.calibration(number))
        for at, size in enumerate(sizes):
            show(f"round {number + 1} of {rounds}, {at + 1} of {len(sizes)}: {size.problem}, "
                 f"{size.workers} worker(s), {size.in_flight} in flight")
            results.steps.append(runner.step(size, number))
        show("")
        disturbed = sum(map(is_disturbed, results.steps[-len(sizes):]))
        spin = results.steps[-len(sizes) - 1]["spins_ns"][0]
        print(f"round {number + 1} of {rounds}: {time.monotonic() - round_started:.0f} s, "
              f"spinning round trip {spin:.0f} ns"
              + (f", {disturbed} of {len(sizes)} measurements disturbed"
                 if disturbed else ""), flush=True)
        about["programs"] = runner.about_programs
        about["rounds"] = number + 1
        about["seconds"] = time.monotonic() - started
        results.save(path)
        took = time.monotonic() - round_started
        if number + 1 < rounds and time.monotonic() - started + took > most_seconds:
            print(f"ends after {number + 1} of {rounds} rounds: the time is over")
            break
    return results
