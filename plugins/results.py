"""Measures every quantizer of the installed plugins, and writes the results into their READMEs.

    python plugins/results.py measure [--out DIR] [--protocol NAME ...] [--executor NAME]
    python plugins/results.py write   [--out DIR] [--protocol NAME ...]

Each runs on digits-sew8 and cifar10-sew8, post-training, at 4 bits or at the quantizer's own number; finished cells are
reused, so that `measure` goes on where it was stopped. Quantizers of membranes run beside full-precision weights, joint
quantizers on both.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import Progress

import snnbench

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


class Bars:
    """Messages on stderr, and a bar for each piece of work."""

    def say(self, message: str) -> None:
        """Tell one line."""
        sys.stderr.write(f"{message}\n")

    @contextmanager
    def task(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """A bar while the work lasts."""
        with Progress(transient=True) as progress:
            bar = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(bar, completed=done, total=total)


def shelf() -> dict[str, list[str]]:
    """The quantizers of each installed plugin of the shelf."""
    command = [sys.executable, "-m", "snnbench", "plugins", "list", "--json"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    found: dict[str, list[str]] = {}
    for entry in listed:
        readme = SHELF / entry["distribution"] / "README.md"
        if entry["kind"] == "quantizer" and entry["status"] == "ok" and readme.is_file():
            found.setdefault(entry["distribution"], []).append(entry["name"])
    return dict(sorted(found.items()))


def grids_of(plugin: str, quantizers: Sequence[str], protocols: Sequence[str]) -> list[dict[str, Any]]:
    """The cells of one plugin: each of its quantizers on each protocol."""
    if plugin == MEMBRANES:
        return [{"quantizer": "float", "membrane": quantizers, "protocol": protocols}]
    joint = {name: name if name in JOINT else "none" for name in quantizers}
    return [{"quantizer": name, "membrane": membrane, "protocol": protocols} for name, membrane in joint.items()]


def measure(grids: dict[str, list[dict[str, Any]]], out: Path, executor: str) -> int:
    """Compute the cells that are not there yet; the number of those that failed."""
    everything = [grid for each in grids.values() for grid in each]
    return sum(
        cell.record is None for cell in snnbench.sweep(everything, executor, out=out, retry=True, reporter=Bars())
    )


def write(grids: dict[str, list[dict[str, Any]]], out: Path) -> int:
    """Write the tables of what has been measured; the number of cells that are missing, which are named."""
    missing = 0
    for plugin, own in grids.items():
        cells = snnbench.sweep(own, out=out, dry_run=True)
        lacking = [each.cell for each in cells if each.record is None]
        for cell in lacking:
            sys.stderr.write(f"not measured: {cell.folder}\n")
        missing += len(lacking)
        readme = SHELF / plugin / "README.md"
        before, heading, sources = BLOCK.sub("", readme.read_text("utf-8")).partition("\n## Sources\n")
        table = block([each.record for each in cells if each.record], lacking)
        readme.write_text(before + table + heading + sources, "utf-8")
    return missing


def block(records: Sequence[Any], lacking: Sequence[Any]) -> str:
    """The section of results of a README: a table of what is measured, a line of what is not."""
    return HEAD + "".join(map(row, records)) + "".join(map(lack, lacking)) + "<!-- /results -->\n"


def lack(cell: Any) -> str:
    """A row of the table that says that there is no result yet."""
    spec = cell.membrane or cell.quantizer
    return f"| {cell.board} | `{spec.name}` | {spec.bits} | not measured yet | | |\n"


def row(record: Any) -> str:
    """A row of the table, from a record's own numbers."""
    spec = record.cell.membrane or record.cell.quantizer
    accuracy, change, emd = (record.metrics[name].value for name in ("accuracy", "accuracy_change", "firing_emd"))
    board = f"{record.cell.protocol}-v{record.cell.protocol_version}"
    return f"| {board} | `{spec.name}` | {spec.bits} | {100 * accuracy:.2f} | {100 * change:+.2f} | {emd:.4f} |\n"


def main() -> int:
    """0, or 1 if a cell failed or is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "write"])
    parser.add_argument("--out", type=Path, default=Path("snnbench-results"))
    parser.add_argument("--protocol", nargs="+", default=PROTOCOLS)
    parser.add_argument("--executor", default="local")
    arguments = parser.parse_args()
    grids = {plugin: grids_of(plugin, names, arguments.protocol) for plugin, names in shelf().items()}
    if arguments.what == "measure":
        return int(measure(grids, arguments.out, arguments.executor) > 0)
    return int(write(grids, arguments.out) > 0)


if __name__ == "__main__":
    sys.exit(main())
