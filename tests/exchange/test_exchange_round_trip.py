"""A network that goes through a NIR file fires as before, to the last spike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnbench import from_nir
from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.exchange import Plan, write_network
from snnbench.exchange.files import beside_of
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SEWResNet
from snnbench.nn.recording import spiking_layers
from snnbench.nn.spiking_vgg import spiking_vgg9
from snnbench.quant import quantize_membranes, quantize_weights

nir = pytest.importorskip("nir")
SHAPE = (3, 8, 8)


def network(**options: Any) -> nn.Module:
    """A small SEW-ResNet whose batch norms have statistics, biases and a negative scale."""
    torch.manual_seed(0)
    model = SEWResNet([1, 2], 4, 5, 3, **{"bn_scale": 2.0, **options})
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.bias, 0.3, 0.3)
            module.weight.data[0] *= -1
    return model.eval()


def spikes_of(model: nn.Module, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The spikes of every layer, and the logits."""
    seen: dict[str, Tensor] = {}
    handles = [
        layer.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out))
        for name, layer in spiking_layers(model).items()
    ]
    with torch.no_grad():
        logits = model(images)
    for handle in handles:
        handle.remove()
    return seen, logits


def assert_fires_alike(mine: nn.Module, other: nn.Module, images: Tensor) -> None:
    spikes, logits = spikes_of(mine, images)
    others, other_logits = spikes_of(other, images)
    assert spikes.keys() == others.keys()
    for name, layer in spikes.items():
        assert torch.equal(layer, others[name]), name
    assert sum(int(layer.sum()) for layer in spikes.values()) > 0
    assert torch.equal(logits, other_logits)


@pytest.fixture
def there_and_back(tmp_path: Path) -> Callable[..., nn.Module]:
    def go(model: nn.Module, timesteps: int = 3, shape: tuple[int, ...] = SHAPE, **options: Any) -> nn.Module:
        file, _ = write_network(model, tmp_path / "network.nir", Plan(shape, timesteps, **options))
        return from_nir(file)

    return go


@pytest.mark.parametrize("neuron", ["if", "lif", "plif"])
@pytest.mark.parametrize("options", [{"reset": "soft", "v_init": 0.5}, {"v_reset": -0.25}, {"threshold": 0.7}], ids=str)
@pytest.mark.parametrize("dt", [1e-4, 1.0])
def test_spikes_are_equal(
    there_and_back: Callable[..., nn.Module], neuron: str, options: dict[str, Any], dt: float
) -> None:
    leak = {} if neuron == "if" else {"tau": 1.7, "decay_input": dt != 1.0}
    model = network(neuron=neuron, **options, **leak)
    assert_fires_alike(model, there_and_back(model, dt=dt), torch.randn(20, *SHAPE))


@pytest.mark.parametrize("neuron", ["if", "lif", "plif"])
def test_a_spiking_vgg(there_and_back: Callable[..., nn.Module], neuron: Any) -> None:
    torch.manual_seed(0)
    model = spiking_vgg9(2, 5, 3, neuron=neuron, bn_scale=3.0, bn_bias=0.5).eval()
    assert_fires_alike(model, there_and_back(model), torch.randn(20, *SHAPE))


def lqnet_of(name: str, tensor: Tensor) -> nn.Module:
    return lqnet(tensor, bits=3)


def absmax_of(name: str, tensor: Tensor) -> nn.Module:
    return uniform(tensor, bits=4, clip="absmax")


def symmetric_of(name: str, tensor: Tensor) -> nn.Module:
    return uniform(tensor, bits=5, grid="symmetric", clip="absmax", per="channel")


@pytest.mark.parametrize("make", [lqnet_of, absmax_of, symmetric_of])
def test_quantized_weights_stay_on_their_levels(there_and_back: Callable[..., nn.Module], make: Any) -> None:
    model = network()
    coverage = quantize_weights(model, make)
    back = there_and_back(model)
    assert_fires_alike(model, back, torch.randn(20, *SHAPE))
    assert set(back.sidecar.weights) == set(coverage.quantized)
    assert set(back.sidecar.full_precision) == set(coverage.full_precision)
    for name in coverage.quantized:
        assert torch.equal(back.get_submodule(name).weight, model.get_submodule(name).weight)
        assert back.sidecar.weights[name].bits == {lqnet_of: 3, absmax_of: 4, symmetric_of: 5}[make]


@pytest.mark.parametrize("site", ["pre_spike", "post_reset"])
@pytest.mark.parametrize("grid", ["endpoint", "symmetric"])
@pytest.mark.parametrize("span", ["signed", "unsigned"])
def test_quantized_membranes(there_and_back: Callable[..., nn.Module], site: Any, grid: Any, span: Any) -> None:
    model = network(threshold=0.8)
    quantize_membranes(model, lambda _, tensor: uniform(tensor, bits=3, grid=grid, range=span), site, SHAPE)
    back = there_and_back(model)
    assert_fires_alike(model, back, torch.randn(20, *SHAPE))
    assert back.get_submodule("stem.neuron").site == site


def test_a_second_file_is_the_first_one(there_and_back: Callable[..., nn.Module], tmp_path: Path) -> None:
    model = network(neuron="plif", reset="soft")
    quantize_weights(model, absmax_of)
    back = there_and_back(model)
    again, beside = write_network(back, tmp_path / "again.nir", Plan(SHAPE, 3))
    assert_fires_alike(model, from_nir(again), torch.randn(5, *SHAPE))
    assert json.loads(beside.read_text("utf-8")) == json.loads(beside_of(tmp_path / "network.nir").read_text("utf-8"))


def test_folded_batch_norms(there_and_back: Callable[..., nn.Module]) -> None:
    """Folding rounds otherwise: the oracle is PyTorch's own fusion, up to rounding."""
    model = network()
    back = there_and_back(model, fold=True)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in back.modules())
    fused = nn.utils.fusion.fuse_conv_bn_eval(model.stem.conv, model.stem.bn)  # type: ignore[arg-type]
    torch.testing.assert_close(back.get_submodule("stem.conv").weight, fused.weight)
    torch.testing.assert_close(back.get_submodule("stem.conv").bias, fused.bias)
    mine, _ = spikes_of(model, torch.randn(50, *SHAPE))
    torch.manual_seed(0)
    images = torch.randn(50, *SHAPE)
    (mine, _), (theirs, _) = spikes_of(model, images), spikes_of(back, images)
    total = sum(spikes.numel() for spikes in mine.values())
    assert sum(int((mine[name] != theirs[name]).sum()) for name in mine) < 1e-3 * total


def test_a_learned_threshold(there_and_back: Callable[..., nn.Module]) -> None:
    model = network()
    for layer in spiking_layers(model).values():
        layer.threshold = nn.Parameter(torch.tensor(0.6))  # type: ignore[assignment]
    assert_fires_alike(model, there_and_back(model), torch.randn(10, *SHAPE))


class Branching(nn.Module):
    """A network of anyone's, with a sum, pooling and a flattening in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first = nn.Conv2d(3, 6, 3, stride=2, padding=1), IFNeuron(v_reset=0.1)
        self.left, self.right = nn.Sequential(nn.Conv2d(6, 6, 1), LIFNeuron()), nn.Conv2d(6, 6, 3, padding=1)
        self.second = PLIFNeuron(reset="soft")
        self.tail = nn.Sequential(nn.AvgPool2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(24, 5, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(self.conv(x))
        z: Tensor = self.tail(self.second(self.left(y) + self.right(y)))
        return z


class Stepwise(nn.Module):
    """Runs a module's stateless layers on all steps at once."""

    def __init__(self, model: Branching, timesteps: int) -> None:
        super().__init__()
        self.model, self.timesteps = model, timesteps

    def forward(self, images: Tensor) -> Tensor:
        def each(layer: nn.Module, x: Tensor) -> Tensor:
            y: Tensor = layer(x.flatten(0, 1))
            return y.view(*x.shape[:2], *y.shape[1:])

        m = self.model
        y = m.first(each(m.conv, images.expand(self.timesteps, *images.shape)))
        z = m.second(m.left[1](each(m.left[0], y)) + each(m.right, y))
        return each(m.tail, z).mean(0)


def test_a_network_that_fx_follows(there_and_back: Callable[..., nn.Module]) -> None:
    torch.manual_seed(1)
    model = Branching().eval()
    back = there_and_back(model, timesteps=5)
    images = 2 * torch.randn(30, *SHAPE)
    torch.testing.assert_close(back(images), Stepwise(model, 5)(images))
    spikes, _ = spikes_of(back, images)
    others, _ = spikes_of(Stepwise(model, 5), images)
    assert all(torch.equal(others[f"model.{name}"], layer) for name, layer in spikes.items())


def test_nir_reads_and_writes_the_same_network(there_and_back: Callable[..., nn.Module], tmp_path: Path) -> None:
    model = network(neuron="if", v_reset=-0.1)
    there_and_back(model)
    graph = nir.read(tmp_path / "network.nir")
    assert isinstance(graph.nodes["stem.neuron"], nir.IF)
    assert graph.nodes["pool"].kernel_size.tolist() == [4, 4]
    nir.write(tmp_path / "rewritten.nir", graph)
    assert_fires_alike(model, from_nir(tmp_path / "rewritten.nir"), torch.randn(10, *SHAPE))


def test_without_a_sidecar_only_nir_is_read(there_and_back: Callable[..., nn.Module], tmp_path: Path) -> None:
    model = network(neuron="lif", tau=3.0)
    there_and_back(model)
    graph = nir.read(tmp_path / "network.nir")
    graph.metadata.clear()
    nir.write(tmp_path / "bare.nir", graph)
    back = from_nir(tmp_path / "bare.nir", timesteps=3)
    assert back.sidecar is None
    assert (back.get_submodule("stem.neuron").tau, back.get_submodule("stem.neuron").reset) == (3.0, "hard")
    images = torch.randn(20, *SHAPE)
    (mine, _), (theirs, _) = spikes_of(model, images), spikes_of(back, images)
    total = sum(spikes.numel() for spikes in mine.values())
    assert sum(int((mine[name] != theirs[name]).sum()) for name in mine) < 1e-3 * total


def test_the_sidecar_beside_serves_a_file_that_lost_its_metadata(
    there_and_back: Callable[..., nn.Module], tmp_path: Path
) -> None:
    model = network(reset="soft")
    there_and_back(model)
    graph = nir.read(tmp_path / "network.nir")
    graph.metadata.clear()
    nir.write(tmp_path / "network.nir", graph)
    assert_fires_alike(model, from_nir(tmp_path / "network.nir"), torch.randn(10, *SHAPE))


def test_the_schema_is_that_of_the_documents() -> None:
    from snnbench.exchange.sidecar import Sidecar

    schema = Path(__file__).parents[2] / "docs" / "nir-sidecar.schema.json"
    assert json.loads(schema.read_text("utf-8")) == Sidecar.model_json_schema()
