#!/usr/bin/env bash
# imagecorruptions 1.1.2 takes images from 32x32 up, but its severities are those of ImageNet-C at every size: on an
# image of CIFAR's size its mildest Gaussian noise (0.08) is CIFAR-10-C's third (Hendrycks & Dietterich 2019: 0.04, 0.06,
# 0.08, 0.09, 0.10), its mildest shot noise (60 photons) lies between CIFAR-10-C's fourth and fifth (75, 50), and of the
# contrast that CIFAR-10-C's severity 1 leaves, 0.75, it leaves 0.4. What is generated with it for CIFAR-10 is no CIFAR-10-C.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imagecorruptions==1.1.2 numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 \
    opencv-python==5.0.0.93 numba==0.68.1 setuptools==80.9.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from imagecorruptions import corrupt

np.random.seed(0)
grey = np.full((32, 32, 3), 128, np.uint8)
halves = np.full((32, 32, 3), 64, np.uint8)
halves[:, 16:] = 192

def noise(name):
    return np.mean([corrupt(grey, 1, name).std() / 255 for _ in range(50)])

found = {
    "gaussian_noise, standard deviation": (noise("gaussian_noise"), 0.04),
    "shot_noise, photons": (128 / 255 / noise("shot_noise") ** 2, 500),
    "contrast, share left": (np.ptp(corrupt(halves, 1, "contrast").astype(int)) / 128, 0.75),
}
for what, (theirs, cifar) in found.items():
    print(f"severity 1, {what}: {theirs:.3g}; CIFAR-10-C {cifar}")
assert 0.075 < found["gaussian_noise, standard deviation"][0] < 0.085
assert 55 < found["shot_noise, photons"][0] < 65
assert 0.38 < found["contrast, share left"][0] < 0.42
PY
