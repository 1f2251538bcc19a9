#!/usr/bin/python3
"""What each endpoint answers to right and to wrong requests; results by other implementations.

    endpoints_test.py PROGRAM [unittest's arguments]
"""

import json
import pathlib
import random
import sys
import unittest

sys.dont_write_bytecode = True
from service import JSON, PNG, ServiceTest, post_hash, read_answer, read_answers

import bcrypt
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lambda/image_filter"))
import images


class Results(ServiceTest):
    flags = ()

    def setUp(self):
        self.service = self.start("--threads", 2, *self.flags)

    def tearDown(self):
        self.end(self.service)

    def post(self, path, body, headers=JSON):
        return self.service.ask("POST", path, body, headers)

    def test_a_hash_is_its_passwords(self):
        for password, cost in (("x", 4), ("correct horse", 5), ("Grüße, 世界", 4), ("p" * 72, 6)):
            answer = self.post("/hash", json.dumps({"password": password, "cost": cost}))
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json()["cost"], cost)
            digest = answer.json()["hash"]
            self.assertTrue(digest.startswith(f"$2b${cost:02}$"))
            self.assertTrue(bcrypt.checkpw(password.encode(), digest.encode()))
            self.assertFalse(bcrypt.checkpw(b"another", digest.encode()))

    def test_the_usual_cost_is_10(self):
        self.assertTrue(self.post("/hash", '{"password": "x"}').json()["hash"].startswith("$2b$10$"))

    def test_statistics_are_numpys(self):
        dice = random.Random(7)
        for numbers in ([5], [2, 1], [0.5, -3, 1e9, 4], [dice.gauss(10, 3) for _ in range(10_001)]):
            answer = self.post("/stats", json.dumps(numbers))
            self.assertEqual(answer.status, 200)
            found = answer.json()
            self.assertEqual(found["count"], len(numbers))
            self.assertEqual((found["min"], found["max"]), (min(numbers), max(numbers)))
            np.testing.assert_allclose((found["mean"], found["std_dev"]), (np.mean(numbers), np.std(numbers)), rtol=1e-12)
            self.assertEqual(list(found["percentiles"]), ["50", "90", "95", "99", "99.9"])
            for percent, value in found["percentiles"].items():
                np.testing.assert_allclose(value, np.percentile(numbers, float(percent)), rtol=1e-12)

    def test_filtered_pixels_are_an_independent_calculations(self):
        folder = pathlib.Path(self.service.folder.name)
        images.make(folder)
        result = folder / "result"
        compared = 0
        for source in sorted(folder.glob("*.png"))[::5]:
            for job in ({"filter": "grayscale"}, {"filter": "invert"}, {"filter": "sobel"},
                        {"filter": "gaussian_blur", "sigma": 1.5}, {"filter": "sharpen", "sigma": 2, "amount": 0.5}):
                query = "&".join(f"{key}={value}" for key, value in job.items())
                answer = self.post(f"/filter?{query}", source.read_bytes(), PNG)
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "image/png"), answer.body[:200])
                result.write_bytes(answer.body)
                wanted, slack = images.expected(images.pixels_of(source), {"sigma": 1, "amount": 1} | job)
                found = images.read(result)
                self.assertEqual(found.shape, wanted.shape)
                self.assertLessEqual(float(np.abs(found - wanted).max()), slack, (source.name, job))
                compared += 1
        self.assertGreater(compared, 20)

    def test_bad_images_are_refused(self):
        folder = pathlib.Path(self.service.folder.name)
        images.bad(folder)
        files = sorted(folder.glob("*.png"))
        self.assertGreater(len(files), 20)
        for file in files:
            answer = self.post("/filter?filter=invert", file.read_bytes(), PNG)
            if file.stem in ("good", "palette-index"):  # what is beyond the palette is black, as elsewhere
                self.assertEqual(answer.status, 200)
            else:
                self.assertEqual(answer.status, 413 if file.stat().st_size > 8 << 20 else 400, file.name)
                answer.error()
        bomb = self.post("/filter?filter=invert", (folder / "huge.png").read_bytes(), PNG)
        self.assertIn("100000 x 100000 pixels; at most 16000000 are allowed", bomb.error())


    def test_nesting_takes_no_stack(self):
        """What is deep enough to end the process if somebody printed it, or only freed it by recursion."""
        deep = "[" * 200_000
        for path, body in (("/stats", deep + "]" * 200_000), ("/hash", deep + "]" * 200_000), ("/stats", deep),
                           ("/hash", '{"password": "x", "cost": %s4%s}' % (deep, "]" * 200_000)),
                           ("/stats", '{"a":' * 200_000 + "1" + "}" * 200_000), ("/hash", '{"a":' * 200_000)):
            answer = self.post(path, body)
            self.assertEqual((answer.status, answer.error()), (400, "the body nests deeper than 32 levels"))
        self.assertEqual(self.post("/stats", "[1]").status, 200)

    def test_a_body_that_is_no_json_is_one_short_line(self):
        for body in ("{", "nul", '"' + "x" * 100_000, b"\xff", b"[1]\0", b"[1] 2", b'{"password": "\xc3"}'):
            error = self.post("/hash", body).error()
            self.assertTrue(error.startswith("the body is not JSON: "), error)
            self.assertLess(len(error), 400)


class InlineResults(Results):
    """The same with the computation on the loop."""
    flags = ("--inline",)


class Requests(ServiceTest):
    def setUp(self):
        self.service = self.start("--threads", 2, "--max-body", 4000)

    def tearDown(self):
        self.end(self.service)

    def test_the_plain_ones(self):
        self.assertEqual(self.service.ask("GET", "/healthz").body, b"ok\n")
        page = self.service.ask("GET", "/?x=1")
        self.assertIn(b"<title>Compute service</title>", page.body)
        self.assertEqual(page.headers["Content-Type"], "text/html; charset=utf-8")
        live = self.service.live()
        self.assertEqual((live["workers"], live["queue_limit"], live["queue"], live["inline"]), (2, 64, 0, False))

    def test_wrong_requests(self):
        good = '{"password": "x"}'
        png = "image/png"
        for status, method, path, body, kind, words in (
                (404, "GET", "/nothing", None, None, "nothing at /nothing"),
                (404, "GET", "/healthz/", None, None, "nothing at /healthz/"),
                (404, "POST", "/HASH", good, JSON, "nothing at /HASH"),
                (405, "GET", "/hash", None, None, "/hash wants POST"),
                (405, "DELETE", "/stats", None, None, "/stats wants POST"),
                (405, "POST", "/healthz", "", JSON, "/healthz wants GET"),
                (413, "POST", "/hash", good + " " * 4000, JSON, "4017 bytes; at most 4000"),
                (415, "POST", "/hash", good, None, 'must be application/json, not ""'),
                (415, "POST", "/hash", good, "text/plain", 'must be application/json, not "text/plain"'),
                (415, "POST", "/filter?filter=invert", "x", "application/json", "must be image/png"),
                (400, "POST", "/hash", "{", JSON, "not JSON"),
                (400, "POST", "/hash", "", JSON, "not JSON"),
                (400, "POST", "/hash", "[" * 3000, JSON, "nests deeper than 32 levels"),
                (400, "POST", "/hash", "[" * 33 + "]" * 33, JSON, "nests deeper than 32 levels"),
                (400, "POST", "/hash", "[" * 32 + "]" * 32, JSON, "must be a JSON object, not [[["),
                (400, "POST", "/stats", "[" * 32 + "]" * 32, JSON, "[0] must be a number, not [[["),
                (400, "POST", "/hash", '{"password": "x"}\0y', JSON, "NUL"),
                (400, "POST", "/hash", "[]", JSON, "object"),
                (400, "POST", "/hash", "{}", JSON, '"password" must be a text'),
                (400, "POST", "/hash", '{"password": 5}', JSON, '"password" must be a text'),
                (400, "POST", "/hash", '{"password": ""}', JSON, "1 to 72 bytes"),
                (400, "POST", "/hash", json.dumps({"password": "p" * 73}), JSON, "1 to 72 bytes"),
                (400, "POST", "/hash", '{"password": "a\\u0000b"}', JSON, "none of them NUL"),
                (400, "POST", "/hash", '{"password": "x", "cost": 3}', JSON, "4 to 14"),
                (400, "POST", "/hash", '{"password": "x", "cost": 15}', JSON, "4 to 14"),
                (400, "POST", "/hash", '{"password": "x", "cost": "5"}', JSON, "cost"),
                (400, "POST", "/hash", '{"password": "x", "costs": 5}', JSON, "costs"),
                (400, "POST", "/stats", "{}", JSON, "array of numbers"),
                (400, "POST", "/stats", "[]", JSON, "array of numbers"),
                (400, "POST", "/stats", '[1, "2"]', JSON, '[1] must be a number, not "2"'),
                (400, "POST", "/stats", "[1e308, 1e308]", JSON, "too large"),
                (400, "POST", "/stats", "[1e999]", JSON, "not JSON"),
                (400, "POST", "/filter?filter=invert", "x", png, "not a PNG"),
                (400, "POST", "/filter?filter=invert", "", png, "empty"),
                (400, "POST", "/filter", "x", png, "filter"),
                (400, "POST", "/filter?filter=swirl", "x", png, "swirl"),
                (400, "POST", "/filter?filter=invert&sigma=1", "x", png, "sigma"),
                (400, "POST", "/filter?filter=sharpen&sigma=wide", "x", png, "sigma"),
                (400, "POST", "/filter?filter=sharpen&amount=nan", "x", png, "amount"),
                (400, "POST", "/filter?filter=invert&speed=9", "x", png, 'unknown parameter "speed"'),
                (400, "POST", "/filter?filter=%zz", "x", png, "query"),
        ):
            headers = {"Content-Type": kind} if isinstance(kind, str) else kind
            answer = self.service.ask(method, path, body, headers)
            with self.subTest(path=path, body=(body or "")[:60]):
                self.assertEqual(answer.status, status, answer.body)
                self.assertIn(words, answer.error())
        allowed = self.service.ask("GET", "/hash").headers["Allow"], self.service.ask("POST", "/").headers["Allow"]
        self.assertEqual(allowed, ("POST", "GET"))

    def test_a_content_type_may_have_parameters(self):
        answer = self.service.ask("POST", "/stats", "[1]", {"Content-Type": "Application/JSON ; charset=utf-8"})
        self.assertEqual(answer.status, 200)

    def test_bad_times_are_refused(self):
        for text in ("0", "-1", "600001", "1s", "1.5", "99999999999999999999", "soon"):
            answer = self.service.hash(headers={"X-Request-Timeout-Ms": text})
            self.assertEqual(answer.status, 400, text)
            self.assertIn(f'X-Request-Timeout-Ms must be 1 to 600000 whole milliseconds, not "{text}"', answer.error())
        self.assertEqual(self.service.hash(headers={"X-Request-Timeout-Ms": "600000"}).status, 200)

    def test_far_too_large_a_body_is_cut(self):
        with self.service.socket() as connection:
            with self.assertRaises(OSError):
                while True:  # until the other side has closed it
                    connection.sendall(b"POST /hash HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n" + bytes(50_000))
        self.assertEqual(self.service.ask("GET", "/healthz").status, 200)

    def test_a_connection_is_kept(self):
        connection = self.service.connect()
        self.addCleanup(connection.close)
        connection.connect()
        socket = connection.sock
        for _ in range(3):
            self.assertEqual(self.service.hash(connection=connection).status, 200)
            self.assertIs(connection.sock, socket)
        self.assertEqual(self.service.ask("GET", "/healthz", connection=connection).body, b"ok\n")
        self.assertIs(connection.sock, socket)

    def test_a_connection_is_closed_if_asked(self):
        with self.service.socket() as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            self.assertEqual(read_answer(connection).headers["Connection"], "close")
            self.assertEqual(connection.recv(1), b"")

    def test_head_has_no_body(self):
        with self.service.socket() as connection:
            connection.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            text = b""
            while not text.endswith(b"\r\n\r\nok\n"):
                part = connection.recv(4096)
                self.assertTrue(part)
                text += part
        first, second, body = text.split(b"\r\n\r\n")
        self.assertTrue(first.startswith(b"HTTP/1.1 405 ") and second.startswith(b"HTTP/1.1 200 "), text)
        self.assertEqual(body, b"ok\n")

    def test_pipelined_requests_are_answered_in_order(self):
        health = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
        with self.service.socket() as connection:
            connection.sendall(health + post_hash(9) + health + post_hash(4) + b"GET /no HTTP/1.1\r\nHost: h\r\n\r\n")
            answers = read_answers(connection, 5)
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 200, 404])
        self.assertEqual([answer.body for answer in answers[::2][:2]], [b"ok\n"] * 2)
        self.assertEqual([answer.json()["cost"] for answer in answers[1:4:2]], [9, 4])

    def test_metrics_count_what_was_done(self):
        for _ in range(3):
            self.service.hash()
        self.service.ask("POST", "/stats", "x", JSON)
        self.service.ask("GET", "/no")
        metrics = self.service.metrics()
        self.assertEqual(metrics['service_requests_total{route="/hash"}'], 3)
        self.assertEqual(metrics['service_responses_total{route="/hash",status="200"}'], 3)
        self.assertEqual(metrics['service_responses_total{route="/stats",status="400"}'], 1)
        self.assertEqual(metrics['service_responses_total{route="other",status="404"}'], 1)
        self.assertEqual(metrics['service_request_duration_seconds_count{route="/hash"}'], 3)
        self.assertEqual(metrics['service_clients_gone_total{route="/hash"}'], 0)
        self.assertEqual(metrics['millrace_pool_workers{pool="compute"}'], 2)
        self.assertEqual(metrics['millrace_labelled_jobs_completed_total{pool="compute",label="/hash"}'], 3)
        self.assertEqual(metrics['millrace_jobs_failed_total{pool="compute"}'], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
