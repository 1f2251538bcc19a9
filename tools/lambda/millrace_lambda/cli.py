"""Command lines: one-line errors, what every tool takes, building what it needs."""

import argparse
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
RESULTS = ROOT / "build/lambda"


class ToolError(Exception):
    """One line for the user."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def run(name: str, tool) -> int:
    """A tool is a module with DESCRIPTION, add_arguments(parser) and main(arguments) -> exit status."""
    prog = f"tools/lambda/{name}"
    parser = Parser(prog=prog, description=tool.DESCRIPTION,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, metavar="FOLDER",
                        help="take the programs from this build folder instead of building them first")
    parser.add_argument("--quick", action="store_true", help="do little of everything, to see that it works")
    tool.add_arguments(parser)
    arguments = parser.parse_args()
    arguments.prog = prog
    # SIGTERM ends a tool as Ctrl-C does: by an exception, so that every block stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return tool.main(arguments)
    except ToolError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{prog}: {error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{prog}: interrupted", file=sys.stderr)
        return 130


def whole_number(least: int, most: int):
    """A type for argparse."""
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' must be a whole number from {least} to {most}")
        return int(text)
    return parse


def whole_numbers(least: int, most: int):
    """The same for a list with commas; sorted, each once."""
    one = whole_number(least, most)
    return lambda text: sorted({one(part) for part in text.split(",")})


def build(arguments, targets: list[str]) -> pathlib.Path:
    """The build folder with these targets in it, built now unless the user names a folder."""
    if arguments.build:
        return arguments.build.resolve()
    # common.sh makes of $0 what it calls itself, and that is right for the scripts beside it only.
    script = 'tool=$1; shift; source "$0/tools/common.sh"; me=$tool; "$root/tools/setup"; build release "$@"'
    process = subprocess.run(
        ["bash", "-c", script, str(ROOT), arguments.prog, *targets],
        stdin=subprocess.DEVNULL, check=False)
    if process.returncode != 0:
        raise ToolError("building failed")
    return ROOT / "build/release"


def output_file(path: pathlib.Path) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def shown(path: pathlib.Path) -> str:
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def disturbed() -> str:
    """A warning if other programs keep this machine busy, else empty; to be asked before a measurement."""
    load, cpus = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load <= cpus / 4:
        return ""
    return (f"Disturbed: the load average was {load:.1f} on {cpus} CPUs before the measurement, so other programs"
            " took part of the time; repeat it on a quiet machine.")
