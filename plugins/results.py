"""Measures every quantizer of the installed plugins and writes the results into their READMEs.

    python plugins/results.py [--out DIR] [--plugin NAME ...] [--protocol NAME ...]

Each runs on digits-sew8 and cifar10-sew8, post-training, at 4 bits or at the quantizer's own number; finished cells are
reused. Quantizers of membranes run beside full-precision weights.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snnbench.bench.run import run
from snnbench.plugins import catalogue

PROTOCOLS = ("digits-sew8", "cifar10-sew8")
SHELF = Path(__file__).resolve().parent
MEMBRANES = "snnbench-membrane"
BLOCK = re.compile(r"\n## Results\n.*?<!-- /results -->\n", re.DOTALL)


def measured(plugin: str, quantizer: str, protocol: str, out: Path) -> Any:
    """The record of one quantizer on one protocol."""
    if plugin == MEMBRANES:
        return run("float", membrane=quantizer, protocol=protocol, out=out)[0].record
    return run(quantizer, protocol=protocol, out=out)[0].record


def row(quantizer: str, record: Any) -> str:
    """A row of the table, from a record's own numbers."""
    spec = record.cell.membrane or record.cell.quantizer
    values = [record.metrics[name].value for name in ("accuracy", "accuracy_change", "firing_emd")]
    accuracy, change, emd = values
    board = f"{record.cell.protocol}-v{record.cell.protocol_version}"
    return f"| {board} | `{quantizer}` | {spec.bits} | {100 * accuracy:.2f} | {100 * change:+.2f} | {emd:.4f} |"


def block(plugin: str, protocols: Sequence[str], out: Path) -> str:
    """The section of results of one plugin's README."""
    names = [entry.name for entry in catalogue().quantizers.values() if entry.source.distribution == plugin]
    rows = [row(name, measured(plugin, name, protocol, out)) for protocol in protocols for name in names]
    return "\n".join(
        [
            "\n## Results\n",
            "Post-training, seed 0, on the whole test set; written by `python plugins/results.py`.\n",
            "<!-- results -->",
            "| protocol | quantizer | bits | accuracy % | change | firing EMD |",
            "|---|---|---|---|---|---|",
            *rows,
            "<!-- /results -->\n",
        ]
    )


def main() -> int:
    """Measure and write; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("snnbench-results"))
    parser.add_argument("--plugin", nargs="*")
    parser.add_argument("--protocol", nargs="*", default=PROTOCOLS)
    arguments = parser.parse_args()
    held = {entry.source.distribution for entry in catalogue().quantizers.values()} - {"snnbench"}
    for plugin in sorted(set(arguments.plugin or held)):
        readme = SHELF / plugin / "README.md"
        text = BLOCK.sub("", readme.read_text("utf-8"))
        before, heading, sources = text.partition("\n## Sources\n")
        readme.write_text(before + block(plugin, arguments.protocol, arguments.out) + heading + sources, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
