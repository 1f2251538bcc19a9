"""Compile time of a file that uses Millrace against one that does the same by hand."""

import os
import re
import subprocess
import tempfile


def reachable(header, include_dir, seen):
    """Asio's and oneTBB's headers that `header` and Millrace's headers below it include."""
    found = set()
    with open(os.path.join(include_dir, header), encoding="utf-8") as file:
        text = file.read()
    for name in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.MULTILINE):
        if name.startswith("millrace/"):
            if name not in seen:
                seen.add(name)
                found |= reachable(name, include_dir, seen)
        elif name.startswith(("asio/", "oneapi/", "tbb/")):
            found.add(name)
    return found


def cpu_seconds(command):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{error.decode()}")
    return usage.ru_utime + usage.ru_stime


def measure(root, compiler, repeat):
    """{name: [CPU seconds]} for the four files, compiled in turn."""
    include_dir = os.path.join(root, "include")
    ours = "millrace/compute_pool.hpp"
    own = os.path.join(root, "benchmarks", "compile_time")
    with tempfile.TemporaryDirectory() as scratch:
        def file_with(name, headers):
            path = os.path.join(scratch, name)
            with open(path, "w", encoding="utf-8") as out:
                out.writelines(f"#include <{header}>\n" for header in headers)
            return path

        files = {
            "uses millrace": os.path.join(own, "with_millrace.cpp"),
            "by hand": os.path.join(own, "by_hand.cpp"),
            "includes millrace": file_with("ours.cpp", [ours]),
            "includes what it includes":
                file_with("theirs.cpp", sorted(reachable(ours, include_dir, set()))),
        }
        base = [compiler, "-std=c++20", "-O2", "-DASIO_STANDALONE", "-I", include_dir, "-c", "-o",
                os.path.join(scratch, "out.o")]
        if "clang" in os.path.basename(compiler):
            base += ["-DASIO_HAS_CO_AWAIT=1", "-DASIO_HAS_STD_COROUTINE=1"]
        times = {name: [] for name in files}
        for round_number in range(repeat + 1):
            for name, path in files.items():
                seconds = cpu_seconds([*base, path])
                if round_number:  # the first only fills the disk's cache
                    times[name].append(seconds)
    return times
