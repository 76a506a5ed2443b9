"""A quantized network beside its reference: against plain counting, and against the record of the same images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from snnbench.bench.bench import open_bench
from snnbench.cli.main import main
from snnbench.errors import RecordError
from snnbench.examine import behaviour as module
from snnbench.examine.behaviour import Behaviour, behaviour
from snnbench.examine.export import rebuild
from snnbench.nn.recording import spiking_layers
from snnbench.records.record import read_record
from snnbench.reporting import Silent
from snnbench.training.batches import evaluation_batches

UNIFORM_2 = 2  # of the cells of `results`


@pytest.fixture(scope="module")
def found(results: list[Path], session_cache: Path) -> Behaviour:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        return behaviour(results[UNIFORM_2])


def test_on_the_whole_test_set_it_says_what_the_record_says(found: Behaviour, results: list[Path]) -> None:
    record = read_record(results[UNIFORM_2])
    assert found.images == 360  # fewer than 500: all
    for here, there in zip(found.layers, record.layers, strict=True):
        assert here.layer == there.layer
        assert (here.emd, here.drift) == pytest.approx((there.firing_emd, there.firing_drift), abs=1e-12)
        assert here.drift <= found.mismatch[here.layer]
    bench = open_bench("digits-sew8")
    labels = torch.from_numpy(bench.test_set()[1])
    mine = load_file(results[UNIFORM_2] / "evidence.safetensors")["predictions"]
    theirs = bench.reference(Silent()).predictions
    assert found.outcomes["disagreement"] == int((mine != theirs).sum()) / 360
    assert found.outcomes["flips"] == int(((mine == labels) != (theirs == labels)).sum()) / 360
    change = record.metrics["accuracy_change"].value
    assert found.outcomes["flips"] - 2 * found.outcomes["negative_flips"] == pytest.approx(change, abs=1e-12)
    assert 0 < found.outcomes["kl_median"] <= found.outcomes["kl_p99"] <= found.outcomes["kl_max"]
    assert found.outcomes["profile_emd_low"] <= found.outcomes["profile_emd"] <= found.outcomes["profile_emd_high"]


def test_only_the_first_images_are_seen_by_both(monkeypatch: pytest.MonkeyPatch, results: list[Path]) -> None:
    monkeypatch.setattr(module, "IMAGES", 40)
    found = behaviour(results[UNIFORM_2])
    _, bench, model, _ = rebuild(results[UNIFORM_2], None, Silent())
    images = next(evaluation_batches(bench.test_set()[0][:40], bench.normalise, 40))
    spikes = []
    for network in (model, bench.network.build()):
        fired: dict[str, torch.Tensor] = {}
        for name, layer in spiking_layers(network).items():
            layer.register_forward_hook(lambda _, __, output, fired=fired, name=name: fired.update({name: output}))
        with torch.inference_mode():
            network.eval()(images)
        spikes.append(fired)
    assert found.images == 40
    pairs = {name: (a, spikes[1][name]) for name, a in spikes[0].items()}
    for name, (a, b) in pairs.items():
        assert found.mismatch[name] == int((a != b).sum()) / a.numel()
    differing = sum(int((a != b).sum()) for a, b in pairs.values())
    assert found.outcomes["spike_mismatch"] == pytest.approx(differing / sum(a.numel() for a, _ in pairs.values()))


def test_the_command_prints_it(found: Behaviour, results: list[Path], monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["snnbench", "behaviour", str(results[UNIFORM_2])])
    assert main() == 0
    out = capsys.readouterr().out
    assert f"{100 * found.outcomes['spike_mismatch']:.2f} % of all places" in out
    assert f"{found.first_diverging} (marked <) is the first layer" in out
    monkeypatch.setattr("sys.argv", ["snnbench", "behaviour", str(results[UNIFORM_2]), "--json"])
    assert main() == 0
    assert json.loads(capsys.readouterr().out)["outcomes"] == found.outcomes


def test_the_float_network_behaves_as_its_reference(results: list[Path]) -> None:
    found = behaviour(results[0])
    assert set(found.mismatch.values()) == {0.0}
    assert found.first_diverging is None
    assert found.outcomes["disagreement"] == found.outcomes["kl_max"] == 0


def test_a_network_that_cannot_be_had_again_is_refused(results: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no record in .*no-cell"):
        behaviour(tmp_path / "no-cell")
    with pytest.raises(RecordError, match=rf"holds \d+ cells; name one of them, such as '{results[0].parent}"):
        behaviour(results[0].parent)
