"""docs/architecture.md names rooms, files and functions that are there."""

import ast
import re

import pytest
from helpers.paths import REPO

PACKAGE = REPO / "sklearn_dcn"
PAGE = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = (REPO / "docs" / "architecture.svg").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE)
PATHS = sorted({code for code in CODE if re.fullmatch(r"[\w.]+(/[\w.]+)*/?", code)})
PATHS = [path for path in PATHS if "/" in path or path.endswith((".py", ".md"))]
ROWS = re.findall(r"^\| `([\w/]+)/` \| .* \| (`.*`) \|$", PAGE, re.MULTILINE)
BEGIN = {room: re.findall(r"`([^`]+)`", files) for room, files in ROWS}
NAMES = sorted({code for code in CODE if re.fullmatch(r"_?[A-Za-z]\w*(\.\w+)?", code)})


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_there(path):
    """Below the repository or the package; a file to begin with is in its room."""
    found = [base / path for base in (REPO, PACKAGE) if (base / path).exists()]
    if "/" in path or found:
        assert found
        assert found[0].is_dir() == path.endswith("/")
    else:
        assert path in {file for files in BEGIN.values() for file in files}


@pytest.mark.parametrize("room", BEGIN)
def test_the_file_to_begin_with_is_in_its_room(room):
    for file in BEGIN[room]:
        assert (PACKAGE / room / file).is_file()


def test_every_room_is_in_table_and_picture():
    rooms = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    for room in rooms:
        if room.parent.name == "datasets":  # files alone
            continue
        assert room.relative_to(PACKAGE).as_posix() in BEGIN, room
        if room.parent == PACKAGE:
            assert f">{room.name}/<" in PICTURE, room
    for file in PACKAGE.glob("*.py"):
        assert file.name in PICTURE, file


def definitions():
    """Return names of functions, classes and methods, e.g. "TableEncoder.transform"."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            if isinstance(node, ast.ClassDef):
                found |= {
                    f"{node.name}.{part.name}"
                    for part in node.body
                    if isinstance(part, ast.FunctionDef)
                }
    return found


def test_every_function_and_class_is_there():
    words = {"X", "y", "weight", "category_encoder", "category_dropout"}
    known = definitions()
    asked = {name for name in NAMES if not name.endswith((".py", ".md"))} - words
    assert {"TableEncoder.transform", "BaseDCN._learn", "train"} <= asked
    assert asked <= known, asked - known


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/index.md"])
def test_it_is_linked(page):
    assert "architecture.md" in (REPO / page).read_text(encoding="utf-8")
