"""How much better validation rows look than new ones: the settings that showed it."""

from __future__ import annotations

import numpy as np

from .report import Report
from .workers import progress

DEFAULTS = {"rows": 60_000, "repeats": 20}

# Rows, levels of each id, standard deviation of a level's effect, columns of ids.
SETTINGS = {
    "few levels": (6_000, 500, 0.5, 1),
    "more rows": (20_000, 1_500, 0.5, 1),
    "many levels": (6_000, 2_000, 1.0, 1),
    "noise": (6_000, 2_000, 0.0, 1),
    "two ids": (10_000, 1_500, 0.3, 2),
}
NAMES = [*SETTINGS]
ARMS = {
    "auto": {},
    "by itself": {"memorized_crosses": [("id0", "id0")]},
    "none": {"memorized_crosses": None},
    "TargetEncoder": {"memorized_crosses": None, "category_encoder": "TargetEncoder"},
}


def make_rows(setting, n_new, seed):
    """Return a frame, labels, and the log loss of each row by its true probability."""
    import pandas as pd
    from scipy.special import expit

    n, n_levels, sd, n_ids = setting
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n + n_new)
    table, logit = {"x": x}, 0.5 * x
    for j in range(n_ids):
        ids = rng.integers(n_levels, size=len(x))
        logit = logit + sd * rng.normal(size=n_levels)[ids]
        table[f"id{j}"] = np.char.add("v", ids.astype(str)).astype(object)
    p = expit(logit)
    y = (rng.random(len(x)) < p).astype(int)
    return pd.DataFrame(table), y, -np.log(np.where(y == 1, p, 1 - p))


def measure(setting, arm, n_new, seed):
    """Return the optimism of a fit, and the excess of its loss on new rows.

    Optimism is what validation rows lose beyond their own Bayes loss, less what new
    rows do, each by single networks: 0 on average if the first tell of the second.
    """
    from sklearn.metrics import log_loss

    from sklearn_dcn import DCNClassifier

    X, y, bayes = make_rows(setting, n_new, seed)
    n = setting[0]
    seen = []

    def score(model, X_valid, y_valid):
        seen[:] = [X_valid.index]
        return -log_loss(y_valid, model.predict_proba(X_valid))

    options = dict(arm)
    if options.get("category_encoder") == "TargetEncoder":
        from category_encoders import TargetEncoder

        options["category_encoder"] = TargetEncoder()
    # One network, so that its validation loss is that of one, and as it is.
    model = DCNClassifier(
        random_state=seed, n_members=1, calibrate=False, scoring=score, **options
    )
    model.fit(X[:n], y[:n])
    valid = model.history_[model.best_epoch_ - 1]["valid_loss"]
    new = log_loss(y[n:], model.predict_proba(X[n:]))
    excess = new - bayes[n:].mean()
    crosses = model.encoder_.crosses
    return {
        "optimism": valid - bayes[seen[0]].mean() - excess,
        "excess": excess,
        "memorised": 0 if crosses is None else len(crosses.pairs),
    }


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument("--arms", default=",".join(ARMS), help="some of them")


def run(options):
    """Fit each arm to each table, seed by seed, the same rows for all arms."""
    import torch

    torch.set_num_threads(options.threads)
    report = Report("optimism", vars(options))
    arms = options.arms.split(",")
    for name in options.only:
        rows = []
        for arm in arms:
            progress(f"{name}: {arm}")
            found = [
                measure(SETTINGS[name], ARMS[arm], options.rows, seed)
                for seed in range(options.repeats)
            ]
            report.raw[f"{name}, {arm}"] = found
            columns = {key: np.array([one[key] for one in found]) for key in found[0]}
            optimism, excess = columns["optimism"], columns["excess"]
            root = np.sqrt(len(found))
            rows.append(
                {
                    "crosses": arm,
                    "optimism": f"{optimism.mean():+.4f}",
                    "its error": f"{optimism.std(ddof=1) / root:.4f}",
                    "excess on new rows": f"{excess.mean():.4f}",
                    "of seeds": f"{excess.std(ddof=1):.4f}",
                    "memorised": f"{columns['memorised'].mean():.1f}",
                }
            )
        n, n_levels, sd, n_ids = SETTINGS[name]
        what = f"{n:,} rows, {n_ids} x {n_levels:,} levels, effects of {sd}"
        report.table(f"{name}: {what}", rows)
    return report
