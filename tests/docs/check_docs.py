#!/usr/bin/env python3
"""Checks that code quoted in the docs is the code that is compiled, and that links lead somewhere.

usage: check_docs.py PROJECT_DIR

A code block behind `<!-- file: PATH -->` must be the contents of that file.
"""
import pathlib
import re
import sys

QUOTE = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    found = []
    quotes = links = 0
    for page in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(root)
        for path, quoted in QUOTE.findall(text):
            quotes += 1
            if (root / path).read_text(encoding="utf-8") != quoted:
                found.append(f"{name}: the code quoted from {path} isn't what the file says")
        for target in LINK.findall(text):
            links += 1
            if not (page.parent / target).exists():
                found.append(f"{name}: the link to {target} leads nowhere")
    print("\n".join(found) if found else f"{quotes} quotes, {links} links")
    return 1 if found or not quotes or not links else 0


if __name__ == "__main__":
    sys.exit(main())
