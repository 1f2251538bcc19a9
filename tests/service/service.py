"""The real process for the tests: started on a port of its own, asked over sockets, stopped by its pid."""

import ctypes
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}
PATIENCE = 120  # seconds for what must happen; what fails ends by it
PIPELINED = 8  # requests that it reads ahead on one connection
LONG = 13  # the cost of a hash that takes a worker half a second or so
PR_SET_PDEATHSIG = 1


def until(true, what):
    """Waits for it; it is looked at again and again."""
    end = time.monotonic() + PATIENCE
    while not (value := true()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} didn't come to pass in {PATIENCE} s")
        time.sleep(0.01)
    return value


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The message of an error; it must be one line."""
        message = self.json()["error"]
        assert message and "\n" not in message, message
        return message


class Service:
    def __init__(self, *flags, files=None, **environment):
        self.files = files
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-service-")
        self.log_file = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.parent = os.getpid()
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("MILLRACE_", "AWS_"))}
        # Its own nice value would have it wait for all other tests that run at the same time.
        clean["MILLRACE_NICE"] = "0"
        self.process = subprocess.Popen([PROGRAM, "--port", "0", *map(str, flags)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log_file, text=True,
                                        env={key: value for key, value in (clean | environment).items() if value},
                                        preexec_fn=self._die_with_us)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            self.process.wait()
            self.log_file.seek(0)
            message = f"it doesn't say where it listens: {line!r}; {self.log_file.read()}"
            self.kill()
            raise AssertionError(message)
        self.port = int(found[1])

    def _die_with_us(self):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.parent:
            os._exit(1)
        if self.files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, method, path, body=None, headers=None, connection=None):
        own = connection or self.connect()
        own.request(method, path, body, headers or {})
        answer = Answer(own.getresponse())
        if connection is None:
            own.close()
        return answer

    def hash(self, cost=4, headers=None, connection=None):
        body = json.dumps({"password": "grain", "cost": cost})
        return self.ask("POST", "/hash", body, JSON | (headers or {}), connection)

    def live(self):
        return self.ask("GET", "/live.json").json()

    def metrics(self):
        """By name with labels, as in the text."""
        values = {}
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def log(self):
        """Its lines; one that a sanitizer or the C library has written is a message alone."""
        self.log_file.seek(0)
        return [json.loads(line) if line.startswith("{") else {"message": line} for line in self.log_file.read().splitlines()]

    def logged(self, message):
        return next((line for line in self.log() if line["message"] == message), None)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log_file.close()
        self.folder.cleanup()


def post(path, body, content_type="application/json"):
    """A request as bytes, for sockets."""
    return (f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def post_hash(cost):
    return post("/hash", json.dumps({"password": "grain", "cost": cost}))


def read_answer(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Answer(response)


def read_answers(connection, count):
    """Of one connection, one after the other; http.client would read ahead."""
    file = connection.makefile("rb")

    class Once:  # what HTTPResponse wants of a socket
        def makefile(self, _mode):
            return KeepOpen(file)

    return [read_answer(Once()) for _ in range(count)]


class KeepOpen:
    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def close(self):
        pass


class ServiceTest(unittest.TestCase):
    def start(self, *flags, files=None, **environment):
        service = Service(*flags, files=files, **environment)
        self.addCleanup(service.kill)
        return service

    def end(self, service):
        """Stops it; nothing that it accepted may be left without an answer. Its last line in the log."""
        service.signal()
        status = service.wait()
        self.assertEqual(status, 0, "\n".join(line["message"] for line in service.log()))
        totals = service.logged("stopped")
        self.assertEqual(totals["accepted"], totals["answered"] + totals["gone"])
        self.assertEqual(totals["answered"], sum(totals["by_status"].values()))
        return totals

    def hold(self, service, cost=LONG):
        """A connection whose requests keep the one worker busy for seconds."""
        connection = service.socket()
        self.addCleanup(connection.close)
        connection.sendall(post_hash(cost) * PIPELINED)
        until(lambda: service.live()["busy"] == 1, "the worker's being busy")
        return connection
