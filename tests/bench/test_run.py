"""`snnbench.run` on digits: what a record holds, that it repeats, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import snnbench
from snnbench.bench.bench import Bench, open_bench
from snnbench.bench.score import check_metrics
from snnbench.errors import OptionError, PluginError, ProtocolError, RecordError
from snnbench.functional import FiringProfile, firing_emd
from snnbench.nn import record_firing
from snnbench.protocols import read_protocol
from snnbench.records.network_file import unpack_network
from snnbench.reporting import Silent
from snnbench.training.baseline import protocol_path

PROTOCOL = "digits-sew8"
VOLATILE = ("started", "seconds", "environment")


def steady(record: snnbench.bench.Record) -> dict:
    document = json.loads(record.to_json())
    return {key: value for key, value in document.items() if key not in VOLATILE}


def test_one_record_a_cell_in_the_order_asked_for(out: Path) -> None:
    finished = snnbench.run("lqnet", [4, 2], protocol=PROTOCOL, out=out)
    assert [cell.record.cell.quantizer.bits for cell in finished] == [4, 2]
    for cell in finished:
        record = cell.record
        assert record.rankable
        assert record.audit.found_bits == record.cell.quantizer.bits
        assert not record.audit.findings
        assert record.audit.full_precision == ("stem.conv", "fc")
        assert all(score.value is not None for score in record.metrics.values())
        emd = record.metrics["firing_emd"]
        assert 0 < emd.low <= emd.value <= emd.high
        assert (cell.directory / "record.json").read_text() == record.to_json()


class Said(Silent):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def say(self, message: str) -> None:
        self.messages.append(message)


@pytest.mark.parametrize(("seed", "said"), [(0, False), (2, False), (3, True)])
def test_a_reference_of_another_seed_is_told(seed: int, said: bool, tmp_path: Path) -> None:
    said_so = Said()
    snnbench.run("float", protocol=PROTOCOL, seed=seed, out=tmp_path, limit=20, reporter=said_so)
    assert any("reference of seed 0" in message for message in said_so.messages) is said


def test_the_float_quantizer_changes_nothing(out: Path) -> None:
    (cell,) = snnbench.run("float", protocol=PROTOCOL, out=out)
    metrics = cell.record.metrics
    assert metrics["firing_emd"].value == 0
    assert metrics["firing_drift"].value == 0
    assert metrics["accuracy"].value == cell.record.reference.accuracy.value
    assert cell.record.cell.quantizer.bits == 32


def test_scores_against_a_plain_evaluation(out: Path) -> None:
    (cell,) = snnbench.run("uniform", 3, options={"clip": "absmax"}, protocol=PROTOCOL, out=out)
    bench = open_bench(PROTOCOL)
    images, labels = bench.test_set()
    batch = bench.normalise(torch.tensor(images))
    reference, quantized = bench.network.build(), bench.network.build()
    for name, module in quantized.named_modules():
        if isinstance(module, torch.nn.Conv2d) and name != "stem.conv":
            bound = module.weight.detach().abs().max()
            scale = 2 * bound / 7
            module.weight.data = -bound + torch.round((module.weight.data + bound) / scale) * scale
    rates, logits = [], []
    for model in (quantized, reference):
        with record_firing(model) as recorder, torch.inference_mode():
            logits.append(model(batch))
        rates.append(recorder.profile().rates())
    accuracy = float((logits[0].argmax(1) == torch.from_numpy(labels)).double().mean())
    assert cell.record.metrics["accuracy"].value == pytest.approx(accuracy)
    assert cell.record.metrics["firing_emd"].value == pytest.approx(float(firing_emd(*rates)), abs=1e-9)


def test_the_same_command_gives_the_same_record(tmp_path: Path) -> None:
    first, second = (
        snnbench.run("uniform", 2, protocol=PROTOCOL, out=tmp_path / name, membrane="uniform")[0] for name in "ab"
    )
    assert steady(first.record) == steady(second.record)
    names = {path.name for path in first.directory.iterdir()}
    assert names == {"record.json", "evidence.safetensors"}
    mine, theirs = (cell.directory / "evidence.safetensors" for cell in (first, second))
    assert mine.read_bytes() == theirs.read_bytes()


def test_a_finished_cell_is_reused_and_force_computes_it_again(small_protocol: str, out: Path) -> None:
    (first,) = snnbench.run("lqnet", 3, protocol=small_protocol, out=out)
    (again,) = snnbench.run("lqnet", 3, protocol=small_protocol, out=out)
    (forced,) = snnbench.run("lqnet", 3, protocol=small_protocol, out=out, force=True)
    assert (first.reused, again.reused, forced.reused) == (False, True, False)
    assert again.record == first.record
    assert steady(forced.record) == steady(first.record)


def test_limited_runs_are_never_rankable_and_have_cells_of_their_own(out: Path) -> None:
    (quick,) = snnbench.run("lqnet", 4, protocol=PROTOCOL, out=out, limit=40)
    (full,) = snnbench.run("lqnet", 4, protocol=PROTOCOL, out=out)
    assert not quick.record.rankable
    assert quick.record.key != full.record.key


@pytest.mark.parametrize("limit", [0, -300])
def test_a_limit_that_is_no_number_of_images_is_refused(out: Path, limit: int) -> None:
    with pytest.raises(OptionError, match=f"limit={limit} is no number of test images"):
        snnbench.run("lqnet", 4, protocol=PROTOCOL, out=out, limit=limit)


def test_too_few_images_for_an_interval_is_a_failure_and_not_a_number(out: Path) -> None:
    (cell,) = snnbench.run("lqnet", 4, protocol=PROTOCOL, out=out, limit=1)
    score = cell.record.metrics["firing_emd"]
    assert score.value is None
    assert "two shards" in score.reason
    assert json.loads(cell.record.to_json())["metrics"]["firing_emd"]["value"] is None


def test_membrane_quantization_is_in_the_record(out: Path) -> None:
    options = {"site": "pre_spike", "range": "unsigned"}
    (cell,) = snnbench.run(
        "float", protocol=PROTOCOL, out=out, membrane="uniform", membrane_bits=2, membrane_options=options
    )
    membrane = cell.record.cell.membrane
    assert (membrane.name, membrane.bits, membrane.site) == ("uniform", 2, "pre_spike")
    assert len(cell.record.audit.membranes) == 9
    assert cell.record.metrics["firing_emd"].value > 0


def test_a_network_of_ones_own_is_its_own_reference(out: Path, tmp_path: Path) -> None:
    bench = open_bench(PROTOCOL)
    weights = {name: value * 1.01 for name, value in bench.network.weights.items() if value.is_floating_point()}
    weights = {**bench.network.weights, **weights}
    save_file(weights, tmp_path / "mine.safetensors")
    options = {"width": 16, "bn_scale": 2.0}
    (cell,) = snnbench.run(
        "float",
        protocol=PROTOCOL,
        out=out,
        model="sew_resnet8",
        model_options=options,
        weights=tmp_path / "mine.safetensors",
    )
    assert cell.record.metrics["firing_emd"].value == 0
    assert not cell.record.rankable
    assert cell.record.cell.weights != bench.network.sha256
    with pytest.raises(ProtocolError, match="do not fit"):
        snnbench.run(
            "float",
            protocol=PROTOCOL,
            out=out,
            model="sew_resnet8",
            model_options={"width": 8},
            weights=tmp_path / "mine.safetensors",
        )


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # which PyTorch says when its flags are set
def test_fine_tuning_stands_beside_its_control(small_protocol: str, out: Path) -> None:
    with torch.backends.mkldnn.flags(enabled=False):  # oneDNN's AVX2 kernels take no gradients of so few channels
        (cell,) = snnbench.run("lqnet", 2, mode="qat", protocol=small_protocol, out=out)
        (control,) = snnbench.run("float", mode="qat", protocol=small_protocol, out=out)
    assert cell.record.control.firing_emd.value == control.record.metrics["firing_emd"].value > 0
    assert len(cell.record.training_log) == open_bench(small_protocol).protocol.finetune.epochs
    baked = unpack_network((cell.directory / "weights.safetensors").read_bytes())
    assert baked["blocks.1_1.layer1.conv.weight"][0].unique().numel() <= 4


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"quantizer": "lqnt"}, PluginError, "lqnet"),
        ({"quantizer": "lqnet", "bits": 0}, OptionError, "bits=0"),
        ({"quantizer": "lqnet", "bits": 33}, OptionError, "bits=33"),
        ({"quantizer": "float", "bits": 4}, OptionError, "32"),
        ({"quantizer": "lqnet", "options": {"clp": "wide"}}, OptionError, "clip"),
        ({"quantizer": "uniform", "options": {"clip": "huge"}}, OptionError, "absmax"),
        ({"quantizer": "lqnet", "membrane_bits": 2}, OptionError, "--membrane NAME"),
        ({"quantizer": "lqnet", "membrane": "uniform", "membrane_options": {"site": "x"}}, OptionError, "pre_spike"),
        ({"quantizer": "lqnet", "model": "sew_resnet8"}, OptionError, "--weights"),
        ({"quantizer": "lqnet", "protocol": "digits-sew9"}, PluginError, "digits-sew8"),
    ],
)
def test_mistakes_are_refused_before_anything_runs(out: Path, arguments: dict, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        snnbench.run(**{"protocol": PROTOCOL, "out": out, **arguments})
    assert not out.exists()


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="cannot be written"):
        snnbench.run("lqnet", protocol=PROTOCOL, out=tmp_path / "file" / "results")


def test_an_unknown_metric_is_refused() -> None:
    rules = open_bench(PROTOCOL).protocol.evaluate.model_copy(update={"metrics": ("accuracy", "acuracy")})
    with pytest.raises(ProtocolError, match="acuracy"):
        check_metrics(rules)


def profile_of(bench: Bench, batch: int, threads: int) -> FiringProfile:
    """The reference's firing on the bench's images, in batches of that size on so many threads."""
    images, _ = bench.test_set()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    model = bench.network.build().eval()
    try:
        with record_firing(model) as recorder, torch.inference_mode():
            for start in range(0, len(images), batch):
                model(bench.normalise(torch.tensor(images[start : start + batch])))
    finally:
        torch.set_num_threads(before)
    return recorder.profile()


@pytest.mark.parametrize("batch", [1, 7, 100, 360])
@pytest.mark.parametrize("threads", [1, 2])
def test_batch_size_and_threads_change_no_spike(batch: int, threads: int) -> None:
    bench = open_bench(PROTOCOL, limit=60)
    assert profile_of(bench, batch, threads) == bench.reference(Silent()).profile


@pytest.mark.parametrize("batch", [1, 7, 20])
@pytest.mark.parametrize("threads", [1, 2])
def test_batch_size_and_threads_change_no_spike_on_cifar(cifar_root: Path, batch: int, threads: int) -> None:
    bench = open_bench("cifar10-sew8", data=cifar_root, limit=20)
    assert profile_of(bench, batch, threads) == bench.reference(Silent()).profile


def test_a_damaged_reference_is_evaluated_again(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    snnbench.run("float", protocol=PROTOCOL, out=out)
    first = open_bench(PROTOCOL).reference(Silent())
    cached = {path: path.read_bytes() for path in (tmp_path / "cache" / "references").glob("*.safetensors")}
    assert len(cached) == len(read_protocol(protocol_path(PROTOCOL)).baselines)
    for part in (0.01, 0.5, 0.999):  # of all seeds, though the cell needs its own alone
        for path, whole in cached.items():
            content = bytearray(whole)
            content[int(part * len(whole))] ^= 1
            path.write_bytes(content)
        assert open_bench(PROTOCOL).reference(Silent()).profile == first.profile
        assert sum(path.read_bytes() == whole for path, whole in cached.items()) == 1
