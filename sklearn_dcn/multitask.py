"""Several tasks in one network: a mixed table in, a prediction of each task out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

from ._estimator import BaseMultiTask, naming_rivals

__all__ = ["DCNMultiTask"]


class DCNMultiTask(BaseMultiTask):
    r"""Deep & Cross Network for several tasks on one mixed table.

    Tasks of different losses, such as a click and the time watched after it, share the
    encoding of the table, the embeddings, the cross and the deep layers; the last layer
    has a head for each. A fit takes about as long as that of one task. A task may be
    known in some rows only, as the time watched is known only after a click: rows in
    which it is missing do not count in its loss.

    The loss is :math:`\sum_t v_t\, \ell_t / u_t` over :math:`\sum_t v_t` [1]_,
    where :math:`u_t` is the loss of the best constant in task t, so that no task
    dominates because of its unit or a rare target.

    Parameters
    ----------
    losses : dict of str to str or dict
        The loss of each task by the name of its column in `y`: "log_loss" for two or
        more classes, or a loss of :class:`DCNRegressor` except "gaussian". A dict has
        "loss" and its parameter, e.g. {"loss": "tweedie", "power": 1.7},
        {"loss": "huber", "huber_delta": 2.0} or {"loss": "quantile", "quantiles": 0.9}.
    task_weights : dict of str to float or None, default=None
        v_t, the share of each task in the loss; 1 for tasks that are not named.
    categorical_features, multivalued_features, vector_features, text_features
        The table, as in `DCNClassifier`.
    pooling, category_encoder
        Likewise.
    min_frequency, max_categories, hashing, collision_weight, category_dropout
        Likewise.
    numeric_transform
        Likewise.
    numeric_levels, datetime_parts, memorized_crosses, new_levels, statistics_decay
        Likewise.
    numeric_embedding, embedding_dim, cross, pair_logit, structure, n_cross_layers
    cross_rank
        The network, as in `DCNClassifier`.
    n_experts, expert_gate, expert_activation, hidden_layer_sizes, activation
        Likewise.
    dropout, normalization, n_members
        Likewise.
    optimizer, learning_rate, weight_decay, embedding_l2, embedding_l2_scope
        The training, as in `DCNClassifier`.
    tower_loss, learning_rate_schedule, warmup, plateau_epochs, max_grad_norm
        Likewise.
    ema_decay, max_epochs, batch_size, early_stopping
        Likewise.
    scoring : {"loss"} or None, default=None
        Early stopping always monitors the weighted loss of all tasks.
    validation_fraction, validation, validation_time, validation_groups
        Validation, as in `DCNClassifier`.
    n_iter_no_change, tol
        Likewise.
    calibrate : bool, default=True
        Whether to scale and shift the log-odds of each task with log loss so that its
        loss on the rows that stop a fit is lowest. Predicted numbers stay as they are.
    warm_start, device, dtype, compile, n_jobs, random_state, checkpoint, verbose
        The rest, as in `DCNClassifier`.
    callbacks, net_params
        Likewise.

    Attributes
    ----------
    classes_ : dict of str to ndarray of shape (n_classes,)
        The labels of each task with log loss, sorted.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.
    net_ : skorch.NeuralNet
        The trained net.
    module_ : DeepCrossNetwork or DeepCrossEnsemble
        The torch module in `net_`; an ensemble where there is more than one network.
    encoder_ : TableEncoder
        The encoding of the table.
    n_iter_ : int
        Number of epochs trained.
    best_epoch_ : int
        The epoch, from 1, whose weights are kept.
    validation_ : {"random", "last", "groups"}
        The kind of validation that was used: `validation`, or what "auto" stood for.
    history_ : list of dict
        As in :class:`DCNClassifier`; the losses are those of all tasks. "valid_loss of
        <task>" is that of one task, in units in which the best constant has 1.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Share of each column in the variance of the logits, alone and in all its
        crosses; not available for a sparse `X`.

    See Also
    --------
    DCNClassifier : One task with classes, or several labels per row of the same kind.
    DCNRegressor : One task with numbers.

    References
    ----------
    .. [1] Caruana, "Multitask Learning", Machine Learning 28, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_dcn import DCNMultiTask
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"hour": rng.choice(24, 400), "age": rng.normal(size=400)})
    >>> click = (X["age"] + rng.normal(size=400) > 0).astype(int)
    >>> watched = np.where(click, 60 + 20 * X["age"], np.nan)
    >>> y = pd.DataFrame({"click": click, "watched": watched})
    >>> losses = {"click": "log_loss", "watched": "squared_error"}
    >>> model = DCNMultiTask(losses, max_epochs=3, random_state=0).fit(X, y)
    >>> {task: of.shape for task, of in model.predict(X).items()}
    {'click': (400,), 'watched': (400,)}
    >>> model.predict_proba(X)["click"].shape
    (400, 2)
    """

    @naming_rivals
    def __init__(
        self,
        losses: dict[str, Any],
        *,
        task_weights: dict[str, float] | None = None,
        categorical_features: Any = "from_dtype",
        multivalued_features: Any = "from_dtype",
        vector_features: Any = "from_dtype",
        text_features: Any = None,
        pooling: str | dict[Any, str] = "mean",
        category_encoder: Any = None,
        min_frequency: float | None = None,
        max_categories: int | None = None,
        hashing: dict[Any, int] | None = None,
        collision_weight: bool = False,
        category_dropout: float = 0.05,
        numeric_transform: str | None = "quantile",
        numeric_levels: int | str | None = "auto",
        datetime_parts: Any = "auto",
        memorized_crosses: Any = "auto",
        new_levels: str = "unknown",
        statistics_decay: float | None = None,
        numeric_embedding: str | None = "auto",
        embedding_dim: int | str | dict[str, int] = "auto",
        cross: str = "auto",
        pair_logit: str | None = None,
        structure: str = "parallel",
        n_cross_layers: int | tuple[int, int] = 2,
        cross_rank: int | str = "auto",
        n_experts: int = 4,
        expert_gate: str = "softmax",
        expert_activation: str | None = None,
        hidden_layer_sizes: Sequence[int] | int | str = (128, 128),
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: str | None = None,
        n_members: int | str = "auto",
        optimizer: str | type = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float = 0.01,
        embedding_l2: float = 0.0,
        embedding_l2_scope: str = "batch",
        tower_loss: str | None = None,
        learning_rate_schedule: str | None = None,
        warmup: float = 0.0,
        plateau_epochs: int = 1,
        max_grad_norm: float | None = None,
        ema_decay: float | None = 0.99,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        early_stopping: str | bool = "auto",
        scoring: Any = None,
        validation_fraction: float = 0.1,
        validation: str = "auto",
        validation_time: Any = None,
        validation_groups: Any = None,
        n_iter_no_change: int | str = "auto",
        tol: float = 0.0,
        calibrate: bool = True,
        warm_start: bool = False,
        device: Any = "auto",
        dtype: str = "auto",
        compile: bool | str = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        verbose: int = 0,
        callbacks: Sequence[Any] | None = None,
        net_params: dict[str, Any] | None = None,
    ) -> None:
        self.losses = losses
        self.task_weights = task_weights
        self.categorical_features = categorical_features
        self.multivalued_features = multivalued_features
        self.vector_features = vector_features
        self.text_features = text_features
        self.pooling = pooling
        self.category_encoder = category_encoder
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.hashing = hashing
        self.collision_weight = collision_weight
        self.category_dropout = category_dropout
        self.numeric_transform = numeric_transform
        self.numeric_levels = numeric_levels
        self.datetime_parts = datetime_parts
        self.memorized_crosses = memorized_crosses
        self.new_levels = new_levels
        self.statistics_decay = statistics_decay
        self.numeric_embedding = numeric_embedding
        self.embedding_dim = embedding_dim
        self.cross = cross
        self.pair_logit = pair_logit
        self.structure = structure
        self.n_cross_layers = n_cross_layers
        self.cross_rank = cross_rank
        self.n_experts = n_experts
        self.expert_gate = expert_gate
        self.expert_activation = expert_activation
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.normalization = normalization
        self.n_members = n_members
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.embedding_l2 = embedding_l2
        self.embedding_l2_scope = embedding_l2_scope
        self.tower_loss = tower_loss
        self.learning_rate_schedule = learning_rate_schedule
        self.warmup = warmup
        self.plateau_epochs = plateau_epochs
        self.max_grad_norm = max_grad_norm
        self.ema_decay = ema_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.validation = validation
        self.validation_time = validation_time
        self.validation_groups = validation_groups
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.calibrate = calibrate
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.compile = compile
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.callbacks = callbacks
        self.net_params = net_params

    @naming_rivals
    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train one epoch on a batch of rows, for data that comes in parts.

        As in :class:`DCNClassifier`. The first call sets the units of the tasks'
        losses.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), scan or path
            Rows. A scan of more than 200,000 is learned block by block of 65,536.
        y : DataFrame or dict of array-like of shape (n_samples,), default=None
            Targets by task, where they are known; for a path the names of their
            columns, and for a scan None.
        classes : dict of str to array-like, default=None
            All labels that can ever occur, by task; needed in the first call for tasks
            some of whose labels are not in its `y`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1 for all.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError, TypeError
            As in `fit`; also if `y` has a label that is not among the classes.
        """
        return self._partial_fit(X, y, sample_weight, classes=classes)
