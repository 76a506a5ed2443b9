"""Pictures of a study: EMD against bits, accuracy against EMD, EMD by layer, and the firing of the extreme cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.examine.pictures import cumulative, render
from snnbench.examine.style import FLOOR, REFERENCE, in_style, styles
from snnbench.files import write_atomically
from snnbench.paper.cases import Case, Rows
from snnbench.paper.study import Study, null_of

_WIDTH = 7.2
_METHODS = (("uniform", "narrow"), ("uniform", "wide"), ("lqnet", "narrow"), ("lqnet", "wide"))
_ENDS = 2


def draw_study(study: Study, folder: Path) -> list[tuple[str, Path]]:
    """Draw every picture for which there are rows, into `folder`, as SVG; captions and files."""
    written = []
    for board in {rows.board.name: rows.board for rows in study.rows}.values():
        rows = [each for each in study.rows if each.board is board and each.quantized]
        for name, caption, draw in _PICTURES:
            with in_style():
                figure = draw(rows) if rows else None
                if figure is not None:
                    figure.suptitle(f"{caption}\n{board.name}", fontsize=10)
                    path = folder / f"{board.name}-{name}.svg"
                    write_atomically(path, [render(figure, "svg")])
                    written.append((f"{board.name}: {caption}", path))
    return written


def bits_picture(rows: Sequence[Rows]) -> Figure | None:
    """EMD to the reference against bits, by method and clip, seed 0; with nulls, the seed floor and the control."""
    shown = [(each, methods) for each in rows if any(methods := _by_method(each))]
    if not shown:
        return None
    figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (each, methods) in zip(panels, shown, strict=True):
        for method, cases, style in zip(_METHODS, methods, styles(len(_METHODS)), strict=True):
            _curve(axes, cases, ", ".join(method), style)
        _lines(axes, each)
        axes.set(title=each.mode, xlabel="bits", yscale="log", xticks=[2, 4, 6, 8])
    panels[0].set_ylabel("EMD to the reference (spikes per step)")
    return _with_legend(figure)


def _by_method(rows: Rows) -> list[list[Case]]:
    found = (rows.find(quantizer=quantizer, clip=clip, membrane=None) for quantizer, clip in _METHODS)
    return [[case for case in cases if _plain(case)] for cases in found]


def _plain(case: Case) -> bool:
    """Of seed 0, on the grid and with the codes that the claims are about."""
    axes = case.axes
    return case.seed == 0 and axes.get("grid", "endpoint") == "endpoint" and axes.get("codes", "signed") == "signed"


def _curve(axes: Axes, cases: Sequence[Case], label: str, style: dict[str, Any]) -> None:
    found = sorted(cases, key=_bits)
    axes.plot([_bits(case) for case in found], [case.value(FIRING_EMD.name) for case in found], label=label, **style)
    nulls = [(_bits(case), null.high) for case in found if (null := null_of(case))]
    if nulls:
        axes.plot(*zip(*nulls, strict=True), color=style["color"], marker="_", linestyle="none", alpha=0.6)


def _bits(case: Case) -> int:
    return case.record.cell.quantizer.bits


def _lines(axes: Axes, rows: Rows) -> None:
    floors = {case.seed_floor.value for case in rows.cases if case.seed_floor and case.seed == 0}
    for floor in filter(None, floors):
        axes.axhline(floor, label="between references of two seeds", **FLOOR)
    controls = {case.control.firing_emd.value for case in rows.cases if case.control and case.seed == 0}
    for control in filter(None, controls):
        axes.axhline(control, color="0.2", linewidth=1, label="control")


def accuracy_picture(rows: Sequence[Rows]) -> Figure:
    """Accuracy against EMD, every quantized cell."""
    figure = Figure(figsize=(_WIDTH, 4.4), layout="constrained")
    axes = figure.subplots()
    names = sorted({case.record.cell.quantizer.name for each in rows for case in each.quantized})
    names.sort(key=lambda name: name not in ("lqnet", "uniform"))  # the paper's two never share a colour
    for each in rows:
        for name, style in zip(names, styles(len(names)), strict=True):
            cases = [case for case in each.quantized if case.record.cell.quantizer.name == name]
            points = [(case.value(FIRING_EMD.name), 100 * case.value(ACCURACY.name)) for case in cases]
            if points:
                fill = "full" if each.mode == "ptq" else "none"
                mark = {"color": style["color"], "marker": style["marker"], "fillstyle": fill, "linestyle": "none"}
                axes.plot(*zip(*points, strict=True), label=f"{name} {each.mode}", **mark)
    references = [case.record.reference.accuracy.value for each in rows for case in each.cases if case.seed == 0]
    for reference in filter(None, references[:1]):
        axes.axhline(100 * reference, label="reference, seed 0", **REFERENCE)
    axes.set(xscale="log", xlabel="EMD to the reference (spikes per step)", ylabel="accuracy (%)")
    return _with_legend(figure)


def layers_picture(rows: Sequence[Rows]) -> Figure | None:
    """EMD of each layer, in network order: 2 and 4 bits of each method and clip, seed 0."""
    chosen = [case for each in rows for case in each.find(bits=(2, 4), membrane=None) if _is_shown(case)]
    if not chosen:
        return None
    figure = Figure(figsize=(_WIDTH, 4.4), layout="constrained")
    axes = figure.subplots()
    names = [row.layer for row in chosen[0].record.layers]
    for case, style in zip(chosen, styles(len(chosen)), strict=True):
        distances = [row.firing_emd or np.nan for row in case.record.layers]  # a logarithmic axis has no 0
        axes.plot(range(len(names)), distances, label=f"{case} {case.record.cell.mode}", **style)
    short = [name.removeprefix("blocks.").removesuffix(".neuron") for name in names]
    axes.set_xticks(range(len(names)), short, rotation=60, ha="right", fontsize=7)
    axes.set(yscale="log", ylabel="EMD (spikes per step)")
    return _with_legend(figure)


def _is_shown(case: Case) -> bool:
    return _plain(case) and (case.axes["quantizer"], case.axes.get("clip")) in _METHODS


def rates_picture(rows: Sequence[Rows]) -> Figure | None:
    """Cumulative distribution of all neurons' rates: the cells of seed 0 with the largest and smallest EMDs."""
    cases = [case for each in rows for case in each.quantized if case.seed == 0 and case.emd.value]
    if not cases:
        return None
    ordered = sorted(cases, key=lambda case: case.value(FIRING_EMD.name))
    extreme = list(dict.fromkeys([*ordered[:_ENDS], *ordered[-_ENDS:]]))
    figure = Figure(figsize=(_WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    grid = np.linspace(0, 1, 501)
    reference = extreme[0].board.reference(extreme[0].entry.note.reference).profile
    axes.plot(grid, cumulative(_pooled(reference)), label="reference", **REFERENCE)
    for case, style in zip(extreme, styles(len(extreme)), strict=True):
        label = f"{case} {case.record.cell.mode}: EMD {case.emd.value:.4f}"
        axes.plot(grid, cumulative(_pooled(case.entry.evidence.profile)), label=label, **{**style, "marker": None})
    axes.set(xlim=(-0.01, 0.81), xlabel="firing rate (spikes per step)", ylabel="fraction of neurons")
    return _with_legend(figure)


def _pooled(profile: Any) -> torch.Tensor:
    return torch.cat([rates.flatten() for rates in profile.rates().values()])


def _with_legend(figure: Figure) -> Figure:
    """One legend for all panels, of what any of them shows."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if not isinstance(handle, Line2D) or len(np.asarray(handle.get_xdata())):
                named.setdefault(label, handle)
    columns = max(1, min(4, 110 // (max(map(len, named), default=0) + 8)))
    figure.legend(named.values(), named, loc="outside lower center", ncols=columns)
    return figure


_PICTURES: tuple[tuple[str, str, Callable[[Sequence[Rows]], Figure | None]], ...] = (
    ("bits", "EMD against bits", bits_picture),
    ("accuracy", "Accuracy against EMD", accuracy_picture),
    ("layers", "EMD by layer", layers_picture),
    ("rates", "Firing rates of the extreme cells, cumulative", rates_picture),
)
