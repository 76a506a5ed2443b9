"""Every metric that a protocol may name. Imports no torch, so that results list fast.

A metric is one entry here and one function of `snnbench.functional`; a protocol that names it is a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import inf
from typing import TYPE_CHECKING, Any

from snnbench.bench.metric import PER_STEP, Metric

if TYPE_CHECKING:
    from snnbench.bench.scored import Scored
    from snnbench.functional import Estimate
    from snnbench.records.record import Record


def _percent(name: str, title: str, compute: Callable[[Any, Scored], Estimate | float], **rest: Any) -> Metric:
    return Metric(name, title, "%", 100, compute=compute, **{"format": ".2f", "better": None, **rest})


def _distance(name: str, title: str, compute: Callable[[Any, Scored], Estimate | float], **rest: Any) -> Metric:
    return Metric(name, title, PER_STEP, 1, ".4f", "lower", compute, distance=True, **rest)


def _steps(step_logits: Any) -> Any:
    """Outputs at each step as functions take them, (T, N, classes)."""
    return step_logits.transpose(0, 1)


def _area(functional: Any, scored: Any, by_step: Any) -> Estimate:
    """Area under the mean over images of what holds after each step, bool (T, N)."""
    found: Estimate = scored.of_images(
        lambda seen: functional.area_under_steps(seen["holds"].double().mean(0)), holds=by_step.T
    )
    return found


def _mean(scored: Any, values: Any, bounds: tuple[float, float] = (0, 1)) -> Estimate:
    found: Estimate = scored.of_images(lambda seen: float(seen["values"].double().mean()), bounds, values=values)
    return found


def _share(functional: Any, holds: Any) -> Estimate:
    found: Estimate = functional.wilson_interval(int(holds.sum()), len(holds))
    return found


ACCURACY = _percent(
    "accuracy",
    "accuracy",
    lambda F, s: _share(F, s.correct),
    better="higher",
    needs=("predictions",),
    heading="accuracy %",
    about="test accuracy",
)
ACCURACY_CHANGE = Metric(
    "accuracy_change",
    "change of accuracy",
    "points",
    100,
    "+.2f",
    "higher",
    lambda F, s: F.accuracy_change(s.correct, s.reference_correct),
    needs=("predictions",),
    heading="change",
    about="accuracy minus the reference's, points",
)
FIRING_EMD = _distance(
    "firing_emd",
    "firing EMD",
    lambda F, s: s.emd(),
    heading="firing EMD",
    about="1-Wasserstein distance of firing rates to the reference's, spikes per step",
)
EMDS = (
    FIRING_EMD,
    _distance("firing_emd_mean", "firing EMD, plain mean over layers", lambda F, s: s.emd("mean")),
    _distance("firing_emd_max", "firing EMD, worst layer", lambda F, s: s.emd("max")),
)
"""EMDs whose interval is that of a true EMD (`snnbench.functional.emd_interval`)."""

FIRING_DRIFT = _distance(
    "firing_drift",
    "firing drift",
    lambda F, s: s.drift(),
    heading="drift",
    about="mean change of a neuron's rate, spikes per step",
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        ACCURACY_CHANGE,
        Metric(
            "mcnemar_p",
            "McNemar test, p",
            "",
            1,
            ".2g",
            None,
            lambda F, s: F.mcnemar_test(s.correct, s.reference_correct).p_value,
            needs=("predictions",),
        ),
        _percent(
            "agreement",
            "agreement",
            lambda F, s: _share(F, s.evaluation.predictions == s.reference.predictions),
            better="higher",
            needs=("predictions",),
        ),
        _percent(
            "flips",
            "flips",
            lambda F, s: _share(F, s.correct ^ s.reference_correct),
            better="lower",
            needs=("predictions",),
        ),
        _percent(
            "negative_flips",
            "flips, right to wrong",
            lambda F, s: _share(F, s.reference_correct & ~s.correct),
            better="lower",
            needs=("predictions",),
        ),
        *EMDS,
        _distance(
            "firing_emd_pooled",
            "firing EMD, all neurons as one",
            lambda F, s: s.against_reference(F.firing_emd, "pooled"),
        ),
        _distance(
            "firing_emd_channel",
            "firing EMD of channels",
            lambda F, s: s.against_reference(F.firing_emd, units="channel"),
        ),
        FIRING_DRIFT,
        _percent(
            "dead_fraction",
            "dead neurons",
            lambda F, s: s.alone(lambda profile: F.dead_fraction(profile, s.rules.dead_below)),
            format=".1f",
            heading="dead %",
            about="neurons with a rate below the protocol's threshold",
        ),
        Metric(
            "firing_rate",
            "firing rate",
            PER_STEP,
            1,
            ".4f",
            None,
            lambda F, s: s.alone(lambda profile: profile.mean_rate()),
            heading="rate",
            about="mean firing rate, spikes per step",
        ),
        _percent(
            "saturated_fraction",
            "saturated neurons",
            lambda F, s: s.alone(lambda profile: F.saturated_fraction(profile, s.rules.saturated_above)),
            format=".3f",
        ),
        _percent(
            "calibration_error",
            "calibration error",
            lambda F, s: s.of_images(
                lambda seen: F.expected_calibration_error(seen["logits"], seen["labels"]), logits=s.logits
            ),
            better="lower",
            needs=("logits",),
            heading="ECE %",
            about="expected calibration error, 15 bins of confidence",
        ),
        Metric(
            "nll",
            "log likelihood, negative",
            "nats",
            1,
            ".4f",
            "lower",
            lambda F, s: s.of_images(
                lambda seen: F.negative_log_likelihood(seen["logits"], seen["labels"]), (0, inf), logits=s.logits
            ),
            needs=("logits",),
        ),
        Metric(
            "brier",
            "Brier score",
            "",
            1,
            ".4f",
            "lower",
            lambda F, s: s.of_images(
                lambda seen: F.brier_score(seen["logits"], seen["labels"]), (0, 2), logits=s.logits
            ),
            needs=("logits",),
        ),
        _percent(
            "accuracy_area",
            "accuracy, mean over steps",
            lambda F, s: _area(F, s, F.correct_by_step(_steps(s.step_logits), s.labels)),
            better="higher",
            needs=("step_logits",),
        ),
        _percent(
            "agreement_area",
            "agreement, mean over steps",
            lambda F, s: _area(F, s, F.agreeing_by_step(_steps(s.step_logits), _steps(s.reference_step_logits))),
            better="higher",
            needs=("step_logits",),
        ),
        Metric(
            "exit_steps",
            "steps until 90 % sure",
            "steps",
            1,
            ".2f",
            "lower",
            lambda F, s: _mean(s, F.exits(_steps(s.step_logits), s.labels)[0], (1, inf)),
            needs=("step_logits",),
            heading="exit",
            about="steps until the softmax of the mean output reaches 0.9",
        ),
        _percent(
            "exit_accuracy",
            "accuracy if stopped there",
            lambda F, s: _mean(s, F.exits(_steps(s.step_logits), s.labels)[1]),
            better="higher",
            needs=("step_logits",),
        ),
        Metric(
            "peak_events",
            "peak load",
            "spikes an image",
            1,
            ".1f",
            "lower",
            lambda F, s: F.peak_load(s.events).events,
            needs=("events",),
            heading="peak",
            about="spikes an image of the busiest layer and step",
        ),
        Metric(
            "peak_events_p99",
            "peak load, p99",
            "spikes an image",
            1,
            ".0f",
            "lower",
            lambda F, s: F.peak_load(s.events).p99,
            needs=("events",),
        ),
        _percent(
            "over_limit",
            "images over the limit",
            lambda F, s: _share(F, F.beyond_limit(s.events, s.rules.event_limit)),
            better="lower",
            needs=("events",),
        ),
        Metric(
            "van_rossum",
            "van Rossum, tau 1 step",
            "",
            1,
            ".4f",
            "lower",
            lambda F, s: _mean(s, s.distances, (0, inf)),
            needs=("distances",),
            distance=True,
        ),
        Metric(
            "latency_shift",
            "first spike later by",
            "steps",
            1,
            "+.4f",
            None,
            lambda F, s: s.of_images(lambda seen: F.mean_shift(seen["shifts"]), (-inf, inf), shifts=s.latencies),
            needs=("latencies",),
        ),
        Metric(
            "membrane_bits",
            "membrane bits, unit theta/256",
            "bits",
            1,
            ".0f",
            "lower",
            lambda F, s: max(F.state_bits(low, high, 1 / 256) for low, high in s.potentials.tolist()),
            needs=("potentials",),
        ),
    )
}
"""Every metric by name, in the order in which views show them."""


def kept_for(names: Collection[str]) -> frozenset[str]:
    """What of each image the metrics of these names need, beside its predicted class: it is kept where they do."""
    needs = (need for name, metric in METRICS.items() if name in names for need in metric.needs)
    return frozenset(needs) - {"predictions", "profile"}


def columns(names: Collection[str]) -> list[Metric]:
    """The metrics among `names` that tables have a column for, in order."""
    return [metric for metric in METRICS.values() if metric.heading and metric.name in names]


def asked(records: Iterable[Record]) -> set[str]:
    """Names of the metrics that any of the records was asked for."""
    return {name for record in records for name in record.metrics}
