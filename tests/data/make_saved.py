"""Write the files that later releases must be able to load: one of each format.

``python tests/data/make_saved.py`` writes those of the format of this release beside
itself; files of older formats stay as they are.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._estimator.saving import FORMAT_VERSION

HERE = Path(__file__).parent


def make_records(n=60):
    """Return rows as dicts, with a column of every kind."""
    rng = np.random.default_rng(0)
    return [
        {
            "city": [None, "Bern", "Oslo", "Zürich"][k % 4],
            "user": f"u{k % 11}",
            "is_new": bool(k % 3),
            "price": None if k % 7 == 0 else round(float(rng.lognormal()), 3),
            "count": k % 5,
            "tags": ["a", "b", "c"][: k % 4],
        }
        for k in range(n)
    ]


def main():
    """Fit, save, and write down what was predicted."""
    records = make_records()
    X = pd.DataFrame(records)
    labels = np.array(["no", "yes", "never"])[np.arange(len(X)) % 3]
    small = {"max_epochs": 2, "hidden_layer_sizes": (4,), "embedding_dim": 2}
    small |= {"hashing": {"user": 4}, "random_state": 0, "dtype": "float64"}
    classifier = DCNClassifier(
        **small, numeric_levels=8, memorized_crosses=2, cross="low_rank", n_members=2
    ).fit(X, labels)
    outputs = X["count"].to_numpy()[:, None] * [1.0, -2.0]
    regressor = DCNRegressor(**small, numeric_embedding="linear").fit(X, outputs)
    name = f"format_{FORMAT_VERSION}"
    classifier.save(HERE / f"{name}_classifier.dcn")
    regressor.save(HERE / f"{name}_regressor.dcn")
    expected = {
        "records": records[:9],
        "classes": classifier.classes_.tolist(),
        "probabilities": classifier.predict_proba(records[:9]).tolist(),
        "outputs": regressor.predict(records[:9]).tolist(),
    }
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
