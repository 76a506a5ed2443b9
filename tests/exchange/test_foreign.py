"""Networks of other libraries, written as NIR and read here: the same spikes, or a refusal that names the layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from oracles.networks import library
from torch import Tensor, nn

from snnbench import from_nir, quantize, to_nir
from snnbench.errors import GraphError
from snnbench.exchange.foreign import own_neuron
from snnbench.nn import IFNeuron, LIFNeuron, SpikingNeuron

STEPS = 6


def spikingjelly(kind: str, **options: Any) -> nn.Module:
    layer, neuron = library("spikingjelly.activation_based.layer"), library("spikingjelly.activation_based.neuron")
    net = nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1, bias=False),
        layer.BatchNorm2d(4),
        getattr(neuron, kind)(**options),
        layer.AvgPool2d(2),
        layer.Flatten(),
        layer.Linear(16, 8),
        getattr(neuron, kind)(**options),
    )
    library("spikingjelly.activation_based.functional").set_step_mode(net, "m")
    return net


def snntorch(kind: str = "Leaky", **options: Any) -> nn.Module:
    lif = partial(getattr(library("snntorch"), kind), init_hidden=True, **{"reset_mechanism": "zero", **options})
    return nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), lif(), nn.Flatten(), nn.Linear(16, 8), lif())


def reset_later() -> nn.Module:
    """snnTorch's property and state dict change; what a neuron does stays."""
    network = snntorch(beta=0.9)
    network.get_submodule("1").reset_mechanism = "subtract"
    return network


def norse(kind: str, p: Callable[[Any], Any], outputs: int = 8) -> nn.Module:
    torch_norse = library("norse.torch")
    cell = partial(getattr(torch_norse, kind), p=p(torch_norse))
    return torch_norse.SequentialState(nn.Conv2d(2, 4, 3, 2, 1), cell(), nn.Flatten(), nn.Linear(16, outputs), cell())


def states(bits: int, **options: Any) -> Any:
    return library("snntorch.functional.quant").state_quant(num_bits=bits, **options)


def membranes(network: nn.Module, bits: int, **options: Any) -> nn.Module:
    own = {"membrane_bits": bits, "membrane_options": options}
    return quantize(network, "uniform", 8, exempt=(), membrane="uniform", **own)


def of_each(options: dict[str, Any], **ends: tuple[float, float]) -> nn.Module:
    """A network whose neurons differ, those of a convolution by channel."""
    ends = {"beta": (0.5, 1.0), **ends}
    made = [
        {name: torch.linspace(*span, count).view(count, *tail) for name, span in ends.items()}
        for count, tail in ((4, (1, 1)), (8, ()))
    ]
    networks = [snntorch(**{**options, **each}) for each in made]
    return nn.Sequential(*networks[0][:3], *networks[1][3:])  # type: ignore[index]


def fan(low: float, high: float) -> Tensor:
    """Numbers that both the last dimension of an image of 2 x 2 and a row of 2 can be given."""
    return torch.stack([scalar(low), scalar(high)])


def scalar(value: float) -> Tensor:
    return torch.tensor(value)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "SpikingJelly IF": lambda: spikingjelly("IFNode", v_threshold=0.3),
    "SpikingJelly IF, soft": lambda: spikingjelly("IFNode", v_threshold=0.5, v_reset=None),
    "SpikingJelly LIF": lambda: spikingjelly("LIFNode", tau=1.6, v_threshold=0.2, v_reset=-0.1),
    "SpikingJelly LIF, soft, input not decayed": lambda: spikingjelly("LIFNode", decay_input=False, v_reset=None),
    "SpikingJelly IF from half": lambda: spikingjelly("HalfThresholdIFNode", v_threshold=0.5),
    "SpikingJelly CUBALIF": lambda: spikingjelly("CUBALIFNode"),
    "SpikingJelly CUBALIF, soft": lambda: spikingjelly("CUBALIFNode", c_decay=0.3, v_decay=0.6, v_reset=None),
    "SpikingJelly PLIF": lambda: spikingjelly("ParametricLIFNode", init_tau=1.7, v_threshold=0.2),
    "snnTorch IF": lambda: snntorch(beta=1.0, threshold=0.5),
    "snnTorch LIF": lambda: snntorch(beta=0.9, threshold=0.4),
    "snnTorch LIF, reset at once": lambda: snntorch(beta=0.5, threshold=0.3, reset_delay=False),
    "snnTorch IF, subtracted": lambda: snntorch(beta=1.0, threshold=0.5, reset_mechanism="subtract"),
    "snnTorch LIF, subtracted": lambda: snntorch(beta=0.9, threshold=0.4, reset_mechanism="subtract"),
    "snnTorch Synaptic": lambda: snntorch("Synaptic", alpha=0.7, beta=0.6, threshold=0.6),
    "snnTorch Synaptic, at once": lambda: snntorch("Synaptic", alpha=0.7, beta=1.0, threshold=0.6, reset_delay=False),
    "snnTorch Synaptic, subtracted": lambda: snntorch("Synaptic", alpha=0.5, beta=0.8, reset_mechanism="subtract"),
    "snnTorch Lapicque": lambda: snntorch("Lapicque", beta=0.5, threshold=0.2),
    "snnTorch Lapicque, subtracted": lambda: snntorch("Lapicque", R=2.0, C=0.8, reset_mechanism="subtract"),
    "Norse LIF with a current": lambda: norse("LIFCell", lambda t: t.LIFParameters(v_th=scalar(0.3))),
    "snnTorch IF, subtracted at once": lambda: snntorch(
        beta=1.0, threshold=0.3, reset_mechanism="subtract", reset_delay=False
    ),
    "snnTorch Synaptic, subtracted at once": lambda: snntorch(
        "Synaptic", alpha=0.7, beta=0.8, threshold=0.5, reset_mechanism="subtract", reset_delay=False
    ),
    "Norse LIF, each its own": lambda: norse(
        "LIFBoxCell", lambda t: t.LIFBoxParameters(tau_mem_inv=fan(300.0, 700.0), v_th=fan(0.1, 0.2)), 2
    ),
    "Norse IF, each its own": lambda: norse("IAFCell", lambda t: t.IAFParameters(v_th=fan(0.3, 0.6)), 2),
    "Norse LIF with a current, each its own": lambda: norse(
        "LIFCell", lambda t: t.LIFParameters(v_th=fan(0.2, 0.4), tau_syn_inv=fan(100.0, 400.0)), 2
    ),
    "snnTorch, each its own beta": lambda: of_each({"threshold": 0.4}),
    "snnTorch, each its own, subtracted": lambda: of_each({"reset_mechanism": "subtract"}, threshold=(0.3, 0.6)),
    "snnTorch Synaptic, each its own": lambda: of_each({"kind": "Synaptic"}, threshold=(0.4, 0.8), alpha=(0.1, 0.9)),
    "snnTorch, no reset": lambda: snntorch(beta=0.9, threshold=0.6, reset_mechanism="none"),
    "snnTorch, states of 3 bits": lambda: snntorch(beta=0.9, threshold=0.4, state_quant=states(3, threshold=0.4)),
    "snnTorch, states around the threshold": lambda: snntorch(
        beta=0.9, threshold=0.4, reset_mechanism="subtract", state_quant=states(4, uniform=False, threshold=0.4)
    ),
    "snnTorch, states around 0, at once": lambda: snntorch(
        beta=0.8,
        threshold=0.4,
        reset_mechanism="subtract",
        reset_delay=False,
        state_quant=states(4, uniform=False, thr_centered=False, threshold=0.4),
    ),
    "snnTorch Synaptic, states of 4 bits": lambda: snntorch(
        "Synaptic", alpha=0.7, beta=0.6, threshold=0.6, state_quant=states(4, threshold=0.6)
    ),
    "snnTorch Lapicque, states of 4 bits": lambda: snntorch(
        "Lapicque", beta=0.5, threshold=0.2, state_quant=states(4, threshold=0.2)
    ),
    "snnTorch, membrane of 4 bits": lambda: membranes(snntorch(beta=0.9, threshold=0.4), 5, clip="wide"),
    "SpikingJelly, membrane of 3 bits": lambda: membranes(spikingjelly("LIFNode", v_threshold=0.2), 3),
    "SpikingJelly, soft, membrane of 4 bits": lambda: membranes(spikingjelly("IFNode", v_reset=None), 4),
    "SpikingJelly CUBALIF, two potentials": lambda: spikingjelly("CUBALIFNode", v_reset=0.1),
    "Norse LIF, subtracted": lambda: norse(
        "LIFBoxCell",
        lambda t: t.LIFBoxParameters(tau_mem_inv=scalar(500.0), v_th=scalar(0.2), reset_method=t.reset_subtract),
    ),
    "Norse LIF with a current, two potentials": lambda: norse(
        "LIFCell", lambda t: t.LIFParameters(v_th=scalar(0.3), v_leak=scalar(0.1), v_reset=scalar(-0.1))
    ),
    "Norse IF": lambda: norse("IAFCell", lambda t: t.IAFParameters(v_th=scalar(0.5), v_reset=scalar(-0.2))),
    "Norse LIF": lambda: norse("LIFBoxCell", lambda t: t.LIFBoxParameters(tau_mem_inv=scalar(500.0), v_th=scalar(0.2))),
}


def spikes_of(network: nn.Module, images: Tensor) -> Tensor:
    """The last layer's spikes, (T, N, features)."""
    if hasattr(network[0], "step_mode"):  # type: ignore[index]
        spikes: Tensor = network(images.expand(STEPS, *images.shape))
        return spikes
    state, seen = None, []
    for _ in range(STEPS):
        given = network(images) if type(network) is nn.Sequential else network(images, state)
        given, state = given if isinstance(given, tuple) else (given, None)
        seen.append(given)
    return torch.stack(seen)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_the_network_fires_alike(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = NETWORKS[name]().eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.data *= 2
    images = torch.randn(100, 2, 4, 4)
    theirs = spikes_of(network, images)
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(2, 4, 4), timesteps=STEPS)
    back = from_nir(file)
    seen: list[Tensor] = []
    last = [module for module in back.modules() if isinstance(module, SpikingNeuron)][-1]
    last.register_forward_hook(lambda _m, _i, spikes: seen.append(spikes))
    back(images)
    assert 0.02 < theirs.mean() < 0.9
    assert torch.equal(seen[0], theirs)


class Flattening(nn.Module):
    """A network that is called once a step, or with all steps at once, and flattens by a function."""

    def __init__(self, mode: str, start: int, by_name: bool) -> None:
        super().__init__()
        layer, neuron = library("spikingjelly.activation_based.layer"), library("spikingjelly.activation_based.neuron")
        self.conv, self.fire, self.fc = layer.Conv2d(2, 4, 3, 2, 1), neuron.IFNode(0.3), layer.Linear(16, 8)
        library("spikingjelly.activation_based.functional").set_step_mode(self, mode)
        self.start, self.by_name = start, by_name

    def forward(self, x: Tensor) -> Tensor:
        y = self.fire(self.conv(x))
        return self.fc(torch.flatten(y, start_dim=self.start) if self.by_name else y.flatten(self.start))  # type: ignore[no-any-return]


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize(("mode", "start"), [("s", 1), ("m", 2)])
@torch.no_grad()
def test_flattening_by_a_function(mode: str, start: int, by_name: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, images = Flattening(mode, start, by_name).eval(), torch.randn(20, 2, 4, 4)
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(2, 4, 4), timesteps=STEPS)
    given = images.expand(STEPS, *images.shape)
    theirs = network(given) if mode == "m" else torch.stack([network(each) for each in given])
    torch.testing.assert_close(from_nir(file)(images), theirs.mean(0))


@pytest.mark.parametrize(("mode", "start"), [("s", 2), ("m", 1), ("s", 0)])
def test_flattening_more_or_less_than_a_sample(mode: str, start: int, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"Flattening .*flatten"):
        to_nir(Flattening(mode, start, True), tmp_path / "a.nir", input_shape=(2, 4, 4), timesteps=STEPS)


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "kind": (lambda: spikingjelly("QIFNode"), r"'2', a spikingjelly.QIFNode, can be written as one of spikingjelly.IF"),
    "state": (lambda: snntorch(beta=0.9, state_quant=torch.round), "'1', a snntorch.Leaky, has a state_quant of its"),
    "reset set later": (reset_later, "'1', a snntorch.Leaky, was made to reset by 'zero', and its"),
    "each its own reset": (
        lambda: norse("LIFBoxCell", lambda t: t.LIFBoxParameters(v_reset=torch.tensor([0.0, -0.5]))),
        "'1', .* has 2 values of v_reset",
    ),
    "membrane": (
        lambda: quantize(spikingjelly("IFNode"), exempt=(), membrane="lqnet"),
        "'2' has a membrane quantizer .*; a sidecar holds uniform ones",
    ),
    "grades": (lambda: snntorch(beta=0.9, graded_spikes_factor=2.0), "'1', .* grades its spikes"),
    "keeps nothing": (lambda: snntorch(beta=0.0), r"'1', .* keeps 0 of its potential"),
    "keeps all": (lambda: snntorch("Synaptic", alpha=1.0, beta=0.5), "'1', .* keeps 0.5 of its potential and 1 of"),
    "no charge": (
        lambda: norse("LIFCell", lambda t: t.LIFParameters(tau_mem_inv=scalar(0.0))),
        "'1', a norse.LIFCell, never charges",
    ),
    "no charge, no current": (
        lambda: norse("LIFBoxCell", lambda t: t.LIFBoxParameters(tau_mem_inv=scalar(0.0))),
        "'1', a norse.LIFBoxCell, never charges",
    ),
    "recurrent": (
        lambda: nn.Sequential(nn.Flatten(), library("snntorch").RLeaky(beta=0.5, linear_features=32, init_hidden=True)),
        "layer '1', a snntorch.RLeaky, can be written as one of",
    ),
    "another reset": (
        lambda: norse("LIFBoxCell", lambda t: t.LIFBoxParameters(reset_method=lambda z, v, reset, th: v * (1 - z))),
        "'1', .* resets by code of its own",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_neuron_here_does(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(GraphError, match=message):
        to_nir(make(), tmp_path / "a.nir", input_shape=(2, 4, 4), timesteps=2)
    assert not list(tmp_path.iterdir())


def sinabs(kind: str, **changes: Any) -> Any:
    """A stand-in with the attributes of a layer of sinabs 3.1; the real one is in an environment of its own."""
    single, subtract = type("SingleSpike", (), {}), type("MembraneSubtract", (), {"subtract_value": None})()
    own = {"min_v_mem": None, "norm_input": True, "spike_threshold": scalar(0.5), "alpha_syn_calculated": None}
    given = {
        **own,
        "alpha_mem_calculated": scalar(0.8),
        "spike_fn": single,
        "reset_fn": subtract,
        "does_spike": True,
        **changes,
    }
    stateful = type("StatefulLayer", (nn.Module,), {"__module__": "sinabs.layers.stateful_layer"})
    layer = type(kind, (stateful,), {"__module__": "sinabs.layers.lif"})()
    layer.__dict__.update(given)
    return layer


def test_neurons_of_sinabs_that_differ() -> None:
    keeps, thresholds = torch.tensor([0.8, 0.5]), torch.tensor([0.5, 1.0])
    neuron = own_neuron("a", sinabs("LIF", alpha_mem_calculated=keeps, spike_threshold=thresholds))
    currents = torch.tensor([1.0, 3.0]).expand(4, 1, 2)
    alone = [
        own_neuron("a", sinabs("LIF", alpha_mem_calculated=keep, spike_threshold=threshold))(currents[..., [n]])  # type: ignore[misc]
        for n, (keep, threshold) in enumerate(zip(keeps, thresholds, strict=True))
    ]
    assert neuron is not None
    assert torch.equal(neuron(currents), torch.cat(alone, -1))
    assert 0 < neuron(currents).mean() < 1


def test_neurons_of_sinabs() -> None:
    leaky = own_neuron("a", sinabs("LIF"))
    assert isinstance(leaky, LIFNeuron)
    assert leaky.tau == pytest.approx(5.0)
    assert (leaky.decay_input, leaky.reset, leaky.threshold) == (True, "soft", 0.5)
    assert isinstance(own_neuron("a", sinabs("IAFSqueeze", alpha_mem_calculated=1.0, norm_input=False)), IFNeuron)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"spike_fn": SimpleNamespace(__name__="MultiSpike")}, "several spikes"),
        ({"min_v_mem": torch.tensor([-1.0, -2.0])}, "2 values of min_v_mem"),
        ({"reset_fn": type("MembraneReset", (), {"reset_value": 0.5})()}, "resets by"),
    ],
)
def test_neurons_of_sinabs_that_no_neuron_here_is(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(GraphError, match=rf"layer 'a', a sinabs\.LIF, .*{why}"):
        own_neuron("a", sinabs("LIF", **changes))
