"""The fields of a table are those of its network: ids, widths, curves and levels."""

import copy

import numpy as np
import pandas as pd
import pytest
from category_encoders import CountEncoder, TargetEncoder
from helpers.draws import rng
from helpers.numbers import spiked
from helpers.tables import make_mixed
from scipy import sparse

from sklearn_dcn import DCNClassifier, DCNRegressor

# Width in x_0 -------------------------------------------------------------------------


@pytest.mark.parametrize("numeric_embedding", [None, "linear", "piecewise_linear"])
def test_width_of_the_network(tiny, numeric_embedding):
    """Widths are those of the embedding, and add up to that of x_0."""
    X, y = make_mixed()
    X["tags"] = [["a", "b"], ["a"]] * 150
    dims = {"city": 3, "device": 5, "is_new": 2, "tags": 7}
    tiny |= {"embedding_dim": dims, "numeric_embedding": numeric_embedding}
    model = DCNClassifier(**tiny).fit(X, y)
    embedding = model.module_.embedding
    d = 1 if numeric_embedding is None else 8  # the default of the network
    widths = {row.column: row.width for row in model.encoder_.schema()}
    assert widths == dims | {"price": d + 1, "visits": d}  # and its indicator
    assert sum(widths.values()) == embedding.d_out
    first = str(model.encoder_).splitlines()[0]
    assert first.endswith(f", {model.encoder_.n_ids} ids, x_0 of width {18 + 2 * d}")


def test_width_of_a_sparse_block(tiny):
    X = sparse.random(40, 30, 0.2, format="csr", random_state=0)
    model = DCNRegressor(**tiny).fit(X, np.arange(40.0))
    assert model.encoder_.schema()[0].width == model.module_.embedding.d_out


def test_width_follows_the_fit(tiny):
    """An encoder that is fitted again has no network until it gets one."""
    X, y = make_mixed()
    model = DCNClassifier(**tiny).fit(X, y)
    before = model.encoder_.schema()
    model.partial_fit(X, y)
    assert model.encoder_.schema() == before
    encoder = copy.deepcopy(model.encoder_)
    encoder.fit_transform(X[["city"]], ["city"], np.ones(len(X)))
    assert encoder.schema()[0].width is None
    assert model.encoder_.schema() == before


def test_statistics(tiny):
    """What a category_encoder makes of columns stands at the end."""
    X, y = make_mixed()
    encoder = CountEncoder(cols=["device"])
    model = DCNClassifier(category_encoder=encoder, **tiny).fit(X, y)
    *columns, statistic = model.encoder_.schema()
    assert [row.column for row in columns] == list(X)
    low, high = sorted(X["device"].value_counts())
    assert statistic == (
        *("CountEncoder(device)", "statistic", ("quantile",)),
        *(None, 0.0, None, 1, f"2 whole numbers, {low} to {high}"),
    )
    width = model.module_.embedding.d_out
    assert sum(row.width for row in model.encoder_.schema()) == width
    assert str(model.encoder_).splitlines()[0] == (
        "TableEncoder: 5 columns (3 categories, 2 numbers), 1 statistic, 14 ids, "
        f"x_0 of width {width}"
    )


# Fields of numbers --------------------------------------------------------------------


def test_fields_of_an_estimator_fit_its_network():
    X, y = spiked(2500)
    options = {"max_epochs": 1, "early_stopping": True, "random_state": 0}
    options |= {"numeric_levels": 256, "memorized_crosses": None}
    model = DCNClassifier(**options).fit(X, y)
    encoder, embedding = model.encoder_, model.module_.members[1].embedding
    assert [*encoder.values] == [0]
    assert encoder.cardinalities == [2 + 100]
    assert encoder.field_names == ["0 as a level", "0", "1"]
    assert len(embedding.field_slices) == 3
    width = [part.stop - part.start for part in embedding.field_slices]
    assert [row.width for row in encoder.schema()] == [width[0] + width[1], width[2]]
    assert [row.levels for row in encoder.schema()] == [100, None]
    assert len(embedding.column_weight(0)) == encoder.cardinalities[0]
    # Those that validate are counted as well.
    assert encoder.values[0].counts.sum() == 2500


def test_what_goes_with_a_number_is_no_curve():
    """Numbers of the table have curves; statistics, crosses, indicators are plain."""
    draw = rng()
    X = pd.DataFrame({"n": draw.normal(size=300), "m": draw.normal(size=300)})
    X["s"], X["t"] = draw.choice(list("abc"), 300), draw.choice(list("xyz"), 300)
    X.loc[:9, "n"] = np.nan
    model = DCNClassifier(
        numeric_embedding="piecewise_linear",
        category_encoder=TargetEncoder(),
        memorized_crosses=[("s", "t")],
        max_epochs=1,
    ).fit(X, (X["s"] == "a") ^ (X["t"] == "x"))
    slices = model.module_.embedding.field_slices
    width = {
        name: field.stop - field.start
        for name, field in zip(model.encoder_.field_names, slices, strict=True)
    }
    numbers = {name: width.pop(name) for name in ("n", "m")}
    assert set(numbers.values()) == {8}
    del width["s"], width["t"]
    assert "n is missing" in width and "s x t" in width and len(width) == 4
    assert set(width.values()) == {1}
