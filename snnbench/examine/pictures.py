"""The five pictures, and writing them as PNG and SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from snnbench.bench.metrics import ACCURACY, FIRING_EMD, asked, columns
from snnbench.examine.series import Series
from snnbench.examine.style import FLOOR, REFERENCE, in_style, method_styles
from snnbench.files import write_atomically
from snnbench.functional import FiringProfile, firing_emd
from snnbench.records.score import Score

PictureFormat = Literal["png", "svg"]
_WIDTH = 7.2
_GRID = np.linspace(0, 1, 501)
_LOG_FROM = 20
_ENTRY = 0.18  # inches of a line of the legend


def draw_all(
    series: Sequence[Series], reference: FiringProfile, out: Path, formats: Sequence[PictureFormat]
) -> list[Path]:
    """Draw every picture of `series` and write it to the folder `out`; the files, in order.

    ``rates``: for each layer, the distribution over neurons of their rates, in the network and in the reference; the
    area between the two curves is the layer's EMD. ``emd``: EMD per layer. ``accuracy``: accuracy against EMD.
    ``steps``: rates per time step. ``metrics``: every metric that tables show, a panel each.
    """
    pictures: dict[str, Callable[[], Figure]] = {
        "rates": lambda: rates_picture(series, reference),
        "emd": lambda: emd_picture(series),
        "accuracy": lambda: accuracy_picture(series),
        "steps": lambda: steps_picture(series, reference),
        "metrics": lambda: metrics_picture(series),
    }
    written = []
    for name, draw in pictures.items():
        with in_style():
            figure = draw()
            for kind in formats:
                written.append(out / f"{name}.{kind}")
                write_atomically(written[-1], [render(figure, kind)])
    return written


def render(figure: Figure, kind: PictureFormat) -> bytes:
    """The picture as a file's content; the same picture gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return buffer.getvalue()


def _styles(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Colours tell quantizers, markers and dashes their bits."""
    cells = [one.record.cell for one in series]
    return method_styles([(cell.quantizer.name, cell.quantizer.bits) for cell in cells])


def rates_picture(series: Sequence[Series], reference: FiringProfile) -> Figure:
    """Cumulative distribution over neurons of firing rates, a panel a layer."""
    theirs = reference.rates()
    mine = [one.profile.rates() for one in series]

    def panel(axes: Axes, layer: str) -> str:
        axes.plot(_GRID, cumulative(theirs[layer]), drawstyle="steps-post", label="reference", **REFERENCE)
        for one, rates, style in zip(series, mine, _styles(series), strict=True):
            curve = {**style, "markevery": len(_GRID) // 8, "markersize": 3}
            axes.plot(_GRID, cumulative(rates[layer]), drawstyle="steps-post", label=one.label, **curve)
        if len(series) > 1:
            return ""
        axes.fill_between(
            _GRID, cumulative(theirs[layer]), cumulative(mine[0][layer]), step="post", color="0.8", linewidth=0
        )
        return f"EMD {float(firing_emd(mine[0][layer], theirs[layer])):.4f}"

    figure = _panels(list(theirs), panel, "firing rate (spikes per step)", "fraction of neurons")
    for axes in figure.axes:
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    return _finished(figure, series, "Firing rates of the neurons of each layer, cumulative")


def steps_picture(series: Sequence[Series], reference: FiringProfile) -> Figure:
    """Mean rate of each layer at each time step."""
    theirs = reference.step_rates()
    mine = [one.profile.step_rates() for one in series]
    steps = np.arange(1, reference.timesteps + 1)

    def panel(axes: Axes, layer: str) -> str:
        axes.plot(steps, theirs[layer].numpy(), label="reference", **REFERENCE)
        for one, rates, style in zip(series, mine, _styles(series), strict=True):
            axes.plot(steps, rates[layer].numpy(), label=one.label, **style)
        return ""

    figure = _panels(list(theirs), panel, "time step", "mean rate (spikes per step)")
    for axes in figure.axes:
        axes.set_xticks(steps if len(steps) <= 8 else steps[:: ceil(len(steps) / 8)])
        axes.set_ylim(0, 1.1 * max(axes.get_ylim()[1], 1e-6))
    return _finished(figure, series, "Firing rate of each layer at each time step")


def emd_picture(series: Sequence[Series]) -> Figure:
    """EMD of each layer, in network order."""
    figure = Figure(figsize=(_WIDTH, 3.4), layout="constrained")
    axes = figure.subplots()
    layers = [row.layer for row in series[0].record.layers]
    for one, style in zip(series, _styles(series), strict=True):
        axes.plot(range(len(layers)), [row.firing_emd for row in one.record.layers], label=one.label, **style)
    floor = series[0].record.noise_floor.value
    if floor:
        axes.set_yscale("symlog", linthresh=floor)
        axes.set_ylim(bottom=-0.1 * floor)  # room for the marks of layers that did not change
        axes.axhline(floor, label="split-half distance (axis linear below it)", **FLOOR)
    axes.set_xticks(range(len(layers)), [_short(name) for name in layers], rotation=45, ha="right")
    axes.set(ylabel="EMD (spikes per step)")
    return _finished(figure, series, "How far each layer's firing is from the reference")


def accuracy_picture(series: Sequence[Series]) -> Figure:
    """Accuracy against EMD, each with its 95 % interval."""
    figure = Figure(figsize=(_WIDTH, 3.8), layout="constrained")
    axes, first = figure.subplots(), series[0].record
    for one, style in zip(series, _styles(series), strict=True):
        _cross(axes, one, style)
    if first.reference.accuracy.value is not None:
        axes.axhline(100 * first.reference.accuracy.value, label="reference", **REFERENCE)
    floor = first.noise_floor.value
    distances = [value for one in series if (value := one.record.value(FIRING_EMD.name))]
    wide = bool(distances) and max(distances) > _LOG_FROM * min(distances)
    if wide:
        linear = floor or min(distances)  # a distance of 0 has no place on a logarithmic axis
        axes.set_xscale("symlog", linthresh=linear)
        axes.set_xlim(-0.1 * linear, 1.5 * max(distances))  # room for a marker on either side
    if floor is not None:
        label = "split-half distance (axis linear below it)" if wide else "split-half distance"
        axes.axvline(floor, label=label, **FLOOR)
    axes.set(xlabel="EMD of firing rates (spikes per step)", ylabel="accuracy (%)")
    return _finished(figure, series, "Accuracy against the distance of the firing")


def metrics_picture(series: Sequence[Series]) -> Figure:
    """Each metric that tables show, with its 95 % interval, beside the reference's where it has one."""
    first = series[0].record
    metrics = {metric.label: metric for metric in columns(asked(one.record for one in series))}

    def panel(axes: Axes, label: str) -> str:
        metric = metrics[label]
        for place, (one, style) in enumerate(zip(series, _styles(series), strict=True)):
            score = metric.of(one.record)
            if score is not None and score.value is not None:
                reach, height = _reach(score, metric.scale), metric.scale * score.value
                axes.errorbar(place, height, yerr=reach, label=one.label, capsize=2, **{**style, "linestyle": "none"})
        own = getattr(first.reference, metric.name, None)
        if own is not None and own.value is not None:
            axes.axhline(metric.scale * own.value, label="reference", **REFERENCE)
        axes.set_xticks([])
        axes.margins(x=0.2)
        return ""

    return _finished(_panels(list(metrics), panel, "", ""), series, "Metrics")


def _cross(axes: Axes, one: Series, style: dict[str, Any]) -> None:
    metrics = one.record.metrics
    distance, accuracy = metrics.get(FIRING_EMD.name), metrics.get(ACCURACY.name)
    if distance is None or accuracy is None or distance.value is None or accuracy.value is None:
        return
    axes.errorbar(
        distance.value,
        100 * accuracy.value,
        xerr=_reach(distance, 1),
        yerr=_reach(accuracy, 100),
        label=one.label,
        capsize=2,
        elinewidth=1,
        color=style["color"],
        marker=style["marker"],
        linestyle="none",
        markersize=6,
    )


def _reach(score: Score, scale: float) -> list[list[float]] | None:
    if score.value is None or score.low is None or score.high is None:
        return None
    return [[scale * (score.value - score.low)], [scale * (score.high - score.value)]]


def cumulative(rates: Tensor) -> NDArray[np.float64]:
    """Fraction of neurons whose rate is at most x, for x = 0, 0.002, ..., 1."""
    ordered = np.sort(rates.detach().double().cpu().flatten().numpy())
    found: NDArray[np.float64] = np.searchsorted(ordered, _GRID + 1e-12, side="right") / len(ordered)
    return found


def _panels(layers: Sequence[str], draw: Callable[[Axes, str], str], x: str, y: str) -> Figure:
    columns = 3 if len(layers) <= 9 else 4
    rows = ceil(len(layers) / columns)
    figure = Figure(figsize=(_WIDTH, 1.55 * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, layer in zip(grid.flat, layers, strict=False):
        note = draw(axes, layer)
        axes.set_title(_short(layer) + (f": {note}" if note else ""))
    for axes in grid.flat[len(layers) :]:
        axes.remove()
    for axes in figure.axes[-columns:]:
        axes.set_xlabel(x, fontsize=8)
        axes.tick_params(labelbottom=True)
    figure.supylabel(y, fontsize=9)
    return figure


def _finished(figure: Figure, series: Sequence[Series], title: str) -> Figure:
    record = series[0].record
    limit = f", first {record.cell.limit} images" if record.cell.limit else ""
    figure.suptitle(f"{title}\n{record.cell.board}{limit}", fontsize=10)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    longest = max(map(len, labels))
    columns = max(1, min(len(labels), 100 // (longest + 8)))
    figure.set_figheight(figure.get_figheight() + _ENTRY * ceil(len(labels) / columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=min(8.5, 800 / longest))
    return figure


def _short(layer: str) -> str:
    return layer.removeprefix("blocks.").removesuffix(".neuron")
