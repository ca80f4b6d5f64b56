"""The shape of the package: imports point one way, files and functions are small."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sklearn_dcn"
FILES = sorted(PACKAGE.rglob("*.py"))
NETWORK_FILES = sorted((PACKAGE / "network").glob("*.py"))
MAX_FILE = 470  # lines
MAX_ESTIMATOR = 640  # two thirds of these files document the parameters
MAX_FUNCTION = 60  # lines, without its docstring

READING = ["_table", "_columns", "_lists", "_features", "_vocabulary", "_packing"]
STAGES = ["_encoding", "_categories", "_bags", "_numbers", "_targets", "_rows"]
STAGES += [*READING, "_batches", "_schema", "_statistics", "_crosses", "_target_table"]
STAGES += ["_scaled"]
ABOVE_STAGES = [
    "_base",
    "_predicting",
    "_pickling",
    "_saving",
    "_loading",
    "_stored",
    "_stored_estimators",
    "classifier",
    "regressor",
    "_training",
    "_parameters",
]


def module_name(path):
    """Return the dotted name of a file's module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node):
    """Tell whether a node is ``if TYPE_CHECKING:``, which does not run."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk(node, *, into_functions):
    """Yield the nodes below `node` that can run, perhaps not those in functions."""
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        if is_type_checking(child) or (is_function and not into_functions):
            continue
        yield child
        yield from walk(child, into_functions=into_functions)


def imported(source, name, *, is_package=False, into_functions=True):
    """Return the dotted names that a module's source imports, in absolute form."""
    found = set()
    for node in walk(ast.parse(source), into_functions=into_functions):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - is_package
                parents = name.split(".")[: len(name.split(".")) - up]
                base = ".".join([*parents, *([base] if base else [])])
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def imports_of(path, **options):
    """Return the dotted names that a file imports."""
    is_package = path.name == "__init__.py"
    source = path.read_text(encoding="utf-8")
    return imported(source, module_name(path), is_package=is_package, **options)


def top(names):
    """Return the first parts of dotted names."""
    return {name.split(".")[0] for name in names}


def own_modules(names):
    """Return the modules of the package that the dotted names are, or are in."""
    known = {module_name(path) for path in FILES}
    found = set()
    for name in names:
        while name and name not in known:
            name = name.rpartition(".")[0]
        found.update({name} - {""})
    return found


def test_imports_are_understood():
    source = (
        "from __future__ import annotations\n"
        "import a.b\n"
        "from c import d as e\n"
        "from . import f\n"
        "from ..g import h\n"
        "if TYPE_CHECKING:\n    import i\n"
        "try:\n    import j\nexcept ImportError:\n    pass\n"
        "def function():\n    import k\n"
    )
    common = {"__future__.annotations", "a.b", "c.d", "j"}
    assert imported(source, "p.q.r", into_functions=False) == common | {
        "p.q.f",
        "p.g.h",
    }
    assert imported(source, "p.q", is_package=True) == common | {"p.q.f", "p.g.h", "k"}
    assert own_modules({"sklearn_dcn._table.check_table"}) == {"sklearn_dcn._table"}
    assert {"classifier.py", "cross.py", "_table.py"} <= {path.name for path in FILES}


# Directions of imports ----------------------------------------------------------------


@pytest.mark.parametrize("path", NETWORK_FILES, ids=lambda path: path.name)
def test_network_imports_torch_alone(path):
    for name in imports_of(path):
        first = name.split(".")[0]
        assert (
            first == "torch"
            or first in sys.stdlib_module_names
            or name.startswith("sklearn_dcn.network.")
        ), f"{path.name} imports {name}"


def test_only_training_imports_skorch():
    users = {path.name for path in FILES if "skorch" in top(imports_of(path))}
    assert users == {"_net.py", "_training.py"}


def test_no_module_imports_pandas_when_it_is_loaded():
    for path in FILES:
        names = top(imports_of(path, into_functions=False))
        assert names.isdisjoint({"pandas", "polars", "pyarrow"}), path.name


def test_few_import_libraries_of_frames():
    """The loaders, tables, and what makes frames for encoders of other libraries."""
    users = {
        name: {path.name for path in FILES if name in top(imports_of(path))}
        for name in ("pandas", "polars", "pyarrow", "narwhals")
    }
    assert users == {
        "pandas": {"_loaders.py", "_table.py", "_statistics.py", "_mixing.py"},
        "polars": {"_table.py"},
        "pyarrow": {"_table.py"},
        "narwhals": {"_table.py", "_columns.py"},
    }


def test_only_the_graphs_import_onnx():
    users = {path.parent.name for path in FILES if "onnx" in top(imports_of(path))}
    assert users == {"onnx"}
    for path in FILES:
        if path.parent.name != "onnx":
            assert "sklearn_dcn.onnx" not in own_modules(imports_of(path)), path.name


def attributes(source):
    """Return the attributes that a source uses, but for those of torch itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and not (isinstance(node.value, ast.Name) and node.value.id == "torch")
    }


def test_only_table_and_columns_know_frames():
    """No other file uses what is special to frames and their columns."""
    assert attributes("torch.cat(x.cat.codes)") == {"cat", "codes"}
    special = {"iloc", "cat", "to_numpy", "to_arrow", "to_native", "factorize"}
    users = {
        path.name
        for path in FILES
        if path.parent == PACKAGE
        and attributes(path.read_text(encoding="utf-8")) & special
    }
    assert users == {"_table.py", "_columns.py"}


def test_reading_knows_nothing_of_the_encoding():
    """What reads tables imports no other stage, but for the ids that are reserved."""
    allowed = {f"sklearn_dcn.{name}" for name in READING}
    for name in READING:
        names = own_modules(imports_of(PACKAGE / f"{name}.py"))
        assert names - allowed <= {"sklearn_dcn.network.embedding"}, name


def test_network_does_not_know_the_rest():
    for path in NETWORK_FILES:
        for name in own_modules(imports_of(path)):
            assert name.startswith("sklearn_dcn.network"), f"{path.name} imports {name}"


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_what_uses_them(stage):
    names = own_modules(imports_of(PACKAGE / f"{stage}.py"))
    assert names.isdisjoint(f"sklearn_dcn.{name}" for name in ABOVE_STAGES)


def test_only_estimators_are_above_base():
    users = {
        path.name
        for path in FILES
        if "sklearn_dcn._base" in own_modules(imports_of(path))
    }
    assert users == {"classifier.py", "regressor.py", "_embedder.py", "_export.py"}


def test_imports_have_no_cycle():
    """Those in functions count too: they would only hide a cycle."""
    graph = {
        module_name(path): own_modules(imports_of(path)) - {module_name(path)}
        for path in FILES
    }
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    tops = ("datasets", "inspection", "preprocessing")
    packages = {"sklearn_dcn", *(f"sklearn_dcn.{name}" for name in tops)}
    imported_by_others = set().union(*graph.values())
    assert packages.isdisjoint(imported_by_others)
    private = {name for name in graph if "._" in name}
    assert private <= imported_by_others  # nothing is left over
    assert order.index("sklearn_dcn.network") < order.index("sklearn_dcn._training")


# Sizes --------------------------------------------------------------------------------


def code_lines(function):
    """Return the number of lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        doc = function.body[0]
        lines -= doc.end_lineno - doc.lineno + 1
    return lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_and_functions_are_small(path):
    source = path.read_text(encoding="utf-8")
    is_estimator = path.name in ("classifier.py", "regressor.py")
    limit = MAX_ESTIMATOR if is_estimator else MAX_FILE
    assert len(source.splitlines()) <= limit, path.name
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # A constructor of scikit-learn has two lines for each parameter.
            if node.name == "__init__" and is_estimator:
                assert len(node.body) == len(node.args.kwonlyargs)
                continue
            assert code_lines(node) <= MAX_FUNCTION, f"{path.name}: {node.name}"


def test_function_length_leaves_the_docstring_out():
    source = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    return a\n'
    assert code_lines(ast.parse(source).body[0]) == 4


# What an import costs -----------------------------------------------------------------


def loaded_modules(code, tmp_path):
    """Return the modules in `sys.modules` of a fresh interpreter that ran `code`."""
    code += "\nimport sys\nprint(*sys.modules, sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    return set(result.stdout.split())


def test_import_loads_nothing_optional(tmp_path):
    own = {name for path in FILES for name in imports_of(path, into_functions=False)}
    # What the dependencies load by themselves, in the parts of them that are used.
    needed = sorted(
        {name.rpartition(".")[0] for name in own if top({name}) & {"sklearn", "skorch"}}
    )
    assert "sklearn.base" in needed
    if not find_spec("sklearn.callback"):  # which came with 1.9
        needed.remove("sklearn.callback")
    base = loaded_modules(
        "\n".join(f"import {name}" for name in ["torch", "sklearn", "skorch", *needed]),
        tmp_path,
    )
    loaded = loaded_modules(
        "import sklearn_dcn.datasets, sklearn_dcn.presets, sklearn_dcn.inspection",
        tmp_path,
    )
    optional = {
        "category_encoders",
        "IPython",
        "matplotlib",
        "narwhals",
        "onnx",
        "optuna",
        "pandas",
        "polars",
        "pyarrow",
        "safetensors",
        "tensorflow",
    }
    extra = top(loaded) - top(base)
    assert extra.isdisjoint(optional)
    assert extra - sys.stdlib_module_names == {"sklearn_dcn"}
    # Also not by way of a dependency: nothing imports the estimator's encoders.
    assert top(loaded).isdisjoint({"category_encoders", "polars", "matplotlib"})
