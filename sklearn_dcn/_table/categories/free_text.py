"""Whether a column of strings is free text, whose levels do not come again."""

from __future__ import annotations

from ..reading import Levels

__all__ = ["are_texts"]

N_LOOKED_AT = 1000  # levels that tell whether a column is text
FEWEST_WORDS = 3  # on average
LETTERS = 0.5  # of the characters at least, which a date has not


def are_texts(levels: Levels) -> bool:
    """Tell whether levels look like text: strings of several words on average."""
    some = levels[:N_LOOKED_AT]
    if not len(some) or not all(isinstance(level, str) for level in some):
        return False
    n_words = sum(len(text.split()) for text in some)
    n_letters = sum(sum(map(str.isalpha, text)) for text in some)
    n_characters = sum(map(len, some))
    return n_words >= FEWEST_WORDS * len(some) and n_letters >= LETTERS * n_characters
