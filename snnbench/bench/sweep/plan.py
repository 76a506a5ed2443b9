"""From grids to tasks: every combination is checked before anything runs, and all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from snnbench.bench.cell import Cell, membrane_spec, quantizer_spec
from snnbench.bench.reference import Bench, cell_identity, open_bench
from snnbench.bench.score import check_metrics
from snnbench.bench.sweep.grid import Combination, Grid
from snnbench.bench.sweep.task import BenchSpec, Task
from snnbench.errors import OptionError, SnnbenchError


class Benches:
    """Opens each bench once; what is wrong with it is said for every cell that needs it."""

    def __init__(self, data: Path | None, device: str) -> None:
        self._data, self._device = data, device
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
        if protocol not in self._counts:
            first = self[BenchSpec(protocol, 0, self._data, self._device)]
            self._counts[protocol] = len(first.protocol.baselines)
        return BenchSpec(protocol, seed % self._counts[protocol], self._data, self._device)

    def _open(self, spec: BenchSpec) -> Bench | SnnbenchError:
        try:
            bench = open_bench(spec.protocol, spec.baseline, data=spec.data, device=spec.device)
            check_metrics(bench.protocol.evaluate)
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
    count = 0
    for combination in (point for grid in grids for point in grid.combinations()):
        count += 1
        try:
            task = _task(combination, benches)
        except SnnbenchError as error:
            wrong.setdefault(str(error), []).append(combination)
        else:
            tasks.setdefault(task.cell.key, task)
    if wrong:
        raise OptionError(_refusal(wrong, count))
    return list(tasks.values())


def _task(combination: Combination, benches: Benches) -> Task:
    quantizer = quantizer_spec(combination.quantizer, combination.bits, combination.option)
    membrane = None
    if combination.membrane is not None:
        membrane = membrane_spec(combination.membrane, combination.membrane_bits, combination.membrane_option)
    spec = benches.spec(combination.protocol, combination.seed)
    cell = Cell(
        **cell_identity(benches[spec]),
        quantizer=quantizer,
        membrane=membrane,
        mode=combination.mode,
        seed=combination.seed,
    )
    return Task(cell, spec)


def _refusal(wrong: dict[str, list[Combination]], count: int) -> str:
    total = sum(len(combinations) for combinations in wrong.values())
    reasons = "; ".join(
        f"[{index}] {message} ({_examples(combinations)})"
        for index, (message, combinations) in enumerate(wrong.items(), 1)
    )
    return f"{total} of {count} combinations are not valid, nothing was run: {reasons}"


def _examples(combinations: list[Combination]) -> str:
    more = f", and {len(combinations) - 1} more" if len(combinations) > 1 else ""
    return f"{combinations[0]}{more}"
