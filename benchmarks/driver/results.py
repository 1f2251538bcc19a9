"""What was measured, and the statistics over it.

A step is one problem in one size in one round: every rival once, one after the other, in C++ and
in Rust. Rivals are compared within a step; what is reported is the median over the rounds.
"""

import json
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    min: float
    q1: float
    median: float
    q3: float
    max: float
    count: int


def quantile(ordered, p):
    at = p * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def spread(values):
    ordered = sorted(values)
    return Spread(*(quantile(ordered, p) for p in (0, 0.25, 0.5, 0.75, 1)), len(ordered))


class Results:
    """`steps`: dicts with problem, workers, in_flight, round, spins_ns, foreign, values, where
    values is {"rival|metric": [one number per repetition]}. `about`: machine, programs, notes."""

    def __init__(self, about, steps=None):
        self.about = about
        self.steps = steps if steps is not None else []

    def save(self, path):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"about": self.about, "steps": self.steps}, out, indent=1)

    @staticmethod
    def load(path):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        return Results(data["about"], data["steps"])

    def all_steps_of(self, problem, workers, in_flight):
        size = (problem, workers, in_flight)
        return [s for s in self.steps if (s["problem"], s["workers"], s["in_flight"]) == size]

    def steps_of(self, problem, workers, in_flight):
        """Those that count: the undisturbed ones if there are enough of them, else all."""
        steps = self.all_steps_of(problem, workers, in_flight)
        quiet = [step for step in steps if not is_disturbed(step)]
        return quiet if len(quiet) >= ENOUGH else steps

    def disturbed(self):
        """How many of the steps that count were disturbed, and how many count."""
        sizes = {(s["problem"], s["workers"], s["in_flight"]): True for s in self.steps
                 if s["problem"] != "calibration"}
        steps = [step for size in sizes for step in self.steps_of(*size)]
        return sum(map(is_disturbed, steps)), len(steps)

    def sizes(self, problem):
        """(workers, in_flight) in the order in which they were measured."""
        seen = {}
        for step in self.steps:
            if step["problem"] == problem:
                seen[step["workers"], step["in_flight"]] = True
        return list(seen)

    def usual_mode(self, problem, workers, in_flight):
        """(far, number of rounds): whether the cores were far apart in most of its rounds."""
        steps = self.steps_of(problem, workers, in_flight)
        count = {far: sum(is_all(far, step) for step in steps) for far in (False, True)}
        far = count[True] >= count[False]
        return far, count[far]

    def rivals(self, problem, workers, in_flight, metric):
        seen = {}
        for step in self.steps_of(problem, workers, in_flight):
            for key in step["values"]:
                rival, its = key.split("|")
                if its == metric:
                    seen[rival] = True
        return list(seen)

    def spread(self, problem, rival, workers, in_flight, metric, far=None):
        """Over the rounds, of the median in each; None if never measured. `far` selects the
        rounds in which the cores were far apart, or near."""
        values = []
        for step in self.steps_of(problem, workers, in_flight):
            got = step["values"].get(f"{rival}|{metric}")
            if got and (far is None or is_all(far, step)):
                values.append(statistics.median(got))
        return spread(values) if values else None

    def ratio(self, problem, workers, in_flight, metric, above, below):
        """Spread over the rounds of `above` / `below`, each a rival or a list of rivals of which
        the best, that is least, counts. None if there is no round with both."""
        ratios = []
        for step in self.steps_of(problem, workers, in_flight):
            top = best(step, above, metric)
            bottom = best(step, below, metric)
            if top is None or bottom is None:
                continue
            if len(top) == len(bottom) and len(top) > 1:  # repetitions that went in turn
                ratios.append(statistics.median(a / b for a, b in zip(top, bottom)))
            else:
                ratios.append(statistics.median(top) / statistics.median(bottom))
        return spread(ratios) if ratios else None


def best(step, rivals, metric):
    if isinstance(rivals, str):
        rivals = [rivals]
    found = [step["values"].get(f"{rival}|{metric}") for rival in rivals]
    if not all(found):
        return None
    return min(found, key=statistics.median)


# A spinning round trip costs about 0.1 us where two cores share a cache closely, 0.35 us and more
# where they don't. A virtual machine may be moved from one to the other at any time.
FAR_NS = 200

# Share of a core that other processes may use during a step before it counts as disturbed.
FOREIGN = 0.05

# Rounds that are enough to leave the disturbed ones out.
ENOUGH = 5


def modes(step):
    return {spin > FAR_NS for spin in step["spins_ns"]}


def is_all(far, step):
    """Whether the cores were far apart, or near, from its begin to its end."""
    return modes(step) == {far}


def is_disturbed(step):
    """Others used the machine, or the cores moved between its begin and its end."""
    return step["foreign"] > FOREIGN or len(modes(step)) > 1
