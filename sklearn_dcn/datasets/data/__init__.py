"""Data files read by the loaders of `sklearn_dcn.datasets`."""
