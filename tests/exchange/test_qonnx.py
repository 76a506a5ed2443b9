"""One time step as a QONNX graph, run by qonnx's own executor: the same potentials and sums, to the bit."""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.conversion import Plan, convert
from snnbench.exchange.qonnx import write_qonnx
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx.reference")

RUN = """
import sys
import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
model = ModelWrapper(sys.argv[1])
given = dict(np.load(sys.argv[2]))
found = execute_onnx(model, given, return_full_exec_context=True)
found = {name: value for name, value in found.items() if value is not None}
kinds = {name: model.get_tensor_datatype(name).name for name in found if name.endswith(".accumulator")}
np.savez(sys.argv[3], kinds=np.array(sorted(kinds.items())), **found)
"""


def network() -> nn.Sequential:
    """Weights that are whole multiples of a scale a channel, in all layers."""
    torch.manual_seed(0)
    neurons = (
        IFNeuron(threshold=40.0, reset="soft"),
        LIFNeuron(tau=1.7, v_reset=-0.1, threshold=0.4),
        LIFNeuron(decay_input=False),
    )
    layers = nn.Conv2d(1, 4, 3, 2, 1), nn.Conv2d(4, 5, 3, padding=1), nn.Linear(80, 6)
    for layer in layers:
        codes = torch.randint(-7, 8, layer.weight.shape).float()
        scale = (0.01 + torch.rand(len(codes))).view(-1, *[1] * (codes.ndim - 1))
        layer.weight.data = codes * scale
    first, second, last = layers
    return nn.Sequential(first, neurons[0], second, neurons[1], nn.Flatten(), last, neurons[2]).eval()


def made(model: nn.Module, largest: int | None = 255) -> tuple[bytes, Any]:
    graph, sidecar = convert(model, Plan((1, 8, 8), 4, fold=True))
    return write_qonnx(graph, sidecar, largest), sidecar


def whole_step(model: nn.Sequential, sidecar: Any, x: Tensor, v: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
    """The oracle: sums of whole numbers in float64, scaled and biased in float32, then this project's own neurons."""
    found: dict[str, Tensor] = {}
    for name, layer in model.named_children():
        if isinstance(layer, SpikingNeuron):
            x, found[f"{name}.v_next"] = layer._step(v[f"{name}.v"], x)
        elif isinstance(layer, nn.Flatten):
            x = layer(x)
        else:
            scale = torch.tensor(sidecar.weights[name].scale)
            codes = (layer.weight / scale.view(-1, *[1] * (layer.weight.ndim - 1))).round().double()
            convolved = isinstance(layer, nn.Conv2d)
            options = (None, layer.stride, layer.padding) if convolved else ()
            acc = (F.conv2d if convolved else F.linear)(x.double(), codes, *options)
            tail = (-1, 1, 1) if convolved else (-1,)
            found[f"{name}.accumulator"] = acc.float()
            x = acc.float() * scale.view(tail) + layer.bias.view(tail)
    return found, x


def executed(content: bytes, given: dict[str, Any], python: Path, folder: Path) -> dict[str, Any]:
    (folder / "step.onnx").write_bytes(content)
    np.savez(folder / "given.npz", **given)
    files = [folder / "step.onnx", folder / "given.npz", folder / "found.npz"]
    subprocess.run([python, "-W", "ignore", "-c", RUN, *files], check=True)
    return dict(np.load(files[-1]))


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_executor_gives_the_same_bits(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "qonnx==1.0.0"], check=True)
    check_bits(python, tmp_path)


@torch.no_grad()
def check_bits(python: Path, folder: Path) -> None:
    model = network()
    content, sidecar = made(model)
    v = {
        f"{name}.v": torch.full(shape, 0.05)
        for name, shape in (("1", (1, 4, 4, 4)), ("3", (1, 5, 4, 4)), ("6", (1, 6)))
    }
    image = torch.randint(0, 256, (1, 1, 8, 8)).float()
    spikes = 0.0
    for _ in range(4):
        mine, output = whole_step(model, sidecar, image, v)
        given = {name: value.numpy() for name, value in {"images": image, **v}.items()}
        found = executed(content, given, python, folder)
        for name, value in {**mine, "output": output}.items():
            assert found[name].tobytes() == value.numpy().tobytes(), name
        for name, kind in found["kinds"]:
            most = 2 ** (int(kind.removeprefix("INT")) - 1)
            assert np.abs(found[name]).max() < most
        v = {f"{name}.v": mine[f"{name}.v_next"] for name in ("1", "3", "6")}
        spikes += float(output.sum())
    assert spikes > 0
    assert [name for name, _ in found["kinds"]] == ["0.accumulator", "2.accumulator", "5.accumulator"]


def test_the_graph_is_valid_and_says_its_types() -> None:
    content, _ = made(network())
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    told = {
        each.tensor_name: each.quant_parameter_tensor_names[0].value for each in model.graph.quantization_annotation
    }
    assert told["0.codes"] == "INT4"
    assert told["2.accumulator"] in {f"INT{bits}" for bits in range(5, 10)}
    assert {node.op_type for node in model.graph.node if node.domain} == {"Quant"}


def test_images_of_real_numbers_leave_the_first_layer_in_float() -> None:
    content, _ = made(network(), None)
    names = [each.tensor_name for each in onnx.load_from_string(content).graph.quantization_annotation]
    assert "0.accumulator" not in names
    assert "2.accumulator" in names


def test_sums_that_float32_cannot_hold() -> None:
    with pytest.raises(GraphError, match=r"node '0': sums up to .* are not exact in float32"):
        made(network(), 2**20)


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((2, 6, 6), lambda: [nn.Conv2d(2, 4, 3), IFNeuron(threshold=0.2), nn.MaxPool2d(3, 1, 1)]),
        ((2, 9), lambda: [nn.Conv1d(2, 4, 3, 2, 1), LIFNeuron(threshold=0.1), nn.Flatten()]),
    ],
)
@torch.no_grad()
def test_maxima_and_rows(shape: tuple[int, ...], layers: Callable[[], list[nn.Module]]) -> None:
    """Layers in float, run by ONNX's own evaluator."""
    reference = pytest.importorskip("onnx.reference")
    torch.manual_seed(0)
    model = nn.Sequential(*layers()).eval()
    image = torch.randn(1, *shape)
    run = reference.ReferenceEvaluator(onnx.load_from_string(write_qonnx(*convert(model, Plan(shape, 1)))))
    neurons = tuple(model[0](image).shape)
    (output,) = run.run(["output"], {"images": image.numpy(), "1.v": np.zeros(neurons, np.float32)})
    expected = model[2](model[1](model[0](image).unsqueeze(0))[0])
    assert 0.1 < float(expected.mean()) < 1
    assert np.array_equal(output, expected.numpy())


@pytest.mark.parametrize("decay_input", [True, False])
@torch.no_grad()
def test_a_learned_leak_has_the_same_bits(decay_input: bool) -> None:
    neuron, inputs = PLIFNeuron(decay_input=decay_input), torch.rand(1, 500, generator=torch.Generator().manual_seed(0))
    neuron.w.fill_(-0.7)
    layer = nn.Linear(500, 500, bias=False)
    layer.weight.copy_(torch.eye(500))  # of which every sum is exact
    content = write_qonnx(*convert(nn.Sequential(layer, neuron), Plan((500,), 1)))
    v = 1 - 2 * inputs.flip(1)
    given = {"images": inputs.numpy(), "1.v": v.numpy()}
    (found,) = onnx.reference.ReferenceEvaluator(onnx.load_from_string(content)).run(["1.v_next"], given)
    _, expected = neuron._step(v, inputs)
    assert found.tobytes() == expected.numpy().tobytes()
