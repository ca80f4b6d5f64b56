"""A training that ends before its time: by an interrupt, or because it diverged."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning

__all__ = ["divergence", "warn_of_divergence", "warn_of_interrupt"]


def divergence(epoch: int, learning_rate: float) -> ValueError:
    """Return the error of a training that diverged in an epoch, from 1."""
    return ValueError(
        "Training diverged: loss or weights are not finite in epoch "
        f"{epoch}. {_remedy(learning_rate)}."
    )


def warn_of_divergence(epoch: int, best: int, learning_rate: float) -> None:
    """Warn that a training diverged, but for the weights of its best epoch."""
    warnings.warn(
        f"Training diverged in epoch {epoch}. Kept are the weights of epoch "
        f"{best}, the best before it. {_remedy(learning_rate)}.",
        ConvergenceWarning,
        stacklevel=3,
    )


def _remedy(learning_rate: float) -> str:
    return (
        f"Lower learning_rate={learning_rate!r}, set max_grad_norm, or keep "
        "numeric_transform='quantile'"
    )


def warn_of_interrupt(n_epochs: int, best: int | None) -> None:
    """Warn that a training was interrupted; `best` is None if no epoch is known as."""
    kept = f"of epoch {best}, the best so far"
    if best is None:
        kept = "of this moment, as without early_stopping none are known to be better"
    text = f"The fit was interrupted after epoch {n_epochs}. Kept are the weights"
    warnings.warn(f"{text} {kept}.", ConvergenceWarning, stacklevel=3)
