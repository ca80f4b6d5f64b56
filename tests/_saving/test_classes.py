"""Labels and tasks of a file fit the target, the classes and the losses."""

import numpy as np
import pytest
from helpers.saved_files import change, fields
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier, DCNMultiTask, LoadError, load

TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
TINY |= {"memorized_crosses": None, "category_dropout": 0.0}


def saved(model, folder, y):
    X, _ = make_mixed(60)
    path = folder / "model.dcn"
    model.fit(X, y).save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    _, y = make_mixed(60)
    y = np.stack([y, 1 - y], axis=1)
    return saved(DCNClassifier(**TINY), tmp_path_factory.mktemp("labels"), y)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    _, y = make_mixed(60)
    losses = {"a": "log_loss", "b": "poisson"}
    model = DCNMultiTask(losses, **TINY)
    return saved(model, tmp_path_factory.mktemp("tasks"), {"a": y, "b": y + 0.5})


def put(value, *way):
    def config(tree):
        fields(tree, *way[:-1])[way[-1]] = value

    return config


def take(name):
    return lambda tree: fields(tree).pop(name)


def losses(*entries):
    def config(tree):
        for entry in fields(tree)["_params_in_fit"]["dict"]:
            if entry[0] == "losses":
                entry[1] = {"dict": [[*e] for e in entries]}

    return config


def move(tree):
    """Let the tasks be in another order than their losses."""
    fields(tree, "_target")["tasks"].reverse()


def refused(path, content, config):
    path.write_bytes(content)
    load(path)
    change(path, config=config)
    with pytest.raises(LoadError, match=r"not what save\(\) writes"):
        load(path)


@pytest.mark.parametrize(
    "config",
    [
        take("label_names_"),
        take("_class_weights"),
        put(1, "_target", "d_out"),
        put(-1.0, "_target", "gamma"),
        put({"array": "classes_"}, "_target", "weights"),
        lambda tree: put(fields(tree)["classes_"], "_class_weights")(tree),
        lambda tree: put(fields(tree)["label_names_"], "classes_")(tree),
    ],
    ids=range(7),
)
def test_labels_that_do_not_fit(config, labels, tmp_path):
    refused(tmp_path / "model.dcn", labels, config)


@pytest.mark.parametrize(
    "config",
    [
        take("classes_"),
        put({"dict": []}, "classes_"),
        put([], "_target", "tasks"),
        put(["a", "a"], "_target", "tasks"),
        put([], "_target", "targets"),
        put(3, "_target", "d_out"),
        put([None, None], "_target", "targets"),
        move,
        losses(("a", "log_loss")),
        losses(("a", "log_loss"), ("b", "squared_error")),
        losses(("b", "poisson"), ("a", "log_loss")),
    ],
    ids=range(11),
)
def test_tasks_that_do_not_fit(config, tasks, tmp_path):
    refused(tmp_path / "model.dcn", tasks, config)
