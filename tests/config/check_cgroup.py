#!/usr/bin/env python3
"""Runs a command in a real control group that allows it half a CPU.

usage: check_cgroup.py COMMAND [ARGUMENT]...

Ends with 77 where this process may not make such a group, which ctest takes for skipped.
"""
import contextlib
import errno
import os
import pathlib
import subprocess
import sys
import time

SKIPPED = 77
ROOT = pathlib.Path("/sys/fs/cgroup")


def own_group(controller: str) -> str:
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, group = line.split(":", 2)
        if controller in controllers.split(","):
            return group.lstrip("/")
    raise OSError(f"no group with the controller '{controller}'")


def make_group() -> pathlib.Path:
    name = f"millrace-test-{os.getpid()}"
    if (ROOT / "cgroup.controllers").exists():
        group = ROOT / own_group("") / name
        quota = {"cpu.max": "50000 100000"}
    else:
        group = ROOT / "cpu" / own_group("cpu") / name
        quota = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
    group.mkdir()
    try:
        for file, text in quota.items():
            # Opening it for writing must not create it.
            with open(os.open(group / file, os.O_WRONLY), "w", encoding="ascii") as limit:
                limit.write(text)
    except OSError:
        group.rmdir()
        raise
    return group


def remove(group: pathlib.Path) -> None:
    """Also if the last process, which a sanitizer may have left behind, is still on its way out."""
    until = time.monotonic() + 20
    while True:
        try:
            return group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def main() -> int:
    try:
        group = make_group()
    except OSError as error:
        print(f"skipped: no control group can be made here: {error}")
        return SKIPPED
    with contextlib.ExitStack() as stack:
        stack.callback(remove, group)

        def enter():
            (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

        return subprocess.run(sys.argv[1:], preexec_fn=enter, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
