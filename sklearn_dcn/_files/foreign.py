"""What a file is that `save` did not write, and how to load it."""

from __future__ import annotations

import zipfile
from typing import BinaryIO

__all__ = ["recognise"]

PICKLE = (
    "It is a pickle, as joblib, cloudpickle and mlflow write: load it with joblib.load "
    "or pickle.load, which run code of the file, so only if you trust who wrote it"
)
COMPRESSED = (
    "It is compressed, as joblib.dump does with compress: load it with joblib.load, "
    "which runs code of the file, so only if you trust who wrote it"
)
ONNX = (
    "It is an ONNX graph, which cannot become an estimator again: run it with "
    "onnxruntime.InferenceSession and sklearn_dcn.onnx.make_inputs"
)
SKOPS = (
    "It is a file of skops: load it with skops.io.load, and trust only those "
    "types of skops.io.get_untrusted_types that you have looked at"
)
TORCH = "It is a file of torch.save: load it with torch.load(..., weights_only=True)"
NUMPY = "It is a file of NumPy: load it with numpy.load"
UNKNOWN = (
    "Pickles are for joblib.load or pickle.load, if you trust them, graphs of ONNX for "
    "onnxruntime, files of skops for skops.io.load"
)

# The first bytes: of pickles by protocol; of zlib, gzip, bz2, lzma, xz and lz4.
PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
COMPRESSIONS = (
    b"\x78",
    b"\x1f\x8b",
    b"BZh",
    b"\x5d\x00\x00",
    b"\xfd7zXZ",
    b"\x04\x22M\x18",
)
# Of a model of ONNX: its version, then the name of what wrote it or a later field.
IR_VERSION, MOST_VERSION, FIELDS = 0x08, 0x20, b"\x12\x1a\x22\x2a\x32\x3a\x42"


def recognise(file: BinaryIO) -> str:
    """Return what a file is, as far as that is known, and how to load it."""
    file.seek(0)
    start = file.read(8)
    if start.startswith(PICKLES):
        return PICKLE
    if start.startswith(COMPRESSIONS):
        return COMPRESSED
    if start.startswith(b"\x93NUMPY"):
        return NUMPY
    if start.startswith(b"PK"):
        return _recognise_zip(file)
    if (
        len(start) > 2
        and start[0] == IR_VERSION
        and 0 < start[1] < MOST_VERSION
        and start[2] in FIELDS
    ):
        return ONNX
    return UNKNOWN


def _recognise_zip(file: BinaryIO) -> str:
    try:
        names = zipfile.ZipFile(file).namelist()
    except Exception:  # of any kind, from a file made to do so
        return ""
    if "schema.json" in names:
        return SKOPS
    if any(name.endswith("data.pkl") for name in names):
        return TORCH
    return NUMPY if names and all(name.endswith(".npy") for name in names) else ""
