"""The contender of imports, in a file that itself imports the standard library."""

from __future__ import annotations

import importlib
import sys
import time


class Imports:
    """The imports of a new process.

    Parameters
    ----------
    modules : list of str
        What to import. None of it has been imported here before.
    """

    def __init__(self, modules):
        self.modules = modules

    def turn(self):
        """Return the seconds of the imports."""
        loaded = {name.partition(".")[0] for name in sys.modules}
        assert loaded.isdisjoint({"torch", "numpy", "sklearn", "sklearn_dcn"})
        start = time.perf_counter()
        for name in self.modules:
            importlib.import_module(name)
        return time.perf_counter() - start
