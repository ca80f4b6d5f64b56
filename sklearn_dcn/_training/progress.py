"""How far a fit is: a line that is rewritten in place, or lines of a log."""

from __future__ import annotations

import math
import shutil
import sys
from html import escape
from time import perf_counter
from typing import Any, Protocol, Self

from .watcher import Watcher

__all__ = ["Preparation", "Progress"]


INTERVAL = 0.2  # seconds between two updates of what is rewritten
LOG_INTERVAL = 60.0  # between two lines within an epoch, in a log
BAR = 24  # characters
NAMES = {"train_loss": "loss", "valid_loss": "validation", "valid_score": "score"}


class Preparation:
    """What a fit does before its first epoch, where it takes its time.

    Within a ``with`` statement it is called as often as one likes, and shows what is
    done at the intervals of `Progress`.

    Parameters
    ----------
    is_shown : bool
        Whether to show anything.
    """

    def __init__(self, is_shown: bool) -> None:
        self.out = _outlet() if is_shown else None
        self.next = perf_counter() + (self.out.interval if self.out else math.inf)
        self.has_shown = False

    def __enter__(self) -> Self:
        return self

    def __call__(self, what: str, done: float) -> None:
        """Tell that this share of something is done."""
        now = perf_counter()
        if self.out is not None and now >= self.next:
            self.next = now + self.out.interval
            self.has_shown = True
            self.out.show(f"{what}  {done:.0%}", done)

    def __exit__(self, *_: object) -> None:
        if self.out is not None and self.has_shown:
            self.out.close("")


class Progress(Watcher):
    """Epoch, losses, rows a second and time left, as of ``verbose=1``.

    A batch costs a look at the clock: nothing is read from the device.

    Parameters
    ----------
    n_rows : int
        Training rows of an epoch.
    n_epochs : int
        Epochs of this fit.
    n_before : int
        Epochs of fits before, with which the count goes on.
    patience : int or None, default=None
        Epochs without an improvement after which early stopping ends the fit; None if
        it does not.
    tol : float, default=0.0
        What counts as an improvement.
    out : object or None, default=None
        Where to show it: that of a `Preparation`; None finds the place.
    """

    def __init__(
        self,
        n_rows: int,
        n_epochs: int,
        n_before: int,
        patience: int | None = None,
        tol: float = 0.0,
        out: _Outlet | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.n_epochs = n_epochs
        self.n_before = n_before
        self.patience = patience
        self.tol = tol
        self.out = out or _outlet()
        self.start = perf_counter()
        self.next = self.start + self.out.interval
        self.n_done = 0  # rows, of all epochs of this fit
        self.records: list[dict[str, Any]] = []
        self.best, self.threshold = 0, math.inf  # as early stopping has them

    def end_batch(self, n_rows: int) -> None:
        """Count the rows of a step."""
        self.n_done += n_rows
        self._update()

    def end_epoch(self, record: dict[str, Any]) -> bool:
        """Show its losses; the fit goes on."""
        self.records.append(record)
        loss = -record.get("valid_score", -record.get("valid_loss", 0.0))
        if loss < self.threshold:
            self.best, self.threshold = len(self.records), loss - self.tol
        self.n_done = len(self.records) * self.n_rows
        self._update(ends_epoch=True)
        return False

    def close(self, best: int | None) -> None:
        """Say in one line what came of it."""
        if best is None or not self.records:
            self.out.close("")
            return
        seconds = perf_counter() - self.start
        n = len(self.records)
        parts = [f"{n} epoch{'s' if n > 1 else ''} in {_clock(seconds)}"]
        parts += [*self._losses(), self._speed(seconds)]
        if best != self.n_before + n:
            text = f"best epoch {best}"
            if best > self.n_before:  # not one of a fit that this one goes on with
                record = self.records[best - self.n_before - 1]
                key = "valid_score" if "valid_score" in record else "valid_loss"
                text += f" ({NAMES[key]} {record[key]:.4f})"
            parts.append(text)
        self.out.close("  ".join(parts))

    def _update(self, *, ends_epoch: bool = False) -> None:
        now = perf_counter()
        if now < self.next and not (ends_epoch and self.out.is_log):
            return
        self.next = now + self.out.interval
        seconds = now - self.start
        done = self.n_done / (self.n_rows * self.n_epochs)
        n = min(len(self.records) + (not ends_epoch), self.n_epochs) + self.n_before
        parts = [f"epoch {n}/{self.n_before + self.n_epochs}"]
        parts += [*self._losses(), self._speed(seconds), self._left(seconds)]
        self.out.show("  ".join(parts), done)

    def _left(self, seconds: float) -> str:
        """Return the time until the last epoch, or the first that may be the last."""
        n = self.n_epochs
        if self.patience is not None:
            known = max(self.best, 1) + self.patience
            n = min(n, max(known, len(self.records)))
        left = seconds * max(n * self.n_rows / self.n_done - 1, 0.0)
        return f"{'at least ' if n < self.n_epochs else ''}{_clock(left)} left"

    def _losses(self) -> list[str]:
        """Return those of the last epoch that ended."""
        record = self.records[-1] if self.records else {}
        return [f"{NAMES[k]} {record[k]:.4f}" for k in NAMES if k in record]

    def _speed(self, seconds: float) -> str:
        return f"{self.n_done / max(seconds, 1e-9):,.0f} rows/s"


def _clock(seconds: float) -> str:
    """Return a time as 0:07, 12:34 or 1:02:03."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


class _Outlet(Protocol):
    interval: float
    is_log: bool  # whether each text stays

    def show(self, text: str, done: float) -> None: ...

    def close(self, text: str) -> None: ...


class _Terminal:
    interval = INTERVAL
    is_log = False

    def show(self, text: str, done: float) -> None:
        full = round(BAR * done)
        self._rewrite(f"[{'#' * full}{'.' * (BAR - full)}] {text}")

    def close(self, text: str) -> None:
        self._rewrite(text)
        if text:
            print(flush=True)

    def _rewrite(self, text: str) -> None:
        # One column short, where terminals wrap; then clear what is left of the line.
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]}\x1b[K", end="", flush=True)


class _Log:
    interval = LOG_INTERVAL
    is_log = True

    def show(self, text: str, done: float) -> None:
        print(text, flush=True)

    def close(self, text: str) -> None:
        if text:
            print(text, flush=True)


class _Notebook:
    interval = INTERVAL
    is_log = False
    handle: Any = None

    def show(self, text: str, done: float) -> None:
        self._display(text, f'<progress max="1" value="{done:.4f}"></progress> ')

    def close(self, text: str) -> None:
        self._display(text, "")

    def _display(self, text: str, bar: str) -> None:
        from IPython.display import display

        html = f"<div>{bar}<code>{escape(text)}</code></div>"
        bundle = {"text/plain": text, "text/html": html}
        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


def _outlet() -> _Outlet:
    """Return the place that fits where the process runs."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is not None:
        return _Notebook()
    return _Terminal() if sys.stdout.isatty() else _Log()
