"""Batches as slices of tensors: their rows, their order, where they are."""

import itertools

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table.categories.bags import Bag
from sklearn_dcn._training import batches as _batches
from sklearn_dcn._training.batches import (
    FREE_SHARE,
    BatchIterator,
    TensorTable,
    count_rows,
    place,
    take,
    to_tensors,
)

META = torch.device("meta")  # a device without memory stands for one with its own


def table(n, weight=None):
    """Return a table whose single number is the position of its row."""
    rows = torch.arange(n)
    generator = torch.Generator().manual_seed(0)
    data = TensorTable({"x_num": rows[:, None].float()}, rows, weight)
    data.generator = generator
    return data


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    "n, sizes", [(1, [1]), (4, [4]), (5, [5]), (6, [4, 2]), (9, [4, 5]), (8, [4, 4])]
)
def test_batches_cover_every_row_once(n, sizes, shuffle):
    """Every row comes once an epoch, X beside its y; a lone last row is not alone."""
    batches = list(BatchIterator(table(n), 4, shuffle))
    assert [len(target["y"]) for _, target in batches] == sizes
    y = torch.cat([target["y"] for _, target in batches])
    x = torch.cat([x["x_num"] for x, _ in batches])
    assert sorted(y.tolist()) == list(range(n))
    assert x[:, 0].tolist() == y.tolist()


def test_length_is_the_number_of_batches():
    """The length tells progress bars how many batches come."""
    for n in range(1, 20):
        iterator = BatchIterator(table(n), 4)
        assert len(iterator) == len(list(iterator))


def test_every_epoch_is_shuffled_anew():
    """Two passes differ in order; unshuffled ones do not."""
    shuffled = BatchIterator(table(100), 100, shuffle=True)
    first, second = (next(iter(shuffled))[1]["y"].tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize("epoch_rows", [4, 50, 51, 99, 100, 1000])
def test_epochs_follow_each_other_through_the_passes(epoch_rows):
    """Every pass has all rows, in an order of its own, wherever an epoch begins."""
    data = table(100)
    data.generator = torch.Generator().manual_seed(3)
    data.epoch_rows = epoch_rows
    batches = BatchIterator(data, 4, shuffle=True)
    assert len(batches) == min(-(-epoch_rows // 4), 25)
    assert len(BatchIterator(data, 4)) == 25  # all rows, where nothing is shuffled
    epochs = [[t["y"].tolist() for _, t in batches] for _ in range(50 // len(batches))]
    rows = [row for epoch in epochs for batch in epoch for row in batch]
    first, second = rows[:100], rows[100:200]
    assert len({*first}) == len(first)
    assert len({*second}) == len(second)
    assert first != second
    data.epoch = len(epochs) - 1
    assert [t["y"].tolist() for _, t in batches] == epochs[-1]


def test_a_batch_is_a_view_unless_shuffled():
    """Unshuffled batches are slices of the table's own memory, without a copy."""
    data = table(8)
    for start, (x, target) in zip((0, 4), BatchIterator(data, 4), strict=True):
        assert x["x_num"].data_ptr() == data.x["x_num"][start:].data_ptr()
        assert target["y"].data_ptr() == data.target["y"][start:].data_ptr()


def test_without_a_generator_the_order_is_torchs():
    """A table without a generator is shuffled by the global one, as it says."""
    data = table(50)
    data.generator = None
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = torch.randperm(50)
        torch.manual_seed(3)
        [(_, target)] = BatchIterator(data, 50, shuffle=True)
    assert torch.equal(target["y"], expected)


# ----------------------------------------------------------------------------------
# Other devices
# ----------------------------------------------------------------------------------


def table_of_bytes():
    """Return a table of 10 rows with weights, and its size: (4 + 8 + 8) * 10 bytes."""
    data = table(10, torch.ones(10, dtype=torch.float64))
    return data, 200


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets how many bytes are free on other devices."""

    def set_free(n_bytes):
        def free_memory(device):
            assert device == META
            return n_bytes

        monkeypatch.setattr(_batches, "_free_memory", free_memory)

    return set_free


@pytest.fixture
def copies(monkeypatch):
    """Record pinning and copies; a pinned tensor is the tensor, a copy stays here."""
    calls = []

    def pin_memory(self):
        calls.append("pin")
        return self

    def to(self, *args, **kwargs):
        calls.append((*args, kwargs))
        return self

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    monkeypatch.setattr(torch.Tensor, "to", to)
    return calls


def test_size_of_a_table():
    """All tensors count, the target's and the weights as well."""
    data, size = table_of_bytes()
    assert data.n_bytes == size
    assert table(10).n_bytes == 120


def test_on_the_cpu_the_table_is_used_as_it_is(monkeypatch):
    """Nothing is copied, nor asked about memory."""
    monkeypatch.setattr(_batches, "_free_memory", None)
    data = table(5)
    assert place(data, torch.device("cpu")) is data


def test_a_table_moves_where_it_fits(free):
    """Up to half of the free memory, all tensors are moved, once; batches are not."""
    data, size = table_of_bytes()
    before = dict(data.x), dict(data.target)
    free(int(size / FREE_SHARE))
    placed = place(data, META)
    assert placed is not data and placed.device is None
    tensors = {**placed.x, **placed.target}
    assert tensors.keys() == {"x_num", "y", "weight"}
    assert all(t.device == META for t in tensors.values())
    assert placed.generator is data.generator and len(placed) == 10
    for x, target in BatchIterator(placed, 4, shuffle=True):
        assert {t.device for t in (*x.values(), *target.values())} == {META}
    assert (data.x, data.target, data.device) == (*before, None)
    assert data.target["y"].device.type == "cpu"


def test_a_large_table_stays(free):
    """One byte more than half of what is free, and only batches go to the device."""
    data, size = table_of_bytes()
    free(int(size / FREE_SHARE) - 1)
    placed = place(data, META)
    assert placed.device == META and data.device is None
    assert placed.generator is data.generator
    assert all(placed.x[name] is tensor for name, tensor in data.x.items())
    assert all(placed.target[name] is t for name, t in data.target.items())


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_copied_from_pinned_memory(free, copies, shuffle):
    """Each tensor of a batch is pinned, then copied without waiting for the copy."""
    data, _ = table_of_bytes()
    free(0)
    placed = place(data, META)
    del copies[:]
    iterator = iter(BatchIterator(placed, 4, shuffle))
    next(iterator)
    copies_of_order = [c for c in copies if c == (torch.device("cpu"), {})]
    assert len(copies_of_order) == shuffle
    copied = [c for c in copies if c not in copies_of_order]
    assert copied == ["pin", (META, {"non_blocking": True})] * 3
    del copies[:]
    next(iterator)
    assert copies == ["pin", (META, {"non_blocking": True})] * 3


def test_the_order_is_the_same_wherever_the_rows_are(free, monkeypatch):
    """It is drawn on the CPU from the fit's generator, once an epoch, for all."""
    orders = []
    randperm = torch.randperm

    def recorded(n, **kwargs):
        orders.append(randperm(n, **kwargs))
        return orders[-1]

    monkeypatch.setattr(torch, "randperm", recorded)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    states = []
    for device, n_bytes in ((torch.device("cpu"), 0), (META, 10**6), (META, 0)):
        free(n_bytes)
        placed = place(table(20), device)
        for _ in range(2):
            assert len(list(BatchIterator(placed, 8, shuffle=True))) == 3
        states.append(placed.generator.get_state())
    assert len(orders) == 6 and all(o.device.type == "cpu" for o in orders)
    for i in (0, 1):
        assert torch.equal(orders[i], orders[i + 2])
        assert torch.equal(orders[i], orders[i + 4])
    assert not torch.equal(orders[0], orders[1])
    assert all(torch.equal(states[0], state) for state in states)


def test_copied_batches_hold_the_rows_of_others(monkeypatch):
    """With copying switched on, here to the CPU itself, the batches are the same."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    plain, copied = table(11, torch.arange(1.0, 12.0)), table(11, torch.arange(1.0, 12))
    copied.device = torch.device("cpu")
    pairs = zip(
        BatchIterator(plain, 4, True), BatchIterator(copied, 4, True), strict=True
    )
    for (x, target), (x_copied, target_copied) in pairs:
        assert torch.equal(x["x_num"], x_copied["x_num"])
        assert all(torch.equal(target[k], target_copied[k]) for k in ("y", "weight"))


def test_free_memory(monkeypatch):
    """CUDA tells what is free; MPS its limit and what it has taken."""
    device = torch.device("cuda", 1)
    asked = []
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: asked.append(device) or (70, 100)
    )
    assert _batches._free_memory(device) == 70
    assert asked == [device]
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 100)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 30)
    assert _batches._free_memory(torch.device("mps")) == 70


# ----------------------------------------------------------------------------------
# Bags
# ----------------------------------------------------------------------------------


# Entries of each row, with empty ones at both ends and side by side.
LENGTHS = [0, 2, 0, 0, 1, 4, 1, 0, 3, 0]


def bags_of_rows():
    """Return two bags of ten rows as arrays: of all lengths, and of none."""
    offsets = np.cumsum([0, *LENGTHS])
    n = offsets[-1]
    some = Bag(np.arange(100, 100 + n, dtype=np.int32), offsets, np.arange(n) / 8)
    none = Bag(np.zeros(0, np.int32), np.zeros(11, np.int64), np.zeros(0))
    return [some, none]


def rows_of(bag):
    """Return the (id, weight) pairs of every row."""
    ids, offsets, weights = (np.asarray(part) for part in bag)
    assert offsets[0] == 0
    assert offsets[-1] == len(ids) == len(weights)
    pairs = list(zip(ids.tolist(), weights.tolist(), strict=True))
    return [pairs[a:b] for a, b in itertools.pairwise(offsets.tolist())]


def encoded(**more):
    """Return ten encoded rows, those of `more` before the bags."""
    return more | {"x_bag": bags_of_rows()}


@pytest.mark.parametrize(
    "rows",
    [slice(0, 10), slice(0, 1), slice(1, 2), slice(2, 8), slice(5, 99), slice(9, 10),
     slice(3, 3), slice(None)],
    ids=str,
)  # fmt: skip
def test_slices_of_bags(rows):
    """A slice of a bag holds the rows of the slice, without a copy of entries."""
    x = to_tensors(encoded())
    for taken, bag in zip(take(x, rows)["x_bag"], x["x_bag"], strict=True):
        assert rows_of(taken) == rows_of(bag)[rows]
        if len(taken[0]):
            first = bag[1][rows.start or 0]
            assert taken[0].data_ptr() == bag[0][first:].data_ptr()
            assert taken[2].data_ptr() == bag[2][first:].data_ptr()


@pytest.mark.parametrize(
    "rows",
    [[0], [1], [5, 1, 8], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [5, 5, 1, 5], [0, 2, 3, 7],
     []],
    ids=str,
)  # fmt: skip
def test_positions_of_bags(rows):
    """Rows of a bag at positions come in their order, repeated ones again."""
    x = to_tensors(encoded())
    at = torch.tensor(rows, dtype=torch.int64)
    for taken, bag in zip(take(x, at)["x_bag"], x["x_bag"], strict=True):
        all_rows = rows_of(bag)
        assert rows_of(taken) == [all_rows[row] for row in rows]
        assert [part.dtype for part in taken] == [part.dtype for part in bag]


def test_taken_bags_can_be_taken_from():
    """A part of a bag is a bag, whose offsets begin at 0."""
    x = to_tensors(encoded())
    whole = rows_of(x["x_bag"][0])
    part = take(take(x, slice(4, 10)), torch.tensor([4, 1, 0]))
    assert rows_of(part["x_bag"][0]) == [whole[8], whole[5], whole[4]]
    part = take(take(x, torch.tensor([8, 5, 1])), slice(1, 3))
    assert rows_of(part["x_bag"][0]) == [whole[5], whole[1]]


def test_random_rows_of_bags_equal_an_oracle():
    """Any rows of any bag, by slices and by positions."""
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 60):
        lengths = rng.poisson(1.0, n)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = rng.integers(9, size=offsets[-1]).astype(np.int32)
        bag = Bag(ids, offsets, rng.normal(size=offsets[-1]))
        x = to_tensors({"x_bag": [bag]})
        whole = rows_of(bag)
        for _ in range(10):
            rows = rng.integers(n, size=rng.integers(2 * n))
            [taken] = take(x, torch.from_numpy(rows))["x_bag"]
            assert rows_of(taken) == [whole[row] for row in rows]
            start, stop = sorted(rng.integers(n + 1, size=2))
            [taken] = take(x, slice(int(start), int(stop)))["x_bag"]
            assert rows_of(taken) == whole[start:stop]


def test_to_tensors_shares_memory():
    """Arrays become tensors of the same memory, in bags as well."""
    arrays = encoded(x_num=np.ones((10, 2)), x_cat=np.ones((10, 1), np.int32))
    x = to_tensors(arrays)
    assert list(x) == ["x_num", "x_cat", "x_bag"]
    for name in ("x_num", "x_cat"):
        assert x[name].data_ptr() == arrays[name].ctypes.data
    for bag, of_arrays in zip(x["x_bag"], arrays["x_bag"], strict=True):
        assert all(
            tensor.data_ptr() == array.ctypes.data or not len(array)
            for tensor, array in zip(bag, of_arrays, strict=True)
        )


@pytest.mark.parametrize("first", ["x_num", None])
def test_count_rows(first):
    """Rows are counted by numbers, and by the offsets of bags alone."""
    x = to_tensors(encoded(**({first: np.ones((10, 1))} if first else {})))
    assert count_rows(x) == 10
    assert count_rows(take(x, slice(2, 5))) == 3
    assert count_rows(take(x, torch.tensor([7]))) == 1


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_bags(shuffle):
    """Every batch has the bags of its rows beside their targets."""
    x = to_tensors(encoded(x_num=np.arange(10.0)[:, None]))
    data = TensorTable(x, torch.arange(10))
    data.generator = torch.Generator().manual_seed(1)
    whole = rows_of(x["x_bag"][0])
    order = []
    for batch, target in BatchIterator(data, 4, shuffle):
        rows = target["y"].tolist()
        assert batch["x_num"][:, 0].tolist() == rows
        assert rows_of(batch["x_bag"][0]) == [whole[row] for row in rows]
        assert rows_of(batch["x_bag"][1]) == [[]] * len(rows)
        order += rows
    assert sorted(order) == list(range(10))
    assert (order == list(range(10))) != shuffle


def test_bags_are_placed(free, monkeypatch):
    """Bags count as memory, move with the table, or batch by batch."""
    x = to_tensors({"x_bag": bags_of_rows()})
    data = TensorTable(x, torch.arange(10))
    n = sum(LENGTHS)
    size = n * (4 + 8) + 2 * 11 * 8 + 10 * 8
    assert data.n_bytes == size
    free(int(size / FREE_SHARE))
    placed = place(data, META)
    assert placed.device is None
    assert all(t.device == META for bag in placed.x["x_bag"] for t in bag)
    assert all(t.device.type == "cpu" for bag in data.x["x_bag"] for t in bag)
    free(0)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    for batch, _ in BatchIterator(place(data, META), 4):
        assert all(t.device == META for bag in batch["x_bag"] for t in bag)


# In a fit -----------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization_and_a_lone_last_row(tiny, normalization):
    """257 rows in batches of 256: no batch of one, which has no statistics (B2)."""
    X, y = make_mixed(257)
    model = DCNClassifier(**tiny, normalization=normalization, batch_size=256)
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()
