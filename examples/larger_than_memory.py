"""The memory of a fit whose rows stay on disk, pass by pass.

Clicks on the pages of a news site are made up and written to Parquet files, a part at a
time, so that they are never in memory together. A scan of the files is fitted: it is
read to count its rows, to sum up crosses and to encode it, and then an epoch reads the
encoded rows. A thread looks at the memory of the process all the while. The last file
is left out, and predicted into another file.

With more rows (--rows) the table grows, and so does the time; the memory of the fit
hardly does. Much of that is the same for any table: the libraries' own, a sample of
100,000 rows, the network. Under a minute on two cores.

    python examples/larger_than_memory.py --output memory.png

It needs pyarrow; the picture needs matplotlib.
"""

import argparse
import glob
import os
import sys
import tempfile
import threading
import time

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from sklearn_dcn import DCNClassifier, scan

FILE_ROWS = 50_000
N_USERS, N_PAGES, N_ADS, N_SITES = 40_000, 5_000, 800, 300
COUNTRIES = ["de", "es", "fr", "it", "nl", "pl", "pt", "se"]
FEATURES = ["user", "page", "referrer", "ad", "device", "agent", "country"]
FEATURES += ["hour", "age", "seconds", "visits", "price"]
MIB = 2**20


class Clicks:
    """A log of made-up clicks, drawn part by part.

    Parameters
    ----------
    seed : int
        What users and ads are like; parts have seeds of their own.
    """

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.seed = seed
        self.users = np.array([rng.bytes(16).hex() for _ in range(N_USERS)])
        sections = ["politics", "business", "sports", "science", "culture", "travel"]
        self.pages = np.array(
            [
                f"https://news.example/{sections[k % 6]}/2026/11/article-{k:06}.html"
                for k in range(N_PAGES)
            ]
        )
        self.sites = np.array([f"https://site-{k:03}.example/" for k in range(N_SITES)])
        self.ads = np.array(
            [f"campaign-{k // 8:03}/creative-{k:05}" for k in range(N_ADS)]
        )
        self.agents = np.array(
            [
                f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/{537 + k % 5}.36 (KHTML, "
                f"like Gecko) Chrome/{100 + k}.0.0.0 Safari/{537 + k % 5}.36"
                for k in range(40)
            ]
        )
        self.taste = rng.normal(size=(N_USERS, 3))
        self.appeal = rng.normal(size=(N_ADS, 3))
        self.rate = rng.normal(size=N_ADS)
        self.at_home = rng.normal(size=(len(COUNTRIES), N_ADS))  # a cross

    def part(self, number, rows):
        """Return some rows as a frame, the same ones for the same number."""
        rng = np.random.default_rng([self.seed, number])
        user, page, site, ad = (
            (n * rng.random(rows) ** 2).astype(int)  # the first are frequent
            for n in (N_USERS, N_PAGES, N_SITES, N_ADS)
        )
        age = rng.normal(45, 15, rows).clip(14, 99).round()
        seconds = rng.lognormal(3, 1, rows)
        country = rng.integers(0, len(COUNTRIES), rows)
        logit = 0.5 * (self.taste[user] * self.appeal[ad]).sum(axis=1)
        logit += 0.6 * self.rate[ad] + self.at_home[country, ad]
        logit += 0.3 * np.log(seconds) - 3.0
        frame = {
            "request": number * FILE_ROWS + np.arange(rows),
            "user": self.users[user],
            "page": self.pages[page],
            "referrer": self.sites[site],
            "ad": self.ads[ad],
            "device": rng.choice(["phone", "tablet", "desktop"], rows),
            "agent": self.agents[rng.integers(0, len(self.agents), rows)],
            "country": np.array(COUNTRIES)[country],
            "hour": rng.integers(0, 24, rows),
            "age": np.where(rng.random(rows) < 0.1, np.nan, age),
            "seconds": seconds,
            "visits": rng.geometric(0.1, rows),
            "price": rng.gamma(2.0, 1.5, rows),
            "click": (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int),
        }
        return pd.DataFrame(frame)


def write_files(folder, rows, seed=0):
    """Write so many rows, and one file more for the test.

    Returns
    -------
    train : str
        A glob of the files of the training rows.
    test : str
        The file of the test.
    n_bytes : int
        What the training rows would take in memory, as one frame.
    """
    clicks = Clicks(seed)
    starts = range(0, rows, FILE_ROWS)
    n_bytes = 0
    for number, start in enumerate(starts):
        part = clicks.part(number, min(FILE_ROWS, rows - start))
        part.to_parquet(os.path.join(folder, f"train-{number:03}.parquet"))
        n_bytes += int(part.memory_usage(deep=True).sum())
    test = os.path.join(folder, "test.parquet")
    clicks.part(len(starts), FILE_ROWS).to_parquet(test)
    return os.path.join(folder, "train-*.parquet"), test, n_bytes


# What is watched ----------------------------------------------------------------------


def resident_bytes():
    """Return the memory of this process; where there is no /proc, its peak."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)


class Memory:
    """Looks at the memory of the process, within a ``with``.

    Attributes
    ----------
    seconds, bytes : list
        When it looked, and what was there beyond the memory of the beginning.
    """

    def __enter__(self):
        self.seconds, self.bytes = [], []
        self.start, self.before = time.perf_counter(), resident_bytes()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()

    def _watch(self):
        while not self.stop.wait(0.02):
            self.seconds.append(self.now())
            self.bytes.append(resident_bytes() - self.before)

    def now(self):
        """Return the seconds since the beginning."""
        return time.perf_counter() - self.start


def watch_passes(rows, now):
    """Return a list that gets (start, stop) of every whole pass over a scan."""
    passes, blocks = [], rows.blocks

    def watched(*args, **kwargs):
        start = now()
        yield from blocks(*args, **kwargs)
        passes.append((start, now()))

    rows.blocks = watched
    return passes


def named_phases(passes, fitted, predicted):
    """Return (name, start, stop) of what a fit and its predictions did.

    Parameters
    ----------
    passes : list of (start, stop)
        Those that `watch_passes` found: the first counts, the last encodes, and one
        between them sums up crosses.
    fitted, predicted : float
        When the fit was done, and then the predictions.
    """
    (_, counted), *crosses, (encoding, encoded) = passes
    phases = [("count", passes[0][0], counted)]
    learned = crosses[0][0] if crosses else encoding
    phases.append(("learn from the sample", counted, learned))
    if crosses:
        phases.append(("crosses", *crosses[0]))
    phases.append(("encode", encoding, encoded))
    phases.append(("train", encoded, fitted))
    phases.append(("predict", fitted, predicted))
    return phases


# The fit ------------------------------------------------------------------------------


def fit_and_predict(train, test, out, buffer_rows, epoch_rows, epochs):
    """Fit a scan of files and predict another file into a third one.

    Returns
    -------
    memory : Memory
    phases : list of (name, start, stop)
    model : DCNClassifier
    """
    rows = scan(
        train,
        "click",
        columns=FEATURES,
        buffer_rows=buffer_rows,
        epoch_rows=epoch_rows,
    )
    model = DCNClassifier(max_epochs=epochs, random_state=0)
    with Memory() as memory:
        passes = watch_passes(rows, memory.now)
        model.fit(rows)
        fitted = memory.now()
        model.predict_to(test, out, columns=["request", "click"])
        predicted = memory.now()
    return memory, named_phases(passes, fitted, predicted), model


def draw(memory, phases, n_bytes, rows):
    """Return a picture of the memory over time, with the phases marked."""
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(9, 4.5))
    colors = ["#E8EEF7", "#FBF3DC", "#E3F2E6", "#E8EEF7", "#FBE6E0", "#EFE8F5"]
    top = 1.3 * max(*memory.bytes, n_bytes) / MIB
    for (name, start, stop), color in zip(phases, colors, strict=False):
        ax.axvspan(start, stop, color=color, linewidth=0)
        ax.text(
            (start + stop) / 2, 0.97 * top, name.split()[0], rotation=90,
            ha="center", va="top", fontsize=9, color="0.25",
        )  # fmt: skip
    used = [value / MIB for value in memory.bytes]
    ax.plot(memory.seconds, used, color="#0072B2", linewidth=1.5)
    ax.axhline(n_bytes / MIB, color="#D55E00", linestyle="--", linewidth=1.5)
    ax.text(
        phases[-1][2], n_bytes / MIB, f"{rows:,} rows as a frame ", color="#D55E00",
        ha="right", va="bottom",
    )  # fmt: skip
    ax.set(xlim=(0, phases[-1][2]), ylim=(0, top))
    ax.set_xlabel("seconds")
    ax.set_ylabel("MiB above the imports")
    ax.set_title("Memory of a fit whose rows are on disk", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def main(arguments=None):
    """Write files, fit, predict, print what it took, draw the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_500_000, help="rows to train on")
    parser.add_argument("--buffer-rows", type=int, default=65_536)
    parser.add_argument("--epoch-rows", type=int, default=250_000)
    parser.add_argument("--epochs", type=int, default=3, help="of --epoch-rows each")
    parser.add_argument("--output", help="file for the picture; default: show it")
    options = parser.parse_args(arguments)
    if options.rows <= 200_000:
        parser.error("--rows must be above 200,000: fewer rows are loaded")

    with tempfile.TemporaryDirectory() as folder:
        train, test, n_bytes = write_files(folder, options.rows)
        on_disk = sum(map(os.path.getsize, glob.glob(train)))
        print(
            f"{options.rows:,} rows of {len(FEATURES)} columns: "
            f"{on_disk / MIB:.0f} MiB of Parquet, {n_bytes / MIB:.0f} MiB as a frame"
        )
        out = os.path.join(folder, "predictions.parquet")
        memory, phases, model = fit_and_predict(
            train, test, out, options.buffer_rows, options.epoch_rows, options.epochs
        )
        found = pd.read_parquet(out)
    for name, start, stop in phases:
        print(f"{name:<24}{stop - start:6.1f} s")
    print(f"{'peak of memory':<24}{max(memory.bytes) / MIB:6.0f} MiB above the imports")
    y, p = found["click"], found["probability of 1"]
    print(f"{'log loss of the test':<24}{log_loss(y, p):6.4f}")
    print(f"{'AUC of the test':<24}{roc_auc_score(y, p):6.4f}")
    losses = [f"{epoch['valid_loss']:.4f}" for epoch in model.history_]
    print(f"validation losses, every {options.epoch_rows:,} rows: {', '.join(losses)}")

    try:
        figure = draw(memory, phases, n_bytes, options.rows)
    except ImportError:
        print("\nNo picture: pip install matplotlib")
        return
    if options.output:
        figure.savefig(options.output, dpi=150)
        print(f"\nPicture: {options.output}")
    else:
        from matplotlib import pyplot as plt

        plt.show()


if __name__ == "__main__":
    main()
