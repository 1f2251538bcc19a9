#!/usr/bin/env python3
"""Prints which tests hold each promise of docs/reliability.md; fails when one has none.

usage: check_promises.py BUILD_DIR RELIABILITY_MD

A promise is a row of the page that begins with its number, `| P11 |`; a test holds it when its name
has that number, `[P11]` or `.P11.`. A row whose second column begins with "not yet" needs no test. A test
with a number that the page doesn't have is an error, too.
"""
import json
import re
import subprocess
import sys


def promises_of(page: str) -> dict[str, str]:
    return dict(re.findall(r"^\| (P\d+) \| (.*?) \|", page, re.MULTILINE))


def check(promises: dict[str, str], tests: list[str]) -> tuple[list[str], list[str]]:
    """Lines to print, and what is wrong."""
    held_by: dict[str, list[str]] = {number: [] for number in promises}
    wrong = []
    for test in tests:
        for number in re.findall(r"(?:\[|\.)(P\d+)(?:\]|\.)", test):
            if number in held_by:
                held_by[number].append(test)
            else:
                wrong.append(f"{number}: {test!r} names it, but docs/reliability.md doesn't")
    lines = []
    for number, names in held_by.items():
        lines.append(f"{number}  {promises[number]}")
        lines += [f"      {name}" for name in names] or ["      no test"]
        if not names and not promises[number].startswith("not yet"):
            wrong.append(f"{number}: no test has [{number}] in its name")
    return lines, wrong


def main() -> int:
    build, page = sys.argv[1:3]
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"],
                            capture_output=True, text=True, check=True).stdout
    tests = [test["name"] for test in json.loads(listed)["tests"]]
    with open(page, encoding="utf-8") as file:
        promises = promises_of(file.read())
    if not promises or not tests:
        print(f"check_promises: {len(promises)} promises and {len(tests)} tests", file=sys.stderr)
        return 1
    lines, wrong = check(promises, tests)
    print("\n".join(lines))
    for one in wrong:
        print(f"check_promises: {one}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
