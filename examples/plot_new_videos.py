"""
Ids that keep coming
====================

New videos appear every day, and yesterday's model has no embedding for them. Must you
refit it every night, or can it learn them as they come?
"""

# %%
# Four weeks of views
# -------------------
# Every day brings four new videos, and the oldest four are no longer watched. Whether a
# video is liked depends on the video and on the group of the viewer.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_days, per_day, new_per_day, shelf = 28, 800, 4, 40
n_videos = shelf + n_days * new_per_day
appeal = rng.normal(size=(3, n_videos)) + rng.normal(size=n_videos)

days = []
for day in range(n_days):
    newest = shelf + day * new_per_day
    video = newest - 1 - rng.integers(0, shelf, per_day)
    group = rng.integers(0, 3, per_day)
    liked = rng.random(per_day) < 1 / (1 + np.exp(-1.5 * appeal[group, video]))
    table = pd.DataFrame({"video": np.char.add("v", video.astype(str))})
    table["group"] = np.array(["young", "middle", "old"])[group]
    table["hour"] = rng.integers(0, 24, per_day).astype(float)
    table["day"] = pd.Timestamp("2026-03-01") + pd.Timedelta(days=day)
    days.append(table.assign(liked=liked.astype(int)))
views = pd.concat(days, ignore_index=True)
print(f"{len(views):,} views, {views['video'].nunique()} videos")
views.head(3)

# %%
# One day after the other
# -----------------------
# The model is fitted to the first week. On each later day it first predicts the views,
# as it would have to in production, and then learns them by `partial_fit`. With
# `new_levels="learn"` a new video gets an embedding from its first views on.

from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier

week = views["day"] < "2026-03-08"
features = ["video", "group", "hour"]
model = DCNClassifier(
    new_levels="learn", validation="last", n_members=1, random_state=0
)
model.fit(views.loc[week, features], views.loc[week, "liked"])
later = views[~week].copy()
for _, table in later.groupby("day"):
    later.loc[table.index, "p"] = model.predict_proba(table[features])[:, 1]
    for _ in range(3):  # a day is short
        model.partial_fit(table[features], table["liked"])
print(f"{len(model.encoder_.categories[0].vocabulary)} videos are known in the end")

# %%
# How fast is a new video learned? Here is the log loss, by the number of days that the
# model has known the video:

later["days"] = (later["day"] - later.groupby("video")["day"].transform("min")).dt.days
is_new = ~later["video"].isin(views.loc[week, "video"])
for days_seen, of in later[is_new & (later["days"] < 8)].groupby("days"):
    print(f"{days_seen} days: log loss {log_loss(of['liked'], of['p']):.3f}")

# %%
# Progressive validation
# ----------------------
# `progressive_validate` is this loop in one call: every day is scored by a model that
# has seen only the days before it. We compare four ways to go on: learn each day three
# times; learn it once; keep training, but leave new videos unknown; refit on all rows
# once a week.

from sklearn_dcn.model_selection import progressive_validate

ways = {
    "learn": ({"new_levels": "learn"}, {"n_epochs": 3}),
    "learn once": ({"new_levels": "learn"}, {}),
    "unknown": ({"new_levels": "unknown"}, {"n_epochs": 3}),
    "fitted weekly": ({}, {"refit_every": 7}),
}
tables = {}
for name, (parameters, options) in ways.items():
    model = DCNClassifier(**parameters, validation="last", n_members=1, random_state=0)
    tables[name] = progressive_validate(
        model,
        views[features],
        views["liked"],
        time=views["day"],
        n_initial=7,
        **options,
    )
summary = pd.DataFrame({name: table.mean() for name, table in tables.items()}).T
summary["seconds"] = [table["seconds"].sum() for table in tables.values()]
summary[["log_loss", "roc_auc", "calibration", "unknown", "seconds"]].round(3)

# %%
# The loss on each day, and the share of cells that the first model did not know when
# the day began:

from sklearn_dcn.inspection import ProgressiveValidationDisplay

_ = ProgressiveValidationDisplay(tables).plot()

# %%
# What was learned
# ----------------
# - With `new_levels="learn"`, `partial_fit` gives a new video an embedding, and a few
#   days of views make its predictions good. A model that leaves videos unknown gets
#   worse until it knows none of them.
# - Here learning each day is better than refitting each week, and needs only that day's
#   rows. On the day after a refit the refitted model is good; a week later it knows too
#   little.
# - How often to learn each day is like choosing the number of epochs:
#   `progressive_validate` answers it before production does. :doc:`/day_by_day` has
#   more, such as how rarely used levels make room for new ones.
