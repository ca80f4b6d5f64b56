"""The report of the suite `family`: ranks of the arms, and their losses by table."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from .family_networks import is_equal
from .family_tables import PLANTED
from .quality_report import mean
from .report import Report, short

BASELINE = ("", "deep")
TITLES = {
    "parameters": "Equal numbers of weights",
    "seconds": "Equal seconds of training",
}
NOTE = (
    "† other than as many weights: the kind cannot have them. A planted table's rows "
    "have noise of .5, which is the least RMSE."
)


def make_report(records, options):
    """Return the report of all records.

    Parameters
    ----------
    records : list of dict
        What `Cell.measure` gives, or with an "error".
    options : Namespace
        The command line's; records of other rows or rates are left out.
    """
    same = options.rows, options.rates
    records = [r for r in records if (r["rows"], r["rates"]) == same]
    left_out = {"known", "tables", "add", "output"}  # records, and paths
    settings = {k: v for k, v in vars(options).items() if k not in left_out}
    report = Report("family", settings)
    report.raw = sorted(records, key=lambda r: (r["budget"], r["table"], r["seed"]))
    for budget, title in TITLES.items():
        found = Found([r for r in records if r["budget"] == budget])
        if not found.arms:
            continue
        report.table(title, found.ranks(), note=NOTE)
        for what, names in found.halves().items():
            report.table(f"{title}: {what}", found.losses(names))
    return report


class Found:
    """The records of one budget, by arm, table and seed."""

    def __init__(self, records):
        self.by = {}
        for record in records:
            arm = record["kind"], record["structure"]
            self.by.setdefault(arm, {}).setdefault(record["table"], []).append(record)
        self.arms = list(self.by)
        self.tables = list(dict.fromkeys(record["table"] for record in records))

    def halves(self):
        """Return the names of open and of planted tables, where there are any."""
        planted = [name for name in self.tables if name in PLANTED]
        opened = [name for name in self.tables if name not in PLANTED]
        found = {"open tables": opened, "planted crosses": planted}
        return {what: names for what, names in found.items() if names}

    def values(self, arm, table, figure="loss"):
        """Return a figure of all seeds, in their order, infinite where a fit failed."""
        records = sorted(self.by[arm].get(table, []), key=lambda r: r["seed"])
        return np.array([record.get(figure, np.inf) for record in records], dtype=float)

    def mean_ranks(self, names):
        """Return the mean rank of each arm over the tables that all have."""
        common = [
            name for name in names if all(name in of_arm for of_arm in self.by.values())
        ]
        if not common:
            return dict.fromkeys(self.arms, np.nan)
        losses = [[self.values(arm, n).mean() for arm in self.arms] for n in common]
        return dict(zip(self.arms, rankdata(losses, axis=1).mean(axis=0), strict=True))

    def beside_deep(self, arm, names):
        """Return the mean change of the loss against "deep", in per cent, as text."""
        if BASELINE not in self.by or arm == BASELINE:
            return ""
        changes = []
        for name in names:
            ours, theirs = self.values(arm, name), self.values(BASELINE, name)
            if len(ours) == len(theirs) > 0:
                changes.append(np.log(ours / theirs).mean())
        return f"{100 * np.expm1(np.mean(changes)):+.1f}" if changes else ""

    def ranks(self):
        """Return a row for each arm: ranks, losses beside "deep", what it takes."""
        halves = self.halves()
        ranks = {what: self.mean_ranks(names) for what, names in halves.items()}
        first = next(iter(ranks))
        rows = []
        for arm in sorted(self.arms, key=lambda arm: ranks[first][arm]):
            row = {"structure": arm[1], "cross": arm[0]}
            for what, names in halves.items():
                row[f"rank, {what}"] = f"{ranks[what][arm]:.1f}"
                row[f"loss beside deep, %, {what}"] = self.beside_deep(arm, names)
            row["weights"] = self._weights(arm)
            row["seconds"] = self._median(arm, "train_seconds")
            row["epochs"] = self._median(arm, "epochs")
            rows.append(row)
        return rows

    def losses(self, names):
        """Return a row for each arm: mean and spread over the seeds on each table."""
        return [
            {"structure": arm[1], "cross": arm[0]}
            | {name: mean(self.values(arm, name)) for name in names}
            for arm in self.arms
        ]

    def _good(self, arm):
        records = [r for of_table in self.by[arm].values() for r in of_table]
        return [record for record in records if "error" not in record]

    def _median(self, arm, figure):
        good = self._good(arm)
        return short(np.median([record[figure] for record in good])) if good else ""

    def _weights(self, arm):
        """Return the median number, marked where the budget asked for another one."""
        good = self._good(arm)
        is_other = any(
            r["budget"] == "parameters" and not is_equal(r["weights"], r["target"])
            for r in good
        )
        return self._median(arm, "weights") + (" †" if is_other else "")
