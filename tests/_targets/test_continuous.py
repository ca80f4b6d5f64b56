"""Numbers as a target: standardised and back, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.draws import rng
from scipy.optimize import minimize_scalar

from sklearn_dcn._targets.continuous import ContinuousTarget

# ----------------------------------------------------------------------------------
# Where the output starts
# ----------------------------------------------------------------------------------


def test_initial_output_of_a_regressor():
    """It starts at the weighted mean, 0 after standardising with the same weights."""
    y = rng(13).normal(50, 3, (30, 2))
    weight = rng(14).random(30)
    target = ContinuousTarget(y, weight)
    np.testing.assert_allclose(
        target.initial_logits(target.encode(y), weight), [0, 0], atol=1e-13
    )


# ----------------------------------------------------------------------------------
# Numbers
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)])
def test_numbers_round_trip(shape):
    """Predictions of the encoded target are the target, in units and shape."""
    y = rng(15).normal(-7, 1e5, shape)
    target = ContinuousTarget(y, np.ones(40))
    z = target.encode(y)
    assert z.shape == (40, target.d_out)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)
    back = target.predictions(z)
    assert back.shape == shape
    np.testing.assert_allclose(back, y, rtol=1e-12, atol=1e-9)


def test_weights_equal_repeated_rows():
    """Mean and scale of weighted rows are those of repeated ones."""
    y = rng(16).normal(3, 2, (20, 2))
    weight = rng(17).integers(0, 4, 20)
    weighted = ContinuousTarget(y, weight.astype(float))
    rows = np.repeat(y, weight, axis=0)
    np.testing.assert_allclose(
        weighted.encode(y), (y - rows.mean(axis=0)) / rows.std(axis=0), rtol=1e-12
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e100])
def test_constant_outputs(value):
    """A constant output becomes 0 and comes back as itself, beside one that is not."""
    y = np.column_stack([np.full(30, value), np.arange(30.0)])
    target = ContinuousTarget(y, rng(18).random(30))
    z = target.encode(y)
    assert np.abs(z[:, 0]).max() <= 1e-9 * max(abs(value), 1)
    assert z[:, 1].std() > 0.5
    np.testing.assert_allclose(target.predictions(z), y, rtol=1e-14)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_units_of_robust_losses(loss):
    """By the median and quartiles: of normal numbers nearly mean and deviation."""
    y = rng(19).normal(100, 7, 20_001)
    target = ContinuousTarget(y, np.ones(len(y)), loss)
    assert target.center[0] == np.median(y)
    quartiles = np.quantile(y, [0.25, 0.75], method="inverted_cdf")
    np.testing.assert_allclose(target.scale, np.diff(quartiles) / 1.349)
    np.testing.assert_allclose(target.scale, 7, rtol=0.02)
    y[:200] = 1e6  # one in a hundred
    outlying = ContinuousTarget(y, np.ones(len(y)), loss)
    np.testing.assert_allclose(outlying.center, 100, atol=1)
    assert np.abs(outlying.columns(y)[""]).max() == 5.0


def test_robust_scale_of_numbers_that_are_mostly_one():
    """Where the quartiles are equal it is by the mean distance, and never 0."""
    y = np.append(np.zeros(90), np.arange(1.0, 11.0))
    target = ContinuousTarget(y, np.ones(100), "absolute_error")
    assert target.center == 0
    np.testing.assert_allclose(target.scale, y.mean() / 7.98)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_initial_output_has_the_least_loss(loss):
    """As a search finds it, of the encoded target with its weights."""
    y, weight = rng(20).gamma(1.0, 3.0, 101), rng(21).random(101)
    target = ContinuousTarget(y, weight, loss, huber_delta=0.5)
    z = target.encode(y)

    def mean_loss(c):
        rows = torch.full((101, 1), float(c), dtype=torch.float64)
        batch = {"y": torch.from_numpy(z), "weight": torch.from_numpy(weight)}
        return float(target.criterion(rows, batch))

    start = mean_loss(target.initial_logits(z, weight)[0])
    assert start <= minimize_scalar(mean_loss, (-1, 1)).fun * (1 + 1e-9)


def test_offset_is_taken_off_and_comes_back():
    """What is learned is y less the offset; predictions have it again."""
    y, offset = rng(22).normal(3, 2, 50), rng(23).normal(0, 100, 50)
    both = np.column_stack([y + offset, offset])
    target = ContinuousTarget(both, np.ones(50), has_offset=True)
    plain = ContinuousTarget(y, np.ones(50))
    z = target.encode(both)
    np.testing.assert_allclose(z[:, :1], plain.encode(y), atol=1e-12)
    np.testing.assert_allclose(target.decode(z), y + offset, rtol=1e-12)
    logits = target.shifted(z[:, :1], target.shift(both[:, 1:]))
    np.testing.assert_allclose(target.predictions(logits), y + offset, rtol=1e-12)
    np.testing.assert_allclose(z[:, 1:], target.shift(both[:, 1:]))


def test_other_number_of_outputs():
    """A validation target with other outputs is named."""
    target = ContinuousTarget(np.ones((4, 2)), np.ones(4))
    with pytest.raises(ValueError, match=r"^y_val must have 2 output\(s\).*got 1"):
        target.encode(np.ones(4), name="y_val")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([1.0, np.nan], ValueError, "Input y contains NaN"),
        ([1.0, None], ValueError, "Input y contains NaN"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "Input y contains NaN"),
        ([1.0, -np.inf], ValueError, "Input y contains infinity"),
        (["a", "b"], ValueError, "could not convert string to float: .*'a'"),
        ([], ValueError, r"0 sample\(s\)"),
        (np.ones((2, 2, 2)), ValueError, "Found array with dim 3"),
        (np.array([1j, 2j]), ValueError, "Complex data not supported"),
        ([{}, {}], TypeError, "must be a string or a real number"),
    ],
    ids=repr,
)
def test_no_numbers(y, error, message):
    """What is no table of finite numbers is an error."""
    with pytest.raises(error, match=message):
        ContinuousTarget.check(y)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        np.array([1, 2], dtype=object),
        pd.Series([1, 2], dtype="Int64"),
        [True, 2],
    ],
    ids=repr,
)
def test_numbers_of_any_type(y):
    """Numbers of any dtype become floats."""
    checked = ContinuousTarget.check(y)
    assert checked.dtype == np.float64
    assert checked.tolist() == [1.0, 2.0]
