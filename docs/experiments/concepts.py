"""The pictures of docs/concepts.md and docs/what-accuracy-hides.md: ``python docs/experiments/concepts.py``.

The first three are drawn from the evidence on the board `cifar10-sew8-v4`, the paired null from digits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.examine.pictures import cumulative, render
from snnbench.examine.style import REFERENCE, in_style, styles
from snnbench.files import write_atomically
from snnbench.functional import FiringProfile, firing_drift, firing_emd
from snnbench.functional.paired import Paired
from snnbench.records.evidence import read_evidence
from snnbench.training.batches import evaluation_batches

DOCS = Path(__file__).resolve().parents[1]
BOARD = DOCS.parent / "leaderboards" / "cifar10-sew8-v4"
LAYER = "blocks.2_1.layer1.neuron"
AXIS = "firing rate of a neuron (spikes per step)"
RATES = np.linspace(0, 1, 501)


def rates(pattern: str) -> torch.Tensor:
    """Every neuron's rate in one layer, in an entry or reference of the board."""
    (folder,) = BOARD.glob(pattern)
    profile = read_evidence(folder / "evidence.safetensors").profile
    return profile.rates()[LAYER].flatten()


def distribution() -> Figure:
    """What a firing distribution is: a histogram, and the same as a curve."""
    reference = rates("references/seed0-*")
    figure = Figure(figsize=(7.2, 2.7), layout="constrained")
    bars, curve = figure.subplots(1, 2)
    bars.hist(reference, bins=50, range=(0, 1), color=styles(1)[0]["color"])
    bars.set(xlabel=AXIS, ylabel="neurons", yscale="log")
    curve.plot(RATES, cumulative(reference), drawstyle="steps-post", **REFERENCE)
    curve.set(xlabel=AXIS, ylabel="fraction of neurons at or below", ylim=(0, 1))
    return figure


def distances() -> Figure:
    """What EMD sees and what drift sees, in the same layer of the same two networks."""
    reference, quantized = rates("references/seed0-*"), rates("entries/lqnet-2bit-ptq-seed0-*")
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    curves, cloud = figure.subplots(1, 2)
    style = {**styles(2)[1], "marker": None, "linestyle": "-"}
    curves.plot(RATES, cumulative(reference), drawstyle="steps-post", label="reference", **REFERENCE)
    curves.plot(RATES, cumulative(quantized), drawstyle="steps-post", label="lqnet, 2 bits", **style)
    area = cumulative(reference), cumulative(quantized)
    curves.fill_between(RATES, *area, step="post", color="0.8", linewidth=0)
    curves.set(xlabel=AXIS, ylabel="fraction of neurons at or below", xlim=(0, 0.5), ylim=(0.4, 1))
    curves.set_title(f"EMD {float(firing_emd(quantized, reference)):.4f}: the area between")
    curves.legend(loc="lower right")
    cloud.plot((0, 1), (0, 1), **REFERENCE)
    cloud.plot(reference, quantized, ".", markersize=1.5, color=style["color"], rasterized=True)
    cloud.set(xlabel="rate in the reference", ylabel="rate in the quantized network", xlim=(0, 1), ylim=(0, 1))
    cloud.set_title(f"drift {float(firing_drift(quantized, reference)):.4f}: the mean way to the line")
    return figure


def profiles() -> tuple[FiringProfile, FiringProfile]:
    """LQ-Net at 4 bits and its reference on the digits' test images."""
    bench, model = open_bench("digits-sew8", 0), snnbench.load("digits-sew8")
    networks, found = (snnbench.quantize(model, "lqnet", bits=4), model), []
    for network in networks:
        with torch.inference_mode(), snnbench.record_firing(network) as recorder:
            for batch in evaluation_batches(bench.test_set()[0], bench.normalise, 100):
                network(batch)
        found.append(recorder.profile())
    return found[0], found[1]


def null() -> Figure:
    """The measured EMD among those after random swaps of images between the two networks."""
    pair = Paired(*profiles())
    swapped = pair._reduced(pair._swapped, "weighted", None)
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.hist(swapped[1:], bins=40, color="0.7", label="after each of 1,000 random swaps")
    axes.axvline(swapped[0], color=styles(2)[1]["color"], label=f"as measured: {swapped[0]:.4f}")
    axes.axvline(pair.null().high, **REFERENCE, label="95 % of the swaps are below")
    axes.set(xlabel="firing EMD of lqnet at 4 bits, digits (spikes per step)", ylabel="swaps")
    axes.legend(loc="upper center")
    return figure


def main() -> None:
    """Draw them all."""
    for name, draw in {"firing": distribution, "emd-and-drift": distances, "paired-null": null}.items():
        with in_style():
            write_atomically(DOCS / "pictures" / f"{name}.svg", [render(draw(), "svg")])


if __name__ == "__main__":
    main()
