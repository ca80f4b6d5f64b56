"""load refuses whatever save did not write, runs nothing, and says what to do."""

import ast
import io
import json
import os
import pickle
import socket
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from helpers.paths import DATA
from helpers.tables import make_mixed
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from scipy.sparse import csr_matrix

import sklearn_dcn
from sklearn_dcn import DCNClassifier, DCNRegressor, LoadError, load
from sklearn_dcn._estimator.saving import FORMAT_VERSION, SPELLING
from sklearn_dcn._files.archive import write_archive
from sklearn_dcn._files.checksum import N_DIGEST, checksum
from sklearn_dcn._files.codec import DECODERS
from sklearn_dcn._saving.estimators import ESTIMATORS
from sklearn_dcn._saving.parts import PARTS

PACKAGE = Path(sklearn_dcn.__file__).parent
CORPUS = DATA / "fuzz_corpus.tar.xz"
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


# Bytes --------------------------------------------------------------------------------


def test_the_file_is_good_to_begin_with(path):
    assert load(path).n_iter_ == 1
    change(path, config=lambda tree: None, arrays=lambda arrays: None)
    assert load(path).n_iter_ == 1
    path.write_bytes(seal(path.read_bytes()))
    assert load(path).n_iter_ == 1


def test_every_changed_byte_is_noticed(path, saved):
    """Some in all parts of the file, and all at its ends."""
    n = len(saved)
    for k in [*range(0, 64), *range(64, n - 300, 997), *range(n - 300, n)]:
        bad = bytearray(saved)
        bad[k] ^= 1 << (k % 8)
        path.write_bytes(bad)
        with pytest.raises(LoadError, match=r"checksum|no file that save"):
            load(path)


def test_files_cut_short_or_long(path, saved):
    for n in (0, 1, 3, 4, 22, 100, len(saved) // 2, len(saved) - 1):
        path.write_bytes(saved[:n])
        with pytest.raises(LoadError):
            load(path)
    for content in (saved + b"x", b"x" + saved, saved[:500] + saved):
        path.write_bytes(content)
        with pytest.raises(LoadError):
            load(path)


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


# Archives -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/passwd", "a/b.json", "C:\\x.json", "x.pkl.json", ""]
)
def test_names_that_lead_elsewhere(name, path):
    members = members_of(path)

    def write(archive):
        for member in [*members, name]:
            archive.writestr(zipfile.ZipInfo(member), members.get(member, b"x"))

    write_zip(path, write)
    with pytest.raises(LoadError, match="a member of the name"):
        load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_twice_more_or_less(path):
    members = members_of(path)
    for names, match in [
        ([*MEMBERS, MEMBERS[0]], "a member of the name 'config.json'"),
        ([*MEMBERS, "more.json"], r"the members \['arrays.safetensors', 'config.json"),
        (MEMBERS[:1], r"the members \['config.json'\]"),
        (MEMBERS[1:], "has no config.json"),
        ([], "save|has no config.json"),
    ]:
        write_zip(
            path,
            lambda archive, names=names: [
                archive.writestr(name, members.get(name, b"{}")) for name in names
            ],
        )
        with pytest.raises(LoadError, match=match):
            load(path)


def test_a_zip_bomb_is_not_unpacked(path):
    """Compressed members are refused, whatever size they say they are."""
    members = members_of(path)

    def write(archive):
        archive.writestr("config.json", members["config.json"])
        zeros = b"\0" * 50_000_000
        archive.writestr("arrays.safetensors", zeros, zipfile.ZIP_DEFLATED)

    write_zip(path, write)
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(LoadError, match=r"'arrays\.safetensors' is not plainly stored"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("offset", "value", "match"),
    [
        (8, struct.pack("<H", 1), "not plainly stored"),  # encrypted
        (10, struct.pack("<H", 8), "not plainly stored"),  # deflated
        (20, struct.pack("<LL", 2**31, 2**31), "larger than itself"),  # sizes
        (24, struct.pack("<L", 7), "not plainly stored"),
        (42, struct.pack("<L", 2**31), "cannot be read"),  # where it begins
        (0, b"PK\0\0", "no zip file"),
    ],
)
def test_a_directory_that_lies(offset, value, match, path):
    """Fields of the first entry of the zip's directory, with the right checksum."""
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + offset
    content[at : at + len(value)] = value
    path.write_bytes(seal(bytes(content)))
    with pytest.raises(LoadError, match=match):
        load(path)


def test_the_crc_of_a_member_is_checked(path):
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(seal(bytes(content)))
    with pytest.raises(LoadError, match=r"member 'config\.json' cannot be read"):
        load(path)


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


STATES = {
    "no estimator": {"object": ["Vocabulary", {}]},
    "unknown class": {"object": ["os.system", {}]},
    "no object": {"bytes": "00"},
    "two kinds": {"object": ["DCNClassifier", {}], "bytes": ""},
    "unknown kind": {"eval": "1"},
    "no fields": {"object": ["DCNClassifier", {}]},
    "none": None,
    "deep": json.loads("[" * 900 + "]" * 900),
}


@pytest.mark.parametrize("name", STATES)
def test_states_of_other_things(name, path):
    change(path, config=lambda tree: tree.update(state=STATES[name]))
    with pytest.raises(LoadError, match="not what save"):
        load(path)


def put(value, *way):
    """Return a change of the tree that puts a value at the end of a way of fields."""

    def config(tree):
        fields(tree, *way[:-1])[way[-1]] = value

    return config


def in_fit(name, value):
    """Return a change of a parameter of the fit."""

    def config(tree):
        for entry in fields(tree)["_params_in_fit"]["dict"]:
            if entry[0] == name:
                entry[1] = value

    return config


@pytest.mark.parametrize(
    "config",
    [
        put(3, "cross"),
        put({"object": ["Seen", {}]}, "callbacks"),
        put([1], "callbacks"),
        put({"object": ["CategoryEncoder", {}]}, "category_encoder"),
        put({"module": "os"}, "net_params"),
        put({"dict": [["module", "x"]]}, "net_params"),
        in_fit("net_params", {"dict": [["nonsense", 1]]}),
        put(True, "n_iter_"),
        put(7, "n_iter_"),
        put(2, "best_epoch_"),
        put(6, "n_features_in_"),
        put([{"dict": [["batches", []]]}], "history_"),
        put("periodic", "_numeric_embedding"),
        put(None, "_target"),
        put(None, "encoder_"),
        put(3, "_target", "d_out"),
        put([], "encoder_", "names"),
        put({"dict": []}, "encoder_", "categories"),
        put(None, "encoder_", "crosses"),
        put([0, 0], "encoder_", "crosses", "sizes"),
        put([], "encoder_", "crosses", "pairs"),
        put({"tuple": [2]}, "encoder_", "crosses", "counted"),
        put("eval", "encoder_", "pooling_"),
        in_fit("n_cross_layers", 10**9),
        in_fit("hidden_layer_sizes", {"tuple": [10**15]}),
        in_fit("hidden_layer_sizes", {"tuple": [1] * 100_000}),
        in_fit("cross", "gated"),
        in_fit("embedding_dim", 2**62),
        in_fit("dtype", "float16"),
    ],
    ids=range(29),
)
def test_fields_that_do_not_fit(config, path):
    change(path, config=config)
    with pytest.raises(LoadError, match=r"not what save\(\) writes"):
        load(path)


def test_the_state_of_a_random_generator(path):
    """A position outside of it would be read, by numpy, from outside of it."""
    for position in (-1, 625, 2**31, 0.5, None, "x"):

        def config(tree, position=position):
            fields(tree)["_rng"]["random_state"][1] = position

        change(path, config=config)
        with pytest.raises(LoadError):
            load(path)


# Arrays -------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("head.weight", with_first(np.nan)),
        ("head.weight", with_first(np.inf)),
        ("head.weight", lambda a: a[:, :-1]),
        ("head.weight", lambda a: a.T),
        ("head.weight", lambda a: a.astype(np.float32)),
        ("head.weight", lambda a: a.astype(np.int64)),
        ("head.weight", lambda a: None),
        ("head.bias", lambda a: a[:0]),
        ("tables.0", lambda a: a[:-1]),
        ("bag_tables.0", lambda a: np.vstack([a, a])),
        ("numbers.edges", with_first(-np.inf)),
        (".knots", lambda a: a[::-1]),
        (".knots", lambda a: a[:1]),
        (".quantiles", lambda a: np.arange(1e5)),
        (".counts", lambda a: a[:-1]),
        (".lengths", with_first(-1)),
        (".lengths", with_first(2**62)),
        (".data", with_first(255)),
        (".data", lambda a: a.astype(np.int8)),
        ("_class_weights", lambda a: a[:1]),
        ("_rng", lambda a: a[:-1]),
        ("_rng", lambda a: a.astype(np.int64)),
        ("crosses.keys", lambda a: a[::-1]),
        ("crosses.values", lambda a: a[:-1]),
        ("crosses.default", lambda a: np.repeat(a, 2)),
        ("crosses.counts", lambda a: np.ones(len(a) + 1)),
        ("initial_logits", lambda a: np.repeat(a, 2)),
        ("classes_", lambda a: a + 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_do_not_fit(name, function, path):
    change(path, arrays=edit(name, function))
    with pytest.raises(LoadError, match="not what save"):
        load(path)


def test_arrays_of_no_use_or_used_twice(path):
    change(path, arrays=lambda found: found.update(more=np.zeros(3)))
    with pytest.raises(LoadError, match="arrays of no use, as more"):
        load(path)
    change(path, arrays=lambda found: found.pop("more"))

    def share(tree):
        tree["state"]["object"][1]["classes_"] = {"array": "_class_weights"}

    change(path, config=share)
    with pytest.raises(LoadError, match="KeyError"):
        load(path)


def test_headers_of_arrays_that_lie(path):
    """Of huge shapes, of no dtype, overlapping, or beyond the end."""
    members = members_of(path)
    data = members["arrays.safetensors"]
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n])
    name = "net_.weights.head.bias"
    for entry in (
        {"shape": [2**62, 2**62]},
        {"shape": [2**40]},
        {"dtype": "F99"},
        {"dtype": "BF16"},
        {"data_offsets": [0, 8]},
        {"data_offsets": [0, 2**60]},
    ):
        bad = json.dumps(header | {name: header[name] | entry}).encode()
        content = struct.pack("<Q", len(bad)) + bad + data[8 + n :]
        write_archive(path, members | {"arrays.safetensors": content})
        with pytest.raises(LoadError, match="not what save"):
            load(path)
    for content in (b"", struct.pack("<Q", 2**63), struct.pack("<Q", 2**40) + b"{}"):
        write_archive(path, members | {"arrays.safetensors": content})
        with pytest.raises(LoadError, match="not what save"):
            load(path)


def test_booleans_are_booleans(path):
    """A byte of 2 in a boolean array is neither True nor False to numpy."""
    model = DCNRegressor(**TINY).fit(csr_matrix(np.eye(9)), np.arange(9.0))
    model.save(path)
    members = members_of(path)
    data = bytearray(members["arrays.safetensors"])
    n = struct.unpack("<Q", data[:8])[0]
    start = json.loads(data[8 : 8 + n])["encoder_.block._is_known"]["data_offsets"][0]
    data[8 + n + start] = 2
    write_archive(path, members | {"arrays.safetensors": bytes(data)})
    with pytest.raises(LoadError, match="must hold booleans"):
        load(path)
    data[8 + n + start] = 1
    write_archive(path, members | {"arrays.safetensors": bytes(data)})
    change(path, arrays=edit("_id_of", with_first(99)))
    with pytest.raises(LoadError, match="fields of SparseBlock"):
        load(path)


def test_strings_of_equal_room_have_a_limit(path):
    """A long string among many would take the room of a long one each."""
    X = np.arange(40.0)[:, None]
    DCNClassifier(**TINY).fit(X, np.array(["a", "b"])[np.arange(40) % 2]).save(path)
    with mock.patch("sklearn_dcn._files.codec.MAX_TEXT", 1):
        with pytest.raises(LoadError, match="array of strings is too large"):
            load(path)
    assert load(path).classes_.tolist() == ["a", "b"]


def test_spelled_numbers_stay_small(path):
    """A fraction is not spelled with an exponent, which would fill the memory."""
    from sklearn_dcn._files.packing import unpack

    text = b"1e999999999"
    packed = {
        "kind": "fraction",
        "lengths": np.array([len(text)]),
        "data": np.frombuffer(text, np.uint8),
    }
    with pytest.raises(ValueError, match="do not fit together"):
        unpack(packed)


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


LOAD_PATH = ["_archive", "_codec", "_loading", "_packing", "_pickling", "_saving"]
LOAD_PATH += ["_stored", "_stored_estimators", "_weights"]
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
    for file in PACKAGE.rglob("*.py"):
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


def test_the_list_of_what_a_file_may_hold_is_closed():
    """Everything is of this package, and every kind of value has a decoder."""
    for name, stored in (PARTS | ESTIMATORS).items():
        assert stored.cls.__name__ == name
        assert stored.cls.__module__.startswith("sklearn_dcn.")
    assert set(DECODERS) | set(SPELLING) == {
        *("float", "tuple", "set", "dict", "bytes", "device", "object", "array"),
        *("dates", "objects", "random_state", "scalar"),
    }
