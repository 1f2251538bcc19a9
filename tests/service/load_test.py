#!/usr/bin/python3
"""tools/service-load: its checks over made-up figures, and all of it in small over the real service.

    load_test.py PROGRAM [unittest's arguments]
"""

import copy
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
from service import PROGRAM

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
from service_load import measure, report

RUN = {"idle_ms": [0.1] * 99 + [0.2], "loaded_ms": [0.2] * 99 + [9], "status": 0, "wrong_probes": 0, "growth_mib": 0.1, "others": [0, 0],
       "memory": [(0, 10.0), (1, 10.1)],
       "wrk": {"ok": 900, "rejected": 1000, "late": 0, "other": 0, "socket_errors": 0, "seconds": 10.0, "connections": 50},
       "totals": {"accepted": 2140, "answered": 2100, "gone": 40, "computing": {"by_status": {"200": 905, "503": 1000}}}}


class Checks(unittest.TestCase):
    def failed(self, change):
        run = copy.deepcopy(RUN)
        change(run)
        return [what for what, _, right in report.checks(95, run, copy.deepcopy(RUN)) if not right]

    def test_all_right(self):
        self.assertEqual(self.failed(lambda run: None), [])

    def test_each_finds_what_it_is_for(self):
        def lose(run):
            run["totals"]["answered"] -= 1

        def crash(run):
            run.update(status=-11, totals=None)

        def invent(run):
            run["wrk"]["ok"] += 6

        def forget(run):
            run["totals"]["computing"]["by_status"]["503"] += 51

        def slow(run):
            run["loaded_ms"] = [0.21] * 100

        def quiet(run):
            run["wrk"]["rejected"] = run["totals"]["computing"]["by_status"]["503"] = 0

        for change, words in ((lose, ["accepted = answered"]), (crash, ["status 0"]), (invent, ["wrk has"]), (forget, ["wrk has"]),
                              (slow, ["p99"]), (quiet, ["offered", "503s counted"]),
                              (lambda run: run.update(growth_mib=0.6), ["memory"]),
                              (lambda run: run["wrk"].update(socket_errors=1), ["socket errors"]),
                              (lambda run: run["wrk"].update(other=1), ["wrk has"])):
            found = self.failed(change)
            self.assertEqual(len(found), len(words), found)
            for what, word in zip(found, words):
                self.assertIn(word, what)

    def test_growth_is_the_lines(self):
        self.assertAlmostEqual(measure.growth([(t, 10 + 0.5 * t) for t in range(10)]), 0.5 * 7)
        self.assertAlmostEqual(measure.growth([(0, 1), (1, 5)] + [(t, 10) for t in range(2, 10)]), 0)
        self.assertEqual(measure.growth([]), 0)

    def test_percentiles_are_nearest_ranks(self):
        values = list(range(100, 0, -1))
        self.assertEqual([measure.percentile(values, percent) for percent in (50, 99, 100)], [50, 99, 100])
        self.assertEqual(measure.percentile([7], 99), 7)


class Tool(unittest.TestCase):
    def run_tool(self, *arguments):
        return subprocess.run([sys.executable, TOOLS / "service-load", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=240, check=False)

    def test_mistakes_are_one_line(self):
        ended = self.run_tool("--program", "/nonexistent")
        self.assertEqual((ended.returncode, len(ended.stderr.splitlines())), (2, 1))
        self.assertIn("/nonexistent is not there", ended.stderr)
        self.assertEqual(self.run_tool("--seconds", "0").returncode, 2)

    def test_a_service_that_does_not_start_is_one_line(self):
        with self.assertRaises(measure.Failed) as caught:
            measure.Service(PROGRAM, ["--no-such-flag", "1"])
        self.assertIn("ended before it listened: ", str(caught.exception))
        self.assertIn("--no-such-flag", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_it_loads_the_service(self):
        self.assertTrue(shutil.which("wrk"), "wrk is missing; tools/setup installs it")
        with tempfile.TemporaryDirectory(prefix="millrace-load-") as folder:
            ended = self.run_tool("--program", PROGRAM, "--seconds", "2", "--output", folder, "--flags=--nice 0")
            self.assertIn(ended.returncode, (0, 1), ended.stderr)
            # What depends on how busy the machine is may fail; that all is answered may not.
            lines = {line[6:]: line[:4] for line in ended.stdout.splitlines() if line[:4] in ("ok  ", "FAIL")}
            for name in ("pool", "inline"):
                for what in ("ends with status 0", "accepted = answered", "answers that wrk has", "no socket errors"):
                    found = [state for line, state in lines.items() if line.startswith(f"{name}: {what}")]
                    self.assertEqual(found, ["ok  "], ended.stdout)
            self.assertEqual(len(lines), 12)
            self.assertIn("| /healthz p99 at twice the capacity, ms |", ended.stdout)
            xml.etree.ElementTree.parse(pathlib.Path(folder) / "service-load.svg")
            self.assertGreater((pathlib.Path(folder) / "service-load.png").stat().st_size, 10_000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
