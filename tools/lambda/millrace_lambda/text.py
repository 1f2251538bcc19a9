"""Tables and bars on a terminal."""

import shutil
import sys

TERMINAL = sys.stdout.isatty()
BOLD, DIM, GREEN, RED, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m") if TERMINAL else ("",) * 5
WIDTH = max(60, min(120, shutil.get_terminal_size((100, 24)).columns))


def heading(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}")


def table(titles: list[str], rows: list[list[str]]) -> None:
    """Numbers to the right, the first column to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows)]

    def line(cells: list[str]) -> str:
        return "  " + "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                                for i, (cell, width) in enumerate(zip(cells, widths)))
    print(f"{DIM}{line(titles)}{PLAIN}")
    for row in rows:
        print(line(row))


class Progress:
    """One line that is drawn over on a terminal; elsewhere nothing."""

    def __init__(self, what: str):
        self.what = what

    def show(self, text: str) -> None:
        if TERMINAL:
            print(f"\r\x1b[K  {self.what}: {text}", end="", flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        if TERMINAL:
            print("\r\x1b[K", end="", flush=True)
