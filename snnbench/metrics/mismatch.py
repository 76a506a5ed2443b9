"""Metric of single spikes that differ between a network and its reference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnbench.functional.layers import REDUCTIONS, Layers, Reduction, check_choice
from snnbench.functional.mismatch import PER, Mismatch, Per, count_mismatch, reduce_mismatch
from snnbench.metrics.base import LayerCounts
from snnbench.metrics.batch import same_batch, same_shapes

_FIELDS = ("differing", "fired", "places")


class SpikeMismatch(LayerCounts):
    """Fraction of spikes that differ between two networks on the same samples, in [0, 1].

    `snnbench.functional.spike_mismatch` over all batches, exact.

    Args:
        reduction: over layers, as in `FiringEMD`.
        per: `place` (out of all steps, samples and neurons) or `spike` (out of those where either network fires).
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, reduction: Reduction = "weighted", per: Per = "place", **kwargs: Any) -> None:
        check_choice(reduction, REDUCTIONS, "reduction")
        check_choice(per, PER, "per")
        super().__init__(**kwargs)
        self.reduction, self.per = reduction, per

    def update(self, spikes: Layers, reference_spikes: Layers) -> None:
        """Count a batch; arguments and errors as in `FiringEMD.update`."""
        self._add(self._count(spikes, reference_spikes))

    def compute(self) -> Tensor | dict[str, Tensor]:
        """Mismatch over all batches, float64; a FiringError if there was none."""
        fields = {field: self.layers(field) for field in _FIELDS}
        counts = {name: Mismatch(*(int(fields[field][name]) for field in _FIELDS)) for name in fields["places"]}
        return self._result(reduce_mismatch(counts, self.reduction, self.per))

    def _count(self, spikes: Layers, reference_spikes: Layers) -> dict[str, Tensor | int]:
        layers, timesteps, samples = same_batch(spikes)
        reference = same_shapes(layers, reference_spikes)
        counts: dict[str, Tensor | int] = {"samples": samples, "timesteps": timesteps}
        for name, tensor in layers.items():
            mismatch = count_mismatch(tensor, reference[name], name)
            counts |= {f"{field}/{name}": torch.tensor(getattr(mismatch, field)) for field in _FIELDS}
        return counts
