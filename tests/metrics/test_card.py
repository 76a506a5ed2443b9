"""The report card's metrics: over batches they are the functions over all samples."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torchmetrics import MetricCollection

from snnbench.errors import FiringError
from snnbench.functional import (
    accuracy_by_step,
    agreement_by_step,
    brier_score,
    early_exit,
    events_by_step,
    negative_log_likelihood,
    peak_load,
    van_rossum_distance,
)
from snnbench.metrics.confidence import BrierScore, ExitSteps, LogLikelihood, StepAccuracy, StepAgreement
from snnbench.metrics.trains import PeakEvents, VanRossumDistance

GENERATOR = torch.Generator().manual_seed(0)
STEPS, OTHERS = (torch.randn(4, 30, 5, generator=GENERATOR) for _ in range(2))
LABELS = torch.randint(5, (30,), generator=GENERATOR)
SPIKES, REFERENCE = (
    {
        "a": (torch.rand(4, 30, 6, generator=GENERATOR) < 0.4).float(),
        "b": (torch.rand(4, 30, 2, 3, generator=GENERATOR) < 0.2).float(),
    }
    for _ in range(2)
)
PARTS = (slice(0, 7), slice(7, 30))

CASES = {
    "brier": (BrierScore(), lambda p: (STEPS[0, p], LABELS[p]), brier_score(STEPS[0], LABELS)),
    "nll": (LogLikelihood(), lambda p: (STEPS[0, p], LABELS[p]), negative_log_likelihood(STEPS[0], LABELS)),
    "accuracy": (StepAccuracy(), lambda p: (STEPS[:, p], LABELS[p]), accuracy_by_step(STEPS, LABELS)),
    "agreement": (StepAgreement(), lambda p: (STEPS[:, p], OTHERS[:, p]), agreement_by_step(STEPS, OTHERS)),
    "exit": (ExitSteps(0.6), lambda p: (STEPS[:, p],), early_exit(STEPS, LABELS, 0.6).steps),
}


@pytest.mark.parametrize("name", CASES)
def test_batches_add_up(name):
    metric, arguments, whole = CASES[name]
    for part in PARTS:
        metric.update(*arguments(part))
    assert metric.compute().tolist() == pytest.approx(torch.as_tensor(whole, dtype=torch.float64).tolist(), rel=1e-12)
    metric.reset()
    for part in PARTS:
        metric(*arguments(part))
    assert metric.compute().tolist() == pytest.approx(torch.as_tensor(whole, dtype=torch.float64).tolist(), rel=1e-12)


def batch(spikes: dict[str, torch.Tensor], part: slice) -> dict[str, torch.Tensor]:
    return {name: each[:, part] for name, each in spikes.items()}


def test_van_rossum_over_batches_and_layers():
    metric = VanRossumDistance(tau=2.0)
    for part in PARTS:
        metric.update(batch(SPIKES, part), batch(REFERENCE, part))
    flat = [torch.cat([each.flatten(2) for each in spikes.values()], 2) for spikes in (SPIKES, REFERENCE)]
    assert float(metric.compute()) == pytest.approx(van_rossum_distance(*flat, 2.0), rel=1e-6)


def test_peak_events_over_batches():
    metric = PeakEvents(limit=3)
    for part in PARTS:
        metric.update(batch(SPIKES, part))
    expected = peak_load({name: events_by_step(each) for name, each in SPIKES.items()}, 3)
    assert metric.peak() == expected
    assert metric.compute()["over_limit"] == expected.over_limit
    with pytest.raises(FiringError, match="layer 'b': events of shape none came after"):
        metric.update({"a": SPIKES["a"]})


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric .* was called before:UserWarning")
@pytest.mark.parametrize("metric", [BrierScore(), StepAccuracy(), ExitSteps(), VanRossumDistance(), PeakEvents()])
def test_nothing_seen_is_no_number(metric):
    with pytest.raises(FiringError, match=r"has (seen|counted) no"):
        metric.compute()


def rebuilt(metric: PeakEvents) -> list[PeakEvents]:
    """Metrics that got what another has counted: by its state dict, merged into nothing, and merged into a copy."""
    metric.persistent(True)
    loaded, merged, doubled = PeakEvents(limit=3), PeakEvents(limit=3), deepcopy(metric)
    loaded.load_state_dict(metric.state_dict())
    merged.merge_state(metric)
    doubled.merge_state(metric)
    return [loaded, merged, doubled]


def test_peak_events_are_kept_and_merged_by_layer():
    metric, turned = PeakEvents(limit=3), PeakEvents(limit=3)
    metric.update(SPIKES)
    turned.update(dict(reversed(SPIKES.items())))
    for each in (*rebuilt(metric), turned):
        each.merge_state(turned)
        assert (each.peak().layer, each.peak().events) == ("a", metric.peak().events)


def test_metrics_of_other_options_are_other_metrics_of_a_collection():
    unsure = torch.zeros_like(STEPS)
    exits = MetricCollection({f"{each}%": ExitSteps(each / 100) for each in (50, 99)})
    for outputs in (unsure, STEPS):  # all take T steps of the first batch: equal states
        exits.update(outputs)
    for each, found in exits.compute().items():
        assert found == (4 + early_exit(STEPS, LABELS, int(each[:-1]) / 100).steps) / 2
    distances = MetricCollection({str(tau): VanRossumDistance(tau) for tau in (1, 5)})
    for reference in (SPIKES, REFERENCE):
        distances.update(SPIKES["a"], reference["a"])
    for tau, found in distances.compute().items():
        assert float(found) == pytest.approx(van_rossum_distance(SPIKES["a"], REFERENCE["a"], float(tau)) / 2)
    with pytest.raises(FiringError, match="same options"):
        ExitSteps(0.5).merge_state(exits["99%"])


def test_one_step_is_not_stretched_over_four():
    metric, short = StepAccuracy(), StepAccuracy()
    metric.update(STEPS, LABELS)
    short.update(STEPS[:1], LABELS)
    for mistake in (lambda: metric.merge_state(short), lambda: metric(STEPS[:1], LABELS)):
        with pytest.raises(FiringError, match="keep T fixed"):
            mistake()


def test_in_a_collection():
    collection = MetricCollection([BrierScore(), LogLikelihood()])
    collection.update(STEPS[0], LABELS)
    found = collection.compute()
    assert float(found["BrierScore"]) == pytest.approx(brier_score(STEPS[0], LABELS))
    assert float(found["LogLikelihood"]) == pytest.approx(negative_log_likelihood(STEPS[0], LABELS))
