"""The losses of a training as a picture for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["training_curve"]


WIDTH, HEIGHT = 520, 220  # of the training curve
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 26, 34  # around its axes
CURVES = {  # of colours that differ for every eye, on light and on dark
    "train_loss": ("training", "#3a86c8"),
    "valid_loss": ("validation", "#e8850c"),
}


def training_curve(history: Sequence[dict[str, Any]], best: int) -> str:
    """Return the losses of the epochs, the best one marked, as an SVG picture."""
    losses = {key: [epoch.get(key) for epoch in history] for key in CURVES}
    known = [x for values in losses.values() for x in values if x is not None]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    n = len(history)

    def x_of(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number - 1) / max(n - 1, 1)

    def y_of(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / span

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    shapes = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="currentColor"/>',
        f'<path d="M{x_of(best):.1f} {TOP}V{bottom}" stroke="currentColor" '
        'stroke-dasharray="4 3"/>',
        _text(LEFT - 6, TOP + 4, f"{high:.4g}", "end"),
        _text(LEFT - 6, bottom + 4, f"{low:.4g}", "end"),
        _text(LEFT, bottom + 18, "1", "middle"),
        _text((LEFT + right) / 2, HEIGHT - 2, f"epoch ({best} is kept)", "middle"),
    ]
    if n > 1:
        shapes.append(_text(right, bottom + 18, str(n), "end"))
    start = LEFT + 4
    for key, (name, colour) in CURVES.items():
        points = [
            (x_of(i), y_of(y)) for i, y in enumerate(losses[key], 1) if y is not None
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        stroke = f'fill="none" stroke="{colour}" stroke-width="2"'
        shapes.append(f'<polyline points="{path}" {stroke}/>')
        shapes += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            for x, y in (points if n <= 30 else points[best - 1 : best])
        ]
        shapes.append(_text(start, TOP - 10, f"● {name} loss", "start", colour))
        start += 140
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12" font-family="sans-serif">'
        f"<title>Loss of each epoch</title>{''.join(shapes)}</svg>"
    )


def _text(
    x: float, y: float, text: str, anchor: str, colour: str = "currentColor"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{text}</text>"
    )
