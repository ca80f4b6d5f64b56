"""Real tables for examples and tests, and readers of logs as they were published."""

from __future__ import annotations

from sklearn_dcn.datasets._loaders import (
    load_adult,
    load_bank_marketing,
    load_credit_default,
    load_online_shoppers,
)
from sklearn_dcn.datasets._movielens import read_movielens
from sklearn_dcn.datasets._readers import read_avazu, read_criteo

__all__ = [
    "load_adult",
    "load_bank_marketing",
    "load_credit_default",
    "load_online_shoppers",
    "read_avazu",
    "read_criteo",
    "read_movielens",
]
