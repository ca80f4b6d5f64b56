"""What a fitted estimator says about its columns: importances and embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .._analysis import import_pandas, total_effects
from .._checks import check_count, check_option
from .._ids import MISSING_ID, N_RESERVED_IDS
from .._table import (
    MISSING_LEVEL,
    UNKNOWN_LEVEL,
    CategoryLevels,
    HashedLevels,
    NumberLevels,
    TableEncoder,
    missing_types,
)
from .._training import DCNNet

__all__ = ["InspectsColumns"]

METRICS = ("cosine", "euclidean")

Levels = CategoryLevels | HashedLevels | NumberLevels


class InspectsColumns:
    """Importances of the columns, and the embeddings of their levels."""

    encoder_: TableEncoder
    net_: DCNNet
    _importances: NDArray[np.float64]  # until the next training

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Share of each column in the variance of the logit, in the table's order.

        Sobol total-effect indices, scaled to a sum of 1, for columns drawn
        independently as `fit` saw each; see the user guide. Computed at the first use.
        """
        check_is_fitted(self, "net_")
        if not hasattr(self, "_importances"):
            try:
                self._importances = total_effects(self)
            except ValueError as error:  # so that hasattr is False
                raise AttributeError(f"No feature_importances_: {error}") from error
        return self._importances.copy()

    def embeddings(self, column: Any) -> Any:
        """Return the embeddings of a column's levels as a table.

        Parameters
        ----------
        column : str or int
            Name of a column, or its position if columns have no names. It must hold
            categories, lists, or numbers whose values have embeddings; "X" is for the
            columns of a sparse matrix.

        Returns
        -------
        embeddings : DataFrame of shape (n_levels + 2, width + 1)
            A row for each level, after those for unknown and missing ones ("⟨unknown⟩",
            "⟨missing⟩"). Columns are "dim_0" and so on, and "count", the level's weight
            in `fit`. With `hashing`, levels have no names: rows are "bucket 0" and so
            on. If `category_encoder` is an `OrdinalEncoder`, levels are its codes.

        Raises
        ------
        ValueError
            If there is no such column, or it has no embeddings of levels.
        """
        pandas = import_pandas("embeddings")
        levels, vectors = self._embedded(column)
        names = [f"dim_{k}" for k in range(vectors.shape[1])]
        index = pandas.Index(self._level_names(levels), dtype=object, name=column)
        table = pandas.DataFrame(vectors, index, names)
        return table.assign(count=levels.counts)

    def nearest_levels(
        self,
        column: Any,
        level: Any,
        n: int = 10,
        metric: str = "cosine",
        labels: Mapping[Any, str] | None = None,
    ) -> Any:
        """Return the levels whose embeddings are nearest to the embedding of a level.

        Parameters
        ----------
        column : str or int
            As in `embeddings`.
        level : str, number or bool
            One of its levels; None stands for missing cells.
        n : int, default=10
            How many to return; fewer if the column has fewer.
        metric : {"cosine", "euclidean"}, default="cosine"
            Similarity: the cosine, or the negative distance.
        labels : mapping or None, default=None
            What to call levels, e.g. the title for each film's id.

        Returns
        -------
        nearest : DataFrame of shape (n, 3)
            "level", "similarity" and "count", the nearest first. The level itself and
            those of unknown and missing cells are left out. With `labels` there is also
            a column "label", for levels that have one.

        Raises
        ------
        ValueError
            If there is no such column or level, or levels are hashed.
        """
        pandas = import_pandas("nearest_levels")
        n = check_count("n", n, minimum=1)
        check_option("metric", metric, METRICS)
        levels, vectors = self._embedded(column)
        if isinstance(levels, HashedLevels):
            raise ValueError(
                f"Column {column!r} is hashed: its buckets have no names, and levels "
                "share them by chance. Fit without hashing it."
            )
        names = self._level_names(levels)
        at = _find_level(levels, names, column, level)
        if metric == "cosine":
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.where(norms > 0, norms, 1.0)
            similarity = vectors @ vectors[at]
        else:
            similarity = -np.linalg.norm(vectors - vectors[at], axis=1)
        order = np.argsort(-similarity, kind="stable")
        order = order[(order >= N_RESERVED_IDS) & (order != at)][:n]
        found = pandas.DataFrame(
            {
                "level": pandas.Series([names[i] for i in order], dtype=object),
                "similarity": similarity[order],
                "count": levels.counts[order],
            }
        )
        if labels is not None:
            called = [labels.get(level) for level in found["level"]]
            found.insert(1, "label", pandas.Series(called, dtype=object))
        return found

    def _embedded(self, column: Any) -> tuple[Levels, NDArray[np.float64]]:
        """Return the levels of a column and their embeddings, in the order of ids."""
        check_is_fitted(self, "net_")
        encoder = self.encoder_
        found: dict[Any, Levels]
        if encoder.block is not None:
            found = {"X": encoder.block.levels}
        else:
            found = {encoder.names[j]: ids for j, ids in encoder.categories.items()}
            found |= {encoder.names[j]: ids for j, ids in encoder.values.items()}
            found |= {encoder.names[j]: bag.levels for j, bag in encoder.lists.items()}
        if column not in found:
            is_column = encoder.block is None and column in encoder.names
            what = "a vector, or a number without embeddings of values"
            what = what if is_column else "no column"
            raise ValueError(
                f"column must be one whose levels have embeddings, {[*found]}; got "
                f"{column!r}, which is {what}."
            )
        k = list(found).index(column)
        stacks = [member.embedding for member in self.net_.module_.members]
        weight = torch.cat([stack.column_weight(k) for stack in stacks], dim=1)
        return found[column], weight.detach().cpu().numpy().astype(np.float64)

    def _level_names(self, levels: Levels) -> list[Any]:
        names: list[Any]
        if isinstance(levels, HashedLevels):
            names = [f"bucket {bucket}" for bucket in levels.vocabulary]
        elif isinstance(levels, NumberLevels):
            names = levels.values.tolist()
        elif self.encoder_.block is not None:  # whose levels are positions
            names = [self.encoder_.names[j] for j in levels.levels]
        else:
            names = levels.levels
        return [UNKNOWN_LEVEL, MISSING_LEVEL, *names]


def _find_level(
    levels: CategoryLevels | NumberLevels, names: list[Any], column: Any, level: Any
) -> int:
    """Return the id of a level that is known."""
    if type(level) in missing_types() or level != level:
        return MISSING_ID
    known = {name: i for i, name in enumerate(names)}
    if level not in known:
        raise ValueError(
            f"level must be one of column {column!r} that has an embedding, as "
            f"{names[N_RESERVED_IDS:][:5]}; got {level!r}, which is new or too rare."
        )
    return known[level]
