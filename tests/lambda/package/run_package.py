#!/usr/bin/env python3
"""Runs a bootstrap.zip as AWS would, and shows that it answers.

usage: run_package.py x86_64|arm64 ZIP [LIBRARY_DIR]

x86_64: in a root directory of its own that holds nothing but the package and glibc (needs root, or
unprivileged namespaces). arm64: under qemu, with the glibc of LIBRARY_DIR. A Runtime API of a few
lines gives it one event that no handler accepts, and one reply is awaited: the response of echo, or
any other handler's error.
"""
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile

GLIBC = ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libresolv.so.2"]
EVENT = {"neither": "input", "nor": "count"}
TIMEOUT = 60


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Gives one event, keeps what comes back, and lets the second poll wait."""
    protocol_version = "HTTP/1.1"
    polls = 0
    reply: tuple[str, dict] | None = None
    replied = threading.Event()

    def do_GET(self):
        RuntimeApi.polls += 1
        if RuntimeApi.polls > 1:
            RuntimeApi.replied.wait()
            return
        body = json.dumps(EVENT).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "one")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        RuntimeApi.reply = self.path, json.loads(body)
        RuntimeApi.replied.set()

    def log_message(self, *arguments):
        pass


def command(arch: str, root: pathlib.Path, libraries: str) -> list[str]:
    if arch == "arm64":
        return ["qemu-aarch64", "-L", libraries, str(root / "bootstrap")]
    for directory in ("lib64", "lib/x86_64-linux-gnu"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for name in GLIBC:
        directory = "lib64" if name.startswith("ld-") else "lib/x86_64-linux-gnu"
        shutil.copy(pathlib.Path("/lib/x86_64-linux-gnu", name), root / directory / name)
    user = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    return [*user, "chroot", str(root), "/bootstrap"]


def main() -> int:
    arch, archive = sys.argv[1:3]
    libraries = sys.argv[3] if len(sys.argv) > 3 else "/usr/aarch64-linux-gnu"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # the bootstrap is killed while it waits for its second event
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        with zipfile.ZipFile(archive) as content:
            content.extractall(root)
            (root / "bootstrap").chmod(content.getinfo("bootstrap").external_attr >> 16)
        environment = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}", "WORKER_COUNT": "2",
                       "PATH": os.environ["PATH"]}
        # Dies with this process, however that ends.
        guarded = ["setpriv", "--pdeathsig", "KILL", *command(arch, root, libraries)]
        bootstrap = subprocess.Popen(guarded, env=environment, stderr=subprocess.PIPE)
        replied = RuntimeApi.replied.wait(TIMEOUT)
        bootstrap.kill()
        log = bootstrap.communicate()[1].decode(errors="replace")
    if not replied:
        print(f"{archive}: no reply within {TIMEOUT} s; its log:\n{log}")
        return 1
    path, body = RuntimeApi.reply
    echoed = path.endswith("/invocation/one/response") and body == EVENT
    refused = path.endswith("/invocation/one/error") and body.get("errorType", "").startswith("Function.")
    if not echoed and not refused:
        print(f"{archive}: replied to {path}: {body}")
        return 1
    print(f"{archive}: {'echoed the event' if echoed else body['errorMessage']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
