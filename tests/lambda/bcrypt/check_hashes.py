#!/usr/bin/env python3
"""Says which bcrypt hashes are right, by another implementation: python3-bcrypt, from OpenBSD's.

Reads "PASSWORD HASH" lines from standard input; exit status 1 if a hash isn't its password's.
"""

import sys

import bcrypt

pairs = [line.split() for line in sys.stdin]
wrong = [password for password, digest in pairs if not bcrypt.checkpw(password.encode(), digest.encode())]
print(f"{len(pairs) - len(wrong)} of {len(pairs)} hashes right")
sys.exit(1 if wrong or not pairs else 0)
