#!/usr/bin/python3
"""The page at / in headless Chromium, over a service that has done known work.

    page_test.py PROGRAM [unittest's arguments]
"""

import html.parser
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from service import PIPELINED, ServiceTest, post_hash, read_answers, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGE = pathlib.Path(__file__).resolve().parents[2] / "examples/service/page.html"


class Dom(html.parser.HTMLParser):
    """The text of each element with an id, and what the charts show."""

    VOID = {"meta", "link", "input", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.by_id, self.charts, self.lines, self.workers = [], {}, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in self.VOID:
            self.open.append(attributes.get("id"))
        if "id" in attributes:
            self.by_id[attributes["id"]] = ""
        if tag == "svg":
            self.charts.append(attributes)
        if tag == "polyline":
            self.lines.append(attributes["points"].split())
        if tag == "i":
            self.workers.append(attributes.get("class"))

    def handle_endtag(self, _tag):
        self.open.pop()

    def handle_data(self, data):
        for name in filter(None, self.open):
            self.by_id[name] += data


class Page(ServiceTest):
    def render(self, address):
        """The document after some seconds of its own time, which pass as fast as its requests are answered."""
        self.assertTrue(CHROMIUM, "chromium is missing; tools/setup installs it")
        with tempfile.TemporaryDirectory(prefix="millrace-chromium-") as folder:
            ended = subprocess.run(
                [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr",
                 f"--user-data-dir={folder}", "--virtual-time-budget=4000", "--dump-dom", address],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True)
        self.console = [line for line in ended.stderr.splitlines() if ":CONSOLE" in line]
        return Dom(ended.stdout)

    def test_it_shows_what_the_service_did(self):
        service = self.start("--threads", 1, "--max-pending", 1)
        with service.socket() as connection:
            connection.sendall(post_hash(11) * PIPELINED)
            statuses = [answer.status for answer in read_answers(connection, PIPELINED)]
        self.assertEqual(service.hash(headers={"X-Request-Timeout-Ms": "soon"}).status, 400)
        done, turned_away = statuses.count(200), statuses.count(503)
        until(lambda: any(second["ok"] > 0 for second in service.live()["seconds"]), "the second's end")
        until(lambda: len(service.live()["seconds"]) >= 3, "some seconds")

        dom = self.render(f"http://127.0.0.1:{service.port}/")
        self.assertEqual(self.console, [])
        shown = {name: dom.by_id[name] for name in
                 ("state", "accepted", "answered", "s200", "s503", "s504", "other", "gone", "flight", "queue", "limit", "busy", "count")}
        self.assertEqual(shown, {"state": "live", "accepted": str(PIPELINED + 1), "answered": str(PIPELINED + 1),
                                 "s200": str(done), "s503": str(turned_away), "s504": "0", "other": "1", "gone": "0",
                                 "flight": "0", "queue": "0", "limit": "1", "busy": "0", "count": "1"})
        self.assertEqual(dom.workers, [""])
        self.assertEqual([chart["aria-label"].split(":")[0] for chart in dom.charts],
                         ["Responses per second", "Time to answer, ms", "Queue, most in each second", "Workers busy, on average"])
        for chart in dom.charts:
            self.assertEqual(chart["role"], "img")
            self.assertRegex(chart["aria-label"], r": .*\d")
        self.assertEqual(len(dom.lines), 7)
        for line in dom.lines[:3] + dom.lines[5:]:
            self.assertGreaterEqual(len(line), 3)
        heights = [[float(point.split(",")[1]) for point in line] for line in dom.lines]
        for line, what in ((0, "answered"), (1, "turned away"), (3, "median"), (4, "99th percentile")):
            self.assertLess(min(heights[line]), 129, f"{what} is a flat line")  # up is less
        self.assertEqual(min(heights[2]), 130.0)  # none was too late
        self.end(service)

    def test_busy_workers_and_the_queue_are_seen(self):
        service = self.start("--threads", 1)
        for _ in range(4):  # work for far longer than a look takes; it is killed in the end
            self.hold(service, 14)

        def seen():
            dom = self.render(f"http://127.0.0.1:{service.port}/")
            return dom if dom.by_id["busy"] == "1" and dom.by_id["queue"] != "0" else None

        dom = until(seen, "the page's showing a busy worker")
        self.assertEqual(dom.workers, ["busy"])
        self.assertGreater(int(dom.by_id["flight"]), int(dom.by_id["queue"]))

    def test_a_service_that_is_not_there(self):
        dom = self.render(PAGE.as_uri())  # whose figures nobody serves
        self.assertEqual(dom.by_id["state"], "no answer from the service")
        self.assertEqual(dom.by_id["accepted"], "–")

    def test_it_needs_nothing_from_elsewhere(self):
        page = PAGE.read_text(encoding="utf-8")
        self.assertEqual(set(re.findall(r"https?://[^\"' )]+", page)), {"http://www.w3.org/2000/svg"})
        self.assertNotRegex(page, r"<script[^>]*src|@import|url\(")
        self.assertIn('<html lang="en">', page)
        self.assertIn("prefers-color-scheme: dark", page)


if __name__ == "__main__":
    unittest.main(verbosity=2)
