"""The picture of the losses: its points, its lines, and curves of any length."""

from xml.etree import ElementTree

import numpy as np
import pytest

from sklearn_dcn._analysis.loss_curve import training_curve

SVG = "{http://www.w3.org/2000/svg}"


def draw(history, best):
    """Return the root of the picture, which is well-formed XML."""
    return ElementTree.fromstring(training_curve(history, best))


def points(line):
    """Return the points of a polyline, of shape (n, 2)."""
    return np.array([p.split(",") for p in line.get("points").split()], dtype=float)


def test_curve_shows_the_losses():
    """Points are linear in epoch and loss, the lowest loss at the bottom."""
    train, valid = [1.0, 0.5, 0.25, 0.2], [0.9, 0.6, 0.7, 0.8]
    history = [
        {"train_loss": a, "valid_loss": b} for a, b in zip(train, valid, strict=True)
    ]
    svg = draw(history, 2)
    lines = [points(line) for line in svg.iter(f"{SVG}polyline")]
    assert len(lines) == 2
    for line, losses in zip(lines, (train, valid), strict=True):
        np.testing.assert_allclose(np.diff(line[:, 0], n=2), 0, atol=0.2)
        slope, _ = np.polyfit(losses, line[:, 1], 1)
        assert slope < 0
        np.testing.assert_allclose(
            line[:, 1] - line[0, 1], slope * np.subtract(losses, losses[0]), atol=0.2
        )
    dashed = [path for path in svg.iter(f"{SVG}path") if path.get("stroke-dasharray")]
    assert dashed[0].get("d").startswith(f"M{lines[0][1, 0]:.1f} ")
    texts = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"1", "0.2", "4", "epoch (2 is kept)"} <= set(texts)
    width, height = map(float, svg.get("viewBox").split()[2:])
    every = np.concatenate(lines)
    assert (every >= 0).all()
    assert (every <= [width, height]).all()


@pytest.mark.parametrize("n", [1, 2, 31, 500])
def test_curve_of_any_length(n):
    """One epoch is a point; of many epochs only the best is one."""
    history = [{"train_loss": 0.5} for _ in range(n)]
    svg = draw(history, n)
    assert len(list(svg.iter(f"{SVG}polyline"))) == 1
    assert len(list(svg.iter(f"{SVG}circle"))) == (n if n <= 30 else 1)
    assert np.isfinite(points(next(svg.iter(f"{SVG}polyline")))).all()
