"""What ranks tell each other, and how they learn that one has failed."""

import time

import pytest
import torch
from helpers.ranks import results, together

from sklearn_dcn._world import ALONE, RankLostError, store_of_environment


def test_one_process_is_told_what_it_says():
    tensor = torch.ones(2)
    assert ALONE.total(tensor) is tensor
    assert ALONE.gather("a") == ["a"] == ALONE.exchange(["a"])
    assert ALONE.broadcast("a") == "a"
    assert ALONE.agree(True) and not ALONE.agree(False)
    assert not ALONE.interrupted()
    parts = [(torch.arange(2), torch.ones(2, 3))]
    assert ALONE.rows(parts) == parts


@pytest.mark.parametrize("n", [2, 3, 4])
def test_sums_and_values(n):
    def work(world):
        total = world.total(torch.tensor([world.rank, 1.0]))
        sent = [f"{world.rank} to {k}" for k in range(n)]
        return (
            total.tolist(),
            world.gather("x" * world.rank),  # of different lengths
            world.exchange(sent),
            world.broadcast(world.rank + 5),
            world.agree(world.rank == 1),
            world.agree(False),
        )

    for rank, found in enumerate(results(n, work)):
        total, gathered, came, first, some, none = found
        assert total == [n * (n - 1) / 2, n]
        assert gathered == ["x" * k for k in range(n)]
        assert came == [f"{k} to {rank}" for k in range(n)]
        assert (first, some, none) == (5, True, False)


def test_rows_come_in_the_order_of_ranks():
    """Of several tables, where a rank may have none."""

    def work(world):
        r = world.rank
        first = torch.arange(r), torch.full((r, 2), float(r))
        second = torch.tensor([9]), torch.tensor([[float(r)]])
        return world.rows([first, second])

    for (ids, values), (more_ids, more) in results(3, work):
        assert ids.tolist() == [0, 0, 1]
        assert values.tolist() == [[1.0, 1.0], [2.0, 2.0], [2.0, 2.0]]
        assert more_ids.tolist() == [9, 9, 9]
        assert more.tolist() == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("waits", ["agree", "total"])
def test_an_error_of_one_is_that_of_all(waits):
    def work(world):
        if world.rank == 1:
            raise ValueError("column 'a' is odd")
        if waits == "agree":
            world.agree(True)
        else:
            world.total(torch.ones(1))

    begun = time.monotonic()
    found = together(3, work)
    assert time.monotonic() - begun < 10
    assert all(type(error) is ValueError for error in found)
    assert str(found[1]) == "column 'a' is odd"
    for rank in (0, 2):
        assert str(found[rank]) == "column 'a' is odd (raised by rank 1)"


def test_errors_of_other_kinds_keep_their_name():
    def work(world):
        if world.rank == 0:
            raise KeyError("a")
        world.agree(True)

    first, second = together(2, work)
    assert type(first) is KeyError
    assert type(second) is RuntimeError
    assert str(second) == "KeyError: 'a' (raised by rank 0)"


def test_a_rank_without_a_sign_of_life_is_lost():
    def work(world):
        if world.rank == 1:
            world._has_ended.set()  # no more signs
            time.sleep(6)
            return None
        world.agree(True)

    begun = time.monotonic()
    lost = together(2, work, timeout=1.0)[0]
    assert time.monotonic() - begun < 15
    assert type(lost) is RankLostError
    assert "rank 1 gave no sign for 1 s" in str(lost)
    assert "checkpoint=path" in str(lost)


def test_one_that_takes_its_time_is_waited_for():
    def work(world):
        if world.rank == 1:
            time.sleep(3)
        return world.agree(world.rank == 1)

    assert together(2, work, timeout=1.0) == [True, True]


def test_the_environment_must_name_a_place(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=r"lacks RANK.*torch.distributed.run"):
        store_of_environment()
