"""Real tables with categorical and numeric columns, for examples and tests."""

from __future__ import annotations

from sklearn_dcn.datasets._loaders import (
    load_adult,
    load_bank_marketing,
    load_credit_default,
    load_online_shoppers,
)

__all__ = [
    "load_adult",
    "load_bank_marketing",
    "load_credit_default",
    "load_online_shoppers",
]
