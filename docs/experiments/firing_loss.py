"""Fine-tuning at 2 bits on digits, with and without the firing distance in the loss; prints a Markdown table.

Run: python docs/experiments/firing_loss.py uniform lqnet (about ten minutes a quantizer on two cores)
"""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import mean, stdev

import torch
from scipy.stats import t as student

from snnbench.bench.bench import Bench, open_bench
from snnbench.bench.quantized import make_quantized
from snnbench.bench.run import make_cells
from snnbench.functional import firing_drift, firing_emd
from snnbench.records.cell import quantizer_spec
from snnbench.reporting import Silent

STRENGTHS = (0.0, 0.1, 1.0, 10.0)
SEEDS = (0, 1, 2)


def with_strength(bench: Bench, strength: float) -> Bench:
    """The same bench, its fine-tuning regularized."""
    regularize = {"firing_emd": strength} if strength else {}
    finetune = bench.protocol.finetune.model_copy(update={"regularize": regularize})
    return replace(bench, protocol=bench.protocol.model_copy(update={"finetune": finetune}))


def measure(quantizer: str, strength: float, seed: int) -> tuple[float, float, float]:
    """Accuracy, EMD and drift of one fine-tuned network."""
    bench = with_strength(open_bench("digits-sew8"), strength)
    (cell,) = make_cells(bench, [quantizer_spec(quantizer, 2, {})], None, "qat", seed)
    evaluation = bench.evaluate(make_quantized(bench, cell, Silent()).model, "", Silent())
    labels = torch.from_numpy(bench.test_set()[1])
    reference = bench.reference(Silent())
    accuracy = float((evaluation.predictions == labels).double().mean())
    profiles = evaluation.profile, reference.profile
    return accuracy, float(firing_emd(*profiles)), float(firing_drift(*profiles))


def shown(values: list[float], scale: float, digits: int) -> str:
    """Mean and half width of its 95 % t interval over seeds."""
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f"{scale * mean(values):.{digits}f} ± {scale * half:.{digits}f}"


def main() -> None:
    """Print one row for each quantizer and strength."""
    sys.stdout.write("| quantizer | strength | accuracy % | EMD | drift |\n|---|---|---|---|---|\n")
    for quantizer in sys.argv[1:]:
        for strength in STRENGTHS:
            accuracy, emd, drift = zip(*(measure(quantizer, strength, seed) for seed in SEEDS), strict=True)
            row = (shown([*accuracy], 100, 1), shown([*emd], 1, 4), shown([*drift], 1, 4))
            sys.stdout.write(f"| {quantizer} | {strength:g} | {' | '.join(row)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
