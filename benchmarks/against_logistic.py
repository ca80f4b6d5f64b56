"""Does the default DCN beat one-hot logistic regression? Shipped tables, several seeds.

    python benchmarks/against_logistic.py [--seeds 5]

Prints, for each table, the test log loss of both on the same splits (75 / 25,
stratified), its spread over the seeds, and on how many of them the DCN wins.
"""

import argparse
import time

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_adult, load_bank_marketing, load_online_shoppers

LOADERS = (load_online_shoppers, load_adult, load_bank_marketing)


def logistic_regression(X):
    """Return logistic regression on one-hot categories and scaled numbers."""
    numbers = X.select_dtypes("number").columns
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), X.columns.difference(numbers)),
            (
                make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
                numbers,
            ),
        ),
        LogisticRegression(max_iter=2000),
    )


def measure(model, X, y, seed):
    """Return test log loss, AUC and seconds of a fit."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, stratify=y, random_state=seed
    )
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    p = model.predict_proba(X_test)[:, 1]
    return log_loss(y_test, p), roc_auc_score(y_test, p), seconds


def main():
    """Run all tables and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print(f"{'table':18}{'model':12}{'log loss':>18}{'AUC':>18}{'fit, s':>9}  wins")
    for load in LOADERS:
        X, y = load(return_X_y=True)
        results = {
            "logistic": [measure(logistic_regression(X), X, y, s) for s in seeds],
            "DCN default": [
                measure(DCNClassifier(random_state=s), X, y, s) for s in seeds
            ],
        }
        losses = {name: np.array(rows)[:, 0] for name, rows in results.items()}
        wins = int((losses["DCN default"] < losses["logistic"]).sum())
        for name, rows in results.items():
            loss, auc, seconds = np.array(rows).T
            won = f"{wins} of {len(seeds)}" if name.startswith("DCN") else ""
            print(
                f"{load.__name__.removeprefix('load_'):18}{name:12}"
                f"{loss.mean():10.4f} ± {loss.std():.4f}"
                f"{auc.mean():9.4f} ± {auc.std():.4f}{seconds.mean():9.1f}  {won}"
            )


if __name__ == "__main__":
    main()
