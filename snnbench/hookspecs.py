"""Every way to extend snnbench, on one screen.

A plugin is a module named in the entry-point group ``snnbench``. Each hook takes nothing and returns a dict by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from snnbench.data.dataset import Dataset
    from snnbench.functional.energy import CostOf
    from snnbench.quant.contract import Quantizer

hookspec = pluggy.HookspecMarker("snnbench")
hookimpl = pluggy.HookimplMarker("snnbench")


@hookspec
def snnbench_quantizers() -> Mapping[str, Callable[..., Quantizer]]:  # type: ignore[empty-body]
    """Quantizers: ``factory(tensor, *, bits, **options) -> nn.Module`` mapping a float tensor to a quantized one.

    What such a module may offer besides: `snnbench.quant.Calibrated`, `Joint` and `Refitting`.
    """


@hookspec
def snnbench_models() -> Mapping[str, Callable[..., nn.Module]]:  # type: ignore[empty-body]
    """Models: ``factory(input_shape, num_classes, **options) -> nn.Module``, images in, logits out.

    One that takes an option ``timesteps`` is `snnbench.nn.walk.Timed`.
    """


@hookspec
def snnbench_datasets() -> Mapping[str, Dataset]:  # type: ignore[empty-body]
    """Data sets: a `snnbench.data.Dataset`, which loads a split and knows its content fingerprint."""


@hookspec
def snnbench_protocols() -> Mapping[str, Path]:  # type: ignore[empty-body]
    """Protocols: the path of a ``protocol.toml``; baseline weights lie beside it."""


@hookspec
def snnbench_chips() -> Mapping[str, Path]:  # type: ignore[empty-body]
    """Chips: the path of a TOML document that declares a chip's arithmetic, as ``snnbench chips show`` prints it."""


@hookspec
def snnbench_costs() -> Mapping[str, CostOf]:  # type: ignore[empty-body]
    """Costs: ``function(work) -> picojoule an image``, of a `snnbench.functional.energy.Work`."""
