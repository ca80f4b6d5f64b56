"""The rooms of the package and the arrows between them: read this first.

`sklearn_dcn/` is a house. Its folders are rooms, in the order in which a table walks
through them, and `ARROWS` says which room may ask which others. `docs/architecture.md`
shows the same as a picture, and where a new thing belongs.

A room is entered by its door alone: other rooms import what its `__init__` lists. The
public rooms (`network`, `preprocessing`, ...) have modules that are public as well.
"""

import ast
import functools
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec

import pytest
from helpers.paths import REPO, TESTS

ARROWS = {
    # The ground floor: single files that need nothing of the package.
    "_checks": [],  # argument checks
    "_ids": [],  # the ids 0 and 1, of unknown and missing levels
    "_printing": [],  # tables as text and HTML
    "_roles": ["_sorting"],  # which rows train, validate, describe others
    "_show_versions": [],
    "_sorting": [],  # the order of many integers
    "_version": [],
    "_warnings": [],
    "_world": [],  # one process, or several that fit together
    # Bytes: archive, checksum, values as JSON and arrays. No estimator, no torch.
    "_files": [],
    # Rows on disk or in a stream -> blocks in memory.
    "_scan": ["_printing"],
    # A user's table -> ids and floats. No torch.
    "_table": ["_files", "_ids", "_printing", "_roles", "_sorting", "_warnings"],
    # y <-> tensor; losses and links.
    "_targets": ["_table"],
    # embedding -> cross, deep -> logits. torch alone.
    "network": ["_checks", "_ids"],
    # Batches, members, steps, epochs. Knows no table.
    "_training": [
        "_files",
        "_ids",
        "_roles",
        "_show_versions",
        "_warnings",
        "_world",
        "network",
    ],
    # What a fitted network is asked.
    "_analysis": ["_checks", "_ids", "_printing", "_table", "_training", "network"],
    # What classifier and regressor share.
    "_estimator": [
        "_analysis",
        "_checks",
        "_files",
        "_ids",
        "_printing",
        "_roles",
        "_scan",
        "_show_versions",
        "_table",
        "_targets",
        "_training",
        "_world",
        "network",
    ],
    "classifier": ["_estimator", "_targets", "_training"],
    "multitask": ["_estimator"],
    "ranker": ["_estimator", "metrics"],
    "regressor": ["_estimator", "_targets"],
    # For users: steps alone, pictures, measures, recipes, graphs, data.
    "preprocessing": [
        "_checks",
        "_estimator",
        "_ids",
        "_table",
        "classifier",
        "regressor",
    ],
    "inspection": ["_analysis", "_checks", "_ids", "_table", "network"],
    "model_selection": ["_checks", "_table"],
    "distributed": ["_checks", "_world"],
    "metrics": ["_checks", "_table", "_targets"],
    "recommend": ["_checks", "_table", "_training", "network"],
    "presets": ["_estimator"],
    "onnx": [
        "_checks",
        "_estimator",
        "_ids",
        "_table",
        "_targets",
        "_version",
        "network",
        "preprocessing",
    ],
    "datasets": ["_scan"],
    # What a file may hold of each class, and `load`.
    "_saving": [
        "_checks",
        "_estimator",
        "_files",
        "_ids",
        "_table",
        "_targets",
        "_training",
        "_version",
        "classifier",
        "multitask",
        "network",
        "preprocessing",
        "ranker",
        "regressor",
    ],
    # The front door: what `import sklearn_dcn` gives.
    "": [
        "_files",
        "_saving",
        "_scan",
        "_show_versions",
        "_version",
        "classifier",
        "multitask",
        "ranker",
        "regressor",
    ],
}

# The rooms inside of `_table`, in the same way.
INSIDE_TABLE = {
    "reading": [],  # any table -> columns -> kinds, floats, codes and levels
    "categories": ["reading"],  # levels -> ids
    "numbers": [],  # numbers -> well-behaved floats
    "target_statistics": ["categories", "numbers", "reading"],
    "summaries": [],  # counts and samples of blocks, which can be added up
    "": ["categories", "numbers", "reading", "summaries", "target_statistics"],
}

# The tests of `sklearn_dcn/<room>/<module>.py` are `tests/<room>/test_<module>.py`. Of
# these modules another file has them: that of the module which is all that they serve,
# or of what shows where they go wrong.
TESTED_BY = {
    "_estimator/rivals.py": "field/test_rival_names.py",
    "_estimator/scoring.py": "field/test_scoring.py",
    "_estimator/blocks.py": "_estimator/test_long_fit.py",
    "_estimator/long_tables.py": "_estimator/test_long_fit.py",
    "_estimator/merging.py": "distributed/test_rows.py",
    "_training/apart.py": "distributed/test_rows.py",
    "_training/sharding.py": "distributed/test_rows.py",
    "_training/sharing.py": "distributed/test_rows.py",
    "_training/stopping.py": "_training/test_loop.py",
    "_world/alone.py": "_world/test_ranks.py",
    "_world/stores.py": "_world/test_ranks.py",
    "distributed/_dask.py": "distributed/test_engines.py",
    "distributed/_fit.py": "distributed/test_engines.py",
    "distributed/_ray.py": "distributed/test_engines.py",
    "network/draws.py": "distributed/test_rows.py",
    "_estimator/multitasking.py": "test_multitask.py",
    "_estimator/task_rules.py": "test_multitask.py",
    "_targets/task_columns.py": "_targets/test_tasks.py",
    "inspection/_response.py": "field/test_effect_of_a_column.py",
    "_saving/fits.py": "_saving/test_estimators.py",
    "_scan/base.py": "_scan/test_sources.py",
    "_scan/checking.py": "_scan/test_scan.py",
    "_scan/files.py": "_scan/test_sources.py",
    "_scan/frames.py": "_scan/test_sources.py",
    "_scan/parts.py": "_estimator/test_predicting_files.py",
    "_scan/queries.py": "_scan/test_sources.py",
    "_scan/streams.py": "_scan/test_sources.py",
    "_table/going_on.py": "_estimator/test_going_on.py",
    "_training/growth.py": "_estimator/test_going_on.py",
    "_table/in_blocks.py": "_table/target_statistics/test_cross_sums.py",
    "_table/advising.py": "field/test_codes.py",
    "_table/learning.py": "_table/test_encoder.py",
    "_table/target_statistics/supervision.py": "_estimator/test_validation.py",
    "_table/numbers/codes.py": "field/test_codes.py",
    "_table/reading/other_inputs.py": "field/test_no_tables.py",
    "_table/reading/references.py": "field/test_odd_categories.py",
    "_training/answers.py": "field/test_scoring.py",
    "_training/memory.py": "whole/test_bounded_memory.py",
    "_training/own_torch.py": "field/test_global_settings.py",
    "recommend/_halves.py": "recommend/test_scores.py",
    "recommend/_tables.py": "recommend/test_lists.py",
    "_files/foreign.py": "field/test_open_files.py",
    "onnx/_steps.py": "onnx/test_export.py",
    "onnx/inputs.py": "field/test_make_inputs.py",
    "_checks.py": "network/test_dcn.py",
    "_estimator/text_rules.py": "_estimator/test_parameters.py",
    "_estimator/memory.py": "whole/test_failures.py",
    "_estimator/rules.py": "_estimator/test_parameters.py",
    "_estimator/training.py": "_training/test_loop.py",
    "_ids.py": "_table/categories/test_category_levels.py",
    "_printing.py": "_table/test_printing.py",
    "_saving/rules.py": "_saving/test_estimators.py",
    "_saving/targets.py": "_saving/test_estimators.py",
    "_table/assembling.py": "_table/test_encoder.py",
    "_table/assigning.py": "_table/test_encoder.py",
    "_table/categories/free_text.py": "field/test_text.py",
    "_table/categories/column_ids.py": "_table/categories/test_category_levels.py",
    "_table/numbers/scaled.py": "_table/test_encoder.py",
    "_table/reading/sample_weight.py": "whole/test_bad_input.py",
    "_table/mostly_zeros.py": "field/test_bags_beside_columns.py",
    "_training/course.py": "whole/test_failures.py",
    "_files/containers.py": "_estimator/test_pickling.py",
    "_training/leaves.py": "_estimator/test_pickling.py",
    "_training/module_weights.py": "network/test_numeric.py",
    "_training/steps.py": "_training/test_schedule.py",
    "_training/watcher.py": "_training/test_progress.py",
    "_warnings.py": "whole/test_isolation.py",
    "datasets/_lines.py": "datasets/test_readers.py",
    "datasets/_movielens.py": "datasets/test_readers.py",
    "datasets/_tables.py": "datasets/test_loaders.py",
    "inspection/_grids.py": "field/test_effect_of_a_column.py",
    "inspection/_effect.py": "field/test_effect_of_a_column.py",
    "metrics/_order.py": "metrics/test_ranking.py",
    "network/_init.py": "network/test_cross_layers.py",
    "network/_widths.py": "network/test_embedding.py",
    "network/bags.py": "network/test_embedding.py",
    "network/ids.py": "network/test_embedding.py",
    "preprocessing/_bag_column.py": "field/test_bags_beside_columns.py",
    "presets/budgets.py": "presets/test_recipes.py",
}

# Files of tests that are about a whole room, or the whole house.
OF_A_ROOM = {
    "_training/test_compile.py": "compiled fits; warnings of the compiler are ignored",
    "distributed/test_rows.py": "fits of several ranks, and of one",
    "_training/test_lazy_fits.py": "the same fit by dense and by lazy gradients",
    "test_architecture.py": "the rooms themselves",
}

PACKAGE = REPO / "sklearn_dcn"
FILES = sorted(PACKAGE.rglob("*.py"))
NETWORK_FILES = sorted((PACKAGE / "network").glob("*.py"))
MAX_FILE = 400  # lines
MAX_ESTIMATOR = 810  # two thirds of these files document the parameters
MAX_FUNCTION = 60  # lines, without its docstring


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


@functools.cache
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
    known = MODULES
    found = set()
    for name in names:
        while name and name not in known:
            name = name.rpartition(".")[0]
        found.update({name} - {""})
    return found


def room(module):
    """Return the room that a module of the package is in, e.g. "_table"."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def inner_room(module):
    """Return the room of `_table` that a module is in, "" for its own files."""
    parts = module.split(".")
    is_room = len(parts) > 3 or (len(parts) == 3 and module in PACKAGES)
    return parts[2] if is_room else ""


MODULES = {module_name(path) for path in FILES}
PACKAGES = {module_name(path) for path in FILES if path.name == "__init__.py"}


def arrows(names, room_of):
    """Return the arrows between rooms that modules with these names draw."""
    found = {}
    for path in FILES:
        name = module_name(path)
        if name not in names:
            continue
        asked = own_modules(imports_of(path)) & names
        found.setdefault(room_of(name), set()).update(map(room_of, asked))
    return {one: others - {one} for one, others in found.items()}


# The rooms ----------------------------------------------------------------------------


def test_every_arrow_is_allowed_and_every_allowed_arrow_is_there():
    assert arrows(MODULES, room) == {one: set(others) for one, others in ARROWS.items()}


def test_the_rooms_of_the_table_are_in_order():
    inside = {name for name in MODULES if room(name) == "_table"}
    allowed = {one: set(others) for one, others in INSIDE_TABLE.items()}
    assert arrows(inside, inner_room) == allowed


@pytest.mark.parametrize("graph", [ARROWS, INSIDE_TABLE])
def test_arrows_have_no_circle(graph):
    assert len([*TopologicalSorter(graph).static_order()]) == len(graph)


def test_modules_have_no_circle():
    """Imports in functions count too: they would only hide a circle."""
    graph = {
        module_name(path): own_modules(imports_of(path)) - {module_name(path)}
        for path in FILES
    }
    [*TopologicalSorter(graph).static_order()]  # raises CycleError
    asked = set().union(*graph.values())
    private = {name for name in graph if "._" in name}
    assert private <= asked  # nothing is left over


def exported(package):
    """Return what the `__init__` of a package lists."""
    path = PACKAGE.parent / package.replace(".", "/") / "__init__.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def bound(package):
    """Return the names that the `__init__` of a package imports."""
    path = PACKAGE.parent / package.replace(".", "/") / "__init__.py"
    return {name.rpartition(".")[2] for name in imports_of(path)}


def is_private(name):
    """Tell whether a name is that of a module's own."""
    return name.startswith("_") and not name.startswith("__")


def is_at_the_door(name):
    """Tell whether another room may import a dotted name of a room."""
    module, _, what = name.rpartition(".")
    _, house, *inside = module.split(".")
    door = f"sklearn_dcn.{house}"
    if is_private(what) or any(map(is_private, inside)):
        return False
    if door not in PACKAGES:  # a single file
        return True
    if is_private(house):
        return module == door and what in exported(door)
    return bool(inside) or what in bound(door)


def test_the_door_is_understood():
    assert is_at_the_door("sklearn_dcn._table.TableEncoder")
    assert not is_at_the_door("sklearn_dcn._table.encoder.TableEncoder")
    assert not is_at_the_door("sklearn_dcn._table.stable_hash")
    assert not is_at_the_door("sklearn_dcn._table.reading.describe")
    assert is_at_the_door("sklearn_dcn._ids.UNKNOWN_ID")
    assert is_at_the_door("sklearn_dcn.network.DeepCrossNetwork")
    assert is_at_the_door("sklearn_dcn.network.embedding.auto_embedding_dim")
    assert not is_at_the_door("sklearn_dcn.network.cross._recurrence")
    assert not is_at_the_door("sklearn_dcn.preprocessing._encoder.CategoryEncoder")
    assert is_at_the_door("sklearn_dcn.classifier.DCNClassifier")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_rooms_are_entered_by_their_doors(path):
    own = room(module_name(path))
    for name in imports_of(path):
        if name.startswith("sklearn_dcn.") and room(name) != own:
            assert is_at_the_door(name), f"{module_name(path)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_private_names_stay_in_their_module(path):
    for name in imports_of(path):
        if name.startswith("sklearn_dcn.") and name not in MODULES:
            assert not is_private(name.rpartition(".")[2]), name


@pytest.mark.parametrize("package", sorted(PACKAGES - {"sklearn_dcn"}))
def test_doors_list_what_is_asked_for(package):
    """A private room lists no name that nobody outside of it imports."""
    if not package.split(".")[1].startswith("_"):
        return
    outside = [
        path
        for path in FILES
        if not module_name(path).startswith(f"{package}.")
        and module_name(path) != package
    ]
    asked = set().union(*(imports_of(path) for path in outside))
    assert {f"{package}.{name}" for name in exported(package)} <= asked


# Libraries ----------------------------------------------------------------------------


def users_of(*libraries):
    """Return the files that import a library, as paths in the package."""
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if top(imports_of(path)) & set(libraries)
    }


@pytest.mark.parametrize("path", NETWORK_FILES, ids=lambda path: path.name)
def test_network_imports_torch_alone(path):
    for name in imports_of(path):
        first = name.split(".")[0]
        ours = first == "sklearn_dcn"  # of which ARROWS says which
        known = first == "torch" or first in sys.stdlib_module_names
        assert ours or known, f"{path.name} imports {name}"


def test_two_files_know_skorch():
    assert users_of("skorch") == {"_training/net.py", "_training/stopping.py"}


def test_one_file_knows_how_processes_talk():
    def is_told(name):
        return name.startswith(("torch.distributed", "ray", "distributed", "dask"))

    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if any(map(is_told, imports_of(path)))
    }
    assert users == {"_world/ranks.py", "_world/stores.py", "distributed/_ray.py"}


def test_engines_are_imported_where_they_are_used():
    for path in FILES:
        names = top(imports_of(path, into_functions=False))
        assert names.isdisjoint({"ray", "distributed", "dask"}), path.name


def test_tables_and_files_know_no_torch():
    rooms = {path.split("/")[0] for path in users_of("torch", "skorch")}
    assert rooms.isdisjoint({"_table", "_files", "_checks.py", "_ids.py"})


def test_a_table_is_encoded_without_torch(tmp_path):
    """Not even by way of another library."""
    code = (
        "import sys, types\n"
        "import numpy as np\n"
        "house = types.ModuleType('sklearn_dcn')\n"
        f"house.__path__ = [{str(PACKAGE)!r}]\n"
        "sys.modules['sklearn_dcn'] = house  # without the front door, which needs it\n"
        "from sklearn_dcn._table import TableEncoder\n"
        "X = np.array([['a', 1.0], ['b', None]] * 9, dtype=object)\n"
        "x = TableEncoder().fit_transform(X, None, np.ones(18))\n"
        "assert x['x_cat'].shape == (18, 1) and x['x_num'].shape == (18, 2)\n"
    )
    assert "torch" not in top(loaded_modules(code, tmp_path))


def test_no_module_imports_pandas_when_it_is_loaded():
    for path in FILES:
        names = top(imports_of(path, into_functions=False))
        assert names.isdisjoint({"pandas", "polars", "pyarrow"}), path.name


def test_few_import_libraries_of_frames():
    """Loaders, readers of frames and files, and what makes frames for others."""
    reading = "_table/reading"
    assert users_of("pandas") == {
        "_analysis/mixing.py",
        "_scan/frames.py",
        "_table/target_statistics/foreign_encoders.py",
        "datasets/_movielens.py",
        "datasets/_tables.py",
        "inspection/_drift.py",
        "model_selection/_progressive.py",
        "model_selection/_splits.py",
        "recommend/_evaluate.py",
        "recommend/_lists.py",
        "recommend/_negatives.py",
        "recommend/_splits.py",
        "recommend/_tables.py",
        f"{reading}/frames.py",
    }
    assert users_of("polars") == {"_scan/queries.py", f"{reading}/frames.py"}
    outside = {path for path in users_of("pyarrow") if not path.startswith("_scan/")}
    assert outside == {
        "datasets/_lines.py",
        "datasets/_movielens.py",
        f"{reading}/frames.py",
    }
    assert users_of("narwhals") == {f"{reading}/floats.py", f"{reading}/frames.py"}


def test_only_the_graphs_import_onnx():
    assert {path.split("/")[0] for path in users_of("onnx")} == {"onnx"}


def attributes(source):
    """Return the attributes that a source uses, but for those of torch itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and not (isinstance(node.value, ast.Name) and node.value.id == "torch")
    }


def test_only_reading_knows_frames():
    """No other room uses what is special to frames and their columns."""
    assert attributes("torch.cat(x.cat.codes)") == {"cat", "codes"}
    special = {"iloc", "cat", "to_numpy", "to_arrow", "to_native", "factorize"}
    users = {
        path.relative_to(PACKAGE).parent.as_posix()
        for path in FILES
        if room(module_name(path)).startswith("_")
        and attributes(path.read_text(encoding="utf-8")) & special
    }
    assert users == {"_scan", "_table/reading"}


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
    is_estimator = path.parent == PACKAGE and path.stem in (
        "classifier",
        "multitask",
        "ranker",
        "regressor",
    )
    limit = MAX_ESTIMATOR if is_estimator else MAX_FILE
    assert len(source.splitlines()) <= limit, path.name
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # A constructor of scikit-learn has two lines for each parameter.
            if node.name == "__init__" and is_estimator:
                assert len(node.body) == len(node.args.args + node.args.kwonlyargs) - 1
                continue
            assert code_lines(node) <= MAX_FUNCTION, f"{path.name}: {node.name}"


def test_function_length_leaves_the_docstring_out():
    source = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    return a\n'
    assert code_lines(ast.parse(source).body[0]) == 4


# Tests --------------------------------------------------------------------------------

TEST_FILES = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}


def file_of_tests(path):
    """Return where the tests of a file of the package are, below `tests/`."""
    name = f"test_{path.stem.lstrip('_')}.py"
    return path.relative_to(PACKAGE).with_name(name).as_posix()


TESTED = {
    path.relative_to(PACKAGE).as_posix(): file_of_tests(path)
    for path in FILES
    if path.name not in ("__init__.py", "_version.py")
}


@pytest.mark.parametrize("module", TESTED)
def test_every_module_has_its_tests(module):
    """At its own path, or where `TESTED_BY` says, but not both."""
    assert (TESTED[module] in TEST_FILES) == (module not in TESTED_BY)
    assert TESTED_BY.get(module, TESTED[module]) in TEST_FILES


def test_every_file_of_tests_has_its_module():
    """But for those in folders that the package has not, as `whole` and `docs`."""
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | {""}
    mirrored = {
        path for path in TEST_FILES if path.rpartition("/")[0].split("/")[0] in folders
    }
    assert mirrored - set(TESTED.values()) == set(OF_A_ROOM)


def test_only_modules_that_are_there_are_tested_elsewhere():
    assert set(TESTED_BY) <= set(TESTED)


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
