#!/usr/bin/env python3
"""Which tests ctest has skipped, and why, by its report.

usage: skipped_tests.py PRESET TESTS.XML

One line for each: NAME (PRESET): REASON. A test that skips itself prints `skipped: REASON`.
"""
import sys
import xml.etree.ElementTree

UNKNOWN = "it doesn't say why"


def skipped(report: str) -> list[tuple[str, str]]:
    """(name, reason) of each."""
    found = []
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        flag = case.find("skipped")
        if flag is None and case.get("status") != "disabled":
            continue
        lines = (case.findtext("system-out") or "").splitlines()
        reasons = [line.removeprefix("skipped: ").strip() for line in lines if line.startswith("skipped: ")]
        # ctest's own message is the reason where no program was run.
        own = flag.get("message", "") if flag is not None else "it is disabled"
        found.append((case.get("name", ""), reasons[-1] if reasons else UNKNOWN if own.startswith("SKIP_") else own or UNKNOWN))
    return found


if __name__ == "__main__":
    for name, reason in skipped(sys.argv[2]):
        print(f"{name} ({sys.argv[1]}): {reason}")
