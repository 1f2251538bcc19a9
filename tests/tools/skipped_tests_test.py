#!/usr/bin/env python3
"""tools/skipped_tests.py over a report of a real ctest's.

    skipped_tests_test.py CTEST [unittest's arguments]
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CTEST = sys.argv.pop(1)
TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/skipped_tests.py"
TESTS = r"""
add_test("good one" "sh" "-c" "echo 'skipped: not I'")
add_test("bad one" "sh" "-c" "exit 1")
add_test("says why" "sh" "-c" "echo started; echo 'skipped: needs <this> & that' >&2; exit 77")
add_test("says nothing" "sh" "-c" "exit 77")
add_test("has no program" "/nonexistent")
add_test("switched off" "true")
set_tests_properties("says why" "says nothing" PROPERTIES SKIP_RETURN_CODE 77)
set_tests_properties("switched off" PROPERTIES DISABLED TRUE)
"""


class SkippedTests(unittest.TestCase):
    def test_each_is_named_with_its_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "CTestTestfile.cmake").write_text(TESTS, encoding="utf-8")
            subprocess.run([CTEST, "--output-junit", "tests.xml"], cwd=folder, capture_output=True, check=False)
            lines = subprocess.run([TOOL, "release", pathlib.Path(folder, "tests.xml")], capture_output=True, text=True,
                                   check=True).stdout.splitlines()
        self.assertIn("says why (release): needs <this> & that", lines)
        self.assertIn("says nothing (release): it doesn't say why", lines)
        self.assertIn("switched off (release): it is disabled", lines)
        for ran in ("good one", "bad one"):
            self.assertNotIn(ran, "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
