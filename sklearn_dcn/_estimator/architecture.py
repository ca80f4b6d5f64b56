"""Parameters and an encoded table -> the arguments of the network."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from .._table import TableFields
from ..network.embedding import auto_embedding_dim, auto_vector_dim, resolve_dims
from .defaults import NUMBER_WIDTH, resolve_cross, resolve_widths

__all__ = ["embedding_dims", "network_arguments", "resolve_network", "resolved_before"]

BLOCK_DIM = 64  # the most that embedding_dim="auto" gives a sparse matrix

# Parameters that go to the network as they are.
ARCHITECTURE = (
    "category_dropout",
    "structure",
    "n_cross_layers",
    "n_experts",
    "expert_gate",
    "expert_activation",
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "normalization",
    "pair_logit",
)


def resolve_network(
    parameters: Mapping[str, Any], fields: TableFields, numeric_embedding: str | None
) -> dict[str, Any]:
    """Return what "auto" stands for in the parameters that depend on the width of x_0.

    A fitted estimator keeps it, so that its network can be built again.

    Returns
    -------
    resolved : dict
        The widths "embedding_dim", "vector_dim" and "numeric_dim"; "cross" and
        "cross_rank"; and "width", the width of x_0.
    """
    asked = parameters["embedding_dim"]
    n_curves = len(fields.numbers) if numeric_embedding is not None else 0
    n_plain = fields.n_num - n_curves
    n_ids = [*fields.cardinalities, *(bag.n_ids for bag in fields.bags)]
    dims = resolve_dims(embedding_dims(fields, asked), n_ids)
    dims += vector_dims(fields, asked)
    number_width = int(asked) if isinstance(asked, Integral) else NUMBER_WIDTH
    if asked == "auto" and fields.block is None:
        dims, number_width = resolve_widths(dims, n_curves, n_plain)
        if parameters["numeric_embedding"] != "auto":  # then it is asked for
            number_width = max(2, number_width)
    if parameters["pair_logit"] is not None:
        dims, number_width = _of_one_width(parameters, fields, dims, n_curves)
    width = sum(dims) + n_curves * max(1, number_width) + n_plain
    n = len(n_ids)
    cross, rank = resolve_cross(
        parameters["cross"],
        parameters["cross_rank"],
        width,
        is_fused=parameters["structure"] == "fused",
    )
    return {
        "embedding_dim": dims[:n],
        "vector_dim": dims[n:],
        "numeric_dim": number_width,
        "cross": cross,
        "cross_rank": rank,
        "width": width,
    }


def _of_one_width(
    parameters: Mapping[str, Any], fields: TableFields, dims: list[int], n_curves: int
) -> tuple[list[int], int]:
    """Return the widths of ids and vectors, and of numbers, for `pair_logit`.

    Raises
    ------
    ValueError
        If others were asked for, or there are no two fields to multiply.
    """
    kind, asked = parameters["pair_logit"], parameters["embedding_dim"]
    if len(dims) + n_curves < 2:
        raise ValueError(
            f"pair_logit={kind!r} multiplies the embeddings of two columns; in "
            f"this table {len(dims) + n_curves} has one. Set it to None, or embed the "
            "numbers with numeric_embedding."
        )
    if asked == "auto":
        own = max([*dims, *[NUMBER_WIDTH] * bool(n_curves)])
        n_plain = fields.n_num - n_curves
        dims, width = resolve_widths([own] * len(dims), n_curves, n_plain, own)
        return dims, max(2, width)
    if len(set(dims)) > 1:
        columns = (*fields.categories, *fields.values, *fields.lists, *fields.vectors)
        widths = {fields.names[j]: dim for j, dim in zip(columns, dims, strict=True)}
        raise ValueError(
            f"pair_logit={kind!r} needs embeddings of one width, but embedding_dim="
            f"{asked!r} gives the columns {widths}. Use 'auto' or an integer."
        )
    width = int(asked) if isinstance(asked, Integral) else NUMBER_WIDTH
    return dims, dims[0] if dims else width


def resolved_before(
    parameters: Mapping[str, Any], fields: TableFields
) -> dict[str, Any]:
    """Return what `resolve_network` would return for a fit by a release without it."""
    asked = parameters["embedding_dim"]
    return {
        "embedding_dim": embedding_dims(fields, asked),
        "numeric_dim": int(asked) if isinstance(asked, Integral) else NUMBER_WIDTH,
        "cross": parameters["cross"],
        "cross_rank": parameters["cross_rank"],
    }


def network_arguments(
    parameters: Mapping[str, Any],
    fields: TableFields,
    d_out: int,
    numeric_embedding: str | None,
    resolved: Mapping[str, Any],
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
    resolved : mapping
        What `resolve_network` returned in the fit.
    """
    arguments = {name: parameters[name] for name in ARCHITECTURE}
    arguments |= {name: resolved[name] for name in ("cross", "cross_rank")}
    arguments |= {
        "n_num": fields.n_num,
        "cardinalities": fields.cardinalities,
        "bag_cardinalities": [bag.n_ids for bag in fields.bags],
        "d_out": d_out,
        "embedding_dim": resolved["embedding_dim"],
        "vector_widths": fields.vector_widths,
        "vector_dim": resolved.get("vector_dim", []),  # older fits have no vectors
        "numeric_embedding": numeric_embedding,
        # Statistics and indicators mean the same all along: they need no curves.
        "n_plain": fields.n_num - len(fields.numbers),
        "statistics": fields.of_unknown,
        "collision_weighted": fields.hashed if parameters["collision_weight"] else [],
    }
    if d_out > 1 and parameters["pair_logit"] == "plain":
        raise ValueError(
            "pair_logit='plain' adds the same number to every logit, so it needs a "
            f"target of one logit; got {d_out}. Use pair_logit='weighted', which has "
            "weights for each."
        )
    if resolved["numeric_dim"]:
        arguments["numeric_dim"] = resolved["numeric_dim"]
    else:  # no room for embeddings of numbers
        numeric_embedding = arguments["numeric_embedding"] = None
    if fields.block is not None:  # its columns are numbers, not levels
        arguments["category_dropout"] = 0.0
    if numeric_embedding == "piecewise_linear":
        arguments["bin_edges"] = fields.bin_edges
    return arguments


def embedding_dims(fields: TableFields, embedding_dim: Any) -> Any:
    """Return `embedding_dim` with a dict turned into one entry a field.

    Raises
    ------
    ValueError
        If the dict names a column that is not one of categories, lists, text or
        vectors.
    """
    if fields.block is not None and embedding_dim == "auto":
        # One field in place of many, so wider than that of a column.
        return [auto_embedding_dim(fields.block.n_ids, most=BLOCK_DIM)]
    if not isinstance(embedding_dim, dict):
        return embedding_dim
    columns = (*fields.categories, *fields.lists, *fields.vectors)
    position = {fields.names[j]: j for j in columns}
    for name in embedding_dim:
        if name not in position:
            raise ValueError(
                f"embedding_dim names {name!r}, which is not a categorical column; "
                f"the categorical columns are {list(position)}."
            )
    ids = [*fields.categories.items(), *fields.values.items(), *fields.lists.items()]
    return [
        embedding_dim.get(fields.names[j], auto_embedding_dim(field.n_ids))
        for j, field in ids
    ]


def vector_dims(fields: TableFields, embedding_dim: Any) -> list[int]:
    """Return the width of the field of each vector that `embedding_dim` asks for."""
    if isinstance(embedding_dim, Integral):
        return [int(embedding_dim)] * len(fields.vectors)
    given = embedding_dim if isinstance(embedding_dim, dict) else {}
    return [
        given.get(fields.names[j], auto_vector_dim(scaler.width))
        for j, scaler in fields.vectors.items()
    ]
