"""The rule of the parameter that names columns of text, and their options."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from .._checks import check_count, check_option
from .._table import ANALYZERS

__all__ = ["text_features"]


def text_features(name: str, value: Any) -> None:
    if isinstance(value, str):
        raise ValueError(
            f"{name} must be None, a list of column names, positions or booleans, or a "
            f"dict of columns to options; got {value!r}. Put it in a list."
        )
    if isinstance(value, dict):
        for column, options in value.items():
            _text_options(f"{name}[{column!r}]", {} if options is None else options)


def _text_options(name: str, options: Any) -> None:
    known = ("analyzer", "ngram_range", "n_features")
    if not isinstance(options, dict) or not {*options} <= {*known}:
        raise ValueError(
            f"{name} must be None or a dict of some of {', '.join(map(repr, known))}; "
            f"got {options!r}."
        )
    check_option(f"{name}['analyzer']", options.get("analyzer"), (None, *ANALYZERS))
    if "n_features" in options:
        check_count(f"{name}['n_features']", options["n_features"], minimum=2)
    lengths = options.get("ngram_range")
    if lengths is None:
        return
    are_counts = (
        isinstance(lengths, (list, tuple))
        and len(lengths) == 2
        and all(isinstance(n, Integral) and not isinstance(n, bool) for n in lengths)
    )
    if not are_counts or not 1 <= lengths[0] <= lengths[1]:
        raise ValueError(
            f"{name}['ngram_range'] must be the shortest and longest n-grams, e.g. "
            f"(1, 2); got {lengths!r}."
        )
    if options.get("analyzer") is None:
        raise ValueError(
            f"{name}['ngram_range'] needs one analyzer, but None has two of them. Set "
            f"{name}['analyzer'] too, to one of {', '.join(map(repr, ANALYZERS))}."
        )
