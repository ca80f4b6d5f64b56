"""The order of the gallery's pages."""

from __future__ import annotations

from pathlib import Path

PLACES = (
    "plot_first_fit",
    "plot_pipeline",
    "plot_csv_to_submission",
    "plot_search",
    "plot_recommend",
    "plot_larger_than_memory",
    "plot_new_videos",
    "plot_time",
    "plot_imbalance",
    "plot_interactions",
    "plot_explanations",
    "plot_embeddings",
    "plot_text",
    "plot_quantiles_and_counts",
    "plot_ranking",
    "plot_serving",
    "plot_several_machines",
    "plot_paper_tables",
)


def by_place(filename: str) -> int:
    """Return where a script comes; one that is not listed is an error."""
    return PLACES.index(Path(filename).stem)
