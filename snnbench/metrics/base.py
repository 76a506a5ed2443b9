"""What the metrics share: torchmetrics classes whose states add up exactly over batches and processes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric

from snnbench.errors import FiringError

Layout = Mapping[str, tuple[int, ...]]


class BehaviourMetric(Metric):
    """Base of all metrics here: distances and fractions, lower is nearer to the reference, in [0, 1]."""

    full_state_update: bool | None = False
    is_differentiable: bool | None = False
    higher_is_better: bool | None = False
    plot_lower_bound: float | None = 0.0
    plot_upper_bound: float | None = 1.0

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot `val` (by default `compute()`; or a list of values) with matplotlib; returns figure and axes."""
        return self._plot(val, ax)

    def set_dtype(self, dst_type: str | torch.dtype) -> Metric:
        """States keep their types: integers count exactly."""
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if any(prefix + state in state_dict for state in self._defaults):
            self._update_count = max(self._update_count, 1)  # what is loaded was counted: computing it is no mistake
        super()._load_from_state_dict(state_dict, prefix, *args)


class LayerCounts(BehaviourMetric):
    """Base of the metrics that count spikes: exact, streaming, in memory that does not grow with the samples.

    A count of a layer is the state `kind/layer`, an int64 tensor that is made when the first batch comes (or a state
    dict is loaded, or another process has it), since only then the layers are known. Counts are summed over processes,
    so that any number of them gives the value of one, bit for bit. A metric belongs to one network: after `reset`,
    too, layers and shapes must be those of the first batch.
    """

    samples: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("samples", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    @abstractmethod
    def _count(self, *args: Any, **kwargs: Any) -> dict[str, Tensor | int]:
        """What a batch, the arguments of `update`, adds to each state; a FiringError if the batch is not sound."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Count a batch and return its own value."""
        # A batch that does not fit is refused here, before torchmetrics sets the counts so far aside.
        self._declare(_layout(self._count(*args, **kwargs)))
        return super().forward(*args, **kwargs)

    def sync(
        self,
        dist_sync_fn: Callable[..., Any] | None = None,
        process_group: Any = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Sum the counts over all processes, of which some may have seen no batch."""
        available = distributed_available or self.distributed_available_fn
        if should_sync and not self._is_synced and available() and dist.is_available() and dist.is_initialized():
            self._agree(process_group or self.process_group)
        super().sync(dist_sync_fn, process_group, should_sync, distributed_available)

    def layers(self, kind: str) -> dict[str, Tensor]:
        """The states `kind/layer`, by layer, after checking that something was counted.

        Raises:
            FiringError: if no batch was counted.
        """
        if self.samples == 0:
            name = type(self).__name__
            raise FiringError(f"{name} has counted no spikes; call {name.lower()}.update(spikes, ...) before compute()")
        states = (state for state in self._defaults if state.startswith(f"{kind}/"))
        return {state.partition("/")[2]: getattr(self, state) for state in states}

    def _add(self, counts: Mapping[str, Tensor | int]) -> None:
        self._declare(_layout(counts))
        for state, count in counts.items():
            added = count.to(self.device) if isinstance(count, Tensor) else count
            setattr(self, state, getattr(self, state) + added)

    def _result(self, value: float | dict[str, float]) -> Tensor | dict[str, Tensor]:
        if isinstance(value, dict):
            return {name: self._scalar(each) for name, each in value.items()}
        return self._scalar(value)

    def _scalar(self, value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64, device=self.device)

    def _declared(self) -> Layout:
        return {state: tuple(getattr(self, state).shape) for state in self._defaults if "/" in state}

    def _declare(self, layout: Layout) -> None:
        declared = self._declared()
        if declared:
            _check_same_layout(layout, declared, type(self).__name__)
            return
        persistent = self._persistent["samples"]
        for state, shape in layout.items():
            zeros = torch.zeros(shape, dtype=torch.int64, device=self.device)
            self.add_state(state, zeros, dist_reduce_fx="sum", persistent=persistent)

    def _agree(self, process_group: Any) -> None:
        """Give every process the same states in the same order, so that the collective calls match."""
        layouts: list[Layout] = [{}] * dist.get_world_size(process_group)
        dist.all_gather_object(layouts, self._declared(), group=process_group)
        for layout in filter(None, layouts):
            self._declare(layout)
        self._reductions = dict(sorted(self._reductions.items()))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        own = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
        if saved := {state: tuple(value.shape) for state, value in own.items() if "/" in state}:
            self._declare(saved)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _layout(counts: Mapping[str, Tensor | int]) -> Layout:
    return {state: tuple(count.shape) for state, count in counts.items() if isinstance(count, Tensor)}


def _check_same_layout(layout: Layout, declared: Layout, metric: str) -> None:
    for state in (*declared, *layout):
        kind, _, layer = state.partition("/")
        if layout.get(state) != declared.get(state):
            raise FiringError(
                f"layer {layer!r}: {kind.replace('_', ' ')} of shape {layout.get(state, 'none')} came after "
                f"{declared.get(state, 'none')}; a {metric} counts one network, so make a new one for another"
            )
