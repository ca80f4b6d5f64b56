"""The order of many integers, digit by digit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["argsort"]

DIGIT = 16  # bits: of integers up to that wide NumPy's stable sort is a radix sort


def argsort(keys: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """Return the stable order of integers from 0 on, faster than a sort of pairs."""
    highest = int(keys.max(initial=0))
    order = np.argsort(keys.astype(np.uint16), kind="stable")  # modulo 2**DIGIT
    for shift in range(DIGIT, highest.bit_length(), DIGIT):
        digit = (keys >> keys.dtype.type(shift)).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    return order
