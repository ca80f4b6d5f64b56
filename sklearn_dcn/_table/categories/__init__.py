"""Levels -> ids: by a vocabulary or a hash; in lists, texts, a sparse matrix."""

from .bags import POOLINGS, Bag, ListLevels, level_cells
from .category_levels import CategoryLevels, Rare
from .column_ids import families
from .hashed_levels import HashedLevels
from .hashing import stable_hash, to_bytes
from .new_levels import NewLevels
from .rarity import is_seldom
from .sparse_block import SparseBlock
from .texts import ANALYZERS, TextBuckets, TextLevels
from .vocabulary import Vocabulary

__all__ = [
    "ANALYZERS",
    "Bag",
    "CategoryLevels",
    "HashedLevels",
    "ListLevels",
    "NewLevels",
    "POOLINGS",
    "Rare",
    "SparseBlock",
    "TextBuckets",
    "TextLevels",
    "Vocabulary",
    "families",
    "is_seldom",
    "level_cells",
    "stable_hash",
    "to_bytes",
]
