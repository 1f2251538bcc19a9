#!/usr/bin/env python3
"""Tests tools/check_package.py with packages that are wrong in one way each.

usage: test_check_package.py CHECK_PACKAGE_PY C_COMPILER x86_64|arm64
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

CHECK, COMPILER, ARCH = sys.argv[1:4]
PROGRAM = "void planted(void); void _start(void) { planted(); }"
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[ARCH]


class CheckPackage(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def compiled(self, name: str, source: str, *options: str) -> bytes:
        """A program or library; the compiler's own libraries stay out of it."""
        file = self.directory / f"{name}.c"
        file.write_text(source)
        output = self.directory / name
        subprocess.run([COMPILER, "-x", "c", str(file), "-x", "none", "-o", str(output), *options],
                       check=True)
        return output.read_bytes()

    def library(self, name: str, version: str) -> pathlib.Path:
        """A library that passes for `name` and has `planted` in `version`."""
        script = self.directory / "versions"
        script.write_text(version + " { global: planted; };\n")
        self.compiled("libplanted.so", "void planted(void) {}", "-shared", "-fPIC", "-nostdlib",
                      f"-Wl,-soname,{name}", f"-Wl,--version-script={script}")
        return self.directory / "libplanted.so"

    def program(self, name: str, version: str) -> bytes:
        library = self.library(name, version)
        return self.compiled("program", PROGRAM, "-nostdlib",
                             str(library))

    def check(self, entries: dict[str, bytes], arch: str = ARCH, mode: int = 0o100755):
        archive = self.directory / "bootstrap.zip"
        with zipfile.ZipFile(archive, "w") as content:
            for name, data in entries.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = mode << 16
                content.writestr(entry, data)
        result = subprocess.run([sys.executable, CHECK, arch, str(archive)], capture_output=True,
                                text=True)
        return result.returncode, result.stdout + result.stderr

    def refused(self, message: str, *arguments, **options):
        status, output = self.check(*arguments, **options)
        self.assertEqual(status, 1, output)
        self.assertIn(message, output)

    def test_what_glibc_2_34_has_is_accepted(self):
        status, output = self.check({"bootstrap": self.program("libc.so.6", "GLIBC_2.34")})
        self.assertEqual(status, 0, output)

    def test_a_later_symbol_is_named(self):
        for version in ("GLIBC_2.35", "GLIBC_2.36", "GLIBC_2.100", "GLIBC_3.0"):
            program = self.program("libc.so.6", version)
            self.refused(f"bootstrap: needs {version} (for planted)", {"bootstrap": program})

    def test_a_version_that_is_no_number_is_refused(self):
        program = self.program("libc.so.6", "GLIBC_ABI_DT_RELR")
        self.refused("needs GLIBC_ABI_DT_RELR", {"bootstrap": program})

    def test_every_file_of_the_zip_is_read(self):
        good = self.program("libc.so.6", "GLIBC_2.2.5")
        bad = self.program("libc.so.6", "GLIBC_2.38")
        self.refused("lib/liblate.so: needs GLIBC_2.38", {"bootstrap": good, "lib/liblate.so": bad})

    def test_a_shared_libstdcxx_is_refused(self):
        program = self.program("libstdc++.so.6", "GLIBCXX_3.4.30")
        self.refused("needs libstdc++.so.6, which is neither", {"bootstrap": program})

    def test_a_library_in_the_zip_is_accepted(self):
        library = self.library("libplanted.so", "GLIBC_2.17")
        program = self.compiled("program", PROGRAM, "-nostdlib",
                                str(library))
        content = {"bootstrap": program, "libplanted.so": library.read_bytes()}
        status, output = self.check(content)
        self.assertEqual(status, 0, output)

    def test_the_other_architecture_is_refused(self):
        self.refused(f"not for {OTHER}", {"bootstrap": self.program("libc.so.6", "GLIBC_2.34")},
                     arch=OTHER)

    def test_bootstrap_must_be_there_and_executable(self):
        program = self.program("libc.so.6", "GLIBC_2.34")
        self.refused("no file named bootstrap", {"bin/bootstrap": program})
        self.refused("bootstrap is not executable", {"bootstrap": program}, mode=0o100644)
        self.refused("holds no ELF file", {"bootstrap": b"#!/bin/sh\n"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
