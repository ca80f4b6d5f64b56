"""Tests of the readers, on small files in the layouts of the published ones."""

import bz2
import gzip

import numpy as np
import pandas as pd
import pytest

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._scan import Scan, SourceError
from sklearn_dcn.datasets import _lines, read_avazu, read_criteo, read_movielens

pytest.importorskip("pyarrow")

COUNTS = [f"I{j}" for j in range(1, 14)]
LEVELS = [f"C{j}" for j in range(1, 27)]
AVAZU = "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id"
AVAZU += ",app_domain,app_category,device_id,device_ip,device_model,device_type"
AVAZU += ",device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21"


def criteo_table(rows, seed=0):
    """Return cells of Criteo's lines as strings, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(-2, 500, (rows, 13)).astype(str)
    levels = np.vectorize("{:08x}".format)(9**9 + rng.integers(30, size=(rows, 26)))
    cells = np.hstack([counts, levels]).astype(object)
    cells[rng.random(cells.shape) < 0.1] = ""
    labels = rng.integers(0, 2, (rows, 1)).astype(str).astype(object)
    return np.hstack([labels, cells])


def avazu_table(rows, seed=0):
    """Return cells of Avazu's lines as strings."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(-1, 9, (rows, 24)).astype(str).astype(object)
    cells[:, 0] = [f"{10**19 + row}" for row in range(rows)]  # beyond 64 bits
    cells[:, 1] = rng.integers(0, 2, rows).astype(str)
    cells[:, 2] = [f"141021{row % 24:02d}" for row in range(rows)]
    cells[:, 5:13] = np.vectorize("{:08x}".format)(rng.integers(9, size=(rows, 8)))
    return cells


def text_of(table, delimiter, header=""):
    """Return the text of a file."""
    lines = [delimiter.join(row) for row in table.tolist()]
    return "".join(f"{line}\n" for line in [*([header] if header else []), *lines])


def write(path, text, encoding="utf-8"):
    """Write a file, packed as its suffix says; return its path."""
    content = text.encode(encoding)
    pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix)
    path.write_bytes(pack(content) if pack else content)
    return path


def write_criteo(path, rows=50, seed=0, labels=True):
    """Write a file of Criteo's; return its cells, missing ones empty."""
    table = criteo_table(rows, seed)
    write(path, text_of(table if labels else table[:, 1:], "\t"))
    return pd.DataFrame(table, columns=["label", *COUNTS, *LEVELS])


def write_avazu(path, rows=50, seed=0, labels=True):
    """Write a file of Avazu's; return its cells."""
    table, header = avazu_table(rows, seed), AVAZU
    frame = pd.DataFrame(table, columns=AVAZU.split(","))
    if not labels:
        table, header = np.delete(table, 1, axis=1), AVAZU.replace("click,", "")
    write(path, text_of(table, ",", header))
    return frame


def as_floats(cells):
    """Return strings as numbers, empty ones as missing."""
    return cells.replace("", "nan").astype(float)


def check_criteo(scan, expected):
    """Compare the rows of a scan with the cells that were written."""
    assert isinstance(scan, Scan)
    assert scan.columns == [*COUNTS, *LEVELS]
    block = scan.load()
    assert (block.X[COUNTS].dtypes == np.float64).all()
    np.testing.assert_array_equal(block.X[COUNTS], as_floats(expected[COUNTS]))
    for name in LEVELS:
        assert pd.api.types.is_string_dtype(block.X[name].dropna())
        assert block.X[name].fillna("").tolist() == expected[name].tolist()
    if scan.target is None:
        assert block.y is None
    else:
        assert block.y.name == "label"
        assert block.y.dtype == np.int64
        assert block.y.tolist() == expected["label"].astype(int).tolist()


# Criteo -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train.txt", "day_0", "day_0.gz", "x.tsv.bz2", "odd"])
def test_criteo_of_any_name(tmp_path, name):
    expected = write_criteo(tmp_path / name)
    scan = read_criteo(tmp_path / name)
    assert scan.target == "label"
    assert repr(scan).startswith("Scan of 1 Criteo file: rows not counted yet, 39 col")
    check_criteo(scan, expected)
    check_criteo(read_criteo(str(tmp_path / name)), expected)


def test_criteo_without_labels(tmp_path):
    expected = write_criteo(tmp_path / "test.txt", labels=False)
    scan = read_criteo(tmp_path / "test.txt")
    assert scan.target is None
    check_criteo(scan, expected)
    [block] = read_criteo(tmp_path / "test.txt").blocks(with_target=False)
    assert len(block.X) == 50


def test_criteo_days_are_in_order(tmp_path):
    """By number, and of a folder those files alone that are the log's."""
    days = [0, 2, 10]
    frames = [write_criteo(tmp_path / f"day_{day}", 20, seed=day) for day in days]
    (tmp_path / "readme.txt").write_text("Terms.")
    write_criteo(tmp_path / "test.txt", labels=False)
    expected = pd.concat(frames, ignore_index=True)
    paths = [tmp_path / f"day_{day}" for day in days]
    for source in (tmp_path, str(tmp_path / "day_*"), paths, tuple(map(str, paths))):
        scan = read_criteo(source)
        assert scan.source.title == "3 Criteo files"
        check_criteo(scan, expected)
    turned = pd.concat(frames[::-1], ignore_index=True)
    check_criteo(read_criteo(paths[::-1]), turned)  # as they are listed


def test_criteo_folder_of_a_test_set(tmp_path):
    expected = write_criteo(tmp_path / "test.txt", labels=False)
    check_criteo(read_criteo(tmp_path), expected)


def test_blocks_are_alike(tmp_path, monkeypatch):
    """Names and dtypes are those of the layout, also where all cells are missing."""
    monkeypatch.setattr(_lines, "BLOCK_BYTES", 4096)
    table = criteo_table(100)
    table[:40, 1:20] = ""
    write(tmp_path / "train.txt", text_of(table, "\t"))
    scan = read_criteo(tmp_path)
    passes = [list(scan.blocks(size=16)) for _ in range(2)]
    assert [block.start for block in passes[0]] == list(range(0, 100, 16))
    assert [len(block.X) for block in passes[0]] == [16] * 6 + [4]
    for one, again in zip(*passes, strict=True):
        pd.testing.assert_frame_equal(one.X, again.X)
        pd.testing.assert_series_equal(one.y, again.y)
        assert list(one.X) == [*COUNTS, *LEVELS]
        assert (one.X[COUNTS].dtypes == np.float64).all()
        assert one.y.dtype == np.int64


def test_some_columns_and_options(tmp_path):
    expected = write_criteo(tmp_path / "day_0")
    scan = read_criteo(tmp_path, columns=["C3", "I1"], epoch_rows=10, cache=None)
    assert scan.columns == ["C3", "I1"]
    assert (scan.epoch_rows, scan.cache) == (10, None)
    block = scan.load()
    assert list(block.X) == ["C3", "I1"]
    np.testing.assert_array_equal(block.X[["I1"]], as_floats(expected[["I1"]]))
    with pytest.raises(SourceError, match="there is no column 'C27'"):
        _ = read_criteo(tmp_path, columns=["C27"]).columns


def test_words_for_missing_are_levels(tmp_path):
    table = criteo_table(3)
    table[:, 14] = ["NA", "null", ""]
    write(tmp_path / "day_0", text_of(table, "\t"))
    cells = read_criteo(tmp_path).load().X["C1"]
    assert cells.tolist()[:2] == ["NA", "null"]
    assert cells.isna().tolist() == [False, False, True]


def test_lines_may_end_as_on_windows(tmp_path):
    expected = write_criteo(tmp_path / "day_0")
    text = (tmp_path / "day_0").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "day_0").write_bytes(text[:-2])  # the last one has no end
    check_criteo(read_criteo(tmp_path), expected)


def test_members_of_gzip_are_all_read(tmp_path):
    """As they are in files that were packed in parts."""
    text = text_of(criteo_table(20), "\t").encode()
    parts = gzip.compress(text) + gzip.compress(text)
    (tmp_path / "day_0.gz").write_bytes(parts)
    assert len(read_criteo(tmp_path).load().X) == 40


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            0,
            "2",
            r"Row 31 of '.*day_0': column 'label' must hold 0 or 1; got 2\. Repair",
        ),
        (0, "", r"Row 31 of '.*day_0': column 'label' .* got a missing cell"),
        (0, "yes", r"Row 31 of '.*day_0': column 'label' must hold 0 or 1; got 'yes'"),
        (3, "many", r"Row 31 of '.*day_0': column 'I3' must hold numbers; got 'many'"),
        (39, "a\tb", r"Row 31 of '.*day_0' must have 40 cells, .* tabs; got 41"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1 << 23, 4096])
def test_what_breaks_the_layout(
    tmp_path, monkeypatch, column, value, message, block_bytes
):
    monkeypatch.setattr(_lines, "BLOCK_BYTES", block_bytes)
    table = criteo_table(40)
    table[30, column] = value
    write(tmp_path / "day_0", text_of(table, "\t"))
    with pytest.raises(SourceError, match=message):
        read_criteo(tmp_path).load()


def test_files_that_are_none_of_criteos(tmp_path):
    path = write(tmp_path / "day_0", "0\t1\t2\n")
    with pytest.raises(
        SourceError, match=r"40 .* or 39 cells.*; got 3\. Give the file"
    ):
        read_criteo(path)
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=r"Row 1 of '.*day_0' must have .* got 0"):
        read_criteo(path)
    packed = tmp_path / "day_1.gz"
    packed.write_bytes(b"no gzip at all")
    with pytest.raises(SourceError, match=r"day_1\.gz' cannot be read"):
        read_criteo(packed)
    whole = gzip.compress(text_of(criteo_table(2000), "\t").encode())
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"day_1\.gz' cannot be read"):
        read_criteo(packed).load()


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(SourceError, match=r"There is no file '.*train\.txt'"):
        read_criteo(tmp_path / "train.txt")
    with pytest.raises(SourceError, match=r"There is no file '.*day_\*'"):
        read_criteo(str(tmp_path / "day_*"))
    with pytest.raises(SourceError, match=r"no file named like Criteo's"):
        read_criteo(tmp_path)
    with pytest.raises(SourceError, match=r"is an archive\. Unpack it"):
        read_criteo(tmp_path / "dac.tar.gz")
    for source in (3, [], None):
        with pytest.raises(TypeError, match="path must be the path of a file"):
            read_criteo(source)


def test_files_that_do_not_go_together(tmp_path):
    for name, labels in {"train.txt": True, "test.txt": False}.items():
        write_criteo(tmp_path / name, labels=labels)
    for paths in (["train.txt", "test.txt"], ["test.txt", "train.txt"]):
        with pytest.raises(
            SourceError, match=r"train\.txt' has the column 'label', but"
        ):
            read_criteo([tmp_path / name for name in paths])
    write_criteo(tmp_path / "train.txt.gz")
    with pytest.raises(SourceError, match=r"both 'train\.txt' and 'train\.txt\.gz'"):
        read_criteo(tmp_path)


# Avazu --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train", "train.csv", "train.gz"])
@pytest.mark.parametrize("labels", [True, False])
def test_avazu(tmp_path, name, labels):
    name = name if labels else name.replace("train", "test")
    expected = write_avazu(tmp_path / name, labels=labels)
    for source in (tmp_path / name, tmp_path):
        scan = read_avazu(source)
        assert scan.target == ("click" if labels else None)
        names = [name for name in AVAZU.split(",") if name not in ("id", "click")]
        assert scan.columns == names
        block = scan.load()
        assert block.X["hour"].tolist() == [
            pd.Timestamp(2014, 10, 21, row % 24) for row in range(50)
        ]
        for column in names[1:]:
            assert pd.api.types.is_string_dtype(block.X[column])
            assert block.X[column].tolist() == expected[column].tolist()
        if labels:
            assert block.y.dtype == np.int64
            assert block.y.tolist() == expected["click"].astype(int).tolist()
        else:
            assert block.y is None


def test_avazu_that_breaks_the_layout(tmp_path):
    path = tmp_path / "train.csv"
    table = avazu_table(40)
    write(path, text_of(table, ",", AVAZU.replace("hour", "time")))
    with pytest.raises(
        SourceError, match=r"must be 'id,click,hour,.*perhaps without 'c"
    ):
        read_avazu(path)
    table[30, 2] = "yesterday"
    write(path, text_of(table, ",", AVAZU))
    message = (
        r"Row 31 of '.*train\.csv': column 'hour' must hold hours as YYMMDDHH; got "
    )
    with pytest.raises(SourceError, match=message + "'yester"):
        read_avazu(path).load()
    table[30, 2] = "14102100,"
    write(path, text_of(table, ",", AVAZU))
    with pytest.raises(SourceError, match=r"Row 31 of .* 24 cells, .* commas; got 25"):
        read_avazu(path).load()
    table[30, 1:3] = "-1", "14102100"
    write(path, text_of(table, ",", AVAZU))
    with pytest.raises(
        SourceError, match=r"Row 31 of .*'click' must hold 0 or 1; got -1"
    ):
        read_avazu(path).load()


# MovieLens ----------------------------------------------------------------------------

FILMS = {
    "100K": (
        "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        "2|Cité (II) (1931) (V)|||http://x|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        "3|unknown||||0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|1\n"
    ),
    "1M": (
        "1::Toy Story (1995)::Animation|Children's|Comedy\n"
        "2::Cité (II) (1931) (V)::(no genres listed)\n"
        "3::unknown::Western\n"
    ),
    "25M": (
        "movieId,title,genres\n"
        "1,Toy Story (1995),Animation|Children's|Comedy\n"
        '2,"Cité, the ""Dead"" (1931\u20131933)",(no genres listed)\n'
        "3,unknown,Western\n"
    ),
}
USERS = {
    "100K": "196|49|M|writer|55105\n7|53||other|\n",
    "1M": "196::M::45::12::55105\n7::::50::0::\n",
}
NAMES = {
    "100K": ("u.data", "u.item", "u.user"),
    "1M": ("ratings.dat", "movies.dat", "users.dat"),
    "25M": ("ratings.csv", "movies.csv", None),
}
RATINGS = [  # the last is of a film and a user that nothing is known of
    ("196", "1", "3", "881250949"),
    ("7", "2", "5", "0"),
    ("196", "3", "1", "978300760"),
    ("8", "9", "4", "978300761"),
]


def write_movielens(folder, layout, ratings=RATINGS):
    """Write the files of a data set."""
    separator = {"100K": "\t", "1M": "::", "25M": ","}[layout]
    text = "".join(separator.join(row) + "\n" for row in ratings)
    header = "userId,movieId,rating,timestamp\n" if layout == "25M" else ""
    of_ratings, of_films, of_users = NAMES[layout]
    encoding = "utf-8" if layout == "25M" else "latin-1"
    write(folder / of_ratings, header + text)
    write(folder / of_films, FILMS[layout], encoding)
    if of_users:
        write(folder / of_users, USERS[layout], encoding)


def as_lists(column):
    """Return cells, missing ones as None."""
    return [
        cell if isinstance(cell, list) or pd.notna(cell) else None for cell in column
    ]


@pytest.mark.parametrize("layout", NAMES)
def test_movielens(tmp_path, layout):
    write_movielens(tmp_path, layout)
    scan = read_movielens(tmp_path)
    assert scan.target == "rating"
    names = ["user_id", "movie_id", "timestamp", "genres", "year"]
    names += ["age", "gender", "occupation", "zip_code"] if layout != "25M" else []
    assert scan.columns == names
    assert scan.schema.names == [*names, "rating"]
    X, y = scan.load()[1:3]
    assert y.dtype == np.float64
    assert y.tolist() == [3, 5, 1, 4]
    assert X["user_id"].tolist() == ["196", "7", "196", "8"]
    assert X["movie_id"].tolist() == ["1", "2", "3", "9"]
    assert X["timestamp"].tolist() == [
        pd.Timestamp(int(seconds), unit="s") for *_, seconds in RATINGS
    ]
    assert as_lists(X["genres"]) == [
        ["Animation", "Children's", "Comedy"],
        [],
        ["Western"],
        None,
    ]
    assert X["year"].dtype == np.float64
    assert as_lists(X["year"]) == [1995, 1931, None, None]
    if layout == "25M":
        return
    assert as_lists(X["gender"]) == ["M", None, "M", None]
    assert as_lists(X["zip_code"]) == ["55105", None, "55105", None]
    ages, jobs = {
        "100K": ([49, 53, 49, None], ["writer", "other", "writer", None]),
        "1M": (["45", "50", "45", None], ["12", "0", "12", None]),
    }[layout]
    assert as_lists(X["age"]) == ages
    assert as_lists(X["occupation"]) == jobs


def test_movielens_blocks_are_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(_lines, "BLOCK_BYTES", 64)
    write_movielens(tmp_path, "100K", RATINGS[:3] * 20 + RATINGS[3:] * 20)
    scan = read_movielens(tmp_path)
    passes = [list(scan.blocks(size=8)) for _ in range(2)]
    assert [len(block.X) for block in passes[0]] == [8] * 10
    for one, again in zip(*passes, strict=True):
        pd.testing.assert_frame_equal(one.X, again.X)
        assert one.X.dtypes.equals(passes[0][0].X.dtypes)


def test_movielens_columns_are_joined_without_their_ids(tmp_path):
    write_movielens(tmp_path, "1M")
    block = read_movielens(tmp_path, columns=["gender", "genres"]).load()
    assert list(block.X) == ["gender", "genres"]
    assert as_lists(block.X["gender"]) == ["M", None, "M", None]


@pytest.mark.parametrize("layout", NAMES)
@pytest.mark.parametrize(
    ("rating", "got"),
    [("6", "6.0"), ("0", "0.0"), ("", "a missing cell"), ("x", "'x'")],
)
def test_movielens_ratings_that_are_none(tmp_path, layout, rating, got):
    write_movielens(tmp_path, layout, [*RATINGS, ("1", "1", rating, "5")])
    message = (
        rf"Row 5 of .* column 'rating' must hold numbers from 0\.5 to 5; got {got}"
    )
    with pytest.raises(SourceError, match=message):
        read_movielens(tmp_path).load()


@pytest.mark.parametrize("layout", NAMES)
def test_movielens_that_breaks_the_layout(tmp_path, layout):
    write_movielens(tmp_path, layout, [*RATINGS, ("1", "1", "5")])
    with pytest.raises(SourceError, match=r"Row 5 of '.*' must have \d cells"):
        read_movielens(tmp_path).load()
    write_movielens(tmp_path, layout)
    films = tmp_path / NAMES[layout][1]
    whole = films.read_text("utf-8" if layout == "25M" else "latin-1")
    n = whole.count("\n")
    write(films, whole + "4\n")
    with pytest.raises(SourceError, match=rf"Line {n + 1} of '.*' must have \d+ cells"):
        read_movielens(tmp_path)
    write(films, whole + whole.splitlines()[-1])
    with pytest.raises(SourceError, match=rf"Lines {n} and {n + 1} of .*movie_id '3'"):
        read_movielens(tmp_path)
    films.unlink()
    with pytest.raises(SourceError, match=rf"but not '{films.name}' of the same data"):
        read_movielens(tmp_path)


def test_movielens_of_other_files(tmp_path):
    with pytest.raises(
        SourceError, match=r"no file of ratings: u\.data or ratings\.dat"
    ):
        read_movielens(tmp_path)
    with pytest.raises(SourceError, match=r"ml-1m\.zip' is an archive\. Unpack it"):
        read_movielens(tmp_path / "ml-1m.zip")
    with pytest.raises(SourceError, match="it is a path that does not exist"):
        read_movielens(tmp_path / "ml-1m")
    write_movielens(tmp_path, "25M")
    with pytest.raises(SourceError, match=r"it is a file\. Give the folder"):
        read_movielens(tmp_path / "ratings.csv")
    with pytest.raises(TypeError, match="path must be the path of a folder"):
        read_movielens(None)
    write(tmp_path / "movies.csv", "id,title\n")
    with pytest.raises(SourceError, match=r"The first line of .*; got 'id,title'"):
        read_movielens(tmp_path)
    write(tmp_path / "ratings.csv", "userId,rating\n")
    with pytest.raises(SourceError, match=r"The first line of .*; got 'userId,rating'"):
        read_movielens(tmp_path)


def test_movielens_age_that_is_no_number(tmp_path):
    write_movielens(tmp_path, "100K")
    write(tmp_path / "u.user", USERS["100K"] + "9|old|M|writer|1\n")
    with pytest.raises(SourceError, match=r"Line 3 of '.*u\.user': .*'old'"):
        read_movielens(tmp_path)


# Fits ---------------------------------------------------------------------------------


def test_a_classifier_takes_the_rows(tmp_path, tiny):
    write_criteo(tmp_path / "day_0", 300)
    block = read_criteo(tmp_path).load()
    model = DCNClassifier(**tiny | {"max_epochs": 1}).fit(block.X, block.y)
    assert model.n_features_in_ == 39
    write_criteo(tmp_path / "test.txt", labels=False)
    new = read_criteo(tmp_path / "test.txt").load()
    assert model.predict_proba(new.X).shape == (50, 2)


def test_hours_are_read_as_dates(tmp_path, tiny):
    write_avazu(tmp_path / "train", 300)
    block = read_avazu(tmp_path).load()
    model = DCNClassifier(**tiny).fit(block.X, block.y)
    assert "hour: hour" in model.encoder_.names


def test_genres_are_read_as_lists(tmp_path, tiny):
    write_movielens(tmp_path, "100K", RATINGS[:3] * 30)
    block = read_movielens(tmp_path).load()
    model = DCNRegressor(**tiny).fit(block.X, block.y)
    assert "list" in next(
        line for line in str(model.encoder_).splitlines() if line.startswith("genres")
    )
