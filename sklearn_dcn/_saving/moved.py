"""Where pickles of 0.1.0 look for classes that have moved since.

A pickle names a class by its module. Before the package had rooms, those of a fitted
estimator stood in the modules below; here their names lead to where they are now. Files
of `save` name no module, and need none of this.
"""

from __future__ import annotations

import sys
from types import ModuleType

from .._table import (
    Bag,
    CategoryLevels,
    ColumnStatistics,
    CrossStatistics,
    HashedLevels,
    ListLevels,
    NumberLevels,
    NumberScaler,
    Seen,
    SparseBlock,
    TableEncoder,
    Vocabulary,
)

__all__ = ["MOVED", "lead_to_moved"]

MOVED: dict[str, tuple[type, ...]] = {
    "_bags": (Bag, ListLevels, SparseBlock),
    "_categories": (CategoryLevels, HashedLevels),
    "_crosses": (CrossStatistics,),
    "_encoding": (TableEncoder,),
    "_numbers": (NumberLevels, NumberScaler, Seen),
    "_statistics": (ColumnStatistics,),
    "_vocabulary": (Vocabulary,),
}


def lead_to_moved() -> None:
    """Let imports of the old modules find the classes."""
    package = __name__.split(".")[0]
    for name, classes in MOVED.items():
        module = ModuleType(f"{package}.{name}", f"Led to by {__name__}.")
        module.__dict__.update({cls.__name__: cls for cls in classes})
        sys.modules.setdefault(module.__name__, module)
