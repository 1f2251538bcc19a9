#!/usr/bin/env python3
"""Runs the image filter and the CSV transformation as on AWS, from S3 to S3, against servers and
clients of others.

usage: objects_end_to_end.py --build DIR [--rows N] [--photo] [--workers N] [--seed N] [--summary]

AWS's SDK puts pictures and rows into Swift; local-runtime-api runs the bootstraps on them, by events
and by S3's notifications; AWS's SDK reads the results back, which images.py and rows.py compare with
calculations of their own. Once directly, once with a proxy before S3 that commits faults, once with a
deadline during a slow download.

Exit status: 0 if all pixels and rows are right each time, 1 if not.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from urllib.parse import quote_plus

from local_api import PATIENCE, ROOT, Failed, LocalApi, check, checked, function_environment, main
from peer import Peer

# Where Debian's numpy and Pillow are installed.
PYTHON = ("/usr/bin/python3", "-B")
IMAGES = os.path.join(ROOT, "tests/lambda/image_filter/images.py")
ROWS = os.path.join(ROOT, "tests/lambda/csv_transform/rows.py")
IMAGE_FILTER = "image_filter/bootstrap-image-filter"
CSV_TRANSFORM = "csv_transform/bootstrap-csv-transform"
FOLDER = "in put/2026 + äöü=%41&/"
IN, OUT = "incoming", "results"
FILTERS = (
    {"filter": "grayscale"},
    {"filter": "invert"},
    {"filter": "gaussian_blur", "sigma": 2.5},
    {"filter": "sobel"},
    {"filter": "sharpen", "sigma": 1.5, "amount": 0.75},
)
# Of each kind one at least, whatever the seed.
FAULTS = (
    "slow-down:retry-after=0:for=GET@1,truncate:for=GET@2,reset-after:for=GET@3,"
    "slow-down:for=PUT@1,reset-before:for=PUT@2,reset-after:for=PUT@3,internal-error:for=PUT@4,"
    "slow-down=10%,reset-before=5%,reset-after=5%,truncate=10%"
)


class Store:
    """The S3 server, as AWS's SDK sees it."""

    def __init__(self, sdk):
        self.sdk = sdk

    def put(self, path):
        """The location of a file that is put there."""
        key = FOLDER + os.path.basename(path)
        checked(self.sdk.ask("s3", "put", IN, key, str(path)))
        return f"s3://{IN}/{key}"

    def get(self, location, path):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        found = checked(self.sdk.ask("s3", "get", bucket, key, str(path)))
        return found["content_type"]


def notification(locations):
    """What S3 sends when these objects have been created."""
    pairs = (location.removeprefix("s3://").split("/", 1) for location in locations)
    return {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}},
            }
            for bucket, key in pairs
        ]
    }


def show(options, event, reply):
    if options.summary:
        for what, value in (("event", event), ("reply", reply)):
            text = json.dumps(value, ensure_ascii=False)
            print(f"  {what}: {text if len(text) < 700 else text[:700] + ' ...'}")


def filter_images(options, env, store, pictures, what):
    """Each picture with each filter, and all of them by one notification."""
    with LocalApi(options.build, IMAGE_FILTER, env) as api:
        jobs = []  # as images.py has them, with the result's location
        seconds = 0
        for number, wanted in enumerate(FILTERS):
            for path, location in pictures.items():
                event = {"input": location, "output": f"s3://{OUT}/{path.stem} {number}.png"} | wanted
                reply, took = api.invoke(event)
                seconds += took
                jobs.append(wanted | {"input": str(path), "at": reply["output"]})
        show(options, event, reply)
        told = notification(pictures.values())
        reply, took = api.invoke(told)
        for path, result in zip(pictures, reply["results"], strict=True):
            jobs.append({"filter": "sobel", "input": str(path), "at": result["output"]})
        show(options, told, reply)
        api.check_stayed()
    with tempfile.TemporaryDirectory(prefix="millrace-results-") as folder:
        for number, job in enumerate(jobs):
            job["output"] = os.path.join(folder, f"{number}.png")
            content_type = store.get(job.pop("at"), job["output"])
            if content_type != "image/png":
                raise Failed(f"the content type of a result is {content_type!r}")
        pathlib.Path(folder, "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
        print(f"image-filter {what}: {check(*PYTHON, IMAGES, 'check', folder)}, {seconds + took:.2f} s")


def transform_rows(options, env, store, rows, what):
    path, location = rows
    with LocalApi(options.build, CSV_TRANSFORM, env) as api:
        events = [
            {"input": location, "output": f"s3://{OUT}/rows.csv", "format": "csv"},
            {"input": location, "output": f"s3://{OUT}/rows.jsonl"},
            notification([location]),
        ]
        results = []
        for event in events:
            reply, seconds = api.invoke(event)
            show(options, event, reply)
            reply = reply.get("results", [reply])[0]
            results.append((reply, seconds))
        api.check_stayed()
    with tempfile.TemporaryDirectory(prefix="millrace-results-") as folder:
        for reply, seconds in results:
            output = os.path.join(folder, f"result{pathlib.Path(reply['output']).suffix}")
            store.get(reply["output"], output)
            equal = check(*PYTHON, ROWS, "check", str(path), output)
            sizes = f"{reply['input_bytes'] / 1e6:.1f} MB to {reply['output_bytes'] / 1e6:.1f} MB"
            print(f"csv-transform {what}: {equal}, {sizes}, {seconds:.2f} s")


def deadline(options, env, upstream, rows):
    """A download that takes too long: the caller hears of it in time, the next one is served."""
    event = {"input": rows[1], "output": f"s3://{OUT}/late.csv"}
    proxy = Peer("fault_proxy.py", "--upstream", upstream, "--faults", "slow:bytes=20000:delay=100@1")
    with proxy:
        env = env | {"AWS_ENDPOINT_URL_S3": proxy.hello["endpoint"]}
        timeout = str(2 + options.rows // 20_000)
        with LocalApi(options.build, CSV_TRANSFORM, env, "--timeout", timeout) as api:
            reply, failed, _ = api.ask(event)
            if not failed or reply.get("errorType") != "Function.DeadlineExceeded":
                raise Failed(f"no Function.DeadlineExceeded: {reply}")
            print(f"csv-transform, a slow download: {reply['errorType']}: {reply['errorMessage']}")
            reply, _ = api.invoke(event)
            api.check_stayed()
        print(f"csv-transform, the next invocation of the same process: {reply['rows']} rows")


def keeps_connections(options, env, upstream, picture):
    """What an invocation has connected to serves the next ones as well."""
    proxy = Peer("fault_proxy.py", "--upstream", upstream)
    with proxy:
        env = env | {"AWS_ENDPOINT_URL_S3": proxy.hello["endpoint"]}
        with LocalApi(options.build, IMAGE_FILTER, env) as api:
            for _ in range(5):
                event = {"input": picture, "output": f"s3://{OUT}/kept.png", "filter": "invert"}
                api.invoke(event)
        counts = proxy.ask_by_signal(signal.SIGUSR1)
    if counts["requests"] != 10 or counts["connections"] != 1:
        raise Failed(f"five invocations took {counts}, not 10 requests on 1 connection")
    print("image-filter, five small pictures: 10 requests on 1 connection")


def run(options, stack):
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="millrace-objects-")))
    swift = stack.enter_context(Peer("swift_peer.py")).hello
    upstream = swift["endpoint"]
    env = function_environment(
        swift, options.workers, AWS_ENDPOINT_URL_S3=upstream, IMAGE_FILTER_FILTER="sobel",
        IMAGE_FILTER_OUTPUT_BUCKET=OUT, CSV_TRANSFORM_OUTPUT_BUCKET=OUT,
    )  # fmt: skip
    sdk = stack.enter_context(Peer("aws_sdk.mjs", env=env))
    store = Store(sdk)
    for bucket in (IN, OUT):
        checked(sdk.ask("s3", "create-bucket", bucket))

    subprocess.run([*PYTHON, IMAGES, "make", str(folder)], check=True)
    names = ["pillow-RGB-701x500.png", "pillow-L-9x1.png", "pillow-RGBA-3x515.png"]
    if options.photo:
        names.append("photo.png")
        subprocess.run([*PYTHON, IMAGES, "photo", str(folder / "photo.png")], check=True)
    pictures = {folder / name: store.put(folder / name) for name in names}
    path = folder / "rows ä.csv"
    subprocess.run([*PYTHON, ROWS, "make", "7", str(options.rows), str(path)], check=True)
    rows = path, store.put(path)

    filter_images(options, env, store, pictures, "direct")
    transform_rows(options, env, store, rows, "direct")
    keeps_connections(options, env, upstream, pictures[folder / names[1]])
    deadline(options, env, upstream, rows)

    for work, what in ((filter_images, pictures), (transform_rows, rows)):
        proxy = stack.enter_context(
            Peer("fault_proxy.py", "--upstream", upstream, "--faults", FAULTS, "--seed", str(options.seed))
        )  # fmt: skip
        faulty = env | {"AWS_ENDPOINT_URL_S3": proxy.hello["endpoint"]} | PATIENCE
        work(options, faulty, store, what, "with faults")
        counts = proxy.ask_by_signal(signal.SIGUSR1)
        print(f"  S3: {json.dumps(counts)}")
        if counts["upstream_failures"] or len(counts["faults"]) < 5:
            raise Failed("the proxy didn't do what it is there for")
    if left := checked(sdk.ask("s3", "uploads", OUT)):
        raise Failed(f"uploads in parts are left open: {left}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, metavar="N")
    parser.add_argument("--photo", action="store_true", help="a picture of 3000 x 2000 pixels, too")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    sys.exit(main(run, parser))
