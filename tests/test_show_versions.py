"""Tests of the report of versions."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
import torch

import sklearn_dcn
from sklearn_dcn import _show_versions
from sklearn_dcn._show_versions import show_versions


@pytest.fixture
def sections(capsys):
    """Return the printed report as a dictionary of dictionaries."""
    assert show_versions() is None
    report = {}
    for block in capsys.readouterr().out.strip().split("\n\n"):
        title, *lines = block.splitlines()
        pairs = [line.split(": ", maxsplit=1) for line in lines]
        report[title] = {key.strip(): value for key, value in pairs}
    return report


def test_sections(sections):
    assert list(sections) == ["System:", "Python dependencies:", "torch:"]


def test_system(sections):
    system = sections["System:"]
    assert list(system) == ["python", "executable", "machine"]
    assert system["executable"] == sys.executable
    assert system["python"] == sys.version.replace("\n", " ")


def test_dependencies(sections):
    dependencies = sections["Python dependencies:"]
    assert list(dependencies) == [
        "sklearn_dcn",
        "scikit-learn",
        "skorch",
        "torch",
        "numpy",
        "scipy",
        "category-encoders",
        "safetensors",
        "pandas",
        "polars",
        "pyarrow",
    ]
    for name in ("scikit-learn", "torch", "numpy", "scipy"):
        assert dependencies[name] == version(name)


def test_torch(sections):
    info = sections["torch:"]
    assert info["threads"] == str(torch.get_num_threads())
    assert info["CUDA available"] == str(torch.cuda.is_available())
    assert info["MPS available"] in ("True", "False")
    assert info["default dtype"] == str(torch.get_default_dtype())


def test_absent_package_is_none(monkeypatch, capsys):
    monkeypatch.setattr(_show_versions, "_DEPENDENCIES", ("no-such-distribution",))
    show_versions()
    assert "no-such-distribution: None\n" in capsys.readouterr().out


def test_versions_are_printed_before_torch_fails(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError):
        show_versions()
    assert "scikit-learn: " in capsys.readouterr().out


def test_no_optional_package_is_imported():
    # The parent package has its own dependencies: a stand-in leaves them out.
    code = f"""
import sys, types
parent = types.ModuleType("sklearn_dcn")
parent.__path__ = {list(sklearn_dcn.__path__)!r}
sys.modules["sklearn_dcn"] = parent
from sklearn_dcn._show_versions import show_versions
assert "torch" not in sys.modules
show_versions()
optional = {{"pandas", "polars", "pyarrow", "category_encoders", "skorch"}}
assert not optional & set(sys.modules), optional & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
