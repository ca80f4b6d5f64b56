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
    DATE_PARTS,
    ENCODING,
    LEVELS_OF,
    N_BINS,
    NUMERIC_TRANSFORMS,
    POOLINGS,
    CategoryLevels,
    CrossStatistics,
    DateColumn,
    FirstRows,
    HashedLevels,
    ListLevels,
    NumberLevels,
    NumberScaler,
    Seen,
    SparseBlock,
    TableEncoder,
    Vocabulary,
)
from .._targets import ClassTarget, ContinuousTarget
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

__all__ = ["PARTS", "is_levels", "is_scaler"]


FAMILIES = ("string", "bytes", "bool", "number", None)
is_levels = a(CategoryLevels, HashedLevels)
is_scaler = a(NumberScaler)


def _vocabulary_fits(vocabulary: Vocabulary) -> bool:
    return (vocabulary.first, vocabulary.unknown) == (N_RESERVED_IDS, UNKNOWN_ID)


def _levels_fit(levels: CategoryLevels | HashedLevels) -> bool:
    return len(levels.counts) == levels.n_ids


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


def _crosses_fit(crosses: CrossStatistics) -> bool:
    n_targets, n_columns = len(crosses.default), len(crosses.sizes)
    n_keys = len(crosses.keys)
    return (
        n_columns == len(crosses.names)
        and len(crosses.pairs) == len(crosses.scores)
        and all(0 <= c < n_columns for pair in crosses.pairs for c in pair)
        and crosses.values.shape == (n_keys, n_targets)
        and bool(n_keys) == bool(crosses.pairs)
        and rises(crosses.keys)
        and len(crosses.counts) == (n_keys if crosses.counted else 0)
        and all(k < len(crosses.pairs) for k in crosses.counted)
        and len(crosses.scalers) - len(crosses.counted)
        == len(crosses.pairs) * n_targets
    )


def _first_rows_fit(rows: FirstRows) -> bool:
    return len(rows.keys) == len(rows.numbers) > 0 and rows.numbers.shape[1] > 0


def _encoder_fits(encoder: TableEncoder) -> bool:
    names, block, values = encoder.names, encoder.block, encoder.values
    columns = [*encoder.categories, *encoder.lists, *encoder.numbers]
    if len(set(names)) < len(names) or not names or not _dates_fit(encoder):
        return False
    if block is not None:
        others = [*columns, *values, *encoder.codes]
        return (
            not others
            and encoder.crosses is None
            and encoder.first_rows is None
            and len(block._id_of) == len(names)
        )
    return (
        sorted(columns) == [*range(len(names))]
        and values.keys() <= encoder.numbers.keys()
        and set(encoder.codes) <= encoder.numbers.keys()
        and all(len(levels.values) for levels in values.values())
        and _names_fit(encoder)
        and _cuts_fit(encoder)
        and _width_of_first_rows(encoder) <= encoder.n_num
    )


def _width_of_first_rows(encoder: TableEncoder) -> int:
    rows = encoder.first_rows
    return 0 if rows is None else rows.numbers.shape[1]


def _dates_fit(encoder: TableEncoder) -> bool:
    """Tell whether the parts of dates are columns, and those of levels alone ids."""
    sources, names = encoder.sources, encoder.names
    for j, date in encoder.dates.items():
        at = [k for k, source in enumerate(sources) if source == j]
        ids = [part in LEVELS_OF for part in date.parts]
        if [names[k] for k in at] != date.names or any(
            k not in encoder.numbers and not (k in encoder.categories and is_ids)
            for k, is_ids in zip(at, ids, strict=True)
        ):
            return False
    return encoder.block is None or not encoder.dates


def _date_fits(date: DateColumn) -> bool:
    if date.kind == "date":
        return set(date.parts) <= set(DATE_PARTS) and len(date.parts) > 0
    only = {"time": ("hour",), "duration": ("seconds",)}
    return date.zone is None and date.parts == only[date.kind]


def _names_fit(encoder: TableEncoder) -> bool:
    named = [*encoder.categories.items(), *encoder.lists.items()]
    return all(levels.name == encoder.names[j] for j, levels in named)


def _cuts_fit(encoder: TableEncoder) -> bool:
    if encoder.crosses is None:
        return True
    cuts = encoder._cuts
    sizes = [levels.n_ids for levels in encoder.categories.values()]
    sizes += [len(cuts[j]) + 1 + N_RESERVED_IDS for j in encoder.numbers]
    return (
        cuts.keys() == encoder.numbers.keys()
        and all(rises(at) for at in cuts.values())
        and encoder.crosses.sizes == sizes
    )


def _classes_fit(target: ClassTarget) -> bool:
    n = len(target.classes)
    is_binary = n == 2
    return (
        n >= 2
        and target.is_binary == is_binary
        and target.d_out == (1 if is_binary else n)
    )


def _units_fit(target: ContinuousTarget) -> bool:
    return (
        len(target.center) == len(target.scale) == target.d_out
        and bool((target.scale > 0).all())
        and (target.d_out == 1 or not target.is_1d)
    )


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
        },
        frozenset({"folds_lone"}),
        fits=_levels_fit,
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
        },
        frozenset({"counts", "counted"}),
        fits=_crosses_fit,
    ),
    "FirstRows": Stored(
        FirstRows,
        {
            "keys": array(np.uint64),
            "numbers": lambda v: array(np.float32, 2)(v) or array(np.float64, 2)(v),
        },
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
            "lists": mapping(whole(0), a(ListLevels)),
            "numbers": mapping(whole(0), is_scaler),
            "values": mapping(whole(0), a(NumberLevels)),
            "statistics": none,
            "crosses": optional(a(CrossStatistics)),
            "block": optional(a(SparseBlock)),
            "_cuts": mapping(whole(0), is_floats),
            "codes": each(whole(0)),
            "first_rows": optional(a(FirstRows)),
        },
        frozenset({"_cuts", "codes", "dates", "datetime_parts", "first_rows"}),
        _encoder_fits,
        lambda encoder: _without(encoder, {"field_slices"}),  # the network's
    ),
    "ClassTarget": Stored(
        ClassTarget,
        {
            "classes": lambda v: type(v) is np.ndarray and v.ndim == 1,
            "gamma": number(0),
            "label_smoothing": number(0, 1),
            "is_binary": a(bool),
            "d_out": whole(1),
        },
        fits=_classes_fit,
    ),
    "ContinuousTarget": Stored(
        ContinuousTarget,
        {
            "is_1d": a(bool),
            "d_out": whole(1),
            "center": is_floats,
            "scale": is_floats,
        },
        fits=_units_fit,
    ),
}
