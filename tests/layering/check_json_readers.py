#!/usr/bin/env python3
"""Checks that JSON from outside has one reader: nobody but text/json.cpp calls nlohmann's parser.

usage: check_json_readers.py EXAMPLES_DIR

What nests deeply ends a process that prints or copies it, and the parser takes a NUL byte for the end.
"""
import pathlib
import re
import sys

READER = "lambda/text/json.cpp"
PARSES = re.compile(r"\b(?:json|Json|Event)::(?:parse|accept|sax_parse|from_\w+)\b|\bnlohmann::detail|>>\s*\w*json\b")


def main() -> int:
    examples = pathlib.Path(sys.argv[1])
    files = sorted(file for kind in ("*.cpp", "*.hpp", "*.in") for file in examples.rglob(kind))
    found = [f"{file.relative_to(examples)}:{number}: reads JSON without text::read_json: {line.strip()}"
             for file in files if str(file.relative_to(examples)) != READER
             for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if PARSES.search(line)]
    if not PARSES.search((examples / READER).read_text(encoding="utf-8")):
        found.append(f"{READER}: calls no parser; this check no longer knows how one looks")
    print("\n".join(found) if found else f"{len(files)} files, one reader")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
