"""The published recipes; their sources are those of the package, by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .._estimator import RULES
from .budgets import BUDGETS

__all__ = ["PRESETS", "Preset", "get_preset", "list_presets"]


@dataclass(frozen=True)
class Preset:
    """A published recipe.

    Parameters
    ----------
    parameters : mapping of {str: object}
        Parameters of :class:`DCNClassifier` and :class:`DCNRegressor`.
    source : str
        Where the values are published.
    deviations : tuple of str, default=()
        What the estimators do differently from the recipe.
    """

    parameters: Mapping[str, Any]
    source: str
    deviations: tuple[str, ...] = ()


_XAVIER = "Matrices of cross layers start as Xavier normal, not He normal."
_NORMALISED = "Logarithms are standardised, and taken as sign(x) log(1 + abs(x))."
_VALIDATION = (
    "The paper validates on rows of a later day; give yours as X_val, else a tenth of "
    "the rows is held out at random."
)
_BY_LOSS = (
    "Early stopping and the plateau follow the validation loss, not the AUC, and "
    "improvement is any fall, not one of 1e-6."
)
_STEPS = "The papers make 150,000 steps and more; early stopping decides here."
_RATE = "The rate was tuned over 1e-4 to {}, without a published winner: {}."
_WARMING = "The decay of the average is lower in the first 90,000 steps: t / (9 + t)."
_EMBEDDINGS = "Embeddings start with standard deviation 0.05, not 1e-4."

# What this package adds by default is off, unless a recipe has it.
_PLAIN = {
    "numeric_levels": None,
    "memorized_crosses": None,
    "category_dropout": 0.0,
    "ema_decay": None,
    "n_members": 1,
    "calibrate": False,
}

# Both papers: Adam, batches of 512, the rate tuned from 1e-4 on (to 1e-3 in [1], 5e-4
# in [2]), no dropout. [1] found no use in L2; [2] tuned it over 0, 3e-5 and
# 1e-4 and gives no winner: 0 here as there.
_PAPERS = _PLAIN | {
    "numeric_transform": "signed_log",  # log(x + 1)
    "numeric_embedding": None,
    "activation": "relu",
    "dropout": 0.0,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "embedding_l2": 0.0,
    "batch_size": 512,
    "early_stopping": True,
    "n_iter_no_change": 5,  # single epochs are noisy without an average
}

# [2] section 7: the stacked structure was the better one on Criteo, 39 is
# the mean over its columns of 6 v ** (1/4), clipping at 10, average with 0.9999.
_DCN_V2 = _PAPERS | {
    "embedding_dim": 39,
    "structure": "stacked",
    "normalization": None,
    "learning_rate": 1e-4,
    "max_grad_norm": 10.0,
    "ema_decay": 0.9999,
}

# What the four winning configurations of BARS share. FuxiCTR clips at 10
# (`max_gradient_norm` of its `fit`) and divides the rate by 10 after every epoch that
# is no better (`lr_decay`, down to 1e-6); "net_regularizer" is 0.
#
# Its "embedding_regularizer" is our embedding_l2 with the scope "table", number for
# number. FuxiCTR (`regularization_loss`) adds
#     lambda / 2 * sum_v |e_v|^2
# to the mean loss of every batch, over all embeddings e_v of the tables; so does the
# scope "table". The scope "batch" adds
#     lambda' / 2 * 1/B sum_i sum_{v in row i} |e_v|^2
#         = lambda' / 2 * sum_v f_v |e_v|^2,
# f_v the fraction of the batch's rows with level v. The gradients, lambda e_v and
# lambda' f_v e_v, agree for a level with f_v = lambda / lambda' alone: no number turns
# the one penalty into the other for all levels.
_BARS = _PLAIN | {
    "numeric_transform": "quantile",
    "numeric_embedding": "linear",
    "cross": "matrix",
    "structure": "parallel",
    "activation": "relu",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "embedding_l2_scope": "table",
    "learning_rate_schedule": "plateau",
    "plateau_epochs": 1,
    "max_grad_norm": 10.0,
    "max_epochs": 100,
    "early_stopping": True,
    "n_iter_no_change": 2,
}
_BARS_DEVIATIONS = (_BY_LOSS, _EMBEDDINGS)
_BARS_BUCKETS = (
    "Numbers are linear embeddings; the recipe turns x > 2 into floor(log(x) ** 2) and "
    "makes categories of all. Do so before, and name them in categorical_features."
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "dcn2017": Preset(
            _PAPERS
            | {
                "embedding_dim": "unbounded",  # 6 v ** (1/4)
                "cross": "vector",
                "structure": "parallel",
                "n_cross_layers": 6,  # best: 2 deep layers of 1024 and 6 cross
                "hidden_layer_sizes": (1024, 1024),
                "normalization": "batch",  # on the deep network
                # The end of the tuned range that needs fewest steps: the paper made
                # 150,000 of them.
                "learning_rate": 1e-3,
                "max_grad_norm": 100.0,
            },
            "arXiv:1708.05123, section 4",
            (
                _RATE.format("1e-3", "1e-3"),
                _STEPS,
                "The combination has a bias.",
                _NORMALISED,
                _VALIDATION,
            ),
        ),
        "dcnv2": Preset(
            _DCN_V2
            | {
                "cross": "matrix",
                "n_cross_layers": 2,
                "hidden_layer_sizes": (768, 768),
            },
            "arXiv:2008.13535, section 7 and table 6",
            (
                _RATE.format("5e-4", "1e-4"),
                _STEPS,
                _WARMING,
                _XAVIER,
                _NORMALISED,
                _VALIDATION,
            ),
        ),
        "dcn_mix": Preset(
            _DCN_V2
            | {
                "cross": "mixture",
                "n_cross_layers": 3,
                "n_experts": 4,
                "cross_rank": 64,  # total rank 258 of 4 experts
                "expert_gate": "constant",
                "expert_activation": "hardtanh",
                "hidden_layer_sizes": (512, 512),
            },
            "arXiv:2008.13535, section 7 and table 6",
            (
                "A rank of 64 for each of four experts is 256 in all, not 258.",
                _RATE.format("5e-4", "1e-4"),
                _STEPS,
                _WARMING,
                _XAVIER,
                _NORMALISED,
                _VALIDATION,
            ),
        ),
        "bars_criteo_x1": Preset(
            _BARS
            | {
                "embedding_dim": 10,
                "n_cross_layers": 3,
                "hidden_layer_sizes": (500, 500, 500),
                "dropout": 0.1,
                "normalization": None,
                "embedding_l2": 1e-5,
                "batch_size": 4096,
                "min_frequency": None,  # min_categr_count 1
            },
            "BARS, DCNv2_criteo_x1_001_28c60688",
            (
                *_BARS_DEVIATIONS,
                "Numbers are normalised by quantiles, as a table of yours needs; the "
                "benchmark takes those of its files as they are, for which it is "
                "numeric_transform=None.",
                "Embeddings of numbers have a bias, and no embedding_l2.",
            ),
        ),
        "bars_criteo_x4": Preset(
            _BARS
            | {
                "embedding_dim": 16,
                "n_cross_layers": 3,
                "hidden_layer_sizes": (1000,) * 5,
                "dropout": 0.1,
                "normalization": "batch",
                "embedding_l2": 1e-5,
                "batch_size": 10_000,
                "min_frequency": 10,
            },
            "BARS, DCNv2_criteo_x4_001_005_c2376d55",
            (*_BARS_DEVIATIONS, _BARS_BUCKETS),
        ),
        "bars_avazu_x1": Preset(
            _BARS
            | {
                "embedding_dim": 10,
                "n_cross_layers": 5,
                "hidden_layer_sizes": (400, 400, 400),
                "dropout": 0.2,
                "normalization": "batch",
                "embedding_l2": 0.05,
                "batch_size": 4096,
                "min_frequency": None,  # min_categr_count 1
            },
            "BARS, DCNv2_avazu_x1_029_81904473",
            _BARS_DEVIATIONS,
        ),
        "bars_avazu_x4": Preset(
            _BARS
            | {
                "embedding_dim": 16,
                "n_cross_layers": 4,
                "hidden_layer_sizes": (2000,) * 4,
                "dropout": 0.0,
                "normalization": None,
                "embedding_l2": 1e-9,
                "batch_size": 10_000,
                "min_frequency": 2,
            },
            "BARS, DCNv2_avazu_x4_011_19794dc6",
            (
                *_BARS_DEVIATIONS,
                "The recipe adds the hour, the weekday and whether it is a weekend as "
                "categories; make such columns before.",
            ),
        ),
        "gdcn": Preset(
            _PLAIN
            | {
                # The code of [4]: models/GDCN.py, models/basic_layers.py and
                # train_base.py, whose Adam has weight_decay 1e-6 for all weights.
                "numeric_transform": "signed_log",
                "numeric_embedding": "linear",
                "min_frequency": 10,  # of Criteo
                "embedding_dim": 16,
                "cross": "gated",
                "structure": "parallel",
                "n_cross_layers": 3,
                "hidden_layer_sizes": (400, 400, 400),
                "activation": "relu",
                "dropout": 0.5,
                "normalization": "batch",
                "optimizer": "adam",
                "learning_rate": 1e-3,
                "weight_decay": 1e-6,
                "embedding_l2": 1e-6,
                "embedding_l2_scope": "table",
                "learning_rate_schedule": "plateau",
                "plateau_epochs": 3,
                "max_epochs": 50,
                "batch_size": 4096,
                "early_stopping": True,
                "n_iter_no_change": 5,
            },
            "arXiv:2311.04635 and its code; structure='stacked' makes it GDCN-S",
            (
                "The code stops after 4 epochs without improvement and lowers the rate "
                "after 6, which it never reaches; here it is 5 and 3.",
                "Early stopping and the plateau follow the loss, not the AUC.",
                "Biases of cross layers start at 0, not from U(0, 1); matrices and "
                "embeddings start normal, not uniform.",
                "Biases and batch normalisation have no L2 penalty.",
                "Numbers are linear embeddings of their logarithm; the code makes "
                "categories of floor(log(x) ** 2). Do so before, and name them in "
                "categorical_features.",
            ),
        ),
        "fcn": Preset(
            _BARS
            | {
                "embedding_dim": 16,
                "cross": "exponential",
                "structure": "fused",
                "n_cross_layers": (3, 4),
                "tower_loss": "attached",
                "embedding_l2": 1e-5,
                "batch_size": 4096,
                "min_frequency": 10,  # min_categr_count of Criteo
            },
            "arXiv:2407.13349 (v7) and its code, DCNv3_Criteo_011_d8b8c992",
            (
                *_BARS_DEVIATIONS,
                _BARS_BUCKETS,
                "Cross layers have no dropout; the recipe has 0.1 in the exponential "
                "and 0.2 in the linear network.",
                "Matrices of cross layers start smaller, so that they keep the scale; "
                "biases start at 0, not from U(0, 1).",
                "Both towers have one bias, not one each.",
                "The recipe of Avazu has four heads and batch normalisation in cross "
                "layers, which there are not here.",
            ),
        ),
    }
)


def list_presets() -> list[str]:
    """Return the names of the presets.

    Returns
    -------
    names : list of str
        Published recipes, in their order, then "fast" and "best".

    Examples
    --------
    >>> from sklearn_dcn.presets import list_presets
    >>> list_presets()[:3]
    ['dcn2017', 'dcnv2', 'dcn_mix']
    """
    return [*PRESETS, *BUDGETS]


def get_preset(name: str, **overrides: Any) -> dict[str, Any]:
    """Return a preset as parameters of an estimator.

    Parameters
    ----------
    name : str
        One of `list_presets`.
    **overrides : object
        Parameters of the estimator in place of, or beside, those of the preset.

    Returns
    -------
    parameters : dict of {str: object}
        A new dict, for ``DCNClassifier(**parameters)`` or `set_params`.

    Raises
    ------
    ValueError
        If there is no such preset, or no such parameter.

    Examples
    --------
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.presets import get_preset
    >>> model = DCNClassifier(**get_preset("dcnv2", learning_rate=5e-4))
    >>> model.structure, model.hidden_layer_sizes, model.learning_rate
    ('stacked', (768, 768), 0.0005)
    """
    if name not in list_presets():
        raise ValueError(
            f"name must be one of {', '.join(map(repr, list_presets()))}; got {name!r}."
        )
    for parameter in overrides:
        if parameter not in RULES:
            raise ValueError(
                f"overrides must be parameters of the estimators; got {parameter!r}."
            )
    parameters = PRESETS[name].parameters if name in PRESETS else BUDGETS[name]
    return dict(parameters) | overrides
