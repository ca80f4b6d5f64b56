"""Batches of whole groups: every row once, no group in two."""

from itertools import chain

import numpy as np
import pytest
import torch

from sklearn_dcn._training.batches import BatchIterator, TensorTable, held_out
from sklearn_dcn._training.grouped import whole_groups

SIZES = [3, 1, 7, 2, 2, 30, 1, 4, 5, 5]
GROUP = torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 4, 10, 100])
def test_batches_have_whole_groups_and_every_row_once(size, shuffle):
    batches = whole_groups(GROUP, size, shuffle, generator())
    assert sorted(torch.cat(batches).tolist()) == list(range(len(GROUP)))
    groups = [GROUP[rows].unique_consecutive() for rows in batches]
    assert sorted(torch.cat(groups).tolist()) == list(range(len(SIZES)))
    for rows, of in zip(batches, groups, strict=True):
        *others, last = of.tolist()
        assert sum(SIZES[g] for g in others) < size or not others
        assert len(rows) == sum(SIZES[g] for g in [*others, last])


def test_unshuffled_rows_keep_their_order():
    rows = torch.cat(whole_groups(GROUP, 8))
    assert rows.tolist() == list(range(len(GROUP)))


def test_shuffled_groups_and_rows_are_in_new_orders():
    rng = generator()
    one, other = (torch.cat(whole_groups(GROUP, 8, True, rng)) for _ in range(2))
    assert one.tolist() != other.tolist()
    large = [rows[GROUP[rows] == 5] for rows in (one, other)]
    assert large[0].tolist() != large[1].tolist()  # the parts of a large group are new
    again = torch.cat(whole_groups(GROUP, 8, True, generator()))
    assert again.tolist() == one.tolist()


def test_a_last_row_is_not_alone():
    group = torch.tensor([0, 0, 0, 0, 1])
    assert [len(rows) for rows in whole_groups(group, 4)] == [5]
    assert whole_groups(group[:0], 4) == []


def make_table(weight=None):
    rows = torch.arange(len(GROUP))
    table = TensorTable({"x_num": rows[:, None].float()}, rows, weight, group=GROUP)
    table.generator = generator()
    return table


def test_the_iterator_has_whole_groups():
    batches = BatchIterator(make_table(), 10, shuffle=True)
    seen = [target["group"].unique().tolist() for _, target in batches]
    assert sorted(chain.from_iterable(seen)) == list(range(len(SIZES)))
    assert len(BatchIterator(make_table(), 10)) == len(list(whole_groups(GROUP, 10)))
    for x, target in batches:
        assert x["x_num"][:, 0].tolist() == target["y"].tolist()


def test_what_a_member_holds_out_comes_in_whole_groups():
    """Member 0 holds out the even groups, member 1 some rows of the others."""
    rng = np.random.default_rng(0)
    held = torch.stack([GROUP % 2 == 0, (GROUP % 2 == 1)], dim=1).double()
    held[:, 1] *= torch.tensor(rng.random(len(GROUP)) < 0.5)
    batches = list(held_out(BatchIterator(make_table(held), 6)))
    for member in (0, 1):
        mine = [target for x, target in batches if x["member"] == member]
        rows = torch.cat([target["y"] for target in mine])
        assert rows.tolist() == held[:, member].nonzero().squeeze(1).tolist()
        seen = [target["group"].unique().tolist() for target in mine]
        found = [*chain.from_iterable(seen)]
        assert len(found) == len(set(found))
