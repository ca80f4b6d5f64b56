"""What the displays share: axes, colours that every eye can tell apart, short names."""

from __future__ import annotations

from numbers import Real
from typing import Any

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "get_axes",
    "remove_frame",
    "shorten",
    "write_value",
]

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#e07b00", "#009e73", "0.45"
MAX_NAME = 32  # characters of a name


def get_axes(display: object, ax: Any, size: tuple[float, float]) -> Any:
    """Return the axes to draw on: `ax`, or those of a new figure.

    Parameters
    ----------
    display : object
        The display, for the error.
    ax : matplotlib.axes.Axes or None
        Axes of the caller.
    size : tuple of float
        Width and height of a new figure in inches.

    Raises
    ------
    ImportError
        If there is no matplotlib.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib, which is not installed. "
            "Get it with pip install 'sklearn-dcn[plot]'."
        ) from error
    if ax is None:
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax


def shorten(name: Any, length: int = MAX_NAME) -> str:
    """Return a name of at most `length` characters, the middle left out."""
    text = " ".join(str(name).split())  # lines would break a label
    if len(text) > length:
        half = (length - 1) // 2
        text = f"{text[: length - 1 - half]}…{text[-half:]}"
    # Between dollars is mathematics to matplotlib.
    return text.replace("$", r"\$")


def write_value(value: Any) -> str:
    """Return a cell as it is written in a label."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return f"{float(value):.4g}" if is_number else shorten(value, 20)


def remove_frame(ax: Any) -> None:
    """Remove the frame, but keep the axes of x and y."""
    ax.spines[["top", "right"]].set_visible(False)
