"""Values and arrays of a file: what no encoder writes is refused, and nothing grows."""

import json
import struct

import numpy as np
import pytest
from helpers.saved_files import TINY, change, edit, fields, members_of, with_first
from scipy.sparse import csr_matrix

from sklearn_dcn import DCNRegressor, LoadError, load
from sklearn_dcn._files.archive import write_archive

# JSON ---------------------------------------------------------------------------------

STATES = {
    "no estimator": {"object": ["Vocabulary", {}]},
    "unknown class": {"object": ["os.system", {}]},
    "no object": {"bytes": "00"},
    "two kinds": {"object": ["DCNClassifier", {}], "bytes": ""},
    "unknown kind": {"eval": "1"},
    "no fields": {"object": ["DCNClassifier", {}]},
    "none": None,
    "deep": json.loads("[" * 900 + "]" * 900),
}


@pytest.mark.parametrize("name", STATES)
def test_states_of_other_things(name, path):
    change(path, config=lambda tree: tree.update(state=STATES[name]))
    with pytest.raises(LoadError, match="not what save"):
        load(path)


def test_the_state_of_a_random_generator(path):
    """A position outside of it would be read, by numpy, from outside of it."""
    for position in (-1, 625, 2**31, 0.5, None, "x"):

        def config(tree, position=position):
            fields(tree)["_rng"]["random_state"][1] = position

        change(path, config=config)
        with pytest.raises(LoadError):
            load(path)


# Arrays -------------------------------------------------------------------------------


def test_arrays_of_no_use_or_used_twice(path):
    change(path, arrays=lambda found: found.update(more=np.zeros(3)))
    with pytest.raises(LoadError, match="unused arrays, such as more"):
        load(path)
    change(path, arrays=lambda found: found.pop("more"))

    def share(tree):
        tree["state"]["object"][1]["classes_"] = {"array": "_class_weights"}

    change(path, config=share)
    with pytest.raises(LoadError, match="KeyError"):
        load(path)


def test_headers_of_arrays_that_lie(path):
    """Of huge shapes, of no dtype, overlapping, or beyond the end."""
    members = members_of(path)
    data = members["arrays.safetensors"]
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n])
    name = "net_.weights.head.bias"
    for entry in (
        {"shape": [2**62, 2**62]},
        {"shape": [2**40]},
        {"dtype": "F99"},
        {"dtype": "BF16"},
        {"data_offsets": [0, 8]},
        {"data_offsets": [0, 2**60]},
    ):
        bad = json.dumps(header | {name: header[name] | entry}).encode()
        content = struct.pack("<Q", len(bad)) + bad + data[8 + n :]
        write_archive(path, members | {"arrays.safetensors": content})
        with pytest.raises(LoadError, match="not what save"):
            load(path)
    for content in (b"", struct.pack("<Q", 2**63), struct.pack("<Q", 2**40) + b"{}"):
        write_archive(path, members | {"arrays.safetensors": content})
        with pytest.raises(LoadError, match="not what save"):
            load(path)


def test_booleans_are_booleans(path):
    """A byte of 2 in a boolean array is neither True nor False to numpy."""
    model = DCNRegressor(**TINY).fit(csr_matrix(np.eye(9)), np.arange(9.0))
    model.save(path)
    members = members_of(path)
    data = bytearray(members["arrays.safetensors"])
    n = struct.unpack("<Q", data[:8])[0]
    start = json.loads(data[8 : 8 + n])["encoder_.block._is_known"]["data_offsets"][0]
    data[8 + n + start] = 2
    write_archive(path, members | {"arrays.safetensors": bytes(data)})
    with pytest.raises(LoadError, match="must hold booleans"):
        load(path)
    data[8 + n + start] = 1
    write_archive(path, members | {"arrays.safetensors": bytes(data)})
    change(path, arrays=edit("_id_of", with_first(99)))
    with pytest.raises(LoadError, match="fields of SparseBlock"):
        load(path)


def test_spelled_numbers_stay_small(path):
    """A fraction is not spelled with an exponent, which would fill the memory."""
    from sklearn_dcn._files.packing import unpack

    text = b"1e999999999"
    packed = {
        "kind": "fraction",
        "lengths": np.array([len(text)]),
        "data": np.frombuffer(text, np.uint8),
    }
    with pytest.raises(ValueError, match="do not fit together"):
        unpack(packed)
