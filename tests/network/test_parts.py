"""Parts of tables are drawn as the whole ones are."""

import pytest
import torch

from sklearn_dcn.network import parts as _parts
from sklearn_dcn.network.embedding import EmbeddingStack
from sklearn_dcn.network.parts import keep_part, table_rows

# A last block of few numbers, of many, and none; several columns in one table; bags.
SIZES = [(65, 4), (64, 4), (67, 1), (3, 4), (1000, 3)]


def make(n_rows, dim, bag=()):
    return EmbeddingStack(
        1, [n_rows, 5], embedding_dim=dim, bag_cardinalities=bag, sparse=True
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n_rows", "dim"), SIZES)
def test_parts_are_those_of_the_whole(n_rows, dim, dtype, monkeypatch):
    monkeypatch.setattr(_parts, "BLOCK", 32)
    whole = make(n_rows, dim, bag=(n_rows,)).to(dtype)
    whole.reset_parameters(torch.Generator().manual_seed(3))
    tables = [*whole.tables, *whole.bag_tables]
    assert table_rows(whole) == [len(table) for table in tables]
    for rank in range(3):
        part = make(n_rows, dim, bag=(n_rows,)).to(dtype)
        keep_part(part, rank, 3)
        part.reset_parameters(torch.Generator().manual_seed(3))
        assert table_rows(part) == table_rows(whole)
        for own, table in zip((*part.tables, *part.bag_tables), tables, strict=True):
            assert torch.equal(own, table[rank::3])
