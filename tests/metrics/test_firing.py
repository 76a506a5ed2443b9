"""The metrics of firing: streaming gives what all spikes at once give, and what does not fit is refused."""

from __future__ import annotations

import pytest
import torch

from snnbench.errors import FiringError
from snnbench.functional import (
    FiringProfile,
    dead_fraction,
    firing_drift,
    firing_emd,
    newly_dead_fraction,
    profile_emd,
    revived_fraction,
    saturated_fraction,
    silent_fraction,
    spike_mismatch,
    temporal_drift,
)
from snnbench.metrics import (
    DeadNeurons,
    FiringDrift,
    FiringEMD,
    FiringRate,
    NewlyDeadNeurons,
    ProfileEMD,
    RevivedNeurons,
    SaturatedNeurons,
    SilentNeurons,
    SpikeMismatch,
    TemporalDrift,
)

Spikes = dict[str, torch.Tensor]
BATCHES = [(0, 7), (7, 8), (8, 30)]


def spikes(seed: int, samples: int = 30) -> Spikes:
    """Some neurons dead, some saturated, the rest anywhere."""
    generator = torch.Generator().manual_seed(seed)
    rates = {"stem.sn": torch.rand(4, 3, 2, generator=generator), "head": torch.rand(9, generator=generator)}
    rates = {name: (1.4 * rate - 0.2).clamp(0, 1) for name, rate in rates.items()}
    return {
        name: (torch.rand(5, samples, *rate.shape, generator=generator) < rate).float() for name, rate in rates.items()
    }


def batches(*networks: Spikes) -> list[tuple[Spikes, ...]]:
    return [
        tuple({name: tensor[:, start:stop] for name, tensor in network.items()} for network in networks)
        for start, stop in BATCHES
    ]


def by_hand(a: Spikes, b: Spikes) -> dict[str, float]:
    p, q = FiringProfile.from_spikes(a), FiringProfile.from_spikes(b)
    return {
        "FiringEMD": float(firing_emd(p, q)),
        "FiringDrift": float(firing_drift(p, q)),
        "FiringRate": p.mean_rate(),
        "DeadNeurons": float(dead_fraction(p)),
        "SilentNeurons": float(silent_fraction(p)),
        "SaturatedNeurons": float(saturated_fraction(p)),
        "NewlyDeadNeurons": float(newly_dead_fraction(p, q)),
        "RevivedNeurons": float(revived_fraction(p, q)),
        "TemporalDrift": float(temporal_drift(p, q)),
        "SpikeMismatch": spike_mismatch(a, b),
    }


CLASSES = [
    FiringEMD,
    FiringDrift,
    FiringRate,
    DeadNeurons,
    SilentNeurons,
    SaturatedNeurons,
    NewlyDeadNeurons,
    RevivedNeurons,
    TemporalDrift,
    SpikeMismatch,
]


@pytest.mark.parametrize("metric_class", CLASSES, ids=lambda metric: metric.__name__)
def test_batches_give_bit_for_bit_what_the_whole_gives(metric_class):
    a, b = spikes(0), spikes(1)
    metric = metric_class()
    values = [metric(*batch) for batch in batches(a, b)]
    expected = by_hand(a, b)[metric_class.__name__]
    assert metric.compute().item() == expected
    assert metric.compute().dtype == torch.float64
    for value, batch in zip(values, batches(a, b), strict=True):
        assert value.item() == by_hand(*batch)[metric_class.__name__]
    metric.reset()
    for batch in batches(b, a):
        metric.update(*batch)
    assert metric.compute().item() == by_hand(b, a)[metric_class.__name__]


def test_profile_emd_streams_and_shows_its_bounds():
    a, b = spikes(0), spikes(1)
    metric, by_layer = ProfileEMD(), ProfileEMD(reduction="none", units="channel")
    for batch in batches(a, b):
        metric.update(*batch)
        by_layer.update(*batch)
    steps = [{name: tensor.double().mean(1) for name, tensor in each.items()} for each in (a, b)]
    estimate = profile_emd(*steps)
    found = metric.compute()
    assert list(found) == ["profile_emd", "profile_emd_low", "profile_emd_high"]
    assert found["profile_emd"].item() == pytest.approx(estimate.value, abs=1e-14)
    assert found["profile_emd_low"] == found["profile_emd"] == found["profile_emd_high"]
    channels = profile_emd(*steps, "none", "channel")
    assert by_layer.compute()["profile_emd/head"].item() == pytest.approx(channels["head"].value, abs=1e-14)


@pytest.mark.parametrize("units", ["neuron", "channel"])
@pytest.mark.parametrize("reduction", ["weighted", "mean", "max", "pooled"])
def test_options_reach_the_function(reduction, units):
    a, b = spikes(0), spikes(1)
    profiles = [FiringProfile.from_spikes(each) for each in (a, b)]
    for metric_class, function in ((FiringEMD, firing_emd), (FiringDrift, firing_drift)):
        metric = metric_class(reduction=reduction, units=units)
        metric.update(a, b)
        assert metric.compute() == function(*profiles, reduction, units)


def test_no_reduction_gives_a_dict_by_layer():
    a, b = spikes(0), spikes(1)
    profiles = [FiringProfile.from_spikes(each) for each in (a, b)]
    metric = FiringEMD(reduction="none")
    metric.update(a, b)
    assert metric.compute() == firing_emd(*profiles, "none")
    assert list(metric.compute()) == ["stem.sn", "head"]
    rate = FiringRate(reduction="none")
    rate.update(a)
    assert rate.compute()["head"].item() == pytest.approx(a["head"].double().mean().item(), abs=1e-15)


@pytest.mark.parametrize(
    "metric_class", [FiringEMD, FiringDrift, TemporalDrift, NewlyDeadNeurons, RevivedNeurons], ids=lambda m: m.__name__
)
def test_a_stored_profile_stands_for_the_reference(metric_class):
    a, b = spikes(0), spikes(1)
    stored, live = metric_class(reference=FiringProfile.from_spikes(b)), metric_class()
    for mine, theirs in batches(a, b):
        stored.update(mine)
        live.update(mine, theirs)
    assert stored.compute() == live.compute()
    with pytest.raises(FiringError, match="pass one or the other"):
        stored.update(a, b)


def test_a_reference_of_other_samples_is_compared_by_its_rates():
    a, b = spikes(0), spikes(1, samples=22)
    metric = FiringEMD(reference=FiringProfile.from_spikes(b))
    metric.update(a)
    assert metric.compute() == firing_emd(FiringProfile.from_spikes(a), FiringProfile.from_spikes(b))


def test_single_tensors_need_no_name():
    a, b = spikes(0)["head"], spikes(1)["head"]
    metric = FiringEMD()
    metric.update(a, b)
    assert metric.compute().item() == pytest.approx(
        float(firing_emd(a.double().mean((0, 1)), b.double().mean((0, 1)))), abs=1e-14
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int64], ids=str)
def test_every_dtype_is_counted_exactly(dtype):
    a, b = torch.ones(4, 2000, 3), torch.ones(4, 2000, 3)
    a[0, 0, 0] = 0
    metric = FiringEMD()
    metric.update(a.to(dtype), b.to(dtype))
    metric.update(a.to(dtype), b.to(dtype))
    assert metric.compute().item() == 2 / 16000 / 3


BAD_BATCHES = {
    "negative": ({"a": -torch.ones(2, 3, 4)}, {"a": torch.ones(2, 3, 4)}, "layer 'a': spikes hold the value -1"),
    "fraction": ({"a": torch.full((2, 3, 4), 0.5)}, {"a": torch.ones(2, 3, 4)}, "layer 'a': spikes hold the value 0.5"),
    "nan": ({"a": torch.ones(2, 3, 4)}, {"a": torch.full((2, 3, 4), float("nan"))}, "layer 'a': .* nan"),
    "shape": ({"a": torch.ones(2, 3, 4)}, {"a": torch.ones(2, 3, 5)}, "layer 'a': spikes of shape"),
    "steps": ({"a": torch.ones(2, 3, 4)}, {"a": torch.ones(4, 3, 4)}, "layer 'a': spikes of shape .* the same T"),
    "samples": ({"a": torch.ones(2, 3, 4)}, {"a": torch.ones(2, 5, 4)}, "layer 'a': spikes of shape"),
    "name": ({"a": torch.ones(2, 3, 4)}, {"b": torch.ones(2, 3, 4)}, "layer 'a' is only in the network"),
    "layers": ({"a": torch.ones(2, 3, 4), "b": torch.ones(2, 4, 4)}, None, "layer 'b': spikes have shape"),
    "flat": ({"a": torch.ones(4)}, {"a": torch.ones(4)}, "layer 'a': spikes have shape"),
    "empty": ({"a": torch.ones(2, 0, 4)}, {"a": torch.ones(2, 0, 4)}, "layer 'a': spikes have shape"),
    "none": ({}, {}, "no layer was given"),
    "reference": ({"a": torch.ones(2, 3, 4)}, None, "no reference to compare with"),
}


@pytest.mark.parametrize("call", ["update", "forward"])
@pytest.mark.parametrize("metric_class", [FiringEMD, TemporalDrift], ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("name", BAD_BATCHES)
def test_a_bad_batch_is_refused_and_leaves_the_metric_as_it_was(metric_class, call, name):
    mine, theirs, message = BAD_BATCHES[name]
    metric = metric_class()
    metric.update({"a": torch.ones(2, 3, 4)}, {"a": torch.zeros(2, 3, 4)})
    with pytest.raises(FiringError, match=message):
        getattr(metric, call)(mine, theirs)
    assert metric.compute() == 1
    metric.update({"a": torch.zeros(2, 3, 4)}, {"a": torch.zeros(2, 3, 4)})
    assert metric.compute() == 0.5


@pytest.mark.parametrize("metric_class", [SpikeMismatch, ProfileEMD], ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("name", ["negative", "nan", "shape", "steps", "name"])
def test_side_by_side_metrics_refuse_the_same(metric_class, name):
    mine, theirs, message = BAD_BATCHES[name]
    with pytest.raises(FiringError, match=message):
        metric_class().update(mine, theirs)


@pytest.mark.parametrize("metric_class", [FiringEMD, TemporalDrift], ids=lambda metric: metric.__name__)
def test_a_reference_that_is_no_profile_is_refused_at_once(metric_class):
    with pytest.raises(FiringError, match="reference is a Tensor; pass a FiringProfile"):
        metric_class(torch.ones(2, 3, 4))


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ({"b": torch.ones(2, 3, 4)}, "layer 'b' is only in the network"),
        ({"a": torch.ones(2, 3, 5)}, r"layer 'a': spikes of 2 steps and features \(5,\) against 2 steps and \(4,\)"),
        ({"a": torch.ones(3, 3, 4)}, "layer 'a': spikes of 3 steps .* against 2 steps"),
    ],
    ids=["name", "features", "steps"],
)
def test_spikes_must_fit_the_stored_profile(spikes, message):
    profile = FiringProfile.from_spikes({"a": torch.ones(2, 3, 4)})
    for metric in (FiringEMD(profile), TemporalDrift(profile)):
        with pytest.raises(FiringError, match=message):
            metric.update(spikes)


@pytest.mark.parametrize("reset", [False, True])
def test_a_metric_belongs_to_one_network(reset):
    metric = FiringRate()
    metric.update({"a": torch.ones(2, 3, 4)})
    if reset:
        metric.reset()
    for other in (
        {"b": torch.ones(2, 3, 4)},
        {"a": torch.ones(2, 3, 5)},
        {"a": torch.ones(2, 3, 4), "b": torch.ones(2, 3, 1)},
    ):
        with pytest.raises(FiringError, match=r"layer '[ab]': counts of shape .* make a new one"):
            metric.update(other)


@pytest.mark.parametrize("option", [{"reduction": "sum"}, {"units": "layer"}])
def test_unknown_options_are_quoted(option):
    with pytest.raises(FiringError, match=f"'{next(iter(option.values()))}' is unknown; choose one of"):
        FiringEMD(**option)


def test_spike_mismatch_by_spike():
    a, b = spikes(0), spikes(1)
    metric = SpikeMismatch(reduction="pooled", per="spike")
    for batch in batches(a, b):
        metric.update(*batch)
    assert metric.compute().item() == spike_mismatch(a, b, "pooled", "spike")


def test_thresholds_reach_the_fractions():
    fired = torch.zeros(1, 10, 10)
    for neuron in range(10):
        fired[0, :neuron, neuron] = 1
    dead, saturated = DeadNeurons(threshold=0.3), SaturatedNeurons(threshold=0.7)
    dead.update(fired)
    saturated.update(fired)
    assert dead.compute() == 0.3
    assert saturated.compute() == 0.2
