"""How much each column alone moves the output: total effects, without rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mixing import Floats, MixedLogits, whole

__all__ = ["total_effects"]

N_DRAWS = 1000


def total_effects(estimator: Any) -> Floats:
    r"""Return the total-effect indices of Sobol, scaled to a sum of 1.

    .. math:: T_j = \tfrac{1}{2} E\big[(f(x) - f(z_j, x_{rest}))^2\big]

    with x and z two rows of independent columns, drawn as the encoder saw each: the
    variance of the logit that is lost if column j is held, alone and in all its
    crosses. All are 0 where the logit is constant.

    References
    ----------
    Homma & Saltelli, "Importance measures in global sensitivity analysis of nonlinear
    models", 1996; Jansen, "Analysis of variance designs for model output", 1999.
    """
    mixed = MixedLogits(estimator)
    # The same draws at every call: an importance is a property of the fitted model.
    pool = mixed.draw(2 * N_DRAWS, np.random.default_rng(0))
    x = np.arange(N_DRAWS)
    source = whole(pool, x)
    base = mixed(pool, source)
    sources = np.array(mixed.encoder.sources)  # the parts of dates are moved together
    effects = np.empty(len(mixed.encoder.table_names))
    for j in range(len(effects)):
        mix = source.copy()
        mix[:, sources == j] = x[:, None] + N_DRAWS
        effects[j] = np.square(mixed(pool, mix) - base).mean() / 2
    return effects / (effects.sum() or 1.0)
