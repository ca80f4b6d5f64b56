"""Several tasks: their losses and units against scikit-learn, and what is unknown."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.draws import rng
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from sklearn_dcn._targets.classes import ClassTarget
from sklearn_dcn._targets.task_columns import read_tasks
from sklearn_dcn._targets.tasks import TasksTarget

N = 50
KNOWN = rng(0).random(N) < 0.6
CLICK = rng(1).integers(0, 2, N)
TIME = np.where(KNOWN, 60 + 20 * rng(2).normal(size=N), np.nan)
KIND = np.where(rng(3).random(N) < 0.9, rng(4).choice(["x", "y", "z"], N), None)
COUNT = rng(5).poisson(2.0, N)
TABLE = pd.DataFrame({"click": CLICK, "time": TIME, "kind": KIND, "count": COUNT})
LOSSES = {
    "click": "log_loss",
    "time": "squared_error",
    "kind": "log_loss",
    "count": "poisson",
}
CLASSES = {"click": np.array([0, 1]), "kind": np.array(["x", "y", "z"])}
WEIGHT = rng(6).random(N) + 0.2
WEIGHT /= WEIGHT.mean()
SHARES = np.array([1.0, 2.0, 1.0, 0.5])


@pytest.fixture(scope="module")
def y():
    return read_tasks(TABLE, LOSSES)


@pytest.fixture(scope="module")
def target(y):
    return TasksTarget.learn(LOSSES, CLASSES, SHARES, y, WEIGHT)


def loss_of(target, z, y):
    batch = {
        "y": target.tensor(target.encode(y), torch.float64),
        "weight": torch.from_numpy(WEIGHT),
    }
    return target.criterion.eval()(torch.from_numpy(z), batch)


def test_each_loss_is_that_of_the_rows_that_know_it(target, y):
    z = rng(7).normal(size=(N, target.d_out))
    found = target.losses(z, target.encode(y), WEIGHT)
    p, predicted = target.probabilities(z), target.predictions(z)
    has_kind = pd.notna(KIND)
    center = np.average(TIME[KNOWN], weights=WEIGHT[KNOWN])
    spread = np.average((TIME[KNOWN] - center) ** 2, weights=WEIGHT[KNOWN])
    mean = np.average(COUNT, weights=WEIGHT)

    def share(known):
        return WEIGHT[known].sum() / WEIGHT.sum()

    def of(metric, true, guess, known):
        return share(known) * metric(
            true[known], guess[known], sample_weight=WEIGHT[known]
        )

    everywhere = np.ones(N, dtype=bool)
    expected = [
        of(log_loss, CLICK, p["click"], everywhere),
        of(mean_squared_error, TIME, predicted["time"], KNOWN) / spread / 2,
        of(log_loss, KIND, p["kind"], has_kind),
        of(mean_poisson_deviance, COUNT, predicted["count"], everywhere) / mean / 2,
    ]
    assert_allclose(found, expected)
    total = float(loss_of(target, z, y))
    units = target.initial_losses(target.encode(y), WEIGHT)
    assert total == pytest.approx((SHARES * expected / units).sum() / SHARES.sum())


def test_the_loss_starts_at_one_whatever_the_units(target, y):
    start = target.initial_logits(target.encode(y), WEIGHT)
    assert float(loss_of(target, np.tile(start, (N, 1)), y)) == pytest.approx(1.0)
    other = TABLE.assign(time=TABLE["time"] * 1e9 + 7)
    again = read_tasks(other, LOSSES)
    found = TasksTarget.learn(LOSSES, CLASSES, SHARES, again, WEIGHT)
    assert_allclose(found.units, target.units)


def test_gradients_and_none_of_what_is_unknown(target, y):
    y_tensor = target.tensor(target.encode(y), torch.float64)
    batch = {"y": y_tensor, "weight": torch.from_numpy(WEIGHT)}
    z = torch.from_numpy(rng(8).normal(size=(N, target.d_out))).requires_grad_()
    criterion = target.criterion
    assert torch.autograd.gradcheck(lambda z: criterion(z, batch), z)
    (slope,) = torch.autograd.grad(criterion(z, batch), z)
    time = target.slices[1]
    assert (slope[~KNOWN][:, time] == 0).all()
    assert (slope[KNOWN][:, time] != 0).all()
    huge = torch.full((N, target.d_out), 300.0, dtype=torch.float64, requires_grad=True)
    unknown = {"y": torch.full_like(y_tensor, torch.nan)}
    (slope,) = torch.autograd.grad(criterion(huge, unknown), huge)
    assert (slope == 0).all()  # where a loss that overflows would leave NaN


def test_targets_round_trip(target, y):
    found = target.decode(target.encode(y))
    assert found["click"].tolist() == CLICK.tolist()
    assert_allclose(found["time"], TIME)
    assert found["kind"].tolist() == KIND.tolist()
    assert_allclose(found["count"], COUNT)


@pytest.mark.parametrize(
    "given",
    [
        {name: TABLE[name].to_numpy() for name in TABLE},
        {name: TABLE[name].tolist() for name in TABLE},
        TABLE.assign(time=TABLE["time"].astype("Float64")),
        TABLE.assign(kind=TABLE["kind"].astype("category")),
        TABLE.assign(kind=TABLE["kind"].astype("string"), more=1),
    ],
    ids=["arrays", "lists", "nullable", "category", "string"],
)
def test_columns_of_any_type(given, target, y):
    found = read_tasks(given, LOSSES)
    assert_array_equal(target.encode(found), target.encode(y))


def test_statistics_take_the_mean_for_what_is_unknown(target, y):
    columns = target.columns(y)
    assert [*columns] == [
        *(" of 'click'", " of 'time'", " of 'kind' of 'x'", " of 'kind' of 'y'"),
        *(" of 'kind' of 'z'", " of 'count'"),
    ]
    assert_allclose(columns[" of 'time'"][~KNOWN], columns[" of 'time'"][KNOWN].mean())
    later = y[~KNOWN]  # a part in which nobody knows the task
    assert (target.columns(later)[" of 'time'"] == 0).all()


def test_a_constant_task_has_no_unit():
    table = {"a": np.ones(N), "b": CLICK}
    losses = {"a": "squared_error", "b": "log_loss"}
    y = read_tasks(table, losses)
    found = TasksTarget.learn(losses, {"b": np.array([0, 1])}, np.ones(2), y, WEIGHT)
    assert found.units[0] == 1.0
    assert found.constant_outputs(found.encode(y)).tolist() == [True, False]


def test_outputs_to_inspect(target):
    kinds = [("kind", label) for label in "xyz"]
    assert target.names == ["click", "time", *kinds, "count"]
    assert target.locations.tolist() == [0, 1, 2, 3, 4, 5]
    z = np.array([0.5])
    inverse, name = target.response(0)
    assert (inverse(z), name) == (1 / (1 + np.exp(-z)), "probability of 1 of 'click'")
    inverse, name = target.response(5)
    assert_allclose(
        inverse(target.on_link_scale(z, 5)), target.targets[3].scale * 1.6487, rtol=1e-4
    )
    assert name == "prediction of 'count'"
    assert target.response(3)[1] == "logit of 'y' of 'kind'"


def test_what_is_calibrated(target, y):
    """Classes alone, of the rows that know them."""
    encoded = target.tensor(target.encode(y), torch.float64)
    parts = target.criterion.parts({"y": encoded})
    assert [at for at, *_ in parts] == [slice(0, 1), slice(2, 5)]
    assert len(parts[1][3]["y"]) == pd.notna(KIND).sum()
    assert isinstance(target.targets[0], ClassTarget)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"click": CLICK}, r"y must have a column for each task.*without \['time'"),
        (TABLE.assign(count=-1), r"y\['count'\] must be >= 0 for loss='poisson'"),
        (TABLE.assign(time="soon"), "could not convert"),
        (TABLE.assign(time=np.inf), "infinity"),
        (TABLE.assign(click=COUNT + 0.5), "continuous"),
        (
            {**TABLE, "click": CLICK[:9]},
            "equally many rows for each task; got {'click': 9",
        ),
        ({**TABLE, "click": TABLE[["click", "count"]]}, r"y\['click'\] must be one"),
    ],
)
def test_no_targets(table, message):
    with pytest.raises(ValueError, match=message):
        read_tasks(table, LOSSES)


@pytest.mark.parametrize("table", [CLICK, TABLE.to_numpy(), [[0, 1]]])
def test_no_columns_by_name(table):
    with pytest.raises(TypeError, match=r"^y must be a DataFrame or a dict"):
        read_tasks(table, LOSSES)


def test_errors_of_a_column_name_it():
    with pytest.raises(ValueError) as info:
        read_tasks(TABLE.assign(time=np.inf), LOSSES)
    assert info.value.__notes__ == ["It is y['time']."]


def test_unknown_labels(target):
    later = read_tasks(TABLE.assign(kind="w"), LOSSES)
    with pytest.raises(ValueError, match=r"^y_val\['kind'\] must hold the classes"):
        target.encode(later, "y_val")
