"""What a report says of the machine and of the versions it was measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "sklearn-dcn",
    "scikit-learn",
    "skorch",
    "torch",
    "numpy",
    "pandas",
    "pyarrow",
    "category-encoders",
    "deepctr-torch",
    "fuxictr",
    "lightgbm",
    "catboost",
    "xgboost",
    "onnxruntime",
    "pytabkit",
)


def versions():
    """Return the version of every package that has a part in some suite."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def machine():
    """Describe processor and memory."""
    try:
        usable = len(os.sched_getaffinity(0))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError):  # not a Linux
        usable, memory = os.cpu_count(), float("nan")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores in use": usable,
        "memory, GiB": round(memory, 1),
        "system": platform.platform(),
    }


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
