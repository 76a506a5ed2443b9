"""Layers that give potentials, written as LI, CubaLI and I of NIR, and read back: the same potentials and spikes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.networks import library
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snnbench import from_nir, record_spikes, to_nir
from snnbench.errors import GraphError
from snnbench.exchange.dialects import DIALECTS
from snnbench.exchange.graph import Graph, Node
from snnbench.exchange.hdf5 import read_graph, write_graph
from snnbench.exchange.readouts import Integrator

STEPS = 6
FIELDS = {"I": ("r",), "LI": ("tau", "r", "v_leak"), "CubaLI": ("tau_mem", "tau_syn", "r", "v_leak", "w_in")}


@pytest.fixture(scope="module")
def digits() -> Tensor:
    images, _ = load_digits(return_X_y=True)
    return torch.tensor(images[:1000] / 16, dtype=torch.float32).view(-1, 1, 8, 8)


def layers(readout: nn.Module, neuron: nn.Module) -> list[nn.Module]:
    torch.manual_seed(1)
    conv, fc = nn.Conv2d(1, 4, 3, stride=2), nn.Linear(36, 10)
    fc.weight.data *= 3
    return [conv, neuron, nn.Flatten(), fc, readout]


def norse(kind: str, **constants: Any) -> nn.Module:
    t = library("norse.torch")
    given = {name: torch.as_tensor(value) for name, value in constants.items()}
    p = getattr(t, "LIBoxParameters" if kind == "LIBoxCell" else "LIParameters")(**given)
    readout = getattr(t, kind)(p)
    return t.SequentialState(*layers(readout, t.IAFCell(t.IAFParameters(v_th=torch.tensor(0.4)))))  # type: ignore[no-any-return]


def norse_potentials(network: nn.Module, images: Tensor) -> Tensor:
    state, seen = None, []
    for _ in range(STEPS):
        given, state = network(images, state)
        seen.append(given)
    return torch.stack(seen)


def jelly(kind: str, **options: Any) -> nn.Module:
    neuron, layer = library("spikingjelly.activation_based.neuron"), library("spikingjelly.activation_based.layer")
    plain = nn.Sequential(*layers(getattr(neuron, kind)(**options), neuron.IFNode(0.4, step_mode="m")))
    conv, flat, fc = layer.Conv2d(1, 4, 3, stride=2, step_mode="m"), layer.Flatten(step_mode="m"), layer.Linear(36, 10)
    network = nn.Sequential(conv, plain[1], flat, fc, plain[4])
    network.load_state_dict(plain.state_dict())
    return network


def jelly_potentials(network: nn.Module, images: Tensor) -> Tensor:
    given = network(images.expand(STEPS, *images.shape))
    return torch.stack(given) if isinstance(given, list) else given


def each(low: float, high: float) -> Tensor:
    return torch.linspace(low, high, 10)


EXACT: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, Tensor], Tensor], str]] = {
    "Norse LICell": (lambda: norse("LICell"), norse_potentials, "CubaLI"),
    "Norse LICell, constants": (
        lambda: norse("LICell", tau_mem_inv=330.0, tau_syn_inv=70.0, v_leak=-0.3),
        norse_potentials,
        "CubaLI",
    ),
    "Norse LICell, each its own": (
        lambda: norse("LICell", tau_mem_inv=each(90, 800), tau_syn_inv=each(50, 900), v_leak=each(-0.5, 0.5)),
        norse_potentials,
        "CubaLI",
    ),
    "SpikingJelly IF": (lambda: jelly("NonSpikingIFNode"), jelly_potentials, "I"),
    "SpikingJelly LIF": (lambda: jelly("NonSpikingLIFNode", tau=1.7), jelly_potentials, "LI"),
}
ROUNDED = {
    "Norse LIBoxCell": (lambda: norse("LIBoxCell"), norse_potentials, "LI"),
    "Norse LIBoxCell, each its own": (
        lambda: norse("LIBoxCell", tau_mem_inv=each(90, 800), v_leak=each(-0.5, 0.5)),
        norse_potentials,
        "LI",
    ),
}


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
@torch.no_grad()
def test_potentials_and_spikes_of_1000_digits(name: str, digits: Tensor, tmp_path: Path) -> None:
    make, run, kind = {**EXACT, **ROUNDED}[name]
    network = make().eval()
    with record_spikes(network) as recorder:
        theirs = run(network, digits)
        their_spikes = recorder.take(len(digits))
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=STEPS, dt=1e-3)
    assert read_graph(file).nodes["4"].type == kind
    back = from_nir(file)
    seen: list[Tensor] = []
    back.get_submodule("4").register_forward_hook(lambda _m, _i, potentials: seen.append(potentials))
    with record_spikes(back) as recorder:
        output = back(digits)
        spikes = recorder.take(len(digits))
    assert list(spikes) == list(their_spikes) == ["1"]
    assert torch.equal(spikes["1"], their_spikes["1"])
    assert 0.02 < spikes["1"].mean() < 0.9
    assert torch.equal(output, seen[0].mean(0))
    assert seen[0].std() > 0.05
    if name in EXACT:
        assert torch.equal(seen[0], theirs)
    else:
        torch.testing.assert_close(seen[0], theirs)
    again, _ = to_nir(back, tmp_path / "b.nir", input_shape=(1, 8, 8), timesteps=STEPS, dt=1e-3)
    assert torch.equal(from_nir(again)(digits), output)


def test_the_mean_that_spikingjelly_takes_itself(digits: Tensor, tmp_path: Path) -> None:
    network = jelly("NonSpikingLIFNode", decode="mean-mem").eval()
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=STEPS)
    with torch.no_grad():
        assert torch.equal(from_nir(file)(digits), jelly_potentials(network, digits))


@pytest.mark.parametrize("name", ["SpikingJelly IF", "SpikingJelly LIF", "Norse LICell, each its own"])
def test_nir_itself_reads_and_writes_them(name: str, digits: Tensor, tmp_path: Path) -> None:
    nir = library("nir")
    file, _ = to_nir(EXACT[name][0]().eval(), tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=STEPS)
    nir.write(tmp_path / "b.nir", nir.read(file))
    with torch.no_grad():
        assert torch.equal(from_nir(tmp_path / "b.nir")(digits), from_nir(file)(digits))


class Looping(nn.Module):
    """Norse's cells in a loop of its own, or SpikingJelly's, whose readout gives a list or a mean.

    Norse's `LI` gets all steps at once.
    """

    def __init__(self, kind: str, pick: Callable[[Any], Any]) -> None:
        super().__init__()
        self.norse, self.at_once = kind.startswith("LI"), kind == "LI"
        chain = norse(kind) if self.norse else jelly("NonSpikingLIFNode", decode=None if kind == "list" else kind)
        self.conv, self.fire, self.flat, self.fc, self.read = chain.children()
        self.pick = pick

    def forward(self, x: Tensor) -> Any:
        if not self.norse:
            steps = x.unsqueeze(0).expand(STEPS, *x.shape)
            return self.pick(self.read(self.fc(self.flat(self.fire(self.conv(steps))))))
        fired = state = None
        seen = []
        for _ in range(STEPS):
            spikes, fired = self.fire(self.conv(x), fired)
            given = self.fc(self.flat(spikes))
            if not self.at_once:
                given, state = self.read(given, state)
            seen.append(given)
        return self.pick(self.read(torch.stack(seen))[0] if self.at_once else seen)


def mean(seen: Any) -> Any:
    return (torch.stack(seen) if isinstance(seen, list) else seen).mean(0)


def as_it_is(given: Any) -> Any:
    return given


@pytest.mark.parametrize(("kind", "pick"), [("LICell", mean), ("LI", mean), ("list", mean), ("mean-mem", as_it_is)])
@torch.no_grad()
def test_a_forward_of_its_own(kind: str, pick: Callable[[Any], Any], digits: Tensor, tmp_path: Path) -> None:
    network = Looping(kind, pick).eval()
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8))
    assert torch.equal(from_nir(file)(digits), network(digits))


class Starting(nn.Module):
    """Gives its readout a first state of 0."""

    def __init__(self, **constants: Any) -> None:
        super().__init__()
        self.flat, self.read = nn.Flatten(), list(norse("LICell", **constants).children())[-1]

    def forward(self, x: Tensor) -> Any:
        t, seen = library("norse.torch"), []
        state = t.LIState(torch.zeros(len(x), 64), torch.zeros(len(x), 64))
        for _ in range(STEPS):
            given, state = self.read(self.flat(x), state)
            seen.append(given)
        return torch.stack(seen)


@torch.no_grad()
def test_a_first_state_of_0(digits: Tensor, tmp_path: Path) -> None:
    network = Starting().eval()
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8))
    assert torch.equal(from_nir(file)(digits), network(digits).mean(0))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "the last potential": (
        lambda: jelly("NonSpikingIFNode", decode="last_mem"),
        "layer '4', a spikingjelly.NonSpikingIFNode: decode='last_mem' is no mean over steps",
    ),
    "the last of a loop": (lambda: Looping("LICell", lambda seen: seen[-1]), "gives layer 'read' of 1 of 6 steps"),
    "the greatest of a loop": (lambda: Looping("LICell", lambda seen: torch.stack(seen).amax(0)), "does 'amax'"),
    "a state given first": (
        lambda: Starting(v_leak=0.5),
        "layer 'read' is given a first state, and starts at its v_leak",
    ),
    "no leak": (lambda: norse("LICell", tau_mem_inv=0.0), "layer '4', a norse.LICell: its tau_mem_inv is 0"),
    "tau below dt": (lambda: jelly("NonSpikingLIFNode", tau=0.5), "'4', .*: its time constant is 0.5 steps"),
    "unlike neurons": (
        lambda: norse("LICell", v_leak=each(0, 1)[:7]),
        r"'4' has numbers for \(7,\) neurons of \(10,\)",
    ),
    "noise": (lambda: jelly("NoisyNonSpikingIFNode", num_node=10), "'4'"),
    "weights inside": (
        lambda: library("norse.torch").SequentialState(nn.Flatten(), library("norse.torch").LILinearCell(64, 10)),
        r"layer '1' \(LILinearCell\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_integrator_here_gives(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(GraphError, match=message):
        to_nir(make(), tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=STEPS)
    assert not list(tmp_path.iterdir())


def alone(kind: str, **changes: Any) -> Graph:
    fields = {name: np.full(3, 2e-4 if name.startswith("tau") else 2.0) for name in FIELDS[kind]}
    node = Node(kind, {**fields, **{name: np.asarray(value) for name, value in changes.items()}})
    ends = {name: Node(name.title(), {"shape": np.array([3])}) for name in ("input", "output")}
    return Graph({"input": ends["input"], "v": node, "output": ends["output"]}, [("input", "v"), ("v", "output")])


@pytest.mark.parametrize("kind", FIELDS)
def test_an_euler_step_of_its_equation(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.nir").write_bytes(write_graph(alone(kind)))
    x, dt = np.array([1.0, -2.0, 0.5]), 1e-4
    v, i, seen = np.full(3, 0.0 if kind == "I" else 2.0), np.zeros(3), []
    for _ in range(STEPS):
        i = i + dt / 2e-4 * (2.0 * x - i)
        change = {"I": 2.0 * x, "LI": ((2.0 - v) + 2.0 * x) / 2e-4, "CubaLI": ((2.0 - v) + 2.0 * i) / 2e-4}
        v = v + dt * change[kind]
        seen.append(v)
    output = from_nir(tmp_path / "a.nir", timesteps=STEPS)(torch.tensor(x[None], dtype=torch.float32))
    np.testing.assert_allclose(output[0].numpy(), np.mean(seen, 0), rtol=1e-5)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (alone("LI", tau=[2e-4, 1e-4, 2e-4]), r"node 'v' \(LI\): its time constant is 1 steps.* of dt = 0.0001"),
        (alone("CubaLI", tau_syn=[2e-4, 5e-5, 2e-4]), r"node 'v' \(CubaLI\): the time constant of its current is 0.5"),
        (alone("I", r=[1.0, 2.0]), r"node 'v' \(I\) cannot take an input of shape \(3,\)"),
        (alone("LI", v_leak=[1.0, 2.0]), r"node 'v' \(LI\) cannot take an input of shape \(3,\)"),
        (alone("I", v_threshold=[1.0, 2.0, 3.0]), r"node 'v' \(I\) has fields .* v_threshold"),
        (alone("LI", r=[np.nan, 1.0, 1.0]), "node 'v': its r holds numbers that are not finite"),
    ],
)
def test_a_bad_node_is_refused_by_name(graph: Graph, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.nir").write_bytes(write_graph(graph))
    with pytest.raises(GraphError, match=message):
        from_nir(tmp_path / "a.nir", timesteps=2)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_other_reader_knows_them(dialect: Any, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 3), Integrator(torch.ones((), dtype=torch.float64)))
    with pytest.raises(GraphError, match=f"node '1' gives potentials, and no I is written for {dialect}"):
        to_nir(network, tmp_path / "a.nir", input_shape=(3,), timesteps=2, dialect=dialect)
    assert not list(tmp_path.iterdir())
