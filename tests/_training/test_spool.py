"""Rows in a scratch file: all of them in each pass, well mixed, and nothing left."""

import errno
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from sklearn_dcn._training import spool as spool_module
from sklearn_dcn._training.batches import BatchIterator, TensorTable, joined
from sklearn_dcn._training.spool import CHUNK, EncodedAgain, Spool, SpoolError

N = 5 * CHUNK + 77


def table(start, stop):
    """Return rows that tell their number in every tensor, lists among them."""
    rows = torch.arange(start, stop)
    lengths = rows % 3
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    ids = rows.repeat_interleave(lengths).int()
    x = {
        "x_num": torch.stack([rows, -rows], dim=1).float(),
        "x_cat": rows[:, None].int(),
        "x_bag": [[ids, offsets, ids.float() / 2]],
    }
    return TensorTable(x, rows.double(), rows.double() + 1)


def spooled(folder, buffer_rows=CHUNK, epoch_rows=None, blocks=(0, 1500, 1501, N)):
    """Return N rows that were written in blocks."""
    spool = Spool(str(folder), N)
    for start, stop in pairwise(blocks):
        spool.add(start, table(start, stop))
    found = spool.close(buffer_rows, epoch_rows)
    found.generator = torch.Generator().manual_seed(7)
    return found


def numbers(batches):
    """Return the numbers of the rows of each batch; every tensor has to agree."""
    found = []
    for x, target in batches:
        rows = target["y"].long()
        found.append(rows)
        assert torch.equal(x["x_num"], torch.stack([rows, -rows], dim=1).float())
        assert torch.equal(x["x_cat"][:, 0], rows.int())
        assert torch.equal(target["weight"], rows.double() + 1)
        ids, offsets, weights = x["x_bag"][0]
        assert torch.equal(offsets.diff(), rows % 3)
        assert torch.equal(ids, rows.repeat_interleave(rows % 3).int())
        assert torch.equal(weights, ids.float() / 2)
    return found


@pytest.mark.parametrize("size", [1000, 256, N - 1, 7 * CHUNK])
@pytest.mark.parametrize("buffer_rows", [CHUNK, 3 * CHUNK, 100 * CHUNK])
def test_a_pass_has_every_row_once(tmp_path, size, buffer_rows):
    data = spooled(tmp_path, buffer_rows)
    batches = BatchIterator(data, size, shuffle=True)
    found = numbers(batches)
    assert torch.cat(found).sort().values.tolist() == list(range(N))
    assert len(found) == len(batches)
    assert {len(rows) for rows in found[:-1]} <= {size}
    again = numbers(batches)
    assert torch.cat(again).sort().values.tolist() == list(range(N))
    assert torch.cat(again).tolist() != torch.cat(found).tolist()


def test_the_order_follows_from_seed_and_epoch(tmp_path):
    first, second = spooled(tmp_path), spooled(tmp_path, blocks=(0, 3000, N))
    second.epoch = 1  # as in a fit that goes on from a checkpoint
    batches = BatchIterator(first, 500, shuffle=True)
    epochs = [numbers(batches) for _ in range(2)]
    later = numbers(BatchIterator(second, 500, shuffle=True))
    same = spooled(tmp_path)
    same.epoch = 1
    assert (
        torch.cat(epochs[1]).tolist()
        == torch.cat(numbers(BatchIterator(same, 500, shuffle=True))).tolist()
    )
    assert torch.cat(later).sort().values.tolist() == list(range(N))


@pytest.mark.parametrize("epoch_rows", [1000, 2048, 4999])
def test_epochs_follow_each_other_through_the_passes(tmp_path, epoch_rows):
    """Cut short, and begun in the midst of a pass, they are the same rows."""
    size = 300
    whole = numbers(BatchIterator(spooled(tmp_path), size, shuffle=True))
    data = spooled(tmp_path, epoch_rows=epoch_rows)
    batches = BatchIterator(data, size, shuffle=True)
    n_epochs = len(whole) // len(batches)
    epochs = [rows for _ in range(n_epochs) for rows in numbers(batches)]
    expected = [rows.tolist() for rows in whole[: len(epochs)]]
    assert [rows.tolist() for rows in epochs] == expected
    late = spooled(tmp_path, epoch_rows=epoch_rows)
    late.epoch = n_epochs - 1
    found = numbers(BatchIterator(late, size, shuffle=True))
    assert [rows.tolist() for rows in found] == expected[-len(batches) :]


def test_sorted_rows_are_mixed(tmp_path):
    """Whatever the order of the file, a batch has rows of all of it."""
    data = spooled(tmp_path, buffer_rows=3 * CHUNK)
    for rows in numbers(BatchIterator(data, 512, shuffle=True))[:-1]:
        fifths = np.bincount(rows.numpy() * 5 // N, minlength=5)
        assert (fifths > 0).sum() >= 3


def test_in_order_without_shuffling(tmp_path):
    data = EncodedAgain(lambda: iter([table(0, 900), table(900, 1600)]), 1600, 400)
    assert torch.cat(numbers(BatchIterator(data, 250))).tolist() == list(range(1600))


def test_encoded_again_in_each_pass():
    data = EncodedAgain(lambda: iter([table(0, 900), table(900, 1600)]), 1600, 400)
    data.generator = torch.Generator().manual_seed(0)
    batches = BatchIterator(data, 250, shuffle=True)
    for _ in range(2):
        found = torch.cat(numbers(batches))
        assert found.sort().values.tolist() == list(range(1600))


def test_joined_tables_are_one():
    parts = [table(0, 5), table(5, 6), table(6, 20)]
    (rows,) = numbers([joined(parts)[:]])
    assert rows.tolist() == list(range(20))


def test_the_file_is_removed(tmp_path):
    data = spooled(tmp_path)
    assert os.listdir(tmp_path)
    data.spool.remove()
    assert os.listdir(tmp_path) == []


def test_remnants_of_killed_processes_are_removed(tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    mine = Spool(str(tmp_path), N)
    own = os.path.basename(mine.folder)
    dead = own.replace(f"-{os.getpid()}-", f"-{child.stdout.strip()}-")
    for name in (dead, "sklearn_dcn-elsewhere-1-x", "of the user"):
        (tmp_path / name).mkdir()
    other = Spool(str(tmp_path), N)
    kept = {own, os.path.basename(other.folder)}
    kept |= {"sklearn_dcn-elsewhere-1-x", "of the user"}
    assert set(os.listdir(tmp_path)) == kept
    mine.remove()
    other.remove()


def test_digests_tell_contents_apart(tmp_path):
    same = [spooled(tmp_path).digests() for _ in range(2)]
    assert same[0] == same[1]
    assert spooled(tmp_path, blocks=(0, N)).digests() != same[0]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(SpoolError, match=r"cache='.*nowhere' must be a folder"):
        Spool(str(tmp_path / "nowhere"), N)


def test_a_full_disk_is_told_before(tmp_path, monkeypatch):
    usage = lambda path: type("Usage", (), {"free": 10_000})  # noqa: E731
    monkeypatch.setattr(spool_module.shutil, "disk_usage", usage)
    spool = Spool(str(tmp_path), N)
    with pytest.raises(
        SpoolError, match=r"take .* MiB, and .* has 0 MiB left"
    ) as caught:
        spool.add(0, table(0, N))
    assert caught.value.errno == errno.ENOSPC
    assert os.path.getsize(spool.path) == 0
    spool.remove()
    assert os.listdir(tmp_path) == []
