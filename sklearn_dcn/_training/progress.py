"""How far a fit is: a line that is rewritten in place, or lines of a log."""

from __future__ import annotations

import shutil
import sys
from html import escape
from time import perf_counter
from typing import Any, Protocol

from .watcher import Watcher

__all__ = ["Progress"]


INTERVAL = 0.2  # seconds between two updates of what is rewritten
LOG_INTERVAL = 60.0  # between two lines within an epoch, in a log
BAR = 24  # characters


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
    may_stop : bool
        Whether early stopping may end the fit before.
    """

    def __init__(
        self, n_rows: int, n_epochs: int, n_before: int, may_stop: bool
    ) -> None:
        self.n_rows = n_rows
        self.n_epochs = n_epochs
        self.n_before = n_before
        self.may_stop = may_stop
        self.out = _outlet()
        self.start = perf_counter()
        self.next = self.start + self.out.interval
        self.n_done = 0  # rows, of all epochs of this fit
        self.records: list[dict[str, Any]] = []

    def end_batch(self, n_rows: int) -> None:
        """Count the rows of a step."""
        self.n_done += n_rows
        self._update()

    def end_epoch(self, record: dict[str, Any]) -> bool:
        """Show its losses; the fit goes on."""
        self.records.append(record)
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
                value = self.records[best - self.n_before - 1]["valid_loss"]
                text += f" (validation {value:.4f})"
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
        left = _clock(seconds * (1 - done) / done)
        most = "at most " if self.may_stop else ""
        parts += [*self._losses(), self._speed(seconds), f"{most}{left} left"]
        self.out.show("  ".join(parts), done)

    def _losses(self) -> list[str]:
        """Return those of the last epoch that ended."""
        record = self.records[-1] if self.records else {}
        names = {"train_loss": "loss", "valid_loss": "validation"}
        return [f"{names[k]} {record[k]:.4f}" for k in names if k in record]

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
