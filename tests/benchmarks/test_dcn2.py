"""The benchmark of the parts of DCN²: what is hashed, what is run, what is reported."""

import sys

import pandas as pd
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import dcn2

FAST = {"max_epochs": 1, "hidden_layer_sizes": (8,), "early_stopping": False}


@pytest.fixture(scope="module")
def clicks():
    return dcn2.make_table(2000)


def test_buckets(clicks):
    """Of columns with many levels alone, so many levels for each."""
    X, _, _ = clicks
    assert dcn2.buckets_of(X, {}, 1) is None
    sizes = X.filter(like="C").nunique()
    buckets = dcn2.buckets_of(X, {"C1": "|"}, 4)
    many = sizes.index[(sizes >= dcn2.MANY) & (sizes.index != "C1")]
    assert [*buckets] == [*many] != []
    assert all(buckets[name] == sizes[name] // 4 for name in buckets)


def test_files_are_read(tmp_path):
    frame = pd.DataFrame(
        {"liked": [0, 1], "rating": [1, 5], "timestamp": 0, "movie_title": "a"}
        | {"genres": ["x|y", "x"], "user_id": ["u", "v"]}
    )
    frame.to_parquet(tmp_path / "movielens100k.parquet")
    X, y, lists = dcn2.read_table(tmp_path, "movielens100k")
    assert [*X] == ["genres", "user_id"]
    assert (y.tolist(), lists) == ([0, 1], {"genres": "|"})


def test_a_run_is_reported(clicks):
    """Every part has its losses, and its difference from none where it has one."""
    cells = dcn2.cells()
    assert len(cells) == 10
    records = []
    for seed in (0, 1):
        for part, share in cells[:1]:
            records.append(dcn2.run_cell(clicks, part, share, seed, **FAST))
            records[-1] |= {"table": "clicks", "seed": seed}
        more = [
            {"part": part, "share": share, "loss": 0.5 + seed} for part, share in cells
        ]
        records += [{"table": "made", "seed": seed} | record for record in more]
    assert 0.4 < records[0]["loss"] < 0.9
    text = dcn2.report(records)
    assert (
        "| made | collision_weight |  | +0.0000 ± 0.0000 | +0.0000 ± 0.0000 |" in text
    )
    assert "| made | none of it | 1.0000 | 1.0000 | 1.0000 |" in text


def test_every_part_is_fitted(clicks):
    X, y, lists = clicks
    for part, share in dcn2.cells()[3:]:
        found = dcn2.run_cell((X[:400], y[:400], lists), part, share, 0, **FAST)
        assert found["part"] == part
