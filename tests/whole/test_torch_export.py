"""The bare module goes through torch.export, with batches of any size."""

import io

import pytest
import torch
from torch.export import Dim

from sklearn_dcn import DCNClassifier
from sklearn_dcn.network import DeepCrossNetwork
from sklearn_dcn.network.cross import CROSS_KINDS
from sklearn_dcn.network.numeric import NUMERIC_EMBEDDINGS


def exported(module, batch, shapes):
    """Return a module that went through torch.export and a file."""
    program = torch.export.export(module.eval(), (), batch, dynamic_shapes=shapes)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    return torch.export.load(file).module()


def make_batch(n):
    x_cat = torch.stack([torch.randint(0, 10, (n,)), torch.randint(0, 500, (n,))], 1)
    return {"x_num": torch.randn(n, 3), "x_cat": x_cat}


def check(module):
    rows = {0: Dim("rows")}
    loaded = exported(module, make_batch(4), {"x_num": rows, "x_cat": rows})
    for n in (1, 2, 300):
        batch = make_batch(n)
        torch.testing.assert_close(loaded(**batch), module(**batch), rtol=0, atol=1e-6)


@pytest.mark.parametrize("cross", CROSS_KINDS)
def test_cross_kinds(cross):
    torch.manual_seed(0)
    check(DeepCrossNetwork(3, [10, 500], cross=cross, dropout=0.5))


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_embeddings_of_numbers(kind):
    torch.manual_seed(0)
    edges = [[-1.0, 0.0, 1.0]] * 3 if kind == "piecewise_linear" else None
    options = {"numeric_embedding": kind, "bin_edges": edges}
    check(DeepCrossNetwork(3, [10, 500], normalization="batch", **options))


def test_bags():
    """With bags, batches have at least two rows."""
    torch.manual_seed(0)
    module = DeepCrossNetwork(1, [], bag_cardinalities=[9])

    def make(n):
        offsets = torch.arange(0, 2 * n + 1, 2)
        bag = (torch.randint(0, 9, (2 * n,)), offsets, torch.rand(2 * n))
        return {"x_num": torch.randn(n, 1), "x_bag": [bag]}

    rows, entries = Dim("rows", min=2), {0: Dim("entries")}
    shapes = {"x_num": {0: rows}, "x_bag": [(entries, {0: rows + 1}, entries)]}
    loaded = exported(module, make(5), shapes)
    for n in (2, 300):
        batch = make(n)
        torch.testing.assert_close(loaded(**batch), module(**batch), rtol=0, atol=1e-6)


def test_fitted_module(mixed, tiny):
    """The module of an estimator gives its log-odds for the encoded table."""
    X, y = mixed
    model = DCNClassifier(dtype="float32", **tiny).fit(X, y)
    rows = {0: Dim("rows")}
    loaded = exported(
        model.module_, model._encode(X[:5]), {"x_num": rows, "x_cat": rows}
    )
    logits = loaded(**model._encode(X)).squeeze(1).detach().double()
    expected = torch.from_numpy(model.decision_function(X))
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
