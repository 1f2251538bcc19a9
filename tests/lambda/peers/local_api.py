"""Runs a handler as its callers see it: local-runtime-api with its real bootstrap."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, suppress

import lifetime
from peer import HERE, Ended

ROOT = os.path.normpath(os.path.join(HERE, "../../.."))
# Where many requests fail at random, for none of them to fail each time.
PATIENCE = {"AWS_MAX_ATTEMPTS": "25"}


class Failed(Exception):
    pass


def checked(answer):
    """What AWS's SDK said, if it is no error."""
    if isinstance(answer, dict) and "error" in answer:
        raise Failed(f"AWS's SDK: {answer['error']}: {answer['message']}")
    return answer


def function_environment(swift, workers, **more):
    """What a function would have, with the keys of the S3 server."""
    return {
        "AWS_ACCESS_KEY_ID": swift["access_key"],
        "AWS_SECRET_ACCESS_KEY": swift["secret_key"],
        "AWS_REGION": swift["region"],
        "AWS_SESSION_TOKEN": "",
        "WORKER_COUNT": str(workers),
    } | more


def check(*command, **options):
    """The last line of a program that compares; Failed with all it printed if something differs."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{os.path.basename(command[2])}: {done.stdout}{done.stderr}")
    return done.stdout.strip().splitlines()[-1]


class LocalApi:
    """One function. `handler` is FOLDER/BOOTSTRAP under examples/lambda in the build's folder."""

    def __init__(self, build, handler, env, *options):
        parent = os.getpid()
        lambdas = os.path.join(build, "examples/lambda")
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [os.path.join(lambdas, "local/local-runtime-api"), "--port", "0", *options, "--",
             os.path.join(lambdas, handler)],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | env,
            preexec_fn=lambda: lifetime.die_with(parent),
        )  # fmt: skip
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        if not found:
            with suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=20)  # what is wrong it may say after this line
            raise Failed(f"local-runtime-api doesn't listen: {line}{self.end()[-4000:]}")
        self.url = found[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def ask(self, event):
        """(reply, whether it is an error, seconds)"""
        begun = time.monotonic()
        request = urllib.request.Request(
            f"{self.url}/2015-03-31/functions/function/invocations", json.dumps(event).encode()
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            reply = json.load(response)
            failed = response.headers["X-Amz-Function-Error"] is not None
        return reply, failed, time.monotonic() - begun

    def invoke(self, event):
        """(reply, seconds); Failed with the log's end if the function fails."""
        reply, failed, seconds = self.ask(event)
        if failed:
            raise Failed(f"the function failed: {reply}\n{self.end()[-4000:]}")
        return reply, seconds

    def check_stayed(self):
        """Ends it; Failed unless one process has served all invocations."""
        log = self.end()
        if log.count("bootstrap has ended") != 1:  # at the end, that is
            raise Failed(f"the process didn't stay the same:\n{log[-4000:]}")

    def end(self):
        """What was logged."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate()
        if self.log.closed:
            return ""
        with self.log:
            self.log.seek(0)
            return self.log.read()


def main(run, parser):
    """Runs run(options, stack); the exit status."""
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--summary", action="store_true", help="print events and replies too")
    options = parser.parse_args()
    lifetime.stop_on_signals()
    try:
        with ExitStack() as stack:
            run(options, stack)
    except lifetime.Stopped as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        return 1
    except (Failed, Ended) as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0
