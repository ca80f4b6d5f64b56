"""Python values <-> JSON and arrays, of a closed set of types.

None, booleans, integers, finite floats, strings and lists are those of JSON. Anything
else is an object of one entry, ``{kind: content}``, whose kind is one of `DECODERS`.
Arrays stand apart, and are named by where they are. Objects are of classes in a
registry alone: nothing is imported, or called, by a name from a file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .packing import pack, unpack

__all__ = ["Check", "Decoder", "Encoder", "Spelled", "Stored", "from_json", "to_json"]

Check = Callable[[Any], Any]  # tells whether a value is as it must be


class Spelled(NamedTuple):
    """How values of a class are stored that a text says all of.

    Attributes
    ----------
    cls : type
    write, read : callable
        To a string, and back.
    """

    cls: type
    write: Callable[[Any], str]
    read: Callable[[str], Any]


Spelling = Mapping[str, Spelled]  # by the name that stands in the file

NUMBERS = "biuf"  # kinds of numpy dtypes that are stored as they are
DATES = "mM"  # those that are stored as integers
MAX_ITEM = 8  # bytes of a number
MAX_TEXT = 100_000_000  # characters of an array that gives each string equal room
MT_STATE = 624  # words of a Mersenne twister


class Stored(NamedTuple):
    """How objects of a class are stored: their state, and what it must be.

    Attributes
    ----------
    cls : type
    fields : dict of {str: Check}
        The rule of each entry of the state.
    optional : frozenset of str
        Entries that may be missing.
    fits : callable
        Tells whether the fields of a finished object fit together.
    get_state : callable
        Takes an object and returns its state.
    make : callable
        Takes the class and a checked state, and returns an object.
    """

    cls: type
    fields: Mapping[str, Check]
    optional: frozenset[str] = frozenset()
    fits: Check = lambda obj: True
    get_state: Callable[[Any], dict[str, Any]] = lambda obj: obj.__getstate__()
    make: Callable[[type, dict[str, Any]], Any] = lambda cls, state: _make(cls, state)


def _make(cls: Any, state: dict[str, Any]) -> Any:
    """Return an object of this state, as `copy` and `pickle` do."""
    obj = cls.__new__(cls)
    if hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
    else:
        obj.__dict__.update(state)
    return obj


# Encoding -----------------------------------------------------------------------------


class Encoder:
    """Values -> JSON, with the arrays aside.

    Parameters
    ----------
    registry : dict of {str: Stored}
        The classes of objects by name.
    spelling : dict of {str: Spelled}, default={}
        Further types, by kind.

    Attributes
    ----------
    arrays : dict of {str: ndarray}
        The arrays of what was encoded, by name.
    """

    def __init__(
        self, registry: Mapping[str, Stored], spelling: Spelling | None = None
    ) -> None:
        self.registry = {stored.cls: name for name, stored in registry.items()}
        self.stored = registry
        self.spelling = {
            spelled.cls: (kind, spelled.write)
            for kind, spelled in (spelling or {}).items()
        }
        self.arrays: dict[str, NDArray[Any]] = {}

    def encode(self, value: Any, at: str = "") -> Any:
        """Return a value in terms of JSON.

        Parameters
        ----------
        value : object
        at : str
            Where it is, e.g. "encoder_.categories", for names of arrays and errors.

        Raises
        ------
        TypeError
            If it, or part of it, is of another type.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if type(value) is list:
            return self._items(value, at)
        if type(value) is tuple:
            return {"tuple": self._items([*value], at)}
        if type(value) is set:
            return {"set": self._items(sorted(value, key=repr), at)}
        if type(value) is dict:
            return {"dict": self._entries(value, at)}
        if type(value) is bytes:
            return {"bytes": value.hex()}
        if type(value) in self.spelling:
            kind, write = self.spelling[type(value)]
            return {kind: write(value)}
        if type(value) in self.registry:
            return {"object": self._object(value, at)}
        if isinstance(value, np.random.RandomState):
            return {"random_state": self._random_state(value, at)}
        if isinstance(value, np.str_):
            return str(value)
        if isinstance(value, np.generic) and value.dtype.kind in NUMBERS:
            return {"scalar": [value.dtype.name, self.encode(value.item(), at)]}
        if isinstance(value, np.ndarray):
            return self._array(value, at)
        raise self._refuse(value, at)

    def _items(self, values: list[Any], at: str) -> list[Any]:
        return [self.encode(value, f"{at}.{i}") for i, value in enumerate(values)]

    def _entries(self, value: dict[Any, Any], at: str) -> list[list[Any]]:
        return [
            [self.encode(key, at), self.encode(entry, f"{at}.{key}")]
            for key, entry in value.items()
        ]

    def _object(self, value: Any, at: str) -> list[Any]:
        name = self.registry[type(value)]
        stored = self.stored[name]
        state, start = stored.get_state(value), f"{at}." if at else ""
        if unknown := state.keys() - stored.fields.keys():
            raise TypeError(
                f"{start}{min(unknown)} is an attribute that {name} does not have by "
                "itself, so it is not saved. Delete it, or pickle the object, e.g. "
                "with joblib.dump."
            )
        return [name, {k: self.encode(v, f"{start}{k}") for k, v in state.items()}]

    def _array(self, value: NDArray[Any], at: str) -> dict[str, Any]:
        kind = value.dtype.kind
        if kind in NUMBERS and value.dtype.itemsize <= MAX_ITEM:
            return {"array": self._put(value, at)}
        if kind in DATES:
            return {"dates": [value.dtype.str, self._put(value.view(np.int64), at)]}
        if kind in "USO":
            try:
                packed = pack(value.ravel().tolist())
            except TypeError as error:
                raise self._refuse(value, at, f" (in which {error})") from None
            dtype = value.dtype.newbyteorder("<").str if kind in "US" else "O"
            return {"objects": [dtype, [*value.shape], self.encode(packed, at)]}
        raise self._refuse(value, at)

    def _put(self, value: NDArray[Any], at: str) -> str:
        name = at
        while name in self.arrays:  # as of {"a": {"b": x}, "a.b": y}
            name += "'"
        native = value.astype(value.dtype.newbyteorder("="), copy=False)
        self.arrays[name] = np.ascontiguousarray(native).reshape(value.shape)
        return name

    def _random_state(self, value: np.random.RandomState, at: str) -> list[Any]:
        state: Any = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise self._refuse(value, at)
        key = self._put(state["state"]["key"], at)
        return [key, state["state"]["pos"], state["has_gauss"], state["gauss"]]

    def _refuse(self, value: Any, at: str, why: str = "") -> TypeError:
        parameter = at.removeprefix("encoder_.").split(".")[0]
        return TypeError(
            f"{parameter} holds {value!r}, of type {type(value).__name__}{why}, which "
            "cannot be saved: a file holds plain values alone, so that loading "
            f"it runs no code. Set {parameter} to None, or another plain value, "
            "with set_params, or pickle the estimator, e.g. with joblib.dump."
        )


# Decoding -----------------------------------------------------------------------------


class Decoder:
    """JSON and arrays -> values.

    Parameters
    ----------
    registry : dict of {str: Stored}
        The classes of objects by name.
    arrays : dict of {str: ndarray}
        The arrays. Each stands for one value, and is taken out: what is loaded is not
        larger than the file.
    spelling : dict of {str: Spelled}, default={}
        Further types, by kind.
    """

    def __init__(
        self,
        registry: Mapping[str, Stored],
        arrays: dict[str, NDArray[Any]],
        spelling: Spelling | None = None,
    ) -> None:
        self.registry = registry
        self.arrays = arrays
        self.spelling = spelling or {}

    def decode(self, value: Any) -> Any:
        """Return the value that was encoded.

        Raises
        ------
        Exception
            Of any type, where what it is given was not made by `Encoder`.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if isinstance(value, dict):
            ((kind, content),) = value.items()
            if kind in self.spelling:
                return self.spelling[kind].read(content)
            return DECODERS[kind](self, content)
        return value

    def _dict(self, entries: Any) -> dict[Any, Any]:
        return {self.decode(key): self.decode(value) for key, value in entries}

    def _object(self, content: Any) -> Any:
        name, encoded = content
        stored = self.registry[name]
        state = {key: self.decode(value) for key, value in encoded.items()}
        lacking = stored.fields.keys() - state.keys() - stored.optional
        if unknown := state.keys() - stored.fields.keys() | lacking:
            raise ValueError(f"{name} must have other fields than {unknown}")
        for key, value in state.items():
            if not stored.fields[key](value):
                raise ValueError(f"{name}.{key} is malformed")
        obj = stored.make(stored.cls, state)
        if not stored.fits(obj):
            raise ValueError(f"the fields of {name} do not fit together")
        return obj

    def _array(self, name: Any) -> NDArray[Any]:
        array = self.arrays.pop(name)
        if array.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
            raise ValueError(f"array {name} must hold booleans")
        return array

    def _dates(self, content: Any) -> NDArray[Any]:
        spelt, name = content
        dtype = np.dtype(spelt)
        if dtype.kind not in DATES:
            raise ValueError(f"{spelt} is no dtype of dates")
        return self._array(name).view(dtype)

    def _objects(self, content: Any) -> NDArray[Any]:
        spelt, shape, packed = content
        levels = unpack(self.decode(packed))
        array = np.empty(len(levels), dtype=object)
        array[:] = levels
        if spelt != "O":
            if len(levels) * max(map(len, levels), default=0) > MAX_TEXT:
                raise ValueError("an array of strings is too large")
            # The width is that of the longest: one from a file could be anything.
            array = array.astype(np.dtype(spelt).kind)
        return array.reshape(shape)

    def _random_state(self, content: Any) -> np.random.RandomState:
        name, position, has_gauss, gauss = content
        key = self._array(name)
        # Beyond its end numpy would read on.
        is_key = key.shape == (MT_STATE,) and key.dtype == np.uint32
        if not (is_key and type(position) is int and 0 <= position <= MT_STATE):
            raise ValueError("the state of a random generator is malformed")
        random_state = np.random.RandomState(0)
        state = ("MT19937", key, position, int(bool(has_gauss)), float(gauss))
        random_state.set_state(state)
        return random_state

    def _scalar(self, content: Any) -> Any:
        name, value = content
        dtype = np.dtype(name)
        if dtype.kind not in NUMBERS:
            raise ValueError(f"{name} is no dtype of numbers")
        return dtype.type(self.decode(value))


DECODERS: dict[str, Callable[[Decoder, Any], Any]] = {
    "float": lambda decoder, content: float(content),
    "tuple": lambda decoder, content: tuple(decoder.decode(content)),
    "set": lambda decoder, content: set(decoder.decode(content)),
    "dict": Decoder._dict,
    "bytes": lambda decoder, content: bytes.fromhex(content),
    "object": Decoder._object,
    "array": Decoder._array,
    "dates": Decoder._dates,
    "objects": Decoder._objects,
    "random_state": Decoder._random_state,
    "scalar": Decoder._scalar,
}


def to_json(value: Any) -> bytes:
    """Return encoded values as JSON, in lines; the same for the same values."""
    return json.dumps(value, allow_nan=False, indent=1, sort_keys=True).encode()


def from_json(content: bytes) -> Any:
    """Return encoded values of JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(content, parse_constant=refuse)
