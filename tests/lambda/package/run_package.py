#!/usr/bin/env python3
"""Runs a bootstrap.zip as AWS would, and shows that it answers.

usage: run_package.py x86_64|arm64 .../HANDLER/bootstrap.zip [LIBRARY_DIR]

x86_64: in a root directory of its own that holds nothing but the package, glibc and the input (needs
root, or unprivileged namespaces). arm64: under qemu, with the glibc of LIBRARY_DIR. A Runtime API of a
few lines gives it a real event of HANDLER's, whose result is checked, and then one that no handler
accepts. S3 and DynamoDB are HTTPS servers here, with a certificate authority made for this run; further
events show that it is found by AWS_CA_BUNDLE and by SSL_CERT_FILE, and that no other is trusted.
Needs openssl, and PIL for the image filter.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from package_events import EVENTS, Case  # noqa: E402
from package_servers import RuntimeApi, aws_server, certificate  # noqa: E402

GLIBC = ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libresolv.so.2"]
NEITHER = {"neither": "input", "nor": "count"}
TIMEOUT = 60


class Wrong(Exception):
    """One line: what is wrong with the package."""


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


def replies(program: list[str], environment: dict[str, str], events: list[dict]) -> list[tuple[str, dict]]:
    """What a bootstrap says to each of the events: how the path ends, and the body."""
    api = RuntimeApi(events)
    environment = {"AWS_LAMBDA_RUNTIME_API": api.address, "WORKER_COUNT": "2", "PATH": os.environ["PATH"]} | environment
    # Dies with this process, however that ends.
    bootstrap = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *program], env=environment, stderr=subprocess.PIPE)
    done = api.all_replied.wait(TIMEOUT)
    bootstrap.kill()
    log = bootstrap.communicate()[1].decode(errors="replace")
    if not done:
        raise Wrong(f"{len(api.replies)} of {len(events)} replies within {TIMEOUT} s; its log:\n{log}")
    return api.replies


def run(handler: str, case: Case, program: list[str], root: pathlib.Path, inside: str) -> None:
    """`inside` is what comes before a path of the root directory, as the program has it."""
    environment = {}
    with tempfile.TemporaryDirectory() as keys:
        authority = certificate(pathlib.Path(keys))
        with aws_server(pathlib.Path(keys), case.objects) as aws:
            if case.objects:
                shutil.copy(authority, root / "authority.pem")
                environment = {"AWS_ENDPOINT_URL": aws.url, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "key",
                               "AWS_SECRET_ACCESS_KEY": "secret"}
            trusting = environment | {"AWS_CA_BUNDLE": f"{inside}/authority.pem"}
            (kind, body), (refusal, error) = replies(program, trusting, [case.event, NEITHER])
            if kind != "response":
                raise Wrong(f"replied to {case.event} with {body}")
            if problem := case.problem(body, aws.items):
                raise Wrong(f"{problem}: {body}")
            if handler != "echo" and (refusal != "error" or not error.get("errorType", "").startswith("Function.")):
                raise Wrong(f"replied to {NEITHER} with {error}")
            if not case.objects:
                return
            # SSL_CERT_FILE does, too; and without the authority nothing is sent.
            (kind, body), = replies(program, environment | {"SSL_CERT_FILE": f"{inside}/authority.pem"}, [case.event])
            if kind != "response":
                raise Wrong(f"with SSL_CERT_FILE: {body}")
            requests = aws.requests
            (kind, body), = replies(program, environment, [case.event])
            if kind != "error" or "certificate" not in body["errorMessage"] or aws.requests != requests:
                raise Wrong(f"trusts a server that nobody vouches for: {body}")


def main() -> int:
    arch, archive = sys.argv[1:3]
    libraries = sys.argv[3] if len(sys.argv) > 3 else "/usr/aarch64-linux-gnu"
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        with zipfile.ZipFile(archive) as content:
            content.extractall(root)
            (root / "bootstrap").chmod(content.getinfo("bootstrap").external_attr >> 16)
        try:
            inside = "" if arch == "x86_64" else str(root)
            handler = pathlib.Path(archive).resolve().parent.name
            cases = [make(root, inside) for make in EVENTS[handler]]
            for case in cases:
                run(handler, case, command(arch, root, libraries), root, inside)
        except Wrong as problem:
            print(f"{archive}: {problem}")
            return 1
    print(f"{archive}: {', '.join(case.what for case in cases)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
