"""The classifier: a mixed table in, probabilities out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from ._estimator import BaseDCN, Rows, ScoresScans, naming_rivals
from ._targets import ClassTarget, LabelsTarget, has_labels
from ._training import sample_negatives

__all__ = ["DCNClassifier"]


class DCNClassifier(ScoresScans, ClassifierMixin, BaseDCN):
    """Deep & Cross Network for classification of mixed tables.

    Columns of strings, categories, ids and numbers are encoded, embedded and stacked
    into x_0; a cross network multiplies them with each other explicitly, a deep network
    learns the rest, and a combination layer turns both into the log-odds of the
    classes. skorch trains the network on the log loss or the focal loss. A matrix `y`
    of 0 and 1 has several labels per row, each with its own log-odds.

    Parameters
    ----------
    categorical_features : {"from_dtype"} or array-like of str, int or bool or None, \
default="from_dtype"
        Which columns are categories.

        - "from_dtype": strings, pandas categories and booleans; of columns of Python
          objects, those that are not numeric.
        - names, positions or a mask of columns: these, and all that cannot be numbers.
          Booleans that are not named become 0 and 1; an empty list names none.
        - None: none is; a column that cannot be numbers is an error.

        Under "from_dtype", `fit` warns about whole numbers that look like ids or codes.
    multivalued_features : {"from_dtype"}, array-like or dict or None, \
default="from_dtype"
        Which columns hold several levels per cell, such as genres or tags.

        - "from_dtype": those whose cells are lists, tuples or sets, or dicts of levels
          to weights, e.g. {"red": 0.7, "blue": 0.3}.
        - names, positions or a mask of such columns.
        - {column: separator}: strings that are split at it, e.g. {"genres": "|"}; None
          where cells are lists.
        - None: no column does.
    vector_features : {"from_dtype"} or array-like of str, int or bool or None, \
default="from_dtype"
        Which columns hold a vector per cell, e.g. an embedding of a text or picture;
        each is standardised and projected to one field. "from_dtype": those whose cells
        are lists or arrays of floats, all of one width; names, positions or a mask:
        these, even of integers; None: no column does, lists of floats are lists of
        levels.
    text_features : array-like of str, int or bool, dict or None, default=None
        Which columns hold text: a cell is a bag of hashed n-grams with TF-IDF weights.
        {column: options} sets "analyzer" ("word", "char", "char_wb"), "ngram_range" and
        "n_features" (buckets, 65,536), as in `TfidfVectorizer`; None stands for words,
        pairs of words, and three characters within words. `fit` warns about columns of
        categories that look like text.
    pooling : {"mean", "sum"} or dict, default="mean"
        How the embeddings of a cell's levels are combined into one: for all columns, or
        {column: how}. The weights in a cell that is a dict weight them. A row of a
        sparse `X` is the weighted sum of its columns' embeddings.
    category_encoder : transformer or None, default=None
        Encoder of the columns of categories, from category-encoders or with the same
        interface. Codes from its `OrdinalEncoder` replace the levels; any other output
        is added as numbers beside the embeddings. An encoder that learns from the
        target is cross-fitted in `fit`, so that no row sees its own target: each fifth
        of the rows is encoded by a copy fitted to the others, for each network among
        its training rows. Other rows use the encoder fitted to all rows; rows of the
        first fit that come again keep the values they had (see `warm_start`). Each of
        several classes or outputs has its own. It is passed `sample_weight` if it
        accepts it.
    min_frequency : int, float or None, default=None
        Levels that occur in fewer rows (a float below 1: in a smaller fraction of the
        rows) share the embedding of unknown levels. With `sample_weight` a row counts
        by its weight, scaled to mean 1.
    max_categories : int or None, default=None
        Upper limit on the embeddings of a column's levels, including that of unknown
        levels, which all but the most frequent levels share.
    hashing : dict or None, default=None
        {column: number of buckets} for ids without a vocabulary: levels are hashed into
        that many buckets, each with one embedding, and no level is unknown.
    collision_weight : bool, default=False
        Whether each bucket of `hashing` has one more learned number, 1 at the start,
        that multiplies its embedding, as in DCN^2: it may shrink where levels collide.
    category_dropout : float, default=0.05
        Probability with which a known level counts as unknown during training. This
        trains the embedding of unknown levels, even where no level is rare. Columns of
        a sparse `X` are numbers and are never dropped.
    numeric_transform : {"quantile", "robust", "standard", "signed_log"} or None, \
default="quantile"
        How numbers are normalised.

        - "quantile": to the normal distribution by their rank; heavy tails and outliers
          do no harm.
        - "robust": by median and quartiles, then clipped smoothly at 3.
        - "standard": to mean 0 and standard deviation 1.
        - "signed_log": sign(x) log(1 + abs(x)), then as "standard".
        - None: not at all.

        Missing numbers are imputed, and an indicator is added beside them.
    numeric_levels : int, "auto" or None, default="auto"
        In columns with at most this many distinct numbers, each number that occurs in
        at least 5 rows also gets an embedding, as levels do: a count or an amount that
        repeats may mean something by itself. "auto" is 256 from 1,000 rows on, except
        for columns whose values fill most of their range, as ages do. It is None in a
        table of ids that are seldom seen: one with more than half as many ids as rows.
    datetime_parts : "auto" or list of str, default="auto"
        Which parts of a date become columns, each with a name such as "day: month":
        "hour", "weekday", "month", "day", "day_of_year", "year", "elapsed" (days since
        1970). "auto" takes hour, weekday, month and day of the year, which recur, and
        skips constant ones. Times of day are read as the hour, durations as seconds.
    memorized_crosses : int, list of pairs, "auto" or None, default="auto"
        Pairs of columns for which the network gets one more number: the smoothed mean
        of the target over the rows of `fit` that hold the same two levels, cross-fitted
        as with `category_encoder` [5]_. Numbers are crossed by their bins. An integer
        is the number of pairs. A list names the pairs, by name or position; it may pair
        a column with itself. "auto" takes, from 1,000 rows on, at most 32 pairs that
        explain more than their two columns do separately, and columns of rare levels by
        themselves. "auto" is None in `partial_fit` and for a sparse `X`.
    new_levels : {"unknown", "learn"}, default="unknown"
        What happens to levels that are new in later calls of `partial_fit` or later
        fits of `warm_start`. "unknown" keeps the levels of the first call or fit. With
        "learn" a level gets an id once `min_frequency` rows had it, and starts from the
        embedding of unknown levels; where `max_categories` leaves no room it takes the
        id of the level that is used least. Memorised crosses learn its pairs.
    statistics_decay : float or None, default=None
        Share, in (0, 1), that each later call keeps of the statistics of numbers and of
        the target. The quantiles, or other scales, of numbers and the memorised crosses
        then follow the new rows and forget old ones. None leaves both as they were.
    numeric_embedding : {"linear", "piecewise_linear", "periodic", "auto"} or None, \
default="auto"
        Whether each number gets an embedding, so that it crosses with ids as they do
        with each other: linear in the number, linear within bins of equal weight, or
        made of its sines and cosines [4]_. None puts the number itself into x_0. The
        width is `embedding_dim` if an int, else 8. "auto" is "piecewise_linear" from
        1,000 rows on, if these are twice as many as the levels of all columns.
    embedding_dim : int, "auto", "unbounded" or dict, default="auto"
        Width of the embeddings: of all, or {column: width}. "auto" is the DCN paper's 6
        * v ** (1/4) for v levels, unknown and missing ones included, rounded up to a
        multiple of 4, from 4 (up to 4 levels) to 16; "unbounded" is that rule without
        bounds, to the nearest integer. Where x_0 would be wider than 1,024 under
        "auto", all columns become narrower in proportion, numbers too.
    cross : {"auto", "vector", "matrix", "low_rank", "mixture", "gated", "linear", \
"exponential", "onlydense"}, default="auto"
        Parameterisation of the cross layers. "auto" is "matrix" for x_0 of up to 512
        numbers and "low_rank" for wider ones; with structure "fused" it is
        "exponential".

        - "vector": DCN [1]_, x_0 (x_l . w) + b + x_l.
        - "matrix": DCN-V2 [2]_, x_0 * (W x_l + b) + x_l.
        - "low_rank": DCN-V2 with W = U V'.
        - "mixture": DCN-Mix [2]_, a gated mixture of low-rank experts.
        - "gated": GDCN [3]_, DCN-V2 with an information gate.
        - "linear": FCN [6]_, x_0 * ([c, c * max(0, LN(c))] + b) + x_l, c = W x_l: half
          the weights of "matrix".
        - "exponential": FCN with x_l in place of x_0, so that a layer doubles the
          degree of the products.
        - "onlydense": DCN^2, x_l * ReLU(W x_l + b), without x_0. It is experimental;
          see :class:`~sklearn_dcn.network.OnlyDenseCross`.
    pair_logit : {"weighted", "plain"} or None, default=None
        Whether to add to the logits the inner products of all pairs of fields with an
        embedding (categories, lists, vectors, embedded numbers). "weighted" has a
        learned weight for each pair and logit, as in FwFM and DCN^2; "plain" adds them
        as they are, as in FM, and is for one logit. All embeddings then have one width,
        under "auto" the widest; see :class:`~sklearn_dcn.network.PairLogit`.
    structure : {"parallel", "stacked", "cross", "deep", "fused"}, default="parallel"
        Cross and deep network side by side; the deep on top of the cross network; only
        the cross network; only the deep network; or FCN [6]_, the mean of the logits of
        an exponential and a linear cross network, without a deep one.
    n_cross_layers : int or (int, int), default=2
        Number of cross layers; 0 for none. With "fused" each of the two networks has
        that many, at least 1; a pair is for the exponential and the linear one.
    cross_rank : int or "auto", default="auto"
        Rank of "low_rank" and of each expert of "mixture". "auto" is a quarter of the
        width of x_0: at most 128 for "low_rank", shared among the experts for
        "mixture".
    n_experts : int, default=4
        Number of experts of "mixture".
    expert_gate : {"softmax", "sigmoid", "constant"}, default="softmax"
        Gate of "mixture".
    expert_activation : str or None, default=None
        Activation inside the experts of "mixture", e.g. "tanh"; None for linear ones.
    hidden_layer_sizes : sequence of int, int or str, default=(128, 128)
        Widths of the deep network's layers; () for none. An integer is one layer; a
        string, as "128,64", is what Optuna can store.
    activation : {"relu", "tanh", "hardtanh", "sigmoid", "silu", "gelu", "leaky_relu", \
"selu"}, default="relu"
        Activation of the deep network.
    dropout : float, default=0.0
        Dropout in the deep network during training.
    normalization : {"batch", "layer"} or None, default=None
        Normalisation in the deep network.
    n_members : int or "auto", default="auto"
        Number of networks; the prediction is their mean. They share only the encoding
        of the table: their initial weights differ, and so do the rows held out for
        early stopping. "auto" is 1 without early stopping, and outside 500 to 200,000
        rows. Otherwise it is 10,000 divided by the number of rows, but at least 2 (4 if
        the columns have more than half as many levels as the table rows) and at most 8.
    optimizer : str or class, default="auto"
        "adamw", "lazy_adamw", "adam", "adagrad", "sgd", or a class from `torch.optim`.
        "lazy_adamw" updates an embedding only in steps whose batch holds it, at a cost
        that does not grow with the number of levels. "auto" is "lazy_adamw" from 50,000
        levels on, and "adamw" below that or where a callback reads gradients.
    learning_rate : float or "auto", default="auto"
        Step size of the optimiser. From 1,000 training rows on, "auto" is 0.003 if
        early stopping ends the fit, or 0.002 if the last rows validate or with
        `warm_start`. It is 0.001 for fewer rows, without early stopping, or if levels
        are seldom seen.
    weight_decay : float, default=0.01
        Weight decay of all weights except embeddings, biases and normalisations.
    embedding_l2 : float, default=0.0
        L2 penalty of the embeddings in use: adds to the loss half of this number times
        the squared norm of a row's embeddings, averaged over the batch.
    embedding_l2_scope : {"batch", "table"}, default="batch"
        Which embeddings `embedding_l2` penalises. "table" adds half of it times the
        squared norm of all embeddings in every step, including those that no row of the
        batch has, as FuxiCTR does. It needs a dense optimiser.
    tower_loss : {"detached", "attached"} or None, default=None
        Whether the two towers of structure "fused" [6]_ or "parallel" also learn from
        their own logits, z_1 and z_2, whose mean is the network's z. This adds w_t
        times the loss of z_t, where w_t is the amount by which that loss exceeds the
        loss of z, or 0. "attached" keeps w_t in the gradient, as FCN's code does;
        "detached" does not. Losses in `history_` are those of z.
    learning_rate_schedule : {"cosine", "linear", "plateau"} or None, default=None
        How `learning_rate` changes in a fit.

        - "cosine", "linear": it falls step by step to 0 after `max_epochs`.
        - "plateau": a tenth whenever the validation loss (the training loss if no rows
          validate) has not fallen for `plateau_epochs`; down to a thousandth.
        - None: it does not change.
    warmup : float, default=0.0
        Fraction, in [0, 1), of the steps of `max_epochs` in which the rate rises.
    plateau_epochs : int, default=1
        Epochs without an improvement by `tol` after which "plateau" lowers the rate.
    max_grad_norm : float or None, default=None
        Upper limit on the norm of all gradients of a network together; larger ones are
        scaled down to it.
    ema_decay : float or None, default=0.99
        Decay, in (0, 1), of a moving average of the weights over the steps. Validation,
        early stopping and predictions use this average. In step t the decay is at most
        t / (9 + t), so that short fits keep nothing of the initial weights.
    max_epochs : int or "auto", default="auto"
        Number of passes over the training rows. "auto" is at most 50 where early
        stopping ends the fit. Else it is 10 (2 if the columns have more than half as
        many levels as the table rows); tiny tables get as many as make 100 (30) steps.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" is a 64th of the rows, rounded to a power of two between
        64 and 1024, and at least 128 from 512 rows on.
    early_stopping : {"auto"} or bool, default="auto"
        Whether to stop when the validation loss, or `scoring`, stops improving, and to
        keep the weights of the best epoch. "auto" does so from 500 rows on, or if `fit`
        is given `X_val`.
    scoring : str, callable or None, default=None
        What early stopping monitors. None or "loss" is the validation loss; otherwise a
        scikit-learn scorer by name, such as "roc_auc" or "r2", or a callable
        (estimator, X, y) for which greater is better. It scores the validation rows
        after each epoch, held-out rows by the networks that hold them out; the score is
        "valid_score" in `history_`. Weights are passed to a scorer that takes
        `sample_weight`. Without validation rows it is not used.
    validation_fraction : float, default=0.1
        Fraction of the rows held out for early stopping without `X_val`.
    validation : {"auto", "random", "last", "groups"}, default="auto"
        Which rows are held out, and which rows give others their statistics, in crosses
        and `category_encoder`.

        - "random": rows drawn at random; for a classifier, each class in proportion.
        - "last": the last rows, by `validation_time`, for tables that are used to
          predict the future; a row's statistics come from earlier rows only. The second
          network holds out the rows before these, and so on.
        - "groups": whole groups of `validation_groups`, for tables that are used to
          predict new groups; a row's statistics come from other groups.
        - "auto": "last" or "groups" if the next parameters say which. Otherwise, from
          1,000 rows on, "last" if their order, or that of the first column of dates, is
          one of time: if columns predict the last rows clearly worse from earlier rows
          than from random rows. A warning says so. Shuffled rows are "random".
    validation_time : str, int, array-like of shape (n_samples,) or None, default=None
        The time of each row, for "last": a column, by name or position, or an array.
        None is the order of the rows.
    validation_groups : str, int, array-like of shape (n_samples,) or None, default=None
        The group of each row, for "groups": a column, by name or position, or an array.
    n_iter_no_change : int or "auto", default="auto"
        Epochs without improvement after which early stopping stops. With "auto" here
        and in `max_epochs`, an epoch is half a pass if that has 20 steps and the last
        rows do not validate: the fit waits for a third of the epochs up to the best,
        from 2 to 4, or until the loss is 1 % above the lowest. Else it is 2, or 1 after
        such a loss of seldom seen levels.
    tol : float, default=0.0
        Fall of the validation loss, or rise of `scoring`, that counts as improvement.
    calibrate : bool, default=True
        Whether to scale and shift the network's output so that the loss on the rows
        that stop a fit is lowest. `history_` has the losses before. It is not done with
        `warm_start`, where a later fit goes on from the weights as they are.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of classes in the loss, times `sample_weight`. "balanced" gives every
        class the same total. Probabilities are those of data in which the classes have
        these weights. With several labels per row: a dict of the weights of 0 and 1 for
        each label, or "balanced" for each.
    loss : {"log_loss", "focal"}, default="log_loss"
        What is minimised, and monitored for early stopping. "focal" multiplies the log
        loss of a row by (1 - p) ** `focal_gamma`, where p is the probability of its
        label, so that rows that are already right count little [7]_. Probabilities are
        then no longer calibrated, but drawn towards equal ones.
    focal_gamma : float, default=2.0
        Exponent of "focal"; 0 makes it the log loss.
    negative_sampling : float or None, default=None
        Fraction of the training rows of `classes_[0]`, of two classes, that is kept to
        train on; the other rows are used only for the encoding. It is for tables with
        few positives, where it saves most of the time. The log-odds are corrected for
        it, so that probabilities remain those of all rows [8]_; only the log loss
        allows this correction. Held-out rows and `X_val` are all kept. Each call of
        `fit` with `warm_start`, and each of `partial_fit`, draws anew.
    label_smoothing : float, default=0.0
        Share of each label, in [0, 1), that training spreads evenly over all classes.
        Validation losses use the labels as they are.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one, with its encoding.
        Statistics of the target stay those of the first fit. Rows of that fit that come
        again are recognised by a hash and keep their values, which are of other rows;
        new ones get those of all these rows. Fits of the same table hold out the same
        rows.
    device : str or torch.device, default="auto"
        Where to compute, e.g. "cpu" or "cuda:1"; "auto" takes CUDA or MPS if available.
    dtype : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        Precision of the computation; "auto" is float64 up to 500 rows in `fit` and
        float32 above. "bfloat16" is mixed: weights, head and loss in float32, products
        of cross and deep layers in bfloat16. "auto" uses it where the device has
        instructions for it and it saves time. Predictions are float64.
    compile : bool or str, default=False
        Whether `fit` compiles the network behind the embeddings with `torch.compile`; a
        string names the backend. It takes up to a minute, and on a CPU it needs a C++
        compiler.
    n_jobs : int or None, default=None
        Number of torch threads in `fit` and predictions; -1 for all cores, None to
        leave torch's setting. The setting is restored afterwards.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, the order of rows, dropout and the split. The
        same integer gives the same bits on the same machine.
    checkpoint : str or PathLike or None, default=None
        Path of a file in which `fit` keeps the state of the training. It is written
        after epochs, in long ones also during them, and removed at the end. If a fit
        was cut short, e.g. by a crash, calling it with the same parameters and data
        goes on from there, and on a CPU ends with the same bits. Fits that run at the
        same time each need their own file. `save` leaves this parameter out.
    verbose : int, default=0
        1 or True shows the progress of a fit, with losses, rows per second and the time
        left: in one line of the terminal or notebook, or with one line for every epoch
        if the output is a file. 2 or more prints skorch's table of epochs.
    callbacks : list or None, default=None
        skorch callbacks, as instances or (name, instance).
    net_params : dict or None, default=None
        More parameters of the skorch net, e.g. {"optimizer__betas": (0.9, 0.99)}.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or (n_labels, 2)
        The labels, sorted; with several labels per row, 0 and 1 for each.
    label_names_ : ndarray of shape (n_labels,)
        Only with several labels per row: the columns of `y`, names or numbers.
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
        For each epoch "train_loss", "train_rows", "valid_loss" where rows validate,
        "valid_score" where `scoring` scores them, "lr" of its last step, "dur" in s.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Share of each column in the variance of the logit, alone and in all its crosses;
        not available for a sparse `X`.

    See Also
    --------
    DCNRegressor : The same network for numbers.
    sklearn_dcn.network.DeepCrossNetwork : The torch module, usable alone.

    References
    ----------
    .. [1] Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017,
       :arxiv:`1708.05123`.
    .. [2] Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons
       for Web-scale Learning to Rank Systems", 2021, :arxiv:`2008.13535`.
    .. [3] Wang et al., "Towards Deeper, Lighter and Interpretable Cross Network for
       CTR Prediction", 2023, :arxiv:`2311.04635`.
    .. [4] Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep
       Learning", 2022, :arxiv:`2203.05556`.
    .. [5] Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016,
       :arxiv:`1606.07792`.
    .. [6] Li et al., "FCN: Fusing Exponential and Linear Cross Network for
       Click-Through Rate Prediction" (DCNv3), 2025, :arxiv:`2407.13349`.
    .. [7] Lin et al., "Focal Loss for Dense Object Detection", 2017,
       :arxiv:`1708.02002`.
    .. [8] He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook",
       ADKDD 2014, section 6.3.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, random_state=0, stratify=y
    ... )
    >>> model = DCNClassifier(random_state=0).fit(X_train, y_train)
    >>> model.predict_proba(X_test).shape
    (3083, 2)
    >>> model.score(X_test, y_test) > 0.88
    True
    """

    @naming_rivals
    def __init__(
        self,
        *,
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
        class_weight: Any = None,
        loss: str = "log_loss",
        focal_gamma: float = 2.0,
        negative_sampling: float | None = None,
        label_smoothing: float = 0.0,
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
        self.class_weight = class_weight
        self.loss = loss
        self.focal_gamma = focal_gamma
        self.negative_sampling = negative_sampling
        self.label_smoothing = label_smoothing
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

        The first call, or an earlier `fit`, learns the encoding of the columns. Levels
        that it did not see are unknown later, unless `new_levels` learns them; numbers
        keep its normalisation, unless `statistics_decay` updates it. Give it enough
        rows to be representative. Rows of it that come again are treated as with
        `warm_start`; after a `fit` without `warm_start` all rows count as new, so pass
        none of that fit. Validation and the number of epochs are up to the caller.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), scan or path
            Rows. A scan of more than 200,000 is learned block by block of 65,536.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), str or None, \
default=None
            Labels; for a path the name of their column, and for a scan None.
        classes : array-like of shape (n_classes,), default=None
            All labels that can ever occur; needed in the first call unless its `y` has
            them all. With several labels per row it may be `classes_` or None.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; None is 1 for all. Those of the first call are scaled to
            mean 1, later ones by the same factor. If all are 0, also after
            `class_weight`, nothing is learned.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError, TypeError
            As in `fit`; also if `y` has a label that is not among the classes.
        """
        if self.class_weight == "balanced" and not hasattr(self, "net_"):
            raise ValueError(
                "class_weight='balanced' needs all rows at once, but partial_fit sees "
                "only a part. Give the weights as a dict."
            )
        return self._partial_fit(X, y, sample_weight, classes=classes)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the logits: the log-odds of the second class, or one for each class.

        With several labels per row they are the log-odds of each label.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`. A row may be a dict by column name, and one
            such dict is a table of one row.

        Returns
        -------
        logits : ndarray of shape (n_samples,), (n_samples, n_classes) or \
(n_samples, n_labels)
            1-D when binary.
        """
        logits = self._logits(X)
        return self._target.decision(logits)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, or of each of several labels.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`. A row may be a dict by column name, and one
            such dict is a table of one row.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of `classes_`. With several labels per row it is a matrix, as
            from scikit-learn's `MLPClassifier`; the list that forests return is
            ``[np.c_[1 - p_k, p_k] for p_k in p.T]``.
        """
        logits = self._logits(X)
        return self._target.probabilities(logits)

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithm of `predict_proba`, exact even near 0.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`. A row may be a dict by column name, and one
            such dict is a table of one row.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of `classes_`.
        """
        logits = self._logits(X)
        return self._target.log_probabilities(logits)

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`. A row may be a dict by column name, and one
            such dict is a table of one row.

        Returns
        -------
        labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels of the type that `fit` was given; with several labels per row, 1 for
            those that are more probable than not, else 0.
        """
        logits = self._logits(X)
        return self._target.predictions(logits)

    # Hooks of BaseDCN -----------------------------------------------------------------

    def _check_y(self, y: Any) -> NDArray[Any]:
        if not has_labels(y):
            return ClassTarget.check(y)
        self._names_of_y = LabelsTarget.names_of(y)
        return LabelsTarget.check(y)

    def _check_target(self, y: NDArray[Any], classes: Any) -> None:
        self.__dict__.pop("label_names_", None)  # of a fit before
        if y.ndim == 2:
            self._check_labels(y, classes)
            return
        self.classes_ = np.unique(y if classes is None else ClassTarget.check(classes))
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes in y; got 1 class: "
                f"{self.classes_.tolist()}."
            )
        if isinstance(self.class_weight, dict):
            ClassTarget(self.classes_).encode(
                np.asarray([*self.class_weight]), "class_weight"
            )
        elif isinstance(self.class_weight, list):
            raise ValueError(
                "class_weight may be a list of dicts only if y has several labels; got "
                "one label. Use a dict of class to weight."
            )
        self._check_sampling()

    def _check_labels(self, y: NDArray[Any], classes: Any) -> None:
        names = getattr(self, "_names_of_y", None)
        self.label_names_ = np.arange(y.shape[1]) if names is None else names
        self.classes_ = np.tile([0, 1], (y.shape[1], 1))
        LabelsTarget.check_weights(self.class_weight, y.shape[1])
        LabelsTarget.check_classes(classes, y.shape[1])
        self._check_sampling()

    def _check_sampling(self) -> None:
        if self.negative_sampling is None:
            return
        if hasattr(self, "label_names_"):
            raise ValueError(
                f"negative_sampling={self.negative_sampling!r} is for one label, "
                f"where most rows are negative; got {len(self.label_names_)} labels in "
                "y. Set it to None."
            )
        if len(self.classes_) > 2:
            raise ValueError(
                f"negative_sampling={self.negative_sampling!r} is for two classes, "
                f"the first of them negative; got {len(self.classes_)} classes in y: "
                f"{self.classes_.tolist()}. Set it to None."
            )
        if self.loss == "focal":
            raise ValueError(
                f"negative_sampling={self.negative_sampling!r} needs loss='log_loss', "
                "the only loss whose log-odds can be corrected; got loss='focal'. "
                "Change one of them."
            )

    def _make_target(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> ClassTarget | LabelsTarget:
        gamma = self.focal_gamma if self.loss == "focal" else 0.0
        if y.ndim == 2:
            self._class_weights = LabelsTarget.class_weights(
                self.class_weight, y, weight
            )
            return LabelsTarget(
                self.label_names_, self._class_weights, gamma, self.label_smoothing
            )
        target = ClassTarget(self.classes_, gamma, self.label_smoothing)
        self._class_weights = np.ones(len(self.classes_))
        if isinstance(self.class_weight, dict):
            weights = [self.class_weight.get(c, 1.0) for c in self.classes_.tolist()]
            self._class_weights = np.asarray(weights)
        elif self.class_weight == "balanced":
            codes = target.encode(y)
            mass = np.bincount(codes, weight, minlength=len(self.classes_))
            self._class_weights = mass.sum() / np.maximum(mass, 1e-12) / len(mass)
        return target

    def _loss_weight(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return weight if y.ndim == 2 else weight * self._class_weights[y]

    def _draw_rows(self, rows: Rows, at: Any) -> tuple[Any, float]:
        self._check_sampling()  # it may have been set since the first fit
        if self.negative_sampling is None:
            return at, 0.0
        at = np.arange(len(rows.y)) if at is None else at
        kept, offset = sample_negatives(
            rows.y[at] == self.classes_[0],
            rows.weight[at],
            self.negative_sampling,
            self._draw_seed(),
        )
        return at[kept], offset

    def _strata(self, y: NDArray[Any]) -> NDArray[Any]:
        return y if y.ndim == 1 else LabelsTarget.strata(y)

    def _masses(self, y: NDArray[Any], weight: NDArray[np.float64]) -> dict[Any, float]:
        return (ClassTarget if y.ndim == 1 else LabelsTarget).masses(y, weight)

    def _standing_for(
        self, mass: dict[Any, float], y: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        if y.ndim == 2:
            return LabelsTarget.standing_for(mass)
        return ClassTarget.standing_for(mass, y.dtype)
