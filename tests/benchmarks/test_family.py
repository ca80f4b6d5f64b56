"""The table of the family: equal sizes, planted crosses, seconds, ranks by hand."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import family, family_networks, family_report, family_tables

ARMS = [
    (kind, structure)
    for structure in ("parallel", "stacked", "cross")
    for kind in ("vector", "matrix", "low_rank", "mixture", "gated")
]
D = 58  # of seven embeddings of width 8, and two indicators


def width_at(embedding_dim):
    return 7 * embedding_dim + 2


def test_weights_by_hand():
    found = family_networks.count_weights(D, "parallel", "matrix", 2, hidden=5)
    deep = (D + 1) * 5 + 6 * 5
    assert found == 2 * (D + 1) * D + deep + (D + 5) + 1
    found = family_networks.target_at(D)
    deep = (D + 1) * 64 + 65 * 64
    assert found == 3 * (2 * D + 1) * D + deep + (D + 64) + 1


@pytest.mark.parametrize(("kind", "structure"), [*ARMS, ("", "deep")])
def test_sizes_are_equal(kind, structure):
    sizes = family_networks.equal_sizes(kind, structure, width_at)
    found = family_networks.count_weights(
        width_at(sizes["embedding_dim"]),
        structure,
        kind or "matrix",
        sizes.get("n_cross_layers", 3),
        sizes.get("hidden_layer_sizes", (1, 1))[0],
        sizes.get("cross_rank", "auto"),
    )
    is_equal = family_networks.is_equal(found, family_networks.target_at(D))
    assert is_equal == ((kind, structure) != ("vector", "cross"))


def test_arms_by_name():
    assert family_networks.arms(["deep", "matrix cross"]) == [
        ("", "deep"),
        ("matrix", "cross"),
    ]
    assert family_networks.arms(["vector"])[0] == ("vector", "parallel")


@pytest.mark.parametrize("order", [2, 3, 4])
def test_planted_crosses_of_numbers(order):
    X, y = family_tables.make_planted(f"numbers, order {order}", 20_000, seed=0)
    x = X.to_numpy()
    rest = y - x[:, :order].prod(axis=1) - x[:, order:].sum(axis=1) / 2
    assert rest.std() == pytest.approx(family_tables.NOISE, rel=0.02)
    assert x.var(axis=0) == pytest.approx(np.ones(8), abs=0.03)


def test_planted_crosses_of_ids_have_no_effect_alone():
    X, y = family_tables.make_planted("ids, order 3", 20_000, seed=0)
    assert X.nunique().tolist() == [6] * 8
    of_means = [
        X.assign(y=y).groupby(name)["y"].transform("mean").var() / y.var() for name in X
    ]
    assert max(of_means[:3]) < 0.02 < 0.08 < min(of_means[3:])


def test_stopwatch_ends_with_the_nearest_epoch(monkeypatch):
    clock = iter(range(0, 100, 2))  # an epoch takes two seconds
    monkeypatch.setattr(family.time, "process_time", lambda: next(clock))
    for most, epochs in ((6.5, 3), (7.5, 4), (0.1, 1)):
        watch = family.Stopwatch(most)
        watch.on_train_begin(None)
        with pytest.raises(KeyboardInterrupt):
            while True:
                watch.on_epoch_begin(None)
                watch.on_epoch_end(None)
        assert (watch.epochs, watch.seconds) == (epochs, 2.0 * epochs)


def test_run_adds_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        family, "ProcessPoolExecutor", lambda jobs, _: ThreadPoolExecutor(jobs)
    )
    monkeypatch.setattr(family_tables, "MOST_TESTS", 100)
    measured = []
    measure = family.Cell.measure

    def counted(cell, budget, *arm):
        measured.append((budget, *arm[:2]))
        return measure(cell, budget, *arm)

    monkeypatch.setattr(family.Cell, "measure", counted)
    asked = ["--only-tables", "ids, order 2", "--rows", "200", "--rates", "0.01"]
    asked += ["--seeds", "1", "--output", str(tmp_path)]
    family.main([*asked, "--only", "deep", "--budget", "parameters"])
    known = ["--add", str(tmp_path / "family.json")]
    family.main([*asked, *known, "--only", "deep,vector cross"])
    assert measured == [
        ("parameters", "", "deep"),
        ("parameters", "vector", "cross"),
        ("seconds", "", "deep"),
        ("seconds", "vector", "cross"),
    ]
    records = family.read_records([tmp_path / "family.json"]).values()
    assert all(np.isfinite(record["loss"]) for record in records)
    of_deep, of_cross = [r for r in records if r["budget"] == "parameters"]
    assert of_deep["sizes"].startswith("hidden ")
    assert family_networks.is_equal(of_deep["weights"], of_deep["target"])
    text = (tmp_path / "family.md").read_text(encoding="utf-8")
    assert "### Equal seconds of training: planted crosses" in text
    assert f"{of_cross['weights']} †" in text


def test_ranks_by_hand():
    def record(structure, table, loss):
        facts = {"budget": "seconds", "kind": "", "seed": 0, "rows": 9, "rates": [0.1]}
        figures = {"weights": 7, "train_seconds": 1.0, "epochs": 2}
        return facts | figures | {"structure": structure, "table": table, "loss": loss}

    records = [
        record("deep", "adult", 0.5),
        record("cross", "adult", 0.4),
        record("deep", "bank", 0.5),
        record("cross", "bank", 0.6),
        record("deep", "alone", 0.1),  # which not all have
        record("deep", "other rows", 0.1) | {"rows": 8},
    ]
    options = SimpleNamespace(rows=9, rates=[0.1])
    report = family_report.make_report(records, options)
    found = family_report.Found(records[:5])
    assert found.mean_ranks(["adult", "bank", "alone"]) == {
        ("", "deep"): 1.5,
        ("", "cross"): 1.5,
    }
    # (.4 / .5 * .6 / .5) ** (1 / 2) = .98
    assert found.beside_deep(("", "cross"), ["adult", "bank"]) == "-2.0"
    assert "other rows" not in report.text()
