#!/usr/bin/env python3
"""What waits for a server or a peer notices that it has ended, and says why."""

import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import peer
from local_api import Failed, LocalApi

USAGE = """#!/bin/sh
echo "usage: ... listening on http://127.0.0.1:P"
echo "cannot execute it" >&2
exit 2
"""


class Helpers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millrace-helpers-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_a_server_that_prints_its_usage(self):
        self.program("examples/lambda/local/local-runtime-api", USAGE)
        with self.assertRaises(Failed) as caught:
            LocalApi(str(self.folder), "bootstrap", {})
        self.assertIn("doesn't listen", str(caught.exception))
        self.assertIn("cannot execute it", str(caught.exception))

    def test_a_server_that_says_nothing(self):
        self.program("examples/lambda/local/local-runtime-api", "#!/bin/sh\n")
        self.assertRaisesRegex(Failed, "doesn't listen", LocalApi, str(self.folder), "bootstrap", {})

    def test_a_peer_that_ends(self):
        program = self.program("mute", "#!/bin/sh\nexit 3\n")
        self.assertRaisesRegex(peer.Ended, "mute has ended with status 3", peer.Peer,
                               os.path.relpath(program, peer.HERE))


if __name__ == "__main__":
    unittest.main()
