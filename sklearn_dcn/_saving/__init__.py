"""What a file or pickle may hold of each class, and the way back."""

from .loading import load
from .moved import lead_to_moved

__all__ = ["lead_to_moved", "load"]
