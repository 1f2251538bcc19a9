"""A process that may use so much CPU and memory: control groups where they can be had, else whole CPUs."""

import contextlib
import os
import pathlib

PREFIX = "millrace-power-tuning-"
PERIOD_US = 20_000  # short, so that a small share comes in small pieces
LEAST_QUOTA_US = 1_000  # the kernel's


def mounts(kind: str) -> list[tuple[pathlib.Path, list[str]]]:
    """Where control groups of a version ("cgroup2" or "cgroup") are mounted, with the mount's options."""
    found = []
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, path, type_, options, *_ = line.split()
        if type_ == kind:
            found.append((pathlib.Path(path), options.split(",")))
    return found


def own_group(controller: str) -> str:
    """This process's group of version 1, `/` for the topmost."""
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return "/"


class Group:
    """A control group of our own below `parent`, removed when the block ends; what is in it has ended by then."""

    def __init__(self, parent: pathlib.Path):
        self.path = parent / f"{PREFIX}{os.getpid()}"
        # What a killed run has left; a group with processes stays.
        for old in parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                old.rmdir()

    def __enter__(self) -> "Group":
        self.path.mkdir()
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def set(self, name: str, value: str) -> None:
        (self.path / name).write_text(value, encoding="ascii")

    def wrap(self) -> list[str]:
        return ["/bin/sh", "-c", f'echo $$ > "{self.path}/cgroup.procs" && exec "$@"', "sh"]


class GroupsV2:
    name = "a quota of CPU time and a limit of memory (control groups, version 2: cpu.max, memory.max)"
    exact = True

    def __init__(self, parent: pathlib.Path, memory: bool):
        self.parent = parent
        self.memory = memory
        if not memory:
            self.name = "a quota of CPU time (control groups, version 2: cpu.max); memory is not limited, its peak is measured"

    @contextlib.contextmanager
    def limited(self, cpus: float, memory_mb: int):
        with Group(self.parent) as group:
            group.set("cpu.max", f"{max(LEAST_QUOTA_US, round(cpus * PERIOD_US))} {PERIOD_US}")
            if self.memory:
                group.set("memory.max", str(memory_mb << 20))
            yield group.wrap()


class GroupsV1:
    """Version 1 has a tree of its own for each controller."""
    exact = True

    def __init__(self, parent: pathlib.Path, memory_parent: pathlib.Path | None):
        self.parent = parent
        self.memory_parent = memory_parent
        self.name = ("a quota of CPU time and a limit of memory (control groups, version 1: cpu.cfs_quota_us,"
                     " memory.limit_in_bytes)")
        if memory_parent is None:
            self.name = ("a quota of CPU time (control groups, version 1: cpu.cfs_quota_us); memory is not limited,"
                         " its peak is measured")

    @contextlib.contextmanager
    def limited(self, cpus: float, memory_mb: int):
        with contextlib.ExitStack() as stack:
            group = stack.enter_context(Group(self.parent))
            group.set("cpu.cfs_period_us", str(PERIOD_US))
            group.set("cpu.cfs_quota_us", str(max(LEAST_QUOTA_US, round(cpus * PERIOD_US))))
            wrap = group.wrap()
            if self.memory_parent is not None:
                memory = stack.enter_context(Group(self.memory_parent))
                memory.set("memory.limit_in_bytes", str(memory_mb << 20))
                wrap += memory.wrap()
            yield wrap


class WholeCpus:
    name = ("whole CPUs (taskset), as many as the size has workers: no quota can be set here, so sizes with a part"
            " of a CPU come out too fast; memory is not limited, its peak is measured")
    exact = False

    @contextlib.contextmanager
    def limited(self, cpus: float, _memory_mb: int):
        usable = sorted(os.sched_getaffinity(0))
        count = max(1, min(len(usable), -(-round(cpus * 1000) // 1000)))
        yield ["taskset", "-c", ",".join(map(str, usable[:count]))]


def writable_v1(controller: str, setting: str) -> pathlib.Path | None:
    """Below which group of version 1 ours can be made."""
    for path, options in mounts("cgroup"):
        if controller in options and "rw" in options:
            parent = path / own_group(controller).lstrip("/")
            if not parent.exists():  # as in a container, which sees its own group as the topmost
                parent = path
            if ((parent / setting).exists() or parent == path) and os.access(parent, os.W_OK):
                return parent
    return None


def best():
    """What limits most exactly on this machine, for this user."""
    for path, options in mounts("cgroup2"):
        control = path / "cgroup.subtree_control"
        if "rw" in options and control.exists() and os.access(path, os.W_OK):
            enabled = control.read_text(encoding="ascii").split()
            if "cpu" in enabled:
                return GroupsV2(path, "memory" in enabled)
    cpu = writable_v1("cpu", "cpu.cfs_quota_us")
    if cpu is not None:
        return GroupsV1(cpu, writable_v1("memory", "memory.limit_in_bytes"))
    return WholeCpus()
