"""The checksum: no byte of a file changes, comes or goes unseen."""

import pytest

from sklearn_dcn import LoadError, load


def test_every_changed_byte_is_noticed(path, saved):
    """Some in all parts of the file, and all at its ends."""
    n = len(saved)
    for k in [*range(0, 64), *range(64, n - 300, 997), *range(n - 300, n)]:
        bad = bytearray(saved)
        bad[k] ^= 1 << (k % 8)
        path.write_bytes(bad)
        with pytest.raises(LoadError, match=r"checksum|no file that save"):
            load(path)


def test_files_cut_short_or_long(path, saved):
    for n in (0, 1, 3, 4, 22, 100, len(saved) // 2, len(saved) - 1):
        path.write_bytes(saved[:n])
        with pytest.raises(LoadError):
            load(path)
    for content in (saved + b"x", b"x" + saved, saved[:500] + saved):
        path.write_bytes(content)
        with pytest.raises(LoadError):
            load(path)
