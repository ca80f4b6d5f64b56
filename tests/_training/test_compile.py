"""The option `compile`: the same fit, and nothing compiled in what is left."""

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier, DCNRegressor

# torch's compiler asks its inputs for .grad, and hides this warning but from -W error.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor"),
    # inductor imports what torch itself has deprecated
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated"),
]

OPTIONS = {
    "hidden_layer_sizes": (8,),
    "batch_size": 32,
    "max_epochs": 2,
    "dtype": "float64",
    "random_state": 0,
}
VARIANTS = {
    "pairs": {"pair_logit": "weighted"},
    "onlydense": {"cross": "onlydense", "pair_logit": "plain"},
    "default": {},
    "vector, lazy, penalty": {
        "cross": "vector", "optimizer": "lazy_adamw", "embedding_l2": 0.1,
    },
    "stacked mixture": {
        "cross": "mixture", "expert_activation": "tanh", "structure": "stacked",
    },
    "members": {"n_members": 2},
    "cross alone": {"cross": "low_rank", "structure": "cross"},
    "dropout": {"dropout": 0.3, "category_dropout": 0.3, "normalization": "batch"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def fresh():
    """Forget compiled code before and after: it is kept by code, not by module."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


class Watch(Callback):
    """Record whether training runs what `torch.compile` returned; maybe fail."""

    def __init__(self, fail=False):
        self.fail = fail
        self.compiled = []

    def on_batch_end(self, net, **kwargs):
        """Record; fail in the second batch where asked to."""
        self.compiled.append("combine" in vars(net.module_))
        if self.fail and len(self.compiled) == 2:
            raise RuntimeError("stop here")


def assert_nothing_compiled(model):
    """Check that the module has its own method again, and can be pickled."""
    for member in model.module_.members:
        assert "combine" not in vars(member)
        assert member.combine.__func__ is type(member).combine
    pickle.dumps(model.module_)


def count_graphs(monkeypatch):
    """Return a list that grows with each graph which "eager" is given to run."""
    graphs = []
    compile_ = torch.compile

    def recorded(function, *, backend, **kwargs):
        def counting(graph, example_inputs):
            graphs.append(backend)
            return graph.forward

        return compile_(function, backend=counting, **kwargs)

    monkeypatch.setattr(torch, "compile", recorded)
    return graphs


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_eager_backend_gives_the_same_fit(options):
    """Weights, history and predictions are those without compiling, to rounding."""
    X, y = make_mixed(96)
    plain, compiled = (
        DCNClassifier(**OPTIONS | options, compile=c).fit(X, y, X_val=X, y_val=y)
        for c in (False, "eager")
    )
    for a, b in zip(
        plain.module_.parameters(), compiled.module_.parameters(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
    for key in ("train_loss", "valid_loss"):
        assert_allclose(*([h[key] for h in m.history_] for m in (plain, compiled)))
    assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), rtol=1e-9)
    assert_nothing_compiled(compiled)


def test_aot_eager_backend_gives_the_same_fit():
    """So it is where the backward pass is compiled, too."""
    X, y = make_mixed(96)
    plain, compiled = (
        DCNRegressor(**OPTIONS, compile=c).fit(X, y) for c in (False, "aot_eager")
    )
    assert_allclose(compiled.predict(X), plain.predict(X), rtol=1e-9)
    assert_nothing_compiled(compiled)


def test_it_is_really_compiled(monkeypatch):
    """The named backend, or inductor, gets a graph and no second one a batch."""
    graphs = count_graphs(monkeypatch)
    X, y = make_mixed(96)
    for compile_, backend in (("eager", "eager"), (True, "inductor")):
        watch = Watch()
        options = OPTIONS | {"compile": compile_, "callbacks": [watch]}
        options |= {"max_epochs": 4}
        model = DCNClassifier(**options).fit(X, y)
        assert watch.compiled == [True] * 12
        assert backend in graphs and len(graphs) <= 2
        assert_nothing_compiled(model)
        del graphs[:]
    DCNClassifier(**OPTIONS, callbacks=[watch := Watch()]).fit(X, y)
    assert watch.compiled == [False] * 6 and graphs == []


@pytest.mark.parametrize("method", ["fit", "warm fit", "partial_fit"])
def test_a_failing_fit_leaves_nothing_compiled(method):
    """If training stops in a batch, what is there afterwards is as without."""
    X, y = make_mixed(96)
    options = OPTIONS | {"compile": "eager", "warm_start": method == "warm fit"}
    watch = Watch(fail=False)
    model = DCNClassifier(**options, callbacks=[watch]).fit(X, y)
    assert_nothing_compiled(model)
    p = model.predict_proba(X)
    for _, callback in model.net_.callbacks_:  # of continued fits
        if isinstance(callback, Watch):
            callback.fail, callback.compiled[:] = True, []
    with pytest.raises(RuntimeError, match="stop here"):
        getattr(model, method.split()[-1])(X, y)
    assert_nothing_compiled(model)
    if method != "partial_fit":  # whose net is trained in place
        assert_array_equal(model.predict_proba(X), p)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


def test_compile_may_change_between_warm_starts():
    """A fit goes on compiled or not; the steps are the same."""
    X, y = make_mixed(96)
    options = OPTIONS | {"warm_start": True}
    plain = DCNClassifier(**options).fit(X, y).fit(X, y)
    mixed = DCNClassifier(**options).fit(X, y).set_params(compile="eager").fit(X, y)
    assert_allclose(mixed.predict_proba(X), plain.predict_proba(X), rtol=1e-9)
    assert_nothing_compiled(mixed)


def test_compiled_in_bfloat16():
    """The two options go together."""
    X, y = make_mixed(96)
    options = OPTIONS | {"dtype": "bfloat16"}
    plain, compiled = (
        DCNClassifier(**options, compile=c).fit(X, y) for c in (False, "eager")
    )
    assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), atol=0.02)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="inductor needs a C++ compiler",
)
@pytest.mark.filterwarnings("default")  # inductor's own
def test_inductor_gives_the_same_fit():
    """compile=True, with code for the processor."""
    X, y = make_mixed(96)
    plain, compiled = (
        DCNClassifier(**OPTIONS, compile=c).fit(X, y) for c in (False, True)
    )
    assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), rtol=1e-8)
    assert np.isfinite(compiled.predict_proba(X)).all()
    assert_nothing_compiled(compiled)
