"""Rivals that fit rows on disk, each by the form that its library has for that."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import numpy as np

from .data import N_CAT, N_NUM, Encoded
from .streams_contenders import TARGET, Fit, read_target, timed_steps

NUMBERS = [f"I{j + 1}" for j in range(N_NUM)]
IDS = [f"C{c + 1}" for c in range(N_CAT)]
N_TREES = 100  # the default of LightGBM and of XGBoost's estimators
PAGE_GROUPS = 8  # row groups of a page of XGBoost, whose pages should be large

# Trees --------------------------------------------------------------------------------


class RowGroups:
    """Row groups of Parquet files as arrays, ids by the rank of their frequency.

    Parameters
    ----------
    folder : str
    levels : list of Index or None, default=None
        Those of each column of ids, the frequent ones first; None counts them, in the
        memory that they take.
    """

    def __init__(self, folder, levels=None):
        import pyarrow.parquet as parquet

        self.where, sizes = [], []
        for path in sorted(Path(folder).glob("*.parquet")):
            meta = parquet.read_metadata(path)
            groups = range(meta.num_row_groups)
            self.where += [(path, group) for group in groups]
            sizes += [meta.row_group(group).num_rows for group in groups]
        self.offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.levels = self._count() if levels is None else levels

    def __len__(self):
        return len(self.where)

    def _table(self, at, columns):
        import pyarrow.parquet as parquet

        path, group = self.where[at]
        with parquet.ParquetFile(path, read_dictionary=IDS) as file:
            table = file.read_row_group(group, columns=columns)
        return table.unify_dictionaries().combine_chunks()

    def _count(self):
        import pandas as pd

        counts = [{} for _ in IDS]
        for at in range(len(self)):
            table = self._table(at, IDS)
            for name, known in zip(IDS, counts, strict=True):
                column = table[name].chunk(0)
                found = np.bincount(column.indices.to_numpy())
                levels = column.dictionary.to_pylist()
                for level, n in zip(levels, found.tolist(), strict=False):
                    known[level] = known.get(level, 0) + n
        return [
            pd.Index(sorted(known, key=known.get, reverse=True)) for known in counts
        ]

    def read(self, at):
        """Return X, float32 with NaN for what is missing or unknown, and y."""
        table = self._table(at, None)
        X = np.empty((len(table), N_NUM + N_CAT), dtype=np.float32)
        for j, name in enumerate(NUMBERS):
            X[:, j] = table[name].to_numpy()
        for c, (name, levels) in enumerate(zip(IDS, self.levels, strict=True)):
            column = table[name].chunk(0)
            rank = levels.get_indexer(column.dictionary.to_pandas()).astype(np.float32)
            rank[rank < 0] = np.nan
            X[:, N_NUM + c] = rank[column.indices.to_numpy()]
        return X, table[TARGET].to_numpy()


class XGBoost(Fit):
    """XGBoost in external memory: pages on disk, made by an iterator.

    Ids are numbers, the ranks of their frequency: as categories, a bin for each, they
    take many times as long.
    """

    def prepare(self):
        """Import it."""
        import pyarrow.parquet  # noqa: F401
        import xgboost  # noqa: F401

    def fit(self):
        """Count ids, make pages of quantised rows, and boost trees."""
        import xgboost

        start = time.perf_counter()
        groups = RowGroups(self.train)
        self.levels = groups.levels
        counted = time.perf_counter()
        pages = xgboost_pages(groups, os.path.join(self.scratch, "pages"))
        table = xgboost.ExtMemQuantileDMatrix(pages, nthread=self.threads)
        encoded = time.perf_counter()
        params = {"objective": "binary:logistic", "nthread": self.threads, "seed": 0}
        self.model = xgboost.train(params, table, num_boost_round=N_TREES)
        return timed_steps(start, counted=counted, encoded=encoded, trees=None)

    def predict(self):
        """Return the probabilities, row group by row group."""
        groups = RowGroups(self.test, self.levels)
        each = (groups.read(at)[0] for at in range(len(groups)))
        return np.concatenate([self.model.inplace_predict(X) for X in each])


def xgboost_pages(groups, prefix):
    """Return XGBoost's iterator of row groups, some at a time."""
    import xgboost

    class Pages(xgboost.DataIter):
        """Gives the rows in pages."""

        def __init__(self):
            super().__init__(cache_prefix=prefix)
            self.at = 0

        def reset(self):
            """Begin anew."""
            self.at = 0

        def next(self, input_data):
            """Give the next page; return whether there was one."""
            stop = min(self.at + PAGE_GROUPS, len(groups))
            if self.at == stop:
                return False
            parts = [groups.read(at) for at in range(self.at, stop)]
            X, y = map(np.concatenate, zip(*parts, strict=True))
            input_data(data=X, label=y)
            self.at = stop
            return True

    return Pages()


class LightGBM(Fit):
    """LightGBM's `Sequence` over row groups; it keeps a byte or two a cell in memory.

    Ids are its categories, by their ranks.
    """

    def prepare(self):
        """Import it."""
        import lightgbm  # noqa: F401
        import pyarrow.parquet  # noqa: F401

    def fit(self):
        """Count ids, bin the rows, and boost trees."""
        import lightgbm

        start = time.perf_counter()
        groups = RowGroups(self.train)
        self.levels = groups.levels
        counted = time.perf_counter()
        params = {"objective": "binary", "num_threads": self.threads, "verbose": -1}
        table = lightgbm.Dataset(
            lightgbm_rows(groups),
            label=read_target(self.train),
            categorical_feature=[*range(N_NUM, N_NUM + N_CAT)],
            params=params | {"seed": 0},
        ).construct()
        encoded = time.perf_counter()
        self.model = lightgbm.train(params, table, num_boost_round=N_TREES)
        return timed_steps(start, counted=counted, encoded=encoded, trees=None)

    def predict(self):
        """Return the probabilities, row group by row group."""
        groups = RowGroups(self.test, self.levels)
        each = (groups.read(at)[0] for at in range(len(groups)))
        return np.concatenate([self.model.predict(X) for X in each])


def lightgbm_rows(groups):
    """Return row groups as LightGBM's sequence of rows."""
    import lightgbm

    class Rows(lightgbm.Sequence):
        """Rows by number; the group that was read last is kept."""

        batch_size = 65_536

        def __init__(self):
            self.at, self.X = -1, None

        def __len__(self):
            return int(groups.offsets[-1])

        def __getitem__(self, rows):
            if not isinstance(rows, slice):
                at = self._group_of(rows)
                return self._read(at)[rows - groups.offsets[at]].astype(float)
            start, stop, _ = rows.indices(len(self))
            parts = []
            for at in range(self._group_of(start), len(groups)):
                first = groups.offsets[at]
                if first >= stop:
                    break
                parts.append(self._read(at)[max(start - first, 0) : stop - first])
            return np.concatenate(parts).astype(float)

        def _group_of(self, row):
            return int(np.searchsorted(groups.offsets, row, side="right")) - 1

        def _read(self, at):
            if self.at != at:
                self.at, self.X = at, groups.read(at)[0]
            return self.X

    return Rows()


# FuxiCTR ------------------------------------------------------------------------------


class FuxiCTR(Fit):
    """FuxiCTR's vocabularies, blocks on disk, the loader of blocks and `train_epoch`.

    Its processor counts and looks up ids. Its loader mixes 100,000 rows at a time, in a
    process more, as is its default. The network is that of the other suites.
    """

    def prepare(self):
        """Import it."""
        import fuxictr.preprocess  # noqa: F401
        import pyarrow.parquet  # noqa: F401
        from fuxictr.pytorch import dataloaders, models  # noqa: F401

    def fit(self):
        """Count ids, write blocks, and train one epoch."""
        import torch
        from fuxictr.pytorch.dataloaders import RankDataLoader

        from .libraries import fuxictr_features, fuxictr_model
        from .networks import BATCH_SIZE

        start = time.perf_counter()
        self.processor = fuxictr_processor(self.train, self.scratch)
        counted = time.perf_counter()
        blocks = fuxictr_blocks(self.processor, self.train, self._folder("train"))
        encoded = time.perf_counter()
        specs = self.processor.feature_map.features
        sizes = [specs[name]["vocab_size"] for name in IDS]
        self.features = fuxictr_features(
            Encoded(np.empty((0, 2 * N_NUM)), None, None, sizes), self.scratch
        )
        loader, _ = RankDataLoader(
            self.features, stage="train", train_data=blocks, batch_size=BATCH_SIZE
        )
        torch.manual_seed(0)
        self.model = fuxictr_model(self.features, "matrix", self.scratch)
        # What `fit` sets before its epochs; see `libraries.FuxiCTR`.
        self.model._max_gradient_norm = math.inf
        self.model._eval_steps = math.inf
        self.model._total_steps = 0
        self.model._stop_training = False
        self.model.train_epoch(loader)
        return timed_steps(start, counted=counted, encoded=encoded, epoch=None)

    def predict(self):
        """Return the probabilities of blocks."""
        from fuxictr.pytorch.dataloaders import RankDataLoader

        blocks = fuxictr_blocks(self.processor, self.test, self._folder("test"))
        return self.model.predict(
            RankDataLoader(
                self.features, stage="test", test_data=blocks, batch_size=8192
            )
        )

    def _folder(self, name):
        path = os.path.join(self.scratch, name)
        os.makedirs(path)
        return path


def fuxictr_processor(folder, scratch):
    """Return FuxiCTR's processor of columns, its vocabularies learned."""
    from fuxictr.preprocess import FeatureProcessor

    ids = {"name": IDS, "active": True, "dtype": "str", "type": "categorical"}
    processor = FeatureProcessor(
        feature_cols=[ids],
        label_col={"name": TARGET, "dtype": "float"},
        dataset_id="clicks",
        data_root=scratch,
    )
    table = processor.read_data(folder, data_format="parquet")
    processor.fit(processor.preprocess(table), min_categr_count=1)
    return processor


def fuxictr_blocks(processor, folder, out):
    """Write rows to a folder as blocks, as the loader reads them; return the folder.

    Numbers are logarithms, 0 where missing, with an indicator of that.
    """
    import pyarrow.parquet as parquet

    block = 0
    for path in sorted(Path(folder).glob("*.parquet")):
        with parquet.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                x = np.stack([table[name].to_numpy() for name in NUMBERS], axis=1)
                numbers = np.hstack([np.nan_to_num(np.log1p(x)), np.isnan(x)])
                found = processor.transform({n: table[n].to_pylist() for n in IDS})
                columns = {f"C{c}": found[name] for c, name in enumerate(IDS)}
                np.savez(
                    os.path.join(out, f"{block:05}.npz"),
                    numbers=numbers.astype(np.float32),
                    y=table[TARGET].to_numpy(),
                    **columns,
                )
                block += 1
    return out
