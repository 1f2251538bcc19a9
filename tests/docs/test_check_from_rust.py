#!/usr/bin/env python3
"""check_from_rust.py finds what is wrong."""
import pathlib
import tempfile
import unittest

from check_from_rust import cases_of, check, rows_of

PAGE = """# From Rust

## Items

| Rust | here | header | test |
|---|---|---|---|
| `Pool`, `Pool::new` | `Pool` | pool.hpp, error.hpp | [pool](../tests/pool_test.cpp): "a pool is made" |
| `Pool::run` | `run(f) \\|\\| g` | pool.hpp | [01_run](../examples/01_run.cpp) |

## Others

| Rust | here | more | and more |
|---|---|---|---|
| a | b | c | d |
"""
ITEMS = ["Pool", "Pool::new", "Pool::run"]


class CheckFromRust(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for path, text in {
            "include/millrace/pool.hpp": "",
            "include/millrace/error.hpp": "",
            "tests/pool_test.cpp": 'TEST_CASE("a pool is made [P1] [P2]") {}\nTEST_CASE(\n"in two "\n"parts") {}',
            "examples/CMakeLists.txt": "foreach(example 01_run)\n",
            "examples/01_run.cpp": "",
            "examples/02_more.cpp": "",
        }.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")

    def wrong(self, old="", new="", items=None):
        self.assertIn(old, PAGE)
        return check(PAGE.replace(old, new) if old else PAGE, self.root, items or ITEMS)

    def test_reads_rows_and_names(self):
        self.assertEqual([row[0] for row in rows_of(PAGE)], ["`Pool`, `Pool::new`", "`Pool::run`"])
        self.assertEqual(cases_of((self.root / "tests/pool_test.cpp").read_text(encoding="utf-8")),
                         {"a pool is made", "in two parts"})

    def test_all_there(self):
        self.assertEqual(self.wrong(), [])

    def test_an_item_without_a_row(self):
        self.assertEqual(self.wrong(items=ITEMS + ["Pool::stop"]), ["Pool::stop has no row"])

    def test_a_header_that_is_not_there(self):
        self.assertIn("no header millrace/errors.hpp", self.wrong("error.hpp", "errors.hpp")[0])

    def test_a_test_case_that_is_not_there(self):
        self.assertIn('has no test "a pool was made"', self.wrong("is made", "was made")[0])

    def test_a_file_without_the_name_of_a_case(self):
        self.assertEqual(len(self.wrong(': "a pool is made"')), 1)

    def test_a_file_that_is_not_there(self):
        self.assertIn("no tests/pools_test.cpp", self.wrong("pool_test", "pools_test")[0])

    def test_an_example_that_nobody_runs(self):
        self.assertIn("isn't run by ctest", self.wrong("01_run.cpp", "02_more.cpp")[0])

    def test_a_row_without_a_test(self):
        self.assertIn("no test", self.wrong("[01_run](../examples/01_run.cpp)", "soon")[0])


if __name__ == "__main__":
    unittest.main()
