"""What the page of an entry says in numbers: its scores beside the reference's, its costs, and what measured it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from snnbench.leaderboard.identity import command
from snnbench.records.record import Record
from snnbench.records.score import Score


class Line(NamedTuple):
    """A row of a table of scores, as it is printed; what is not measured is empty."""

    name: str
    value: str
    interval: str = ""
    reference: str = ""


class _Form(NamedTuple):
    """How a score is printed: its name with its unit, what it is multiplied by, and its format."""

    name: str
    scale: float
    form: str


_PERCENT = 100.0
_FORMS = {
    "accuracy": _Form("accuracy, %", _PERCENT, ".2f"),
    "accuracy_change": _Form("change of accuracy, points", _PERCENT, "+.2f"),
    "mcnemar_p": _Form("McNemar test of equal accuracy, p", 1.0, ".2g"),
    "firing_emd": _Form("firing EMD, spikes per step", 1.0, ".5f"),
    "firing_emd_mean": _Form("firing EMD, plain mean over layers", 1.0, ".5f"),
    "firing_emd_max": _Form("firing EMD, worst layer", 1.0, ".5f"),
    "firing_emd_pooled": _Form("firing EMD, all neurons as one", 1.0, ".5f"),
    "firing_drift": _Form("firing drift, spikes per step", 1.0, ".5f"),
    "firing_rate": _Form("mean firing rate, spikes per step", 1.0, ".5f"),
    "dead_fraction": _Form("dead neurons, %", _PERCENT, ".2f"),
    "saturated_fraction": _Form("saturated neurons, %", _PERCENT, ".3f"),
}
_MILLION = 1e6


def score_lines(record: Record) -> Iterator[Line]:
    """Every metric of the record, accuracy first, and the noise floor of the EMD."""
    reference = {name: score for name, score in record.reference if isinstance(score, Score)}
    for name in sorted(record.metrics, key=lambda name: list(_FORMS).index(name) if name in _FORMS else len(_FORMS)):
        form = _FORMS.get(name, _Form(name, 1.0, ".4g"))
        score, theirs = record.metrics[name], reference.get(name)
        yield Line(form.name, _value(score, form), _interval(score, form), _value(theirs, form) if theirs else "")
        if name == "firing_emd":
            yield Line("its noise floor (split halves)", _value(record.noise_floor, form))
            if record.seed_floor:
                yield Line("EMD between seeds of the reference", _value(record.seed_floor, form))
            if record.control:
                yield Line("its control (fine-tuned in full precision)", _value(record.control.firing_emd, form))


def cost_lines(record: Record) -> Iterator[Line]:
    """What running the network takes, in the mean an image."""
    cost, form = record.cost, _Form("synaptic events, millions", 1 / _MILLION, ".2f")
    yield Line(form.name, _value(cost.events, form), _interval(cost.events, form), _value(cost.reference_events, form))
    yield Line("multiply-accumulates, millions", f"{cost.macs / _MILLION:.2f}")
    energy = (cost.fixed_picojoule + cost.event_picojoule) / _MILLION
    yield Line("energy, 45 nm proxy, microjoules", f"{energy:.1f}")
    yield Line("memory (weights, parameters, membranes), KiB", f"{cost.memory_bits / 8192:.1f}")


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


def _value(score: Score, form: _Form) -> str:
    return f"failed: {score.reason}" if score.value is None else f"{form.scale * score.value:{form.form}}"


def _interval(score: Score, form: _Form) -> str:
    ends = (end for end in (score.low, score.high) if end is not None)
    return " to ".join(f"{form.scale * end:{form.form}}" for end in ends)
