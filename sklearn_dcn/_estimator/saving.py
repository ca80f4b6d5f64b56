"""`save`: an estimator to a file that runs nothing when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._files import (
    ARRAYS,
    CONFIG,
    Encoder,
    Spelled,
    Stored,
    Target,
    to_json,
    write_archive,
)
from .._show_versions import installed_version

__all__ = ["FORMAT", "FORMAT_VERSION", "MAX_CONFIG", "SPELLING", "SavesToFile"]

FORMAT = "sklearn_dcn"
FORMAT_VERSION = 2

# Bytes. What grows with rows or levels is in arrays; JSON takes some 25 times its size
# of memory when it is read.
MAX_CONFIG = 1 << 25

SPELLING = {"device": Spelled(torch.device, str, torch.device)}

VERSIONS = ("sklearn_dcn", "scikit-learn", "skorch", "torch", "numpy", "safetensors")


class SavesToFile(BaseEstimator):
    """Adds `save` to an estimator or transformer."""

    # Filled by `_saving`, which knows all the classes that have `save`.
    _registry: Mapping[str, Stored]

    def save(self, path: Target) -> None:
        """Save the fitted estimator to a file, for `sklearn_dcn.load`.

        The file holds parameters, encoding and weights, as JSON and safetensors. It
        holds no rows, and the state of the optimiser only with new_levels="learn". It
        is written beside `path` and then moved there, so that only a complete new file
        replaces an old one.

        Parameters
        ----------
        path : str, PathLike or binary file
            The file, by convention with the ending ".dcn". An open file, such as
            `io.BytesIO` or one of fsspec, is written to at its current position and
            stays open.

        Returns
        -------
        None
            The estimator stays as it is.

        Raises
        ------
        TypeError
            If the file is open for text; or if a parameter is an object that a file
            cannot hold: `category_encoder`, `callbacks`, a class as `optimizer`, a
            callable as `scoring`. Pickle the estimator then.
        ValueError
            If a parameter breaks a rule.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
        names = {stored.cls: name for name, stored in self._registry.items()}
        if type(self) not in names:
            parents = [cls.__name__ for cls in type(self).__mro__ if cls in names]
            raise TypeError(
                f"{type(self).__name__} cannot be saved: a file holds objects of "
                f"{' and '.join(parents)} itself, not of classes that inherit from "
                "it. Pickle the object, e.g. with joblib.dump."
            )
        encoder = Encoder(self._registry, SPELLING)
        state = encoder.encode(self)
        config = to_json(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "versions": {name: installed_version(name) for name in VERSIONS},
                "schema": self._describe(),
                "state": state,
            }
        )
        if len(config) > MAX_CONFIG:
            raise ValueError(
                f"The parameters and names of columns take {len(config):,} bytes as "
                f"JSON, but a file may have {MAX_CONFIG:,}. Pickle the estimator, e.g. "
                "with joblib.dump."
            )
        from safetensors.numpy import save

        write_archive(path, {CONFIG: config, ARRAYS: save(encoder.arrays)})

    def _describe(self) -> Any:
        """Return what people may want to read in the file; `load` does not."""
        encoder = getattr(self, "encoder_", None)
        return None if encoder is None else [row._asdict() for row in encoder.schema()]
