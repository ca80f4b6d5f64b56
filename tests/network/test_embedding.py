"""Tests of the embedding & stacking layer."""

import re

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.networks import seeded
from helpers.recording import Results
from torch.func import functional_call

from sklearn_dcn.network import EmbeddingStack


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
    """The DCN paper's 6 v^(1/4), rounded up to a multiple of 4, from 4 to 16."""
    with torch.device("meta"):
        stack = EmbeddingStack(0, [cardinality])
    assert stack.embedding_dims == [oracle.embedding_dim(cardinality)]


def test_auto_width_by_hand():
    """6 * 5^(1/4) = 9, 6 * 16^(1/4) = 12, 6 * 17^(1/4) = 12.2, 6 * 100 = 600."""
    with torch.device("meta"):
        stack = EmbeddingStack(0, [4, 5, 16, 17, 10**8])
    assert stack.embedding_dims == [4, 12, 12, 16, 16]


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
# Bags: fields of several ids a row
# ----------------------------------------------------------------------------------


BAG_WIDTHS = [3, 1, 2]  # of one column and two bags

# Lengths of the rows of each bag: empty at the start, in the middle, at the end.
LENGTHS = {
    "mixed": [[0, 3, 1, 0, 2, 0], [1, 0, 0, 4, 1, 2]],
    "one each": [[1] * 6, [1] * 6],
    "empty rows alone": [[0] * 6, [0] * 6],
    "all in one row": [[0, 0, 7, 0, 0, 0], [9, 0, 0, 0, 0, 0]],
}
BAGS = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)


def with_bags(**options):
    """Return a float64 stack of two numbers, a column and two bags."""
    options = {"embedding_dim": BAG_WIDTHS, "bag_cardinalities": [6, 5]} | options
    stack = EmbeddingStack(2, [4], **options).double()
    stack.reset_parameters(seeded(5))
    return stack


def random_bags(lengths, cardinalities=(6, 5), id_dtype=torch.int32):
    """Return x_bag of random ids, repeated ones among them, and signed weights."""
    bags = []
    for i, of_rows in enumerate(lengths):
        n = sum(of_rows)
        generator = seeded(10 + i)
        ids = torch.randint(cardinalities[i], (n,), generator=generator)
        weights = torch.randn(n, dtype=torch.float64, generator=generator)
        offsets = torch.tensor([0, *np.cumsum(of_rows).tolist()])
        bags.append([ids.to(id_dtype), offsets, weights])
    return bags


def random_rows(n=6):
    """Return x_num and x_cat of n rows."""
    x_num = torch.randn(n, 2, dtype=torch.float64, generator=seeded(1))
    return x_num, torch.randint(4, (n, 1), generator=seeded(2))


def pooled(table, bag):
    """Return the weighted sums of embeddings of every row, entry by entry."""
    ids, offsets, weights = (tensor.numpy() for tensor in bag)
    sums = np.zeros((len(offsets) - 1, table.shape[1]))
    for row in range(len(sums)):
        for entry in range(offsets[row], offsets[row + 1]):
            for k in range(table.shape[1]):
                sums[row, k] += weights[entry] * table[ids[entry], k]
    return sums


@BAGS
@pytest.mark.parametrize("id_dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("sparse", [False, True])
def test_bags_equal_oracle(sparse, id_dtype, lengths):
    """A bag is the weighted sum of its embeddings, between columns and numbers."""
    stack = with_bags(sparse=sparse)
    x_num, x_cat = random_rows()
    x_bag = random_bags(lengths, id_dtype=id_dtype)
    x_0 = stack(x_num, x_cat, x_bag).detach().numpy()
    tables = [stack.column_weight(c).detach().numpy() for c in range(3)]
    assert [table.shape for table in tables] == [(4, 3), (6, 1), (5, 2)]
    fields = [tables[0][x_cat[:, 0]]]
    fields += [pooled(table, bag) for table, bag in zip(tables[1:], x_bag, strict=True)]
    fields += [x_num[:, [0]].numpy(), x_num[:, [1]].numpy()]
    for field, where in zip(fields, stack.field_slices, strict=True):
        np.testing.assert_allclose(x_0[:, where], field, rtol=1e-12, atol=1e-14)
    assert (stack.d_embedded, stack.d_out) == (6, 8)
    assert stack.embedding_dims == BAG_WIDTHS


def test_bags_by_hand():
    """1 e_2 + 3 e_0; an empty row; -2 e_1."""
    stack = EmbeddingStack(0, [], embedding_dim=2, bag_cardinalities=[3])
    set_column(stack, 0, [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    bag = [
        torch.tensor([2, 0, 1]),
        torch.tensor([0, 2, 2, 3]),
        torch.tensor([1.0, 3.0, -2.0]),
    ]
    x_0 = stack(x_bag=[bag])
    assert x_0.tolist() == [[6.0, 60.0], [0.0, 0.0], [-4.0, -40.0]]
    assert stack.field_slices == [slice(0, 2)]
    assert (stack.d_embedded, stack.d_out) == (2, 2)


@pytest.mark.parametrize("sparse", [False, True])
def test_empty_bags_are_zeros(sparse):
    """A row without an id is 0, whatever the table; so is a batch without any."""
    stack = with_bags(sparse=sparse)
    x_num, x_cat = random_rows()
    x_bag = random_bags(LENGTHS["empty rows alone"])
    x_0 = stack(x_num, x_cat, x_bag)
    assert not x_0[:, 3:6].any()
    x_0.square().sum().backward()
    for table in stack.bag_tables:
        assert table.grad is None or not table.grad.to_dense().any()


@BAGS
def test_gradients_of_bags(lengths):
    """Gradients by tables, entry weights and numbers equal numeric ones."""
    stack = with_bags()
    x_num, x_cat = random_rows()
    x_bag = random_bags(lengths)
    names = [name for name, _ in stack.named_parameters()]

    def function(x_num, *rest):
        weights, parameters = rest[:2], rest[2:]
        bags = [
            [ids, offsets, weight]
            for (ids, offsets, _), weight in zip(x_bag, weights, strict=True)
        ]
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(stack, parameters, (x_num, x_cat, bags)).sin()

    arguments = [x_num, *(weights for _, _, weights in x_bag)]
    arguments += [p.detach().clone() for p in stack.parameters()]
    assert len(arguments) == 6
    arguments = [tensor.requires_grad_() for tensor in arguments]
    assert torch.autograd.gradcheck(function, arguments)


@BAGS
def test_sparse_gradients_equal_dense_ones(lengths):
    """The rows of a sparse gradient are those of the dense one, repeated ids summed."""
    x_num, x_cat = random_rows()
    gradients = []
    for sparse in (False, True):
        stack = with_bags(sparse=sparse)
        stack(x_num, x_cat, random_bags(lengths)).sin().sum().backward()
        gradients.append([p.grad for p in (*stack.tables, *stack.bag_tables)])
    for dense, sparse in zip(*gradients, strict=True):
        assert not dense.is_sparse
        assert sparse.is_sparse
        torch.testing.assert_close(sparse.to_dense(), dense, rtol=1e-12, atol=1e-14)


def test_auto_widths_of_bags():
    """A bag has the width of a column of as many levels."""
    stack = EmbeddingStack(1, [10], bag_cardinalities=[2, 1000])
    assert stack.embedding_dims == [oracle.embedding_dim(v) for v in (10, 2, 1000)]
    assert [tuple(table.shape) for table in stack.bag_tables] == [(2, 4), (1000, 16)]


def test_bags_have_tables_of_their_own():
    """No write to one field reaches another, not even of equal width."""
    stack = EmbeddingStack(0, [4, 4], embedding_dim=2, bag_cardinalities=[4, 4])
    for c in range(4):
        set_column(stack, c, torch.full((4, 2), float(c)))
    assert [stack.column_weight(c).unique().tolist() for c in range(4)] == [
        [0],
        [1],
        [2],
        [3],
    ]


def test_reset_parameters_draws_bags():
    """A reset draws the tables of bags from the generator as well."""
    stack = with_bags()
    draws = []
    for seed in (3, 4, 3):
        stack.reset_parameters(seeded(seed))
        draws.append([table.detach().clone() for table in stack.bag_tables])
    for first, other, again in zip(*draws, strict=True):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_category_dropout_in_bags():
    """Each level of a row turns unknown by itself; ids 0 and 1, and prediction, not."""
    n, p = 4000, 0.3
    stack = EmbeddingStack(
        0, [], embedding_dim=1, bag_cardinalities=[5], category_dropout=p
    )
    set_column(stack, 0, [[0.0], [1.0], [10.0], [0.0], [100.0]])
    ids = torch.tensor([0, 1, 2, 4]).repeat(n)
    bag = [ids, torch.arange(0, 4 * n + 1, 4), torch.ones(4 * n)]
    x_0 = stack(x_bag=[bag], generator=seeded())[:, 0]
    assert sorted(x_0.unique().tolist()) == [1.0, 11.0, 101.0, 111.0]
    for kept, rate in ((111.0, (1 - p) ** 2), (11.0, p * (1 - p)), (1.0, p**2)):
        share = (x_0 == kept).double().mean().item()
        assert abs(share - rate) < 5 * (rate * (1 - rate) / n) ** 0.5
    assert torch.equal(stack(x_bag=[bag], generator=seeded())[:, 0], x_0)
    assert torch.equal(ids, torch.tensor([0, 1, 2, 4]).repeat(n))  # not in place
    stack.eval()
    assert (stack(x_bag=[bag]) == 111.0).all()


@pytest.mark.parametrize("x_bag", [None, [], [1], [1, 2, 3]], ids=str)
def test_wrong_numbers_of_bags(x_bag):
    """Too few and too many bags are named."""
    x_num, x_cat = random_rows()
    bags = random_bags(LENGTHS["mixed"])
    given = None if x_bag is None else [bags[0] for _ in x_bag]
    got = None if x_bag is None else len(x_bag)
    with pytest.raises(ValueError, match=f"^x_bag must have 2 bags; got {got}"):
        with_bags()(x_num, x_cat, given)


# ----------------------------------------------------------------------------------
# Numbers with embeddings
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "piecewise_linear", "periodic"])
def test_numbers_may_be_embedded(kind):
    """Each number's field is its embedding, behind those of ids and bags."""
    edges = [[-1.0, 0.0, 1.0], [-2.0, 2.0]]
    stack = with_bags(
        numeric_embedding=kind,
        numeric_dim=4,
        bin_edges=edges if kind == "piecewise_linear" else None,
    )
    x_num, x_cat = random_rows()
    x_bag = random_bags(LENGTHS["mixed"])
    x_0 = stack(x_num, x_cat, x_bag)
    plain = with_bags()(x_num, x_cat, x_bag)
    assert stack.d_embedded == 6  # those of ids alone
    assert stack.d_out == 6 + 2 * 4
    assert stack.field_slices[3:] == [slice(6, 10), slice(10, 14)]
    torch.testing.assert_close(x_0[:, :6], plain[:, :6], rtol=0, atol=0)
    assert torch.equal(x_0[:, 6:], stack.numbers(x_num))
    with pytest.raises(ValueError, match="x_num must have 2 columns"):
        stack(x_num[:, :1], x_cat, x_bag)


@pytest.mark.parametrize("kind", ["linear", "piecewise_linear", "periodic"])
def test_the_last_numbers_may_be_plain(kind):
    """They stand as they are, one entry each, behind the embeddings of the others."""
    stack = with_bags(
        numeric_embedding=kind,
        numeric_dim=4,
        bin_edges=[[-1.0, 0.0, 1.0]] if kind == "piecewise_linear" else None,
        n_plain=1,
    )
    x_num, x_cat = random_rows()
    x_0 = stack(x_num, x_cat, random_bags(LENGTHS["mixed"]))
    assert stack.field_slices[3:] == [slice(6, 10), slice(10, 11)]
    assert x_0.shape[1] == stack.d_out == 11
    assert torch.equal(x_0[:, 6:10], stack.numbers(x_num[:, :1]))
    assert torch.equal(x_0[:, 10], x_num[:, 1])


def test_all_numbers_may_be_plain():
    """There is no module of embeddings then, and no edges are asked for."""
    stack = EmbeddingStack(2, [3], numeric_embedding="piecewise_linear", n_plain=2)
    assert stack.numbers is None
    assert stack.field_slices[1:] == EmbeddingStack(2, [3]).field_slices[1:]


def test_numbers_as_they_are():
    """Without an embedding, and without numbers, there is no module for them."""
    assert with_bags().numbers is None
    assert EmbeddingStack(0, [3], numeric_embedding="linear").numbers is None


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"numeric_embedding": "sine"}, "sine"),
        ({"numeric_embedding": "linear", "numeric_dim": 0}, "0"),
        ({"numeric_embedding": "piecewise_linear"}, "bin_edges"),
        ({"n_plain": 3}, "n_plain must be at most n_num=2; got 3"),
        ({"n_plain": -1}, "n_plain"),
        ({"bag_cardinalities": [0]}, "bag_cardinalities"),
        ({"bag_cardinalities": [5], "embedding_dim": [1, 2]}, "3"),
    ],
)
def test_bad_options_of_other_fields(options, name):
    """They are refused with what is wrong."""
    with pytest.raises(ValueError, match=name):
        EmbeddingStack(2, [4, 3], **options)


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


# On other devices ---------------------------------------------------------------------


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


def test_statistics_of_levels_that_became_unknown():
    """A number that is told by a dropped level is that of no level; others stay."""
    told = [(1, [0, 2], -7.0), (2, [1], 9.0), (4, [], 0.0)]
    stack = EmbeddingStack(
        5, [50, 60, 70], 1, category_dropout=0.3, n_plain=5, statistics=told
    )
    with torch.no_grad():  # embeddings that are the ids
        for c, v in enumerate([50, 60, 70]):
            stack.column_weight(c).copy_(torch.arange(float(v))[:, None])
    x_num = torch.randn(400, 5)
    x_cat = torch.randint(2, 50, (400, 3))
    x_0 = stack.train()(x_num, x_cat, generator=torch.Generator().manual_seed(0))
    lost = x_0[:, :3] == 0
    assert 0.2 < lost.float().mean() < 0.4
    expected = x_num.clone()
    expected[lost[:, 0] | lost[:, 2], 1] = -7.0
    expected[lost[:, 1], 2] = 9.0
    assert torch.equal(x_0[:, 3:], expected)
    assert torch.equal(stack.eval()(x_num, x_cat)[:, 3:], x_num)
