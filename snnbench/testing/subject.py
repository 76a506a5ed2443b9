"""What is checked: an entry of the catalogue, and the settings in which the checks use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.options import describe, fixed_bits, validate
from snnbench.plugins import PluginEntry
from snnbench.plugins.own import OWN
from snnbench.quant import checked_module, quantize_weights
from snnbench.testing.outcome import CheckSkipped

_BITS = (1, 2, 3, 4, 8)
_SMALL, _LARGE = range(1, 9), range(9, 33)
_Layer = TypeVar("_Layer", bound=nn.Module)


@dataclass(frozen=True)
class Subject:
    """An entry under test.

    Attributes:
        options: passed to its factory.
        root: where data sets lie (None: the default).
        input_shape: of the images that a model gets.
        num_classes: that a model tells apart.
    """

    entry: PluginEntry[Any]
    options: Mapping[str, object] = field(default_factory=dict)
    root: Path | None = None
    input_shape: tuple[int, int, int] = (3, 32, 32)
    num_classes: int = 7

    @property
    def is_own(self) -> bool:
        """Whether it is a network of one's own, which no distribution brings."""
        return self.entry.source.distribution == OWN


Check = Callable[[Subject], None]
"""Raises CheckFailed or CheckSkipped, or whatever the plugin raises."""


@dataclass(frozen=True)
class Variant:
    """One setting of a quantizer: its keyword arguments, ``bits`` among them."""

    entry: PluginEntry[Any]
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.arguments.items())

    @property
    def bits(self) -> int:
        """The number of bits."""
        return int(self.arguments["bits"])

    def make(self, tensor: Tensor) -> nn.Module:
        """The quantizer of `tensor`; OptionError if the factory refuses this setting."""
        return checked_module(self.entry, self.entry.value(tensor, **self.arguments))

    def quantize(self, layer: nn.Module) -> nn.Module:
        """A network of that one layer, its weight quantized."""
        model = nn.Sequential(layer)
        quantize_weights(model, lambda name, weight: self.make(weight), exempt=())
        return model


def variants(subject: Subject, bits: Sequence[int] = _BITS) -> Iterator[Variant]:
    """The settings that checks go through: numbers of bits, and with each of them each choice of each option in turn.

    The numbers of bits are those of `bits` that are allowed; if none is, all that are. Settings that the factory
    refuses with an OptionError are left out.

    Raises:
        CheckSkipped: if all of them are refused.
    """
    found = False
    for arguments in _settings(subject, bits):
        variant = Variant(subject.entry, arguments)
        try:
            variant.make(weights(2, 2))
        except OptionError:
            continue
        found = True
        yield variant
    if not found:
        raise CheckSkipped("the factory refuses every number of bits")


def default_variant(subject: Subject) -> Variant:
    """The first setting of at least 4 bits, else of the most bits: for checks that take their time."""
    found = list(variants(subject))
    return next((variant for variant in found if variant.bits >= 4), found[-1])


def weights(*shape: int, seed: int = 0) -> Tensor:
    """Normal float32 values of standard deviation 0.3; the global random state stays as it is."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator) * 0.3


def convolution(seed: int = 0, channels: int = 4) -> nn.Conv2d:
    """A 3x3 convolution of 64 inputs, so that a channel has more weights (576) than 8 bits have levels."""
    return _filled(nn.Conv2d(64, channels, 3, padding=1, bias=False), seed)


def linear(seed: int = 0) -> nn.Linear:
    """A linear layer of 16 inputs and 8 outputs."""
    return _filled(nn.Linear(16, 8), seed)


def spread_linear() -> nn.Linear:
    """A linear layer of 4,096 inputs whose weights are of all magnitudes, so that sums of them are rounded."""
    layer = _filled(nn.Linear(4096, 4), 0)
    with torch.no_grad():
        layer.weight *= 10 ** (-3 * torch.rand(4, 4096, generator=torch.Generator().manual_seed(1)))
        layer.weight[:2] = weights(2, 4096)
    return layer


def images(seed: int = 1) -> Tensor:
    """Spikes (8, 64, 6, 6) as a convolution of a spiking network sees them."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(8, 64, 6, 6, generator=generator) < 0.3).float()


def _filled(layer: _Layer, seed: int) -> _Layer:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(weights(*parameter.shape, seed=seed))
    return layer


def _settings(subject: Subject, wanted: Sequence[int]) -> Iterator[dict[str, Any]]:
    entry = subject.entry
    described = describe(entry, entry.value)
    for bits in _allowed_bits(subject, wanted):
        yield validate(entry, entry.value, subject.options, bits=bits)
        for option in described:
            if option.name != "bits" and option.name not in subject.options and option.type in ("choice", "yes or no"):
                for choice in option.allowed.split(", "):
                    if choice.lower() != str(option.default).lower():
                        yield validate(entry, entry.value, {**subject.options, option.name: choice}, bits=bits)


def _allowed_bits(subject: Subject, wanted: Sequence[int]) -> list[int]:
    entry = subject.entry
    fixed = fixed_bits(entry, entry.value)
    if fixed is not None:
        return [fixed]
    found: Iterator[list[int]] = ([b for b in numbers if _allows(subject, b)] for numbers in (wanted, _SMALL, _LARGE))
    return next(filter(None, found), [])


def _allows(subject: Subject, bits: int) -> bool:
    try:
        validate(subject.entry, subject.entry.value, subject.options, bits=bits)
    except OptionError as error:
        if str(error).startswith(f"bits={bits} "):
            return False
        raise
    return True
