"""Rows a second of training, and what was learned by then."""

from __future__ import annotations

from .networks import CROSSES, OUR_CROSSES
from .report import Panel, Report, ratio, spread
from .workers import Contender, measure

OURS = "sklearn-dcn"
BOUND = "GEMM bound"
DEFAULTS = {"rows": 200_000, "repeats": 5}

DEEPCTR = ("deepctr_torch",)
FUXICTR = ("fuxictr",)
# Name, class, arguments, what it needs, and the cross networks that it has.
CONTENDERS = (
    (OURS, "neural:Ours", {}, (), OUR_CROSSES),
    (f"{OURS} (float32)", "neural:Ours", {"dtype": "float32"}, (), OUR_CROSSES),
    ("torch loop (our module)", "neural:OurLoop", {}, (), OUR_CROSSES),
    ("torch loop (fused Adam)", "neural:PlainLoop", {"fused": True}, (), CROSSES),
    ("torch loop (Adam)", "neural:PlainLoop", {}, (), CROSSES),
    ("skorch", "neural:Skorch", {}, (), CROSSES),
    ("deepctr-torch", "libraries:DeepCTR", {}, DEEPCTR, CROSSES[:2]),
    (
        "deepctr-torch (defaults)",
        "libraries:DeepCTR",
        {"defaults": True},
        DEEPCTR,
        CROSSES[:2],
    ),
    ("fuxictr", "libraries:FuxiCTR", {}, FUXICTR, CROSSES[:2]),
    (BOUND, "neural:GemmBound", {}, (), CROSSES),
)
NOTE = (
    f"ours / it at the {BOUND}: the share of the speed at which the network's matrix "
    "products alone would run."
)
NAMES = [name for name, *_ in CONTENDERS]


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument(
        "--cross", default=",".join(CROSSES), help=",".join(OUR_CROSSES)
    )
    parser.add_argument("--epochs", type=int, default=1, help="a turn; the last counts")
    parser.add_argument("--vocabulary", type=float, default=1.0, help="its factor")


def run(options):
    """Measure the chosen contenders; return the report."""
    report = Report("train", vars(options))
    for cross in options.cross.split(","):
        config = {"cross": cross, "rows": options.rows}
        config |= {"scale": options.vocabulary, "epochs": options.epochs}
        contenders = [
            Contender(name, f"benchmarks.{target}", config | more, requires)
            for name, target, more, requires, crosses in CONTENDERS
            if name in options.only and cross in crosses
        ]
        outcomes = measure(contenders, options)
        report.keep(cross, outcomes)
        rows = [
            _row(name, outcome, outcomes, options.epochs)
            for name, outcome in outcomes.items()
        ]
        report.table(f'cross="{cross}"', rows, NOTE if BOUND in outcomes else "")
        speeds = {
            name: spread(outcome.figures("rows_per_second"))
            for name, outcome in outcomes.items()
        }
        report.panels.append(Panel(f'cross="{cross}"', "rows a second", "", speeds))
    return report


def _row(name, outcome, outcomes, epochs):
    speed = outcome.figures("rows_per_second")
    row = {"contender": name, "rows/s": spread(speed), "ours / it": ""}
    if OURS in outcomes and name != OURS:
        row["ours / it"] = ratio(outcomes[OURS].figures("rows_per_second"), speed)
    if name == BOUND:
        gflops = spread(outcome.figures("gflops"))
        row |= {"log loss": f"{gflops} GFLOP/s"}
        row |= {"parameters": f"{outcome.info['flops_per_row']:,} FLOP/row"}
        row |= {"peak MiB": ""}
        return row
    losses = outcome.figures("log_loss")
    # One turn's epochs were spent on warming up.
    first, last = 2 * epochs, (len(losses) + 1) * epochs
    row["log loss"] = f"{losses[0]:.4f} (epoch {first})"
    if last > first:
        row["log loss"] += f", {losses[-1]:.4f} ({last})"
    row["parameters"] = f"{outcome.info['parameters']:,}"
    peak = outcome.info.get("peak_mib", outcome.peak_mib)
    row["peak MiB"] = f"{peak:.0f} (data {outcome.info['data_mib']:.0f})"
    return row
