"""A graph under construction: nodes, constants, inputs, and binary searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

__all__ = ["ML", "MICROSOFT", "Graph"]

ML, MICROSOFT = "ai.onnx.ml", "com.microsoft"

# Of each domain the oldest version with all that is used: StringConcat, StringSplit and
# Gelu came in 20, TreeEnsemble with thresholds of double precision in 5.
OPSETS = {"": 20, ML: 5, MICROSOFT: 1}
IR_VERSION = 10  # which the release of ONNX with these opsets writes

TYPES = {
    "string": TensorProto.STRING,
    "double": TensorProto.DOUBLE,
    "float": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}

LESS, LESS_OR_EQUAL = 1, 0  # modes of TreeEnsemble


class Graph:
    """Nodes in the order of their execution.

    Values go by name: what a method returns is an argument of the next.

    Parameters
    ----------
    reserved : sequence of str
        Names that inputs and outputs have.
    """

    def __init__(self, reserved: Sequence[str]) -> None:
        self._names = set(reserved)
        self._nodes: list[NodeProto] = []
        self._constants: dict[Any, TensorProto] = {}
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._prefix = ""

    def input(self, name: str, kind: str, width: int | None) -> str:
        """Add an input of shape (n, width), any width if None; return its name."""
        shape: list[str | int | None] = ["n", width]
        self._inputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))
        return name

    def output(self, value: str, name: str, kind: str, *width: int) -> None:
        """Give a value, of shape (n, *width), the name of an output."""
        name = f"{self._prefix}{name}"
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        shape: list[str | int | None] = ["n", *width]
        self._outputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))

    @contextmanager
    def prefixing(self, prefix: str) -> Iterator[None]:
        """Begin the names of outputs with this."""
        self._prefix = prefix
        yield
        self._prefix = ""

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant; equal ones are one."""
        array = np.asarray(value, dtype)
        key: Any = (array.dtype.str, array.shape, array.tobytes())
        if array.dtype.kind == "O":  # strings, whose bytes here are their addresses
            key = (array.shape, *array.ravel())
        if key not in self._constants:
            name = self._name("constant")
            self._constants[key] = numpy_helper.from_array(array, name)
        return self._constants[key].name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output; return the output's name."""
        return self.nodes(op, *inputs, n_outputs=1, domain=domain, **attributes)[0]

    def nodes(
        self,
        op: str,
        *inputs: str,
        n_outputs: int,
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """Add a node; return the names of its outputs."""
        outputs = [self._name(op) for _ in range(n_outputs)]
        # ONNX Runtime calls what it makes of nodes by their names: without any, two
        # would be called the same, which its release 1.21 refuses.
        name = outputs[0]
        self._nodes.append(
            helper.make_node(op, inputs, outputs, name, domain=domain, **attributes)
        )
        return outputs

    def _name(self, kind: str) -> str:
        name = f"{kind}_{len(self._names)}"
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name

    # What takes more than a node, or an argument that is easily got wrong -------------

    def cast(self, value: str, kind: str) -> str:
        """Return a value in another type."""
        return self.node("Cast", value, to=TYPES[kind])

    def concat(self, values: Sequence[str]) -> str:
        """Return values side by side, of shape (n, all widths)."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=1)

    def columns(self, value: str, at: Sequence[int], width: int) -> str:
        """Return some columns of a value of shape (n, width); all as they are."""
        if list(at) == list(range(width)):
            return value
        return self.node("Gather", value, self.constant(at, np.int64), axis=1)

    def look_up(self, value: str, table: dict[Any, int], default: int) -> str:
        """Return the int64 that a table has for each text or int64, or `default`."""
        kind = (
            "keys_strings" if isinstance(next(iter(table), ""), str) else "keys_int64s"
        )
        return self.node(
            "LabelEncoder",
            value,
            domain=ML,
            **{kind: [*table]},
            values_int64s=[*table.values()],
            default_int64=default,
        )

    def search(
        self, value: str, edges: Sequence[NDArray[Any]], side: str = "right"
    ) -> str:
        """Return ``np.searchsorted(edges[j], value[:, j], side)`` of every column.

        A decision tree for each column, in one node: a binary search, which compares
        in double precision.

        Parameters
        ----------
        value : name of a double value of shape (n, len(edges))
        edges : sequence of ndarrays
            In increasing order.
        side : {"right", "left"}, default="right"
        """
        trees = _Trees()
        for j, of_column in enumerate(edges):
            trees.add(j, [*of_column])
        mode = LESS if side == "right" else LESS_OR_EQUAL
        counts = self.node(
            "TreeEnsemble",
            value,
            domain=ML,
            n_targets=len(edges),
            **trees.attributes(mode),
        )
        return self.cast(counts, "int64")

    def to_model(self, **properties: Any) -> ModelProto:
        """Return the model; `properties` are other fields of it."""
        graph = helper.make_graph(
            self._nodes,
            "sklearn_dcn",
            self._inputs,
            self._outputs,
            [*self._constants.values()],
        )
        used = {"", *(node.domain for node in self._nodes)}
        opsets = [helper.make_opsetid(d, v) for d, v in OPSETS.items() if d in used]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, **properties
        )


class _Trees:
    """Balanced trees whose leaves are the number of edges below."""

    def __init__(self) -> None:
        self.features: list[int] = []
        self.splits: list[float] = []
        self.children: dict[str, list[int]] = {"true": [], "false": []}
        self.are_leaves: dict[str, list[int]] = {"true": [], "false": []}
        self.leaves: list[tuple[int, float]] = []  # column, count
        self.roots: list[int] = []

    def add(self, column: int, edges: Sequence[float]) -> None:
        self.roots.append(self._grow(column, edges or [0.0], 0, max(1, len(edges))))
        if not edges:  # a tree needs a node
            self.leaves[-1] = self.leaves[-2]

    def _grow(self, column: int, edges: Sequence[float], low: int, high: int) -> int:
        """Add the tree that tells the counts from `low` to `high`; return its root."""
        middle, root = (low + high) // 2, len(self.features)
        self.features.append(column)
        self.splits.append(edges[middle])
        for side in ("true", "false"):
            self.children[side].append(0)
            self.are_leaves[side].append(0)
        for side, a, b in (("true", low, middle), ("false", middle + 1, high)):
            if a == b:
                self.are_leaves[side][root] = 1
                self.children[side][root] = len(self.leaves)
                self.leaves.append((column, float(a)))
            else:
                self.children[side][root] = self._grow(column, edges, a, b)
        return root

    def attributes(self, mode: int) -> dict[str, Any]:
        modes = np.full(len(self.features), mode, dtype=np.uint8)
        targets, counts = zip(*self.leaves, strict=True)
        return {
            "aggregate_function": 1,  # the sum
            "post_transform": 0,  # none
            "tree_roots": self.roots,
            "nodes_featureids": self.features,
            "nodes_splits": numpy_helper.from_array(np.array(self.splits, np.float64)),
            "nodes_modes": numpy_helper.from_array(modes),
            "nodes_truenodeids": self.children["true"],
            "nodes_falsenodeids": self.children["false"],
            "nodes_trueleafs": self.are_leaves["true"],
            "nodes_falseleafs": self.are_leaves["false"],
            "leaf_targetids": targets,
            "leaf_weights": numpy_helper.from_array(np.array(counts, np.float64)),
        }
