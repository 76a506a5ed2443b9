"""Neurons with a synaptic current or a late reset: against plain loops, and through files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.networks import library
from torch import Tensor, nn

from snnbench import from_nir, to_nir
from snnbench.builtin.uniform import uniform
from snnbench.errors import GraphError
from snnbench.exchange import Plan, write_network
from snnbench.exchange.conversion import convert
from snnbench.exchange.cuba import CubaLIFNeuron
from snnbench.exchange.graph import Graph, Node
from snnbench.exchange.hdf5 import write_graph
from snnbench.exchange.qonnx import write_qonnx
from snnbench.nn import LIFNeuron

STEPS = 8
TAUS: list[dict[str, Any]] = [{"tau": 2.0}, {"tau": 4.0, "tau_syn": 2.0}, {"tau": None, "tau_syn": 4.0, "gain": 0.5}]
RESETS: list[dict[str, Any]] = [
    {"reset": "hard"},
    {"reset": "hard", "reset_delay": True},
    {"reset": "soft", "subtracted": 0.75},
    {"reset": "soft", "reset_delay": True},
    {"reset": "soft", "reset_again": True},
    {"reset": "hard", "v_min": -0.25},
]
OPTIONS = [{**tau, **reset} for tau, reset in itertools.product(TAUS, RESETS)]


def plainly(x: np.ndarray[Any, Any], decay_input: bool, **o: Any) -> np.ndarray[Any, Any]:
    """The same in float64, one neuron after the other."""
    spikes = np.zeros_like(x)
    leak, leak_syn = (0.0 if o.get(name) is None else 1 / o[name] for name in ("tau", "tau_syn"))
    for neuron in np.ndindex(x.shape[1:]):
        v = before = current = fired = 0.0
        for t in range(len(x)):
            given = o.get("gain", 1.0) * x[(t, *neuron)]
            current = current - leak_syn * current + given if leak_syn else given
            v = v - leak * v + (leak if decay_input else 1) * current
            again = o.get("reset_again", False) and before >= 1
            if o.get("reset_delay"):
                v = v * (1 - fired) if o["reset"] == "hard" else v - fired
            v -= again
            spikes[(t, *neuron)] = fired = float(v >= 1)
            if not o.get("reset_delay"):
                v = v * (1 - fired) if o["reset"] == "hard" else v - (fired - again) * o.get("subtracted", 1.0)
            before = v = max(v, o.get("v_min", -np.inf))
    return spikes


@pytest.mark.parametrize("decay_input", [False, True])
def test_neurons_that_differ_are_each_as_one_alone(decay_input: bool, tmp_path: Path) -> None:
    """A file without a sidecar, of neurons with numbers of their own, against a layer of each."""

    constants = {
        "tau": [2.0, 4.0, 8.0],
        "tau_syn": [2.0, 1.0, 4.0],
        "gain": [1.0, 0.5, 2.0],
        "threshold": [1.0, 0.5, 2.0],
    }
    tau, tau_syn, gain, threshold = (np.array(values) for values in constants.values())
    fields = {"tau_mem": tau * 1e-4, "tau_syn": tau_syn * 1e-4, "r": np.ones(3) if decay_input else tau}
    fields |= {"w_in": gain * tau_syn, "v_leak": np.zeros(3), "v_threshold": threshold}
    ends = {name: Node(name.title(), {"shape": np.array([3])}) for name in ("input", "output")}
    graph = Graph({**ends, "n": Node("CubaLIF", fields)}, [("input", "n"), ("n", "output")])
    (tmp_path / "a.nir").write_bytes(write_graph(graph))
    back, images = from_nir(tmp_path / "a.nir", timesteps=STEPS), torch.randint(-2, 6, (40, 3)) / 2
    alone = [
        CubaLIFNeuron(decay_input=decay_input, **{name: values[n] for name, values in constants.items()})(
            images[:, n].expand(STEPS, -1)
        )
        for n in range(3)
    ]
    assert torch.equal(back(images), torch.stack(alone, -1).mean(0))
    assert 0.05 < float(back(images).mean()) < 0.9
    again, _ = to_nir(back, tmp_path / "b.nir")
    assert torch.equal(from_nir(again)(images), back(images))


@pytest.mark.parametrize("decay_input", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_plain_loop_fires_alike(options: dict[str, Any], decay_input: bool) -> None:
    """On inputs and constants that float32 adds without rounding."""
    if decay_input and options["tau"] is None:
        with pytest.raises(ValueError, match="decay_input needs a tau"):
            CubaLIFNeuron(decay_input=True, **options)
        return
    x = torch.randint(-8, 17, (STEPS, 5, 7), generator=torch.Generator().manual_seed(0)) / 8
    mine = CubaLIFNeuron(decay_input=decay_input, **options)(x)
    assert 0.02 < mine.mean() < 0.9
    assert np.array_equal(mine.numpy(), plainly(x.double().numpy(), decay_input, **options))


@pytest.mark.parametrize("decay_input", [False, True])
def test_without_a_current_it_is_a_lif(decay_input: bool) -> None:
    x = torch.randint(-8, 17, (STEPS, 5, 7), generator=torch.Generator().manual_seed(0)) / 8
    one = CubaLIFNeuron(tau=2.0, tau_syn=1.0, decay_input=decay_input, v_reset=-0.25)
    assert torch.equal(one(x), LIFNeuron(tau=2.0, decay_input=decay_input, v_reset=-0.25)(x))


@pytest.mark.parametrize(("tau", "tau_syn"), [(1.0, 2.0), (2.0, 0.5)])
def test_time_constants_that_are_too_short(tau: float, tau_syn: float) -> None:
    with pytest.raises(ValueError, match=r"tau=.* must be above 1, and tau_syn=.* not below 1"):
        CubaLIFNeuron(tau, tau_syn)


def chain(neuron: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), neuron).eval()


def spikes_of(file: Path, images: Tensor, **options: Any) -> Tensor:
    back = from_nir(file, **options)
    seen: list[Tensor] = []
    neuron = next(module for module in back.modules() if hasattr(module, "charge"))
    neuron.register_forward_hook(lambda _m, _i, spikes: seen.append(spikes))
    with torch.no_grad():
        back(images)
    return seen[0]


@pytest.mark.parametrize("dt", [1e-4, 1.0])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_there_and_back(options: dict[str, Any], dt: float, tmp_path: Path) -> None:
    model, images = chain(CubaLIFNeuron(threshold=0.3, **options)), 2 * torch.randn(50, 6)
    file, beside = write_network(model, tmp_path / "a.nir", Plan((6,), STEPS, dt))
    current = model[0](images)  # type: ignore[index]
    assert torch.equal(spikes_of(file, images), model[1](current.expand(STEPS, *current.shape)))  # type: ignore[index]
    _, again = write_network(from_nir(file), tmp_path / "b.nir", Plan((6,), STEPS, dt))
    assert beside.read_text("utf-8") == again.read_text("utf-8")


def test_a_quantized_membrane_comes_back(tmp_path: Path) -> None:
    neuron = CubaLIFNeuron(tau=4.0, tau_syn=2.0, threshold=0.3)
    neuron.state_quantizer = uniform(torch.randn(100), bits=3)
    model, images = chain(neuron), 2 * torch.randn(50, 6)
    file, _ = write_network(model, tmp_path / "a.nir", Plan((6,), STEPS))
    current = model[0](images)  # type: ignore[index]
    assert torch.equal(spikes_of(file, images), neuron(current.expand(STEPS, *current.shape)))


@pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph:DeprecationWarning")
@torch.no_grad()
def test_a_file_of_snntorch_fires_as_there(tmp_path: Path) -> None:
    """Its own export of a synaptic neuron, without a sidecar: one Euler step of NIR's equations."""
    snn, nir = library("snntorch"), library("nir")
    own = torch.ones(5)
    lif = snn.Synaptic(*(0.6 * own, 0.7 * own), own * 0.4, init_hidden=True, reset_mechanism="zero", reset_delay=False)
    model, images = chain(lif), 2 * torch.randn(100, 6)
    nir.write(tmp_path / "a.nir", library("snntorch.export_nir").export_to_nir(model, images[:3], ignore_dims=[0]))
    theirs = torch.stack([model(images) for _ in range(STEPS)])
    assert 0.02 < theirs.mean() < 0.9
    assert torch.equal(spikes_of(tmp_path / "a.nir", images, timesteps=STEPS), theirs)


@pytest.mark.parametrize("library", ["spikingjelly", "snntorch", "norse"])
@pytest.mark.parametrize("options", [{"tau_syn": 2.0}, {"reset_delay": True}, {"gain": 2.0}], ids=str)
def test_no_dialect_holds_it(library: Any, options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=f"node '1' has a synaptic current, a gain or a late reset, .* {library}"):
        to_nir(chain(CubaLIFNeuron(**options)), tmp_path / "a.nir", input_shape=(6,), timesteps=2, dialect=library)
    assert not list(tmp_path.iterdir())


def test_no_qonnx_holds_it() -> None:
    with pytest.raises(GraphError, match="node '1' has a synaptic current or a late reset"):
        write_qonnx(*convert(chain(CubaLIFNeuron(tau_syn=2.0)), Plan((6,), 2)))
