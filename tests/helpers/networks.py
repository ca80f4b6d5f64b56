"""Random weights of cross layers, and how outputs are compared with the oracle."""

import numpy as np
import torch

KINDS = (
    *("vector", "matrix", "low_rank", "mixture", "gated"),
    *("linear", "exponential", "onlydense"),
)
GATES = ("softmax", "sigmoid", "constant")


def seeded(seed=0):
    """Return a generator of its own, so that no test depends on another's draws."""
    return torch.Generator().manual_seed(seed)


def randomize(module, seed=0, scale=0.5):
    """Return `module` in float64 with every parameter, biases too, random."""
    module = module.double()
    generator = seeded(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.normal_(std=scale, generator=generator)
            if name.rpartition(".")[2] == "shift":  # so that a mask has gradients
                parameter.abs_().add_(1.0)
    return module


def normal(*shape, seed=1):
    """Return a float64 standard normal tensor."""
    return torch.randn(*shape, dtype=torch.float64, generator=seeded(seed))


def set_(layer, **values):
    """Overwrite parameters by their letters."""
    with torch.no_grad():
        for letter, value in values.items():
            getattr(layer, letter).copy_(torch.as_tensor(value))
    return layer


def letters(layer):
    """Return the layer's own parameters as {letter: float64 array}."""
    return {
        name: parameter.detach().double().numpy()
        for name, parameter in layer.named_parameters()
    }


def assert_equals(tensor, expected, atol=1e-12):
    """Compare a float64 tensor with the oracle's array."""
    np.testing.assert_allclose(
        tensor.detach().numpy(), np.asarray(expected), rtol=1e-11, atol=atol
    )
