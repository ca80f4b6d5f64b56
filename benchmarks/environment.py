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
BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # the last one of ARM


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
        "bfloat16 products": _bfloat16_products(),
        "cores": os.cpu_count(),
        "cores in use": usable,
        "memory, GiB": round(memory, 1),
        "system": platform.platform(),
    }


def _processor():
    """Return the model's name, with its numbers, as virtual machines hide the name."""
    found = _cpuinfo()
    if "model name" not in found:
        return platform.processor() or platform.machine()
    numbers = [f"{key} {found[key]}" for key in ("cpu family", "model") if key in found]
    return f"{found['model name']} ({', '.join(numbers)})"


def _bfloat16_products():
    """Return which instructions for products of bfloat16 there are; None: unknown."""
    found = _cpuinfo()
    flags = found.get("flags", found.get("Features", "")).split()
    if not flags:
        return None
    return ", ".join(flag for flag in BFLOAT16 if flag in flags) or "none"


def _cpuinfo():
    """Return what Linux tells of the first processor."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
