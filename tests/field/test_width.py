"""Wide tables: weights grow linearly with the columns, of whatever kind."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn._estimator.defaults import (
    FULL_MATRIX_UP_TO,
    MAX_RANK,
    MAX_WIDTH,
    resolve_cross,
    resolve_members,
    resolve_widths,
)
from sklearn_dcn._estimator.memory import naming_memory

ONE = {"max_epochs": 1, "random_state": 0}


def wide(kind, n_rows, n_columns):
    """Return a frame of so many columns of a kind."""
    rng = np.random.default_rng(0)
    shape = n_rows, n_columns
    cells = {
        "numbers": lambda: rng.normal(size=shape),
        "float32": lambda: rng.normal(size=shape).astype(np.float32),
        "booleans": lambda: rng.random(shape) < 0.5,
        "categories": lambda: rng.choice(list("abcdefgh"), shape),
        "gaps": lambda: np.where(
            rng.random(shape) < 0.1, np.nan, rng.normal(size=shape)
        ),
    }[kind]()
    return pd.DataFrame(cells, columns=[f"c{j}" for j in range(n_columns)])


def weights(kind, n_columns, **options):
    """Return the number of weights of one network of a fit, and the network."""
    X = wide(kind, 1000, n_columns)
    y = np.arange(1000) % 2
    model = DCNClassifier(**{**ONE, "memorized_crosses": None, **options}).fit(X, y)
    member = model.module_.members[0]
    return sum(p.numel() for p in member.parameters()), model


@pytest.mark.parametrize(
    "kind", ["numbers", "float32", "booleans", "categories", "gaps"]
)
def test_weights_grow_linearly(kind):
    few, _ = weights(kind, 300)
    many, model = weights(kind, 1200)
    assert many < 4.5 * few  # four times the columns
    assert many < 2500 * 1200
    assert model.module_.members[0].cross.kind == "low_rank"
    assert len(model.module_.members) <= 4


def test_no_cliff_at_a_thousand_rows():
    """Of 400 numbers: what adapts from there on takes no many times the weights."""
    found = {}
    for n in (999, 1000):
        X = wide("numbers", n, 400)
        model = DCNClassifier(**ONE).fit(X, np.arange(n) % 2)
        found[n] = sum(p.numel() for p in model.module_.parameters())
    assert found[1000] < 2 * found[999]


def test_narrow_tables_notice_nothing():
    """Up to the limits a network is what it was: widths of the paper, full matrices."""
    _, model = weights("categories", 40)
    stack = model.module_.members[0].embedding
    assert stack.d_out == 40 * 12 <= FULL_MATRIX_UP_TO
    assert model.module_.members[0].cross.kind == "matrix"
    given = {"cross": "matrix", "embedding_dim": 12}
    _, same = weights("categories", 40, **given)
    X = wide("categories", 50, 40)
    assert_array_equal(model.predict_proba(X), same.predict_proba(X))


def test_shares_by_hand():
    assert resolve_widths([16, 4], 10, 3) == ([16, 4], 8)
    # 100 * 16 + 100 * 8 + 160 = 2,560 is 2.5 times the room.
    assert resolve_widths([16] * 100, 100, 160) == ([6] * 100, 3)
    dims, _ = resolve_widths([12] * 2000, 0, 0)
    assert set(dims) == {2}
    assert resolve_widths([], 5000, 0) == ([], 0)  # as they are
    assert sum(resolve_widths([12] * 300, 0, 0)[0]) <= MAX_WIDTH


@pytest.mark.parametrize(
    ("cross", "rank", "width", "expected"),
    [
        ("auto", "auto", 512, ("matrix", "auto")),
        ("auto", "auto", 513, ("low_rank", 128)),
        ("auto", 7, 4000, ("low_rank", 7)),
        ("auto", "auto", 4000, ("low_rank", MAX_RANK)),
        ("low_rank", "auto", 40, ("low_rank", 10)),
        ("low_rank", "auto", 1, ("low_rank", 1)),
        ("matrix", "auto", 9999, ("matrix", "auto")),
        ("mixture", "auto", 9999, ("mixture", "auto")),
    ],
)
def test_cross_layers_by_hand(cross, rank, width, expected):
    assert resolve_cross(cross, rank, width) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1, 8), (512, 8), (600, 6), (1024, 4), (4096, 2), (10**6, 2)],
)
def test_networks_share_a_width(width, expected):
    assert resolve_members("auto", True, 1000, False, width) == expected
    assert resolve_members(8, True, 1000, False, width) == 8
    assert resolve_members("auto", False, 1000, False, width) == 1


def test_what_is_asked_for_is_done():
    _, model = weights("numbers", 300, cross="matrix", n_members=1, embedding_dim=8)
    member = model.module_.members[0]
    assert member.cross.kind == "matrix"
    assert member.embedding.d_out == 2400
    asked = {"numeric_embedding": "linear", "cross": "vector"}
    _, model = weights("numbers", 1500, **asked)
    numbers = model.module_.members[0].embedding.numbers
    assert numbers.d_out >= 2 * 1500


@pytest.mark.parametrize("kind", ["numbers", "booleans"])
def test_wide_models_are_saved(kind, tmp_path):
    X = wide(kind, 1000, 200)
    model = DCNRegressor(**ONE).fit(X, np.arange(1000.0))
    model.save(tmp_path / "wide.dcn")
    again = load(tmp_path / "wide.dcn")
    assert_array_equal(again.predict(X), model.predict(X))


def test_memory_error_names_what_helps():
    with pytest.raises(MemoryError) as caught, naming_memory(DCNClassifier()):
        raise MemoryError("12 GB")
    for name in ("cross='low_rank'", "numeric_embedding=None", "n_members=1"):
        assert name in str(caught.value)
    assert "cross='auto'" in str(caught.value)  # what it is now
