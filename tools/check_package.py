#!/usr/bin/env python3
"""Checks that a bootstrap.zip runs on provided.al2023, which has glibc 2.34 and nothing to rely on else.

usage: check_package.py x86_64|arm64 ZIP...

Reads every ELF file in each ZIP: no symbol of a later glibc than 2.34, no library that is neither
glibc's nor in the ZIP, the right machine and loader. The ZIP must hold an executable `bootstrap`.
Needs readelf.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

NEWEST_GLIBC = (2, 34)
MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}
LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1"}
GLIBC = re.compile(r"(libc|libm|libpthread|libdl|libresolv|librt)\.so\.\d|ld-linux-[\w-]+\.so\.\d")
UNZIPPED_LIMIT = 250 * 2**20


def readelf(*options: str) -> str:
    return subprocess.run(["readelf", "--wide", *options], check=True, capture_output=True,
                          text=True).stdout


def too_new(version: str) -> bool:
    """Whether a version of a symbol is one that Amazon Linux 2023's glibc doesn't have."""
    number = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version)
    return number is None or (int(number[1]), int(number[2])) > NEWEST_GLIBC


def check_elf(path: pathlib.Path, arch: str, bundled: set[str]) -> list[str]:
    found = []
    header = readelf("--file-header", "--program-headers", str(path))
    machine = re.search(r"Machine:\s+(.*)", header)[1].strip()
    if machine != MACHINES[arch]:
        found.append(f"is for {machine}, not for {arch}")
    loader = re.search(r"Requesting program interpreter: (\S+)\]", header)
    if loader and loader[1] != LOADERS[arch]:
        found.append(f"is loaded by {loader[1]}, must be {LOADERS[arch]}")
    for library in re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic", str(path))):
        if not GLIBC.fullmatch(library) and library not in bundled:
            found.append(f"needs {library}, which is neither glibc's nor in the zip")

    # The versions are what the loader checks; the symbols say where they come from.
    needs = readelf("--version-info", str(path)).partition("Version needs section")[2]
    symbols = readelf("--dyn-syms", str(path))
    for version in sorted(set(re.findall(r"Name: (\S+)\s+Flags:", needs))):
        if not too_new(version):
            continue
        of = sorted(set(re.findall(rf"(\S+)@{re.escape(version)}(?=[\s(]|$)", symbols, re.M)))
        names = ", ".join(of) or "the file itself"
        found.append(f"needs {version} (for {names}); Amazon Linux 2023 has up to GLIBC_2.34")
    return found


def check_zip(archive: pathlib.Path, arch: str) -> list[str]:
    with zipfile.ZipFile(archive) as content, tempfile.TemporaryDirectory() as directory:
        entries = {entry.filename: entry for entry in content.infolist()}
        if "bootstrap" not in entries:
            return ["holds no file named bootstrap"]
        found = []
        if not (entries["bootstrap"].external_attr >> 16) & 0o111:
            found.append("bootstrap is not executable")
        size = sum(entry.file_size for entry in entries.values())
        if size > UNZIPPED_LIMIT:
            found.append(f"has {size} bytes unpacked; AWS takes up to {UNZIPPED_LIMIT}")
        content.extractall(directory)
        bundled = {pathlib.PurePath(name).name for name in entries}
        programs = 0
        for name in entries:
            path = pathlib.Path(directory, name)
            if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
                programs += 1
                found += [f"{name}: {problem}" for problem in check_elf(path, arch, bundled)]
        if not programs:
            found.append("holds no ELF file")
        return found


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] not in MACHINES:
        print(__doc__, file=sys.stderr)
        return 2
    found = [f"{archive}: {problem}" for archive in sys.argv[2:]
             for problem in check_zip(pathlib.Path(archive), sys.argv[1])]
    print("\n".join(found) if found else f"{len(sys.argv) - 2} packages run on provided.al2023")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
