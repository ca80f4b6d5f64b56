"""A small fit, and what happens in one of its batches."""

from skorch.callbacks import Callback

SMALL = {"hidden_layer_sizes": (8,), "batch_size": 64, "random_state": 0}


class AtBatch(Callback):
    """Calls a function in a training step of an epoch, both counted from 1."""

    def __init__(self, epoch, function, batch=2):
        self.epoch = epoch
        self.function = function
        self.batch = batch

    def on_batch_end(self, net, training, **kwargs):
        """Count the step."""
        epoch = net.history[-1]
        at = (epoch["epoch"], len(epoch["batches"]))
        if training and at == (self.epoch, self.batch):
            self.function()
