"""Metrics of firing over time: per-step rates of the layers, and rate profiles of the neurons."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnbench.functional.layers import REDUCTIONS, Layers, Reduction, Units, check_choice, check_units
from snnbench.functional.profile import FiringProfile
from snnbench.functional.spikes import count_per_step, count_steps
from snnbench.functional.temporal import temporal_drift_from_counts
from snnbench.functional.transport import profile_emd
from snnbench.functional.uncertainty import Estimate
from snnbench.metrics.base import LayerCounts
from snnbench.metrics.batch import reference_layers, same_batch, same_shapes, stored_reference


class TemporalDrift(LayerCounts):
    """Mean over the steps of the change of the layers' mean rates between a network and its reference, in [0, 1].

    `snnbench.functional.temporal_drift` over all batches, exact, in spikes per step.

    Args:
        reference: firing of the reference, as in `FiringEMD`.
        reduction: over layers, as in `FiringEMD`.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(
        self, reference: FiringProfile | None = None, reduction: Reduction = "weighted", **kwargs: Any
    ) -> None:
        check_choice(reduction, REDUCTIONS, "reduction")
        super().__init__(**kwargs)
        self.reference = stored_reference(reference)
        self.reduction = reduction

    def update(self, spikes: Layers, reference_spikes: Layers | None = None) -> None:
        """Count a batch; arguments and errors as in `FiringEMD.update`."""
        self._add(self._count(spikes, reference_spikes))

    def compute(self) -> Tensor | dict[str, Tensor]:
        """Temporal drift over all batches, float64; a FiringError if there was none."""
        places = {name: int(count) for name, count in self.layers("places").items()}
        if self.reference is None:
            reference_steps, reference_places = self.layers("reference_steps"), places
        else:
            reference_steps, reference_places = self.reference.step_counts(), self.reference.step_places()
        value = temporal_drift_from_counts(
            self.layers("steps"), places, reference_steps, reference_places, self.reduction
        )
        return self._result(value)

    def _count(self, spikes: Layers, reference_spikes: Layers | None = None) -> dict[str, Tensor | int]:
        layers, timesteps, samples = same_batch(spikes)
        reference = reference_layers(layers, timesteps, reference_spikes, self.reference)
        counts: dict[str, Tensor | int] = {"samples": samples, "timesteps": timesteps}
        for name, tensor in layers.items():
            counts[f"steps/{name}"] = count_steps(tensor, name)
            counts[f"places/{name}"] = torch.tensor(tensor[0].numel())
        return counts | {f"reference_steps/{name}": count_steps(tensor, name) for name, tensor in reference.items()}


class ProfileEMD(LayerCounts):
    """1-Wasserstein distance between the neurons' rate profiles over time, of a network and its reference.

    `snnbench.functional.profile_emd` over all batches, in [0, 1] spikes per step. Needs the reference's spikes, and
    memory for T counts per neuron.

    Args:
        reduction: over layers, as in `FiringEMD`.
        units: `neuron` or `channel`, as in `FiringEMD`.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, reduction: Reduction = "weighted", units: Units = "neuron", **kwargs: Any) -> None:
        check_choice(reduction, REDUCTIONS, "reduction")
        check_units(units)
        super().__init__(**kwargs)
        self.reduction, self.units = reduction, units

    def update(self, spikes: Layers, reference_spikes: Layers) -> None:
        """Count a batch; arguments and errors as in `FiringEMD.update`."""
        self._add(self._count(spikes, reference_spikes))

    def compute(self) -> dict[str, Tensor]:
        """The distance and its approximation error over all batches, float64; a FiringError if there was none.

        Returns:
            `profile_emd`, and the proven bounds `profile_emd_low` and `profile_emd_high`, equal to it if all layers
            were solved exactly; for the reduction `none` with `/layer` appended.
        """
        rates, reference = self._step_rates("counts"), self._step_rates("reference_counts")
        value = profile_emd(rates, reference, self.reduction, self.units)
        if isinstance(value, Estimate):
            return self._named(value, "")
        return {key: each for name, one in value.items() for key, each in self._named(one, f"/{name}").items()}

    def _count(self, spikes: Layers, reference_spikes: Layers) -> dict[str, Tensor | int]:
        layers, timesteps, samples = same_batch(spikes)
        reference = same_shapes(layers, reference_spikes)
        counts = {f"counts/{name}": count_per_step(tensor, name) for name, tensor in layers.items()}
        counts |= {f"reference_counts/{name}": count_per_step(tensor, name) for name, tensor in reference.items()}
        return {"samples": samples, "timesteps": timesteps, **counts}

    def _step_rates(self, kind: str) -> dict[str, Tensor]:
        return {name: (count.double() / self.samples).cpu() for name, count in self.layers(kind).items()}

    def _named(self, estimate: Estimate, suffix: str) -> dict[str, Tensor]:
        fields = {"profile_emd": estimate.value, "profile_emd_low": estimate.low, "profile_emd_high": estimate.high}
        return {key + suffix: self._scalar(value) for key, value in fields.items()}
