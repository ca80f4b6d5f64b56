"""Categories -> ids and back, as a step."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import make_mixed
from sklearn.preprocessing import OrdinalEncoder

from sklearn_dcn.preprocessing import CategoryEncoder

UNKNOWN, MISSING, FIRST = 0, 1, 2


def test_encoder_hand_worked():
    X = pd.DataFrame({"a": ["x", "y", "y", None], "b": [10, 10, 30, 20]})
    encoder = CategoryEncoder().fit(X)
    ids = encoder.transform(X)
    assert ids.dtype == np.int32
    # Most frequent first, ties by value.
    assert ids.tolist() == [[3, 2], [2, 2], [2, 4], [MISSING, 3]]
    assert encoder.n_ids_ == [4, 5]
    assert encoder.categories_ == [["y", "x"], [10, 20, 30]]
    new = pd.DataFrame({"a": ["z", "x"], "b": [11, 30]})
    assert encoder.transform(new).tolist() == [[UNKNOWN, UNKNOWN], [3, 4]]


def test_encoder_groups_as_ordinal_encoder():
    """The ids are those of scikit-learn's encoder up to their order."""
    X, _ = make_mixed(500)
    X = X[["city", "device"]].astype(object).where(X[["city", "device"]].notna(), None)
    ours = CategoryEncoder().fit_transform(X)
    theirs = OrdinalEncoder(encoded_missing_value=-1).fit_transform(X)
    for j in range(2):
        pairs = {(a, b) for a, b in zip(ours[:, j], theirs[:, j], strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_encoder_round_trip():
    X, _ = make_mixed(200)
    encoder = CategoryEncoder(min_frequency=30).fit(X[["city", "is_new"]])
    ids = encoder.transform(X[["city", "is_new"]])
    assert {UNKNOWN, MISSING} < set(ids[:, 0].tolist())
    levels = encoder.inverse_transform(ids)
    frame = pd.DataFrame(levels, columns=["city", "is_new"])
    assert (encoder.transform(frame) == ids).all()
    known = ids[:, 0] >= FIRST
    assert levels[known, 0].tolist() == X["city"][known].tolist()
    assert set(levels[ids[:, 0] == MISSING, 0]) == {None}
    assert set(levels[ids[:, 0] == UNKNOWN, 0]) == {"⟨unknown⟩"}


def test_encoder_weights_equal_repeated_rows():
    X = np.array([["a"], ["b"], ["c"]], dtype=object)
    weighted = CategoryEncoder(min_frequency=2).fit(X, sample_weight=[1, 3, 2])
    repeated = CategoryEncoder(min_frequency=2).fit(np.repeat(X, [1, 3, 2], axis=0))
    assert weighted.categories_ == repeated.categories_ == [["b", "c"]]


def test_encoder_hashing():
    X = pd.DataFrame({"id": [f"u{i}" for i in range(100)], "c": ["a", "b"] * 50})
    encoder = CategoryEncoder(hashing={"id": 8}).fit(X)
    assert encoder.n_ids_ == [10, 4]
    ids = encoder.transform(X.assign(id=[f"new{i}" for i in range(100)]))[:, 0]
    assert set(ids.tolist()) == set(range(2, 10))
    with pytest.raises(ValueError, match=r"^Column 'id' is hashed.*Leave it out"):
        encoder.inverse_transform(encoder.transform(X))


@pytest.mark.parametrize(
    ("ids", "message"),
    [([[9, 2]], "'a' has ids in \\[0, 3\\]; got 9"), ([[1]], "must have 2 columns")],
)
def test_encoder_wrong_ids(ids, message):
    X = pd.DataFrame({"a": ["x", "y"], "b": ["x", "y"]})
    with pytest.raises(ValueError, match=message):
        CategoryEncoder().fit(X).inverse_transform(ids)
