"""The picture of a column's embeddings: principal components, and labels to read."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sklearn_dcn.inspection import EmbeddingDisplay

pytestmark = pytest.mark.usefixtures("agg")


# Embeddings ---------------------------------------------------------------------------


def test_map_is_the_principal_components():
    """The oracle: eigenvectors of the covariance, weighted by count."""
    rng = np.random.default_rng(0)
    E, c = rng.normal(size=(30, 5)) * [3, 1, 1, 1, 0.1], rng.gamma(0.5, 10, 30)
    columns = [f"dim_{k}" for k in range(5)]
    table = pd.DataFrame(E, [f"v{i}" for i in range(30)], columns).assign(count=c)
    display = EmbeddingDisplay(table).plot()
    values, vectors = np.linalg.eigh(np.cov(E.T, aweights=c, ddof=0))
    centred = E - np.average(E, axis=0, weights=c)
    for k in range(2):
        expected = centred @ vectors[:, -1 - k]
        sign = np.sign(expected @ display.coordinates_[:, k])
        assert_allclose(display.coordinates_[:, k], sign * expected, atol=1e-9)
    shares = values[::-1][:2] / values.sum()
    assert_allclose(display.explained_variance_ratio_, shares)
    assert f"({100 * shares[0]:.0f} % of" in display.ax_.get_xlabel()
    assert_allclose(display.scatter_.get_offsets(), display.coordinates_)
    areas = display.scatter_.get_sizes()
    assert_allclose(np.diff(areas) / np.diff(c), 400 / c.max())


def test_labels_do_not_overlap():
    """Of a crowd only as many as fit are labelled, the most frequent one for sure."""
    rng = np.random.default_rng(0)
    names = [f"a level {i}" for i in range(100)]
    table = pd.DataFrame(rng.normal(size=(100, 2)), names, ["dim_0", "dim_1"])
    table["count"] = rng.gamma(0.3, 100, 100)
    display = EmbeddingDisplay(table).plot(max_labels=200)
    assert 20 < len(display.labels_) < 100
    assert table["count"].idxmax() in display.labels_
    boxes = [label.get_window_extent() for label in display.labels_.values()]
    assert sum(box.count_overlaps(boxes) for box in boxes) == len(boxes)  # with itself
    shown = {t.get_text() for t in display.ax_.texts}
    assert shown == set(display.labels_)


def test_labels_are_those_of_the_frequent():
    """`max_labels` counts from the most frequent level."""
    table = pd.DataFrame(
        {"dim_0": [0.0, 5.0, 9.0], "dim_1": [0.0, 1.0, 0.0], "count": [1.0, 9.0, 4.0]},
        index=["a", "b", "⟨unknown⟩"],
    )
    display = EmbeddingDisplay(table).plot(max_labels=2)
    assert list(display.labels_) == ["b", "⟨unknown⟩"]
    colours = display.scatter_.get_facecolors()
    assert (colours[0] == colours[1]).all()
    assert (colours[1] != colours[2]).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1)])
def test_map_of_few_levels_or_dimensions(shape):
    """A direction that is not there is 0."""
    columns = [f"dim_{k}" for k in range(shape[1])]
    table = pd.DataFrame(
        np.arange(np.prod(shape)).reshape(shape) ** 2.0, columns=columns
    )
    display = EmbeddingDisplay(table.assign(count=0.0)).plot()
    assert display.coordinates_.shape == (shape[0], 2)
    assert_allclose(display.coordinates_[:, 1], 0.0, atol=1e-12)
    assert np.isfinite(display.explained_variance_ratio_).all()


# With real numbers --------------------------------------------------------------------


def test_embeddings_of_an_estimator(model):
    """Every level has a point, and the column is in the title."""
    display = EmbeddingDisplay.from_estimator(model, "city")
    assert {"Bern", "Oslo", "Rome", "Kyiv"} <= set(display.embeddings.index)
    assert len(display.coordinates_) == 6
    assert display.ax_.get_title() == "Embeddings of city"


def test_the_most_frequent_levels_by_other_names(model):
    """Titles take the place of ids, and the rest is left out."""
    counts = model.embeddings("city")["count"]
    first = counts.nlargest(2).index
    names = {first[0]: "the first"}
    display = EmbeddingDisplay.from_estimator(model, "city", labels=names, top=2)
    assert {*display.embeddings.index} == {"the first", first[1]}
    with pytest.raises(ValueError, match="top must be"):
        EmbeddingDisplay.from_estimator(model, "city", top=0)
