"""The chip gap of a run against counts made by hand, and its numbers against laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save, save_file
from torch import nn

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.bench.beside import GapCounter
from snnbench.bench.chip_gap import Share, gap_of
from snnbench.bench.quantized import make_quantized
from snnbench.bench.scored import Scored
from snnbench.chips import on_chip
from snnbench.chips.network import IntegerNetwork
from snnbench.errors import GraphError, OptionError, PluginError, RecordError
from snnbench.functional import FiringProfile
from snnbench.nn.recording import spiking_layers
from snnbench.records.chip_evidence import read_chip_evidence
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
    assert {each.layer for each in gap.excess if each.what == "weights"} == {"stem.conv", "fc"}
    assert {each.what for each in gap.excess} <= {"weights", "sum of a step"}


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


def test_a_network_that_cannot_be_put_on_a_chip_leaves_no_record(tmp_path):
    weights = open_bench("digits-sew8").network.weights
    save_file(weights, tmp_path / "weights.safetensors")
    own = {"model": "sew_resnet8", "model_options": {"width": 16, "connect": "AND"}}
    options = {"protocol": "digits-sew8", "limit": 20, "engine": "eager", "out": tmp_path / "results"}
    with pytest.raises(GraphError, match=r"'blocks\.1_1\.both' \(Threshold\), .*merge by ADD"):
        snnbench.run("uniform", 4, chip="int", weights=tmp_path / "weights.safetensors", **own, **options)
    assert [path.name for path in (tmp_path / "results").iterdir()] == [".locks"]


class Scripted(IntegerNetwork):
    """A network of one layer that fires as it is told, and overflows once an image."""

    def __init__(self, whole):
        nn.Module.__init__(self)
        self.whole, self.watch = whole, None
        self.overflows = {"a": torch.ones(whole.shape[1], dtype=torch.int64)}

    def forward(self, images):
        self.watch("a", self.whole)
        return torch.eye(len(images))


def outcome(whole, real):
    comparison = GapCounter(Scripted(whole))
    comparison.run(torch.zeros(whole.shape[1], 1), {"a": real > 0})
    return comparison.outcome()


WHOLE = torch.tensor([[[2, 0], [1, 1]], [[0, 0], [0, 1]]])
REAL = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [0, 1]]])


def gap(whole, real):
    found = outcome(whole, real)
    floats = replace(found, profile=FiringProfile.from_spikes({"a": (real > 0).byte()}))
    rules = open_bench("digits-sew8").protocol.evaluate
    return gap_of(found, Scored(found, floats, torch.zeros(whole.shape[1], dtype=torch.int64), rules), ())


def test_differences_are_counted_by_shard_and_step_and_several_spikes_count_once():
    layer = outcome(WHOLE, REAL).layers["a"]
    assert layer.differing[:3].tolist() == [[0, 1], [1, 0], [0, 0]]
    assert layer.several[:3].tolist() == [1, 0, 0]
    assert layer.overflows[:3].tolist() == [1, 1, 0]


def test_shares_leave_out_a_shard_at_a_time():
    share = Share(torch.tensor([1, 2, 0]), torch.tensor([1, 1, 0]), 4)
    assert share.value() == 3 / 8
    assert [each.value() for each in share.leave_one_out()] == [2 / 4, 1 / 4]


def test_a_gap_is_of_all_places_and_says_where_it_begins():
    found = gap(WHOLE, REAL)
    assert (found.spikes_differ.value, found.overflow.value) == (2 / 8, 2 / 8)
    assert (found.first_layer, found.first_step, found.silent) == ("a", 0, ())
    assert found.layers[0].several == 1


def test_networks_that_agree_have_no_first_difference():
    found = gap(REAL, REAL)
    assert (found.first_layer, found.first_step, found.spikes_differ.value) == (None, None, 0)


def test_silent_layers_are_named():
    assert gap(0 * WHOLE, REAL).silent == ("a",)


def test_evidence_of_a_gap_is_read_as_it_was_written(tmp_path):
    found = outcome(WHOLE, REAL)
    (tmp_path / "chip.safetensors").write_bytes(found.to_bytes())
    read = read_chip_evidence(tmp_path / "chip.safetensors")
    assert torch.equal(read.predictions, found.predictions)
    assert torch.equal(read.profile.layers["a"].counts.sum(0), found.profile.layers["a"].counts.sum(0))
    for name in ("differing", "overflows", "several"):
        assert torch.equal(getattr(read.layers["a"], name), getattr(found.layers["a"], name))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"predictions": torch.zeros(3)}, "whole numbers"),
        ({"predictions": torch.zeros(3, dtype=torch.int64)}, "3 predictions for 2 images"),
        ({"0000/a/overflows": torch.full((20,), 5)}, "more of something"),
        ({"0000/a/several": torch.zeros(3, dtype=torch.int64)}, "wrong shape"),
        ({"0000/a/counts": torch.tensor([0, 9])}, "count"),
        ({"0000/a/more": torch.tensor([0])}, "more"),
    ],
)
def test_evidence_that_contradicts_itself_is_refused(tmp_path, change, said):
    path = tmp_path / "chip.safetensors"
    path.write_bytes(save(load(outcome(WHOLE, REAL).to_bytes()) | change))
    with pytest.raises(RecordError, match=said):
        read_chip_evidence(path)
