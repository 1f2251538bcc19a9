#!/usr/bin/python3
"""SIGTERM: what was accepted is answered, nothing else is taken on; a second one ends it at once.

    stop_test.py PROGRAM [unittest's arguments]
"""

import signal
import sys
import unittest

sys.dont_write_bytecode = True
from service import PIPELINED, ServiceTest, post_hash, read_answer, read_answers, until


class Stop(ServiceTest):
    def stopping(self, service, number=signal.SIGTERM):
        service.signal(number)
        until(lambda: service.logged("stopping"), "the stop's beginning")

    def test_an_idle_one_ends_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            service = self.start("--io-threads", 3)
            kept = service.connect()  # open and quiet: nothing to wait for
            self.addCleanup(kept.close)
            service.ask("GET", "/healthz", connection=kept)
            service.signal(number)
            self.assertEqual(service.wait(), 0)
            self.assertEqual(service.logged("stopped")["by_status"], {"200": 1})

    def test_all_that_it_accepted_is_answered(self):
        clients = 6
        for loops in (1, 2):
            service = self.start("--threads", 2, "--io-threads", loops)
            connections = [service.socket() for _ in range(clients)]
            for connection in connections:
                self.addCleanup(connection.close)
                connection.sendall(post_hash(11) * 3)
            name = 'service_requests_total{route="/hash"}'
            until(lambda: service.metrics()[name] == clients * 3, "the requests' being accepted")
            service.signal()
            for connection in connections:
                answers = read_answers(connection, 3)
                self.assertEqual([answer.status for answer in answers], [200] * 3)
                self.assertEqual([answer.json()["cost"] for answer in answers], [11] * 3)
                self.assertEqual(connection.recv(1), b"")
            self.assertEqual(service.wait(), 0)
            totals = service.logged("stopped")
            self.assertEqual((totals["accepted"], totals["gone"]), (totals["answered"], 0))
            self.assertGreaterEqual(totals["by_status"]["200"], clients * 3)

    def test_nothing_more_is_taken_on(self):
        service = self.start("--threads", 1)
        kept = service.socket()
        self.addCleanup(kept.close)
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(read_answers(kept, 1)[0].status, 200)
        held = self.hold(service)
        self.stopping(service)

        def refused():
            try:
                service.socket().close()
                return False
            except ConnectionRefusedError:
                return True

        until(refused, "new connections' being refused")
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = read_answer(kept)
        self.assertEqual((answer.status, answer.headers["Connection"]), (503, "close"))
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(answer.error(), "the service is stopping")
        self.assertEqual(kept.recv(1), b"")
        answers = read_answers(held, PIPELINED)
        self.assertEqual([answer.status for answer in answers], [200] * PIPELINED)
        # The last one closes the connection; the others must not, or it would be lost.
        self.assertEqual([answer.headers["Connection"] for answer in answers],
                         ["keep-alive"] * (PIPELINED - 1) + ["close"])
        self.assertEqual(service.wait(), 0)
        totals = service.logged("stopped")
        self.assertEqual((totals["accepted"], totals["gone"]), (totals["answered"], 0))

    def test_a_loop_that_has_nothing_left_waits_for_the_others(self):
        service = self.start("--threads", 1, "--io-threads", 2)
        idle = [service.connect() for _ in range(8)]  # on both loops, but for one time in 256
        for connection in idle:
            self.addCleanup(connection.close)
            service.ask("GET", "/healthz", connection=connection)
        held = self.hold(service)
        self.stopping(service)
        for connection in idle:
            self.assertEqual(service.ask("GET", "/healthz", connection=connection).status, 503)
        self.assertEqual([answer.status for answer in read_answers(held, PIPELINED)], [200] * PIPELINED)
        self.assertEqual(service.wait(), 0)
        totals = service.logged("stopped")
        self.assertEqual((totals["accepted"], totals["gone"]), (totals["answered"], 0))

    def test_clients_that_go_meanwhile_are_not_waited_for(self):
        service = self.start("--threads", 1)
        held = self.hold(service)
        self.stopping(service)
        held.close()
        self.assertEqual(service.wait(), 0)
        totals = service.logged("stopped")
        self.assertEqual(totals["accepted"], totals["answered"] + totals["gone"])

    def test_a_second_signal_ends_it_at_once(self):
        for numbers in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            service = self.start("--threads", 1)
            self.hold(service)
            self.stopping(service, numbers[0])
            service.signal(numbers[1])
            self.assertEqual(service.wait(), 1)
            self.assertEqual(service.logged("ended at once")["why"], "second signal")
            self.assertIsNone(service.logged("stopped"))

    def test_a_stop_has_an_end(self):
        service = self.start("--threads", 1, "--stop-timeout", 0)
        self.hold(service)
        service.signal()
        self.assertEqual(service.wait(), 1)
        self.assertEqual(service.logged("ended at once")["why"], "stop timeout")


if __name__ == "__main__":
    unittest.main(verbosity=2)
