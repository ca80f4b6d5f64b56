"""Pickles of the release before the package had rooms are read as before."""

import json
import pickle
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from helpers.paths import DATA
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix

from sklearn_dcn._saving.moved import MOVED

PAIRS = [(module, cls) for module, classes in MOVED.items() for cls in classes]


@pytest.fixture(scope="module")
def flat():
    """Return estimators of a pickle of commit 45e071d, and what they predicted."""
    models = pickle.loads((DATA / "flat.pkl").read_bytes())
    expected = json.loads((DATA / "flat.json").read_text(encoding="utf-8"))
    return models, expected


def test_they_predict_what_they_did(flat):
    models, expected = flat
    p = models["mixed"].predict_proba(expected["records"])
    assert_allclose(p, expected["probabilities"], rtol=1e-12)
    outputs = models["sparse"].predict(csr_matrix(expected["counts"]))
    assert_allclose(outputs, expected["outputs"], rtol=1e-12)


def test_they_print_save_and_go_on(flat, tmp_path):
    models, expected = flat
    assert "city x is_new" in repr(models["mixed"].encoder_)
    models["mixed"].save(tmp_path / "model.dcn")
    again = pickle.loads(pickle.dumps(models["sparse"]))
    assert again.warm_start  # so that it has kept its optimiser
    again.fit(csr_matrix(expected["counts"]), np.arange(9.0))
    assert again.n_iter_ == 2 * models["sparse"].n_iter_


def test_a_pickle_may_be_the_first_to_import_the_package():
    code = f"import pickle; pickle.load(open({str(DATA / 'flat.pkl')!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("module", "cls"), PAIRS)
def test_old_names_lead_to_the_classes(module, cls):
    found = getattr(import_module(f"sklearn_dcn.{module}"), cls.__name__)
    assert found is cls
    assert cls.__module__.startswith("sklearn_dcn._table.")


def test_names_are_those_of_the_old_pickle():
    """All but those that stand where they did."""
    content = (DATA / "flat.pkl").read_bytes()
    stayed = ("classifier", "regressor", "_targets")
    for module in {f"sklearn_dcn.{name}" for name in (*MOVED, *stayed)}:
        is_there = module.encode() in content
        assert is_there or module == "sklearn_dcn._statistics", module
