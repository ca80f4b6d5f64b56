"""`load`: a file of `save` to an estimator."""

from __future__ import annotations

from typing import Any

from .._estimator import FORMAT, FORMAT_VERSION, MAX_CONFIG, SPELLING, resolve_device
from .._files import ARRAYS, CONFIG, Archive, Decoder, Target, from_json
from .._version import __version__
from .estimators import ESTIMATORS, registry

__all__ = ["load"]


def load(path: Target, device: Any = "auto") -> Any:
    """Load an estimator that `save` wrote.

    Nothing of the file is run: it holds JSON and arrays, every part of which is checked
    before an estimator is made of it.

    Parameters
    ----------
    path : str, PathLike or binary file
        The file. What is open, as `io.BytesIO` or a file of fsspec, is read from its
        beginning, wherever it stands, and stays open.
    device : str or torch.device, default="auto"
        Where the network computes; it becomes the estimator's `device`. "auto" leaves
        that as it was saved, or, where there is no such device, sets it to "auto" with
        a warning.

    Returns
    -------
    estimator : DCNClassifier, DCNRegressor, DCNRanker or transformer
        It predicts to the bit what the saved one did, on the same machine. It can be
        fitted anew, and `partial_fit` and warm starts go on from its weights, with a
        fresh optimiser.

    Raises
    ------
    LoadError
        If the file is damaged or tampered with, of a newer format, or not of `save`.
    TypeError
        If the file is open for text.
    ValueError
        If there is no such device.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import sklearn_dcn
    >>> X, y = np.array([["Oslo"], ["Bern"]] * 20, dtype=object), [0, 1] * 20
    >>> model = sklearn_dcn.DCNClassifier(random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.dcn")
    ...     loaded = sklearn_dcn.load(f"{folder}/model.dcn")
    >>> bool((loaded.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    if device != "auto":
        resolve_device(device)
    with Archive(path) as archive:
        config = _read_config(archive)
        if archive.sizes.keys() != {CONFIG, ARRAYS}:
            raise archive.error(f"it has the members {sorted(archive.sizes)}")
        try:
            return _decode(config["state"], archive.read(ARRAYS), device)
        except Exception as error:  # of any kind, from a file made to do so
            raise archive.error(
                f"its content is not what save() writes ({type(error).__name__}: "
                f"{error}). Save it again, and use no file that somebody has changed"
            ) from error


def _read_config(archive: Archive) -> dict[str, Any]:
    if archive.sizes.get(CONFIG, MAX_CONFIG + 1) > MAX_CONFIG:
        raise archive.error(f"it has no {CONFIG} of up to {MAX_CONFIG:,} bytes")
    try:
        config = from_json(archive.read(CONFIG))
        version = config["format_version"]
        is_ours = config["format"] == FORMAT and type(version) is int and version > 0
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise archive.error(f"its {CONFIG} cannot be read ({error})") from error
    if not is_ours:
        raise archive.error(f"its {CONFIG} is not of the format {FORMAT!r}")
    if version > FORMAT_VERSION:
        raise archive.error(
            f"it is of format {version}, but this is sklearn_dcn "
            f"{__version__}, which knows formats up to {FORMAT_VERSION}. Update "
            "sklearn-dcn, e.g. with pip install --upgrade sklearn-dcn"
        )
    return config


def _decode(state: Any, data: bytes, device: Any) -> Any:
    from safetensors.numpy import load

    arrays = load(data)
    del data  # it may be large
    ((kind, (name, _)),) = state.items()
    if kind != "object" or name not in ESTIMATORS:
        raise ValueError("it holds no estimator")
    estimator = Decoder(registry(device), arrays, SPELLING).decode(state)
    if arrays:
        raise ValueError(f"it has unused arrays, such as {min(arrays)}")
    return estimator
