"""Reading pickles of arrays without running anything that they ask for.

Nothing named in a pickle is looked up: the few names that pickled arrays use are answered by stand-ins, which only note
what they are given; every other name is refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snnbench.errors import DamagedDataError


class _Type:
    """Stand-in of ``numpy.dtype`` that knows bytes, for pixels, and plain integers, for labels."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = _text(code)
        if self.code not in ("u1", "i4", "i8"):
            raise pickle.UnpicklingError(f"arrays of type {self.code!r} are not read")
        self.order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])

    def to_numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _Array:
    """Stand-in of ``numpy.ndarray``; ``value`` is the array."""

    def __init__(self, *_: object) -> None:
        self.value: npt.NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_columns, content = state
        self.value = _array(content, kind, shape, "F" if by_columns else "C").value


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _array(content: bytes, kind: _Type, shape: tuple[int, ...], order: Any) -> _Array:
    array = _Array()
    array.value = np.frombuffer(content, kind.to_numpy()).reshape(shape, order=order)
    return array


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text encoded as {encoding!r} is not read")
    return text.encode("latin1")


_STAND_INS = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("numpy._core.numeric", "_frombuffer"): _array,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return _STAND_INS[module, name]


def _check_numbers(content: bytes) -> None:
    """Refuse a pickle that numbers a value beyond its own length: room for all numbers below it would be taken."""
    for opcode, argument, _ in pickletools.genops(content):
        if "PUT" in opcode.name and argument is not None and argument > len(content):
            raise pickle.UnpicklingError(f"it numbers a value {argument}, and has {len(content)} bytes")


def unpickle_arrays(path: Path) -> dict[str, Any]:
    """The top-level dict of a pickle of arrays, lists, numbers and text, with arrays as numpy arrays.

    Reads the pickles of Python 2 and 3; byte strings among the keys are read as text.

    Raises:
        DamagedDataError: the file ends early, is no pickle of a dict, or asks for anything but numpy arrays.
    """
    content = path.read_bytes()
    try:
        _check_numbers(content)
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        return {_text(key): _plain(value) for key, value in batch.items()}
    # A broken pickle can fail in any way that its opcodes can: all of them mean that the file is not what it should be.
    except Exception as error:
        raise DamagedDataError(f"{path} ({len(content):,} bytes) is not a whole pickle of arrays: {error}") from error


def _text(word: str | bytes) -> str:
    return word.decode("latin1") if isinstance(word, bytes) else word


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Array) else value
