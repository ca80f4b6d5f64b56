"""The notebook runs from top to bottom, and is kept without outputs."""

import os

import pytest
from helpers.paths import REPO

NOTEBOOK = REPO / "examples" / "tour.ipynb"

nbformat = pytest.importorskip("nbformat")


def test_notebook_has_no_outputs():
    """Outputs would be in every diff."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel's own start
def test_notebook_runs(monkeypatch):
    """Every cell; the fit shows one bar, the estimator HTML, the displays pictures."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    # The package of this tree, as for the tests; one thread, as they run side by side.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPO)]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [
        [output.get("data", {}) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    progress, estimator = shown[1]
    assert "epochs in" in progress["text/html"]
    assert "sklearn-dcn-summary" in estimator["text/html"]
    pictures = [any("image/png" in data for data in cell) for cell in shown]
    assert pictures == [False] * 3 + [True] * 4
