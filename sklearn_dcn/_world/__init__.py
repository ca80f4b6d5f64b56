"""The processes that fit one network together, and what they tell each other.

`World` is one process alone, `Ranks` are several: they have the same methods, and all
of them call these in the same order. Only this room knows torch.distributed.
"""

from .alone import ALONE, World
from .ranks import RankLostError, Ranks
from .stores import (
    TIMEOUT,
    ask_to_stop,
    host_store,
    reach_store,
    store_of_environment,
)

__all__ = [
    "ALONE",
    "RankLostError",
    "Ranks",
    "TIMEOUT",
    "World",
    "ask_to_stop",
    "host_store",
    "reach_store",
    "store_of_environment",
]
