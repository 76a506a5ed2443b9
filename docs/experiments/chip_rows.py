"""The cells of docs/chips.md: ``python chip_rows.py RESULTS [PROTOCOL ...]``; a finished cell is not measured again.

Three quantizers at 4 and 8 bits on three chips for each protocol, by default for both references of CIFAR-10. GPTQ is
of the distribution snnbench-calibrated.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import snnbench

PROTOCOLS = ("cifar10-sew8-v4", "cifar10-sew8-v3")
CHIPS = ("int", "loihi", "speck")
QUANTIZERS = {"uniform": {"clip": "absmax"}, "lqnet": {}, "gptq": {}}


def cells(protocols: tuple[str, ...]):
    """By bits; and each protocol starts with another chip, so that an early end has some of everything."""
    for bits, turn in product((4, 8), range(len(CHIPS))):
        for index, protocol in enumerate(protocols):
            chip = CHIPS[(turn + index) % len(CHIPS)]
            for quantizer, options in QUANTIZERS.items():
                yield protocol, chip, quantizer, options, bits


def main() -> None:
    out, *protocols = sys.argv[1:]
    for protocol, chip, quantizer, options, bits in cells(tuple(protocols) or PROTOCOLS):
        (done,) = snnbench.run(quantizer, bits, options=options, protocol=protocol, chip=chip, out=Path(out))
        gap = done.record.chip
        change = f"{100 * gap.accuracy.value:.2f} % ({100 * gap.accuracy_change.value:+.2f})"
        sys.stdout.write(f"{datetime.now(UTC):%H:%M} {done.directory}: {change}, {done.record.seconds} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
