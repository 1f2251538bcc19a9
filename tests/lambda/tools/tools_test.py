#!/usr/bin/env python3
"""Runs the tools of tools/lambda in small: here with the programs of BUILD, and with an aws that isn't.

    tools_test.py BUILD [unittest's arguments]
"""

import csv
import json
import math
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[2] / "tools/lambda"
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOLS))

from millrace_lambda import cli, function, limits  # noqa: E402

NAMES = ("comprehensive", "validation", "burst", "metrics", "power-tuning")


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-tools-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "bin").mkdir()
        (self.folder / "bin/aws").symlink_to(HERE / "fake_aws.py")
        (self.folder / "memory").write_text("1024", encoding="utf-8")
        self.environment = dict(os.environ, PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}", FAKE_AWS_STATE=str(self.folder))

    def run_tool(self, name: str, *arguments: object, status: int = 0, **environment: str) -> str:
        """What it printed; it must end with this status."""
        process = subprocess.run([TOOLS / name, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                                 text=True, env=self.environment | environment, timeout=100, check=False)
        self.assertEqual(process.returncode, status, process.stdout + process.stderr)
        self.errors = process.stderr
        return process.stdout

    def rows(self, path: pathlib.Path) -> list[dict]:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]


class CommandLines(ToolTest):
    def test_each_has_help(self):
        for name in NAMES:
            self.assertIn(f"usage: tools/lambda/{name}", self.run_tool(name, "--help"))

    def test_errors_are_one_line(self):
        for name, *arguments in (("comprehensive", "--workers", "7"), ("validation", "--handler", "csv"),
                                 ("burst", "--heavy-cost", "15"), ("metrics", "--minutes", "0"),
                                 ("power-tuning", "--sizes", "64"), ("burst", "--nonsense")):
            self.run_tool(name, *arguments, status=2)
            self.assertEqual(len(self.errors.splitlines()), 1)
            self.assertTrue(self.errors.startswith(f"tools/lambda/{name}: "), self.errors)

    def test_a_build_without_programs_is_named(self):
        self.run_tool("validation", "--build", self.folder, status=1)
        self.assertEqual(len(self.errors.splitlines()), 1)
        self.assertIn("local-runtime-api is not there", self.errors)

    def test_a_file_that_is_not_there_is_named(self):
        self.run_tool("metrics", "--log", self.folder / "no.log", status=1)
        self.assertEqual(self.errors, f"tools/lambda/metrics: {self.folder / 'no.log'}: No such file or directory\n")

    def test_a_log_without_invocations_is_an_error(self):
        (self.folder / "log").write_text("hello\n", encoding="utf-8")
        self.run_tool("metrics", "--log", self.folder / "log", status=1)
        self.assertTrue(self.errors.startswith("tools/lambda/metrics: the log tells of no invocation"), self.errors)


class Here(ToolTest):
    def test_comprehensive(self):
        output = self.folder / "out.csv"
        self.run_tool("comprehensive", "--quick", "--workers", "1,2", "--build", BUILD, "--output", output)
        one, two = self.rows(output)
        self.assertEqual((one["workers"], two["workers"]), ("1", "2"))
        self.assertEqual((one["speed_up"], one["efficiency_percent"], one["threads_used"]), ("1.0", "100.0", "1"))
        for row in (one, two):
            times = [float(row[f"p{p}_ms"]) for p in (50, 90, 95, 99)]
            self.assertEqual(times, sorted(times))
            self.assertGreater(float(row["cold_init_ms"]), 0)

    def test_validation(self):
        text = self.run_tool("validation", "--build", BUILD)
        self.assertIn("23 of 23 checks passed", text)
        self.assertNotIn("FAIL", text)

    def test_burst(self):
        output = self.folder / "out.svg"
        text = self.run_tool("burst", "--quick", "--workers", "2", "--build", BUILD, "--output", output)
        self.assertIn("worker 1", text)
        drawing = xml.etree.ElementTree.parse(output).getroot()
        titles = [e.text for e in drawing.iter("{http://www.w3.org/2000/svg}title")]
        self.assertEqual(len(titles), 24)  # 12 items, twice

    def test_metrics(self):
        output = self.folder / "out.csv"
        for _ in range(2):  # the second time over what is there
            text = self.run_tool("metrics", "--quick", "--build", BUILD, "--output", output)
        rows = self.rows(output)
        self.assertEqual([row["status"] for row in rows], ["success"] * 3)
        for row in rows:
            # Rounded up from what Lambda measured, which isn't what the runtime did.
            self.assertTrue(0 <= int(row["billedMs"]) - float(row["lambdaMs"]) < 1, row)
            self.assertGreater(float(row["durationMs"]), 0)
            self.assertGreater(float(row["maxMemoryMB"]), 0)
            self.assertGreater(int(row["maxRssKb"]), 0)
            self.assertEqual(int(row["bytesIn"]), len('{"count": 1, "mode": "parallel"}'))
            self.assertEqual(row["pool.completed"], "1")
            self.assertGreater(float(row["pool.runTimeP50Ms"]), 1)
        self.assertEqual([row["invocation"] for row in rows], ["1", "2", "3"])
        for heading in ("billed", "MiB", "bytes in", "jobs", "run P99"):
            self.assertIn(heading, text)
        document = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
        self.assertEqual(len(document["invocations"]), 3)

    def test_power_tuning(self):
        self.run_tool("power-tuning", "--quick", "--build", BUILD, "--output", self.folder / "out")
        names = {path.name for path in (self.folder / "out").iterdir()}
        self.assertEqual(names, {"bcrypt.csv", "bcrypt.png", "bcrypt.svg", "csv-etl.csv", "csv-etl.png", "csv-etl.svg",
                                 "index.html", "power-tuning.json"})
        page = (self.folder / "out/index.html").read_text(encoding="utf-8")
        self.assertEqual(page.count("<svg"), 2)
        for outside in ("<script", "<link", "<img", "src="):
            self.assertNotIn(outside, page)
        for row in self.rows(self.folder / "out/bcrypt.csv"):
            # Each millisecond begun is billed, which is a twentieth of a call of 20 ms.
            gb_seconds = math.ceil(float(row["ms"])) / 1000 * int(row["memory_mb"]) / 1024
            self.assertAlmostEqual(float(row["dollars_arm64"]), gb_seconds * 13.3334, places=3)

    def test_a_bootstrap_on_whole_cpus(self):
        """As power-tuning does it wherever control groups are out of reach."""
        with limits.WholeCpus().limited(1, 1769) as wrap, function.Local(BUILD, "bcrypt", {}, wrap) as service:
            self.assertEqual(service.invoke({"count": 1, "mode": "parallel"}).result()["detected_cpus"], 1)

    def test_a_server_that_does_not_start_is_one_line(self):
        with self.assertRaises(cli.ToolError) as caught:
            with function.Local(BUILD, "bcrypt", wrap=["no-such-program"]):
                pass
        self.assertIn('ended with status 2 before it listened: local-runtime-api: cannot execute "no-such-program"',
                      str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_a_server_that_has_ended_is_one_line(self):
        with function.Local(BUILD, "bcrypt") as service:
            service.process.kill()
            service.process.wait()
            with self.assertRaises(cli.ToolError) as caught:
                service.invoke({"count": 1, "mode": "parallel"})
        self.assertIn("local-runtime-api is gone", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_a_tool_that_is_stopped_leaves_no_process(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            process = subprocess.Popen([TOOLS / "comprehensive", "--build", BUILD, "--count", "1", "--runs", "1000",
                                        "--workers", "1", "--output", self.folder / "out.csv"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment)
            children = self.children_of(process.pid)
            process.send_signal(number)
            process.wait(20)
            for child in children:
                self.assertTrue(self.ends(child), child)

    def children_of(self, pid: int) -> list[int]:
        """The server and the bootstrap, once they are there."""
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            found, front = [], [pid]
            while front:
                parent = front.pop()
                for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
                    front += map(int, task.read_text(encoding="ascii").split())
                found += front
            if len(set(found)) >= 2:
                return sorted(set(found))
            time.sleep(0.02)
        self.fail("no children")

    def ends(self, pid: int) -> bool:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            return bool(poll.poll(20_000))
        finally:
            os.close(process)


class Deployed(ToolTest):
    def test_comprehensive(self):
        output = self.folder / "out.csv"
        self.run_tool("comprehensive", "--quick", "--function-name", "f", "--function-name", "g", "--output", output)
        rows = self.rows(output)
        self.assertEqual([row["function"] for row in rows], ["f", "g"])
        self.assertEqual(rows[0]["cold_init_ms"], "20.0")
        self.assertIn("--function-name", self.calls()[0])

    def test_validation_tells_good_from_bad(self):
        self.assertIn("14 of 14 checks passed", self.run_tool("validation", "--function-name", "f"))
        text = self.run_tool("validation", "--function-name", "f", status=1, FAKE_AWS_BROKEN="1")
        self.assertIn("FAIL  one hash: processed is 2, not 1", text)
        self.assertIn("10 of 14 checks passed, 4 failed", text)

    def test_burst(self):
        self.run_tool("burst", "--quick", "--function-name", "f", "--output", self.folder / "out.svg")

    def test_metrics(self):
        output = self.folder / "out.csv"
        text = self.run_tool("metrics", "--function-name", "f", "--output", output)
        self.assertEqual(self.rows(output)[0]["durationMs"], "12.5")
        self.assertIn("Throttles", text)
        self.assertEqual(json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))["cloudwatch"]["Errors"][0]["Sum"], 7)

    def test_power_tuning_sets_the_size_back(self):
        self.run_tool("power-tuning", "--function-name", "f", "--sizes", "512,2048", "--runs", "2", "--output", self.folder / "out")
        rows = self.rows(self.folder / "out/bcrypt.csv")
        self.assertEqual([row["memory_mb"] for row in rows], ["512", "2048"])
        self.assertGreater(float(rows[0]["ms"]), float(rows[1]["ms"]))
        self.assertEqual((self.folder / "memory").read_text(encoding="utf-8"), "1024")
        page = (self.folder / "out/index.html").read_text(encoding="utf-8")
        self.assertIn("AWS Lambda, arm64", page)
        self.assertNotIn("this machine with", page)

    def test_an_error_of_aws_is_one_line(self):
        self.run_tool("validation", "--function-name", "missing", status=1)
        self.assertEqual(len(self.errors.splitlines()), 1)
        self.assertIn("Function not found: missing", self.errors)


if __name__ == "__main__":
    unittest.main()
