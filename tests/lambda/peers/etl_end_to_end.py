#!/usr/bin/env python3
"""Runs the CSV ETL as on AWS, from S3 to DynamoDB, against servers and clients of others.

usage: etl_end_to_end.py --build DIR [--rows N] [--workers N] [--seed N] [--summary]

A generated file is put into Swift with AWS's SDK; local-runtime-api runs bootstrap-csv-etl on it,
which writes to dynalite; AWS's SDK reads the table back, and check_result.py compares that with a
calculation of its own. Once directly, and once with a proxy before each server that commits faults.

Exit status: 0 if all items are right both times, 1 if not, 77 without the npm packages.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack

import lifetime
from peer import HERE, Peer

ROOT = os.path.normpath(os.path.join(HERE, "../../.."))
CHECK_RESULT = os.path.join(ROOT, "examples/lambda/csv_etl/check_result.py")
BUCKET, KEY = "records", "in put/2026 + äöü=%41&.csv"
GROUPS = 400
S3_FAULTS = (
    "truncate@1,slow-down:retry-after=0@2,reset-after@3,internal-error@4,"
    "reset-before=5%,reset-after=5%,slow-down=10%"
)
DYNAMODB_FAULTS = "unprocessed-items=30%,throttling=10%,reset-before=3%,reset-after=2%"
SKIPPED = 77


class Failed(Exception):
    pass


def checked(answer):
    if isinstance(answer, dict) and "error" in answer:
        raise Failed(f"AWS's SDK: {answer['error']}: {answer['message']}")
    return answer


class LocalApi:
    """local-runtime-api with the bootstrap."""

    def __init__(self, build, env):
        parent = os.getpid()
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [os.path.join(build, "examples/lambda/local/local-runtime-api"), "--port", "0", "--",
             os.path.join(build, "examples/lambda/csv_etl/bootstrap-csv-etl")],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | env,
            preexec_fn=lambda: lifetime.die_with(parent),
        )  # fmt: skip
        self.url = self.process.stdout.readline().strip().removeprefix("listening on ")

    def invoke(self, event):
        """(reply, seconds)"""
        begun = time.monotonic()
        request = urllib.request.Request(
            f"{self.url}/2015-03-31/functions/function/invocations", json.dumps(event).encode()
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            reply = json.load(response)
            if response.headers["X-Amz-Function-Error"]:
                raise Failed(f"the function failed: {reply}")
        return reply, time.monotonic() - begun

    def end(self):
        """What was logged."""
        self.process.terminate()
        self.process.communicate()
        with self.log:
            self.log.seek(0)
            return self.log.read()


def run_once(build, csv, table, endpoints, env, sdk):
    """Invokes the function and compares the table; (its reply, seconds)."""
    checked(sdk.ask("dynamodb", "create-table", table))
    api = LocalApi(build, env | endpoints)
    try:
        event = {"input": f"s3://{BUCKET}/{KEY}", "output": f"dynamodb://{table}"}
        reply, seconds = api.invoke(event)
    except Exception:
        sys.stderr.write(api.end())
        raise
    api.end()
    items = checked(sdk.ask("dynamodb", "scan", table))
    if len(items) != GROUPS:
        raise Failed(f"{len(items)} items in the table, not {GROUPS}")
    request_ids = {item["PK"]["S"] for item in items}
    if len(request_ids) != 1:
        raise Failed(f"items of {len(request_ids)} requests")
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as dump:
        json.dump(items, dump)
        dump.flush()
        done = subprocess.run(
            [sys.executable, "-B", CHECK_RESULT, csv, dump.name, request_ids.pop()],
            capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode != 0:
        raise Failed(f"check_result.py: {done.stdout}{done.stderr}")
    return reply, seconds, done.stdout.strip()


def run(options, stack):
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="millrace-etl-"))
    csv = os.path.join(folder, "records.csv")
    subprocess.run(
        [os.path.join(options.build, "examples/lambda/data/generate-medical-records"),
         "--rows", str(options.rows), "--output", csv],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    swift = stack.enter_context(Peer("swift_peer.py")).hello
    dynalite = stack.enter_context(Peer("dynalite_peer.mjs")).hello
    direct = {
        "AWS_ENDPOINT_URL_S3": swift["endpoint"],
        "AWS_ENDPOINT_URL_DYNAMODB": dynalite["endpoint"],
    }
    env = {
        "AWS_ACCESS_KEY_ID": swift["access_key"],
        "AWS_SECRET_ACCESS_KEY": swift["secret_key"],
        "AWS_REGION": swift["region"],
        "AWS_SESSION_TOKEN": "",
        "WORKER_COUNT": str(options.workers),
    }
    sdk = stack.enter_context(Peer("aws_sdk.mjs", env=env | direct))
    checked(sdk.ask("s3", "create-bucket", BUCKET))
    checked(sdk.ask("s3", "put", BUCKET, KEY, csv))

    def report(what, result):
        reply, seconds, equal = result
        print(f"{what}: {equal}, {os.path.getsize(csv) / 1e6:.1f} MB, {seconds:.2f} s")
        if options.summary:
            print(f"  reply: {json.dumps(reply)}")
        if reply["rows"] != options.rows or reply["items_written"] != GROUPS:
            raise Failed(f"the reply is wrong: {reply}")

    report("direct", run_once(options.build, csv, "direct", direct, env, sdk))
    proxies = {
        name: stack.enter_context(
            Peer("fault_proxy.py", "--upstream", direct[name], "--faults", faults,
                 "--seed", str(options.seed))
        )
        for name, faults in (
            ("AWS_ENDPOINT_URL_S3", S3_FAULTS),
            ("AWS_ENDPOINT_URL_DYNAMODB", DYNAMODB_FAULTS),
        )
    }  # fmt: skip
    faulty = {name: proxy.hello["endpoint"] for name, proxy in proxies.items()}
    report("with faults", run_once(options.build, csv, "faulty", faulty, env, sdk))
    for name, proxy in proxies.items():
        counts = proxy.ask_by_signal(signal.SIGUSR1)
        print(f"  {name.rpartition('_')[2]}: {json.dumps(counts)}")
        if counts["upstream_failures"] or len(counts["faults"]) < 3:
            raise Failed("the proxy didn't do what it is there for")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--rows", type=int, default=100_000, metavar="N")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--summary", action="store_true", help="print the function's replies too")
    options = parser.parse_args()
    if options.rows < 20_000:  # each hospital with each diagnosis, however they fall
        lifetime.fail(f"--rows must be at least 20000, not {options.rows}")
    if not os.path.isdir(os.path.join(ROOT, "build/npm/tests/lambda/peers/node_modules")):
        print("skipped: needs tools/npm-install tests/lambda/peers", file=sys.stderr)
        return SKIPPED
    lifetime.stop_on_signals()
    try:
        with ExitStack() as stack:
            run(options, stack)
    except lifetime.Stopped as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        return 1
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
