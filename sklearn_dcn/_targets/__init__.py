"""The target: y -> tensor and loss; logits -> probabilities, labels or units of y.

A loss and its link function stand here side by side, so the network returns logits
and nothing else knows what they mean.
"""

from .classes import ClassTarget
from .continuous import ContinuousTarget

__all__ = ["ClassTarget", "ContinuousTarget"]
