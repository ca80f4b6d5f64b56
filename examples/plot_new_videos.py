"""New videos arrive, and the model learns them in an hour.

A site shows videos to viewers. A model is fitted to a week of views; then a hundred
videos are new. Every minute the model predicts the four hundred views that come, and
then learns them by `partial_fit`. With new_levels="learn" a new video has an embedding
from its first views on; with "unknown" it stays one of all that the model does not
know. The picture shows the log loss of views of new videos by how often these were seen
before, beside that of a model that knew all videos from the start. Under a minute
on two cores.

    python examples/plot_new_videos.py --output new_videos.png

The picture needs matplotlib.
"""

import argparse
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier

N_VIEWERS, N_OLD, N_NEW = 1000, 300, 100
WEEK, STEPS, PER_STEP = 60_000, 70, 400  # views; minutes, and views in each
SEEN = [0, 3, 10, 25, 50, 10_000]  # views before, between which losses are averaged


class Site:
    """Viewers and videos with tastes, and who clicks on what.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed=0):
        self.rng = rng = np.random.default_rng(seed)
        n_videos = N_OLD + N_NEW
        self.group = rng.integers(0, 3, N_VIEWERS)  # which each viewer tells
        self.appeal = rng.normal(size=n_videos)
        self.taste = rng.normal(size=(3, n_videos))  # of each group for each video

    def views(self, videos, n):
        """Return n views of videos drawn by chance, and which led to a click."""
        rng = self.rng
        video = rng.choice(videos, n)
        viewer = rng.integers(0, N_VIEWERS, n)
        group = self.group[viewer]
        logit = -1.0 + 1.2 * self.appeal[video] + 1.2 * self.taste[group, video]
        table = pd.DataFrame(
            {
                "video": np.char.add("video ", video.astype(str)),
                "group": np.array(["young", "middle", "old"])[group],
                "hour": rng.integers(0, 24, n).astype(float),
            }
        )
        return table, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int), video


def live_through(model, steps):
    """Return the losses of views of new videos by the number of views before."""
    seen = np.zeros(N_OLD + N_NEW, dtype=int)
    before, p, y = [], [], []
    for table, click, video in steps:
        with warnings.catch_warnings():  # of a step without any known video
            warnings.simplefilter("ignore", UserWarning)
            found = model.predict_proba(table)[:, 1]
            model.partial_fit(table, click)
        is_new = video >= N_OLD
        before.append(seen[video][is_new])
        p.append(found[is_new])
        y.append(click[is_new])
        np.add.at(seen, video, 1)
    before, p, y = map(np.concatenate, (before, p, y))
    bins = np.digitize(before, SEEN[1:-1], right=False)
    each = [(y[bins == k], p[bins == k]) for k in range(len(SEEN) - 1)]
    return [log_loss(*of, labels=[0, 1]) if len(of[0]) else np.nan for of in each]


def measure(seed=0, week=WEEK, steps=STEPS):
    """Return the losses of each model by views before, as a frame."""
    site = Site(seed)
    old, every = np.arange(N_OLD), np.arange(N_OLD + N_NEW)
    table, click, _ = site.views(old, week)
    hour = [site.views(every, PER_STEP) for _ in range(steps)]
    more, clicks, _ = site.views(every, week)
    found = {}
    for name, new_levels, rows, y in (
        ("unknown", "unknown", table, click),
        ("learn", "learn", table, click),
        ("knew them all", "unknown", more, clicks),
    ):
        model = DCNClassifier(new_levels=new_levels, random_state=seed).fit(rows, y)
        found[name] = live_through(model, hour)
    names = [f"{a} to {b - 1}" for a, b in pairwise(SEEN[:-1])]
    return pd.DataFrame(found, index=[*names, f"{SEEN[-2]} and more"])


def draw(losses, path):
    """Draw the losses."""
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(7.0, 4.0), layout="constrained")
    colours = {"unknown": "0.45", "learn": "#0072b2", "knew them all": "#e07b00"}
    for name, values in losses.items():
        ax.plot(losses.index, values, "o-", color=colours[name], label=name)
    ax.set(
        xlabel="views of the video before",
        ylabel="log loss of views of new videos",
    )
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main(arguments=None):
    """Measure, print the losses, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", help="file of the picture")
    parser.add_argument("--week", type=int, default=WEEK, help="views before")
    parser.add_argument("--steps", type=int, default=STEPS, help="minutes of views")
    options = parser.parse_args(arguments)
    losses = measure(week=options.week, steps=options.steps)
    print(losses.round(3).to_string())
    if options.output:
        draw(losses, options.output)


if __name__ == "__main__":
    main()
