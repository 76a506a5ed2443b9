"""Spike mismatch, correlation, dead neurons, the layer table, and decisions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from snnbench.errors import FiringError
from snnbench.functional import (
    FiringProfile,
    Paired,
    dead_fraction,
    disagreement,
    divergences,
    firing_drift,
    firing_emd,
    first_diverging_layer,
    flips,
    layer_table,
    negative_flips,
    newly_dead_fraction,
    output_divergence,
    rate_correlation,
    revived_fraction,
    saturated_fraction,
    silent_fraction,
    spike_mismatch,
)


def spikes(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "a": torch.rand(3, 40, 6, 2, generator=generator) < 0.3 * torch.linspace(0.1, 2, 12).reshape(6, 2),
        "b": torch.rand(3, 40, 5, generator=generator) < 0.1 * torch.linspace(0.1, 2, 5),
    }


def test_mismatch_counts_the_places_that_differ():
    a, b = spikes(0), spikes(1)
    by_place, by_spike = spike_mismatch(a, b, "none"), spike_mismatch(a, b, "none", per="spike")
    for name in a:
        differing, fired = (a[name] != b[name]).double(), (a[name] | b[name]).double()
        assert by_place[name] == pytest.approx(float(differing.mean()), abs=1e-15)
        assert by_spike[name] == pytest.approx(float(differing.sum() / fired.sum()), abs=1e-15)
    flat = [torch.cat([tensor.flatten() for tensor in each.values()]) for each in (a, b)]
    assert spike_mismatch(a, b) == pytest.approx(float((flat[0] != flat[1]).double().mean()), abs=1e-15)
    union = float((flat[0] | flat[1]).sum())
    assert spike_mismatch(a, b, "pooled", "spike") == pytest.approx(
        float((flat[0] != flat[1]).sum()) / union, abs=1e-15
    )


def test_networks_of_equal_rates_can_differ_in_every_spike():
    early = torch.zeros(2, 8, 3)
    early[0] = 1
    late = early.flip(0)
    profiles = [FiringProfile.from_spikes({"a": each}) for each in (early, late)]
    assert float(firing_emd(*profiles)) == float(firing_drift(*profiles)) == 0
    assert spike_mismatch(early, late) == spike_mismatch(early, late, per="spike") == 1


def test_silent_layers_do_not_mismatch():
    assert spike_mismatch(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), per="spike") == 0


def test_mismatch_refuses_what_cannot_be_compared():
    with pytest.raises(FiringError, match=r"layer 'a': spikes of shape \(2, 3, 4\) against \(4, 3, 4\)"):
        spike_mismatch({"a": torch.ones(2, 3, 4)}, {"a": torch.ones(4, 3, 4)})
    with pytest.raises(FiringError, match="per 'layer' is unknown"):
        spike_mismatch(torch.ones(2, 3, 4), torch.ones(2, 3, 4), per="layer")


@pytest.mark.parametrize("reduction", ["none", "pooled", "mean"])
def test_correlation_equals_numpy(reduction):
    a, b = (FiringProfile.from_spikes(spikes(seed)).rates() for seed in (0, 1))
    by_layer = {name: np.corrcoef(a[name].flatten(), b[name].flatten())[0, 1] for name in a}
    pooled = np.corrcoef(*(torch.cat([rate.flatten() for rate in each.values()]) for each in (a, b)))[0, 1]
    found = rate_correlation(a, b, reduction)
    if reduction == "none":
        assert {name: float(value) for name, value in found.items()} == pytest.approx(by_layer, abs=1e-12)
    else:
        assert float(found) == pytest.approx(
            {"pooled": pooled, "mean": sum(by_layer.values()) / 2}[reduction], abs=1e-12
        )


def test_equal_rates_have_no_correlation():
    with pytest.raises(FiringError, match=r"layer 'a': all units .* have the same rate"):
        rate_correlation({"a": torch.rand(5)}, {"a": torch.full((5,), 0.1)})


def test_dead_silent_and_saturated_at_their_thresholds():
    counts = torch.tensor([0, 1, 499, 500, 501, 9500, 9501, 10000])
    rates = {"a": (counts.double() / 10000)[:3], "b": (counts.double() / 10000)[3:].reshape(5, 1)}
    assert float(dead_fraction(rates)) == 3 / 8
    assert float(silent_fraction(rates)) == 1 / 8
    assert float(saturated_fraction(rates)) == 2 / 8
    assert float(dead_fraction(rates, threshold=0.0501)) == 4 / 8
    reference = {"a": torch.full((3,), 0.5, dtype=torch.float64), "b": torch.zeros(5, 1, dtype=torch.float64)}
    assert float(newly_dead_fraction(rates, reference)) == 3 / 8
    assert float(revived_fraction(rates, reference)) == 5 / 8


@pytest.mark.parametrize("fraction", [newly_dead_fraction, revived_fraction])
@pytest.mark.parametrize("other", [torch.ones(1), torch.ones(4), torch.ones(2, 4)])
def test_neurons_that_cannot_be_matched_are_not_compared(fraction, other):
    with pytest.raises(FiringError, match=r"layer 'a'.* units are matched"):
        fraction({"a": torch.zeros(2)}, {"a": other})


def test_the_table_has_each_layer_and_finds_the_first_that_diverges():
    fired = spikes(0)
    reference = FiringProfile.from_spikes(fired)
    changed = FiringProfile.from_spikes({"a": fired["a"], "b": torch.ones_like(fired["b"])})
    rows = layer_table(changed, reference)
    lines = str(rows).splitlines()
    assert lines[0].split() == [
        "layer",
        "neurons",
        "rate",
        "reference_rate",
        "emd",
        "null_emd",
        "p_value",
        "drift",
        "dead",
    ]
    assert [line.split()[0] for line in lines[1:]] == [row.layer for row in rows]
    assert [line.endswith(" <") for line in lines[1:]] == [row.diverges for row in rows]
    assert float(lines[1].split()[4]) == pytest.approx(rows[0].emd, rel=1e-3)
    assert [row.layer for row in rows] == ["a", "b"]
    assert [row.neurons for row in rows] == [12, 5]
    assert [row.diverges for row in rows] == [False, True]
    assert rows[0].emd == rows[0].drift == rows[0].temporal_drift == 0
    assert rows[0].correlation == pytest.approx(1)
    assert rows[1].correlation is None
    assert rows[1].saturated == rows[1].rate == 1
    null = Paired(changed, reference).layer_nulls()["b"]
    assert (rows[1].null_emd, rows[1].p_value) == (null.high, 2 * null.p_value)
    assert rows[0].p_value == 1
    assert rows[1].revived == rows[1].reference_dead > 0
    assert first_diverging_layer(changed, reference) == "b"
    assert first_diverging_layer(reference, reference) is None


def logits(seed: int) -> torch.Tensor:
    return torch.randn(200, 5, generator=torch.Generator().manual_seed(seed))


def test_decisions_equal_plain_counting():
    mine, theirs, labels = logits(0), logits(0) + 0.7 * logits(1), torch.arange(200) % 5
    choices, reference = mine.argmax(1), theirs.argmax(1)
    lost = [int(b == y != a) for a, b, y in zip(choices, reference, labels, strict=True)]
    gained = [int(a == y != b) for a, b, y in zip(choices, reference, labels, strict=True)]
    assert sum(lost) != sum(gained)
    assert disagreement(mine, theirs) == int((choices != reference).sum()) / 200
    assert negative_flips(mine, theirs, labels) == sum(lost) / 200
    assert flips(mine, theirs, labels) == (sum(lost) + sum(gained)) / 200
    assert flips(mine, theirs, labels) < disagreement(mine, theirs)


def test_divergence_equals_scipy():
    mine, theirs = logits(0), 3 * logits(1)
    expected = rel_entr(softmax(theirs.double().numpy(), 1), softmax(mine.double().numpy(), 1)).sum(1)
    assert divergences(mine, theirs).numpy() == pytest.approx(expected, abs=1e-12)
    summary = output_divergence(mine, theirs)
    found = (summary.mean, summary.median, summary.p99, summary.max)
    assert found == pytest.approx((expected.mean(), np.median(expected), np.quantile(expected, 0.99), expected.max()))
    assert output_divergence(mine, mine).max == 0


@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        (torch.rand(3, 2), torch.rand(3, 3), "outputs have shapes"),
        (torch.rand(3), torch.rand(3), "outputs have shapes"),
        (torch.rand(0, 2), torch.rand(0, 2), "non-empty"),
        (torch.tensor([[0.0, float("nan")]]), torch.rand(1, 2), "outputs of the network are not finite"),
        (torch.rand(1, 2), torch.tensor([[0.0, float("inf")]]), "outputs of the reference are not finite"),
    ],
    ids=["classes", "flat", "empty", "nan", "inf"],
)
def test_outputs_that_decide_nothing_are_refused(mine, theirs, message):
    for function in (disagreement, output_divergence):
        with pytest.raises(FiringError, match=message):
            function(mine, theirs)


def test_labels_must_fit():
    with pytest.raises(FiringError, match=r"labels are class numbers \(N,\)"):
        flips(logits(0), logits(1), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(FiringError, match=r"labels lie outside 0\.\."):
        flips(logits(0), logits(1), torch.ones(len(logits(0)), dtype=torch.int64) * logits(0).shape[1])
