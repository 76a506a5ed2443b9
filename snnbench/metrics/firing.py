"""Firing metrics from spike counts per neuron: EMD, drift, rate, dead and saturated neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from snnbench.functional.counts import (
    by_units,
    drift_from_counts,
    emd_from_counts,
    mean_rate_from_counts,
    rates_from_counts,
)
from snnbench.functional.layers import REDUCTIONS, Layers, Reduction, Units, check_choice, check_units
from snnbench.functional.profile import FiringProfile
from snnbench.functional.rates import (
    DEAD_BELOW,
    SATURATED_ABOVE,
    dead_fraction,
    newly_dead_fraction,
    revived_fraction,
    saturated_fraction,
    silent_fraction,
)
from snnbench.functional.spikes import count_spikes
from snnbench.metrics.base import LayerCounts
from snnbench.metrics.batch import reference_layers, same_batch, stored_reference

_Batch = tuple[dict[str, Tensor], int]


class FiringCounts(LayerCounts):
    """Base of the metrics that need each neuron's spikes, of the network and, where it is used, of the reference.

    All of them have the same states, so that a `MetricCollection` counts every batch once for all.
    """

    needs_reference: ClassVar[bool] = True

    def __init__(self, reference: FiringProfile | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference = stored_reference(reference)

    def update(self, spikes: Layers, reference_spikes: Layers | None = None) -> None:
        """Count a batch.

        Args:
            spikes: `(T, N, *features)` with values in {0, 1} of any dtype, or layer name -> such a tensor.
            reference_spikes: the same for the reference, on the same samples; none if the metric has a stored
                reference or needs none.

        Raises:
            FiringError: naming the layer, if the values are not spikes, or shapes, T or layers differ. The metric is
                then as it was before.
        """
        self._add(self._count(spikes, reference_spikes))

    def _count(self, spikes: Layers, reference_spikes: Layers | None = None) -> dict[str, Tensor | int]:
        layers, timesteps, samples = same_batch(spikes)
        reference = reference_layers(layers, timesteps, reference_spikes, self.reference, self.needs_reference)
        counts = {f"counts/{name}": count_spikes(tensor, name) for name, tensor in layers.items()}
        counts |= {f"reference_counts/{name}": count_spikes(tensor, name) for name, tensor in reference.items()}
        return {"samples": samples, "timesteps": timesteps, **counts}

    def _counted(self) -> _Batch:
        return self.layers("counts"), int(self.samples * self.timesteps)

    def _reference_counted(self) -> _Batch:
        if self.reference is None:
            return self.layers("reference_counts"), int(self.samples * self.timesteps)
        counts = {name: count.to(self.device) for name, count in self.reference.counts().items()}
        return counts, self.reference.trials

    def _rates(self) -> dict[str, Tensor]:
        return rates_from_counts(*self._counted())

    def _reference_rates(self) -> dict[str, Tensor]:
        return rates_from_counts(*self._reference_counted())


class _Distance(FiringCounts):
    """Base of the distances between rates."""

    def __init__(
        self,
        reference: FiringProfile | None = None,
        reduction: Reduction = "weighted",
        units: Units = "neuron",
        **kwargs: Any,
    ) -> None:
        check_choice(reduction, REDUCTIONS, "reduction")
        check_units(units)
        super().__init__(reference, **kwargs)
        self.reduction, self.units = reduction, units

    def _distance(self, from_counts: Callable[..., float | dict[str, float]]) -> Tensor | dict[str, Tensor]:
        counts, trials = by_units(*self._counted(), self.units)
        reference, reference_trials = by_units(*self._reference_counted(), self.units)
        return self._result(from_counts(counts, reference, trials, reference_trials, self.reduction))


class FiringEMD(_Distance):
    """1-Wasserstein distance between the firing-rate distributions of a network and its reference, in [0, 1].

    `snnbench.functional.firing_emd` over all batches, exact, in spikes per step; as a loss use that function.

    Args:
        reference: firing of the reference on the same samples, recorded before; without it, `update` needs its spikes.
        reduction: over layers, `weighted` by units (headline), `mean`, `max`, `pooled`, or `none` (dict by layer).
        units: `neuron`, or `channel` (mean over the feature dimensions after the first).
        kwargs: of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> metric = FiringEMD()
        >>> metric.update(torch.ones(4, 2, 3), torch.zeros(4, 2, 3))
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    def compute(self) -> Tensor | dict[str, Tensor]:
        """EMD over all batches, float64; a FiringError if there was none."""
        return self._distance(emd_from_counts)


class FiringDrift(_Distance):
    """Mean change of rate of matched neurons between a network and its reference, in [0, 1] spikes per step.

    `snnbench.functional.firing_drift` over all batches, exact. Sees neurons that swap roles, to which EMD is blind.

    Args:
        reference: firing of the reference, as in `FiringEMD`.
        reduction: over layers, as in `FiringEMD`; `pooled` is the same as `weighted`.
        units: `neuron` or `channel`, as in `FiringEMD`.
        kwargs: of `torchmetrics.Metric`.
    """

    def compute(self) -> Tensor | dict[str, Tensor]:
        """Drift over all batches, float64; a FiringError if there was none."""
        return self._distance(drift_from_counts)


class _Alone(FiringCounts):
    """Base of the metrics that use no reference."""

    higher_is_better: bool | None = None
    needs_reference: ClassVar[bool] = False


class FiringRate(_Alone):
    """Mean firing rate of a network in spikes per neuron and step, in [0, 1]; a reference is not used.

    Args:
        reduction: over layers, as in `FiringEMD`.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, reduction: Reduction = "weighted", **kwargs: Any) -> None:
        check_choice(reduction, REDUCTIONS, "reduction")
        super().__init__(**kwargs)
        self.reduction = reduction

    def compute(self) -> Tensor | dict[str, Tensor]:
        """Mean rate over all batches, float64; a FiringError if there was none."""
        return self._result(mean_rate_from_counts(*self._counted(), self.reduction))


class DeadNeurons(_Alone):
    """Fraction of a network's neurons that fire less than `threshold` spikes per step, in [0, 1].

    Args:
        threshold: spikes per step; a neuron at the threshold is alive.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, threshold: float = DEAD_BELOW, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        return dead_fraction(self._rates(), self.threshold)


class SilentNeurons(_Alone):
    """Fraction of a network's neurons that never fire, in [0, 1].

    Takes the keyword arguments of `torchmetrics.Metric`.
    """

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        return silent_fraction(self._rates())


class SaturatedNeurons(_Alone):
    """Fraction of a network's neurons that fire more than `threshold` spikes per step, in [0, 1].

    Args:
        threshold: spikes per step; a neuron at the threshold is not saturated.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, threshold: float = SATURATED_ABOVE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        return saturated_fraction(self._rates(), self.threshold)


class NewlyDeadNeurons(FiringCounts):
    """Fraction of a network's neurons that are dead and were not in the reference, in [0, 1].

    Args:
        reference: firing of the reference, as in `FiringEMD`.
        threshold: spikes per step below which a neuron is dead.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, reference: FiringProfile | None = None, threshold: float = DEAD_BELOW, **kwargs: Any) -> None:
        super().__init__(reference, **kwargs)
        self.threshold = threshold

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        return newly_dead_fraction(self._rates(), self._reference_rates(), self.threshold)


class RevivedNeurons(FiringCounts):
    """Fraction of a network's neurons that were dead in the reference and are not any more, in [0, 1].

    Args:
        reference: firing of the reference, as in `FiringEMD`.
        threshold: spikes per step below which a neuron is dead.
        kwargs: of `torchmetrics.Metric`.
    """

    higher_is_better: bool | None = None

    def __init__(self, reference: FiringProfile | None = None, threshold: float = DEAD_BELOW, **kwargs: Any) -> None:
        super().__init__(reference, **kwargs)
        self.threshold = threshold

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        return revived_fraction(self._rates(), self._reference_rates(), self.threshold)
