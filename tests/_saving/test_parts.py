"""Arrays of the encoding and the network that do not fit are refused."""

import numpy as np
import pytest
from helpers.saved_files import change, edit, with_first

from sklearn_dcn import LoadError, load


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("head.weight", with_first(np.nan)),
        ("head.weight", with_first(np.inf)),
        ("head.weight", lambda a: a[:, :-1]),
        ("head.weight", lambda a: a.T),
        ("head.weight", lambda a: a.astype(np.float32)),
        ("head.weight", lambda a: a.astype(np.int64)),
        ("head.weight", lambda a: None),
        ("head.bias", lambda a: a[:0]),
        ("tables.0", lambda a: a[:-1]),
        ("bag_tables.0", lambda a: np.vstack([a, a])),
        ("numbers.edges", with_first(-np.inf)),
        (".knots", lambda a: a[::-1]),
        (".knots", lambda a: a[:1]),
        (".quantiles", lambda a: np.arange(1e5)),
        (".counts", lambda a: a[:-1]),
        (".lengths", with_first(-1)),
        (".lengths", with_first(2**62)),
        (".data", with_first(255)),
        (".data", lambda a: a.astype(np.int8)),
        ("_class_weights", lambda a: a[:1]),
        ("_rng", lambda a: a[:-1]),
        ("_rng", lambda a: a.astype(np.int64)),
        ("crosses.keys", lambda a: a[::-1]),
        ("crosses.values", lambda a: a[:-1]),
        ("crosses.default", lambda a: np.repeat(a, 2)),
        ("crosses.counts", lambda a: np.ones(len(a) + 1)),
        ("first_rows.keys", lambda a: a[:-1]),
        ("first_rows.keys", lambda a: a.astype(np.int64)),
        ("first_rows.numbers", lambda a: np.hstack([a] * 9)),
        ("first_rows.numbers", lambda a: a[:, :0]),
        ("initial_logits", lambda a: np.repeat(a, 2)),
        ("classes_", lambda a: a + 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_do_not_fit(name, function, path):
    change(path, arrays=edit(name, function))
    with pytest.raises(LoadError, match="not what save"):
        load(path)
