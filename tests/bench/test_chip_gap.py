"""The chip gap of a run against counts made by hand, and its numbers against laws."""

from __future__ import annotations

import pytest
import torch

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.bench.chip_gap import Differences, Share
from snnbench.bench.quantized import make_quantized
from snnbench.chips import on_chip
from snnbench.errors import OptionError, PluginError
from snnbench.nn.recording import spiking_layers
from snnbench.records.record import read_record
from snnbench.reporting import Silent
from snnbench.training.batches import evaluation_batches

LIMIT = 60


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("chip")
    options = {"protocol": "digits-sew8", "limit": LIMIT, "engine": "eager", "out": out, "options": {"clip": "absmax"}}
    return snnbench.run("uniform", 4, chip="int", **options)[0], options


def by_hand(record):
    """Spikes that differ by layer, and predictions on the chip."""
    bench = open_bench("digits-sew8", 0, limit=LIMIT, engine="eager")
    model = make_quantized(bench, record.cell, Silent()).model
    real, whole = {}, {}
    for name, layer in spiking_layers(model).items():
        layer.register_forward_hook(lambda _, __, out, name=name: real.__setitem__(name, out))
    put = on_chip(model, "int", input_shape=(1, 8, 8)).network
    put.watch = whole.__setitem__
    images, _ = bench.test_set()
    (batch,) = evaluation_batches(images, bench.normalise, LIMIT)
    with torch.inference_mode():
        model(batch)
        predictions = put(batch).argmax(1)
    return {name: (real[name] != whole[name]).double().mean().item() for name in real}, predictions


def test_a_record_holds_the_gap_that_is_counted_by_hand(finished):
    record = read_record(finished[0].directory)
    gap = record.chip
    assert gap is not None
    differing, predictions = by_hand(record)
    assert {row.layer: row.spikes_differ for row in gap.layers} == pytest.approx(differing)
    sizes = {row.layer: row.neurons for row in record.layers}
    mean = sum(differing[name] * size for name, size in sizes.items()) / sum(sizes.values())
    assert gap.spikes_differ.value == pytest.approx(mean)
    _, labels = open_bench("digits-sew8", 0, limit=LIMIT).test_set()
    assert gap.accuracy.value == pytest.approx(float((predictions.numpy() == labels).mean()))


def test_the_gap_keeps_the_laws(finished):
    gap = finished[0].record.chip
    scores = (gap.firing_emd, gap.firing_drift, gap.spikes_differ)
    assert gap.firing_emd.value <= gap.firing_drift.value <= gap.spikes_differ.value
    assert all(score.low <= score.value <= score.high for score in scores)
    assert gap.first_layer == "stem.neuron"
    assert gap.silent == ()
    assert {each.layer for each in gap.excess} == {"stem.conv", "fc"}


def test_a_chip_has_a_cell_and_a_key_of_its_own_and_no_rank(finished):
    on_int, options = finished
    assert "-on-int-" in on_int.directory.name
    assert not on_int.record.rankable
    assert on_int.record.cell.chip.semantics["name"] == "int"
    assert snnbench.run("uniform", 4, chip="int", **options)[0].reused


@pytest.mark.parametrize(("chip", "error"), [("float", OptionError), ("loihj", PluginError)])
def test_a_chip_that_cannot_be_measured_is_refused_before_anything_runs(tmp_path, chip, error):
    with pytest.raises(error, match=chip):
        snnbench.run("uniform", 4, chip=chip, protocol="digits-sew8", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_differences_are_counted_by_shard_and_several_spikes_count_once():
    found = Differences(["a"], 2)
    whole = torch.tensor([[[2, 0], [1, 1]], [[0, 0], [0, 1]]])
    real = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [0, 1]]])
    found.add("a", whole, real)
    share = found.share()
    assert found.several == {"a": 1}
    assert found.first() == ("a", 0)
    assert share.differing[:3].tolist() == [1, 1, 0]
    assert share.value() == 2 / 8
    assert [round(each.value(), 3) for each in share.leave_one_out()] == [0.25, 0.25]


def test_networks_that_agree_have_no_first_difference():
    found = Differences(["a"], 1)
    found.add("a", torch.tensor([[[1, 0]]]), torch.tensor([[[1, 0]]]))
    assert found.first() == (None, None)
    assert Share.value(found.share()) == 0
