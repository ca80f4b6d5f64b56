"""Bytes: a file with a checksum, and plain values as JSON and arrays. No estimator."""

from .archive import (
    ARRAYS,
    CONFIG,
    Archive,
    LoadError,
    Target,
    remove_remnants,
    write_archive,
)
from .codec import Check, Decoder, Encoder, Spelled, Stored, from_json, to_json
from .containers import map_leaves
from .packing import pack, unpack

__all__ = [
    "ARRAYS",
    "Archive",
    "CONFIG",
    "Check",
    "Decoder",
    "Encoder",
    "LoadError",
    "Spelled",
    "Stored",
    "Target",
    "from_json",
    "map_leaves",
    "pack",
    "remove_remnants",
    "to_json",
    "unpack",
    "write_archive",
]
