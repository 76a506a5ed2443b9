"""Measures every quantizer of the installed plugins, and writes the results into their READMEs.

    python plugins/results.py measure [--out DIR] [--protocol NAME ...] [--executor NAME]
    python plugins/results.py write   [--out DIR] [--protocol NAME ...]

Each runs on digits-sew8 and cifar10-sew8, post-training, at 4 bits or at the quantizer's own number; finished cells are
reused, so that `measure` goes on where it was stopped. Quantizers of membranes run beside full-precision weights, joint
quantizers on both.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from snnbench.cli.sweep_views import choose_view
from snnbench.errors import SnnbenchError
from snnbench.plugins import catalogue
from snnbench.records import store
from snnbench.records.record import Record
from snnbench.sweep.executors import make_executor
from snnbench.sweep.executors.base import Resources
from snnbench.sweep.grid import make_grid
from snnbench.sweep.loop import Policy, Sweep
from snnbench.sweep.plan import Benches, make_plan
from snnbench.sweep.task import Task

PROTOCOLS = ("digits-sew8", "cifar10-sew8")
SHELF = Path(__file__).resolve().parent
MEMBRANES = "snnbench-membrane"
JOINT = ("mint",)
BLOCK = re.compile(r"\n## Results\n.*?<!-- /results -->\n", re.DOTALL)
HEAD = """
## Results

Post-training, seed 0, on the whole test set; written by `python plugins/results.py write`.

<!-- results -->
| protocol | quantizer | bits | accuracy % | change | firing EMD |
|---|---|---|---|---|---|
"""


def shelf() -> dict[str, list[str]]:
    """The quantizers of each installed plugin of the shelf."""
    found: dict[str, list[str]] = {}
    for entry in catalogue().quantizers.values():
        if (SHELF / entry.source.distribution / "README.md").is_file():
            found.setdefault(entry.source.distribution, []).append(entry.name)
    return dict(sorted(found.items()))


def tasks_of(plugin: str, quantizers: Sequence[str], protocols: Sequence[str], benches: Benches) -> list[Task]:
    """The cells of one plugin: each of its quantizers on each protocol."""
    grids = [{"quantizer": "float", "membrane": quantizers}]
    if plugin != MEMBRANES:
        grids = [{"quantizer": name, "membrane": name if name in JOINT else "none"} for name in quantizers]
    return make_plan([make_grid({**grid, "protocol": protocols}, plugin) for grid in grids], benches)


def measure(tasks: dict[str, list[Task]], out: Path, executor: str) -> int:
    """Compute the cells that are not there yet; the number of those that failed."""
    everything = [task for cells in tasks.values() for task in cells]
    view, reporter = choose_view(False)
    policy = Policy(retry_failed=True)
    return Sweep(everything, out, make_executor(executor, Resources()), [view], reporter, policy).run().failed


def write(tasks: dict[str, list[Task]], out: Path) -> int:
    """Write the tables of what has been measured; the number of cells that are missing, which are named."""
    missing = 0
    for plugin, cells in tasks.items():
        found = [(task, store.find(out, task.cell)) for task in cells]
        lacking = [task for task, record in found if record is None]
        for task in lacking:
            sys.stderr.write(f"not measured: {task.cell.folder}\n")
        missing += len(lacking)
        readme = SHELF / plugin / "README.md"
        before, heading, sources = BLOCK.sub("", readme.read_text("utf-8")).partition("\n## Sources\n")
        table = block([record for _, record in found if record], lacking)
        readme.write_text(before + table + heading + sources, "utf-8")
    return missing


def block(records: Sequence[Record], lacking: Sequence[Task]) -> str:
    """The section of results of a README: a table of what is measured, a line of what is not."""
    return HEAD + "".join(map(row, records)) + "".join(map(lack, lacking)) + "<!-- /results -->\n"


def lack(task: Task) -> str:
    """A row of the table that says that there is no result yet."""
    spec = task.cell.membrane or task.cell.quantizer
    return f"| {task.cell.board} | `{spec.name}` | {spec.bits} | not measured yet | | |\n"


def row(record: Record) -> str:
    """A row of the table, from a record's own numbers."""
    spec = record.cell.membrane or record.cell.quantizer
    accuracy, change, emd = (record.metrics[name].value for name in ("accuracy", "accuracy_change", "firing_emd"))
    board = f"{record.cell.protocol}-v{record.cell.protocol_version}"
    return f"| {board} | `{spec.name}` | {spec.bits} | {100 * accuracy:.2f} | {100 * change:+.2f} | {emd:.4f} |\n"


def main() -> int:
    """0, or 1 if a cell failed or is missing, or 2 if nothing could be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "write"])
    parser.add_argument("--out", type=Path, default=Path("snnbench-results"))
    parser.add_argument("--protocol", nargs="+", default=PROTOCOLS)
    parser.add_argument("--executor", default="local")
    arguments = parser.parse_args()
    try:
        benches = Benches(None, "cpu")
        tasks = {plugin: tasks_of(plugin, names, arguments.protocol, benches) for plugin, names in shelf().items()}
        if arguments.what == "measure":
            return int(measure(tasks, arguments.out, arguments.executor) > 0)
        return int(write(tasks, arguments.out) > 0)
    except SnnbenchError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
