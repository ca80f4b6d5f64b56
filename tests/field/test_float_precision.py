"""A float is the same level in single and in double precision."""

import category_encoders as ce
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table import HashedLevels, NumberLevels, Vocabulary
from sklearn_dcn.preprocessing import CategoryEncoder

N = 300
rng = np.random.default_rng(0)
V = rng.choice([0.1, 0.2, 0.7, 1 / 3, 2.5, 4.0, 1e-9 / 3, 12345.678], N)
Y = (np.isin(V, [0.1, 1 / 3, 4.0]) ^ (rng.random(N) < 0.1)).astype(int)
FRAMES = {
    "pandas": lambda v: pd.DataFrame({"v": v}),
    "objects": lambda v: pd.DataFrame({"v": pd.Series(v, dtype=object)}),
    "pandas arrow": lambda v: pd.DataFrame(
        {"v": pd.Series(v, dtype=pd.ArrowDtype(pa.from_numpy_dtype(v.dtype)))}
    ),
    "polars": lambda v: pl.DataFrame({"v": v}),
    "arrow": lambda v: pa.table({"v": v}),
    "numpy": lambda v: v[:, None],
}
OPTIONS = {
    "category": {"categorical_features": [0]},
    "hash": {"categorical_features": [0], "hashing": {0: 40}},
    "number": {"numeric_levels": 20},
    "memorised": {"categorical_features": [0], "memorized_crosses": [(0, 0)]},
    "target encoder": {
        "categorical_features": [0],
        "category_encoder": ce.TargetEncoder(),
    },
    "ordinal": {"categorical_features": [0], "category_encoder": ce.OrdinalEncoder()},
}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("in_fit", [np.float32, np.float64])
def test_same_predictions(in_fit, kind, tiny):
    """Whatever the precision in fit and in predict, and the table; short ones too."""
    later = {np.float32: np.float64, np.float64: np.float32}[in_fit]
    for name, make in FRAMES.items():
        model = DCNClassifier(**tiny, **OPTIONS[kind])
        expected = model.fit(make(V.astype(in_fit)), Y).predict_proba(
            make(V.astype(in_fit))
        )
        assert np.ptp(expected[:, 0]) > 0.01
        found = model.predict_proba(make(V.astype(later)))
        assert_allclose(found, expected, atol=1e-6)
        short = model.predict_proba(make(V[:9].astype(later)))
        assert_allclose(short, expected[:9], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("text", ["0.1", "0.10000000149011612"])
@pytest.mark.parametrize("in_fit", [np.float32, np.float64])
def test_by_way_of_json(in_fit, text):
    """However it was written there."""
    encoder = CategoryEncoder().fit(np.array([[0.1], [0.1], [0.3]], dtype=in_fit))
    assert encoder.transform([[float(text)]]).tolist() == [[2]]


def test_what_differs_stays_apart():
    """Whole numbers beyond 2**24, and neighbours in double precision."""
    known = [16_777_216.0, 0.1, 0.3 + 1e-12, 0.375]
    vocabulary = Vocabulary(known)
    assert vocabulary.find(known).tolist() == [0, 1, 2, 3]
    others = [16_777_217.0, 16_777_217, 0.1 + 1e-12, 0.3, 0.3751, np.inf, 1e300, "0.1"]
    assert set(vocabulary.find(others).tolist()) == {-1}
    x = np.repeat(known, 5)
    levels = NumberLevels(10).fit(x, np.ones(20))
    assert_array_equal(np.unique(levels.ids(x)), [2, 3, 4, 5])
    numbers = np.array([v for v in others if not isinstance(v, str)])
    assert (levels.ids(numbers[np.isfinite(numbers)]) == 0).all()
    assert levels.ids(np.array([np.nan, np.float32(0.1), 2.0**60])).tolist()[0] == 1


def test_both_precisions_in_one_table():
    """What is known exactly is that, where both occur in fit."""
    both = np.array([[0.1], [float(np.float32(0.1))], [0.5]])
    encoder = CategoryEncoder().fit(both)
    ids = encoder.transform(both)[:, 0]
    assert len(set(ids.tolist())) == 3
    assert encoder.transform(both.astype(np.float32))[0] == ids[1]


def test_buckets_of_older_files():
    """Floats that were hashed in the precision they had stay in their bucket."""
    new, old = HashedLevels("c", 1000), HashedLevels("c", 1000)
    del old.singles  # as a file or pickle of before
    cells = [float(np.float32(0.1)), 0.1, 7.0, 0.25, "a"]
    assert new.find(cells)[0] == new.find(cells)[1] == old.find(cells)[1]
    assert old.find(cells)[0] != old.find(cells)[1]
    assert_array_equal(new.find(cells)[1:], old.find(cells)[1:])
