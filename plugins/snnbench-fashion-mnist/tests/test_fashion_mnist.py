"""Reading idx files; and the real data set where it is installed or lies under SNNBENCH_DATA."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from snnbench_fashion_mnist import IdxFiles, fashion_mnist, read_idx

from snnbench.errors import DamagedDataError, DataError
from snnbench.testing import check


def idx(array, kind=8):
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 30), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", (np.arange(count) % 10).astype(np.uint8))):
            (folder / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    return folder


def test_the_files_under_the_root_are_read(folder):
    source = IdxFiles(installed=folder / "nowhere")
    assert source.locate(folder.parent) == folder
    assert len(source.files(folder.parent)) == 4
    images, labels = source.read(folder.parent, "test")
    assert (images.shape, images.dtype, labels.dtype) == ((10, 1, 28, 28), np.uint8, np.int64)
    expected = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    assert images.tobytes() == expected
    assert labels.tolist() == list(range(10))


def test_without_a_folder_under_the_root_the_installed_one_is_read(folder, tmp_path):
    assert IdxFiles(installed=folder).locate(tmp_path / "elsewhere") == folder


def test_without_any_folder_there_is_nothing(tmp_path):
    source = IdxFiles(installed=tmp_path / "nowhere")
    assert source.locate(tmp_path) is None
    with pytest.raises(DataError, match="has no folder fashion-mnist, and Debian's dataset-fashion-mnist"):
        source.read(tmp_path, "train")


def test_a_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DamagedDataError, match=r"t10k-labels-idx1-ubyte\.gz is missing"):
        IdxFiles().files(folder.parent)


WHOLE = idx(np.zeros((3, 4), np.uint8))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        WHOLE,
        gzip.compress(WHOLE)[:-12],
        gzip.compress(WHOLE[:-1]),
        gzip.compress(WHOLE + b"x"),
        gzip.compress(b"\0\0"),
        gzip.compress(idx(np.zeros((3, 4), np.uint8), kind=9)),
    ],
    ids=["empty", "not gzip", "gzip cut", "short", "long", "no header", "not bytes"],
)
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"x\.gz is"):
        read_idx(path)


def test_altered_content_is_refused(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DamagedDataError, match="is altered"):
        fashion_mnist.load(folder.parent, "train")


def test_the_real_data_set_keeps_the_contract():
    if not fashion_mnist.is_prepared(None):
        pytest.skip("Fashion-MNIST is not installed, and not in SNNBENCH_DATA")
    (report,) = check("fashion-mnist")
    assert report.count("passed") == len(report.outcomes), report
