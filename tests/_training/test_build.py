"""What a net is built for: callbacks that read gradients, and lazy optimisers."""

import pytest
import torch
from helpers.lazy import fit, is_lazily_fitted, make_ids
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler

from sklearn_dcn import DCNClassifier

# Callbacks that read gradients --------------------------------------------------------


CLIP = {
    "instance": lambda: GradientNormClipping(0.1),
    "class": lambda: GradientNormClipping,
    "named instance": lambda: ("clip", GradientNormClipping(0.1)),
    "named class": lambda: ("clip", GradientNormClipping),
}


@pytest.fixture
def many_ids(monkeypatch):
    """Let the 25 + 3 levels of these tests, with 2 * 2 others, count as many."""
    monkeypatch.setattr("sklearn_dcn._estimator.defaults.LAZY_FROM", 32)


@pytest.mark.parametrize("clip", CLIP.values(), ids=CLIP)
def test_auto_is_dense_for_callbacks_that_read_gradients(clip, many_ids):
    """A callback with `on_grad_computed` gets the gradients of all rows."""
    assert not is_lazily_fitted(fit(callbacks=[clip()], max_epochs=1))


def test_auto_stays_lazy_for_other_callbacks(many_ids):
    """Callbacks that read no gradients change nothing; the schedule of lr is used."""
    seen = []

    class Record(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append(net.optimizer_.param_groups[0]["lr"])

    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    model = fit(callbacks=[Record(), ("schedule", schedule)], max_epochs=3)
    assert is_lazily_fitted(model)
    assert_allclose(seen, [0.01, 0.005, 0.0025])


@pytest.mark.parametrize("clip", CLIP.values(), ids=CLIP)
def test_lazy_refuses_callbacks_that_read_gradients(clip):
    """The error names callback and remedy; a fitted estimator stays as it was."""
    X, y, _ = make_ids()
    model = fit(optimizer="lazy_adamw", max_epochs=1)
    model.set_params(callbacks=[clip()])
    before, p = dict(vars(model)), model.predict_proba(X)
    message = (
        r"^callbacks hold .*GradientNormClipping.*optimizer='lazy_adamw'.*"
        r"Use optimizer='adamw', or leave the callback out"
    )
    for method in (model.fit, DCNClassifier(**model.get_params()).partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X, y)
    assert all(vars(model)[name] is value for name, value in before.items())
    assert vars(model).keys() == before.keys()
    assert_array_equal(model.predict_proba(X), p)


def test_clipping_works_on_dense_gradients(many_ids):
    """Where "auto" gave way, the norm of all gradients really is clipped."""
    norms = []

    class Norm(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            gradients = [p.grad for _, p in named_parameters if p.grad is not None]
            assert not any(g.is_sparse for g in gradients)
            norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())

    fit(callbacks=[GradientNormClipping(1e-3), Norm()], max_epochs=2)
    assert_allclose(norms, 1e-3, rtol=1e-3)


# Penalties of the whole table ---------------------------------------------------------


def test_embedding_l2_of_the_table_needs_dense_gradients(monkeypatch):
    """The optimiser "auto" is dense then, and a lazy optimiser is refused."""
    monkeypatch.setattr("sklearn_dcn._estimator.defaults.LAZY_FROM", 1)
    X, y = make_mixed(60)
    model = DCNClassifier(max_epochs=1, embedding_l2_scope="table").fit(X, y)
    assert not model.module_.embedding.sparse
    with pytest.raises(ValueError, match=r"^embedding_l2_scope='table' .*lazy_adamw"):
        model.set_params(optimizer="lazy_adamw").fit(X, y)
    with pytest.raises(ValueError, match=r"must not set 'embedding_l2_scope'"):
        DCNClassifier(net_params={"embedding_l2_scope": "table"}).fit(X, y)
