"""Starts test peers (see lifetime.py) from Python."""

import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Ended(Exception):
    """A peer did before it answered; why is on standard error."""


class Peer:
    """One peer: a program of this folder, and its arguments. Ends with the `with` that has it."""

    def __init__(self, *command, env=None):
        self.process = subprocess.Popen(
            [os.path.join(HERE, command[0]), *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
        )
        self.name = command[0]
        self.hello = self.read_line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.stdin.close()
            self.process.stdout.close()
            raise Ended(f"{self.name} has ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self.read_line()

    def ask_by_signal(self, number):
        self.process.send_signal(number)
        return self.read_line()

    def end(self):
        """Waits until it has cleaned up; what it said at its end."""
        if self.process.stdin.closed:
            return ""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait()
        return rest
