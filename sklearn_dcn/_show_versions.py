"""Report of the environment, for bug reports."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

_DEPENDENCIES = (
    "sklearn_dcn",
    "scikit-learn",
    "skorch",
    "torch",
    "numpy",
    "scipy",
    "category-encoders",
    "safetensors",
    "pandas",
    "polars",
    "pyarrow",
)


def _system_info() -> dict[str, str]:
    """Describe the interpreter and the machine."""
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
    }


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution, None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _torch_info() -> dict[str, object]:
    """Describe how torch computes on this machine."""
    import torch

    return {
        "threads": torch.get_num_threads(),
        "CUDA available": torch.cuda.is_available(),
        "MPS available": torch.backends.mps.is_available(),
        "default dtype": torch.get_default_dtype(),
    }


def _print_section(title: str, info: Mapping[str, object]) -> None:
    """Print a title and the aligned lines of a section."""
    print(f"\n{title}:")
    width = max(map(len, info))
    for name, value in info.items():
        print(f"{name:>{width}}: {value}")


def show_versions() -> None:
    """Print the versions and settings to include in a bug report.

    The versions come from the metadata of the installed packages: no optional
    package is imported, and ``None`` stands for a package that is not installed.

    Examples
    --------
    >>> from sklearn_dcn import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    System:
        python: ...
    <BLANKLINE>
    Python dependencies:
          sklearn_dcn: ...
    <BLANKLINE>
    torch:
           threads: ...
     default dtype: torch.float...
    """
    _print_section("System", _system_info())
    _print_section(
        "Python dependencies",
        {name: installed_version(name) for name in _DEPENDENCIES},
    )
    # Last, so that the versions are printed even if torch is broken.
    _print_section("torch", _torch_info())
