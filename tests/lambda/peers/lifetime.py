"""How long a test peer lives, the same for each of them.

A peer prints one line of JSON when it is ready and ends, leaving nothing behind, when its standard
input ends or on SIGTERM or SIGINT. Whoever started it holds the other end of its standard input,
so that it also ends when that process is killed.
"""

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


class Stopped(Exception):
    """It is time to end."""


def fail(message):
    """Ends the process with one line on standard error."""
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(2)


def announce(**fields):
    print(json.dumps(fields), flush=True)


def stop_on_signals():
    """From now on a signal that asks to end raises Stopped in the main thread, once."""

    def stop(number, _frame):
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)  # the cleaning up isn't to be interrupted
        raise Stopped(signal.Signals(number).name)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


def wait_for_end_of_input():
    while os.read(sys.stdin.fileno(), 4096):
        pass


def die_with(parent):
    """In a forked child: SIGKILL as soon as `parent`, a process id, has ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
