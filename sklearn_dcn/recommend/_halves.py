"""Scores of all pairs of some users and items, from what is computed once for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._table import PairNumbers, take_rows
from .._training import PREDICT_BATCH_SIZE_CPU, own_precision, own_torch
from ..network.pairs import Half, PairNetwork
from ._scores import cold_is_fine, pairs_of

__all__ = ["HalfScores"]


class HalfScores:
    """Scores of an estimator of this package, of users and items encoded once each.

    Parameters
    ----------
    model : DCNClassifier, DCNRegressor or the like
        See `takes`.
    of_user : set of str
        The users' columns.
    users, items : checked tables
        The first row of one fills the columns of the other, where it is encoded.
    n_pairs : int
        How many are to be scored.
    """

    def __init__(
        self, model: Any, of_user: set[Any], users: Any, items: Any, n_pairs: int
    ) -> None:
        self.model, net = model, model.net_
        self.names = model.feature_names_in_.tolist()
        self.first = take_rows(users, np.arange(1)), take_rows(items, np.arange(1))
        is_user = [name in of_user for name in self.names]
        self.pairs = PairNumbers(model.encoder_, is_user, model._numpy_dtype)
        module = net.module_
        places = module.members[0].embedding.field_slices
        pairs = self.pairs
        user, item, pair = (
            [k for at in of for k in range(places[at].start, places[at].stop)]
            for of in (pairs.of_user, pairs.of_item, pairs.of_pair)
        )
        with own_torch(model.n_jobs), torch.no_grad():
            with module.batched.lent(False) as network:
                bulk = None
                if net.bulk is not None and n_pairs >= net.bulk_from:
                    bulk = module.copied_network(net.bulk)
                self.network = PairNetwork(network, user, item, pair, bulk)

    @staticmethod
    def takes(model: Any) -> bool:
        """Tell whether this is a fitted estimator that the class can score."""
        if not all(hasattr(model, name) for name in ("encoder_", "net_", "_target")):
            return False
        if not hasattr(model, "feature_names_in_") or model.net_.module_.d_out != 1:
            return False
        return PairNumbers.takes(model.encoder_)

    def users(self, table: Any) -> Any:
        """Return what `scores` takes of users."""
        return self._half(pairs_of(table, self.first[1], self.names), is_user=True)

    def items(self, table: Any) -> Any:
        """Return what `scores` takes of items."""
        return self._half(pairs_of(self.first[0], table, self.names), is_user=False)

    def _half(self, table: Any, is_user: bool) -> tuple[Half, Any]:
        net, model = self.model.net_, self.model
        X = model._check_X(table, reset=False)
        with cold_is_fine():
            x_0 = model._stack(X)
            codes = self.pairs.codes(X, is_user=is_user)
        with own_torch(model.n_jobs), torch.inference_mode():
            x = torch.from_numpy(x_0).to(net.device, net.dtype)
            x = x.reshape(len(x), len(net.module_.members), -1).transpose(0, 1)
            return self.network.half(x.contiguous(), is_user=is_user), codes

    def scores(self, users: Any, items: Any, rows: slice) -> NDArray[np.float64]:
        """Return the scores (n_users, n_items) of those users at `rows`."""
        (half, codes), (others, other_codes) = users, items
        device = torch.device(self.model.net_.device)
        tile = PREDICT_BATCH_SIZE_CPU if device.type == "cpu" else None
        with (
            own_torch(self.model.n_jobs),
            torch.inference_mode(),
            own_precision(device),
        ):
            x = None
            if codes:
                x = torch.from_numpy(self.pairs.numbers(codes, other_codes, rows))
                x = x.to(device)
            logits = self.network.logits(half[rows], others, x, tile)
            return self._scores(logits.cpu().double().numpy())

    def _scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the estimator predicts by its logits."""
        target, flat = self.model._target, logits.reshape(-1, 1)
        if hasattr(self.model, "predict_proba"):
            scores = target.probabilities(flat)[:, 1]
        else:
            scores = target.predictions(flat)
        return np.asarray(scores, dtype=np.float64).reshape(logits.shape)
