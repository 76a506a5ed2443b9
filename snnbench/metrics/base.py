"""What the metrics share: torchmetrics classes whose states add up exactly over batches and processes."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.wrappers import BootStrapper, Running

from snnbench.errors import FiringError

_Layout = Mapping[str, tuple[int, ...]]
_Shared = TypeVar("_Shared")
_WRAPPED_WITHIN = 8


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

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add what another metric of the same class has counted: the metric itself, or its `metric_state`.

        Raises:
            FiringError: if it belongs to another network, another T, or another stored reference.
        """
        super().merge_state(incoming_state)
        self._computed = None  # torchmetrics would go on giving the value of before
        self._update_count = max(self._update_count, 1)

    def sync(
        self,
        dist_sync_fn: Callable[..., Any] | None = None,
        process_group: Any = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Gather the states of all processes, of which some may have seen no batch."""
        available = distributed_available or self.distributed_available_fn
        if should_sync and not self._is_synced and available() and dist.is_available() and dist.is_initialized():
            self._agree(process_group or self.process_group)
        super().sync(dist_sync_fn, process_group, should_sync, distributed_available)

    def _agree(self, process_group: Any) -> None:
        """Give every process states of the same names and dimensions, so that the collective calls match."""
        for state, default in self._defaults.items():
            if isinstance(default, list) and not len(getattr(self, state)):
                getattr(self, state).append(torch.zeros(0, dtype=torch.float64, device=self.device))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if any(prefix + state in state_dict for state in self._defaults):
            self._update_count = max(self._update_count, 1)  # what is loaded was counted: computing it is no mistake
        super()._load_from_state_dict(state_dict, prefix, *args)


class LayerCounts(BehaviourMetric):
    """Base of the metrics that count spikes: exact, streaming, in memory that does not grow with the samples.

    A count of a layer is the state `kind/layer`, an int64 tensor that is made when the first batch comes (or a state
    dict is loaded, or another process has it), since only then the layers are known. Counts are summed over processes,
    so that any number of them gives the value of one, bit for bit. A metric belongs to one network: after `reset`,
    too, layers and shapes must be those of the first batch. T is the same in every batch until `reset`.
    """

    samples: Tensor
    timesteps: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("samples", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("timesteps", torch.zeros((), dtype=torch.int64), dist_reduce_fx=_same_timesteps)

    @abstractmethod
    def _count(self, *args: Any, **kwargs: Any) -> dict[str, Tensor | int]:
        """What a batch, the arguments of `update`, adds to each state; a FiringError if the batch is not sound."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Count a batch and return its own value."""
        # A batch that does not fit is refused here, before torchmetrics sets the counts so far aside.
        self._check(self._count(*args, **kwargs))
        return super().forward(*args, **kwargs)

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """See `BehaviourMetric.merge_state`; either of the two may have counted nothing yet."""
        state = incoming_state.metric_state if isinstance(incoming_state, type(self)) else incoming_state
        if isinstance(state, dict):
            self._check_reference(incoming_state)
            _same_timesteps(torch.stack([self.timesteps, torch.as_tensor(state["timesteps"]).to(self.device)]))
            counts = {name: self._moved(value) for name, value in state.items()}
            if layout := _layout(counts):
                self._declare(layout)
            state = {**self._defaults, **counts}
        super().merge_state(state)

    def layers(self, kind: str) -> dict[str, Tensor]:
        """The states `kind/layer`, by layer, after checking that something was counted.

        Raises:
            FiringError: if no batch was counted.
        """
        if self.samples == 0:
            name = type(self).__name__
            raise FiringError(f"{name} has counted no spikes; call update(spikes, ...) before compute()")
        # Not of `_defaults`: a compute group gives its later members states that they have not declared.
        states = [state for state in vars(self) if state.startswith(f"{kind}/")]
        return {state.partition("/")[2]: getattr(self, state) for state in states}

    def _add(self, counts: Mapping[str, Tensor | int]) -> None:
        self._check(counts)
        _refuse_wrappers(self)
        for state, count in counts.items():
            added = count.to(self.device) if isinstance(count, Tensor) else count
            kept = 0 if state == "timesteps" else getattr(self, state)
            if isinstance(kept, list):
                kept.append(added)
            else:
                setattr(self, state, kept + torch.as_tensor(added, device=self.device))

    def _check(self, counts: Mapping[str, Tensor | int]) -> None:
        _same_timesteps(torch.stack([self.timesteps.cpu(), torch.as_tensor(counts["timesteps"])]))
        self._declare(_layout(counts))

    def _check_reference(self, other: object) -> None:
        mine, theirs = (getattr(metric, "reference", None) for metric in (self, other))
        if isinstance(other, Metric) and not (mine is theirs or (mine and theirs and mine.layers == theirs.layers)):
            raise FiringError(f"these two {type(self).__name__} were not made with the same reference profile")

    def _moved(self, value: Any) -> Tensor | list[Tensor]:
        return (
            [each.to(self.device) for each in value]
            if isinstance(value, list)
            else torch.as_tensor(value).to(self.device)
        )

    def _result(self, value: float | dict[str, float]) -> Tensor | dict[str, Tensor]:
        if isinstance(value, dict):
            return {name: self._scalar(each) for name, each in value.items()}
        return self._scalar(value)

    def _scalar(self, value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64, device=self.device)

    def _declared(self) -> _Layout:
        return {state: tuple(getattr(self, state).shape) for state in self._defaults if "/" in state}

    def _declare(self, layout: _Layout) -> None:
        declared = self._declared()
        if declared:
            _check_same_layout(layout, declared, type(self).__name__)
            return
        persistent = self._persistent["samples"]
        for state, shape in layout.items():
            zeros = torch.zeros(shape, dtype=torch.int64, device=self.device)
            self.add_state(state, zeros, dist_reduce_fx="sum", persistent=persistent)

    def _agree(self, process_group: Any) -> None:
        super()._agree(process_group)
        for layout in filter(None, of_all_processes(self._declared(), process_group)):
            self._declare(layout)
        self._reductions = dict(sorted(self._reductions.items()))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        own = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
        if saved := {state: tuple(value.shape) for state, value in own.items() if "/" in state}:
            self._declare(saved)
        super()._load_from_state_dict(state_dict, prefix, *args)


def of_all_processes(value: _Shared, process_group: Any) -> list[_Shared]:
    """What each of the processes has for `value`."""
    values = [value] * dist.get_world_size(process_group)
    dist.all_gather_object(values, value, group=process_group)
    return values


def _layout(counts: Mapping[str, Any]) -> _Layout:
    return {state: tuple(count.shape) for state, count in counts.items() if "/" in state}


def _same_timesteps(timesteps: Tensor) -> Tensor:
    """The T that all of them are, but for zeros of what has counted nothing."""
    found = sorted(set(timesteps.tolist()) - {0})
    if len(found) > 1:
        raise FiringError(
            f"batches of {' and of '.join(map(str, found))} time steps; a rate is over one T: reset, or make "
            "a metric for each"
        )
    return timesteps.max()


def _refuse_wrappers(metric: Metric) -> None:
    """Raise a FiringError if a wrapper of torchmetrics that would give wrong numbers has called the metric."""
    frame = sys._getframe(1)
    for _ in range(_WRAPPED_WITHIN):
        wrapper = frame.f_locals.get("self") if frame.f_code.co_varnames[:1] == ("self",) else None
        if isinstance(wrapper, BootStrapper):
            raise FiringError(
                "BootStrapper draws along dimension 0, which are time steps here and not samples; for an interval "
                "record both networks and use snnbench.functional.emd_interval(Paired(profile, reference))"
            )
        if isinstance(wrapper, Running) and not all(f"{state}_0" in wrapper._defaults for state in metric._defaults):
            raise FiringError(
                "Running keeps the states that a metric has when it is wrapped, and this one makes those of its layers "
                "with the first batch; update it once and reset it, then wrap it"
            )
        if frame.f_back is None:
            return
        frame = frame.f_back


def _check_same_layout(layout: _Layout, declared: _Layout, metric: str) -> None:
    for state in (*declared, *layout):
        kind, _, layer = state.partition("/")
        if layout.get(state) != declared.get(state):
            raise FiringError(
                f"layer {layer!r}: {kind.replace('_', ' ')} of shape {layout.get(state, 'none')} came after "
                f"{declared.get(state, 'none')}; a {metric} counts one network, so make a new one for another"
            )
