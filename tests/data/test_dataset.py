from __future__ import annotations

import hashlib
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from snnbench.builtin.datasets import cifar10, cifar100
from snnbench.data import Archived, Dataset, Embedded, fingerprint
from snnbench.errors import DamagedDataError, DataError


def digests(images, labels):
    pairs = zip(images, labels, strict=True)
    return [hashlib.sha256(bytes([label]) + image.tobytes()).digest() for image, label in pairs]


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@pytest.fixture
def reads(monkeypatch):
    """The splits that were really read from their files."""
    calls, read = [], Archived.read

    def spy(self, root, split):
        calls.append(split)
        return read(self, root, split)

    monkeypatch.setattr(Archived, "read", spy)
    return calls


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("label_bytes", [1, 2])
def test_both_layouts_give_the_content_in_digest_order(make_fake, tmp_path, split, label_bytes):
    fake = make_fake(label_bytes)
    fake.write_binary(tmp_path / "a")
    fake.write_pickle(tmp_path / "b")
    images, labels = fake.dataset.load(tmp_path / "a", split)
    order = np.argsort(np.array(digests(*fake.arrays[split]), dtype=object))
    assert_equal((images, labels), [array[order] for array in fake.arrays[split]])
    assert_equal(fake.dataset.load(tmp_path / "b", split), (images, labels))


def test_the_root_may_come_from_the_environment(fake, tmp_path, monkeypatch):
    fake.write_binary(tmp_path)
    monkeypatch.setenv("SNNBENCH_DATA", str(tmp_path))
    assert fake.dataset.is_prepared(None)
    assert fake.dataset.locate(None) == tmp_path / "fake-bin"
    assert len(fake.dataset.load(None, "train")[1]) == 6


def test_the_content_is_checked_once(fake, tmp_path, reads):
    fake.write_binary(tmp_path)
    first = fake.dataset.load(tmp_path, "train")
    assert_equal(fake.dataset.load(tmp_path, "train"), first)
    assert reads == ["train"]


def test_what_is_written_to_the_images_stays_here(fake, tmp_path, reads):
    fake.write_binary(tmp_path)
    images, _ = fake.dataset.load(tmp_path, "train")
    before = images.copy()
    images[:] = 0
    assert_equal([fake.dataset.load(tmp_path, "train")[0]], [before])
    assert reads == ["train"]


def test_nothing_is_written_beside_the_data(fake, tmp_path):
    root = tmp_path / "root"
    folder = fake.write_binary(root)
    for path in (root, folder):
        path.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))}
    fake.dataset.load(root, "train")
    assert {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))} == before
    for path in (root, folder):
        path.chmod(0o755)


def cut_one_byte(path):
    os.truncate(path, path.stat().st_size - 1)


def flip_a_pixel(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swap_two_labels(path, record=49):
    content = bytearray(path.read_bytes())
    first = next(i for i in range(0, len(content), record) if content[i] != content[0])
    content[0], content[first] = content[first], content[0]
    path.write_bytes(content)


DAMAGES = [
    (os.unlink, "one.bin is missing"),
    (cut_one_byte, r"one.bin is truncated or altered: it has 146 bytes instead of 147"),
    (flip_a_pixel, "fake-bin is altered: the fingerprint of the train split of fake"),
    (swap_two_labels, "fake-bin is altered: the fingerprint of the train split of fake"),
]


@pytest.mark.parametrize("checked", [False, True], ids=["new", "checked before"])
@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_damage_is_told(fake, tmp_path, damage, message, checked):
    folder = fake.write_binary(tmp_path)
    if checked:
        fake.dataset.load(tmp_path, "train")
    damage(folder / "one.bin")
    assert fake.dataset.is_prepared(tmp_path)
    with pytest.raises(DamagedDataError, match=message) as caught:
        fake.dataset.load(tmp_path, "train")
    assert str(caught.value).endswith(f"; remove {folder} and run 'snnbench data prepare fake'")
    assert "\n" not in str(caught.value)


def test_a_change_that_keeps_size_and_time_is_noticed(fake, tmp_path):
    path = fake.write_binary(tmp_path) / "one.bin"
    fake.dataset.load(tmp_path, "train")
    before = path.stat()
    flip_a_pixel(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DamagedDataError, match="altered"):
        fake.dataset.load(tmp_path, "train")


def test_the_size_of_every_file_is_checked_first(fake, tmp_path):
    folder = fake.write_binary(tmp_path)
    fake.dataset.load(tmp_path, "train")
    cut_one_byte(folder / "three.bin")
    with pytest.raises(DamagedDataError, match=r"three\.bin is truncated"):
        fake.dataset.load(tmp_path, "train")


def test_a_truncated_pickle_is_told(fake, tmp_path):
    folder = fake.write_pickle(tmp_path)
    cut_one_byte(folder / "one")
    with pytest.raises(DamagedDataError, match=r"one \(\d+ bytes\) is not a whole pickle of arrays"):
        fake.dataset.load(tmp_path, "train")
    os.truncate(folder / "one", 143)
    with pytest.raises(DamagedDataError, match="one is truncated: it has 143 bytes, and its pixels alone take 144"):
        fake.dataset.load(tmp_path, "train")


def test_not_prepared(fake, tmp_path):
    assert not fake.dataset.is_prepared(tmp_path)
    assert fake.dataset.locate(tmp_path) is None
    with pytest.raises(DataError, match=f"not prepared in {tmp_path}: run 'snnbench data prepare fake'"):
        fake.dataset.load(tmp_path, "train")


def test_unknown_split(fake, tmp_path):
    with pytest.raises(DataError, match="fake has no split 'valid'; it has train and test"):
        fake.dataset.load(tmp_path, "valid")


def overwrite(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    "damage", [cut_one_byte, flip_a_pixel, overwrite, os.unlink, lambda path: os.truncate(path, 0)]
)
def test_a_damaged_cache_is_made_again(fake, tmp_path, cache, damage, reads):
    fake.write_binary(tmp_path)
    expected = [array.copy() for array in fake.dataset.load(tmp_path, "train")]
    (records,) = cache.glob("data/fake-train-*.records")
    damage(records)
    assert_equal(fake.dataset.load(tmp_path, "train"), expected)
    assert_equal(fake.dataset.load(tmp_path, "train"), expected)
    assert reads == ["train", "train"]


def test_refresh_reads_all_again(fake, tmp_path, reads):
    fake.write_binary(tmp_path)
    assert fake.dataset.refresh(tmp_path) == {"train": 6, "test": 2}
    assert fake.dataset.refresh(tmp_path) == {"train": 6, "test": 2}
    fake.dataset.load(tmp_path, "test")
    assert reads == ["train", "test", "train", "test"]


def test_a_cache_that_cannot_be_written(fake, tmp_path, monkeypatch):
    fake.write_binary(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=f"cannot write the cache {tmp_path}/file/cache.*: Not a directory; set SNNBE"):
        fake.dataset.load(tmp_path, "train")


def test_a_failed_write_leaves_nothing(fake, tmp_path, cache, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    fake.write_binary(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        fake.dataset.load(tmp_path, "train")
    assert list(cache.rglob("*")) == [cache / "data"]


def test_several_processes_at_once(fake, tmp_path, cache):
    fake.write_binary(tmp_path)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(Dataset.load, [fake.dataset] * 6, [tmp_path] * 6, ["train"] * 6, timeout=100))
    expected = fake.dataset.load(tmp_path, "train")
    for pair in found:
        assert_equal(pair, expected)
    assert len(list(cache.glob("data/*"))) == 1
    assert not list(cache.rglob(".*"))


def embedded(images, labels, **changes):
    fingerprints = {"train": fingerprint(images, labels)}
    dataset = Dataset("toy", 10, images.shape[1:], fingerprints, Embedded({"train": (images, labels)}.get))
    return replace(dataset, **changes)


def test_embedded():
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2), np.array([1, 9])
    dataset = embedded(images, labels)
    assert dataset.is_embedded
    assert dataset.is_prepared(None)
    assert dataset.locate(None) is None
    assert sorted(dataset.load(None, "train")[1]) == [1, 9]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 9}, r"labels of train are not in 0\.\.8"),
        ({"input_shape": (3, 4, 1)}, r"uint8 images of shape \(2, 3, 2, 2\) do not fit images of shape \(3, 4, 1\)"),
        ({"fingerprints": {"train": "00"}}, "the package that brings toy is altered"),
    ],
)
def test_embedded_data_that_are_not_what_they_claim(changes, message):
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2), np.array([1, 9])
    with pytest.raises(DamagedDataError, match=f"{message}.*; install it again"):
        embedded(images, labels, **changes).load(None, "train")


def as_pickles(source, binary_root, root, split):
    """The pickled files of one split of CIFAR, from its binary ones."""
    binary, pickled = source.layouts
    (root / pickled.folder).mkdir()
    for name, (file, count) in zip(pickled.parts[split], binary.parts[split].items(), strict=True):
        images, labels = binary.read(binary_root / binary.folder / file, count, source.input_shape)
        batch = {"data": images.reshape(count, -1), pickled.label_key: labels.tolist(), "filenames": ["x.png"] * count}
        (root / pickled.folder / name).write_bytes(pickle.dumps(batch, protocol=2))


@pytest.mark.parametrize("dataset", [cifar10, cifar100], ids=lambda dataset: dataset.name)
def test_cifar_in_pickles(dataset, cifar_root, tmp_path):
    as_pickles(dataset.source, cifar_root, tmp_path, "test")
    assert_equal(dataset.source.read(tmp_path, "test"), dataset.source.read(cifar_root, "test"))
