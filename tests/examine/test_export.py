"""Exported networks: whole numbers in, the very same network out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.bench.quantized import make_quantized
from snnbench.cli.main import main
from snnbench.errors import OptionError, ProtocolError, RecordError
from snnbench.examine.export import export
from snnbench.quant import quantizers
from snnbench.records.network_file import unpack_network
from snnbench.records.record import read_record
from snnbench.reporting import Silent

PROTOCOL = "digits-sew8"
OPTIONS = {"width": 16, "bn_scale": 2.0}


def measured_again(weights: Path, out: Path, membrane: dict[str, Any] | None = None) -> Path:
    finished = snnbench.run(
        "float",
        protocol=PROTOCOL,
        out=out,
        model="sew_resnet8",
        model_options=OPTIONS,
        weights=weights,
        **membrane or {},
    )
    return finished[0].directory


def same_evidence(first: Path, second: Path) -> bool:
    mine, theirs = (load_file(folder / "evidence.safetensors") for folder in (first, second))
    assert mine.keys() == theirs.keys()
    return all(mine[name].equal(theirs[name]) for name in mine)


@pytest.mark.parametrize("index", [1, 3])
def test_the_exported_network_is_the_cells(results: list[Path], tmp_path: Path, index: int) -> None:
    file, sidecar = export(results[index], tmp_path / "net.safetensors")
    cell = read_record(results[index]).cell
    model = make_quantized(open_bench(PROTOCOL), cell, Silent()).model
    state = unpack_network(file.read_bytes())
    for layer in quantizers(model):
        weight = model.get_submodule(layer).weight.detach()
        assert state[f"{layer}.weight"].view(torch.int32).equal(weight.contiguous().view(torch.int32))
    assert same_evidence(measured_again(file, tmp_path / "out"), results[index])
    description = json.loads(sidecar.read_text())
    assert description["schema_version"] == 1
    assert description["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    tensors = load_file(file)
    for row in description["layers"]:
        assert set(row["tensors"].values()) <= set(tensors)
        assert row["bits"] == cell.quantizer.bits
    assert {row["neuron"] for row in description["neurons"]} == {"LIFNeuron"}
    assert description["neurons"][0]["reset"] == "hard"


@pytest.mark.parametrize("name", ["weights", "header", "cut"])
def test_an_altered_file_is_refused(results: list[Path], tmp_path: Path, name: str) -> None:
    file, _ = export(results[1], tmp_path / "net.safetensors")
    content = bytearray(file.read_bytes())
    if name == "weights":
        content[-1] ^= 1
    elif name == "header":
        place = content.index(b"sha256")
        content[place + 12] ^= 1
    else:
        del content[-9:]
    file.write_bytes(content)
    with pytest.raises(OptionError, match=r"--weights '.*' cannot be read"):
        measured_again(file, tmp_path / "out")


def test_the_command_line(results: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["snnbench", "export", str(results[0]), "--out", str(tmp_path / "net.safetensors")])
    assert main() == 0
    assert capsys.readouterr().out.count("Written: ") == 2
    weights = open_bench(PROTOCOL).network.weights
    exported = unpack_network((tmp_path / "net.safetensors").read_bytes())
    assert exported.keys() == weights.keys()
    assert all(exported[name].equal(weights[name]) for name in weights)


def edited(results: list[Path], to: Path, **changes: Any) -> Path:
    """A copy of the record of a cell that asks for something else, with the key that belongs to it."""
    record = read_record(results[1])
    cell = record.cell.model_copy(update=changes)
    to.mkdir()
    (to / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    return to


def test_what_cannot_be_exported(results: list[Path], tmp_path: Path) -> None:
    cell = read_record(results[1]).cell
    out = tmp_path / "net.safetensors"
    with pytest.raises(OptionError, match=r"does not end in \.safetensors"):
        export(results[1], tmp_path / "net.json")
    with pytest.raises(ProtocolError, match="another document or baseline"):
        export(edited(results, tmp_path / "a", fingerprint="0" * 64), out)
    old = cell.quantizer.model_copy(update={"version": "0.0.1"})
    with pytest.raises(ProtocolError, match=r"is of snnbench 0\.0\.1"):
        export(edited(results, tmp_path / "b", quantizer=old), out)
    fewer = cell.quantizer.model_copy(update={"bits": 3})
    with pytest.raises(RecordError, match="other levels than the audit"):
        export(edited(results, tmp_path / "c", quantizer=fewer), out)
    with pytest.raises(RecordError, match="measure again with --force"):
        export(edited(results, tmp_path / "d", mode="qat"), out)
    network = open_bench(PROTOCOL).network.spec
    with pytest.raises(RecordError, match="does not keep its network"):
        export(edited(results, tmp_path / "e", network=network), out)
    assert not out.exists()


@pytest.mark.slow
def test_a_fine_tuned_network(tuned: list[Path], tmp_path: Path) -> None:
    file, _ = export(tuned[1], tmp_path / "net.safetensors")
    assert same_evidence(measured_again(file, tmp_path / "again"), tuned[1])


def test_membranes_are_described(tmp_path: Path) -> None:
    membrane = {"membrane": "lqnet", "membrane_bits": 3}
    (cell,) = snnbench.run("uniform", 4, protocol=PROTOCOL, out=tmp_path / "out", limit=20, **membrane)
    file, sidecar = export(cell.directory, tmp_path / "net.safetensors")
    neuron = json.loads(sidecar.read_text())["neurons"][0]
    assert (neuron["membrane"]["name"], neuron["membrane"]["bits"], neuron["membrane"]["site"]) == (
        "lqnet",
        3,
        "post_reset",
    )
    assert any(name.endswith("state_quantizer.basis") for name in load_file(file))
    assert measured_again(file, tmp_path / "again", membrane | {"limit": 20}).is_dir()


def test_a_plain_file_of_weights_is_read_as_it_is(tmp_path: Path) -> None:
    weights = open_bench(PROTOCOL).network.weights
    save_file(weights, tmp_path / "plain.safetensors")
    read = unpack_network((tmp_path / "plain.safetensors").read_bytes())
    assert all(read[name].equal(weights[name]) for name in weights)
