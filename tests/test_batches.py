"""Batches as slices of tensors: their rows, their order, where they are, no waiting."""

import collections

import numpy as np
import pytest
import torch
from conftest import make_mixed
from skorch.callbacks import Callback
from test_optimizers import Results

from sklearn_dcn import DCNClassifier, DCNRegressor, _batches
from sklearn_dcn._batches import FREE_SHARE, BatchIterator, TensorTable, place
from sklearn_dcn._optimizers import sum_by_row
from sklearn_dcn.network import EmbeddingStack

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


def test_weights_have_mean_one():
    """The table scales weights, so that a batch's loss estimates the weighted mean."""
    weighted = table(4, torch.tensor([1.0, 2.0, 3.0, 2.0]))
    assert weighted.target["weight"].tolist() == [0.5, 1.0, 1.5, 1.0]


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
# Nothing waits for the device within an epoch
# ----------------------------------------------------------------------------------

READS = ("item", "tolist", "numpy", "cpu", "__array__", "__bool__", "__float__",
         "__int__", "__index__", "nonzero")  # fmt: skip


@pytest.fixture
def reads(monkeypatch):
    """Count every method of a tensor that a device would have to be waited for."""
    counter = collections.Counter()

    def counted(name, method):
        def call(*args, **kwargs):
            counter[name] += 1
            return method(*args, **kwargs)

        return call

    for name in READS:
        monkeypatch.setattr(
            torch.Tensor, name, counted(name, getattr(torch.Tensor, name))
        )
    return counter


def count_reads(reads, Estimator, batch_size, **options):
    """Return how often a fit reads values, by methods and by operations of torch."""
    X, y = make_mixed(96)
    X["visits"] = X["visits"].astype(str)
    options = {"hidden_layer_sizes": (8,), "random_state": 0} | options
    model = Estimator(batch_size=batch_size, max_epochs=2, **options)
    weight = np.linspace(1, 2, len(y))
    reads.clear()
    with Results() as results:
        model.fit(X, y, sample_weight=weight, X_val=X, y_val=y)
    names = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero")
    return dict(reads) | {name: len(results.names(name)) for name in names}


VARIANTS = {
    "dense": {"optimizer": "adamw"},
    "lazy": {"optimizer": "lazy_adamw"},
    "noisy": {"dropout": 0.2, "category_dropout": 0.2, "embedding_l2": 0.1},
    "bfloat16": {"dtype": "bfloat16"},
    "vector": {"cross": "vector"},
    "mixture": {"cross": "mixture", "expert_activation": "tanh"},
    "batch norm": {"normalization": "batch"},
}


@pytest.mark.parametrize(
    ("Estimator", "options"),
    [*((DCNClassifier, v) for v in VARIANTS.values()), (DCNRegressor, {})],
    ids=[*VARIANTS, "regressor"],
)
def test_no_batch_waits(reads, monkeypatch, Estimator, options):
    """Six times as many batches read values no more often: twice an epoch or so.

    Sums by id are those of other devices, which need no number of ids.
    """
    monkeypatch.setattr(
        "sklearn_dcn._optimizers.sum_by_row",
        lambda *args: sum_by_row(*args, compact=False),
    )
    few, many = (count_reads(reads, Estimator, n, **options) for n in (96, 16))
    assert few == many
    assert few["tolist"] >= 4  # the losses of two epochs and two tables


def test_the_count_sees_what_waits(reads):
    """Losses recorded for callbacks, and compact sums, are counted batch by batch."""
    few, many = (
        count_reads(reads, DCNClassifier, n, callbacks=[Callback()]) for n in (96, 16)
    )
    more = 2 * 2 * (96 // 16 - 1)  # epochs, tables
    assert many["item"] == few["item"] + more
    assert many["_local_scalar_dense"] == few["_local_scalar_dense"] + more
    few, many = (
        count_reads(reads, DCNClassifier, n, optimizer="lazy_adamw") for n in (96, 16)
    )
    assert many["nonzero"] > few["nonzero"]


@pytest.mark.parametrize(
    "cardinalities", [[5, 6], [5, 400]], ids=["one width", "two widths"]
)
def test_no_constants_are_copied_to_the_device(cardinalities):
    """The embedding of a batch makes no tensor of Python numbers on its way."""
    stack = EmbeddingStack(1, cardinalities, category_dropout=0.5)
    x_num, x_cat = torch.ones(4, 1), torch.ones(4, 2, dtype=torch.int64)
    with Results() as results:
        stack(x_num, x_cat)
    assert results.names("embedding")
    assert results.names("lift_fresh") == []
