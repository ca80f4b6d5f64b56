"""How much better validation rows look than new ones: the settings that showed it."""

from __future__ import annotations

import numpy as np

from .report import Report
from .workers import progress

DEFAULTS = {"rows": 60_000, "repeats": 20}

# Rows, levels of each id, standard deviation of a level's effect, columns of ids, and
# whether the target is a class.
SETTINGS = {
    "few levels": (6_000, 500, 0.5, 1, True),
    "more rows": (20_000, 1_500, 0.5, 1, True),
    "many levels": (6_000, 2_000, 1.0, 1, True),
    "noise": (6_000, 2_000, 0.0, 1, True),
    "two ids": (10_000, 1_500, 0.3, 2, True),
    "numbers": (6_000, 500, 0.5, 1, False),
}
NAMES = [*SETTINGS]
BY_ITSELF = {"memorized_crosses": [("id0", "id0")]}
ARMS = {
    "auto": {},
    "by itself": BY_ITSELF,
    "none": {"memorized_crosses": None},
    "TargetEncoder": {"memorized_crosses": None, "category_encoder": "TargetEncoder"},
    "vector cross": {
        "memorized_crosses": [("id0", "id0")],
        "cross": "vector",
    },
    "low rank cross": {"memorized_crosses": [("id0", "id0")], "cross": "low_rank"},
}


def make_rows(setting, n_new, seed):
    """Return a frame, targets, and the loss of each row by what is true of it."""
    import pandas as pd
    from scipy.special import expit

    n, n_levels, sd, n_ids, is_class = setting
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n + n_new)
    table, logit = {"x": x}, 0.5 * x
    for j in range(n_ids):
        ids = rng.integers(n_levels, size=len(x))
        logit = logit + sd * rng.normal(size=n_levels)[ids]
        table[f"id{j}"] = np.char.add("v", ids.astype(str)).astype(object)
    if not is_class:
        y = logit + rng.normal(size=len(x))
        return pd.DataFrame(table), y, (y - logit) ** 2
    p = expit(logit)
    y = (rng.random(len(x)) < p).astype(int)
    return pd.DataFrame(table), y, -np.log(np.where(y == 1, p, 1 - p))


def measure(setting, arm, n_new, seed):
    """Return the optimism of a fit, and the excess of its loss on new rows.

    Optimism is what validation rows lose beyond their own Bayes loss, less what new
    rows do, each by single networks: 0 on average if the first tell of the second.
    """
    from sklearn.metrics import log_loss, mean_squared_error

    from sklearn_dcn import DCNClassifier, DCNRegressor

    X, y, bayes = make_rows(setting, n_new, seed)
    n, is_class = setting[0], setting[-1]
    seen, losses = [], []

    def loss_of(model, X, y):
        if is_class:
            return log_loss(y, model.predict_proba(X))
        return mean_squared_error(y, model.predict(X))

    def score(model, X_valid, y_valid):
        seen[:] = [X_valid.index]
        losses.append(loss_of(model, X_valid, y_valid))
        return -losses[-1]

    options = dict(arm)
    if options.get("category_encoder") == "TargetEncoder":
        from category_encoders import TargetEncoder

        options["category_encoder"] = TargetEncoder()
    # One network, so that its validation loss is that of one, and as it is.
    model = (DCNClassifier if is_class else DCNRegressor)(
        random_state=seed, n_members=1, calibrate=False, scoring=score, **options
    )
    model.fit(X[:n], y[:n])
    valid = losses[model.best_epoch_ - 1]
    new = loss_of(model, X[n:], y[n:])
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
        n, n_levels, sd, n_ids, _ = SETTINGS[name]
        what = f"{n:,} rows, {n_ids} x {n_levels:,} levels, effects of {sd}"
        report.table(f"{name}: {what}", rows)
    return report
