"""Tests of the embedding & stacking layer."""

import re

import numpy as np
import oracle
import pytest
import torch

from sklearn_dcn.network import EmbeddingStack


def seeded(seed=0):
    """Return a generator of its own, so that no test depends on another's draws."""
    return torch.Generator().manual_seed(seed)


def set_column(stack, c, values):
    """Overwrite the embeddings of a column through its view."""
    with torch.no_grad():
        stack.column_weight(c).copy_(torch.as_tensor(values))


def identified(n_num, cardinalities, **options):
    """Return a stack whose level v of column c has the embedding [100 c + v]."""
    stack = EmbeddingStack(n_num, cardinalities, embedding_dim=1, **options)
    for c, cardinality in enumerate(cardinalities):
        set_column(stack, c, 100.0 * c + torch.arange(cardinality)[:, None])
    return stack


# ----------------------------------------------------------------------------------
# Stacking
# ----------------------------------------------------------------------------------


def test_hand_worked():
    """x_0 is the embedding of each column in turn, then the numbers."""
    stack = EmbeddingStack(2, [3, 4], embedding_dim=2)
    set_column(stack, 0, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    set_column(stack, 1, [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0], [70.0, 80.0]])
    x_num = torch.tensor([[0.5, -0.5], [1.5, -1.5]])
    x_cat = torch.tensor([[2, 0], [0, 3]])
    assert stack(x_num, x_cat).tolist() == [
        [5.0, 6.0, 10.0, 20.0, 0.5, -0.5],
        [1.0, 2.0, 70.0, 80.0, 1.5, -1.5],
    ]
    assert stack.embedding_dims == [2, 2]
    assert (stack.d_embedded, stack.d_out) == (4, 6)
    assert stack.field_slices == [slice(i, j) for i, j in ((0, 2), (2, 4))] + [
        slice(4, 5),
        slice(5, 6),
    ]


WIDTHS = [[2, 2, 2], [1, 3, 1], [3, 2, 1], [1, 2, 3], [2, 5, 2]]


@pytest.mark.parametrize("dims", WIDTHS)
@pytest.mark.parametrize("n_num", [0, 2])
def test_fields_equal_oracle(n_num, dims):
    """Each field of x_0 is W^T x for a one-hot x, or the number."""
    cardinalities = [4, 3, 6]
    stack = EmbeddingStack(n_num, cardinalities, embedding_dim=dims).double()
    x_cat = torch.stack(
        [torch.randint(v, (5,), generator=seeded(v)) for v in cardinalities], dim=1
    )
    x_num = torch.randn(5, n_num, dtype=torch.float64, generator=seeded())
    x_0 = stack(x_num if n_num else None, x_cat).detach().numpy()
    tables = [stack.column_weight(c).detach().numpy() for c in range(3)]
    assert [table.shape for table in tables] == list(
        zip(cardinalities, dims, strict=True)
    )
    for i in range(5):
        fields = oracle.embed(x_cat[i].tolist(), tables=tables)
        fields += [[number] for number in x_num[i].tolist()]
        for field, where in zip(fields, stack.field_slices, strict=True):
            np.testing.assert_array_equal(x_0[i, where], field)


@pytest.mark.parametrize("dims", WIDTHS)
def test_field_slices_cover_x_0_once(dims):
    """The fields tile x_0, and the numbers start where the embeddings end."""
    stack = EmbeddingStack(2, [4, 3, 6], embedding_dim=dims)
    widths = [s.stop - s.start for s in stack.field_slices]
    assert widths == [*dims, 1, 1]
    covered = [i for s in stack.field_slices for i in range(s.start, s.stop)]
    assert sorted(covered) == list(range(stack.d_out))
    assert stack.d_embedded == sum(dims)
    assert stack.d_out == sum(dims) + 2
    numbers = [(s.start, s.stop) for s in stack.field_slices[3:]]
    assert numbers == [(sum(dims) + i, sum(dims) + i + 1) for i in range(2)]


def test_only_numbers():
    """Without categorical columns x_0 is the numbers."""
    stack = EmbeddingStack(3, [])
    x_num = torch.randn(4, 3, generator=seeded())
    assert torch.equal(stack(x_num), x_num)
    assert torch.equal(stack(x_num=x_num, x_cat=None), x_num)
    assert (stack.embedding_dims, stack.d_embedded, stack.d_out) == ([], 0, 3)
    assert stack.field_slices == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert list(stack.parameters()) == []


def test_only_categories():
    """Without numbers x_0 is the embeddings."""
    stack = identified(0, [5, 4])
    x_cat = torch.tensor([[3, 1], [0, 2]])
    assert stack(x_cat=x_cat).tolist() == [[3.0, 101.0], [0.0, 102.0]]
    assert stack(None, x_cat).tolist() == [[3.0, 101.0], [0.0, 102.0]]
    assert stack.d_embedded == stack.d_out == 2


def test_batch_of_one():
    """A single row keeps its batch axis."""
    stack = EmbeddingStack(2, [5, 4], embedding_dim=[3, 1])
    x_num, x_cat = torch.ones(1, 2), torch.tensor([[3, 1]])
    assert stack(x_num, x_cat).shape == (1, 6)


# ----------------------------------------------------------------------------------
# Widths and fused tables
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cardinality", [1, 2, 3, 4, 10, 15, 16, 17, 50, 51, 1000, 320_000, 10**7]
)
def test_auto_width(cardinality):
    """The DCN paper's 6 v^(1/4), rounded up to a multiple of 4, at most 16."""
    with torch.device("meta"):
        stack = EmbeddingStack(0, [cardinality])
    assert stack.embedding_dims == [oracle.embedding_dim(cardinality)]


def test_auto_width_by_hand():
    """6 * 2^(1/4) = 7.1, 6 * 16^(1/4) = 12, 6 * 17^(1/4) = 12.2, 6 * 100 = 600."""
    with torch.device("meta"):
        stack = EmbeddingStack(0, [2, 16, 17, 10**8])
    assert stack.embedding_dims == [8, 12, 16, 16]


@pytest.mark.parametrize("dims", WIDTHS)
def test_one_table_for_each_width(dims):
    """Columns of equal width share one parameter that just holds their rows."""
    cardinalities = [4, 3, 6]
    stack = EmbeddingStack(2, cardinalities, embedding_dim=dims)
    shapes = sorted(tuple(p.shape) for p in stack.parameters())
    assert shapes == sorted(
        (sum(v for v, k in zip(cardinalities, dims, strict=True) if k == dim), dim)
        for dim in set(dims)
    )


@pytest.mark.parametrize("dims", WIDTHS)
def test_column_views_alias_the_fused_table(dims):
    """A column's view is memory of the table, disjoint from other columns'."""
    stack = EmbeddingStack(0, [4, 3, 6], embedding_dim=dims)
    tables = {p.untyped_storage().data_ptr() for p in stack.parameters()}
    for c in range(3):
        assert stack.column_weight(c).untyped_storage().data_ptr() in tables
    for c in range(3):
        set_column(stack, c, torch.full((stack.cardinalities[c], dims[c]), float(c)))
    for c in range(3):  # no write reached another column
        assert (stack.column_weight(c) == c).all()
    x_0 = stack(x_cat=torch.tensor([[3, 2, 5]]))[0]
    assert [x_0[s].unique().tolist() for s in stack.field_slices] == [[0], [1], [2]]


@pytest.mark.parametrize("dims", WIDTHS)
def test_gradients_reach_only_the_rows_of_the_batch(dims):
    """The gradient of a sum counts how often each level stands in the batch."""
    cardinalities = [4, 3, 6]
    stack = EmbeddingStack(0, cardinalities, embedding_dim=dims)
    x_cat = torch.tensor([[3, 0, 5], [3, 2, 1], [0, 2, 5]])
    stack(x_cat=x_cat).sum().backward()
    with torch.no_grad():  # read the gradient through the columns' views
        for table in stack.parameters():
            table.copy_(table.grad.to_dense())
    for c, cardinality in enumerate(cardinalities):
        count = torch.bincount(x_cat[:, c], minlength=cardinality).float()
        expected = count[:, None].expand(cardinality, dims[c])
        torch.testing.assert_close(stack.column_weight(c).detach(), expected)


# ----------------------------------------------------------------------------------
# Ids
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16]
)
def test_float_ids_are_refused(dtype):
    """Ids in a float would be rounded together: refuse them."""
    stack = EmbeddingStack(1, [5, 4])
    with pytest.raises(TypeError, match=r"x_cat.*" + str(dtype)):
        stack(torch.ones(2, 1), torch.ones(2, 2, dtype=dtype))


def test_ids_beyond_float32_stay_distinct():
    """Ids above 2^24, where float32 has gaps, keep rows of their own."""
    first = 2**24 - 2
    with torch.device("meta"):
        stack = EmbeddingStack(1, [first + 8, 3], embedding_dim=1)
    stack = stack.to(torch.float16).to_empty(device="cpu")  # 32 MB
    stack.reset_parameters(seeded())
    with torch.no_grad():
        stack.column_weight(0)[first:] = torch.arange(8.0)[:, None].half()
        stack.column_weight(1)[:] = torch.tensor([[8.0], [9.0], [10.0]])
    x_cat = torch.stack([first + torch.arange(8), torch.arange(8) % 3], dim=1)
    x_0 = stack(torch.ones(8, 1, dtype=torch.float16), x_cat)
    assert x_0[:, stack.field_slices[0]].flatten().tolist() == list(range(8))
    expected = [8 + i % 3 for i in range(8)]  # rows after 2^24 of the fused table
    assert x_0[:, stack.field_slices[1]].flatten().tolist() == expected


@pytest.mark.parametrize(
    ("stack", "rows", "name"),
    [
        (lambda: EmbeddingStack(2, [5]), {"x_cat": torch.ones(3, 1).long()}, "x_num"),
        (lambda: EmbeddingStack(2, [5]), {"x_num": torch.ones(3, 2)}, "x_cat"),
        (lambda: EmbeddingStack(2, []), {"x_num": torch.ones(3, 3)}, "x_num"),
        (lambda: EmbeddingStack(0, [5]), {"x_cat": torch.ones(3, 2).long()}, "x_cat"),
    ],
)
def test_missing_or_extra_columns_are_refused(stack, rows, name):
    """Input that lacks columns, or has too many, is named in the error."""
    with pytest.raises(ValueError, match=name):
        stack()(**rows)


# ----------------------------------------------------------------------------------
# Category dropout
# ----------------------------------------------------------------------------------


def x_cat_of(*ids, n=4000):
    """Return n rows with these ids."""
    return torch.tensor([ids]).repeat(n, 1)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_category_dropout_rate(p):
    """A known level turns into the unknown one with probability p, in each column."""
    n = 4000
    stack = identified(0, [9, 5], category_dropout=p)
    x_0 = stack(None, x_cat_of(2, 4, n=n), generator=seeded())
    dropped = x_0 == torch.tensor([0.0, 100.0])
    kept = x_0 == torch.tensor([2.0, 104.0])
    assert (dropped ^ kept).all()
    for rate in dropped.double().mean(dim=0).tolist():
        assert abs(rate - p) < 5 * (p * (1 - p) / n) ** 0.5
    both = dropped.all(dim=1).double().mean().item()  # columns are independent
    assert abs(both - p**2) < 5 * (p**2 * (1 - p**2) / n) ** 0.5


def test_category_dropout_spares_missing_and_unknown():
    """Ids 0 (unknown) and 1 (missing) are never replaced; 2 is the first known one."""
    stack = identified(1, [5, 5, 5], category_dropout=0.9)
    x_0 = stack(torch.zeros(4000, 1), x_cat_of(0, 1, 2), generator=seeded())
    assert (x_0[:, 0] == 0).all()
    assert (x_0[:, 1] == 101).all()
    assert sorted(x_0[:, 2].unique().tolist()) == [200.0, 202.0]


def test_category_dropout_is_drawn_from_the_generator():
    """Equal generators, equal draws; it moves on, torch's own state does not."""
    stack = identified(0, [9, 5], category_dropout=0.5)
    x_cat = x_cat_of(2, 4, n=100)
    state = torch.random.get_rng_state()
    generator = seeded(3)
    first = stack(None, x_cat, generator=generator)
    second = stack(None, x_cat, generator=generator)
    assert torch.equal(stack(None, x_cat, generator=seeded(3)), first)
    assert not torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(x_cat, x_cat_of(2, 4, n=100))  # not replaced in place


def test_category_dropout_is_off_in_eval_mode():
    """Prediction looks up what it is given."""
    stack = identified(0, [9, 5], category_dropout=0.9).eval()
    x_0 = stack(None, x_cat_of(2, 4, n=100), generator=seeded())
    assert (x_0 == torch.tensor([2.0, 104.0])).all()


def test_category_dropout_trains_the_unknown_row():
    """Levels that were dropped send their gradient to row 0."""
    stack = identified(0, [9], category_dropout=0.5)
    stack(None, x_cat_of(4, n=1000), generator=seeded()).sum().backward()
    [table] = stack.parameters()
    assert table.grad[0].item() + table.grad[4].item() == 1000
    assert table.grad[0].item() > 400
    assert table.grad[[1, 2, 3, 5, 6, 7, 8]].abs().sum() == 0


# ----------------------------------------------------------------------------------
# Initialisation and arguments
# ----------------------------------------------------------------------------------


def test_reset_parameters():
    """A generator makes the draw reproducible and leaves the global state alone."""
    stack = EmbeddingStack(1, [50, 40, 30], embedding_dim=[4, 2, 4])
    state = torch.random.get_rng_state()
    draws = []
    for seed in (3, 4, 3):
        stack.reset_parameters(seeded(seed))
        draws.append([stack.column_weight(c).detach().clone() for c in range(3)])
    assert torch.equal(torch.random.get_rng_state(), state)
    for c in range(3):
        assert torch.equal(draws[0][c], draws[2][c])
        assert not torch.equal(draws[0][c], draws[1][c])
        assert draws[0][c].unique(dim=0).shape[0] == [50, 40, 30][c]


@pytest.mark.parametrize(
    ("arguments", "name", "value", "error"),
    [
        ({"n_num": -1}, "n_num", "-1", ValueError),
        ({"n_num": 1.5}, "n_num", "1.5", TypeError),
        ({"cardinalities": [5, 0]}, "cardinalities", "0", ValueError),
        ({"cardinalities": [5, 3.5]}, "cardinalities", "3.5", TypeError),
        ({"embedding_dim": 0}, "embedding_dim", "0", ValueError),
        ({"embedding_dim": "big"}, "embedding_dim", "'big'", ValueError),
        ({"embedding_dim": 2.5}, "embedding_dim", "2.5", TypeError),
        ({"embedding_dim": [4, -2]}, "embedding_dim", "-2", ValueError),
        ({"embedding_dim": [4, 4, 4]}, "embedding_dim", "3", ValueError),
        ({"category_dropout": 1.5}, "category_dropout", "1.5", ValueError),
        ({"category_dropout": -0.5}, "category_dropout", "-0.5", ValueError),
        ({"category_dropout": "0.5"}, "category_dropout", "'0.5'", TypeError),
    ],
)
def test_bad_arguments(arguments, name, value, error):
    """A bad argument is refused with its name and its value."""
    with pytest.raises(error) as info:
        EmbeddingStack(**{"n_num": 1, "cardinalities": [5, 4]} | arguments)
    assert re.search(rf"\b{name}\b", str(info.value))
    assert value in str(info.value)
