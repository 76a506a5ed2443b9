"""What the metrics that are means share: they keep sums, so that batches and processes add up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.metrics.base import BehaviourMetric, of_all_processes


class SampleMean(BehaviourMetric):
    """Base: a mean over samples of a number or of a vector of one length, float64.

    Args:
        option: what the counts depend on.
        kwargs: of `torchmetrics.Metric`.
    """

    def __init__(self, option: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Named by class and option: a MetricCollection takes metrics of equal states for the same metric.
        name = type(self).__name__.lower() + ("" if option is None else f"_{option}")
        self._sum, self._count = f"{name}_sum", f"{name}_samples"
        self.add_state(self._sum, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state(self._count, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """Mean over all batches, float64; a FiringError if there was none."""
        samples = int(getattr(self, self._count))
        if samples == 0:
            raise FiringError(f"{type(self).__name__} has seen no outputs; call update before compute")
        mean: Tensor = getattr(self, self._sum) / samples
        return mean

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """Add other states, of `merge_state` or those before `forward`: torchmetrics would stretch one step over T."""
        if self._sum not in incoming_state:
            raise FiringError(f"these two {type(self).__name__} were not made with the same options")
        self._fit(torch.as_tensor(incoming_state[self._sum]).shape)
        super()._reduce_states(incoming_state)

    def _add(self, rows: Tensor) -> None:
        """Add rows (N,) or (N, length)."""
        added = rows.double().sum(0).to(self.device)
        self._fit(added.shape)
        setattr(self, self._sum, getattr(self, self._sum) + added)
        setattr(self, self._count, getattr(self, self._count) + len(rows))

    def _agree(self, process_group: Any) -> None:
        for shape in of_all_processes(getattr(self, self._sum).shape, process_group):
            self._fit(shape)

    def _fit(self, shape: torch.Size) -> None:
        """Make room for sums of a shape; a FiringError if there are some of another one."""
        mine = getattr(self, self._sum)
        if shape and int(getattr(self, self._count)) == 0:
            setattr(self, self._sum, mine.new_zeros(shape))
        elif shape and shape != mine.shape:
            raise FiringError(f"{tuple(shape)} steps came after {tuple(mine.shape)}; keep T fixed")
