#!/usr/bin/env python3
"""Percentiles and prices of tools/lambda."""

import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools/lambda"))

from millrace_lambda import cli, figures, function, limits, metrics  # noqa: E402


class Percentiles(unittest.TestCase):
    def test_nearest_ranks_of_twenty(self):
        values = list(range(20, 0, -1))  # 1 to 20, unsorted
        self.assertEqual([figures.percentile(values, p) for p in (50, 90, 95, 99, 100)], [10, 18, 19, 20, 20])

    def test_textbook_example(self):
        values = [15, 20, 35, 40, 50]
        self.assertEqual([figures.percentile(values, p) for p in (5, 30, 40, 50, 100)], [15, 20, 20, 35, 50])

    def test_one_and_none(self):
        self.assertEqual(figures.percentile([7], 1), 7)
        self.assertRaises(ValueError, figures.percentile, [], 50)

    def test_trimmed_mean_drops_a_fifth_on_either_side(self):
        self.assertEqual(figures.trimmed_mean([1000, 1, 2, 3, 0]), 2)
        self.assertEqual(figures.trimmed_mean([1, 2, 3, 1000]), 251.5)  # too few to drop any
        self.assertEqual(figures.trimmed_mean([5.0] * 8 + [0, 100]), 5)


class Prices(unittest.TestCase):
    def test_a_gigabyte_for_a_second(self):
        self.assertAlmostEqual(figures.dollars_per_million(1000, 1024, "arm64"), 13.3334)
        self.assertAlmostEqual(figures.dollars_per_million(1000, 1024, "x86_64"), 16.6667)

    def test_the_example_of_the_price_list(self):
        # 3 million requests of 120 ms at 1536 MB on x86: 540,000 GB-s, 9.00 dollars, before the free tier.
        self.assertAlmostEqual(3 * figures.dollars_per_million(120, 1536, "x86_64"), 540_000 * 0.0000166667)

    def test_whole_milliseconds_are_billed(self):
        self.assertEqual(figures.dollars_per_million(100.01, 512, "arm64"), figures.dollars_per_million(101, 512, "arm64"))
        self.assertEqual(figures.dollars_per_million(100.0, 512, "arm64") * 1.01, figures.dollars_per_million(101, 512, "arm64"))

    def test_published_tables_count_a_thousand_megabytes_to_the_gigabyte(self):
        # $37.97 for 463 ms at 6144 MB: theirs is 1.024 times what Lambda bills, give or take their rounding.
        ours = figures.dollars_per_million(463, 6144, "arm64")
        self.assertAlmostEqual(ours * 1.024, 37.97, delta=0.1)


class Sizes(unittest.TestCase):
    def test_workers_are_those_of_the_published_table(self):
        self.assertEqual([figures.workers(mb) for mb in (1536, 2048, 4096, 6144, 8192, 10240)], [1, 2, 3, 4, 5, 6])
        self.assertEqual(figures.workers(128), 1)
        self.assertEqual(figures.vcpus(1769), 1)


class Choices(unittest.TestCase):
    def test_cheapest_fastest_balanced(self):
        choice = figures.choose({512: (1000, 10), 1024: (500, 11), 2048: (450, 20)})
        self.assertEqual((choice.cheapest, choice.fastest, choice.balanced), (512, 2048, 1024))

    def test_ties_go_to_the_faster_and_to_the_cheaper(self):
        choice = figures.choose({1: (200, 5), 2: (100, 5), 3: (100, 6)})
        self.assertEqual((choice.cheapest, choice.fastest), (2, 2))

    def test_the_weight_goes_from_time_to_cost(self):
        points = {512: (1000, 10), 1024: (500, 11), 2048: (450, 20)}
        self.assertEqual(figures.choose(points, weight=1).balanced, 512)
        self.assertEqual(figures.choose(points, weight=0).balanced, 2048)


class Fit(unittest.TestCase):
    def test_finds_what_the_points_were_made_of(self):
        a, b = figures.fit({cpus: 30 + 900 / cpus for cpus in (0.3, 0.6, 1.2, 2)})
        self.assertAlmostEqual(a, 30)
        self.assertAlmostEqual(b, 900)

    def test_time_never_falls_below_nothing(self):
        a, b = figures.fit({1: 1000, 2: 400})
        self.assertEqual(a, 0)
        self.assertGreater(b, 0)


class Lines(unittest.TestCase):
    AWS = ("REPORT RequestId: 8f5-1\tDuration: 463.12 ms\tBilled Duration: 464 ms\tMemory Size: 6144 MB\t"
           "Max Memory Used: 21 MB\tInit Duration: 25.50 ms\t\n")

    def test_report_lines_of_aws_and_of_here(self):
        report = function.parse_report(self.AWS)
        self.assertEqual((report.request_id, report.duration_ms, report.billed_ms, report.memory_used_mb, report.init_ms),
                         ("8f5-1", 463.12, 464, 21, 25.5))
        report = function.parse_report("REPORT RequestId: a\tDuration: 1.00 ms\tBilled Duration: 1 ms\tStatus: success")
        self.assertEqual((report.duration_ms, report.memory_used_mb, report.init_ms), (1, None, None))
        self.assertIsNone(function.parse_report("START RequestId: a"))

    def test_where_a_server_listens_is_a_whole_line(self):
        self.assertEqual(function.address_of("listening on http://127.0.0.1:40001\n"), "http://127.0.0.1:40001")
        for line in ("", "listening on http://127.0.0.1:4", "  standard output says which: listening on http://127.0.0.1:P\n",
                     "listening on http://127.0.0.1:P\n", "http://127.0.0.1:40001\n"):
            self.assertIsNone(function.address_of(line), line)

    # As the runtime writes it.
    RUNTIME = (
        '{"bytesIn":32,"bytesOut":145,"durationMs":460.5,"initDurationMs":1.471,"invocation":1,"items":8,'
        '"itemsPerSecond":17.0,"level":"INFO","maxRssKb":13540,"message":"invocation","pool":{"active":0,"cancelled":0,'
        '"completed":8,"failed":0,"pending":0,"queueWaitP50Ms":0.1,"queueWaitP99Ms":0.2,"runTimeP50Ms":57.1,'
        '"runTimeP99Ms":58.2,"submitted":8},"requestId":"8f5-1","status":"success","timestamp":"t"}')

    def test_metrics_join_the_log_and_the_report(self):
        rows = metrics.collect([
            "START RequestId: 8f5-1 Version: $LATEST", self.RUNTIME,
            '{"message": "input read", "requestId": "8f5-1", "ms": 3}',
            "{broken", '{"requestId": 5}', self.AWS,
        ])
        expected = {
            "requestId": "8f5-1", "status": "success", "durationMs": 460.5, "lambdaMs": 463.12, "billedMs": 464,
            "invocation": 1, "initDurationMs": 1.471, "initMs": 25.5, "maxRssKb": 13540, "maxMemoryMB": 21, "bytesIn": 32,
            "bytesOut": 145, "items": 8, "itemsPerSecond": 17.0, "pool.submitted": 8, "pool.completed": 8,
            "pool.failed": 0, "pool.cancelled": 0, "pool.queueWaitP50Ms": 0.1, "pool.queueWaitP99Ms": 0.2,
            "pool.runTimeP50Ms": 57.1, "pool.runTimeP99Ms": 58.2, "pool.active": 0, "pool.pending": 0}
        self.assertEqual(rows, [expected])
        self.assertEqual(metrics.columns(rows), list(expected))
        self.assertEqual(metrics.columns([{"rows": 5, "requestId": "a"}]), ["requestId", "rows"])

    def test_metrics_of_lambda_alone(self):
        rows = metrics.collect([self.AWS])
        self.assertEqual((rows[0]["lambdaMs"], "durationMs" in rows[0]), (463.12, False))
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            metrics.show(rows)
        self.assertIn("P99 463.1", shown.getvalue())


class Limits(unittest.TestCase):
    """What is written into the files of a control group, in a folder that is none."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.parent = pathlib.Path(folder.name)

    def written(self, limit, cpus: float, memory_mb: int) -> dict[str, str]:
        with limit.limited(cpus, memory_mb) as wrap:
            group, = self.parent.iterdir()
            self.assertIn(f"{group}/cgroup.procs", wrap[2])
            return {file.name: file.read_text(encoding="ascii") for file in group.iterdir()}

    def test_version_2_limits_cpu_and_memory(self):
        self.assertEqual(self.written(limits.GroupsV2(self.parent, memory=True), 0.29, 512),
                         {"cpu.max": "5800 20000", "memory.max": str(512 * 1024 * 1024)})

    def test_version_1_limits_cpu(self):
        self.assertEqual(self.written(limits.GroupsV1(self.parent, None), 1.5, 2048),
                         {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "30000"})

    def test_version_1_limits_memory_in_a_tree_of_its_own(self):
        cpu, memory = self.parent / "cpu", self.parent / "memory"
        cpu.mkdir()
        memory.mkdir()
        with limits.GroupsV1(cpu, memory).limited(1.5, 2048) as wrap:
            group, = memory.iterdir()
            self.assertEqual((group / "memory.limit_in_bytes").read_text(encoding="ascii"), str(2048 << 20))
            # A program that is wrapped in both is in both.
            subprocess.run([*wrap, "true"], check=True)
            self.assertTrue((group / "cgroup.procs").read_text(encoding="ascii").strip().isdigit())
            self.assertTrue(next(cpu.iterdir()).joinpath("cgroup.procs").exists())

    def test_the_kernel_takes_no_less_than_a_millisecond(self):
        self.assertEqual(self.written(limits.GroupsV2(self.parent, memory=False), 0.01, 128), {"cpu.max": "1000 20000"})

    def test_what_a_killed_run_left_goes(self):
        (self.parent / f"{limits.PREFIX}1").mkdir()
        with limits.Group(self.parent):
            pass
        self.assertEqual(list(self.parent.iterdir()), [])

    def test_without_groups_whole_cpus(self):
        with limits.WholeCpus().limited(0.29, 512) as wrap:
            self.assertEqual(wrap[:2], ["taskset", "-c"])
            self.assertEqual(len(wrap[2].split(",")), 1)
            count = "import os; print(len(os.sched_getaffinity(0)))"
            limited = subprocess.run([*wrap, sys.executable, "-c", count], capture_output=True, text=True, check=True)
            self.assertEqual(limited.stdout, "1\n")


class Arguments(unittest.TestCase):
    def test_lists_of_numbers(self):
        self.assertEqual(cli.whole_numbers(1, 6)("6,1,2,2"), [1, 2, 6])
        for text in ("", "0", "7", "1,", "1.5", "-1", "a"):
            self.assertRaises(Exception, cli.whole_numbers(1, 6), text)


if __name__ == "__main__":
    unittest.main()
