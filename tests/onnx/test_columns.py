"""Raw columns of a graph: levels of every type, hashed ones, and those refused."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from helpers.graphs import check

from sklearn_dcn import DCNClassifier
from sklearn_dcn.onnx import export, make_inputs

# Categories ---------------------------------------------------------------------------


def test_levels_of_every_type(small):
    """Also texts that are easily mangled, rare levels, and 1, 1.0 and True as one."""
    rng = np.random.default_rng(0)
    n = 400
    texts = ["", " ", "a", "A", "a ", "1", "1:a", "日本", "é", "e\u0301", "a\nb"]
    X = pd.DataFrame(
        {
            "text": rng.choice(texts, n),
            "whole": rng.choice([-5, 0, 1, 2**53 - 1], n),
            "fraction": rng.choice([0.1, 0.5, 7.0, np.nan], n),
            "flag": rng.random(n) < 0.5,
            "maybe": pd.Series(rng.choice([True, False, None], n), dtype=object),
            "empty": pd.Series([None] * n, dtype=object),
            "one": ["same"] * n,
            "rare": rng.choice(["x", "y", *map(str, range(200))], n),
        }
    )
    small |= {"categorical_features": [*X], "min_frequency": 3, "memorized_crosses": 5}
    y = (X["flag"] ^ (X["text"] == "a")).astype(int)
    model = DCNClassifier(**small).fit(X, y)
    new = X.assign(
        text=[None, "x"] * (n // 2),
        whole=np.where(rng.random(n) < 0.5, X["whole"], 2),
        fraction=np.where(rng.random(n) < 0.5, X["fraction"], 0.1 + 1e-12),
    )
    for layout in ("columns", "matrix"):
        check(model, X, missing_text="?", inputs=layout)
        check(model, new, missing_text="?", inputs=layout)


def test_columns_without_a_known_level(tiny, mixed):
    X, y = mixed
    X = X.assign(number=np.arange(300), text=[f"id {i}" for i in range(300)])
    model = DCNClassifier(
        categorical_features=["number", "text"], min_frequency=2, **tiny
    ).fit(X.drop(columns=["city", "device"]), y)
    assert [levels.n_ids for levels in model.encoder_.categories.values()] == [2, 2]
    new = X.drop(columns=["city", "device"]).astype({"number": object})
    new.loc[:9, ["number", "text"]] = None
    check(model, new)


@pytest.mark.parametrize("missing_text", ["", "NULL"])
def test_hashed_columns(missing_text, small, mixed):
    X, y = mixed
    X = X.assign(user=np.arange(len(X)) % 70, path=[f"/é/{i % 90}" for i in range(300)])
    X.loc[:5, "path"] = None
    small |= {"hashing": {"user": 16, "path": 32}}
    small |= {"categorical_features": ["user", "path", "city", "device", "is_new"]}
    model = DCNClassifier(**small).fit(X, y)
    check(model, X.assign(user=X["user"] + 40, path="new"), missing_text=missing_text)
    check(model, X, missing_text=missing_text)


# What cannot be exported --------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (["a", 1], "'c' has levels of the types number and string"),
        ([b"a", b"b"], "'c' has levels of the types bytes"),
        ([2**53 + 1, 1], "'c' has the level 9007199254740993"),
        (["\ud800", "a"], r"'c' has the level '\\ud800', which is no valid Unicode"),
        (["", "a"], "missing_text must not be a level; '' is one of Column 'c'"),
    ],
)
def test_levels_that_are_no_input(cells, match, tiny, mixed):
    _, y = mixed
    X = pd.DataFrame({"c": pd.Series(cells * 150, dtype=object)})
    model = DCNClassifier(categorical_features=["c"], **tiny).fit(X, y)
    with pytest.raises(ValueError, match=match):
        export(model)


@pytest.mark.parametrize("layout", ["columns", "matrix"])
def test_missing_cells_as_a_runtime_spells_them(layout, small):
    """NaN, None and NA in an array of objects are missing; levels of such names not."""
    n = 60
    cells = np.resize(np.array(["a", "b", None, "NaT"], dtype=object), n)
    X = pd.DataFrame({"c": cells, "x": np.linspace(0, 1, n)})
    model = DCNClassifier(**small).fit(X, np.arange(n) % 2)
    graph = export(model, inputs=layout)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    rows = np.array([None, np.nan, pd.NA, "", "NaT", "None", "a"], dtype=object)
    held = {"c": "categories", "x": "numbers"} if layout == "matrix" else {}
    inputs = {
        held.get("c", "c"): rows[:, None],
        held.get("x", "x"): np.full((7, 1), 0.5),
    }
    p = session.run(["probabilities"], inputs)[0]
    cells = [None, None, None, None, "NaT", None, "a"]
    expected = model.predict_proba(pd.DataFrame({"c": cells, "x": 0.5}))
    np.testing.assert_allclose(p, expected, atol=1e-6)
    # A cell that is such a text, and no level, is an unknown one, as for the model.
    told = pd.DataFrame({"c": ["None", "nan", "NaT"], "x": 0.5})
    p = session.run(["probabilities"], make_inputs(session, told))[0]
    np.testing.assert_allclose(p, model.predict_proba(told), atol=1e-6)
    assert abs(p[0] - expected[0]).max() > 1e-4
