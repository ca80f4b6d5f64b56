"""The ranker: a mixed table of grouped rows in, scores that order each group out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._estimator import BaseRanker, naming_rivals
from .metrics import ndcg_at_k

__all__ = ["DCNRanker"]


class DCNRanker(BaseRanker):
    """Deep & Cross Network that orders the rows of each group of a mixed table.

    The network of :class:`DCNRegressor`, trained on the order of the rows within each
    group, such as the answers to a query or the items that a user was shown. Batches
    hold whole groups. Scores compare rows of one group; they have no units.

    Parameters
    ----------
    qid : str, int or None, default=None
        The column of `X` that holds the group of each row, by name or position. It is
        not a feature: tables to predict may leave it out, and other parameters that
        name columns by position count without it. None if `fit` is given the groups.
    loss : {"lambdarank", "pairwise", "softmax"}, default="pairwise"
        What is learned from a group. A group whose rows all have the same relevance
        teaches nothing.

        - "lambdarank": the logistic loss of the difference between the scores of two
          rows, each pair weighted by how much NDCG changes if they swap places [1]_.
          Validation uses 1 - NDCG at `ndcg_k`.
        - "pairwise": all pairs of different relevance with equal weight, as RankNet; in
          a group of more than 512 rows, pairs with a random part of it.
        - "softmax": the cross-entropy between the gains, scaled to a sum of 1, and the
          softmax of the scores, as ListNet [2]_.
    ndcg_k : int or None, default=10
        Number of first rows of a group that `score` looks at; None is all.
    truncation_level : int, default=30
        Number of first places in a group; each pair of "lambdarank" has a row in one of
        them.
    gain : {"exponential", "linear"}, default="exponential"
        What relevance y is worth in NDCG and the softmax: 2**y - 1, or y itself.
    categorical_features, multivalued_features, vector_features, text_features
    pooling, category_encoder
    min_frequency, max_categories, hashing, collision_weight, category_dropout
    numeric_transform, numeric_levels, datetime_parts
        As in :class:`DCNRegressor`, for the columns other than that of `qid`.
    memorized_crosses, new_levels, statistics_decay
        As in :class:`DCNRegressor`. Statistics are of relevance as a number, and come
        from other groups, or with validation="random" from other rows.
    numeric_embedding, embedding_dim, cross, pair_logit, structure, n_cross_layers
    cross_rank, n_experts, expert_gate, expert_activation, hidden_layer_sizes
    activation, dropout, normalization, n_members, optimizer, learning_rate
    weight_decay, embedding_l2, embedding_l2_scope, tower_loss
    learning_rate_schedule, warmup, plateau_epochs, max_grad_norm, ema_decay, max_epochs
        As in :class:`DCNRegressor`.
    batch_size : int or "auto", default="auto"
        Approximate number of rows in a batch, because it holds whole groups.
    early_stopping
        As in :class:`DCNRegressor`.
    scoring : str or callable or None, default=None
        As in :class:`DCNRegressor`. Scorers of `sklearn_dcn.metrics` for groups, such
        as `ndcg_at_k_scorer`, and callables (estimator, X, y, groups) are given the
        groups.
    validation_fraction
        As in :class:`DCNRegressor`.
    validation : {"auto", "random", "last", "groups"}, default="auto"
        Which rows are held out, and which rows give others their statistics, in crosses
        and `category_encoder`.

        - "groups": whole groups, to rank new ones: those of `validation_groups` if it
          is given, each of which must hold whole groups of `qid`.
        - "last": the last groups by `validation_time`; the time of a group is that of
          its latest row.
        - "random": rows drawn from all groups at random, to rank other rows of the same
          groups, such as more items for known users.
        - "auto": "last" with `validation_time`, else "groups".
    validation_time, validation_groups
        As in :class:`DCNRegressor`.
    n_iter_no_change, tol, warm_start, device, dtype, compile, n_jobs, random_state
    checkpoint, verbose, callbacks, net_params
        As in :class:`DCNRegressor`.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`, without that of `qid`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.
    net_, module_, encoder_, n_iter_, best_epoch_, validation_, history_
        As in :class:`DCNRegressor`.
    feature_importances_
        As in :class:`DCNRegressor`, but shares of the score's variance.

    See Also
    --------
    DCNClassifier : Probabilities, e.g. of clicks, whose order is a ranking too.
    sklearn_dcn.metrics.ndcg_at_k : What `score` is.

    Notes
    -----
    A group's weight in the loss is the sum of the weights of its rows, so larger groups
    count more. Within a group, a pair is weighted by the product of its rows' weights,
    and a row of a softmax by its own, relative to the mean. In a group of n rows
    "lambdarank" uses n times `truncation_level` pairs, and "pairwise" n times 512, so
    memory and time are proportional to n.

    References
    ----------
    .. [1] Burges, "From RankNet to LambdaRank to LambdaMART: An Overview", 2010,
       MSR-TR-2010-82.
    .. [2] Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach",
       ICML 2007: the loss on top-one probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn import DCNRanker
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(1000, 3))
    >>> qid = np.repeat(np.arange(100), 10)
    >>> y = (X[:, 0] * X[:, 1] > 0.2).astype(int)
    >>> model = DCNRanker(random_state=0).fit(X[:800], y[:800], qid=qid[:800])
    >>> model.score(X[800:], y[800:], qid=qid[800:]) > 0.9
    True
    """

    @naming_rivals
    def __init__(
        self,
        *,
        qid: str | int | None = None,
        loss: str = "pairwise",
        ndcg_k: int | None = 10,
        truncation_level: int = 30,
        gain: str = "exponential",
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
        self.qid = qid
        self.loss = loss
        self.ndcg_k = ndcg_k
        self.truncation_level = truncation_level
        self.gain = gain
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
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        qid: Any = None,
        group: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        qid_val: Any = None,
        group_val: Any = None,
    ) -> Self:
        """Fit the network to a table of rows in groups.

        If the fit fails, the estimator stays as it was.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            As in :meth:`DCNRegressor.fit`, in memory.
        y : array-like of shape (n_samples,), default=None
            Relevance: numbers of at least 0, such as 0 and 1, or grades.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. Rows of weight 0 are ignored.
        qid : array-like of shape (n_samples,), default=None
            The group of each row, in any order.
        group : array-like of int of shape (n_groups,), default=None
            The sizes of the groups, if the rows of each are consecutive; replaces
            `qid`.
        X_val : DataFrame or array-like of shape (n_val, n_features), default=None
            Validation rows, instead of rows split from `X`.
        y_val : array-like of shape (n_val,), default=None
            Their relevance.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.
        qid_val : array-like of shape (n_val,), default=None
            Their groups.
        group_val : array-like of int of shape (n_val_groups,), default=None
            The sizes of their groups; replaces `qid_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If groups are not given in exactly one way, do not match the rows, or if
            none has rows of different relevance; otherwise as in
            :meth:`DCNRegressor.fit`.
        TypeError
            If X is a scan or a path; otherwise as in :meth:`DCNRegressor.fit`.
        MemoryError
            If memory runs out.
        """
        self._fit_groups(
            (X, y, sample_weight, qid, group),
            (X_val, y_val, sample_weight_val, qid_val, group_val),
        )
        return self

    @naming_rivals
    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        qid: Any = None,
        group: Any = None,
    ) -> Self:
        """Train one epoch on a batch of whole groups, for data that comes in parts.

        Groups in different calls are different groups, even if they share a `qid`.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Relevance.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, as in :meth:`DCNRegressor.partial_fit`.
        qid : array-like of shape (n_samples,), default=None
            The group of each row.
        group : array-like of int of shape (n_groups,), default=None
            The sizes of the groups, if the rows of each are consecutive; replaces
            `qid`.

        Returns
        -------
        self : object
            The estimator. It learns nothing from groups whose rows all have the same
            relevance.

        Raises
        ------
        ValueError, TypeError
            As in `fit`.
        """
        target = None if y is None else self._grouped(X, y, qid, group)
        return self._partial_fit(X, target, sample_weight)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return scores: within a group, rows with greater scores rank higher.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`, with or without that of `qid`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Without units: scores of different groups or fits cannot be compared.
        """
        logits = self._logits(X)
        return self._target.predictions(logits)

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        qid: Any = None,
        group: Any = None,
    ) -> float:
        """Return the mean NDCG of the first `ndcg_k` rows of each group.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their relevance.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights; a group's weight is the mean of those of its rows.
        qid : array-like of shape (n_samples,), default=None
            The group of each row, if X has no column for it.
        group : array-like of int of shape (n_groups,), default=None
            The sizes of the groups, if the rows of each are consecutive; replaces
            `qid`.

        Returns
        -------
        score : float
            Between 0 and 1; groups without a relevant row are left out.

        Raises
        ------
        ValueError, TypeError
            As in :func:`sklearn_dcn.metrics.ndcg_at_k`.
        """
        target = self._grouped(X, y, qid, group)
        return ndcg_at_k(
            target.y,
            self.predict(X),
            target.groups,
            self.ndcg_k,
            gain=self.gain,
            sample_weight=sample_weight,
        )
