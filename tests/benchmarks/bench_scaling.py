"""The cost of an evaluation over time steps and batch: measured on a grid, and drawn for the manual.

Writes ``scaling.json`` and ``scaling.svg`` into ``docs/``.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from snnbench.examine.pictures import render
from snnbench.examine.style import in_style, styles
from snnbench.nn import optimize, record_firing, sew_resnet8

DOCS = Path(__file__).parents[2] / "docs"
STEPS = (4, 8, 16, 32)
BATCHES = tuple(2**k for k in range(10))
WIDTH = 16
LEAST_SECONDS, LEAST_ROUNDS = 0.5, 2
LARGE = 256
"""From so many image-steps on, the cost of starting a pass no longer shows."""


class Point(NamedTuple):
    timesteps: int
    batch: int
    seconds: float

    @property
    def image_steps(self) -> int:
        return self.timesteps * self.batch


def measure(steps: Sequence[int], batches: Sequence[int]) -> list[Point]:
    """The best time of one batch, evaluated with its spikes counted, for every T and batch."""
    torch.manual_seed(0)
    model = optimize(sew_resnet8(WIDTH, bn_scale=2.0).to(memory_format=torch.channels_last)).eval()
    points = []
    for timesteps in steps:
        model.timesteps = timesteps
        for batch in batches:
            images = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
            with record_firing(model), torch.inference_mode():
                points.append(Point(timesteps, batch, _best(lambda images=images: model(images))))
    return points


def _best(work) -> float:
    found, until = [], perf_counter() + LEAST_SECONDS
    while len(found) < LEAST_ROUNDS or perf_counter() < until:
        start = perf_counter()
        work()
        found.append(perf_counter() - start)
    return min(found)


def exponent(points: Sequence[Point]) -> float:
    """k of the best fit seconds = c (T x batch)^k; 1 is linear."""
    large = [(point.image_steps, point.seconds) for point in points if point.image_steps >= LARGE]
    return float(np.polyfit(*np.log(np.array(large).T), 1)[0])


def draw(points: Sequence[Point]) -> Figure:
    """Seconds against T x batch, a line for each T, and the line of constant cost an image-step."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="T × batch", ylabel="seconds a batch")
    steps = sorted({point.timesteps for point in points})
    for timesteps, style in zip(steps, styles(len(steps)), strict=True):
        line = [(point.image_steps, point.seconds) for point in points if point.timesteps == timesteps]
        axes.plot(*zip(*line, strict=True), label=f"T = {timesteps}", **style)
    cheapest = min(point.seconds / point.image_steps for point in points)
    ends = np.array([min(point.image_steps for point in points), max(point.image_steps for point in points)])
    axes.plot(ends, cheapest * ends, color="grey", linestyle=":", label=f"{1e3 * cheapest:.2g} ms an image-step")
    axes.legend()
    return figure


def write(points: Sequence[Point]) -> None:
    """Write the measurements and the picture."""
    document = {
        "network": f"SEW-ResNet-8, width {WIDTH}, 32 x 32 images, float32, compiled, spikes counted",
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "exponent": exponent(points),
        "points": [point._asdict() for point in points],
    }
    (DOCS / "scaling.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    with in_style():
        (DOCS / "scaling.svg").write_bytes(render(draw(points), "svg"))


def bench_scaling(benchmark):
    points = benchmark.pedantic(measure, (STEPS, BATCHES), rounds=1)
    write(points)
    benchmark.extra_info.update(
        work="T = 4 to 32, batch 1 to 512: exponent of the cost",
        peer="linear in T x batch",
        ratio=exponent(points),
        target="<= 1.05",
    )
