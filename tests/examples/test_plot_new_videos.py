"""The example of new videos: what is measured, and that it is printed and drawn."""

import numpy as np
import pytest
from helpers.processes import load_script


@pytest.fixture(scope="module")
def example():
    """Return the example as a module."""
    return load_script("examples/plot_new_videos.py")


def test_views_before_are_counted(example, monkeypatch):
    """A model that knows half of the clicks is scored by the bins of views before."""

    class Half:
        def predict_proba(self, table):
            return np.full((len(table), 2), 0.5)

        def partial_fit(self, table, y):
            learned.append(len(table))

    learned = []
    new = np.full(4, example.N_OLD)
    steps = [("1234", np.array([0, 1, 0, 1]), new), ("56", np.array([1, 0]), new[:2])]
    found = example.live_through(Half(), steps)
    assert found[0] == found[1] == pytest.approx(np.log(2))
    assert np.isnan(found[2:]).all()
    assert learned == [4, 2]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of columns that are codes
def test_it_is_printed_and_drawn(example, tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.setattr(example, "PER_STEP", 150)
    path = tmp_path / "new.png"
    example.main(["--week", "2000", "--steps", "6", "--output", str(path)])
    told = capsys.readouterr().out
    assert "learn" in told and "knew them all" in told and "0 to 2" in told
    assert path.stat().st_size > 5000
