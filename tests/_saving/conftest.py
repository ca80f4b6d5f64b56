"""A saved file, to change and to load."""

from helpers.saved_files import path, saved

__all__ = ["path", "saved"]
