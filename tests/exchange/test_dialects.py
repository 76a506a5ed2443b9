"""Files in a dialect, read by the library itself: the same spikes, or a refusal by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from oracles.nir_networks import NETWORKS, STEPS, Make, network, own_spikes
from torch import nn

from snnbench import to_nir
from snnbench.builtin.uniform import uniform
from snnbench.errors import GraphError, OptionError
from snnbench.exchange import DialectName
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SEWResNet, SpikingNeuron
from snnbench.quant import quantize_membranes, quantize_weights

read = pytest.importorskip("oracles.nir_readers").read

LIBRARIES: tuple[DialectName, ...] = ("spikingjelly", "snntorch", "norse", "snn-mlir")

NEURONS: dict[str, Callable[[], SpikingNeuron]] = {
    "IF": lambda: IFNeuron(threshold=0.9),
    "LIF": lambda: LIFNeuron(threshold=0.5),
    "LIF, input not decayed": lambda: LIFNeuron(tau=3.0, decay_input=False),
    "PLIF": lambda: PLIFNeuron(tau=1.6, threshold=0.7),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("layers", NETWORKS)
def test_the_library_fires_alike(library: DialectName, neuron: str, layers: str, tmp_path: Path) -> None:
    pytest.importorskip(library.replace("-", "_"))
    model, shape = network(layers, NEURONS[neuron])
    images = torch.randn(100, *shape)
    options: dict[str, Any] = {"input_shape": shape, "timesteps": STEPS, "dialect": library}
    (file,) = to_nir(model, tmp_path / "a.nir", **options)
    mine = own_spikes(model, shape, images, tmp_path)
    assert 0.01 < mine.mean() < 0.9
    assert torch.equal(read(library, str(file), images, STEPS, 1e-4).view_as(mine), mine)


@pytest.mark.parametrize("library", ["spikingjelly", "snntorch"])
def test_a_quantized_sew_resnet(library: DialectName, tmp_path: Path) -> None:
    """Folded batch norms and sums in another order round otherwise, so a few outputs may differ."""
    pytest.importorskip(library)
    torch.manual_seed(1)
    model = SEWResNet([1, 1], 4, 5, STEPS, bn_scale=2.0, bn_bias=0.4).eval()
    quantize_weights(model, lambda _, tensor: uniform(tensor, bits=4, clip="absmax"))
    (file,) = to_nir(model, tmp_path / "a.nir", input_shape=(3, 8, 8), dialect=library)
    images = torch.randn(50, 3, 8, 8)
    outputs = read(library, str(file), images, STEPS, 1e-4)
    with torch.no_grad():
        logits = model(images)
    assert (~outputs.mean(0).view_as(logits).isclose(logits, atol=1e-4)).any(1).sum() <= 1


@pytest.mark.parametrize(("library", "why"), [("norse", "loses all but one"), ("snn-mlir", "reads chains alone")])
def test_branches_that_meet(library: DialectName, why: str, tmp_path: Path) -> None:
    """In nirtorch 2.6, `load` runs a node as soon as one of its inputs is there."""
    with pytest.raises(GraphError, match=rf"node 'blocks\.2_1\.layer1\.conv' adds what meets there, .* {why}"):
        to_nir(SEWResNet([1, 1], 4).eval(), tmp_path / "a.nir", input_shape=(3, 8, 8), dialect=library)


REFUSED: dict[str, tuple[Make, str]] = {
    "soft reset": (lambda: IFNeuron(reset="soft"), "node '1' has a soft reset"),
    "start": (lambda: LIFNeuron(v_init=0.5), "node '1' starts at 0.5 thresholds"),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("what", REFUSED)
def test_what_a_library_cannot_hold(library: DialectName, what: str, tmp_path: Path) -> None:
    make, message = REFUSED[what]
    model, shape = network("linear", make)
    with pytest.raises(GraphError, match=message):
        to_nir(model, tmp_path / "a.nir", input_shape=shape, timesteps=2, dialect=library)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", LIBRARIES)
def test_quantized_membranes_are_refused(library: DialectName, tmp_path: Path) -> None:
    model = SEWResNet([1], 4, 5, 2).eval()
    quantize_membranes(model, lambda _, tensor: uniform(tensor, bits=4), "post_reset", (3, 8, 8))
    with pytest.raises(GraphError, match=r"node 'stem\.neuron' has a quantized membrane"):
        to_nir(model, tmp_path / "a.nir", input_shape=(3, 8, 8), dialect=library)


@pytest.mark.parametrize(
    ("library", "where"),
    [("snntorch", "reads 0"), ("norse", "reads 0"), ("snn-mlir", "reads 0"), ("spikingjelly", "starts")],
)
def test_a_reset_to_another_potential(library: DialectName, where: str, tmp_path: Path) -> None:
    model, shape = network("linear", lambda: IFNeuron(v_reset=-0.5))
    with pytest.raises(GraphError, match=f"node '1' .*{where}"):
        to_nir(model, tmp_path / "a.nir", input_shape=shape, timesteps=2, dialect=library)


@pytest.mark.parametrize("library", ["sinabs", "rockpool"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("neuron", [IFNeuron, LIFNeuron])
def test_libraries_that_fire_several_spikes(library: DialectName, reset: str, neuron: Any, tmp_path: Path) -> None:
    model, shape = network("linear", lambda: neuron(reset=reset))
    with pytest.raises(GraphError, match=f"node '1': {library} fires several spikes"):
        to_nir(model, tmp_path / "a.nir", input_shape=shape, timesteps=2, dialect=library)


@pytest.mark.parametrize(
    ("conv", "why"), [(nn.Conv2d(4, 4, 3, groups=2), "2 groups"), (nn.Conv2d(4, 4, (3, 1)), "a square")]
)
def test_convolutions_that_nir_cannot_read(conv: nn.Module, why: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"input_shape": (4, 8, 8), "timesteps": 2}
    with pytest.raises(GraphError, match=f"node '0' has .*{why}"):
        to_nir(nn.Sequential(conv, IFNeuron()), tmp_path / "a.nir", dialect="spikingjelly", **options)
    model = nn.Sequential(conv, IFNeuron())
    spikes = own_spikes(model, (4, 8, 8), torch.randn(3, 4, 8, 8), tmp_path)
    nir = pytest.importorskip("nir")
    with pytest.raises(ValueError, match="type mismatch"):
        nir.read(tmp_path / "own.nir")
    assert spikes.shape[:2] == (STEPS, 3)


def test_names_that_nirtorch_takes_for_one(tmp_path: Path) -> None:
    model = nn.Sequential()
    model.add_module("a", nn.Sequential())
    model.a.add_module("b", nn.Linear(2, 2))
    model.add_module("a_b", nn.Linear(2, 2))
    with pytest.raises(GraphError, match=r"nodes 'a\.b' and 'a_b' have one name"):
        to_nir(model, tmp_path / "a.nir", input_shape=(2,), timesteps=1, dialect="norse")


def test_snntorch_has_a_step_of_its_own(tmp_path: Path) -> None:
    model, shape = network("linear", LIFNeuron)
    with pytest.raises(GraphError, match=r"dt=0\.001: the reader of snntorch assumes 0\.0001"):
        to_nir(model, tmp_path / "a.nir", input_shape=shape, timesteps=2, dialect="snntorch", dt=1e-3)


def test_an_unknown_dialect(tmp_path: Path) -> None:
    model, shape = network("linear", LIFNeuron)
    with pytest.raises(OptionError, match=r"dialect='nors' is not one of .*did you mean 'norse'"):
        to_nir(model, tmp_path / "a.nir", input_shape=shape, timesteps=2, dialect="nors")  # type: ignore[arg-type]


def rows(dilation: int = 2) -> nn.Module:
    torch.manual_seed(0)
    first, second = nn.Conv1d(2, 4, 3, 2, 1), nn.Conv1d(4, 3, 3, dilation=dilation)
    for layer in (first, second):
        layer.weight.data *= 3
    return nn.Sequential(first, LIFNeuron(threshold=0.3), second, IFNeuron()).eval()


@pytest.mark.parametrize(("library", "dilation"), [("spikingjelly", 2), ("snn-mlir", 1)])
def test_convolutions_of_rows(library: DialectName, dilation: int, tmp_path: Path) -> None:
    """Two readers know them; Norse's leaves them out without a word."""
    pytest.importorskip(library.replace("-", "_"))
    images, options = torch.randn(100, 2, 16), {"input_shape": (2, 16), "timesteps": STEPS}
    (file,) = to_nir(rows(dilation), tmp_path / "a.nir", dialect=library, **options)  # type: ignore[arg-type]
    mine = own_spikes(rows(dilation), (2, 16), images, tmp_path)
    assert 0.01 < mine.mean() < 0.9
    assert torch.equal(read(library, str(file), images, STEPS, 1e-4).view_as(mine), mine)


@pytest.mark.parametrize("library", ["snntorch", "norse"])
def test_convolutions_of_rows_that_are_not_read(library: DialectName, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=f"node '0' is a Conv1d, which {library} does not read"):
        to_nir(rows(), tmp_path / "a.nir", input_shape=(2, 16), timesteps=2, dialect=library)


def test_a_dilation_that_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="node '2' has a dilation, which snn-mlir does not read"):
        to_nir(rows(), tmp_path / "a.nir", input_shape=(2, 16), timesteps=2, dialect="snn-mlir")


@pytest.mark.parametrize("library", LIBRARIES)
def test_maxima_are_not_read(library: DialectName, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), IFNeuron(), nn.MaxPool2d(2))
    with pytest.raises(GraphError, match=f"node '2' is a Threshold, which {library} does not read"):
        to_nir(model, tmp_path / "a.nir", input_shape=(2, 6, 6), timesteps=2, dialect=library)
