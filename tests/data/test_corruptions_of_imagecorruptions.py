"""Corruptions against the package imagecorruptions, in an environment of its own, with CIFAR-10-C's constants."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from oracles.environments import layered

from snnbench.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from snnbench.plugins import catalogue

PACKAGES = (
    "imagecorruptions==1.1.2",
    "scikit-image==0.26.0",
    "opencv-python-headless==5.0.0.93",
    "ImageIO==2.38.1",
    "lazy-loader==0.6",
    "tifffile==2026.3.3",
    "numba==0.68.1",
    "llvmlite==0.50.0",
    "setuptools==80.9.0",  # the last with pkg_resources
)
MOST = {"gaussian_noise": 1e-5, "shot_noise": 0, "gaussian_blur": 0.004, "brightness": 0.006, "contrast": 1e-5}
"""Share of the values that may be one lower there: the package cuts whole numbers that rounding left below."""


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_equal_to_imagecorruptions(tmp_path: Path, cifar_root: Path) -> None:
    images, _ = catalogue().datasets["cifar10"].value.load(cifar_root, "test")
    np.savez(tmp_path / "images.npz", images=images[:200])
    python = layered(tmp_path / "venv", *PACKAGES)
    script = Path(__file__).parents[1] / "oracles" / "imagecorruptions_run.py"
    subprocess.run([python, script, tmp_path / "images.npz", tmp_path / "corrupted.npz"], check=True)
    found = np.load(tmp_path / "corrupted.npz")
    assert set(found) == {f"{name} {severity}" for name in CORRUPTIONS for severity in SEVERITIES}
    for key, theirs in found.items():
        name, severity = key.split()
        lower = corrupt(np.asarray(images[:200]), name, int(severity)).astype(int) - theirs
        assert set(np.unique(lower)) <= {-1, 0, 1}, key
        assert np.mean(lower != 0) <= MOST[name], key
        assert np.mean(lower < 0) <= 1e-5, key
