#!/usr/bin/python3
"""More than it can do, clients that go, and its end: each accepted request gets one answer.

    overload_test.py PROGRAM [unittest's arguments]
"""

import concurrent.futures
import sys
import unittest

sys.dont_write_bytecode = True
from service import PIPELINED, ServiceTest, post_hash, read_answers, until


class Overload(ServiceTest):
    def test_a_full_queue_turns_away(self):
        service = self.start("--threads", 1, "--max-pending", 1)
        with service.socket() as connection:
            # All at once: they are read together, long before the first has been computed.
            connection.sendall(post_hash(12) * PIPELINED)
            answers = read_answers(connection, PIPELINED)
        rejected = service.metrics()['millrace_jobs_rejected_total{pool="compute"}']
        statuses = [answer.status for answer in answers]
        self.assertIn(statuses.count(200), (1, 2))
        self.assertEqual(statuses.count(503), PIPELINED - statuses.count(200))
        for answer in answers:
            self.assertEqual(answer.headers["Retry-After"], "1" if answer.status == 503 else None)
            self.assertEqual(answer.status == 503 and answer.error(), answer.status == 503 and "the queue is full")
        self.assertEqual(rejected, statuses.count(503))
        totals = self.end(service)
        self.assertEqual(totals["by_status"]["503"], statuses.count(503))

    def test_every_one_of_many_clients_is_answered(self):
        service = self.start("--threads", 1, "--max-pending", 1, "--io-threads", 2)
        many = 40
        with concurrent.futures.ThreadPoolExecutor(many) as clients:
            statuses = [answer.status for answer in clients.map(lambda _: service.hash(8), range(many))]
        self.assertEqual(statuses.count(200) + statuses.count(503), many)
        self.assertGreaterEqual(statuses.count(200), 1)
        totals = self.end(service)
        self.assertEqual((totals["by_status"]["200"], totals["answered"]), (statuses.count(200), many))

    def test_a_queue_may_also_let_wait(self):
        service = self.start("--threads", 1, "--max-pending", 1, "--overflow", "wait")
        with service.socket() as connection:
            connection.sendall(post_hash(8) * PIPELINED)
            self.assertEqual([answer.status for answer in read_answers(connection, PIPELINED)], [200] * PIPELINED)
        self.end(service)

    def test_more_connections_than_files_do_no_harm(self):
        limit = 64  # what the service leaves of its files
        service = self.start(files=limit + 64)
        connections = [service.socket() for _ in range(limit + 40)]
        for connection in connections:
            self.addCleanup(connection.close)
        health = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
        for connection in connections[:limit]:
            connection.sendall(health)
            self.assertEqual(read_answers(connection, 1)[0].status, 200)
        for connection in connections[limit:]:
            self.assertEqual(connection.recv(1), b"")
        for connection in connections:
            connection.close()

        def answered():
            try:
                return service.ask("GET", "/healthz").status == 200
            except OSError:  # until it has noticed that they are gone
                return False

        until(answered, "room for more connections")
        self.end(service)

    def test_a_deadline_passes_in_the_queue(self):
        service = self.start("--threads", 1)
        held = self.hold(service)
        answer = service.hash(14, {"X-Request-Timeout-Ms": "1"})
        self.assertEqual(answer.status, 504)
        self.assertIn("time was over", answer.error())
        # It has never begun: neither the worker nor those before it were waited for.
        metrics = service.metrics()
        self.assertEqual(metrics['millrace_jobs_expired_total{pool="compute"}'], 1)
        self.assertLess(metrics['millrace_jobs_started_total{pool="compute"}'], PIPELINED)
        held.close()
        self.end(service)

    def test_a_deadline_passes_in_the_work(self):
        service = self.start("--threads", 1)
        self.assertEqual(service.hash(12, {"X-Request-Timeout-Ms": "1"}).status, 504)
        inline = self.start("--inline")
        self.assertEqual(inline.hash(12, {"X-Request-Timeout-Ms": "1"}).status, 504)
        self.end(service)
        self.end(inline)

    def test_clients_that_go_give_up_their_jobs(self):
        service = self.start("--threads", 1)
        held = self.hold(service)
        waiting = service.socket()
        waiting.sendall(post_hash(14) * 3)
        name = 'service_requests_total{route="/hash"}'
        until(lambda: service.metrics()[name] == PIPELINED + 3, "the requests' being accepted")
        waiting.close()
        gone = 'service_clients_gone_total{route="/hash"}'
        until(lambda: service.metrics()[gone] == 3, "the clients' being gone")
        metrics = service.metrics()  # nothing of them has begun, and nobody waited for the worker
        self.assertEqual(metrics['millrace_jobs_cancelled_total{pool="compute"}'], 3)
        self.assertLess(metrics['millrace_jobs_started_total{pool="compute"}'], PIPELINED)
        held.close()  # with one job that runs
        answered = 'service_responses_total{route="/hash",status="200"}'
        until(lambda: (metrics := service.metrics())[gone] + metrics.get(answered, 0) == PIPELINED + 3,
              "the clients' being gone")
        self.assertEqual(service.hash().status, 200)
        totals = self.end(service)
        self.assertGreaterEqual(totals["gone"], 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
