#!/usr/bin/env python3
"""Prints what each package weighs and how soon it starts, as docs/lambda-deployment.md has it.

usage: package_table.py ZIP_DIR COLD_START_TIME [RUNS]

Sizes are of ZIP_DIR/ARCH/HANDLER/bootstrap.zip in bytes and KiB; times and memory those that
COLD_START_TIME, the program of examples/lambda/local, measures for this machine's architecture.
"""
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import zipfile

ARCHITECTURES = ("x86_64", "arm64")
HERE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
# What cold-start-time prints.
FIGURES = re.compile(r"10 %: (?P<soon>[\d.]+),.* (?P<cpu>[\d.]+) ms of CPU, (?P<resident>\d+) KiB resident, "
                     r"(?P<private>\d+) KiB private, (?P<faults>\d+) page faults")


def sizes(archive: pathlib.Path) -> tuple[int, int]:
    with zipfile.ZipFile(archive) as content:
        return content.getinfo("bootstrap").file_size, archive.stat().st_size


def kib(size: int) -> str:
    return str(-(-size // 1024))


def start(archive: pathlib.Path, stopwatch: str, runs: str) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        with zipfile.ZipFile(archive) as content:
            program = pathlib.Path(content.extract("bootstrap", directory))
        program.chmod(0o755)
        process = subprocess.run([stopwatch, "--runs", runs, program], check=False, capture_output=True, text=True)
    found = FIGURES.search(process.stdout)
    if not found:
        sys.exit(f"{archive}: " + (process.stderr.strip() or "doesn't start").splitlines()[-1])
    mib = [f"{int(found[name]) / 1024:.1f}" for name in ("resident", "private")]
    return [f"{found['soon']} ms", f"{found['cpu']} ms", f"{mib[0]} MiB, {mib[1]} private", found["faults"]]


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    directory, stopwatch, runs = pathlib.Path(sys.argv[1]), sys.argv[2], (sys.argv[3:] or ["100"])[0]
    handlers = sorted({archive.parent.name for archive in directory.glob("*/*/bootstrap.zip")})
    if not handlers:
        print(f"{directory} holds no packages; tools/package-lambda makes them", file=sys.stderr)
        return 1
    print("| | binary, KiB: " + " / ".join(ARCHITECTURES) + " | zip, KiB | zip, bytes | first `GET /next` | CPU | memory then "
          "| page faults |\n|---|---|---|---|---|---|---|---|")
    for handler in handlers:
        archives = [directory / arch / handler / "bootstrap.zip" for arch in ARCHITECTURES]
        found = [sizes(archive) if archive.exists() else None for archive in archives]

        def both(show) -> str:
            return " / ".join("-" if pair is None else show(pair) for pair in found)
        here = directory / str(HERE) / handler / "bootstrap.zip"
        figures = start(here, stopwatch, runs) if here.exists() else ["-"] * 4
        cells = [handler, both(lambda pair: kib(pair[0])), both(lambda pair: kib(pair[1])), both(lambda pair: str(pair[1])),
                 *figures]
        print("| " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
