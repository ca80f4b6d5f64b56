"""A saved file, and how it is changed: its values, arrays, members and checksum."""

import io
import json
import zipfile

import numpy as np
import pytest
from helpers.tables import make_mixed
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from sklearn_dcn import DCNClassifier
from sklearn_dcn._files.archive import write_archive
from sklearn_dcn._files.checksum import N_DIGEST, checksum

TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
MEMBERS = ["config.json", "arrays.safetensors"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the bytes of a file with a column of every kind."""
    X, y = make_mixed(120)
    X["tags"] = [["a", "b"][: k % 3] for k in range(len(X))]
    X["user"] = [f"u{k % 50}" for k in range(len(X))]
    model = DCNClassifier(
        **TINY,
        hashing={"user": 4},
        memorized_crosses=2,
        numeric_levels=20,
        numeric_embedding="piecewise_linear",
        embedding_dim=2,
        warm_start=True,
    ).fit(X, y)
    path = tmp_path_factory.mktemp("saved") / "model.dcn"
    model.save(path)
    return path.read_bytes()


@pytest.fixture
def path(saved, tmp_path):
    path = tmp_path / "model.dcn"
    path.write_bytes(saved)
    return path


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def change(path, *, config=None, arrays=None):
    """Change what is in a file, checksums included."""
    members = members_of(path)
    if config is not None:
        tree = json.loads(members[MEMBERS[0]])
        config(tree)
        members[MEMBERS[0]] = json.dumps(tree).encode()
    if arrays is not None:
        found = load_arrays(members[MEMBERS[1]])
        arrays(found)
        members[MEMBERS[1]] = save_arrays(found)
    write_archive(path, members)


def seal(content):
    """Return bytes with the checksum that `load` asks for in place of the last."""
    n = len(content) - N_DIGEST
    return content[:n] + checksum(io.BytesIO(content), n)


def write_zip(path, write):
    """Write a zip file by hand, with the checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b" " * N_DIGEST
        write(archive)
    path.write_bytes(seal(buffer.getvalue()))


def fields(tree, *names):
    """Return the fields of an object in the tree, by the way to it."""
    here = tree["state"]["object"][1]
    for name in names:
        here = here[name]["object"][1]
    return here


def edit(name, function):
    """Return a change of the arrays whose name ends so."""

    def arrays(found):
        names = [key for key in found if key.endswith(name)]
        assert names, name
        for key in names:
            new = function(found.pop(key).copy())
            if new is not None:
                found[key] = np.ascontiguousarray(new)

    return arrays


def with_first(value):
    def function(array):
        array.reshape(-1)[0] = value
        return array

    return function
