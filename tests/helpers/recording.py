"""A record of what torch computes: each operation, and the memory that it takes."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class Results(TorchDispatchMode):
    """Record each operation's name, and how large a tensor in new memory it returns."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Call and record."""
        out = func(*args, **kwargs or {})
        known = memories((args, kwargs))
        new = [size for at, size in memories(out).items() if at not in known]
        self.calls.append((str(func), max(new, default=0)))
        return out

    def names(self, *parts):
        """Return the names of the calls that hold one of the parts."""
        return [name for name, _ in self.calls if any(part in name for part in parts)]

    def of_size(self, size):
        """Return the names of the calls that return so many entries in new memory."""
        return [name for name, n in self.calls if n >= size]


def memories(tree):
    """Return {address: number of entries} of the dense tensors of a nested value."""
    leaves = tree_flatten(tree)[0]
    tensors = [t for t in leaves if isinstance(t, torch.Tensor)]
    dense = [t for t in tensors if t.layout == torch.strided]
    return {t.untyped_storage().data_ptr(): t.numel() for t in dense}
