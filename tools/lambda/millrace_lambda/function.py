"""A Lambda function to call: a bootstrap behind local-runtime-api, or one that is deployed."""

import base64
import contextlib
import ctypes
import dataclasses
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from .cli import ToolError

INVOKE = "/2015-03-31/functions/function/invocations"
PROGRAMS = {
    "bcrypt": "examples/lambda/bcrypt/bootstrap-bcrypt",
    "burst": "examples/lambda/bcrypt/bootstrap-burst",
    "csv-etl": "examples/lambda/csv_etl/bootstrap-csv-etl",
    "statistics": "examples/lambda/statistics/bootstrap-statistics",
}
LOCAL_API = "examples/lambda/local/local-runtime-api"


def targets(*handlers: str) -> list[str]:
    """What to build for these handlers."""
    return ["local-runtime-api", *(f"bootstrap-{handler}" for handler in handlers)]


@dataclasses.dataclass
class Report:
    """Lambda's REPORT line of one invocation."""
    request_id: str
    duration_ms: float
    billed_ms: int
    memory_used_mb: int | None = None
    init_ms: float | None = None


@dataclasses.dataclass
class Invocation:
    reply: object = None
    error_type: str = ""
    error_message: str = ""
    report: Report | None = None

    def result(self):
        if self.error_type:
            raise ToolError(f"the function failed: {self.error_type}: {self.error_message}")
        return self.reply


def parse_report(line: str) -> Report | None:
    """`REPORT RequestId: X\\tDuration: 1.5 ms\\tBilled Duration: 2 ms...`, as on AWS and here."""
    found = re.search(r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms\s+Billed Duration: (\d+) ms", line)
    if not found:
        return None
    memory = re.search(r"Max Memory Used: (\d+) MB", line)
    init = re.search(r"Init Duration: ([\d.]+) ms", line)
    return Report(found[1], float(found[2]), int(found[3]), int(memory[1]) if memory else None,
                  float(init[1]) if init else None)


def address_of(line: str) -> str | None:
    """Where a server listens, if this is the line that says so, whole: a usage has such words, too."""
    found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
    return found[1] if found else None


def end_with_parent() -> None:
    """In the child, before exec: SIGTERM when the tool is gone, however it went."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Local:
    """local-runtime-api with a bootstrap behind it, stopped when the block ends."""

    def __init__(self, build: pathlib.Path, handler: str, env: dict[str, str] | None = None,
                 wrap: list[str] | None = None, timeout: int = 900):
        """`wrap` comes before the bootstrap on its command line."""
        self.name = handler
        settings = [argument for key, value in (env or {}).items() for argument in ("--env", f"{key}={value}")]
        self.command = [str(build / LOCAL_API), "--port", "0", "--timeout", str(timeout), *settings,
                        "--", *(wrap or []), str(build / PROGRAMS[handler])]
        for program in (LOCAL_API, PROGRAMS[handler]):
            if not os.access(build / program, os.X_OK):
                raise ToolError(f"{build / program} is not there; build {pathlib.Path(program).name} first")
        self.lines: list[str] = []  # of the log
        self.reports: list[Report] = []
        self.changed = threading.Condition()
        self.cold_ms: float | None = None  # from the start of the process to the first reply

    def __enter__(self) -> "Local":
        environment = dict(os.environ, AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO")
        self.started = time.monotonic()
        # A group of its own: Ctrl-C reaches the tool, which stops the service in order.
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment, text=True, errors="replace", start_new_session=True, preexec_fn=end_with_parent)
        said = ""
        for line in self.process.stdout:
            if url := address_of(line):
                self.url = url
                break
            said = said or line.strip()
        else:
            self.process.stdout.close()
            raise ToolError(f"local-runtime-api ended with status {self.process.wait()} before it listened: "
                            f"{said or 'it said nothing'}")
        self.follower = threading.Thread(target=self.follow, daemon=True)
        self.follower.start()
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.follower.join(10)  # the bootstrap, which has the other end too, dies with the server
        if not self.follower.is_alive():
            self.process.stdout.close()

    def logged(self, line: str) -> None:
        """Told of each line of the log as it comes, on a thread of its own."""

    def follow(self) -> None:
        for line in self.process.stdout:
            self.logged(line)
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                if report := parse_report(line):
                    self.reports.append(report)
                self.changed.notify_all()

    def invoke(self, event) -> Invocation:
        before = len(self.reports)
        request = urllib.request.Request(
            self.url + INVOKE, json.dumps(event).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=1000) as response:
                failed = response.headers.get("X-Amz-Function-Error")
                body = json.load(response)
        except urllib.error.HTTPError as error:
            raise ToolError(f"local-runtime-api answered {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ToolError(f"local-runtime-api is gone: {self.lines[-1] if self.lines else error}") from error
        except ValueError as error:
            raise ToolError(f"the function's reply is not JSON: {error}") from error
        if self.cold_ms is None:
            self.cold_ms = (time.monotonic() - self.started) * 1000
        with self.changed:
            # The REPORT line takes another way, through the log.
            self.changed.wait_for(lambda: len(self.reports) > before, timeout=10)
            report = self.reports[before] if len(self.reports) > before else None
        if before == 0 and report:
            report.init_ms = max(0.0, self.cold_ms - report.duration_ms)
        if failed:
            return Invocation(None, body.get("errorType", failed), body.get("errorMessage", ""), report)
        return Invocation(body, report=report)


def aws(*arguments: str):
    """The JSON that an aws command prints."""
    program = shutil.which("aws")
    if program is None:
        raise ToolError("there is no aws command on the PATH; install awscli")
    process = subprocess.run([program, *arguments, "--output", "json"], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, check=False)
    if process.returncode != 0:
        lines = process.stderr.strip().splitlines() or [f"exit status {process.returncode}"]
        raise ToolError(f"aws {' '.join(arguments[:2])}: {lines[-1]}")
    try:
        return json.loads(process.stdout or "{}")
    except ValueError as error:
        raise ToolError(f"aws {' '.join(arguments[:2])} printed something that is not JSON") from error


class Deployed:
    """A function in the account that the aws command is set up for."""

    def __init__(self, name: str):
        self.name = name
        self.lines: list[str] = []

    def __enter__(self) -> "Deployed":
        return self

    def __exit__(self, *_) -> None:
        pass

    def invoke(self, event) -> Invocation:
        with tempfile.TemporaryDirectory() as folder:
            payload = pathlib.Path(folder) / "event.json"
            body = pathlib.Path(folder) / "reply.json"
            payload.write_text(json.dumps(event), encoding="utf-8")
            # fileb: both versions of the command take it without base64.
            answer = aws("lambda", "invoke", "--function-name", self.name, "--payload", f"fileb://{payload}",
                         "--log-type", "Tail", "--cli-read-timeout", "910", str(body))
            try:
                reply = json.loads(body.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise ToolError(f"the reply of {self.name} is not JSON: {error}") from error
        lines = []
        with contextlib.suppress(ValueError):
            lines = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").splitlines()
        self.lines += lines
        report = next((report for line in lines if (report := parse_report(line))), None)
        if "FunctionError" in answer:
            return Invocation(None, reply.get("errorType", "Unhandled"), reply.get("errorMessage", ""), report)
        return Invocation(reply, report=report)

    def configuration(self) -> dict:
        return aws("lambda", "get-function-configuration", "--function-name", self.name)
