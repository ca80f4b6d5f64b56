"""Parameters and an encoded table -> the arguments of the network."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from .._table import TableFields
from ..network.embedding import auto_embedding_dim

__all__ = ["embedding_dims", "network_arguments"]

BLOCK_DIM = 64  # the most that embedding_dim="auto" gives a sparse matrix

# Parameters that go to the network as they are.
ARCHITECTURE = (
    "category_dropout",
    "structure",
    "cross",
    "n_cross_layers",
    "cross_rank",
    "n_experts",
    "expert_gate",
    "expert_activation",
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "normalization",
)


def network_arguments(
    parameters: Mapping[str, Any],
    fields: TableFields,
    d_out: int,
    numeric_embedding: str | None,
) -> dict[str, Any]:
    """Return the arguments of `DeepCrossNetwork`.

    Parameters
    ----------
    parameters : mapping
        An estimator's parameters by name.
    fields : TableFields
        What is in the table.
    d_out : int
        Number of logits.
    numeric_embedding : str or None
        What the parameter of this name stands for.
    """
    embedding_dim = parameters["embedding_dim"]
    arguments = {name: parameters[name] for name in ARCHITECTURE}
    arguments |= {
        "n_num": fields.n_num,
        "cardinalities": fields.cardinalities,
        "bag_cardinalities": [bag.n_ids for bag in fields.bags],
        "d_out": d_out,
        "embedding_dim": embedding_dims(fields, embedding_dim),
        "numeric_embedding": numeric_embedding,
        # Statistics and indicators mean the same all along: they need no curves.
        "n_plain": fields.n_num - len(fields.numbers),
    }
    if fields.block is not None:  # its columns are numbers, not levels
        arguments["category_dropout"] = 0.0
    if isinstance(embedding_dim, Integral):
        arguments["numeric_dim"] = embedding_dim
    if numeric_embedding == "piecewise_linear":
        arguments["bin_edges"] = fields.bin_edges
    return arguments


def embedding_dims(fields: TableFields, embedding_dim: Any) -> Any:
    """Return `embedding_dim` with a dict turned into one entry a field.

    Raises
    ------
    ValueError
        If the dict names a column that is neither categorical nor multi-valued.
    """
    if fields.block is not None and embedding_dim == "auto":
        # One field in place of many, so wider than that of a column.
        return [auto_embedding_dim(fields.block.n_ids, most=BLOCK_DIM)]
    if not isinstance(embedding_dim, dict):
        return embedding_dim
    position = {fields.names[j]: j for j in (*fields.categories, *fields.lists)}
    for name in embedding_dim:
        if name not in position:
            raise ValueError(
                f"embedding_dim names {name!r}, which is no categorical column; "
                f"categorical are {list(position)}."
            )
    ids = [*fields.categories.items(), *fields.values.items(), *fields.lists.items()]
    return [
        embedding_dim.get(fields.names[j], auto_embedding_dim(field.n_ids))
        for j, field in ids
    ]
