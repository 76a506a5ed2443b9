"""Figures of the site, as Plotly's plain data and layout."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from plotly import graph_objects

from snnbench.functional import FiringProfile
from snnbench.leaderboard.columns import network
from snnbench.leaderboard.ranking import Row

_BINS = 40
_COLOURS = {"float": "#8c959f", "uniform": "#d1570a", "lqnet": "#3b82d6"}
_OTHERS = ("#2da44e", "#a371f7", "#bf8700", "#e85aad")


def scatter_figure(rows: Sequence[Row]) -> dict[str, Any]:
    """Accuracy in percent against the EMD, logarithmic; the area of a point is its packed size."""
    figure = graph_objects.Figure()
    shown = [row for row in rows if row.entry.record.value("firing_emd")]
    names = list(dict.fromkeys(row.entry.record.cell.quantizer.name for row in shown))
    others = iter(_OTHERS * (1 + len(names) // len(_OTHERS)))
    for name in names:
        own = [row for row in shown if row.entry.record.cell.quantizer.name == name]
        figure.add_trace(_points(name, own, _COLOURS.get(name) or next(others)))
    for floor in sorted({row.entry.record.noise_floor.value or 0.0 for row in rows}):
        if floor:
            figure.add_vline(x=floor, line_dash="dash", line_color="#8c959f")
    figure.update_layout(
        template="none",
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        legend={"orientation": "h", "y": 1.08},
        xaxis={"title": {"text": "firing EMD, spikes per step"}, "type": "log"},
        yaxis={"title": {"text": "accuracy %"}},
    )
    return figure.to_plotly_json()  # type: ignore[no-any-return]


def rates_figures(profile: FiringProfile, reference: FiringProfile) -> dict[str, dict[str, Any]]:
    """One figure a layer: fraction of its neurons by firing rate, the network over the reference."""
    theirs = reference.rates()
    return {name: _rates_figure(rates, theirs[name]) for name, rates in profile.rates().items()}


def _rates_figure(rates: torch.Tensor, reference: torch.Tensor) -> dict[str, Any]:
    figure = graph_objects.Figure(
        [_steps("reference", reference, "#8c959f"), _steps("quantized", rates, "#d1570a")],
        layout={
            "template": "none",
            "margin": {"l": 45, "r": 10, "t": 10, "b": 30},
            "showlegend": False,
            "xaxis": {"range": [0, 1]},
        },
    )
    return figure.to_plotly_json()  # type: ignore[no-any-return]


def _points(name: str, rows: Sequence[Row], colour: str) -> graph_objects.Scatter:
    records = [row.entry.record for row in rows]
    texts = [f"{network(row)}, {row.entry.record.cell.quantizer.bits} bits" for row in rows]
    return graph_objects.Scatter(
        name=name,
        mode="markers",
        x=[record.value("firing_emd") for record in records],
        y=[100 * (record.value("accuracy") or 0.0) for record in records],
        text=texts,
        customdata=[f"{row.entry.name}.html" for row in rows],
        marker={"size": [_diameter(record.audit.packed_bits) for record in records], "color": colour, "opacity": 0.8},
        hovertemplate="%{text}<br>accuracy %{y:.2f} %<br>EMD %{x:.4f}<extra></extra>",
    )


def _diameter(bits: int) -> float:
    """Pixels; the area grows with the packed size."""
    return max(6.0, sqrt(bits / 8192) * 1.6)


def _steps(label: str, rates: torch.Tensor, colour: str) -> graph_objects.Scatter:
    heights = torch.histc(rates.flatten().float(), _BINS, 0, 1) / rates.numel()
    edges = torch.linspace(0, 1, _BINS + 1)
    return graph_objects.Scatter(
        name=label,
        x=[round(float(edge), 4) for edge in (edges[1:] + edges[:-1]) / 2],
        y=[round(float(height), 6) for height in heights],
        mode="lines",
        line={"shape": "hvh", "color": colour, "width": 2},
    )
