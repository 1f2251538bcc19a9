#!/usr/bin/env python3
"""Shows that check_layers.py finds what it is there for: each rule is broken once, in a copy.

usage: test_check_layers.py INCLUDE_DIR
"""
import contextlib
import io
import pathlib
import shutil
import sys
import tempfile
import unittest

import check_layers

INCLUDE_DIR = pathlib.Path(sys.argv.pop(1))


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.include = pathlib.Path(folder.name)
        shutil.copytree(INCLUDE_DIR / "millrace", self.include / "millrace")

    def append(self, header: str, text: str):
        with open(self.include / "millrace" / header, "a", encoding="utf-8") as file:
            file.write(text)

    def run_check(self) -> tuple[int, str]:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            sys.argv = ["check_layers.py", str(self.include)]
            status = check_layers.main()
        return status, output.getvalue()

    def assert_found(self, text: str):
        status, output = self.run_check()
        self.assertEqual(status, 1)
        self.assertIn(text, output)

    def test_the_project_as_it_is(self):
        self.assertEqual(self.run_check()[0], 0)

    def test_an_arrow_that_goes_up(self):
        self.append("detail/operation.hpp", '#include "millrace/detail/execute_op.hpp"\n')
        self.assert_found("an arrow up, detail/operation.hpp")

    def test_an_arrow_between_neighbours(self):
        self.append("detail/handler.hpp", '#include "millrace/detail/arena.hpp"\n')
        self.assert_found("an arrow up, detail/handler.hpp")

    def test_another_file_that_names_onetbb(self):
        self.append("detail/pool_core.hpp", "namespace oneapi::tbb {}\n")
        self.assert_found("detail/pool_core.hpp:")

    def test_another_file_that_names_prometheus(self):
        self.append("metrics_print.hpp", "#include <prometheus/collectable.h>\n")
        self.assert_found("metrics_print.hpp:")

    def test_a_header_that_includes_an_optional_one(self):
        self.append("compute_pool.hpp", '#include "millrace/prometheus.hpp"\n')
        self.assert_found("an arrow up, compute_pool.hpp")

    def test_a_pool_that_reaches_the_loops_of_onetbb(self):
        self.append("detail/install_op.hpp", '#include "millrace/detail/parallel.hpp"\n')
        self.assert_found("compute_pool.hpp: reaches detail/parallel.hpp")

    def test_a_second_file_that_includes_toml(self):
        self.append("executor.hpp", "#include <toml++/toml.h>\n")
        self.assert_found("includes toml++")

    def test_an_optional_header_that_is_included(self):
        self.append("compute_pool.hpp", '#include "millrace/config_toml.hpp"\n')
        self.assert_found("an arrow up, compute_pool.hpp")

    def test_a_second_detail_file_that_names_asio(self):
        self.append("detail/join_op.hpp", "#include <asio/post.hpp>\n")
        self.assert_found("names Asio")

    def test_the_header_of_everything(self):
        self.append("compute_pool.hpp", "#include <asio.hpp>\n")
        self.assert_found("include what is used")

    def test_l1_needs_std_only(self):
        self.append("config.hpp", "#include <nlohmann/json.hpp>\n")
        self.assert_found("L1 is std only")

    def test_a_header_without_rank(self):
        (self.include / "millrace" / "new.hpp").write_text("#pragma once\n", encoding="utf-8")
        self.assert_found("new.hpp: has no rank")

    def test_a_header_that_outgrew_its_file(self):
        self.append("version.hpp", "\n" * 400)
        self.assert_found("at most 400")


if __name__ == "__main__":
    unittest.main()
