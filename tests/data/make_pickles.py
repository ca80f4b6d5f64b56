"""Write pickles that later releases must be able to read: those of this release.

``python tests/data/make_pickles.py NAME`` writes ``NAME.pkl`` and ``NAME.json`` beside
itself, best in the oldest supported environment: newer libraries read older pickles,
not the other way round. ``flat`` is of commit 45e071d, before the package had rooms.
"""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from make_saved import make_records
from scipy.sparse import csr_matrix

from sklearn_dcn import DCNClassifier, DCNRegressor

HERE = Path(__file__).parent


def main(name):
    """Fit, pickle, and write down what was predicted."""
    records = make_records()
    X = pd.DataFrame(records)
    labels = np.array(["no", "yes", "never"])[np.arange(len(X)) % 3]
    small = {"max_epochs": 2, "hidden_layer_sizes": (4,), "embedding_dim": 2}
    small |= {"random_state": 0, "dtype": "float64"}
    mixed = DCNClassifier(
        **small, hashing={"user": 4}, numeric_levels=8, memorized_crosses=2, n_members=2
    ).fit(X, labels)
    counts = np.random.default_rng(0).poisson(0.5, (60, 6))
    small["embedding_dim"] = 3
    sparse = DCNRegressor(**small, warm_start=True).fit(csr_matrix(counts), X["count"])
    models = {"mixed": mixed, "sparse": sparse}
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(models, protocol=4))
    expected = {
        "records": records[:9],
        "probabilities": mixed.predict_proba(records[:9]).tolist(),
        "counts": counts[:9].tolist(),
        "outputs": sparse.predict(csr_matrix(counts[:9])).tolist(),
    }
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
