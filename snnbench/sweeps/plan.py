"""From grids to tasks: every combination is checked before anything runs, and all that is wrong is said at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from snnbench.bench.bench import Bench, cell_identity, unranked_seed
from snnbench.bench.costs import find_costs
from snnbench.bench.score import check_metrics
from snnbench.engine import check_device
from snnbench.errors import OptionError, SnnbenchError
from snnbench.own.cells import OwnNetwork
from snnbench.records.cell import Cell, membrane_spec, quantizer_spec
from snnbench.sweeps.grid import Combination, Grid
from snnbench.sweeps.task import BenchSpec, Task

Made = TypeVar("Made")


class Benches:
    """Opens each bench once; what is wrong with it is said for every cell that needs it.

    With a network of one's own there is one bench, and the protocol of a combination is its name.
    """

    def __init__(self, data: Path | None, device: str, own: OwnNetwork | None = None) -> None:
        self._data, self._device, self._own = data, device, own
        self._opened: dict[tuple[str, int], Bench | SnnbenchError] = {}
        self._counts: dict[str, int] = {}

    def __getitem__(self, spec: BenchSpec) -> Bench:
        """The bench of `spec`.

        Raises:
            SnnbenchError: as `open_bench`; DataError if the data set is not prepared.
        """
        key = (spec.protocol, spec.baseline)
        if key not in self._opened:
            self._opened[key] = self._open(spec)
        found = self._opened[key]
        if isinstance(found, SnnbenchError):
            raise found
        return found

    def spec(self, protocol: str, seed: int) -> BenchSpec:
        """The bench that a seed picks: seeds count modulo the baselines there are."""
        if self._own is not None:
            return BenchSpec(protocol, 0, self._data, self._device, self._own)
        if protocol not in self._counts:
            first = self[BenchSpec(protocol, 0, self._data, self._device)]
            self._counts[protocol] = len(first.protocol.baselines)
        return BenchSpec(protocol, seed % self._counts[protocol], self._data, self._device)

    def _open(self, spec: BenchSpec) -> Bench | SnnbenchError:
        try:
            check_device(spec.device)
            bench = spec.open()
            check_metrics(bench.protocol.evaluate)
            find_costs(bench.protocol.evaluate)
            bench.dataset.files(bench.root)
        except SnnbenchError as error:
            return error
        return bench


def make_plan(grids: Iterable[Grid], benches: Benches) -> list[Task]:
    """The tasks of the grids, each cell once, in the order of the grids.

    Raises:
        OptionError: naming every combination that is not valid; nothing is planned then.
    """
    tasks: dict[str, Task] = {}
    wrong: dict[str, list[Combination]] = {}
    combinations = [point for grid in grids for point in grid.combinations()]
    for combination in combinations:
        made = _task(combination, benches)
        if isinstance(made, Task):
            tasks.setdefault(made.cell.key, made)
            continue
        for problem in made:
            wrong.setdefault(problem, []).append(combination)
    if wrong:
        raise OptionError(_refusal(wrong, len(combinations)))
    return list(tasks.values())


def unranked_seeds(tasks: Iterable[Task], benches: Benches) -> list[str]:
    """What to tell before tasks are done whose cells no board will take for their seed."""
    told = [unranked_seed(benches[task.bench], task.cell.seed) for task in tasks]
    return list(dict.fromkeys(each for each in told if each))


def _task(point: Combination, benches: Benches) -> Task | list[str]:
    """The task of a combination, or all that is wrong with it."""
    problems: list[str] = []

    def tried(make: Callable[..., Made], *arguments: object) -> Made | None:
        try:
            return make(*arguments)
        except SnnbenchError as error:
            problems.extend(error.problems if isinstance(error, OptionError) else [str(error)])
            return None

    quantizer = tried(quantizer_spec, point.quantizer, point.bits, point.option)
    membrane = None
    if point.membrane is not None:
        membrane = tried(membrane_spec, point.membrane, point.membrane_bits, point.membrane_option)
    spec = tried(benches.spec, point.protocol, point.seed)
    bench = tried(benches.__getitem__, spec) if spec else None
    if problems or quantizer is None or spec is None or bench is None:
        return problems
    identity = cell_identity(bench)
    cell = Cell(**identity, quantizer=quantizer, membrane=membrane, mode=point.mode, seed=point.seed)
    return Task(cell, spec)


def _refusal(wrong: dict[str, list[Combination]], count: int) -> str:
    total = len({str(combination) for combinations in wrong.values() for combination in combinations})
    reasons = [f"{problem} ({len(points)} of them: {_told(points)})" for problem, points in wrong.items()]
    return "\n".join([f"{total} of {count} combinations are not valid, nothing was run", *reasons])


def _told(combinations: list[Combination]) -> str:
    """All of the combinations: by the values that each axis has in them if they are their product, else one by one."""
    points = [combination.axes() for combination in combinations]
    values = {axis: list(dict.fromkeys(point.get(axis) for point in points)) for axis in points[0]}
    is_product = math.prod(map(len, values.values())) == len(points) and all(p.keys() == values.keys() for p in points)
    if not is_product:
        return "; ".join(map(str, combinations))
    return " ".join(f"{axis}={','.join(map(str, each))}" for axis, each in values.items())
