"""The Lambda's handlers and its runtime against rivals; tools/bench --only lambda calls this.

Alternating rounds: in each, each rival has its turn once. Results are checked by calculations that
share no code with any of them.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict

import bcrypt

import lambda_page
import machine
from csv_rivals import BUILD, ROOT, Failed, Rival
from results import quantile

sys.path.insert(0, os.path.join(ROOT, "tests", "lambda", "image_filter"))
import images  # noqa: E402  (the independent calculation of the filters)

SOURCE = os.path.join(ROOT, "benchmarks", "lambda")
NPM = os.path.join(ROOT, "build", "npm", "benchmarks", "lambda")
PROGRAMS = os.path.join(BUILD, "benchmarks", "lambda")
EXAMPLES = os.path.join(BUILD, "examples", "lambda")
SCRATCH = os.path.join(BUILD, "lambda")
NODE_LOOP = ["node", os.path.join(SOURCE, "invocation", "node_runtime.mjs")]

HASHES = 20
FILTERS = ("grayscale", "gaussian_blur", "sobel")
# name: (kind, bytes, invocations to warm up, invocations)
PAYLOADS = {"100 B": ("records", 100, 1000, 2000), "100 KB": ("records", 100_000, 150, 150),
            "5 MB": ("records", 5_000_000, 4, 7), "5 MB, one text": ("text", 5_000_000, 4, 7)}
STARTS = 5  # of each program in each round


def millrace(program, workers):
    name = f"Millrace, {workers} worker{'s' if workers > 1 else ''}"
    return name, Rival(name, [os.path.join(PROGRAMS, program), str(workers)])


def node(name, script, *arguments, **environment):
    for file in (os.path.join("support", "rival.mjs"), script):  # Node looks for packages there
        shutil.copy(os.path.join(SOURCE, file), NPM)
    return name, Rival(name, ["node", os.path.basename(script), *arguments], NPM, **environment)


def alternate(rivals, rounds, what):
    """(round, name, rival), first those of a round -1 that doesn't count."""
    order = list(rivals.items())
    for turn in range(-1, rounds):
        print(f"\r\033[K{what}: round {turn + 1} of {rounds}", end="", file=sys.stderr, flush=True)
        for at in range(len(order)):
            yield turn, *order[(at + turn) % len(order)]
    print("\r\033[K", end="", file=sys.stderr, flush=True)


def run(command, **options):
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if found.returncode != 0:
        raise Failed(f"{command[0]}: {found.stderr[-500:]}")
    return found.stdout


class Together:
    """Rivals that are ended together."""

    def __init__(self, *rivals):
        self.rivals = dict(rivals)

    def __enter__(self):
        return self.rivals

    def __exit__(self, *_):
        for rival in self.rivals.values():
            rival.close()


# --- bcrypt --------------------------------------------------------------------------------------


def check_hashes(name, hashes, which):
    if len(set(hashes)) != HASHES or not all(one.startswith("$2b$10$") for one in hashes):
        raise Failed(f"{name}: not {HASHES} different hashes of cost 10: {hashes}")
    for i in which:
        if not bcrypt.checkpw(f"password_{i:06}".encode(), hashes[i].encode()):
            raise Failed(f"{name}: {hashes[i]} isn't a hash of password_{i:06}")


def measure_bcrypt(rounds):
    values = defaultdict(list)
    script = os.path.join("bcrypt", "node_bcrypt.mjs")
    with Together(*(millrace("bcrypt-millrace", n) for n in (1, 2)),
                  *(node(f"@node-rs/bcrypt, {n} thread{'s' if n > 1 else ''}", script,
                         UV_THREADPOOL_SIZE=str(n)) for n in (1, 2))) as rivals:
        for turn, name, rival in alternate(rivals, rounds, "bcrypt"):
            reply = rival.run(str(HASHES))
            check_hashes(name, reply["hashes"], range(HASHES) if turn < 0 else [turn % HASHES])
            if turn >= 0:
                values[f"{name}|ms"].append(reply["ms"])
    for _ in range(rounds):
        line = run([os.path.join(EXAMPLES, "bcrypt", "bcrypt-loop-latency"), "2", "40"])
        found = re.search(r"p50 ([\d.]+), p99 ([\d.]+), max ([\d.]+); ([\d.]+) %", line)
        for metric, text in zip(("p50", "p99", "max", "within"), found.groups()):
            values[f"loop|{metric}"].append(float(text))
    return values


# --- Image filter --------------------------------------------------------------------------------


class Pictures:
    """Knows the right pixels, and what each rival's file was when it was compared with them."""

    def __init__(self, photo):
        self.wanted = {name: images.expected(images.read(photo), {"filter": name, "sigma": 2})
                       for name in FILTERS}
        self.digests = {}
        self.far = {}  # "rival|filter": mean difference from the right pixels

    def check(self, rival, name, path):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        key = f"{'Millrace' if rival.startswith('Millrace') else rival}|{name}"
        if key in self.digests:
            if self.digests[key] != digest:
                raise Failed(f"{rival}: {name} gave other bytes than before")
            return
        wanted, slack = self.wanted[name]
        found = images.read(path)
        if found.shape != wanted.shape:
            raise Failed(f"{rival}: {name} is {found.shape}, must be {wanted.shape}")
        difference = abs(found - wanted)
        # sharp's filters are defined otherwise; that they are far off would be a mistake of ours.
        if (difference.max() > slack if rival.startswith("Millrace") else difference.mean() > 30):
            raise Failed(f"{rival}: {name} differs by {difference.max():.1f}, on average by "
                         f"{difference.mean():.2f}")
        self.digests[key] = digest
        self.far[f"{rival}|{name}"] = float(difference.mean())


def cpu_ms(process):
    """Of all threads of a process until now, in ticks of 10 ms."""
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure_image(rounds):
    values, sizes = defaultdict(list), {}
    photo, output = pathlib.Path(SCRATCH, "photo.png"), pathlib.Path(SCRATCH, "filtered.png")
    if not photo.exists():
        images.photo(photo)
    pictures = Pictures(photo)
    script = os.path.join("image", "sharp.mjs")
    with Together(*(millrace("image-millrace", n) for n in (1, 2)),
                  *(node(f"sharp, {n} thread{'s' if n > 1 else ''}", script, str(n))
                    for n in (1, 2))) as rivals:
        for turn, rival, process in alternate(rivals, rounds, "image filter"):
            for name in FILTERS:
                event = {"input": str(photo), "output": str(output), "filter": name}
                if name == "gaussian_blur":
                    event["sigma"] = 2
                before = cpu_ms(process.process)
                reply = process.run(json.dumps(event))
                reply["values"]["cpu"] = cpu_ms(process.process) - before
                pictures.check(rival, name, output)
                sizes[f"{rival}|{name}"] = reply["output_bytes"]
                for stage, ms in reply["values"].items() if turn >= 0 else ():
                    values[f"{rival}|{name}|{stage}"].append(ms)
            if rival.startswith("Millrace"):
                reply = process.run(json.dumps({"encode": str(photo)}))
                for encoder, ms in reply["values"].items() if turn >= 0 else ():
                    values[f"{rival}|encode|{encoder}"].append(ms)
                    sizes[f"encode|{encoder}"] = reply["bytes"][encoder]
    return {"values": values, "bytes": sizes, "far": pictures.far,
            "input_bytes": photo.stat().st_size}


# --- Runtime -------------------------------------------------------------------------------------


def measure_invocation(rounds):
    values = defaultdict(list)
    rivals = {"Millrace": [os.path.join(PROGRAMS, "bootstrap-bench-echo")], "Node": NODE_LOOP}
    stub = os.path.join(PROGRAMS, "invocation-stub")
    for turn, name, command in alternate(rivals, rounds, "invocations"):
        for payload, (kind, size, warm_up, count) in PAYLOADS.items():
            if turn < 0:
                warm_up = count = 1
            got = json.loads(run([stub, str(warm_up), str(count), kind, str(size), *command]))
            for metric in ("invocation_us", "cycle_us") if turn >= 0 else ():
                values[f"{name}|{payload}|{metric}"].append(quantile(sorted(got[metric]), 0.5))
    return values


# --- Start ---------------------------------------------------------------------------------------


def bootstraps():
    """{handler: (program, bytes, zipped bytes, whether it is a package)}"""
    found = {}
    arch = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    with open(os.path.join(ROOT, "examples", "lambda", "package", "handlers.txt"),
              encoding="utf-8") as file:
        handlers = [line.split()[0] for line in file if line.strip() and line[0] != "#"]
    for handler in handlers:
        package = os.path.join(ROOT, "build", "package", "zip", arch, handler, "bootstrap.zip")
        program = os.path.join(EXAMPLES, handler.replace("-", "_"), "bootstrap-" + handler)
        is_package = os.path.exists(package)
        if is_package:
            folder = os.path.join(SCRATCH, handler)
            with zipfile.ZipFile(package) as archive:
                program = archive.extract("bootstrap", folder)
            os.chmod(program, 0o755)
        else:
            package = os.path.join(SCRATCH, handler + ".zip")
            with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
                archive.write(program, "bootstrap")
        found[handler] = (program, os.path.getsize(program), os.path.getsize(package), is_package)
    return found


def measure_start(rounds):
    values = defaultdict(list)
    programs = bootstraps()
    rivals = {name: [program] for name, (program, *_) in programs.items()} | {"Node": NODE_LOOP}
    timer = os.path.join(EXAMPLES, "local", "cold-start-time")
    pattern = re.compile(r"([\d.]+) ms to the first .* ([\d.]+) ms of CPU, (\d+) KiB resident, "
                         r"(\d+) KiB private")
    for turn, name, command in alternate(rivals, rounds, "starts"):
        found = pattern.match(run([timer, "--runs", str(STARTS), *command]))
        for metric, text in zip(("ms", "cpu_ms", "resident", "private"), found.groups()):
            if turn >= 0:
                values[f"{name}|{metric}"].append(float(text))
    return {"values": values,
            "sizes": {name: dict(zip(("bytes", "zipped", "is_package"), about))
                      for name, (_, *about) in programs.items()}}


# -------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(prog="tools/bench --only lambda")
    parser.add_argument("--mode", choices=["full", "quick", "check"], required=True)
    parser.add_argument("--rust", help="for the CSV handler's rivals; here there are none")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--results", help="takes these instead of measuring")
    options = parser.parse_args()

    path = options.results or os.path.join(BUILD, "lambda.json")
    if options.results:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    else:
        os.makedirs(SCRATCH, exist_ok=True)
        rounds = options.rounds or (2 if options.mode == "quick" else 10)
        data = {"rounds": rounds, "date": datetime.date.today().isoformat(),
                "machine": machine.describe(), "bcrypt": measure_bcrypt(rounds),
                "image": measure_image(rounds), "invocation": measure_invocation(rounds),
                "start": measure_start(rounds)}
        with open(path, "w", encoding="utf-8") as out:
            json.dump(data, out, indent=1)
    print(lambda_page.text_of(data))
    if options.mode == "check":
        found = list(lambda_page.verdicts(data))
        for one in found:
            print(one.line())
        return 0 if all(one.ok for one in found) else 1
    if options.mode == "full":
        lambda_page.write(data, os.path.join(ROOT, "docs"))
        print("written: docs/lambda-benchmark.md, docs/benchmarks/lambda-*.svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, OSError, subprocess.TimeoutExpired) as failure:
        sys.exit(f"tools/bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
