"""Contenders of the suite `quality`: each takes the raw frame and stops when it likes.

A contender has `fit` of a `Split` and `predict` of a frame: P(y = 1), the P of every
class of several, or the number. Those that stop early by a validation split are given
the same one; the others, and those that make a split of their own, get all training
rows.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from .quality_networks import DeepCTR, RealMLP, TabM
from .quality_rivals import (
    CatBoost,
    HistGradientBoosting,
    LightGBM,
    Linear,
    Perceptron,
    Rival,
    XGBoost,
)
from .quality_tables import with_lists


class Ours(Rival):
    """The estimator: its default constructor, or a variant."""

    packages = ("sklearn-dcn",)

    def __init__(self, task, seed, lists, **kwargs):
        super().__init__(task, seed, lists)
        from sklearn_dcn import DCNClassifier, DCNRegressor

        estimator = DCNClassifier if self.has_classes else DCNRegressor
        self.model = estimator(random_state=seed).set_params(**kwargs)

    def fit(self, split):
        """Train on all rows; where it stops early the split is its own."""
        self.model.fit(self.prepare(split.X), split.y)

    def prepare(self, X):
        """Return the frame with lists in the cells, as the default understands them."""
        return with_lists(X, self.lists)


OURS = "dcn"
CONTENDERS = {
    OURS: Ours,
    "linear": Linear,
    "LightGBM": LightGBM,
    "XGBoost": XGBoost,
    "HistGradientBoosting": HistGradientBoosting,
    "CatBoost": CatBoost,
    "DeepCTR-Torch DCN": DeepCTR,
    "MLP": Perceptron,
    "RealMLP": RealMLP,
    "TabM": TabM,
}
TREES = ("LightGBM", "CatBoost", "XGBoost")  # whose best the others are set against
# Variants of ours: a name that begins with "dcn: " -> arguments of the constructor.
ABLATIONS: dict[str, dict] = {
    # Without what is on
    "dcn: one network": {"n_members": 1},
    "dcn: no memorised crosses": {"memorized_crosses": None},
    "dcn: no levels of numbers": {"numeric_levels": None},
    "dcn: numbers as they are": {"numeric_embedding": None},
    "dcn: no average of weights": {"ema_decay": None},
    "dcn: not calibrated": {"calibrate": False},
    "dcn: none of these four": {
        "memorized_crosses": None,
        "numeric_levels": None,
        "numeric_embedding": None,
        "ema_decay": None,
    },
    "dcn: plain": {
        "memorized_crosses": None,
        "numeric_levels": None,
        "numeric_embedding": None,
        "n_members": 1,
    },
    "dcn: no dropped levels": {"category_dropout": 0.0},
    "dcn: no cross network": {"structure": "deep"},
    "dcn: no deep network": {"structure": "cross"},
    # With what is off
    "dcn: four networks": {"n_members": 4},
    "dcn: stacked": {"structure": "stacked"},
    "dcn: vector cross": {"cross": "vector"},
    "dcn: low rank cross": {"cross": "low_rank"},
    "dcn: onlydense cross": {"cross": "onlydense"},
    "dcn: logit of pairs": {"pair_logit": "weighted"},
    "dcn: linear cross": {"cross": "linear"},
    "dcn: exponential cross": {"cross": "exponential"},
    "dcn: fused": {"structure": "fused"},
    "dcn: fused with towers": {"structure": "fused", "tower_loss": "detached"},
    "dcn: fused with attached towers": {
        "structure": "fused",
        "tower_loss": "attached",
    },
    "dcn: towers": {"tower_loss": "detached"},
    "dcn: periodic numbers": {"numeric_embedding": "periodic"},
    "dcn: levels dropped at 0.2": {"category_dropout": 0.2},
    "dcn: L2 of embeddings": {"embedding_l2": 0.01},
    "dcn: row-wise optimiser": {"optimizer": "lazy_adamw"},
    "dcn: dropout 0.1": {"dropout": 0.1},
    "dcn: half the rate": {"learning_rate": 5e-4},
    "dcn: cosine of 15 epochs": {
        "learning_rate_schedule": "cosine",
        "max_epochs": 15,
    },
    "dcn: warm-up": {"warmup": 0.02},
    "dcn: average over 1000 steps": {"ema_decay": 0.999},
}


def version_of(name):
    """Return the versions that a contender's figures depend on; None: not there."""
    packages = CONTENDERS[name].packages or ("scikit-learn",)
    try:
        return " ".join(f"{package} {version(package)}" for package in packages)
    except PackageNotFoundError:
        return None
