"""Tests of the dataset loaders."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

import sklearn_dcn
from sklearn_dcn import datasets
from sklearn_dcn.datasets import (
    _tables,
    load_adult,
    load_bank_marketing,
    load_credit_default,
    load_online_shoppers,
)

TABLES = {
    "online_shoppers": (load_online_shoppers, _tables.ONLINE_SHOPPERS),
    "adult": (load_adult, _tables.ADULT),
    "bank_marketing": (load_bank_marketing, _tables.BANK_MARKETING),
    "credit_default": (load_credit_default, _tables.CREDIT_DEFAULT),
}
KEYS = {
    "data",
    "target",
    "frame",
    "feature_names",
    "target_names",
    "categorical_feature_names",
    "DESCR",
    "filename",
    "data_module",
}
# shape of data, number of categorical columns, rows of the positive class
FACTS = {
    "online_shoppers": ((12330, 17), 6, 1908),
    "adult": ((48842, 14), 8, 11687),
    "bank_marketing": ((45211, 16), 9, 5289),
    "credit_default": ((30000, 23), 9, 6636),
}
DOI = {
    "online_shoppers": "10.24432/C5F88Q",
    "adult": "10.24432/C5XW20",
    "bank_marketing": "10.24432/C5K306",
    "credit_default": "10.24432/C55S3H",
}


@pytest.fixture(scope="module", params=list(TABLES))
def name(request):
    """Return the name of each table in turn."""
    return request.param


@pytest.fixture(scope="module")
def bunch(name):
    """Return the table loaded with the default arguments."""
    return TABLES[name][0]()


def test_public_names():
    loaders = {name for name in datasets.__all__ if name.startswith("load_")}
    assert loaders == {f"load_{name}" for name in TABLES}


def test_bunch_keys(bunch):
    assert isinstance(bunch, Bunch)
    assert set(bunch) == KEYS


def test_shape_and_positive_rate(name, bunch):
    shape, n_categorical, n_positive = FACTS[name]
    assert bunch.data.shape == shape
    assert bunch.target.shape == shape[:1]
    assert bunch.frame.shape == (shape[0], shape[1] + 1)
    assert len(bunch.categorical_feature_names) == n_categorical
    assert bunch.target.sum() == n_positive
    assert set(bunch.target) == {0, 1}
    assert len(bunch.target_names) == 2
    assert len(set(bunch.target_names)) == 2


def test_frame_joins_data_and_target(bunch):
    pd.testing.assert_frame_equal(bunch.frame[bunch.feature_names], bunch.data)
    pd.testing.assert_series_equal(bunch.frame[bunch.target.name], bunch.target)
    assert bunch.target.name not in bunch.feature_names
    assert bunch.data.index.equals(pd.RangeIndex(len(bunch.data)))


def test_categorical_names_agree_with_dtypes(bunch):
    is_numeric = bunch.data.dtypes.map(pd.api.types.is_numeric_dtype)
    assert bunch.data.columns[~is_numeric].tolist() == bunch.categorical_feature_names
    for column in bunch.categorical_feature_names:
        assert pd.api.types.is_string_dtype(bunch.data[column].dropna())
        assert all(isinstance(level, str) for level in bunch.data[column].dropna())


def test_numeric_dtypes(name, bunch):
    table = TABLES[name][1]
    assert bunch.target.dtype == np.int64
    assert all(bunch.data[column].dtype == np.int64 for column in table.integer)
    assert all(bunch.data[column].dtype == np.float64 for column in table.floating)
    kinds = [*table.categorical, *table.integer, *table.floating]
    assert sorted(kinds) == sorted(bunch.feature_names)


def test_missing_values(name, bunch):
    missing = bunch.data.isna().sum()
    expected = (
        {"workclass": 2799, "occupation": 2809, "native-country": 857}
        if name == "adult"
        else {}
    )
    assert missing[missing > 0].to_dict() == expected


def test_known_rows():
    adult = load_adult().frame
    assert adult.iloc[0].tolist() == [
        *(25, "Private", 226802, "11th", 7, "Never-married", "Machine-op-inspct"),
        *("Own-child", "Black", "Male", 0, 0, 40, "United-States", 0),
    ]
    bank = load_bank_marketing().data
    assert bank.iloc[0].tolist() == [
        *(58, "management", "married", "tertiary", "no", 2143, "yes", "no"),
        *("unknown", 5, "may", 261, 1, -1, 0, "unknown"),
    ]
    credit = load_credit_default().frame
    assert credit.iloc[0].tolist() == [
        *(20000, "2", "2", "1", 24, "2", "2", "-1", "-1", "-2", "-2"),
        *(3913, 3102, 689, 0, 0, 0, 0, 689, 0, 0, 0, 0, 1),
    ]
    shoppers = load_online_shoppers().data
    assert shoppers["OperatingSystems"].iloc[:3].tolist() == ["1", "2", "4"]
    assert shoppers["PageValues"].max() == 361.7637419


def test_return_X_y(name, bunch):
    X, y = TABLES[name][0](return_X_y=True)
    pd.testing.assert_frame_equal(X, bunch.data)
    pd.testing.assert_series_equal(y, bunch.target)


def test_arrays(name, bunch):
    load = TABLES[name][0]
    arrays = load(as_frame=False)
    assert set(arrays) == KEYS
    assert arrays.frame is None
    assert isinstance(arrays.data, np.ndarray)
    assert arrays.data.dtype == object
    assert arrays.data.shape == bunch.data.shape
    assert isinstance(arrays.target, np.ndarray)
    assert arrays.target.dtype == np.int64
    np.testing.assert_array_equal(arrays.target, bunch.target)
    assert arrays.feature_names == bunch.feature_names

    missing = pd.isna(arrays.data)
    np.testing.assert_array_equal(missing, bunch.data.isna())
    assert all(math.isnan(value) for value in arrays.data[missing])
    np.testing.assert_array_equal(
        arrays.data[~missing], bunch.data.to_numpy(dtype=object)[~missing]
    )
    for index, column in enumerate(arrays.feature_names):
        is_string = [isinstance(v, str) for v in arrays.data[~missing[:, index], index]]
        assert all(is_string) == (column in arrays.categorical_feature_names)
        assert any(is_string) == all(is_string)


def test_arrays_return_X_y(name):
    X, y = TABLES[name][0](return_X_y=True, as_frame=False)
    assert isinstance(X, np.ndarray)
    assert isinstance(y, np.ndarray)
    assert len(X) == len(y)


def test_arguments_are_keyword_only(name):
    with pytest.raises(TypeError):
        TABLES[name][0](True)


def test_calls_are_independent():
    first = load_online_shoppers()
    first.data.loc[0, "Month"] = "changed"
    first.categorical_feature_names.clear()
    second = load_online_shoppers()
    assert second.data.loc[0, "Month"] == "Feb"
    assert len(second.categorical_feature_names) == 6


def test_description(name, bunch):
    assert "CC BY 4.0" in bunch.DESCR
    assert DOI[name] in bunch.DESCR
    assert f"{len(bunch.data):,}" in bunch.DESCR
    assert f"{bunch.target.sum():,} rows" in bunch.DESCR
    assert f"``{bunch.target.name}``" in bunch.DESCR
    assert all(f"\n{column} " in bunch.DESCR for column in bunch.feature_names)
    assert all(label in bunch.DESCR for label in bunch.target_names)


def test_description_counts_levels(bunch):
    rows = [line.split() for line in bunch.DESCR.splitlines()]
    for column in bunch.categorical_feature_names:
        [row] = [row for row in rows if row[:1] == [column]]
        assert int(row[1]) == bunch.data[column].nunique()


def test_bank_marketing_warns_of_duration():
    assert "``duration`` is known only after the call" in load_bank_marketing().DESCR


def test_licence_file(name, bunch):
    text = resources.files(bunch.data_module).joinpath("LICENSE.txt").read_text("utf-8")
    assert "CC BY 4.0" in text
    assert bunch.filename in text
    assert DOI[name] in text


def test_checksum(name, bunch):
    content = resources.files(bunch.data_module).joinpath(bunch.filename).read_bytes()
    assert hashlib.sha256(content).hexdigest() == TABLES[name][1].sha256


def test_pandas_is_needed_only_by_the_call():
    # scikit-learn imports pandas where it is installed, and the parent package has
    # its own dependencies: block the one and replace the other by a stand-in.
    code = f"""
import sys, types
sys.modules["pandas"] = None
parent = types.ModuleType("sklearn_dcn")
parent.__path__ = {list(sklearn_dcn.__path__)!r}
sys.modules["sklearn_dcn"] = parent
from sklearn_dcn.datasets import load_adult
try:
    load_adult()
except ImportError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("load_adult needs pandas")
