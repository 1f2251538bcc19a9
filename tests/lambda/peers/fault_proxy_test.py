#!/usr/bin/env python3
"""Tests of fault_proxy.py: the real program, between http.client and a server of Python's own."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 20  # for what never comes
ETAG = '"0123456789abcdef0123456789abcdef"'


class Handler(BaseHTTPRequestHandler):
    """Says what was asked; or BYTES bytes for /BYTES, how often it was asked that for /count."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, body, headers=()):
        self.send_response(206 if self.headers.get("Range") else 200)
        for name, value in headers:
            self.send_header(name, value)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3;note=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        body = self.read_body()
        self.server.received.append((self.command, self.path, list(self.headers.items()), body))
        if "BatchWriteItem" in self.headers.get("X-Amz-Target", ""):
            self.answer(b'{"UnprocessedItems": {}}')
        elif self.path[1:].isdigit():
            size = int(self.path[1:])
            self.answer((b"0123456789abcdef" * (size // 16 + 1))[:size], [("ETag", ETAG)])
        else:
            self.answer(b"%d" % len(self.server.received))

    do_PUT = do_POST = do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Upstream(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.received = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class FaultProxyTest(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.server_close)
        self.addCleanup(self.upstream.shutdown)

    def start(self, faults="", seed=1):
        process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "fault_proxy.py"),
             "--upstream", "http://127.0.0.1:%d" % self.upstream.server_address[1],
             "--faults", faults, "--seed", str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

        self.addCleanup(end)
        self.process = process
        line = process.stdout.readline()
        self.assertTrue(line, "fault_proxy.py has ended before it listened; why is above")
        self.port = int(json.loads(line)["endpoint"].rpartition(":")[2])

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method="GET", path="/16", body=None, headers={}, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response, response.read()

    def raw(self, data):
        """What comes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as client:
            client.sendall(data)
            answer = b""
            while part := client.recv(65536):
                answer += part
            return answer

    def batch(self, count, operation="BatchWriteItem"):
        items = [{"PutRequest": {"Item": {"PK": {"S": str(n)}}}} for n in range(count)]
        body = json.dumps({"RequestItems": {"table": items}})
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        response, reply = self.ask("POST", "/", body, headers)
        return items, response, reply

    def counts(self):
        self.process.stdin.close()
        line = self.process.stdout.readline()
        self.assertEqual(self.process.wait(SECONDS), 0)
        return json.loads(line)

    def test_passes_on_what_signatures_cover(self):
        self.start()
        path = "/a%20b%2Bc//%C3%BC?x=1&a=%2F&empty"
        headers = [("Host", "elsewhere:1"), ("x-AMZ-Date", "now"), ("Range", "bytes=1-2"),
                   ("Authorization", "AWS4 a, b=c"), ("Connection", "keep-alive")]  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.raw(f"GET {path} HTTP/1.1\r\n{lines}\r\nHEAD / HTTP/1.0\r\n\r\n".encode())
        self.assertEqual(self.upstream.received[0], ("GET", path, headers, b""))

    def test_passes_on_bodies(self):
        self.start()
        connection = self.connect()
        body = os.urandom(5_000_000)
        self.ask("PUT", "/x", body, connection=connection)
        self.ask("PUT", "/x", iter([b"chunk", b"ed"]), connection=connection)
        self.assertEqual(hashlib.md5(self.upstream.received[0][3]).digest(), hashlib.md5(body).digest())
        self.assertEqual(self.upstream.received[1][3], b"chunked")
        _, answer = self.ask(path="/3000000", connection=connection)
        self.assertEqual(answer, (b"0123456789abcdef" * 187500))
        _, answer = self.ask(path="/chunked", connection=connection)
        self.assertEqual(answer, b"abcde")
        response, answer = self.ask("HEAD", "/100", connection=connection)
        self.assertEqual((response.headers["Content-Length"], answer), ("100", b""))
        response, answer = self.ask(path="/100", headers={"Range": "bytes=0-99"}, connection=connection)
        self.assertEqual((response.status, len(answer)), (206, 100))
        counts = {"connections": 1, "requests": 6, "passed": 6, "upstream_failures": 0, "faults": {}}
        self.assertEqual(self.counts(), counts)

    def test_keeps_the_connection(self):
        self.start()
        connection = self.connect()
        self.ask(connection=connection)
        used = connection.sock
        self.ask(connection=connection)
        self.assertIs(connection.sock, used)

    def test_answers_an_expectation(self):
        self.start()
        answer = self.raw(
            b"PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\n"
            b"Content-Length: 3\r\n\r\nabc"
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "), answer)
        self.assertEqual(self.upstream.received[0][3], b"abc")

    def test_an_upstream_that_is_gone(self):
        self.start()
        self.upstream.shutdown()
        self.upstream.server_close()
        with self.assertRaises(ConnectionResetError):
            self.raw(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(self.counts()["upstream_failures"], 1)

    def test_made_up_answers(self):
        self.start("throttling@1,provisioned-throughput@2,internal-error:for=BatchWriteItem@3,"
                   "slow-down@1,slow-down:retry-after=7@2,internal-error:for=PUT@1")  # fmt: skip
        for status, error_type in (
            (400, "com.amazon.coral.availability#ThrottlingException"),
            (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
            (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        ):
            _, response, reply = self.batch(3)
            self.assertEqual((response.status, json.loads(reply)["__type"]), (status, error_type))
            self.assertEqual(response.headers["x-amz-crc32"], str(zlib.crc32(reply)))
            self.assertTrue(response.headers["x-amzn-RequestId"])
        for method, status, code, retry_after in (
            ("GET", 503, b"<Code>SlowDown</Code>", None),
            ("GET", 503, b"<Code>SlowDown</Code>", "7"),
            ("PUT", 500, b"<Code>InternalError</Code>", None),
        ):
            response, reply = self.ask(method)
            self.assertEqual((response.status, response.headers["Retry-After"]), (status, retry_after))
            self.assertIn(code, reply)
        self.assertEqual(self.upstream.received, [])
        self.assertEqual(self.ask()[0].status, 200)

    def test_resets(self):
        self.start("reset-before@1,reset-after@2")
        for received in (0, 1):
            with self.assertRaises(ConnectionResetError):  # not just the connection's end
                self.raw(b"PUT /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
            self.assertEqual(len(self.upstream.received), received)
        self.assertEqual(self.counts()["faults"], {"reset-before": 1, "reset-after": 1})

    def test_truncates(self):
        self.start("truncate:at=10@1,truncate@1-2")
        for length in (10, None):
            with self.assertRaises(http.client.IncompleteRead) as caught:
                self.ask(path="/1000")
            got = len(caught.exception.partial)
            self.assertEqual(got + caught.exception.expected, 1000)
            self.assertEqual(got, length or got)

    def test_stalls_until_the_client_leaves(self):
        self.start("stall:at=5@1")
        connection = self.connect()
        connection.request("GET", "/100")
        response = connection.getresponse()
        self.assertEqual(response.read(5), b"01234")
        connection.sock.settimeout(0.05)
        with self.assertRaises(TimeoutError):
            response.read(1)

    def test_slow_answers_are_whole(self):
        self.start("slow:bytes=7:delay=1@1")
        self.assertEqual(len(self.ask(path="/1000")[1]), 1000)
        self.assertEqual(self.counts()["faults"], {"slow": 1})

    def test_wrong_answers(self):
        self.start("corrupt@1,wrong-etag@2,wrong-crc32@1")
        response, body = self.ask(path="/160")
        right = b"0123456789abcdef" * 10
        self.assertEqual(sum(a != b for a, b in zip(body, right, strict=True)), 1)
        response, body = self.ask(path="/160")
        self.assertEqual(body, right)
        self.assertRegex(response.headers["ETag"], '^"[0-9a-f]{32}"$')
        self.assertNotEqual(response.headers["ETag"], ETAG)
        _, response, reply = self.batch(1, "Scan")
        self.assertNotEqual(int(response.headers["x-amz-crc32"]), zlib.crc32(reply))

    def test_stale_answers(self):
        self.start("stale@3-4")
        paths = ("/count", "/count", "/count", "/other", "/count")
        answers = [self.ask(path=path)[1] for path in paths]
        self.assertEqual(answers, [b"1", b"2", b"1", b"3", b"4"])
        self.assertEqual(self.counts()["faults"], {"stale": 1})

    def test_unprocessed_items(self):
        self.start("unprocessed-items=100%")
        sizes = set()
        for _ in range(20):
            items, response, reply = self.batch(25)
            self.assertEqual(int(response.headers["x-amz-crc32"]), zlib.crc32(reply))
            left = json.loads(reply)["UnprocessedItems"]["table"]
            done = json.loads(self.upstream.received[-1][3])["RequestItems"]["table"]
            self.assertTrue(left and done)
            self.assertCountEqual(map(json.dumps, left + done), map(json.dumps, items))
            sizes.add(len(left))
        self.assertGreater(len(sizes), 3)
        _, _, reply = self.batch(1)
        self.assertEqual(json.loads(reply), {"UnprocessedItems": {}})
        self.assertEqual(self.batch(25, "BatchGetItem")[1].status, 200)
        counts = self.counts()
        self.assertEqual((counts["faults"], counts["passed"]), ({"unprocessed-items": 20}, 2))

    def test_rates_and_seeds(self):
        def outcomes(seed):
            self.start("unprocessed-items=30%,throttling=20%,internal-error=10%", seed)
            connection = self.connect()
            kinds = []
            for n in range(400):
                body = json.dumps({"RequestItems": {"t": [{"n": n}, {"m": n}]}})
                headers = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
                response, reply = self.ask("POST", "/", body, headers, connection)
                kinds.append((response.status, reply))
            return kinds, self.counts()

        first, counts = outcomes(1)
        self.assertEqual((first, counts), outcomes(1))
        self.assertNotEqual(first, outcomes(2)[0])
        for kind, share in (("unprocessed-items", 120), ("throttling", 80), ("internal-error", 40)):
            self.assertAlmostEqual(counts["faults"][kind], share, delta=30)
        self.assertEqual(counts["requests"], 400)
        self.assertEqual(counts["passed"] + sum(counts["faults"].values()), 400)

    def test_counts_on_request(self):
        self.start()
        self.ask()
        for _ in range(2):
            self.process.send_signal(signal.SIGUSR1)
            self.assertEqual(json.loads(self.process.stdout.readline())["requests"], 1)
        self.process.terminate()
        self.assertEqual(json.loads(self.process.stdout.readline())["requests"], 1)
        self.assertEqual(self.process.wait(SECONDS), 0)

    def test_refuses_a_bad_specification(self):
        for faults, message in (
            ("slo@1", "no fault 'slo'; must be one of corrupt, internal-error, "),
            ("slow", "'slow' isn't KIND[:PARAMETER=VALUE]=RATE% or ...@N[-M]"),
            ("slow@0", "'slow@0': requests are counted from 1"),
            ("slow@3-2", "'slow@3-2': requests are counted from 1"),
            ("slow:at=1@1", "slow has no parameter 'at'"),
            ("truncate:at=x@1", "at of truncate must be a whole number, not 'x'"),
            ("slow=60%,stall=41%", "the rates are more than 100 % together"),
        ):
            with self.subTest(faults):
                done = subprocess.run(
                    [sys.executable, os.path.join(HERE, "fault_proxy.py"),
                     "--upstream", "http://127.0.0.1:1", "--faults", faults],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
                )  # fmt: skip
                self.assertEqual(done.returncode, 2)
                self.assertTrue(done.stderr.startswith(f"fault_proxy.py: --faults: {message}"))
                self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
