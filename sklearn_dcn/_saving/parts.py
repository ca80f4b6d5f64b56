"""What a file may hold: the classes of the encoding, and the rules of their fields.

The list is closed. A field that is not as its rule says, or that does not fit the
others, is an error of loading: so that nothing later reads outside of an array, or
takes more room than the file did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._files import Check, Stored
from .._ids import N_RESERVED_IDS, UNKNOWN_ID
from .._table import (
    ANALYZERS,
    DATE_PARTS,
    ENCODING,
    N_BINS,
    NUMERIC_TRANSFORMS,
    POOLINGS,
    CategoryLevels,
    CrossStatistics,
    CrossTotals,
    DateColumn,
    FirstRows,
    HashedLevels,
    ListLevels,
    NewLevels,
    NumberLevels,
    NumberScaler,
    RecentNumbers,
    Seen,
    SparseBlock,
    TableEncoder,
    TextBuckets,
    TextLevels,
    VectorScaler,
    Vocabulary,
)
from .fits import crosses_fit, encoder_fits
from .rules import (
    a,
    array,
    each,
    is_floats,
    is_name,
    is_plain,
    mapping,
    none,
    number,
    one_of,
    optional,
    rises,
    whole,
)
from .targets import TARGETS

__all__ = ["PARTS", "is_levels", "is_scaler"]


FAMILIES = ("string", "bytes", "bool", "number", None)
is_levels = a(CategoryLevels, HashedLevels)
is_scaler = a(NumberScaler)


def _vocabulary_fits(vocabulary: Vocabulary) -> bool:
    return (vocabulary.first, vocabulary.unknown) == (N_RESERVED_IDS, UNKNOWN_ID)


def _levels_fit(levels: CategoryLevels | HashedLevels) -> bool:
    return len(levels.counts) == levels.n_ids


def _is_gram(gram: Any) -> bool:
    return (
        type(gram) is tuple
        and len(gram) == 3
        and gram[0] in ANALYZERS
        and all(map(whole(1), gram[1:]))
        and gram[1] <= gram[2]
    )


def _vectors_fit(vectors: VectorScaler) -> bool:
    return (
        len(vectors.center) == len(vectors.scale) == vectors.drawn.shape[1] > 1
        and vectors.scale.ndim == 1
        and bool((vectors.scale > 0).all())
        and len(vectors.drawn) <= vectors.n
    )


def _block_fits(block: SparseBlock) -> bool:
    ids = block._id_of
    return (
        len(ids) == len(block._scale) == len(block._is_known)
        and bool(((ids >= 0) & (ids < block.n_ids)).all())
        and bool((block._scale > 0).all())
    )


def _scaler_fits(scaler: NumberScaler) -> bool:
    return (
        scaler.scale > 0
        and len(scaler.knots) == len(scaler.scores) > 0
        and rises(scaler.knots)
        and 0 < len(scaler.quantiles) <= N_BINS + 1
    )


def _values_fit(levels: NumberLevels) -> bool:
    n_counts = levels.n_ids if len(levels.values) else 0
    return rises(levels.values) and len(levels.counts) == n_counts


def _first_rows_fit(rows: FirstRows) -> bool:
    return len(rows.keys) == len(rows.numbers) > 0 and rows.numbers.shape[1] > 0


def _date_fits(date: DateColumn) -> bool:
    if date.kind == "date":
        return set(date.parts) <= set(DATE_PARTS) and len(date.parts) > 0
    only = {"time": ("hour",), "duration": ("seconds",)}
    return date.zone is None and date.parts == only[date.kind]


def _without(obj: Any, derived: Iterable[str]) -> dict[str, Any]:
    return {k: v for k, v in obj.__getstate__().items() if k not in derived}


COUNTS: dict[str, Check] = {"name": is_name, "counts": is_floats}
PARTS: dict[str, Stored] = {
    "Vocabulary": Stored(
        Vocabulary,
        {"first": a(int), "unknown": a(int), "levels": is_plain},
        fits=_vocabulary_fits,
    ),
    "CategoryLevels": Stored(
        CategoryLevels,
        COUNTS
        | {
            "min_frequency": is_plain,
            "max_categories": is_plain,
            "vocabulary": a(Vocabulary),
            "_families": lambda v: type(v) is set and v <= set(FAMILIES),
            "folds_lone": a(bool),
            "is_text": a(bool),
            "new": optional(a(NewLevels)),
        },
        frozenset({"folds_lone", "is_text", "new"}),
        fits=_levels_fit,
    ),
    "NewLevels": Stored(
        NewLevels,
        {"levels": is_plain, "counts": is_floats},
        fits=lambda new: all(count > 0 for count in new.counts.values()),
    ),
    "HashedLevels": Stored(
        HashedLevels,
        COUNTS | {"n_buckets": whole(1), "singles": a(bool)},
        frozenset({"singles"}),
        _levels_fit,
    ),
    "ListLevels": Stored(
        ListLevels,
        {
            "levels": is_levels,
            "name": is_name,
            "separator": optional(lambda v: type(v) is str and v),
            "pooling": one_of(*POOLINGS),
        },
        fits=lambda bag: bag.name == bag.levels.name,
    ),
    "TextBuckets": Stored(
        TextBuckets,
        COUNTS | {"n_buckets": whole(1), "singles": a(bool)},
        fits=_levels_fit,
    ),
    "TextLevels": Stored(
        TextLevels,
        {
            "levels": a(TextBuckets),
            "name": is_name,
            "separator": none,
            "pooling": one_of("sum"),
            "grams": each(_is_gram),
            "total": number(0),
        },
        fits=lambda text: text.name == text.levels.name and len(text.grams) > 0,
    ),
    "VectorScaler": Stored(
        VectorScaler,
        {
            "name": is_name,
            "center": is_floats,
            "scale": lambda v: type(v) is np.ndarray and v.dtype == np.float64,
            "has_missing": a(bool),
            "missing_share": number(0, 1),
            "n": whole(0),
            "drawn": array(np.float32, 2),
        },
        fits=_vectors_fit,
    ),
    "SparseBlock": Stored(
        SparseBlock,
        {
            "levels": a(CategoryLevels),
            "numeric_transform": one_of(*NUMERIC_TRANSFORMS),
            "_id_of": array(np.int32),
            "_scale": is_floats,
            "_is_known": array(np.bool_),
        },
        fits=_block_fits,
    ),
    "Seen": Stored(
        Seen,
        {
            "n": whole(1),
            "n_distinct": whole(1),
            "low": number(),
            "high": number(),
            "is_whole": a(bool),
        },
        get_state=lambda seen: seen._asdict(),
        make=lambda cls, state: cls(**state),
    ),
    "NumberScaler": Stored(
        NumberScaler,
        {
            "transform": one_of(*NUMERIC_TRANSFORMS),
            "has_missing": a(bool),
            "missing_share": number(0, 1),
            "center": number(),
            "fill": number(),
            "scale": a(float),  # infinite for a constant
            "knots": is_floats,
            "scores": is_floats,
            "quantiles": is_floats,
            "seen": optional(a(Seen)),
        },
        fits=_scaler_fits,
    ),
    "DateColumn": Stored(
        DateColumn,
        {
            "name": is_name,
            "kind": lambda v: v in ("date", "time", "duration"),
            "zone": optional(a(str)),
            "parts": lambda v: type(v) is tuple and len(set(v)) == len(v),
        },
        fits=_date_fits,
    ),
    "NumberLevels": Stored(
        NumberLevels,
        {"most": is_plain, "values": is_floats, "counts": is_floats},
        fits=_values_fit,
    ),
    "CrossStatistics": Stored(
        CrossStatistics,
        {
            "crosses": is_plain,
            "names": each(a(str)),
            "sizes": each(whole(1)),
            "numeric_transform": one_of(*NUMERIC_TRANSFORMS),
            "is_logit": a(bool),
            "pairs": each(
                lambda v: type(v) is tuple and len(v) == 2 and all(map(whole(0), v))
            ),
            "scores": each(a(float)),
            "default": is_floats,
            "keys": array(np.int64),
            "values": array(np.float64, 2),
            "counts": is_floats,
            "counted": lambda v: type(v) is tuple and all(map(whole(0), v)),
            "scalers": mapping(a(str), is_scaler),
            "goes_on": a(bool),
            "totals": optional(a(CrossTotals)),
            "later": mapping(whole(0), array(np.bool_)),
        },
        frozenset({"counts", "counted", "goes_on", "later", "totals"}),
        fits=crosses_fit,
    ),
    "CrossTotals": Stored(
        CrossTotals,
        {"of_all": is_floats, "by_key": array(np.float64, 2)},
        fits=lambda totals: len(totals.of_all) == totals.by_key.shape[1] > 1,
    ),
    "RecentNumbers": Stored(
        RecentNumbers,
        {"x": is_floats, "weight": is_floats},
        fits=lambda recent: len(recent.x) == len(recent.weight),
    ),
    "FirstRows": Stored(
        FirstRows,
        {
            "keys": array(np.uint64),
            "numbers": lambda v: array(np.float32, 2)(v) or array(np.float64, 2)(v),
            "n_ids": array(np.int64),
        },
        frozenset({"n_ids"}),
        fits=_first_rows_fit,
    ),
    "TableEncoder": Stored(
        TableEncoder,
        dict.fromkeys(ENCODING, is_plain)
        | {
            "category_encoder": none,
            "names": each(is_name),
            "dates": mapping(whole(0), a(DateColumn)),
            "categories": mapping(whole(0), is_levels),
            "lists": mapping(whole(0), a(ListLevels, TextLevels)),
            "vectors": mapping(whole(0), a(VectorScaler)),
            "numbers": mapping(whole(0), is_scaler),
            "values": mapping(whole(0), a(NumberLevels)),
            "statistics": none,
            "crosses": optional(a(CrossStatistics)),
            "block": optional(a(SparseBlock)),
            "_cuts": mapping(whole(0), is_floats),
            "codes": each(whole(0)),
            "first_rows": optional(a(FirstRows)),
            "recent": mapping(whole(0), a(RecentNumbers)),
            "seldom": optional(a(bool)),
            "edges": optional(each(each(number()))),
            "left_out": each(is_name),
            "beside": mapping(whole(0), is_name),
        },
        frozenset(
            {
                *("_cuts", "codes", "dates", "datetime_parts", "first_rows"),
                *("edges", "new_levels", "recent", "seldom", "statistics_decay"),
                *("text_features", "vector_features", "vectors", "left_out", "beside"),
            }
        ),
        encoder_fits,
        lambda encoder: _without(encoder, {"field_slices"}),  # the network's
    ),
    **TARGETS,
}
