#!/usr/bin/env python3
"""Checks what a file of tests/compile_fail is refused for, or that its twin compiles.

usage: check.py compiles|refused COMPILE_COMMANDS FILE

The file is compiled as COMPILE_COMMANDS says, but for its syntax only. "compiles": as it is. "refused":
with MUST_NOT_COMPILE. Then for each line with a comment `// refused: TEXT` the compiler must report an
error of one line that contains TEXT and that it traces back to this line; and no other line may be
refused by us.
"""
import json
import os
import re
import shlex
import subprocess
import sys

MARK = re.compile(r"// refused: (.*\S)")
ERROR = re.compile(r"error: (?:static assertion failed|static_assert failed)[^\n]*?(millrace: [^\"\n]*)")


def command_for(commands: str, source: str) -> tuple[list[str], str]:
    with open(commands, encoding="utf-8") as file:
        for entry in json.load(file):
            if os.path.realpath(os.path.join(entry["directory"], entry["file"])) == os.path.realpath(source):
                words = shlex.split(entry["command"])
                out = words.index("-o")
                return words[:out] + words[out + 2:] + ["-fsyntax-only"], entry["directory"]
    raise SystemExit(f"check.py: {commands} doesn't say how {source} is compiled")


def blocks(output: str, clang: bool) -> list[str]:
    """One error each, with what leads up to it and what explains it.

    gcc says from where a template was instantiated before it says what is wrong, clang afterwards.
    """
    begin = r".*: (?:fatal )?error: " if clang else r"In file included from|\S+: In |.*: (?:fatal )?error: "
    found: list[list[str]] = [[]]
    had_error = False
    for line in output.splitlines():
        if had_error and re.match(begin, line):
            found.append([])
            had_error = False
        found[-1].append(line)
        had_error = had_error or "error: " in line
    return ["\n".join(block) for block in found]


def check(marks: dict[int, str], name: str, output: str, clang: bool) -> list[str]:
    wrong, met = [], set()
    for block in blocks(output, clang):
        error = ERROR.search(block)
        if error is None:
            continue
        lines = {int(n) for n in re.findall(re.escape(name) + r":(\d+):", block)}
        right = [n for n in lines if n in marks and marks[n] in error.group(1)]
        met.update(right)
        if not lines & marks.keys():
            wrong.append(f"lines {sorted(lines)}: refused as nobody expected: {error.group(1)}")
    wrong += [f"line {n}: not refused with: {marks[n]}" for n in marks if n not in met]
    return wrong


def main() -> int:
    how, commands, source = sys.argv[1:4]
    command, directory = command_for(commands, source)
    clang = "clang" in subprocess.run([*command[:command.index("-c")], "--version"], cwd=directory,
                                      capture_output=True, text=True, check=True).stdout
    if how == "refused":
        # All errors, each with all that led to it.
        command += ["-DMUST_NOT_COMPILE", "-w", "-ftemplate-backtrace-limit=0"]
        command += ["-ferror-limit=0"] if clang else []
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})
    if how == "compiles":
        print(done.stderr)
        return done.returncode
    with open(source, encoding="utf-8") as file:
        marks = {n: found.group(1) for n, line in enumerate(file, 1) if (found := MARK.search(line))}
    wrong = check(marks, os.path.basename(source), done.stderr, clang)
    if done.returncode == 0:
        wrong.append("it compiled")
    if not marks:
        wrong.append("no line is marked")
    if wrong:
        print(done.stderr)
    print("\n".join(wrong) if wrong else f"{len(marks)} lines, each refused as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
