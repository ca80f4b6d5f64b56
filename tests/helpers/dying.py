"""Processes of a fit that do not survive it."""

import os
import signal
from pathlib import Path

from sklearn_dcn._training.sharing import SharedGradients


class Dies:
    """A step that one rank does not survive, the first time that it comes to it."""

    def __init__(self, folder, step, how):
        self.mark, self.step, self.how = Path(folder) / "died", step, how

    def __call__(self, world, model, *rows):
        """Fit, and die on the way."""
        call, n_steps = SharedGradients.__call__, [0]

        def dies(share, n_rows):
            n_steps[0] += 1
            at = world.rank == 1 and n_steps[0] == self.step
            if at and not self.mark.exists():
                self.mark.touch()
                self.how()
            return call(share, n_rows)

        SharedGradients.__call__ = dies
        try:
            model._fit_in(world, rows, (None, None, None))
        finally:
            SharedGradients.__call__ = call
        return model


def kill():
    """End this process, as the system does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
