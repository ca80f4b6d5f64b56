"""The tables that are shipped with the package: what each is, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

from sklearn.utils import Bunch

__all__ = [
    "ADULT",
    "BANK_MARKETING",
    "CREDIT_DEFAULT",
    "ONLINE_SHOPPERS",
    "ShippedTable",
    "load_shipped",
]


DATA_MODULE = "sklearn_dcn.datasets.data"


@dataclass(frozen=True)
class ShippedTable:
    """Description of one shipped table.

    Attributes
    ----------
    name : str
        Stem of the data file and of the description file.
    sha256 : str
        Checksum of the compressed data file.
    target : str
        Name of the target column.
    target_names : tuple of str
        Labels of the original source, in the order of the codes 0 and 1.
    categorical, integer, floating : tuple of str
        Names of the feature columns of each kind, in the order of the file.
    """

    name: str
    sha256: str
    target: str
    target_names: tuple[str, str]
    categorical: tuple[str, ...]
    integer: tuple[str, ...]
    floating: tuple[str, ...] = ()

    @property
    def filename(self) -> str:
        """Name of the compressed data file."""
        return f"{self.name}.csv.xz"

    @property
    def dtypes(self) -> dict[str, Any]:
        """Dtype of every column, the target included."""
        return {
            **dict.fromkeys(self.categorical, str),
            **dict.fromkeys((*self.integer, self.target), "int64"),
            **dict.fromkeys(self.floating, "float64"),
        }


ONLINE_SHOPPERS = ShippedTable(
    name="online_shoppers",
    sha256="f6fe61d45d85c6c2aad50012c13f9aab2e50a99861d955b06b1f69f943d5572d",
    target="Revenue",
    target_names=("False", "True"),
    categorical=(
        "Month",
        "OperatingSystems",
        "Browser",
        "Region",
        "TrafficType",
        "VisitorType",
    ),
    integer=("Administrative", "Informational", "ProductRelated", "Weekend"),
    floating=(
        "Administrative_Duration",
        "Informational_Duration",
        "ProductRelated_Duration",
        "BounceRates",
        "ExitRates",
        "PageValues",
        "SpecialDay",
    ),
)
ADULT = ShippedTable(
    name="adult",
    sha256="a6d6aa3b05af1f3ac9d44e675504f569239041448a39e974991b3b01fd9f0390",
    target="income",
    target_names=("<=50K", ">50K"),
    categorical=(
        "workclass",
        "education",
        "marital-status",
        "occupation",
        "relationship",
        "race",
        "gender",
        "native-country",
    ),
    integer=(
        "age",
        "fnlwgt",
        "educational-num",
        "capital-gain",
        "capital-loss",
        "hours-per-week",
    ),
)
BANK_MARKETING = ShippedTable(
    name="bank_marketing",
    sha256="b96bdd6d9d920a4ef0ff0065f0b11093b340d310630b9dd212a5596899867e3a",
    target="deposit",
    target_names=("no", "yes"),
    categorical=(
        "job",
        "marital",
        "education",
        "default",
        "housing",
        "loan",
        "contact",
        "month",
        "poutcome",
    ),
    integer=(
        "age",
        "balance",
        "day",
        "duration",
        "campaign",
        "pdays",
        "previous",
    ),
)
CREDIT_DEFAULT = ShippedTable(
    name="credit_default",
    sha256="e06c128d5d51bd53f23f417aaaf737fa68ba9f6df8db42dcb56e70c5af59f474",
    target="default",
    target_names=("no", "yes"),
    categorical=(
        *("SEX", "EDUCATION", "MARRIAGE"),
        *("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"),
    ),
    integer=(
        *("LIMIT_BAL", "AGE"),
        *(f"BILL_AMT{month}" for month in range(1, 7)),
        *(f"PAY_AMT{month}" for month in range(1, 7)),
    ),
)


def _read_frame(table: ShippedTable) -> Any:
    """Read a shipped table, columns and rows in the order of the file."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"load_{table.name} needs pandas: install it with `pip install pandas`."
        ) from error

    path = resources.files(DATA_MODULE).joinpath(table.filename)
    with path.open("rb") as file:
        # Only the empty field is missing: pandas would otherwise take values such
        # as "None" or "NA" for missing.
        return pd.read_csv(
            file,
            compression="xz",
            dtype=table.dtypes,
            keep_default_na=False,
            na_values=[""],
        )


def load_shipped(table: ShippedTable, *, return_X_y: bool, as_frame: bool) -> Any:
    """Load a shipped table, see the public loaders for the arguments."""
    frame = _read_frame(table)
    data = frame.drop(columns=table.target)
    target = frame[table.target]
    feature_names = data.columns.tolist()
    if not as_frame:
        frame = None
        data = data.to_numpy(dtype=object)
        target = target.to_numpy()
    if return_X_y:
        return data, target

    description = resources.files(DATA_MODULE).joinpath(f"{table.name}.rst")
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=feature_names,
        target_names=list(table.target_names),
        categorical_feature_names=list(table.categorical),
        DESCR=description.read_text(encoding="utf-8"),
        filename=table.filename,
        data_module=DATA_MODULE,
    )
