"""Whether the parts of an encoder in a file fit together."""

from __future__ import annotations

from typing import Any

from .._ids import N_RESERVED_IDS
from .._table import LEVELS_OF, CrossStatistics, TableEncoder
from .rules import rises

__all__ = ["crosses_fit", "encoder_fits"]


def crosses_fit(crosses: CrossStatistics) -> bool:
    """Tell whether what is memorised of crosses is of one size."""
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
        and _totals_fit(crosses)
        and len(crosses.scalers) - len(crosses.counted)
        == len(crosses.pairs) * n_targets
    )


def _totals_fit(crosses: CrossStatistics) -> bool:
    sizes = dict(enumerate(crosses.sizes))
    if any(sizes.get(c) != len(later) for c, later in crosses.later.items()):
        return False
    totals, n_targets = crosses.totals, len(crosses.default)
    return totals is None or (
        totals.by_key.shape == (len(crosses.keys), 1 + n_targets)
        and totals.of_all[0] > 0
    )


def encoder_fits(encoder: TableEncoder) -> bool:
    """Tell whether the columns of an encoder fit together."""
    names, block, values = encoder.names, encoder.block, encoder.values
    columns = [*encoder.categories, *encoder.lists]
    columns += [*encoder.vectors, *encoder.numbers]
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
        and encoder.recent.keys() <= encoder.numbers.keys()
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


def _names_fit(encoder: TableEncoder) -> bool:
    named: list[tuple[int, Any]] = [*encoder.categories.items()]
    named += [*encoder.lists.items(), *encoder.vectors.items()]
    return all(column.name == encoder.names[j] for j, column in named)


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
