"""Three measures of what a network crosses, compared on a table of a bank."""

import re
import sys

import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import crosses


@pytest.mark.slow
def test_partial_dependence_agrees_with_the_strengths(tmp_path, capsys):
    """It does so more than the norms of weights; findings have a date and a version."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    crosses.main(["--rows", "4000", "--points", "30", "--output", str(tmp_path)])
    assert (tmp_path / "crosses.png").stat().st_size > 10_000
    text = (tmp_path / "crosses.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    rho = [float(r) for r in re.findall(r"rank correlation of (\S+)", text)]
    assert rho[0] > 0.7 > rho[1]
    assert f"sklearn-dcn {crosses.__version__}" in text.splitlines()[-1]
