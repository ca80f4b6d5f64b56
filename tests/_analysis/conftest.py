"""The fixture that these tests share with those of `inspection`."""

from helpers.inspecting import two_crosses

__all__ = ["two_crosses"]
