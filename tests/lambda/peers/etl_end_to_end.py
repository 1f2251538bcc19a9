#!/usr/bin/env python3
"""Runs the CSV ETL as on AWS, from S3 to DynamoDB, against servers and clients of others.

usage: etl_end_to_end.py --build DIR [--rows N] [--workers N] [--seed N] [--runs N] [--summary]

A generated file is put into Swift with AWS's SDK; local-runtime-api runs bootstrap-csv-etl on it,
which writes to dynalite; AWS's SDK reads the table back, and check_result.py compares that with a
calculation of its own. Once directly, --runs times with a proxy before each server that commits
faults, each time others, and once with a deadline while the table doesn't answer.

Exit status: 0 if all items are right each time, 1 if not.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter

import lifetime
from local_api import PATIENCE, ROOT, Failed, LocalApi, check, checked, function_environment, main
from peer import Peer

CHECK_RESULT = os.path.join(ROOT, "examples/lambda/csv_etl/check_result.py")
BOOTSTRAP = "csv_etl/bootstrap-csv-etl"
BUCKET, KEY = "records", "in put/2026 + äöü=%41&.csv"
GROUPS = 400
S3_FAULTS = (
    "truncate@1,slow-down:retry-after=0@2,reset-after@3,internal-error@4,"
    "reset-before=5%,reset-after=5%,slow-down=10%"
)
DYNAMODB_FAULTS = "unprocessed-items=30%,throttling=10%,reset-before=3%,reset-after=2%"


def compare(csv, table, request_id, sdk):
    """That the table holds what it should of this request; what check_result.py says."""
    items = [
        item for item in checked(sdk.ask("dynamodb", "scan", table)) if item["PK"]["S"] == request_id
    ]
    if len(items) != GROUPS:
        raise Failed(f"{len(items)} items in the table, not {GROUPS}")
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as dump:
        json.dump(items, dump)
        dump.flush()
        return check(sys.executable, "-B", CHECK_RESULT, csv, dump.name, request_id)


def totals(counts):
    """One report of several of a proxy's."""
    total = Counter()
    faults = Counter()
    for each in counts:
        faults.update(each.pop("faults"))
        total.update(each)
    return dict(total) | {"faults": dict(faults)}


def run(options, stack):
    if options.rows < 20_000:  # each hospital with each diagnosis, however they fall
        lifetime.fail(f"--rows must be at least 20000, not {options.rows}")
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
    env = function_environment(swift, options.workers)
    sdk = stack.enter_context(Peer("aws_sdk.mjs", env=env | direct))
    checked(sdk.ask("s3", "create-bucket", BUCKET))
    checked(sdk.ask("s3", "put", BUCKET, KEY, csv))

    def invoke(what, table, endpoints):
        """One invocation of a new process."""
        event = {"input": f"s3://{BUCKET}/{KEY}", "output": f"dynamodb://{table}"}
        with LocalApi(options.build, BOOTSTRAP, env | endpoints | PATIENCE) as api:
            reply, seconds = api.invoke(event)
        if reply["rows"] != options.rows or reply["items_written"] != GROUPS:
            raise Failed(f"the reply is wrong: {reply}")
        equal = compare(csv, table, reply["request_id"], sdk)
        print(f"csv-etl {what}: {equal}, {os.path.getsize(csv) / 1e6:.1f} MB, {seconds:.2f} s")
        if options.summary:
            print(f"  event: {json.dumps(event, ensure_ascii=False)}\n  reply: {json.dumps(reply)}")

    def faulty(faults, seed):
        return {
            name: stack.enter_context(
                Peer("fault_proxy.py", "--upstream", direct[name], "--faults", rules, "--seed", str(seed))
            )
            for name, rules in faults.items()
        }

    checked(sdk.ask("dynamodb", "create-table", "direct"))
    invoke("direct", "direct", direct)

    said = {"AWS_ENDPOINT_URL_S3": [], "AWS_ENDPOINT_URL_DYNAMODB": []}
    for seed in range(options.seed, options.seed + options.runs):
        table = f"faulty-{seed}"
        checked(sdk.ask("dynamodb", "create-table", table))
        proxies = faulty(
            {"AWS_ENDPOINT_URL_S3": S3_FAULTS, "AWS_ENDPOINT_URL_DYNAMODB": DYNAMODB_FAULTS}, seed
        )
        endpoints = {name: proxy.hello["endpoint"] for name, proxy in proxies.items()}
        invoke(f"with faults, seed {seed}", table, endpoints)
        for name, proxy in proxies.items():
            said[name].append(proxy.ask_by_signal(signal.SIGUSR1))
    for name, counts in said.items():
        total = totals(counts)
        print(f"  {name.rpartition('_')[2]}: {json.dumps(total)}")
        if total["upstream_failures"] or len(total["faults"]) < 3:
            raise Failed("the proxy didn't do what it is there for")

    deadline(options, sdk, csv, env | direct, faulty)


def deadline(options, sdk, csv, env, faulty):
    """A table that doesn't answer: the caller hears of it in time, and the next one is served."""
    checked(sdk.ask("dynamodb", "create-table", "late"))
    proxy = faulty({"AWS_ENDPOINT_URL_DYNAMODB": "stall:for=BatchWriteItem@1"}, 1)
    env = env | {name: each.hello["endpoint"] for name, each in proxy.items()}
    event = {"input": f"s3://{BUCKET}/{KEY}", "output": "dynamodb://late"}
    timeout = str(2 + options.rows // 100_000)
    with LocalApi(options.build, BOOTSTRAP, env, "--timeout", timeout) as api:
        reply, failed, _ = api.ask(event)
        if not failed or reply.get("errorType") != "Function.DeadlineExceeded":
            raise Failed(f"no Function.DeadlineExceeded: {reply}")
        print(f"csv-etl, the table doesn't answer: {reply['errorType']}: {reply['errorMessage']}")
        reply, _ = api.invoke(event)
        equal = compare(csv, "late", reply["request_id"], sdk)
        api.check_stayed()
    print(f"csv-etl, the next invocation of the same process: {equal}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--runs", type=int, default=1, metavar="N")
    sys.exit(main(run, parser))
