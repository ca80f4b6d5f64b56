"""load refuses whatever save did not write, runs nothing, and says what to do."""

import ast
import json
import os
import pickle
import socket
import tarfile
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from helpers.paths import DATA
from helpers.saved_files import change, members_of, seal
from helpers.tables import make_mixed

import sklearn_dcn
from sklearn_dcn import LoadError, load
from sklearn_dcn._estimator.saving import FORMAT_VERSION
from sklearn_dcn._files.archive import write_archive

PACKAGE = Path(sklearn_dcn.__file__).parent
CORPUS = DATA / "fuzz_corpus.tar.xz"


# Bytes --------------------------------------------------------------------------------


def test_the_file_is_good_to_begin_with(path):
    assert load(path).n_iter_ == 1
    change(path, config=lambda tree: None, arrays=lambda arrays: None)
    assert load(path).n_iter_ == 1
    path.write_bytes(seal(path.read_bytes()))
    assert load(path).n_iter_ == 1


def test_other_files(path, tmp_path):
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(LoadError, match=r"no file that save.*pickle\.load"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(LoadError, match="packed by another program"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_the_error_names_the_file_and_the_remedy(path, saved):
    path.write_bytes(saved[:-100] + b"?" + saved[-99:])
    with pytest.raises(LoadError) as caught:
        load(path)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        f"{str(path)!r} cannot be loaded: its checksum does not match, so bytes of it "
        "have changed. Copy or save it again."
    )


# JSON ---------------------------------------------------------------------------------


def test_a_newer_format_is_refused_with_the_remedy(path):
    def newer(tree):
        tree["format_version"] = FORMAT_VERSION + 1

    change(path, config=newer)
    rule = (
        rf"of format {FORMAT_VERSION + 1}.*up to {FORMAT_VERSION}\. Update sklearn-dcn"
    )
    with pytest.raises(LoadError, match=rule):
        load(path)


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", None, True, [1]])
def test_versions_that_are_none(version, path):
    change(path, config=lambda tree: tree.update(format_version=version))
    with pytest.raises(LoadError, match="not of the format 'sklearn_dcn'"):
        load(path)


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": "sklearn_dcn", "format_version": NaN}',
        b'{"format": "sklearn_dcn", "format_version": 1' + b"0" * 5000 + b"}",
        b'{"format": "other", "format_version": 1}',
    ],
    ids=range(10),
)
def test_bad_json(config, path):
    write_archive(path, members_of(path) | {"config.json": config})
    with pytest.raises(LoadError, match=r"config\.json"):
        load(path)


def test_json_has_a_limit(path):
    with mock.patch("sklearn_dcn._saving.loading.MAX_CONFIG", 1000):
        with pytest.raises(LoadError, match=r"no config\.json of up to 1,000 bytes"):
            load(path)
    model = load(path)
    with mock.patch("sklearn_dcn._estimator.saving.MAX_CONFIG", 1000):
        with pytest.raises(ValueError, match="a file may have 1,000"):
            model.save(path)


# What was found by fuzzing ------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # of names and devices that have changed
def test_the_corpus_of_the_fuzzer(path):
    """Inputs of benchmarks/fuzz_load.py that reach different lines, and findings."""
    X, _ = make_mixed(3)
    outcomes = {True: 0, False: 0}
    with tarfile.open(CORPUS) as archive:
        for member in archive.getmembers():
            path.write_bytes(archive.extractfile(member).read())
            try:
                with np.errstate(all="ignore"):
                    estimator = load(path)
            except LoadError:
                outcomes[False] += 1
                continue
            outcomes[True] += 1
            apply = getattr(estimator, "predict", None) or estimator.transform
            with np.errstate(all="ignore"):
                try:
                    apply(pd.DataFrame(X))
                except (ValueError, TypeError):
                    pass
    assert outcomes[True] > 5 and outcomes[False] > 40


# Security -----------------------------------------------------------------------------


LOAD_PATH = ["_files/archive", "_files/checksum", "_files/codec", "_files/packing"]
LOAD_PATH += ["_saving/estimators", "_saving/loading", "_saving/parts", "_saving/rules"]
LOAD_PATH += ["_saving/moved", "_estimator/pickling", "_estimator/saving"]
LOAD_PATH += ["_training/leaves", "_training/module_weights"]
FORBIDDEN = {"eval", "exec", "compile", "__import__", "import_module", "pickle"}
FORBIDDEN |= {"joblib", "cloudpickle", "dill", "marshal", "shelve", "importlib"}
FORBIDDEN |= {"subprocess", "system", "popen", "allow_pickle", "urllib"}
FORBIDDEN |= {"extract", "extractall", "socket", "globals", "find_class"}


@pytest.mark.parametrize("name", LOAD_PATH)
def test_the_load_path_runs_nothing(name):
    """No name that could run, import or fetch what a file says; no torch.load."""
    tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.Attribute):
            used.add(node.attr)
            assert ast.unparse(node) not in ("torch.load", "np.load", "numpy.load")
        elif isinstance(node, ast.alias):
            used.update(node.name.split("."))
        elif isinstance(node, ast.keyword):
            used.add(node.arg)
    assert used.isdisjoint(FORBIDDEN)
    assert used  # the names were found


def test_no_file_of_the_package_evaluates_or_unpickles():
    """But what the processes of one fit send each other, as SECURITY.md says."""
    messages = PACKAGE / "_world" / "ranks.py"
    assert "pickle.loads(" in messages.read_text(encoding="utf-8")
    for file in {*PACKAGE.rglob("*.py")} - {messages}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load"), file
                assert not called.startswith(("pickle.", "joblib.load")), file


def test_loading_opens_no_connection_and_no_other_file(path):
    """Nor does it import a module by a name from the file."""
    opened = []
    original = open

    def spy(file, *arguments, **options):
        opened.append(os.fspath(file))
        return original(file, *arguments, **options)

    with (
        mock.patch.object(socket, "socket", side_effect=AssertionError),
        mock.patch("builtins.open", spy),
        mock.patch("io.open", spy),
        mock.patch("pickle.loads", side_effect=AssertionError),
        mock.patch("pickle.Unpickler", side_effect=AssertionError),
    ):
        load(path)
    assert opened == [str(path)]


# Older files --------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_files_of_every_format_are_read(version):
    """Written by tests/data/make_saved.py of the release that had the format."""
    expected = json.loads((DATA / f"format_{version}.json").read_text(encoding="utf-8"))
    classifier = load(DATA / f"format_{version}_classifier.dcn")
    regressor = load(DATA / f"format_{version}_regressor.dcn")
    rows = expected["records"]
    np.testing.assert_allclose(
        classifier.predict_proba(rows), expected["probabilities"], rtol=1e-9
    )
    np.testing.assert_allclose(regressor.predict(rows), expected["outputs"], rtol=1e-9)
    assert classifier.classes_.tolist() == expected["classes"]
