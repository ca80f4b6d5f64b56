"""Will this visit end in a purchase? A DCN in a Pipeline, against two strong baselines.

The table: 12,330 visits of an online shop, 6 categorical columns and 11 skewed numbers.
The network goes through a `Pipeline` and a `GridSearchCV` over its number of cross
layers, then meets logistic regression on one-hot columns and gradient boosting on the
same held-out quarter. About half a minute on two cores.

    python examples/demo.py
"""

import time

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_online_shoppers
from sklearn_dcn.metrics import expected_calibration_error

PAGES = ("Administrative", "Informational", "ProductRelated")


def add_seconds_a_page(X):
    """Add the mean time on a page of each kind; missing where none was visited."""
    per_page = {
        f"{page}_SecondsAPage": X[f"{page}_Duration"] / X[page].where(X[page] > 0)
        for page in PAGES
    }
    return X.assign(**per_page)


def as_categories(X):
    """Give strings the pandas dtype by which HistGradientBoosting knows a category."""
    return X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))


def make_models(X, random_state=0):
    """Return the three models by name."""
    prepare = FunctionTransformer(add_seconds_a_page)
    categories = X.select_dtypes(exclude="number").columns
    numbers = prepare.transform(X).select_dtypes("number").columns
    dcn = make_pipeline(prepare, DCNClassifier(random_state=random_state))
    grid = {"dcnclassifier__n_cross_layers": [1, 2, 3]}
    one_hot = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), categories),
        (make_pipeline(FunctionTransformer(np.nan_to_num), StandardScaler()), numbers),
    )
    return {
        "logistic regression": make_pipeline(
            prepare, one_hot, LogisticRegression(max_iter=1000)
        ),
        "HistGradientBoosting": make_pipeline(
            prepare,
            FunctionTransformer(as_categories),
            HistGradientBoostingClassifier(random_state=random_state),
        ),
        "DCN, grid search": GridSearchCV(dcn, grid, scoring="neg_log_loss", cv=3),
    }


def compare(models, X, y, random_state=0):
    """Fit every model on the same split; return a row of figures for each."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, stratify=y, random_state=random_state
    )
    y_test = np.asarray(y_test)
    rows = []
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        p = model.predict_proba(X_test)[:, 1]
        rows.append(
            {
                "model": name,
                "log loss": log_loss(y_test, p),
                "AUC": roc_auc_score(y_test, p),
                "calibration error": expected_calibration_error(y_test, p, n_bins=10),
                "fit, s": seconds,
            }
        )
    return rows


def print_table(rows):
    """Print the rows, aligned."""
    print(" ".join(f"{head:>21}" for head in rows[0]))
    for row in rows:
        name, *figures = row.values()
        *scores, seconds = figures
        cells = [f"{score:21.4f}" for score in scores]
        print(" ".join([f"{name:>21}", *cells, f"{seconds:21.1f}"]))


def main():
    """Load, search, compare and print."""
    X, y = load_online_shoppers(return_X_y=True)
    n_categories = X.select_dtypes(exclude="number").shape[1]
    print(
        f"online_shoppers: {len(X):,} visits, {n_categories} categorical and "
        f"{X.shape[1] - n_categories} numeric columns, {y.mean():.1%} purchases\n"
    )
    models = make_models(X)
    print_table(compare(models, X, y))
    search = models["DCN, grid search"]
    best = search.best_estimator_[-1]
    print(
        f"\nThe search fitted {3 * len(search.cv_results_['params'])} networks and "
        f"chose {best.n_cross_layers} cross layer(s):\n\n{best.summary()}"
    )


if __name__ == "__main__":
    main()
