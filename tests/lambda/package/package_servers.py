"""What run_package.py's bootstraps speak to: a Runtime API, and S3 and DynamoDB over HTTPS."""
import contextlib
import http.server
import json
import pathlib
import ssl
import subprocess
import threading


def serve(handler, context: ssl.SSLContext | None = None) -> http.server.ThreadingHTTPServer:
    """On a free port of 127.0.0.1, until the process ends."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # the bootstrap is killed while it waits for a further event
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *arguments):
        pass


class RuntimeApi:
    """Gives the events, keeps what comes back, and lets a further poll wait."""

    def __init__(self, events: list[dict]):
        self.replies: list[tuple[str, dict]] = []
        self.all_replied = threading.Event()
        waiting = list(events)
        api = self

        class Handler(Quiet):
            def do_GET(self):
                if not waiting:
                    api.all_replied.wait()
                    return
                self.answer(200, json.dumps(waiting.pop(0)).encode(), Lambda_Runtime_Aws_Request_Id="one")

            def do_POST(self):
                body = json.loads(self.body())
                self.answer(202)
                api.replies.append((self.path.rpartition("/")[2], body))
                if len(api.replies) == len(events):
                    api.all_replied.set()

        self.address = f"127.0.0.1:{serve(Handler).server_port}"


def certificate(directory: pathlib.Path) -> pathlib.Path:
    """An authority, and a certificate of its for 127.0.0.1 in server.pem; returns the authority's."""
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl(*new, "-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem")
    openssl(*new, "-subj", "/CN=server", "-CA", "authority.pem", "-CAkey", "authority.key", "-keyout", "server.key",
            "-out", "server.pem", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    return directory / "authority.pem"


class AwsServer:
    url = ""
    requests = 0

    def __init__(self):
        self.items: list[dict] = []  # as DynamoDB has them


@contextlib.contextmanager
def aws_server(keys: pathlib.Path, objects: dict[str, bytes]):
    """The objects by path, /BUCKET/KEY; what is put is added to them, and to `items` what a table gets."""
    aws = AwsServer()

    class Handler(Quiet):
        def do_GET(self):
            aws.requests += 1
            content = objects.get(self.path)
            if content is None:
                self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
                return
            size = len(content)
            self.answer(206, content, ETag='"one"', Content_Range=f"bytes 0-{size - 1}/{size}")

        def do_PUT(self):
            aws.requests += 1
            objects[self.path] = self.body()
            self.answer(200, ETag='"two"')

        def do_POST(self):
            aws.requests += 1
            for writes in json.loads(self.body())["RequestItems"].values():
                aws.items += [write["PutRequest"]["Item"] for write in writes]
            self.answer(200, b'{"UnprocessedItems":{}}', Content_Type="application/x-amz-json-1.0")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "server.pem", keys / "server.key")
    server = serve(Handler, context)
    aws.url = f"https://127.0.0.1:{server.server_port}"
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
