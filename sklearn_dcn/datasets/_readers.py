"""Readers of click logs in the layouts in which they were published."""

from __future__ import annotations

from typing import Any

from .._scan import Scan
from ._lines import Layout, read_lines

__all__ = ["read_avazu", "read_criteo"]

CRITEO = Layout(
    name="Criteo",
    cells={
        "label": "click",
        **{f"I{j}": "number" for j in range(1, 14)},
        **{f"C{j}": "level" for j in range(1, 27)},
    },
    target="label",
    delimiter="\t",
    files=(r"train|day_\d+", "test"),
)

AVAZU_LEVELS = (
    *("C1", "banner_pos", "site_id", "site_domain", "site_category"),
    *("app_id", "app_domain", "app_category"),
    *("device_id", "device_ip", "device_model", "device_type", "device_conn_type"),
    *(f"C{j}" for j in range(14, 22)),
)
AVAZU = Layout(
    name="Avazu",
    # Each row has an id of its own, of which nothing can be learned.
    cells={
        "id": None,
        "click": "click",
        "hour": "hour",
        **dict.fromkeys(AVAZU_LEVELS, "level"),
    },
    target="click",
    delimiter=",",
    header=("id", "click", "hour", *AVAZU_LEVELS),
)


def read_criteo(path: Any, **options: Any) -> Scan:
    r"""Describe the rows of Criteo's click logs, as they were published.

    Each row is an advertisement that was shown, and the target tells whether it was
    clicked. There are 13 counts, I1 to I13, and 26 categories of hashed levels, C1 to
    C26; nobody knows what they mean, and any may be missing. Two logs have this
    layout: that of the Display Advertising Challenge [1]_, seven days with 45,840,617
    rows in ``train.txt``, and the Terabyte log [2]_, 24 days with 4.4 billion rows in
    ``day_0`` to ``day_23``. Criteo's terms allow non-commercial use; the licence of
    the Terabyte log is CC BY-NC-SA 4.0.

    Nothing but the first line of each file is read before the rows are needed.

    Parameters
    ----------
    path : path, or list of paths
        Files, globs or folders, unpacked or as .gz or .bz2; names need no suffix.
        In a folder, the files called ``train`` and ``day_0``, ``day_1`` ... are read,
        in order of number, or else the file called ``test``.
    **options : Any
        More arguments of `scan`: `columns`, `cache`, `buffer_rows`, `epoch_rows`.

    Returns
    -------
    scan : Scan
        Its target is "label", an integer, 0 or 1; it has none if the files have no
        labels, like ``test.txt``. Counts are float64, levels are strings, and empty
        cells are missing.

    Raises
    ------
    SourceError
        If a file does not exist or breaks the layout; the message names file and row.

    References
    ----------
    .. [1] https://www.kaggle.com/c/criteo-display-ad-challenge
    .. [2] https://huggingface.co/datasets/criteo/CriteoClickLogs

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_dcn.datasets import read_criteo
    >>> path = os.path.join(tempfile.mkdtemp(), "day_0")
    >>> cells = ["0", "3", *[""] * 12, *["68fd1e64"] * 26]
    >>> with open(path, "w") as file:
    ...     _ = file.write("\t".join(cells) + "\n")
    >>> block = read_criteo(path).load()
    >>> block.X[["I1", "I2", "C1"]]
        I1  I2        C1
    0  3.0 NaN  68fd1e64
    >>> block.y.tolist()
    [0]
    """
    return read_lines(path, CRITEO, options)


def read_avazu(path: Any, **options: Any) -> Scan:
    """Describe the rows of Avazu's click log, as it was published.

    Each row is an advertisement that was shown on a mobile device, and the target tells
    whether it was clicked. The log is that of the Click-Through Rate Prediction
    competition [1]_: ten days with 40,428,967 rows in ``train``, in order of time, and
    the day after them in ``test``. It is available to those who accept the rules of
    the competition, which say what it may be used for.

    Nothing but the first line of each file is read before the rows are needed.

    Parameters
    ----------
    path : path, or list of paths
        Files, globs or folders, unpacked or as .gz or .bz2. In a folder, the file
        called ``train`` is read, or else the one called ``test``, with any of these
        suffixes.
    **options : Any
        More arguments of `scan`: `columns`, `cache`, `buffer_rows`, `epoch_rows`.

    Returns
    -------
    scan : Scan
        Its target is "click", an integer, 0 or 1; it has none if the files have no
        such column, like ``test``. `hour` is a timestamp in UTC, without a zone. All
        other columns are strings, even if their codes are whole numbers. The column
        `id` is left out, as each row has its own.

    Raises
    ------
    SourceError
        If a file does not exist or breaks the layout; the message names file and row.

    References
    ----------
    .. [1] https://www.kaggle.com/c/avazu-ctr-prediction

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_dcn.datasets import read_avazu
    >>> path = os.path.join(tempfile.mkdtemp(), "test")
    >>> codes = [f"C{j}" for j in range(14, 22)]
    >>> names = ["id", "hour", "C1", "banner_pos", "site_id", "site_domain"]
    >>> names += ["site_category", "app_id", "app_domain", "app_category", "device_id"]
    >>> names += ["device_ip", "device_model", "device_type", "device_conn_type"]
    >>> with open(path, "w") as file:
    ...     print(*names, *codes, sep=",", file=file)
    ...     print(1, 14103123, *[7] * 21, sep=",", file=file)
    >>> print(read_avazu(path).load().X["hour"][0])
    2014-10-31 23:00:00
    """
    return read_lines(path, AVAZU, options)
