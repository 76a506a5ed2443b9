"""Corruptions against their definitions, image by image; the corrupted data set is what is pinned."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from snnbench.data.corruptions import CORRUPTIONS, SEVERITIES, Corrupted, corrupt
from snnbench.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 12, 12), np.uint8)
FLAT = np.full((1, 3, 12, 12), 128, np.uint8)


def cut(values: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(values, 0, 1) * 255 + 1e-6)


def test_contrast_by_its_definition():
    for severity, c in zip((1, 3, 5), (0.75, 0.4, 0.15), strict=True):
        for image, found in zip(IMAGES, corrupt(IMAGES, "contrast", severity), strict=True):
            x = image.transpose(1, 2, 0) / 255
            means = x.mean(axis=(0, 1), keepdims=True)
            assert np.abs(cut((x - means) * c + means).transpose(2, 0, 1) - found).max() == 0


def test_brightness_by_the_hsv_model():
    for severity, c in ((1, 0.05), (5, 0.3)):
        found = corrupt(IMAGES[:3], "brightness", severity)
        for image, bright in zip(IMAGES[:3], found, strict=True):
            for row in range(12):
                for column in range(12):
                    h, s, v = colorsys.rgb_to_hsv(*(image[:, row, column] / 255))
                    expected = cut(np.array(colorsys.hsv_to_rgb(h, s, min(v + c, 1))))
                    assert np.abs(expected - bright[:, row, column]).max() <= 1
    black = np.zeros((1, 3, 4, 4), np.uint8)
    assert (corrupt(black, "brightness", 5) == 76).all()


def test_blur_by_its_kernel():
    sigma = 0.7
    offsets = np.arange(-3, 4)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    found = corrupt(IMAGES[:2], "gaussian_blur", 3)
    padded = np.pad(IMAGES[:2].astype(float), ((0, 0), (0, 0), (3, 3), (3, 3)), mode="edge")
    rows = sum(w * padded[:, :, 3 + o : 15 + o, :] for w, o in zip(kernel, offsets, strict=True))
    both = sum(w * rows[:, :, :, 3 + o : 15 + o] for w, o in zip(kernel, offsets, strict=True))
    assert np.abs(np.floor(both + 1e-6) - found).max() == 0


@pytest.mark.parametrize(("name", "severity", "scale"), [("gaussian_noise", 1, 0.04), ("gaussian_noise", 5, 0.1)])
def test_gaussian_noise_has_its_deviation(name, severity, scale):
    grey = np.repeat(FLAT, 200, axis=0)
    found = corrupt(grey, name, severity) / 255
    assert found.std() == pytest.approx(scale, rel=0.02)
    assert found.mean() == pytest.approx((128 - 0.5) / 255, abs=1e-3)


@pytest.mark.parametrize(("severity", "photons"), [(1, 500), (3, 100), (5, 50)])
def test_shot_noise_has_poissons_deviation(severity, photons):
    grey = np.repeat(FLAT, 200, axis=0)
    found = corrupt(grey, "shot_noise", severity) / 255
    assert found.var() == pytest.approx(128 / 255 / photons, rel=0.03)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_every_time_and_stronger_with_severity(name):
    found = [corrupt(IMAGES, name, severity) for severity in SEVERITIES]
    assert (corrupt(IMAGES, name, SEVERITIES[0]) == found[0]).all()
    changes = [np.abs(each.astype(float) - IMAGES).mean() for each in found]
    assert changes == sorted(changes)
    assert all(each.dtype == np.uint8 and each.shape == IMAGES.shape for each in found)


@pytest.mark.parametrize("name", ["contrast", "gaussian_blur"])
def test_flat_images_stay_as_they_are(name):
    for value in (0, 1, 127, 200, 255):
        assert (corrupt(np.full((1, 3, 8, 8), value, np.uint8), name, 5) == value).all()


@pytest.mark.parametrize(("name", "severity"), [("fog", 1), ("contrast", 0), ("contrast", 6)])
def test_no_such_corruption(name, severity):
    with pytest.raises(DataError, match="there is no corruption"):
        corrupt(IMAGES, name, severity)


class Base:
    def load(self, root, split):
        return IMAGES, np.arange(40) % 10

    def locate(self, root):
        return None

    def files(self, root):
        return []


def test_the_corrupted_set(tmp_path):
    source = Corrupted(Base())
    images, labels = source.read(tmp_path, "test")
    assert images.shape == (40 * 15, 3, 12, 12)
    assert (labels == np.tile(np.arange(40) % 10, 15)).all()
    assert (images[40 * 14 :] == corrupt(IMAGES, "contrast", 5)).all()
    assert (source.read(tmp_path, "train")[0] == IMAGES).all()


def test_what_it_is_made_from_has_to_be_prepared(tmp_path):
    from snnbench.builtin.datasets import cifar10c

    with pytest.raises(DataError, match="is made from cifar10, so run 'snnbench data prepare cifar10'"):
        cifar10c.load(tmp_path, "test")


@pytest.mark.slow
def test_the_pinned_set():
    from snnbench.builtin.datasets import cifar10c

    if not cifar10c.is_prepared(None):
        pytest.skip("CIFAR-10 is not prepared")
    assert len(cifar10c.load(None, "test")[1]) == 30_000


def test_the_protocol_shows_them_to_the_clean_one_s_reference():
    from snnbench.plugins import catalogue
    from snnbench.protocols import read_protocol
    from snnbench.training.baseline import read_weights

    path = catalogue().protocols["cifar10c-sew8"].value
    document = read_protocol(path)
    assert (document.data.name, document.title[:31]) == ("cifar10c", "CIFAR-10 corrupted in 5 ways an")
    (baseline,) = document.baselines
    assert read_weights(document, baseline, path.parent)
    clean = read_protocol(path.parents[1] / "cifar10-sew8-v4" / "protocol.toml")
    assert clean.baseline(0).sha256 == baseline.sha256
    assert (clean.model, clean.train, clean.finetune) == (document.model, document.train, document.finetune)
    assert baseline.accuracy < clean.baseline(0).accuracy
