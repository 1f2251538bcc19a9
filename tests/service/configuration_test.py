#!/usr/bin/python3
"""The service's and its pool's configuration: which source wins, and how a mistake is answered.

    configuration_test.py PROGRAM [unittest's arguments]
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from service import PROGRAM, ServiceTest


def threads_of(pid):
    """Name and nice value of each."""
    threads = []
    for file in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)\n", file.read_text()).groups()
        threads.append((name, int(rest.split()[16])))
    return threads


class Configuration(ServiceTest):
    def test_workers_let_the_loop_go_first(self):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        for flags, nice in ((), 10), (("--nice", 5), 5):
            service = self.start("--threads", 1, *flags, MILLRACE_NICE="")
            held = self.hold(service)
            threads = threads_of(service.process.pid)
            self.assertIn(("compute-0", own + nice), threads)
            self.assertIn(("compute-service", own), threads)
            held.close()
            self.end(service)

    def test_later_sources_win(self):
        with tempfile.TemporaryDirectory(prefix="millrace-service-") as folder:
            file = pathlib.Path(folder) / "service.toml"
            file.write_text("[millrace]\nthreads = 2\nmax_pending = 3\n")
            for flags, environment, expected in (
                    ((), {}, (2, 3)), ((), {"MILLRACE_THREADS": "4"}, (4, 3)),
                    (("--threads", 5, "--max-pending=7"), {"MILLRACE_THREADS": "4"}, (5, 7))):
                service = self.start("--config", file, *flags, **environment)
                live = service.live()
                self.assertEqual((live["workers"], live["queue_limit"]), expected)
                self.end(service)

    def test_mistakes_are_named(self):
        for flags, words in ((("--prot", "1"), "unknown flag --prot, did you mean --port?"),
                             (("--thread", "1"), "unknown flag --thread, did you mean --threads?"),
                             (("--port", "70000"), '--port wants a number from 0 to 65535, not "70000"'),
                             (("--port", "x"), '--port wants a number from 0 to 65535, not "x"'),
                             (("--io-threads", "0"), '--io-threads wants a number from 1 to 64, not "0"'),
                             (("--max-body",), "--max-body wants a value"),
                             (("--threads", "0"), "threads is 0, must be 1 to"),
                             (("--config", "/nonexistent.toml"), "/nonexistent.toml"),
                             (("now",), "unknown argument now")):
            with self.subTest(flags=flags):
                ended = subprocess.run([PROGRAM, *flags], capture_output=True, text=True, timeout=60, check=False)
                self.assertIn(ended.returncode, (1, 2))
                self.assertIn(words, ended.stderr.splitlines()[0])
                self.assertTrue(ended.stderr.startswith("compute-service: "))

    def test_a_port_that_is_taken_is_named(self):
        service = self.start()
        ended = subprocess.run([PROGRAM, "--port", str(service.port)], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((ended.returncode, ended.stderr.splitlines()), (1, ["compute-service: bind: Address already in use"]))
        self.end(service)

    def test_help_names_the_flags_of_both(self):
        ended = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("--io-threads", ended.stdout)
        self.assertIn("--max-pending", ended.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
