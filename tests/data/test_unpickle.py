from __future__ import annotations

import os
import pickle
import struct
import subprocess

import numpy as np
import pytest

from snnbench.data.unpickle import unpickle_arrays
from snnbench.errors import DamagedDataError

PIXELS = np.random.default_rng(3).integers(0, 256, (5, 12), dtype=np.uint8)


def string(text: bytes) -> bytes:
    """A string of Python 2: BINSTRING."""
    return b"T" + struct.pack("<i", len(text)) + text


def python2_pickle(pixels: np.ndarray, labels: list[int]) -> bytes:
    """What Python 2's cPickle writes at protocol 2 for ``{"data": pixels, "labels": labels}``, opcode by opcode."""
    rows, columns = pixels.shape
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    dtype = b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01" + bytes([ord("K"), rows, ord("K"), columns]) + b"\x86" + dtype + b"\x89"
    state += string(pixels.tobytes()) + b"tb"
    numbers = b"](" + b"".join(bytes([ord("K"), label]) for label in labels) + b"e"
    return b"\x80\x02}(" + string(b"labels") + numbers + string(b"data") + array + state + b"u."


@pytest.fixture
def read(tmp_path):
    def read(content: bytes):
        path = tmp_path / "batch"
        path.write_bytes(content)
        return unpickle_arrays(path)

    return read


def test_pickles_of_python_2(read):
    content = python2_pickle(PIXELS, [3, 1, 4, 1, 5])
    assert pickle.loads(content, encoding="latin1")["labels"] == [3, 1, 4, 1, 5]  # noqa: S301
    batch = read(content)
    np.testing.assert_array_equal(batch["data"], PIXELS, strict=True)
    assert batch["labels"] == [3, 1, 4, 1, 5]


@pytest.mark.parametrize("old", [True, False], ids=["numpy 1", "numpy 2"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "array", [PIXELS, PIXELS.T, PIXELS[::2], np.arange(4), np.arange(4, dtype=">i4")], ids=["C", "F", "cut", "i8", "be"]
)
def test_pickles_of_python_3(read, array, protocol, old):
    content = pickle.dumps({b"data": array, "names": ["a", ("b", 1.5, None)]}, protocol=protocol)
    if old:
        # The length of the name is written before it from protocol 4 on.
        for module in (b"multiarray", b"numeric"):
            new, then = b"numpy._core." + module, b"numpy.core." + module
            content = content.replace(bytes([len(new)]) + new, bytes([len(then)]) + then).replace(new, then)
        content = _without_frame(content)
    batch = read(content)
    np.testing.assert_array_equal(batch["data"], array, strict=True)
    assert batch["names"] == ["a", ("b", 1.5, None)]


def _without_frame(content: bytes) -> bytes:
    return content[:2] + content[11:] if content[2:3] == b"\x95" else content


class Calls:
    def __init__(self, function, *arguments):
        self.answer = function, arguments

    def __reduce__(self):
        return self.answer


MALICE = [
    (os.system, "touch harm"),
    (eval, "open('harm', 'w')"),
    (exec, "open('harm', 'w')"),
    (getattr, "", "upper"),
    (subprocess.Popen, ["touch", "harm"]),
    (np.load, "harm.npy"),
    (np.fromfile, "harm"),
    (open, "harm", "w"),
    (__import__, "os"),
    (np.zeros, 10**12),
]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("call", MALICE, ids=lambda call: f"{call[0].__module__}.{call[0].__name__}")
def test_nothing_that_a_pickle_asks_for_is_run(read, call, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": PIXELS, "labels": Calls(*call)}, protocol)
    with pytest.raises(DamagedDataError, match=r"asks for .*, which no array needs"):
        read(content)
    assert [path.name for path in tmp_path.iterdir()] == ["batch"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.", id="dotted name"),
        pytest.param(b"\x80\x04\x8c\x05numpy\x8c\x0bf2py.os.sys\x93.", id="name of a name"),
        pytest.param(b"Pfrom outside\n.", id="persistent id"),
        pytest.param(b"\x82\x01.", id="extension"),
        pytest.param(b"\x80\x05\x97.", id="buffer from outside"),
        pytest.param(b"\x80\x02].", id="no dict"),
        pytest.param(b"\x80\x02cnumpy\nndarray\n.", id="a name alone"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param(pickle.dumps({"data": np.array([{}], dtype=object)}), id="objects"),
        pytest.param(pickle.dumps({"data": np.zeros(2, "f8")}), id="floats"),
    ],
)
def test_what_is_no_batch_is_refused(read, content):
    with pytest.raises(DamagedDataError, match=r"batch \([\d,]+ bytes\) is not a whole pickle of arrays"):
        read(content)


def test_arrays_are_built_without_numpys_own_unpickling(read):
    """A forged state must not reach numpy: shapes beyond the content are refused."""
    content = python2_pickle(PIXELS, []).replace(b"K\x05K\x0c\x86", b"K\xffK\xff\x86")
    with pytest.raises(DamagedDataError, match="cannot reshape"):
        read(content)


def test_a_number_that_takes_room_for_all_below_it_is_refused(read):
    content = pickle.dumps({"data": [1], "labels": [2]}, protocol=2)
    memo = content.index(b"q\x00")
    with pytest.raises(DamagedDataError, match="numbers a value 100000000"):
        read(content[:memo] + b"r" + struct.pack("<I", 100_000_000) + content[memo + 2 :])
