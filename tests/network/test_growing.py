"""Tables that grow: old rows keep their place in the network, copies are few."""

import pytest
import torch

from sklearn_dcn.network import EmbeddingStack
from sklearn_dcn.network.growing import grow, laid_out, used_rows

IDS, BAGS = [3, 7, 4], [5]


def make(**options):
    """Return a stack of three columns, two of one width, and a bag."""
    stack = EmbeddingStack(
        2, IDS, [4, 8, 4, 2], bag_cardinalities=BAGS, sparse=False, **options
    )
    stack.reset_parameters(torch.Generator().manual_seed(0))
    return stack.eval()


def batch(n=6):
    """Return rows of ids that are there before any growth."""
    g = torch.Generator().manual_seed(1)
    ids = torch.stack([torch.randint(0, k, (n,), generator=g) for k in IDS], dim=1)
    bag = torch.randint(0, BAGS[0], (n,), generator=g), torch.arange(n + 1)
    return torch.randn(n, 2, generator=g), ids, [(*bag, torch.ones(n))]


@pytest.mark.parametrize("n_members", [None, 2])
def test_old_ids_keep_their_embeddings(n_members):
    stack, rows = make(), batch()
    before = stack(*rows)
    weights = [stack.column_weight(c).clone() for c in range(4)]
    moved = grow(stack, [4, 7, 9], [6])
    assert {id(p) for p in moved} == {id(stack.tables[1]), id(stack.bag_tables[0])}
    assert stack.cardinalities == [4, 7, 9] and stack.bag_cardinalities == [6]
    assert stack.capacities == [6, 7, 14]  # half as many more, where it is laid out
    assert torch.equal(stack(*rows), before)
    for c, (old, n) in enumerate(zip(weights, [4, 7, 9, 6], strict=True)):
        now = stack.column_weight(c)
        assert torch.equal(now[: len(old)], old) and len(now) == n
        assert (now[len(old) :] == 0).all()
    if n_members:
        stack.become_members(1)
        assert torch.equal(stack(*rows)[0], before)


def test_new_ids_are_looked_up():
    stack = make()
    grow(stack, [4, 7, 9], [6])
    with torch.no_grad():
        stack.column_weight(2)[8] = 7.0
        stack.column_weight(3)[5] = 3.0
    x_0 = stack(
        torch.zeros(1, 2),
        torch.tensor([[3, 6, 8]]),
        [(torch.tensor([5]), torch.tensor([0, 1]), torch.ones(1))],
    )
    assert (x_0[0, stack.field_slices[2]] == 7).all()
    assert (x_0[0, stack.field_slices[0]] == 0).all()
    assert (x_0[0, stack.field_slices[3]] == 3).all()


def test_copies_are_few():
    """A thousand ids, one by one: a table is copied some times, not a thousand."""
    stack = make()
    n_copies = [len(grow(stack, [3, 7, n], BAGS)) for n in range(5, 1005)]
    assert 0 < sum(n_copies) < 20
    assert stack.capacities[2] < 1.5 * 1004 + 1


def test_layouts_by_hand():
    rows = torch.tensor([[1.0], [2.0]])
    source = torch.tensor([1, -1, 0])
    assert laid_out(rows, source).tolist() == [[2.0], [0.0], [1.0]]
    stack = make()
    assert used_rows(stack) == {}
    grow(stack, [4, 7, 4], BAGS)
    (p, rows), *more = used_rows(stack).items()
    assert p is stack.tables[1] and not more
    assert rows.tolist() == [0, 1, 2, 3, 6, 7, 8, 9]
    assert stack.place_of(2) == (stack.tables[1], slice(6, 10))
    assert stack.place_of(1) == (stack.tables[0], slice(0, 7))
    assert stack.place_of(3) == (stack.bag_tables[0], slice(BAGS[0]))
