#!/usr/bin/python3
"""Runs OpenStack Swift with its S3 interface on 127.0.0.1, for tests.

usage: swift_peer.py [--verbose]

Needs Debian's package python3-swift only: it brings no services and no configuration, and this
program makes all that the servers need in a temporary folder (one device, one replica). That must
be on a file system with extended attributes; TMPDIR chooses it.

Prints {"endpoint", "access_key", "secret_key", "region"} once requests are answered; see lifetime.py
for how it ends. --verbose prints the servers' log to standard error.

The shebang names Debian's own Python, as that is where python3-swift is installed.
"""

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import lifetime

try:
    from eventlet.greenio import GreenSocket
    from swift.common import storage_policy, utils, wsgi
    from swift.common.ring import RingBuilder
except ImportError as error:
    lifetime.fail(f"needs Debian's package python3-swift and /usr/bin/python3 ({error})")

ACCESS_KEY, SECRET_KEY, REGION = "test:tester", "testing", "us-east-1"
STORAGE = ("account", "container", "object")
SECONDS_TO_START = 60
MEMORY, ENOUGH_MEMORY = "/dev/shm", 2 << 30

SWIFT_CONF = """
[swift-hash]
swift_hash_path_suffix = millrace

[storage-policy:0]
name = only
default = yes
"""

COMMON_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_address = {folder}/log
log_level = {level}
"""

STORAGE_CONF = """
[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""

# The cache is a memcached that isn't there, so that each request sees what the one before it has
# written; without the filter the proxy answers with errors.
PROXY_CONF = f"""
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth slo proxy-server

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:gatekeeper]
use = egg:swift#gatekeeper

[filter:healthcheck]
use = egg:swift#healthcheck

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1

[filter:listing_formats]
use = egg:swift#listing_formats

[filter:s3api]
use = egg:swift#s3api
location = {REGION}

[filter:tempauth]
use = egg:swift#tempauth
user_{ACCESS_KEY.replace(":", "_")} = {SECRET_KEY} .admin

[filter:slo]
use = egg:swift#slo

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def flaw_of(folder):
    """Why there can't be extended attributes; nothing if there can."""
    try:
        os.setxattr(folder, "user.swift.probe", b"1")
    except OSError as error:
        return error.strerror
    return None


def make_folder():
    prefix = "millrace-swift-"
    if "TMPDIR" not in os.environ and os.path.isdir(MEMORY):
        if shutil.disk_usage(MEMORY).free >= ENOUGH_MEMORY and os.access(MEMORY, os.W_OK):
            folder = tempfile.mkdtemp(prefix=prefix, dir=MEMORY)
            if flaw_of(folder) is None:
                return folder
            os.rmdir(folder)
    folder = tempfile.mkdtemp(prefix=prefix)
    if (flaw := flaw_of(folder)) is not None:
        os.rmdir(folder)
        lifetime.fail(
            f"the file system of {folder} has no extended attributes ({flaw});"
            " set TMPDIR to a folder on one that has"
        )
    return folder


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def make_ring(folder, name, port):
    ring = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    ring.add_dev(
        {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1}
    )
    ring.rebalance(seed="1")
    ring.get_ring().save(os.path.join(folder, f"{name}.ring.gz"))


def configure(folder, sockets, level):
    """Writes all that the servers read; the path of each one's configuration."""
    write(folder, "swift.conf", SWIFT_CONF)
    os.makedirs(os.path.join(folder, "devices", "disk"))
    paths = {}
    for kind, listening in sockets.items():
        port = listening.getsockname()[1]
        own = PROXY_CONF if kind == "proxy" else STORAGE_CONF.format(kind=kind)
        common = COMMON_CONF.format(folder=folder, port=port, level=level)
        paths[kind] = write(folder, f"{kind}.conf", common + own)
        if kind != "proxy":
            make_ring(folder, kind, port)
    return paths


def start_server(kind, path, listening):
    """Serves in a process of its own; its id."""
    parent = os.getpid()
    child = os.fork()
    if child != 0:
        return child
    try:
        lifetime.die_with(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal it goes to all of them
        for stream in (0, 1):  # only the parent knows by them that somebody still listens
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        utils.eventlet_monkey_patch()
        utils.disable_fallocate()
        conf = wsgi.appconfig(path, name=f"{kind}-server")
        logger = utils.get_logger(conf, f"{kind}-server")
        wsgi.run_server(conf, logger, GreenSocket(listening))
    except BaseException as error:  # whatever it is, a child must not go on as its parent
        print(f"swift_peer.py: {kind} server: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(1)


def wait_until_up(endpoint):
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up:
        if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            lifetime.fail("a server has ended while it started; see --verbose")
        try:
            with urllib.request.urlopen(f"{endpoint}/healthcheck", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    lifetime.fail(f"no answer from {endpoint} within {SECONDS_TO_START} s; see --verbose")


def copy_log(log, verbose):
    while True:
        line = log.recv(65536)
        if verbose:
            sys.stderr.write(line.decode(errors="replace").rstrip("\0") + "\n")


def main(arguments):
    if arguments not in ([], ["--verbose"]):
        print(__doc__, file=sys.stderr)
        return 2
    verbose = bool(arguments)
    lifetime.stop_on_signals()
    folder = make_folder()
    servers = []
    try:
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind(os.path.join(folder, "log"))

        # Bound before anybody knows their numbers: no port is taken by somebody else meanwhile.
        sockets = {kind: socket.create_server(("127.0.0.1", 0), backlog=512)
                   for kind in (*STORAGE, "proxy")}
        paths = configure(folder, sockets, "DEBUG" if verbose else "ERROR")
        utils.set_swift_dir(folder)
        storage_policy.reload_storage_policies()
        for kind, listening in sockets.items():
            servers.append(start_server(kind, paths[kind], listening))
        threading.Thread(target=copy_log, args=(log, verbose), daemon=True).start()
        endpoint = "http://127.0.0.1:%d" % sockets["proxy"].getsockname()[1]
        for listening in sockets.values():
            listening.close()
        wait_until_up(endpoint)
        lifetime.announce(
            endpoint=endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, region=REGION
        )
        lifetime.wait_for_end_of_input()
    except lifetime.Stopped:
        pass
    finally:
        for server in servers:
            os.kill(server, signal.SIGKILL)
        for server in servers:
            os.waitpid(server, 0)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
