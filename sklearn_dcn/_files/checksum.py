"""The checksum at the end of a saved file, of all bytes before it."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

__all__ = ["COMMENT", "N_DIGEST", "checksum"]

PREFIX = "sha256:"
N_DIGEST = len(PREFIX) + hashlib.sha256().digest_size * 2  # bytes
COMMENT = rb"sha256:[0-9a-f]{64}"
BLOCK = 1 << 20


def checksum(file: BinaryIO, n: int) -> bytes:
    """Return the checksum of the first `n` bytes of a file, as it stands at its end."""
    sha = hashlib.sha256()
    file.seek(0)
    while n > 0:
        block = file.read(min(n, BLOCK))
        if not block:
            break
        sha.update(block)
        n -= len(block)
    return (PREFIX + sha.hexdigest()).encode()
