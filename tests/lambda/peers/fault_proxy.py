#!/usr/bin/env python3
"""An HTTP/1.1 reverse proxy that commits faults on purpose, the same ones for the same seed.

usage: fault_proxy.py --upstream URL [--faults SPECIFICATION] [--seed N]

Prints {"endpoint": "http://127.0.0.1:PORT"}; see lifetime.py for how it ends. Host and all other
headers go through as they are, so that a signature made for this endpoint holds at the upstream
server as well. On SIGUSR1 and at the end it prints a line of what it did: {"connections", "requests",
"passed", "upstream_failures", "faults": {KIND: COUNT}}.
"""

import argparse
import asyncio
import json
import signal
import socket
import struct
import threading
from urllib.parse import urlsplit

import faults
import http1
import lifetime

REMEMBERED_ANSWERS = 256
BUFFER = 1 << 20


class Client:
    """A connection from the client."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def read_request(self):
        request = await http1.read_head(self.reader)
        if request is not None:
            if request.get("Expect", "").lower() == "100-continue":
                self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await http1.read_body(self.reader, request)
        return request

    async def send(self, answer, request, piece=None, delay=0):
        if not request.keeps_alive:
            answer.set("Connection", "close")
        body = b"" if request.method == "HEAD" else answer.raw_body
        self.writer.write(answer.head)
        for start in range(0, len(body), piece or len(body) or 1):
            self.writer.write(body[start : start + (piece or len(body))])
            await self.writer.drain()
            await asyncio.sleep(delay)
        await self.writer.drain()
        return True

    async def send_part(self, answer, size):
        answer.replace_body(answer.body)  # a length, if it was in chunks
        self.writer.write(answer.head + answer.body[:size])
        await self.writer.drain()

    async def until_it_leaves(self):
        while await self.reader.read(BUFFER):
            pass

    def reset(self):
        """Closes the connection so that the other side sees a reset."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()


class Upstream:
    """One connection to the upstream server, opened again when that has closed it."""

    def __init__(self, host, port):
        self.address = host, port
        self.reader = self.writer = None

    async def ask(self, request):
        used_before = self.writer is not None
        try:
            return await self.ask_once(request)
        except (OSError, EOFError):
            self.close()
            if not used_before:
                raise
            return await self.ask_once(request)  # it was closed while nobody used it

    async def ask_once(self, request):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(*self.address, limit=BUFFER)
        try:
            self.writer.write(request.head + request.raw_body)
            await self.writer.drain()
        except ConnectionError:
            pass  # it may have answered before it had read all
        while True:
            answer = await http1.read_head(self.reader)
            if answer is None:
                raise ConnectionResetError("closed without an answer")
            if answer.status >= 200:
                break
        has_body = request.method != "HEAD" and answer.status not in (204, 304)
        await http1.read_body(self.reader, answer, has_body)
        if not answer.keeps_alive:
            self.close()
        answer.remove("Connection")
        return answer

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Proxy:
    def __init__(self, upstream, chooser):
        self.upstream = upstream
        self.chooser = chooser
        self.counts = {
            "connections": 0, "requests": 0, "passed": 0, "upstream_failures": 0, "faults": {},
        }  # fmt: skip
        self.remembered = {}

    def report(self):
        print(json.dumps(self.counts), flush=True)

    def count(self, kind):
        self.counts["faults"][kind] = self.counts["faults"].get(kind, 0) + 1

    async def serve(self, reader, writer):
        self.counts["connections"] += 1
        client = Client(reader, writer)
        upstream = Upstream(*self.upstream)
        try:
            while (request := await client.read_request()) is not None:
                if not await self.answer(request, upstream, client) or not request.keeps_alive:
                    break
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            pass  # the client has gone, or what it sent isn't HTTP
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            upstream.close()
            writer.close()

    async def answer(self, request, upstream, client):
        """Whether the connection can be used again."""
        self.counts["requests"] += 1
        rule, dice = self.chooser.choose(request)
        kind = rule.kind if rule else None
        if kind == "reset-before":
            self.count(kind)
            client.reset()
            return False
        if kind in faults.MADE_UP:
            self.count(kind)
            return await client.send(faults.made_up(rule, request, dice), request)
        same = request.method, request.target, request.get("Range"), request.body
        if kind == "stale" and same in self.remembered:
            self.count(kind)
            return await client.send(self.remembered[same].copy(), request)

        passed, kept = request, {}
        if kind == "unprocessed-items":
            passed, kept = faults.take_from_batch(request, dice)
        try:
            answer = await upstream.ask(passed)
        except (OSError, EOFError, ValueError):
            self.counts["upstream_failures"] += 1
            client.reset()
            return False
        self.remember(same, answer)
        if rule is None or not faults.can_spoil(kind, answer, kept):
            self.counts["passed"] += 1
            return await client.send(answer, request)
        self.count(kind)
        return await self.spoil(rule, kept, dice, answer, request, client)

    def remember(self, same, answer):
        """For `stale`: the first answer, as that is the oldest."""
        wanted = any(rule.kind == "stale" for rule in self.chooser.rules)
        if wanted and len(self.remembered) < REMEMBERED_ANSWERS and answer.status < 300:
            self.remembered.setdefault(same, answer.copy())

    async def spoil(self, rule, kept, dice, answer, request, client):
        if rule.kind == "reset-after":
            client.reset()
            return False
        if rule.kind in ("truncate", "stall"):
            size = rule.number("at", dice.randrange(len(answer.body)))
            await client.send_part(answer, min(size, len(answer.body) - 1))
            if rule.kind == "stall":
                await client.until_it_leaves()
            return False
        if rule.kind == "slow":
            piece, delay = rule.number("bytes", 100), rule.number("delay", 10) / 1000
            return await client.send(answer, request, piece, delay)
        if rule.kind == "unprocessed-items":
            faults.add_unprocessed(answer, kept)
        elif rule.kind == "corrupt":
            faults.change_body(answer, dice)
        elif rule.kind == "wrong-crc32":
            faults.change_crc32(answer)
        elif rule.kind == "wrong-etag":
            faults.change_etag(answer)
        return await client.send(answer, request)


async def run(proxy):
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGUSR1, proxy.report)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=BUFFER, backlog=512)
    port = server.sockets[0].getsockname()[1]
    lifetime.announce(endpoint=f"http://127.0.0.1:{port}")

    def watch_input():
        lifetime.wait_for_end_of_input()
        loop.call_soon_threadsafe(end.set)

    threading.Thread(target=watch_input, daemon=True).start()
    await end.wait()
    server.close()
    proxy.report()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__ + faults.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", required=True, metavar="URL")
    parser.add_argument("--faults", default="", metavar="SPECIFICATION")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    url = urlsplit(options.upstream)
    if url.scheme != "http" or not url.hostname or url.path not in ("", "/"):
        lifetime.fail(f"--upstream must be http://HOST[:PORT], not {options.upstream!r}")
    try:
        rules = faults.parse(options.faults)
    except faults.BadSpecification as error:
        lifetime.fail(f"--faults: {error}")
    asyncio.run(run(Proxy((url.hostname, url.port or 80), faults.Chooser(rules, options.seed))))


if __name__ == "__main__":
    main()
