"""Corruptions as the package imagecorruptions computes them, with CIFAR-10-C's constants in place of ImageNet-C's.

Run where that package is: ``python imagecorruptions_run.py images.npz corrupted.npz``.
"""

import sys
import warnings
import zlib
from types import CodeType, FunctionType

import numpy as np

warnings.simplefilter("ignore")  # of SciPy's older names
from imagecorruptions import corruptions  # noqa: E402

CONSTANTS = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500, 250, 100, 75, 50),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
}


class Draws:
    """NumPy, whose random numbers are those of one seed, drawn channel by channel."""

    def __init__(self, seed: int) -> None:
        self.random, self._draw = self, np.random.RandomState(seed)

    def __getattr__(self, name: str) -> object:
        return getattr(np, name)

    def normal(self, size: tuple[int, ...], scale: float) -> np.ndarray:
        return self._draw.normal(scale=scale, size=(size[2], *size[:2])).transpose(1, 2, 0)

    def poisson(self, mean: np.ndarray) -> np.ndarray:
        return self._draw.poisson(mean.transpose(2, 0, 1)).transpose(1, 2, 0)


def with_constants(name: str, seed: int) -> FunctionType:
    """The package's function, with other constants and seeded numbers; blur as scikit-image has it since 0.19."""
    function = getattr(corruptions, name)
    code: CodeType = function.__code__
    severities = [each for each in code.co_consts if isinstance(each, tuple) and len(each) == 5]
    assert len(severities) == 1  # of the other tuples, some are names of keyword arguments
    consts = tuple(CONSTANTS[name] if each is severities[0] else each for each in code.co_consts)
    filtered = {"gaussian": lambda image, sigma, multichannel: blurred(image, sigma=sigma, channel_axis=-1)}
    return FunctionType(code.replace(co_consts=consts), {**function.__globals__, **filtered, "np": Draws(seed)})


blurred = corruptions.gaussian
images, found = np.load(sys.argv[1])["images"].transpose(0, 2, 3, 1), {}
for name in CONSTANTS:
    for severity in (1, 3, 5):
        function = with_constants(name, zlib.crc32(f"{name} {severity}".encode()))
        corrupted = [np.uint8(function(image, severity)) for image in images]
        found[f"{name} {severity}"] = np.stack(corrupted).transpose(0, 3, 1, 2)
np.savez(sys.argv[2], **found)
