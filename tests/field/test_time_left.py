"""Progress tells the time that a fit takes at least, where early stopping ends it."""

import pytest

from sklearn_dcn._training import progress as _progress
from sklearn_dcn._training.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Return the time, in a list, of a log that shows each second."""
    now = [0.0]
    monkeypatch.setattr(_progress, "perf_counter", lambda: now[0])
    monkeypatch.setattr(_progress._Log, "interval", 1.0)
    return now


def lines_of(clock, capsys, losses, key="valid_loss", **options):
    """Return the lines of a fit of 100 rows and 10 s an epoch, 50 at most."""
    progress = Progress(n_rows=100, n_epochs=50, n_before=0, **options)
    for loss in losses:
        for _ in range(10):
            clock[0] += 1.0
            progress.end_batch(10)
        progress.end_epoch({"train_loss": 1.0, key: loss})
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("key", "sign"), [("valid_loss", 1), ("valid_score", -1)])
def test_early_stopping(clock, capsys, key, sign):
    """Until `patience` epochs after the best: not of all epochs that may be."""
    losses = [sign * loss for loss in (0.5, 0.4, 0.45, 0.46)]
    lines = lines_of(clock, capsys, losses, key, patience=2)
    left = [line.split("rows/s  ")[1] for line in lines]
    assert left[0] == "at least 0:29 left"  # of three epochs, after one second
    ends = [left[10 * k + 9 + k] for k in range(4)]
    assert ends[0] == "at least 0:20 left"
    assert left[-1] == "at least 0:00 left"


def test_tol_counts(clock, capsys):
    """An improvement that early stopping does not count moves nothing."""
    lines = lines_of(clock, capsys, [0.5, 0.49], patience=2, tol=0.1)
    assert lines[-1].endswith("at least 0:10 left")


def test_without_early_stopping(clock, capsys):
    """All epochs will be."""
    assert lines_of(clock, capsys, [0.5])[0].endswith("  8:19 left")


def test_few_epochs_at_most(clock, capsys):
    """Where early stopping cannot come before the last epoch, the time is exact."""
    progress = Progress(n_rows=100, n_epochs=3, n_before=0, patience=2)
    clock[0] += 1.0
    progress.end_batch(10)
    assert capsys.readouterr().out.endswith("rows/s  0:29 left\n")
