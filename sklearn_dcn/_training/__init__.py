"""Encoded rows train networks: batches, steps, epochs, and how it ends.

`build.py` makes the net, `loop.py` trains it, `members.py` says what each has not seen.
`net.py` and `stopping.py` alone know skorch. Nothing here knows of tables.
"""

from .apart import MembersApart
from .batches import Encoded, TensorTable, joined, take, to_tensors
from .build import build_net
from .calibration import calibrate, held_out_rows
from .callbacks import CallbackSupportMixin, FitTasks, with_callbacks
from .checkpoint import Checkpoint
from .devices import DTYPES, find_device, multiplies_bfloat16, own_precision
from .growth import check_state, grow_net, set_statistics, state_without_slack
from .history import plain_records, replay
from .inference import PREDICT_BATCH_SIZE_CPU, predict_logits, predict_stack
from .leaves import to_numpy, to_tensor
from .loop import TRAINING, Together, train
from .members import SeenLevels, forget_unseen, hide_unseen
from .memory import release_memory
from .module_weights import count_products, scale_outputs
from .negative_sampling import sample_negatives
from .net import DCNNet
from .optimizers import OPTIMIZERS
from .own_torch import own_torch
from .progress import Preparation, Progress
from .schedule import SCHEDULES
from .sharing import RankTable
from .spool import EncodedAgain, Spool
from .stopping import Ending, reads_gradients
from .towers import TOWER_LOSSES
from .watcher import Watcher

__all__ = [
    "DTYPES",
    "OPTIMIZERS",
    "PREDICT_BATCH_SIZE_CPU",
    "SCHEDULES",
    "TOWER_LOSSES",
    "TRAINING",
    "CallbackSupportMixin",
    "Checkpoint",
    "DCNNet",
    "Encoded",
    "EncodedAgain",
    "Ending",
    "FitTasks",
    "MembersApart",
    "Preparation",
    "Progress",
    "RankTable",
    "SeenLevels",
    "Spool",
    "TensorTable",
    "Together",
    "Watcher",
    "build_net",
    "calibrate",
    "check_state",
    "count_products",
    "find_device",
    "forget_unseen",
    "grow_net",
    "held_out_rows",
    "hide_unseen",
    "joined",
    "multiplies_bfloat16",
    "own_precision",
    "own_torch",
    "plain_records",
    "predict_logits",
    "predict_stack",
    "reads_gradients",
    "release_memory",
    "replay",
    "sample_negatives",
    "scale_outputs",
    "set_statistics",
    "state_without_slack",
    "take",
    "to_numpy",
    "to_tensor",
    "to_tensors",
    "train",
    "with_callbacks",
]
