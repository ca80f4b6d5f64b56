"""Benchmarks: ours and its rivals side by side, in one run.

    python -m benchmarks <suite> [options]      from the checkout's root

`README.md` here says what the suites measure and how to install the rivals. The data
flows one way, a file for each stage::

    command line   __main__.py      options, machine and versions (environment.py)
      -> suite     train.py, ...    which contenders, which figures
      -> workers   workers.py       a process for each contender, turns interleaved
      -> models    networks.py, neural.py, libraries.py, trees.py, job_contenders.py,
                  streams_contenders.py, streams_rivals.py
      -> report    report.py        medians, ratios, tables, pictures

`quality` has a command line of its own, and keeps its results in a file::

    python -m benchmarks.quality    quality.py           which cells are missing
      -> cell       quality_cell.py       a process: split, fit, score
      -> tables     quality_tables.py     parquet files, shipped tables
      -> models     quality_contenders.py, quality_rivals.py, quality_networks.py
      -> report     quality_report.py     ranks, ablations, learning curves

`quality_more.py` and `quality_tomorrow.py` write tables for it.

`rows.py` writes click logs of any length, and `write_rows` is for other suites.
"""
