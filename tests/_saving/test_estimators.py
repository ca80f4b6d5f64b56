"""What a file may hold is a closed list, and its fields must fit each other."""

import pytest
from helpers.saved_files import change, fields

from sklearn_dcn import LoadError, load
from sklearn_dcn._estimator.saving import SPELLING
from sklearn_dcn._files.codec import DECODERS
from sklearn_dcn._saving.classes import SEVERAL
from sklearn_dcn._saving.estimators import ESTIMATORS
from sklearn_dcn._saving.parts import PARTS


def put(value, *way):
    """Return a change of the tree that puts a value at the end of a way of fields."""

    def config(tree):
        fields(tree, *way[:-1])[way[-1]] = value

    return config


def in_fit(name, value):
    """Return a change of a parameter of the fit."""

    def config(tree):
        for entry in fields(tree)["_params_in_fit"]["dict"]:
            if entry[0] == name:
                entry[1] = value

    return config


@pytest.mark.parametrize(
    "config",
    [
        put(3, "cross"),
        put({"object": ["Seen", {}]}, "callbacks"),
        put([1], "callbacks"),
        put({"object": ["CategoryEncoder", {}]}, "category_encoder"),
        put({"module": "os"}, "net_params"),
        put({"dict": [["module", "x"]]}, "net_params"),
        in_fit("net_params", {"dict": [["nonsense", 1]]}),
        put(True, "n_iter_"),
        put(7, "n_iter_"),
        put(2, "best_epoch_"),
        put(6, "n_features_in_"),
        put([{"dict": [["batches", []]]}], "history_"),
        put("periodic", "_numeric_embedding"),
        put(None, "_target"),
        put(None, "encoder_"),
        put(3, "_target", "d_out"),
        put([], "encoder_", "names"),
        put({"dict": []}, "encoder_", "categories"),
        put(None, "encoder_", "crosses"),
        put([0, 0], "encoder_", "crosses", "sizes"),
        put([], "encoder_", "crosses", "pairs"),
        put({"tuple": [2]}, "encoder_", "crosses", "counted"),
        put("eval", "encoder_", "pooling_"),
        in_fit("n_cross_layers", 10**9),
        in_fit("hidden_layer_sizes", {"tuple": [10**15]}),
        in_fit("hidden_layer_sizes", {"tuple": [1] * 100_000}),
        in_fit("cross", "gated"),
        in_fit("embedding_dim", 2**62),
        in_fit("dtype", "float16"),
    ],
    ids=range(29),
)
def test_fields_that_do_not_fit(config, path):
    change(path, config=config)
    with pytest.raises(LoadError, match=r"not what save\(\) writes"):
        load(path)


def test_the_list_of_what_a_file_may_hold_is_closed():
    """Everything is of this package, and every kind of value has a decoder."""
    for name, stored in (PARTS | SEVERAL | ESTIMATORS).items():
        assert stored.cls.__name__ == name
        assert stored.cls.__module__.startswith("sklearn_dcn.")
    assert set(DECODERS) | set(SPELLING) == {
        *("float", "tuple", "set", "dict", "bytes", "device", "object", "array"),
        *("dates", "objects", "random_state", "scalar"),
    }
