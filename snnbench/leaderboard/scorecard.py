"""What the page of an entry says in numbers: its scores beside the reference's, its costs, and what measured it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from snnbench.bench.costs import cost_views
from snnbench.bench.metric import Metric
from snnbench.bench.metrics import FIRING_EMD, METRICS
from snnbench.leaderboard.chip_columns import GAP_SCORES
from snnbench.records import words
from snnbench.records.record import Control, Record
from snnbench.records.score import Score


class Line(NamedTuple):
    """A row of a table of scores, as it is printed; what is not measured is empty."""

    name: str
    value: str
    interval: str = ""
    reference: str = ""


def score_lines(record: Record) -> Iterator[Line]:
    """Every metric of the record, and what its EMD is to be read with."""
    reference = {name: score for name, score in record.reference if isinstance(score, Score)}
    for metric in (METRICS[name] for name in METRICS if name in record.metrics):
        score, theirs = record.metrics[metric.name], reference.get(metric.name)
        yield Line(metric.label, _value(metric, score), metric.interval(score), _value(metric, theirs))
        if metric is FIRING_EMD:
            yield from _null_lines(record)
            yield Line("split-half distance of the reference", _value(metric, record.noise_floor))
            if record.seed_floor:
                yield Line("EMD between seeds of the reference", _value(metric, record.seed_floor))
            if record.control:
                yield Line("its control (fine-tuned in full precision)", _value(metric, record.control.firing_emd))
                yield from _control_lines(record.control)


def chip_lines(record: Record) -> Iterator[Line]:
    """What the cell's chip makes of the network, against float states."""
    if record.chip:
        for score in GAP_SCORES:
            yield Line(score.heading, score.text(record.chip), score.interval(record.chip))


def _null_lines(record: Record) -> Iterator[Line]:
    if record.paired_null:
        null = record.paired_null
        yield Line("paired null: 95 % of swapped EMDs are below", FIRING_EMD.text(null.high))
        yield Line("paired null, p", f"{null.p_value:.3f}")
    if record.reached:
        emd = record.reached.firing_emd
        yield Line("over the layers that quantization reaches", _value(FIRING_EMD, emd), FIRING_EMD.interval(emd))


def _control_lines(control: Control) -> Iterator[Line]:
    for what, distance in (
        ("from control to cell", control.to_cell),
        ("from control to control", control.to_other_seed),
    ):
        if distance:
            for name, score in (("EMD", distance.firing_emd), ("drift", distance.firing_drift)):
                yield Line(f"{name} {what}", _value(FIRING_EMD, score), FIRING_EMD.interval(score))


def cost_lines(record: Record) -> Iterator[Line]:
    """What running the network takes, in the mean an image."""
    for model in cost_views(record):
        score = model.of(record)
        if score is not None:
            ends = (end for end in (score.low, score.high) if end is not None)
            yield Line(model.title, model.text(score.value), " to ".join(map(model.text, ends)))


def environment_lines(record: Record) -> Iterator[tuple[str, str]]:
    """When and with what the record was measured."""
    environment, quantizer = record.environment, record.cell.quantizer
    yield "measured", f"{record.started.replace('T', ' ')}, in {record.seconds:.0f} s"
    yield "machine", f"{environment.device}, {environment.processor}, {environment.platform}"
    yield "engine", f"{environment.engine}, {environment.threads} thread{'s'[: environment.threads > 1]}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    yield "quantizer from", f"{quantizer.distribution} {quantizer.version}"
    if environment.git:
        yield "commit", environment.git
    yield "baseline", f"SHA-256 {record.cell.weights}"
    yield "key", record.key


def reproduction(record: Record) -> str:
    """What to type to measure the record's cell again."""
    specs = filter(None, (record.cell.quantizer, record.cell.membrane))
    plugins = {f"pip install {s.distribution}=={s.version}" for s in specs if s.distribution != "snnbench"}
    return "\n".join([*sorted(plugins), words.command(record.cell)])


def _value(metric: Metric, score: Score | None) -> str:
    if score is None:
        return ""
    return metric.shown(score) if score.reason is None else f"failed: {score.reason}"
