"""Scripts of the repository as modules, and code that runs in a process of its own."""

import importlib.util
import os
import subprocess
import sys

from helpers.paths import REPO


def load_script(path):
    """Return a script of the repository, e.g. "examples/demo.py", as a module."""
    path = REPO / path
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def print_elsewhere(code):
    """Return what `code` prints in a process with another hash seed of Python."""
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout
