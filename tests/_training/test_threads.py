"""How many threads a fit has, and that they are given back."""

import threading
from concurrent.futures import ThreadPoolExecutor

import torch
from helpers.options import NOISY
from helpers.tables import make_mixed
from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier


def test_overlapping_n_jobs_are_restored():
    """Where fits overlap, the last to end restores what the first one found."""
    X, y = make_mixed()
    barrier = threading.Barrier(2)

    class Meet(Callback):
        def on_train_begin(self, net, **kwargs):
            barrier.wait(timeout=60)

    def fit(n_jobs):
        options = {"callbacks": [Meet()], "n_jobs": n_jobs, "max_epochs": n_jobs}
        DCNClassifier(**NOISY | options).fit(X, y)

    before = torch.get_num_threads()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fit, [2, 3]))
    assert torch.get_num_threads() == before


def test_n_jobs_is_the_number_of_threads():
    """n_jobs holds during the fit, and negative ones count from all cores."""
    X, y = make_mixed()
    seen = []

    class Record(Callback):
        def on_train_begin(self, net, **kwargs):
            seen.append(torch.get_num_threads())

    for n_jobs in (2, None):
        DCNClassifier(**NOISY, n_jobs=n_jobs, callbacks=[Record()]).fit(X, y)
    assert seen == [2, torch.get_num_threads()]
