#!/usr/bin/env python3
"""Checks that docs/from-rust.md has every item of the Rust module, and that its headers and tests exist.

usage: check_from_rust.py PROJECT_DIR

A row of its first section is | Rust items | here | headers | tests |. Items and headers are separated by
commas; a test is a link to its file and, if that holds test cases, the name of one in quotes. Links to
examples must be run by ctest.
"""
import pathlib
import re
import sys

# The public items of dynamo_runtime::compute, version 1.1, with the feature compute-validation.
ITEMS = """
ComputePool  ComputePool::new  ComputePool::with_defaults  ComputePool::execute_sync
ComputePool::execute  ComputePool::execute_scoped  ComputePool::execute_scoped_fifo
ComputePool::join  ComputePool::metrics  ComputePool::num_threads  ComputePool::install
ComputeHandle<T>  ComputePoolExt  ComputePoolExt::parallel_batch  ComputePoolExt::parallel_map
patterns::parallel_join  patterns::parallel_map  ScopeExecutor  ScopeExecutor::execute_in_scope
ComputeConfig  ComputeConfig::num_threads  ComputeConfig::stack_size
ComputeConfig::thread_prefix  ComputeConfig::pin_threads  ComputeConfig::validate
ComputeMetrics  ComputeMetrics::new  ComputeMetrics::record_task_start
ComputeMetrics::record_task_completion  ComputeMetrics::tasks_total  ComputeMetrics::tasks_active
ComputeMetrics::avg_task_duration_us  ComputeMetrics::max_task_duration_us
ComputeMetrics::slow_tasks  ComputeMetrics::reset
thread_local::ComputeContext  ComputeContext::pool  thread_local::initialize_context
thread_local::with_context  thread_local::get_pool  thread_local::has_compute_context
thread_local::assert_compute_context  thread_local::try_acquire_block_permit
ComputeContext::block_in_place_permits
compute_small!  compute_medium!  compute_large!
validation::SMALL_THRESHOLD_US  validation::MEDIUM_THRESHOLD_US
validation::validate_small  validation::validate_medium  validation::validate_large
validation::get_misclassification_metrics  validation::reset_misclassification_metrics
""".split()

LINK = re.compile(r'\[[^\]]*\]\(\.\./([^)]+)\)(?:: "([^"]+)")?')
CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')


def rows_of(page: str) -> list[list[str]]:
    """The cells of all rows with four of them, without the heads of tables."""
    rows = []
    for line in page.split("\n## ")[1].splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[0] != "Rust" and set(cells[0]) != {"-"}:
            rows.append(cells)
    return rows


def cases_of(source: str) -> set[str]:
    """Names of a file's test cases, without the promises at their ends."""
    names = set()
    for literals in CASE.findall(source):
        name = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
        names.add(re.sub(r"( \[P\d+\])+$", "", name))
    return names


def check(page: str, root: pathlib.Path, items: list[str]) -> list[str]:
    """What is wrong."""
    rows = rows_of(page)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    wrong = [f"{item} has no row" for item in items if item not in named]
    run = (root / "examples/CMakeLists.txt").read_text(encoding="utf-8").split()
    for rust, _, headers, tests in rows:
        for header in headers.split(", "):
            if not (root / "include/millrace" / header).is_file():
                wrong.append(f"{rust}: there is no header millrace/{header}")
        links = LINK.findall(tests)
        if not links:
            wrong.append(f"{rust}: no test")
        for path, name in links:
            if not (root / path).is_file():
                wrong.append(f"{rust}: there is no {path}")
            elif path.startswith("examples/"):
                if not any(word.strip("()") == pathlib.Path(path).stem for word in run):
                    wrong.append(f"{rust}: {path} isn't run by ctest")
            elif name.replace("\\|", "|") not in cases_of((root / path).read_text(encoding="utf-8")):
                wrong.append(f'{rust}: {path} has no test "{name}"')
    return wrong


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    page = (root / "docs/from-rust.md").read_text(encoding="utf-8")
    wrong = check(page, root, ITEMS)
    print("\n".join(f"docs/from-rust.md: {one}" for one in wrong) or f"{len(rows_of(page))} rows")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
