"""Whether whole numbers are codes of categories: by their name, or by what they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Target", "are_codes"]

# Rows -> a number for each, of which the target's mean by level is taken.
Target = Callable[[NDArray[np.intp]], NDArray[np.float64]]

MIN_REPEAT = 1.5  # rows a code: an id that is new in every row is no category
MIN_CODES = 8  # below, numbers have too few neighbours to tell
MANY_CODES = 150  # above ages, hours and per cents
MIN_ROWS = 200
MIN_FILL = 0.95  # of the range; codes that an encoder gave fill it
MIN_DISORDER = 0.6  # of frequencies; 0: neighbours are alike, 1: no more than any two
MIN_DISORDER_OF_TARGET = 0.5  # of means
MIN_SCORE = 4.0  # standard deviations above chance
N_SAMPLE = 50_000  # rows, but at least so many a code:
N_EACH = 40

# What ends the name of a key, and what is a key by itself or before "id".
KEYS = "id|code|key|uuid|guid|sku|upc|ean|gtin|isbn|asin|zip|zipcode|postcode|plz"
THINGS = (
    "user|item|movie|film|artist|product|article|customer|client|member|store|shop|"
    "seller|merchant|vendor|supplier|publisher|advertiser|brand|category|city|country|"
    "region|district|station|airport|hotel|restaurant|employee|device|account|genre"
)
COUNTS = {"n", "nr", "num", "number", "count", "total", "mean", "avg", "per", "ratio"}
IS_KEY = re.compile(f"(?:({THINGS})?({KEYS})|{THINGS})$")


def are_codes(name: str | int, x: NDArray[np.float64], target: Target | None) -> bool:
    """Tell whether a column of numbers holds codes of categories instead.

    They are whole numbers that repeat, and either the column is named as ids are
    ("user_id", "zipCode"), or they are dense from 0 or 1 on, as an encoder of labels
    gives them, and their order means nothing: neighbours differ in how often they
    occur, and in the target's mean, as much as any two do.

    Parameters
    ----------
    name : str or int
        The column's name or position.
    x : ndarray of shape (n,)
        The numbers, NaN where missing.
    target : callable or None
        Returns a number for each of the given rows.
    """
    head = x[:1000]
    if (head != np.rint(head))[~np.isnan(head)].any():  # tells most columns
        return False
    rows = np.flatnonzero(~np.isnan(x))
    if len(rows) == 0 or (x[rows] != np.rint(x[rows])).any():
        return False
    low, high = float(x[rows].min()), float(x[rows].max())
    if low < -1 or high - low < 2:  # -1 is how encoders spell a missing level
        return False
    if _is_key(name):
        n_distinct = len(np.unique(x[rows]))
        return 2 < n_distinct <= len(rows) / MIN_REPEAT
    size = int(high - low + 1) if high < 2**53 else len(x)
    if low > 1 or size < MIN_CODES or size > len(rows) / MIN_REPEAT:
        return False
    n_sample = max(N_SAMPLE, N_EACH * size, MIN_ROWS)
    if len(rows) > n_sample:
        rows = rows[np.random.default_rng(0).integers(len(rows), size=n_sample)]
    return len(rows) >= MIN_ROWS and _have_no_order(
        (x[rows] - low).astype(np.intp), size, target and target(rows)
    )


def _is_key(name: Any) -> bool:
    """Tell whether a name is that of a key: "user_id", "userId", "userid", "item"."""
    if not isinstance(name, str):
        return False
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    words = re.findall(r"[^\W\d_]+", split)
    return bool(words) and COUNTS.isdisjoint(words) and bool(IS_KEY.match(words[-1]))


def _have_no_order(
    codes: NDArray[np.intp], size: int, y: NDArray[np.float64] | None
) -> bool:
    """Tell whether neighbouring codes are no more alike than any two."""
    counts = np.bincount(codes, minlength=size)
    present = counts > 0
    if present.sum() < max(MIN_CODES, MIN_FILL * size):
        return False
    counts = counts[present]
    # The variance of 2 sqrt(count) is about 1, whatever the count.
    disorder, score = _disorder(2 * np.sqrt(counts), np.ones(len(counts)))
    if disorder < MIN_DISORDER or score < MIN_SCORE:
        return False
    if y is None:
        return size >= MANY_CODES
    means = np.bincount(codes, y, minlength=size)[present] / counts
    squares = np.bincount(codes, y**2, minlength=size)[present] / counts
    within = counts @ (squares - means**2) / max(1, len(codes) - len(counts))
    if within <= 0:
        return size >= MANY_CODES
    disorder, score = _disorder(means, counts / within)
    if score < MIN_SCORE:  # the levels differ by chance alone, or it can't be told
        return size >= MANY_CODES
    return disorder >= MIN_DISORDER_OF_TARGET


def _disorder(
    values: NDArray[np.float64], precision: NDArray[np.float64]
) -> tuple[float, float]:
    r"""Return how unlike neighbours are, and how far all are from equal.

    The first is the excess of :math:`(v_i - v_{i+1})^2` over its noise, relative to
    that of any two values: about 0 where values lie on a curve, 1 where they are in no
    order. The second is the excess of :math:`\chi^2` in standard deviations.
    """
    mean = precision @ values / precision.sum()
    dof = len(values) - 1
    spread = precision @ (values - mean) ** 2 - dof
    weight = precision[1:] * precision[:-1] / (precision[1:] + precision[:-1])
    steps = weight @ np.diff(values) ** 2 - dof
    score = float(spread / np.sqrt(2 * dof))
    variance = spread / (precision.sum() - precision @ precision / precision.sum())
    return float(steps / (2 * variance * weight.sum())) if spread > 0 else 0.0, score
