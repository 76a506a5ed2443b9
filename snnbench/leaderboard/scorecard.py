"""What the page of an entry says in numbers: its scores beside the reference's, its costs, and what measured it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from snnbench.bench.costs import COSTS
from snnbench.bench.metrics import FIRING_EMD, METRICS, Metric
from snnbench.leaderboard.identity import command
from snnbench.records.record import Record
from snnbench.records.score import Score


class Line(NamedTuple):
    """A row of a table of scores, as it is printed; what is not measured is empty."""

    name: str
    value: str
    interval: str = ""
    reference: str = ""


def score_lines(record: Record) -> Iterator[Line]:
    """Every metric of the record, and the noise floor of the EMD."""
    reference = {name: score for name, score in record.reference if isinstance(score, Score)}
    for metric in (METRICS[name] for name in METRICS if name in record.metrics):
        score, theirs = record.metrics[metric.name], reference.get(metric.name)
        yield Line(metric.label, _value(metric, score), metric.interval(score), _value(metric, theirs))
        if metric is FIRING_EMD:
            yield Line("its noise floor (split halves)", _value(metric, record.noise_floor))
            if record.seed_floor:
                yield Line("EMD between seeds of the reference", _value(metric, record.seed_floor))
            if record.control:
                yield Line("its control (fine-tuned in full precision)", _value(metric, record.control.firing_emd))


def cost_lines(record: Record) -> Iterator[Line]:
    """What running the network takes, in the mean an image."""
    for model in COSTS.values():
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
    return "\n".join([*sorted(plugins), command(record)])


def _value(metric: Metric, score: Score | None) -> str:
    if score is None:
        return ""
    return metric.shown(score) if score.reason is None else f"failed: {score.reason}"
