"""The service's process, wrk, the probe of /healthz and the look at its memory."""

import ctypes
import json
import math
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

MIX = pathlib.Path(__file__).resolve().parent / "mix.lua"
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """One line for the user."""


def die_with(parent):
    def before_exec():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


class Service:
    """Stops when its block is left; `totals` is then what it logged last."""

    def __init__(self, program, flags):
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MILLRACE_")}
        self.process = subprocess.Popen([program, "--port", "0", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=clean, preexec_fn=die_with(os.getpid()))
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            self.process.kill()
            self.process.wait()
            said = line.strip() or next(iter(self._log_lines()), "it said nothing")
            raise Failed(f"{program} ended before it listened: {said}")
        self.port = int(found[1])
        self.totals = None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.terminate()
        try:
            self.status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.status = self.process.wait()
        self.process.stdout.close()
        self.totals = next((line for line in map(json.loads, self._log_lines()) if line["message"] == "stopped"), None)
        self.log.close()

    def _log_lines(self):
        self.log.seek(0)
        return self.log.read().splitlines()

    def resident_mib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(text.split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


class Probe(threading.Thread):
    """Asks for /healthz on a connection of its own, so often per second. If an answer is late, the
    next request counts from when it should have been sent: waiting for the loop is part of its time."""

    def __init__(self, port, rate):
        super().__init__(daemon=True)
        self.every = 1 / rate
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ended = threading.Event()
        self.ms = []
        self.wrong = 0

    def run(self):
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        due = time.perf_counter()
        while not self.ended.is_set():
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
                began = time.perf_counter()
            else:
                began = due
            self.connection.sendall(request)
            answer = b""
            while not answer.endswith(b"ok\n"):
                part = self.connection.recv(4096)
                if not part:
                    self.wrong += 1
                    return
                answer += part
            self.ms.append((time.perf_counter() - began) * 1e3)
            due += self.every

    def end(self):
        self.ended.set()
        self.join(150)
        self.connection.close()
        return self.ms


class Memory(threading.Thread):
    """(seconds, MiB) twice a second."""

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service = service
        self.samples = []
        self.ended = threading.Event()

    def run(self):
        began = time.monotonic()
        while not self.ended.wait(0.5):
            self.samples.append((time.monotonic() - began, self.service.resident_mib()))

    def end(self):
        self.ended.set()
        self.join()
        return self.samples


class Others:
    """CPUs that neither the service nor this tool and what it starts took: of how much worth the figures are."""

    def __init__(self, service):
        self.service = service
        self.began = time.monotonic()
        self.at_first = self._seconds()

    def _seconds(self):
        ticks = os.sysconf("SC_CLK_TCK")
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        idle, waiting = fields[3:5]
        service = pathlib.Path(f"/proc/{self.service.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (sum(fields[:8]) - idle - waiting - int(service[11]) - int(service[12])) / ticks - sum(os.times()[:4])

    def cpus(self):
        return max(0.0, (self._seconds() - self.at_first) / (time.monotonic() - self.began))


def percentile(values, percent):
    """The nearest rank."""
    ranked = sorted(values)
    return ranked[max(math.ceil(percent / 100 * len(ranked)), 1) - 1]


def growth(samples):
    """MiB between the first and the last sample by the straight line through them; the first fifth
    is left out, in which the service takes what it works in."""
    rest = samples[len(samples) // 5:]
    if len(rest) < 3:
        return 0.0
    slope = statistics.linear_regression([at for at, _ in rest], [mib for _, mib in rest]).slope
    return slope * (rest[-1][0] - rest[0][0])


def run_wrk(port, connections, seconds, delay_ms, files):
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "60s", "-s", str(MIX),
               f"http://127.0.0.1:{port}/", "--", str(delay_ms), *map(str, files)]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 120,
                               preexec_fn=die_with(os.getpid()), check=False)
    except FileNotFoundError:
        raise Failed("wrk is not there; tools/setup bench installs it") from None
    found = re.search(r"^RESULT (.*)$", ended.stdout, re.MULTILINE)
    if not found:
        raise Failed(f"wrk ended without a result: {(ended.stderr or ended.stdout).strip()[-300:]}")
    return json.loads(found[1]) | {"connections": connections}


def probe_for(service, rate, seconds):
    probe = Probe(service.port, rate)
    probe.start()
    time.sleep(seconds)
    return probe.end()


def capacity(program, flags, seconds, files):
    """Answers per second when there is always a next request, and never one too many."""
    with Service(program, flags) as service:
        run_wrk(service.port, 4, max(1, seconds // 4), 0, files)  # warm-up
        result = run_wrk(service.port, 4, seconds, 0, files)
    return result["ok"] / result["seconds"]


def overload(program, flags, options, connections, files):
    """Quiet first, then loaded: one row of the table."""
    with Service(program, flags) as service:
        others = Others(service)
        idle = probe_for(service, options.rate, options.seconds)
        idle_others = others.cpus()
        others = Others(service)
        memory = Memory(service)
        memory.start()
        probe = Probe(service.port, options.rate)
        probe.start()
        wrk = run_wrk(service.port, connections, options.seconds, options.delay_ms, files)
        loaded = probe.end()
        samples = memory.end()
        loaded_others = others.cpus()
    return {"idle_ms": idle, "loaded_ms": loaded, "wrk": wrk, "memory": samples, "growth_mib": growth(samples),
            "status": service.status, "totals": service.totals, "wrong_probes": probe.wrong,
            "others": [idle_others, loaded_others]}
