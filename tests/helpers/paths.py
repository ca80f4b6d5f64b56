"""Where the files of the repository are that tests read or run."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
REPO = TESTS.parent
DATA = TESTS / "data"  # files of older releases, and findings of the fuzzer
