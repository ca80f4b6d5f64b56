"""What is in a wheel: the package with its types and tables, and nothing else."""

import shutil
import subprocess
import sys
from zipfile import ZipFile

import pytest
from helpers.paths import REPO


def test_content(tmp_path):
    pytest.importorskip("setuptools", minversion="77")  # which pyproject.toml asks for
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(REPO / "sklearn_dcn", source / "sklearn_dcn")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    command = [sys.executable, "-c", build]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        text = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
    inside = {name for name in names if name.startswith("sklearn_dcn/")}
    paths = (REPO / "sklearn_dcn").rglob("*")
    expected = {
        path.relative_to(REPO).as_posix()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == expected
    assert "sklearn_dcn/py.typed" in inside
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sklearn_dcn"}
    assert "License-Expression: BSD-3-Clause" in text or "BSD" in text
    assert "Requires-Python: >=3.11" in text
