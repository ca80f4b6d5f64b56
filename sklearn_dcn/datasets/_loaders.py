"""Loaders of the tables that are shipped with the package."""

from __future__ import annotations

from typing import Any

from ._tables import (
    ADULT,
    BANK_MARKETING,
    CREDIT_DEFAULT,
    ONLINE_SHOPPERS,
    load_shipped,
)

__all__ = [
    "load_adult",
    "load_bank_marketing",
    "load_credit_default",
    "load_online_shoppers",
]


def load_online_shoppers(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the Online Shoppers Purchasing Intention table (binary classification).

    Each row is a visit to a web shop; the target tells whether the visit ended
    with a purchase. The source is the UCI Machine Learning Repository [1]_,
    licence CC BY 4.0.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.

    as_frame : bool, default=True
        If True, `data` is a pandas DataFrame and `target` a pandas Series. This
        is the default because the columns are of mixed types, as
        `fetch_openml(as_frame="auto")` does. If False, `data` is an array of
        dtype object and `target` an integer array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        data : DataFrame of shape (12330, 17) or ndarray of dtype object
            The features, in the order of `feature_names`. No value is missing.
        target : Series or ndarray of shape (12330,), dtype int64
            The column `Revenue`: 1 for a purchase (15.5 %), 0 otherwise.
        frame : DataFrame of shape (12330, 18) or None
            `data` and `target` together, None if `as_frame=False`.
        feature_names : list of str
            The names of the feature columns.
        target_names : list of str
            The original labels of the codes 0 and 1.
        categorical_feature_names : list of str
            The names of the 6 columns that hold strings. The other columns are
            numeric.
        DESCR : str
            The full description of the table, with its licence and citation.
        filename : str
            The name of the data file in `data_module`.
        data_module : str
            The package that holds the data file.

    (data, target) : tuple if `return_X_y=True`
        The features and the target as described above.

    References
    ----------
    .. [1] Sakar, C. and Kastro, Y. (2018). "Online Shoppers Purchasing Intention
       Dataset". UCI Machine Learning Repository.
       https://doi.org/10.24432/C5F88Q

    Examples
    --------
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> X.shape
    (12330, 17)
    >>> print(f"{y.mean():.3f}")
    0.155
    >>> load_online_shoppers().categorical_feature_names[:3]
    ['Month', 'OperatingSystems', 'Browser']
    """
    return load_shipped(ONLINE_SHOPPERS, return_X_y=return_X_y, as_frame=as_frame)


def load_adult(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the Adult (census income) table (binary classification).

    Each row is a person of the 1994 census of the United States; the target tells
    whether the yearly income exceeds 50,000 dollars. The source is the UCI Machine
    Learning Repository [1]_, licence CC BY 4.0.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.

    as_frame : bool, default=True
        If True, `data` is a pandas DataFrame and `target` a pandas Series. This
        is the default because the columns are of mixed types, as
        `fetch_openml(as_frame="auto")` does. If False, `data` is an array of
        dtype object and `target` an integer array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        data : DataFrame of shape (48842, 14) or ndarray of dtype object
            The features, in the order of `feature_names`. `workclass`,
            `occupation` and `native-country` have missing values (NaN).
        target : Series or ndarray of shape (48842,), dtype int64
            The column `income`: 1 for more than 50,000 dollars (23.9 %), 0 otherwise.
        frame : DataFrame of shape (48842, 15) or None
            `data` and `target` together, None if `as_frame=False`.
        feature_names : list of str
            The names of the feature columns.
        target_names : list of str
            The original labels of the codes 0 and 1.
        categorical_feature_names : list of str
            The names of the 8 columns that hold strings. The other columns are
            numeric.
        DESCR : str
            The full description of the table, with its licence and citation.
        filename : str
            The name of the data file in `data_module`.
        data_module : str
            The package that holds the data file.

    (data, target) : tuple if `return_X_y=True`
        The features and the target as described above.

    References
    ----------
    .. [1] Becker, B. and Kohavi, R. (1996). "Adult". UCI Machine Learning Repository.
       https://doi.org/10.24432/C5XW20

    Examples
    --------
    >>> from sklearn_dcn.datasets import load_adult
    >>> X, y = load_adult(return_X_y=True)
    >>> X.shape
    (48842, 14)
    >>> print(f"{y.mean():.3f}")
    0.239
    >>> load_adult().categorical_feature_names[:3]
    ['workclass', 'education', 'marital-status']
    """
    return load_shipped(ADULT, return_X_y=return_X_y, as_frame=as_frame)


def load_bank_marketing(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the Bank Marketing table (binary classification).

    Each row is a client called in a campaign of a Portuguese bank; the target
    tells whether the client subscribed to a term deposit. The source is the UCI
    Machine Learning Repository [1]_, licence CC BY 4.0.

    The feature `duration` is known only after the call, when the answer is known
    too: drop it to measure a realistic model. The rows are in order of time.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.

    as_frame : bool, default=True
        If True, `data` is a pandas DataFrame and `target` a pandas Series. This
        is the default because the columns are of mixed types, as
        `fetch_openml(as_frame="auto")` does. If False, `data` is an array of
        dtype object and `target` an integer array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        data : DataFrame of shape (45211, 16) or ndarray of dtype object
            The features, in the order of `feature_names`. No value is
            missing: the source writes "unknown".
        target : Series or ndarray of shape (45211,), dtype int64
            The column `deposit`: 1 for a subscription (11.7 %), 0 otherwise.
        frame : DataFrame of shape (45211, 17) or None
            `data` and `target` together, None if `as_frame=False`.
        feature_names : list of str
            The names of the feature columns.
        target_names : list of str
            The original labels of the codes 0 and 1.
        categorical_feature_names : list of str
            The names of the 9 columns that hold strings. The other columns are
            numeric.
        DESCR : str
            The full description of the table, with its licence and citation.
        filename : str
            The name of the data file in `data_module`.
        data_module : str
            The package that holds the data file.

    (data, target) : tuple if `return_X_y=True`
        The features and the target as described above.

    References
    ----------
    .. [1] Moro, S., Rita, P. and Cortez, P. (2014). "Bank Marketing". UCI Machine
       Learning Repository. https://doi.org/10.24432/C5K306

    Examples
    --------
    >>> from sklearn_dcn.datasets import load_bank_marketing
    >>> X, y = load_bank_marketing(return_X_y=True)
    >>> X.shape
    (45211, 16)
    >>> print(f"{y.mean():.3f}")
    0.117
    >>> load_bank_marketing().categorical_feature_names[:3]
    ['job', 'marital', 'education']
    """
    return load_shipped(BANK_MARKETING, return_X_y=return_X_y, as_frame=as_frame)


def load_credit_default(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the Default of Credit Card Clients table (binary classification).

    Each row is a holder of a credit card of a bank in Taiwan, with six months of bills
    and payments; the target tells whether the next payment is missed. The source is
    the UCI Machine Learning Repository [1]_, licence CC BY 4.0.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.

    as_frame : bool, default=True
        If True, `data` is a pandas DataFrame and `target` a pandas Series. This
        is the default because the columns are of mixed types, as
        `fetch_openml(as_frame="auto")` does. If False, `data` is an array of
        dtype object and `target` an integer array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        data : DataFrame of shape (30000, 23) or ndarray of dtype object
            The features, in the order of `feature_names`. No value is missing.
        target : Series or ndarray of shape (30000,), dtype int64
            The column `default`: 1 for a default (22.1 %), 0 otherwise.
        frame : DataFrame of shape (30000, 24) or None
            `data` and `target` together, None if `as_frame=False`.
        feature_names : list of str
            The names of the feature columns.
        target_names : list of str
            The original labels of the codes 0 and 1.
        categorical_feature_names : list of str
            The names of the 9 columns that hold strings. The other columns are
            numeric.
        DESCR : str
            The full description of the table, with its licence and citation.
        filename : str
            The name of the data file in `data_module`.
        data_module : str
            The package that holds the data file.

    (data, target) : tuple if `return_X_y=True`
        The features and the target as described above.

    References
    ----------
    .. [1] Yeh, I-C. (2009). "Default of Credit Card Clients". UCI Machine Learning
       Repository. https://doi.org/10.24432/C55S3H

    Examples
    --------
    >>> from sklearn_dcn.datasets import load_credit_default
    >>> X, y = load_credit_default(return_X_y=True)
    >>> X.shape
    (30000, 23)
    >>> print(f"{y.mean():.3f}")
    0.221
    >>> load_credit_default().categorical_feature_names[:3]
    ['SEX', 'EDUCATION', 'MARRIAGE']
    """
    return load_shipped(CREDIT_DEFAULT, return_X_y=return_X_y, as_frame=as_frame)
