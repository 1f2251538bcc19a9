"""HTTP/1.1 messages for the fault proxy: read whole, and written again as they came.

A message stays as it was, to the order and case of its headers and the chunks of its body, since a
signature may cover any of them.
"""

import asyncio
from dataclasses import dataclass


class BadMessage(ValueError):
    pass


@dataclass
class Message:
    start_line: str
    headers: list  # of (name, value)
    raw_body: bytes = b""  # as it is on the wire
    body: bytes = b""  # without the chunks

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def set(self, name, value):
        """Where it stood, or at the end; once."""
        at = next((i for i, (k, _) in enumerate(self.headers) if k.lower() == name.lower()), None)
        if at is None:
            self.headers.append((name, value))
        else:
            key = self.headers[at][0]
            self.headers = [h for h in self.headers if h[0].lower() != name.lower()]
            self.headers.insert(at, (key, value))

    def remove(self, name):
        self.headers = [h for h in self.headers if h[0].lower() != name.lower()]

    def replace_body(self, body):
        self.remove("Transfer-Encoding")
        self.set("Content-Length", str(len(body)))
        self.body = self.raw_body = body

    def copy(self):
        return Message(self.start_line, list(self.headers), self.raw_body, self.body)

    @property
    def head(self):
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def method(self):
        return self.start_line.split(" ", 1)[0]

    @property
    def target(self):
        return self.start_line.split(" ")[1]

    @property
    def status(self):
        return int(self.start_line.split(" ")[1])

    @property
    def keeps_alive(self):
        connection = self.get("Connection", "").lower()
        return "close" not in connection and "HTTP/1.0" not in self.start_line


async def read_head(reader):
    """Nothing if the connection ends before a message begins."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    start_line, *lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")[:-2]
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise BadMessage(f"not a header: {line!r}")
        headers.append((name, value.strip()))
    if start_line.count(" ") < 2 and not start_line.startswith("HTTP/"):
        raise BadMessage(f"not a start line: {start_line!r}")
    return Message(start_line, headers)


async def read_body(reader, message, has_body=True):
    """Fills in the body. A response to HEAD, for example, has none whatever its headers say."""
    if not has_body:
        return
    if "chunked" in message.get("Transfer-Encoding", "").lower():
        await _read_chunks(reader, message)
        return
    length = message.get("Content-Length")
    if length is not None:
        message.body = message.raw_body = await reader.readexactly(int(length))
    elif message.start_line.startswith("HTTP/"):  # the end of the connection is the body's end
        message.replace_body(await reader.read())


async def _read_chunks(reader, message):
    raw, body = bytearray(), bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        raw += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        chunk = await reader.readexactly(size + 2)
        raw += chunk
        body += chunk[:-2]
    while True:
        line = await reader.readuntil(b"\r\n")
        raw += line
        if line == b"\r\n":
            break
    message.raw_body, message.body = bytes(raw), bytes(body)
