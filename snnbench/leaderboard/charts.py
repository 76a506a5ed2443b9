"""Figures of the site, as Plotly's plain data and layout."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10, sqrt
from typing import Any

import torch
from plotly import graph_objects

from snnbench.bench.metrics import ACCURACY, FIRING_EMD, columns
from snnbench.functional import FiringProfile
from snnbench.leaderboard.ranking import Row
from snnbench.records.cell import Cell

_BINS = 40
_GREY = "#8c959f"
_COLOURS = (
    *("#d1570a", "#3b82d6", "#2da44e", "#a371f7", "#bf8700", "#e85aad", "#0f8a8a", "#c0392b"),
    *("#f2a65a", "#1f4e9c", "#8fd14f", "#6b3fa0", "#7a6a4f", "#f7a8c8", "#5cc8d6", "#7d1f1f"),
)
_LARGEST = 22.0
_NUMBERED = 60
"""Points; among more, numbers cover each other."""


def numbered(rows: Sequence[Row]) -> bool:
    """Whether `scatter_figure` writes a number of bits at each point."""
    return len(_shown(rows)) <= _NUMBERED


def scatter_figure(rows: Sequence[Row]) -> dict[str, Any]:
    """Accuracy in percent against the EMD, logarithmic; the area of a point is its packed size, its number its bits."""
    figure = graph_objects.Figure()
    shown, with_bits = _shown(rows), numbered(rows)
    largest = max((row.entry.record.audit.packed_bits for row in shown), default=1)
    first = min((row.entry.record.cell.seed for row in shown), default=0)
    for index, name in enumerate(sorted({_names(row) for row in shown})):
        own = sorted((row for row in shown if _names(row) == name), key=_bits)
        figure.add_trace(_points(name, own, _COLOURS[index % len(_COLOURS)], largest, with_bits, first))
    floors = sorted({floor for row in rows if (floor := row.entry.record.noise_floor.value)})
    for floor in floors:
        figure.add_vline(x=floor, line_dash="dash", line_color=_GREY)
    # One note for lines of several seeds: they lie too near for notes of their own.
    if floors:
        figure.add_annotation(_note("split halves", textangle=-90, x=log10(floors[0]), yref="paper", y=0.02))
    accuracies = sorted({row.entry.record.reference.accuracy.value or 0.0 for row in rows})
    for accuracy in accuracies:
        figure.add_hline(y=100 * accuracy, line_dash="dot", line_color=_GREY)
    if accuracies:
        told = "reference" if len(accuracies) == 1 else "reference of each seed"
        figure.add_annotation(_note(told, xref="paper", x=1, y=100 * accuracies[-1]))
    figure.update_layout(
        template="none",
        margin={"l": 56, "r": 16, "t": 16, "b": 48},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemsizing": "constant"},
        xaxis={"title": {"text": FIRING_EMD.label}, "type": "log", "dtick": 1, "tickformat": "~g"},
        yaxis={"title": {"text": "accuracy %"}},
    )
    return figure.to_plotly_json()  # type: ignore[no-any-return]


def rates_figures(profile: FiringProfile, reference: FiringProfile) -> dict[str, dict[str, Any]]:
    """One figure a layer: fraction of its neurons by firing rate, the network over the reference."""
    theirs = reference.rates()
    return {name: _rates_figure(rates, theirs[name]) for name, rates in profile.rates().items()}


def _rates_figure(rates: torch.Tensor, reference: torch.Tensor) -> dict[str, Any]:
    figure = graph_objects.Figure(
        [_steps("reference", reference, _GREY), _steps("quantized", rates, _COLOURS[0])],
        layout={
            "template": "none",
            "margin": {"l": 45, "r": 10, "t": 10, "b": 30},
            "showlegend": False,
            "hovermode": "x unified",
            "xaxis": {"range": [0, 1], "hoverformat": ".4~f"},
            "yaxis": {"tickformat": ".0%", "rangemode": "tozero", "nticks": 5},
        },
    )
    return figure.to_plotly_json()  # type: ignore[no-any-return]


def _shown(rows: Sequence[Row]) -> list[Row]:
    """Those with a place on a logarithmic axis, without a chip."""
    return [row for row in rows if row.entry.record.value(FIRING_EMD.name) and row.entry.record.chip is None]


def _names(row: Row) -> str:
    """What the legend calls it: its quantizers, without options, so that the legend leaves room for the points."""
    cell = row.entry.record.cell
    return f"{cell.quantizer.name} + membrane {cell.membrane.name}" if cell.membrane else cell.quantizer.name


def _points(
    name: str, rows: Sequence[Row], colour: str, largest: int, with_bits: bool, first_seed: int
) -> graph_objects.Scatter:
    records = [row.entry.record for row in rows]
    return graph_objects.Scatter(
        name=name,
        mode="markers+text" if with_bits else "markers",
        x=[record.value(FIRING_EMD.name) for record in records],
        y=[100 * (record.value(ACCURACY.name) or 0.0) for record in records],
        text=[_reached_bits(row) if row.entry.record.cell.seed == first_seed else "" for row in rows],
        textposition=[("top center", "bottom center")[place % 2] for place in range(len(rows))],
        hovertext=[_about(row) for row in rows],
        hoverinfo="text",
        customdata=[f"{row.entry.name}.html" for row in rows],
        marker={
            "size": [max(6.0, _LARGEST * sqrt(record.audit.packed_bits / largest)) for record in records],
            "symbol": [_symbol(record.cell, first_seed) for record in records],
            "color": colour,
            "opacity": 0.75,
            "line": {"width": [0 if record.cell.seed == first_seed else 2 for record in records]},
        },
    )


def _symbol(cell: Cell, first_seed: int) -> str:
    shape = "circle" if cell.mode == "ptq" else "diamond"
    return shape if cell.seed == first_seed else f"{shape}-open"


def _about(row: Row) -> str:
    record = row.entry.record
    told = [
        f"<b>{escape(row.label)}, {_bits(row)} bits</b>",
        *(f"{metric.title} {metric.shown(record.metrics[metric.name])}" for metric in columns(record.metrics)),
        f"packed {record.audit.packed_bits / 8192:.1f} KiB",
        f"{record.cell.mode}, seed {record.cell.seed}{', on the front' if row.on_front else ''}",
    ]
    return "<br>".join(told)


def _bits(row: Row) -> int:
    return row.entry.record.cell.quantizer.bits


def _reached_bits(row: Row) -> int:
    """Of the weights, or of the membrane where these are in float."""
    cell = row.entry.record.cell
    return cell.membrane.bits if cell.membrane and cell.quantizer.name == "float" else cell.quantizer.bits


def _note(text: str, **place: object) -> dict[str, Any]:
    """What is written beside a line."""
    font = {"size": 11, "color": _GREY}
    return {"text": text, "showarrow": False, "xanchor": "right", "yanchor": "bottom", "font": font, **place}


def _steps(label: str, rates: torch.Tensor, colour: str) -> graph_objects.Scatter:
    heights = torch.histc(rates.flatten().float(), _BINS, 0, 1) / rates.numel()
    edges = torch.linspace(0, 1, _BINS + 1)
    return graph_objects.Scatter(
        name=label,
        x=[round(float(edge), 4) for edge in (edges[1:] + edges[:-1]) / 2],
        y=[round(float(height), 6) for height in heights],
        mode="lines",
        line={"shape": "hvh", "color": colour, "width": 2},
        hovertemplate="%{y:.2%}",
    )
