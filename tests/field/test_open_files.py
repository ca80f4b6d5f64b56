"""`save` and `load` take open files, and say of other files what loads them."""

import gzip
import io
import pickle

import joblib
import numpy as np
import pytest
import skops.io
import torch

import sklearn_dcn
from sklearn_dcn import DCNClassifier, LoadError
from sklearn_dcn.onnx import export
from sklearn_dcn.preprocessing import CategoryEncoder

X = np.arange(40.0).reshape(20, 2)


@pytest.fixture(scope="module")
def model():
    options = {"max_epochs": 1, "n_members": 1, "hidden_layer_sizes": (4,)}
    return DCNClassifier(**options).fit(X, [0, 1] * 10)


class Stream(io.RawIOBase):
    """What can be read once, as a response over HTTP."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def readable(self):
        """Return True."""
        return True

    def readinto(self, buffer):
        """Read what comes next."""
        part = self._content.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def check(source, model):
    loaded = sklearn_dcn.load(source, device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_open_files(model, tmp_path):
    """They stay open; and the content is that of a path."""
    buffer = io.BytesIO()
    model.save(buffer)
    check(buffer, model)  # at its end, which is no matter
    check(buffer, model)
    check(Stream(buffer.getvalue()), model)
    model.save(tmp_path / "path.dcn")
    assert (tmp_path / "path.dcn").read_bytes() == buffer.getvalue()
    check(str(tmp_path / "path.dcn"), model)
    with open(tmp_path / "open.dcn", "wb") as file:  # which cannot be read
        model.save(file)
        assert not file.closed
    with open(tmp_path / "open.dcn", "rb") as file:
        check(file, model)
        assert not file.closed
    with gzip.open(tmp_path / "model.gz", "wb") as file:
        model.save(file)
    with gzip.open(tmp_path / "model.gz", "rb") as file:
        check(file, model)


def test_open_files_of_transformers():
    buffer = io.BytesIO()
    CategoryEncoder().fit([["a"], ["b"]]).save(buffer)
    assert sklearn_dcn.load(buffer).transform([["b"]]).tolist() == [[3]]


def test_what_is_no_file(model, tmp_path):
    with open(tmp_path / "text", "w+") as text:
        for target in (io.StringIO(), text, 3, None):
            with pytest.raises(TypeError, match="open for bytes"):
                model.save(target)
            with pytest.raises(TypeError, match="open for bytes"):
                sklearn_dcn.load(target)
    with pytest.raises(LoadError, match="'BytesIO' cannot be loaded"):
        sklearn_dcn.load(io.BytesIO())


def by_numpy(save):
    """Return what writes an array with a function of NumPy."""

    def write(model, path):
        with path.open("wb") as file:
            save(file, X)

    return write


OTHERS = {
    "pickle": (
        lambda model, path: path.write_bytes(pickle.dumps(model)),
        "is a pickle.*joblib.load or pickle.load",
    ),
    "joblib": (joblib.dump, "is a pickle.*joblib.load"),
    **{
        f"joblib {how}": (
            lambda model, path, how=how: joblib.dump(model, path, compress=(how, 3)),
            "is compressed.*joblib.load",
        )
        for how in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
    "skops": (skops.io.dump, r"of skops.*skops\.io\.load.*get_untrusted_types"),
    "onnx": (export, "ONNX graph.*onnxruntime.InferenceSession.*make_inputs"),
    "torch": (
        lambda model, path: torch.save({"a": torch.ones(2)}, path),
        r"of torch\.save.*weights_only",
    ),
    "npy": (by_numpy(np.save), r"numpy\.load"),
    "npz": (by_numpy(np.savez), r"numpy\.load"),
    "pickle as text": (
        lambda model, path: path.write_bytes(pickle.dumps(1, protocol=0)),
        "Pickles are for joblib.load.*ONNX.*skops",
    ),
}


@pytest.mark.parametrize(("write", "match"), OTHERS.values(), ids=OTHERS)
def test_files_of_others(write, match, model, tmp_path):
    path = tmp_path / "file"
    write(model, path)
    match = f"no file that save.*{match}"
    with pytest.raises(LoadError, match=match):
        sklearn_dcn.load(path)
    with pytest.raises(LoadError, match=match):
        sklearn_dcn.load(io.BytesIO(path.read_bytes()))


def test_a_folder_of_mlflow(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}")
    with pytest.raises(LoadError, match=r"mlflow\.sklearn\.load_model"):
        sklearn_dcn.load(tmp_path)
