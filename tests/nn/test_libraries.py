"""Every neuron class that SpikingJelly, snnTorch, Norse and sinabs export is counted right, or refused by its name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnbench import record_firing
from snnbench.errors import FiringError
from snnbench.functional import FiringProfile
from snnbench.nn import IFNeuron

T, N, C = 4, 3, 8
ABSTRACT = {"AdaptBaseNode", "BaseNode", "ILCBaseNode", "MPBNBaseNode", "NoisyBaseNode", "NoisyILCBaseNode"}
ABSTRACT |= {"NonSpikingBaseNode", "SimpleBaseNode", "NoisyNonSpikingBaseNode", "LIF", "SpikingNeuron", "StatefulLayer"}


def exported(module: str, package: str = "") -> list[type[nn.Module]]:
    """Classes of modules that `module` exports and that come from `package`; none where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = inspect.getmembers(import_module(module), inspect.isclass)
        except ImportError:
            return []
    inside = [
        each for _, each in found if issubclass(each, nn.Module) and each.__module__.startswith(package or module)
    ]
    return list(dict.fromkeys(inside))


def few_spike_table() -> Any:
    neuron = import_module("spikingjelly.activation_based.neuron")
    return neuron.FewSpikeTable(torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.5]))


def core(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    return (x + v > 1).to(x), v


def jelly_options(name: str) -> dict[str, Any]:
    surrogate = import_module("spikingjelly.activation_based.surrogate").ATan()
    wide = {"num_node": C} if name.startswith("Noisy") else {}
    options: dict[str, dict[str, Any]] = {
        "GatedLIFNode": {"T": T},
        "LIAFNode": {"act": torch.relu, "threshold_related": False},
        "MPBNLIFNode": {"out_features": C},
        "MaskedPSN": {"k": 2, "T": T, "surrogate_function": surrogate},
        "PSN": {"T": T, "surrogate_function": surrogate},
        "SlidingPSN": {"k": 2, "surrogate_function": surrogate},
        "STBIFNode": {"q_threshold": torch.tensor(1.0), "level": 4},
        "SimpleLIFNode": {"tau": 2.0, "decay_input": True},
        "FlexSN": {"core": core, "num_states": 1},
        "ILIFNode": {},
    }
    pops = {"act_dim": 2, "dec_pop_dim": C // 2}
    if name.startswith(("ILC", "NoisyILC")):
        wide = pops
    return options.get(name, {}) | wide | ({"T": T, "is_training": False} if name.startswith("Noisy") else {})


def jelly(kind: type[nn.Module], mode: str) -> nn.Module:
    name = kind.__name__
    if name == "FewSpikeNode":
        return kind(few_spike_table())
    if name in ("HGNode", "OutlierAwareThresholdNode"):
        pytest.skip("a FewSpikeNode, which is refused")
    made: Any = kind(**jelly_options(name))
    if getattr(made, "step_mode", "m") != mode:  # PSN and others have it set only by being set
        try:
            made.step_mode = mode
        except ValueError as error:
            pytest.skip(str(error))
    return made


def walk(kinds: list[type[nn.Module]]) -> Any:
    chosen = [kind for kind in kinds if kind.__name__ not in ABSTRACT]
    return pytest.mark.parametrize("kind", chosen or [None], ids=lambda kind: kind and kind.__name__)


class Beside(nn.Module):
    """A layer that is always counted, and the layer that is tried; it keeps what the latter gives."""

    def __init__(self, layer: nn.Module, run: Callable[[nn.Module, Tensor], Any]) -> None:
        super().__init__()
        self.known, self.tried, self.run = IFNeuron(), layer, run
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor) -> None:
        self.known(x)
        self.kept.append(self.run(self.tried, x))


def outcome(layer: nn.Module, run: Callable[[nn.Module, Tensor], Any], *shape: int) -> str:
    """`counted` right, `refused` by its name, or `none`: not a spiking layer; checked against what the layer gives."""
    torch.manual_seed(0)
    model = Beside(layer, run).eval()
    data = 3 * torch.rand(T, N, *shape or (C,)) - 0.5
    try:
        with record_firing(model) as recorder, torch.no_grad():
            model(data)
    except FiringError as error:
        return "refused" if "'tried'" in str(error) else str(error)
    profile, given = recorder.profile(), model.kept[0]
    if "tried" not in profile.layers:
        return "none"
    assert profile.layers["tried"] == FiringProfile.from_spikes({"tried": given.float()}).layers["tried"]
    assert given.shape[:2] == (T, N)
    return "counted"


def multi(layer: nn.Module, x: Tensor) -> Any:
    return first(layer(x))


def single(layer: nn.Module, x: Tensor) -> Any:
    return torch.stack([first(layer(step)) for step in x])


def carried(layer: nn.Module, x: Tensor) -> Tensor:
    """The loop of who keeps the state outside of the layer."""
    state, steps = None, []
    for step in x:
        spikes, state = layer(step, state)
        steps.append(spikes)
    return torch.stack(steps)


def first(output: Any) -> Any:
    return output[0] if isinstance(output, tuple | list) else output


JELLY_SILENT = {"NonSpikingIFNode", "NonSpikingLIFNode", "NoisyNonSpikingIFNode"}
JELLY_REFUSED = {"DSRIFNode", "DSRLIFNode", "FewSpikeNode", "FlexSN", "ILIFNode", "LIAFNode", "STBIFNode"}
JELLY_REFUSED |= {"TernaryIFNode", "TernaryLIFNode"}


@pytest.mark.parametrize("mode", ["m", "s"])
@walk(exported("spikingjelly.activation_based.neuron"))
def test_spikingjelly(kind: type[nn.Module] | None, mode: str) -> None:
    if kind is None:
        pytest.skip("spikingjelly is not installed")
    only_multi = {"DSRIFNode", "DSRLIFNode", "GatedLIFNode", "MaskedPSN"}
    only_single = {"OTTTLIFNode"}
    name = kind.__name__
    if name in (only_multi if mode == "s" else only_single):
        pytest.skip("it has no such mode")
    layer = jelly(kind, mode)
    shape = (2, 2, 2) if name == "GatedLIFNode" else (C,)
    expected = "refused" if name in JELLY_REFUSED else "none" if name in JELLY_SILENT else "counted"
    assert outcome(layer, multi if mode == "m" else single, *shape) == expected


def test_a_neuron_of_spikingjelly_that_gives_another_shape_is_refused() -> None:
    neuron: Any = pytest.importorskip("spikingjelly.activation_based.neuron")
    model = nn.Sequential(neuron.GatedLIFNode(T=T))
    message = r"'0' gives \(4, 1, 1, 3, 8\) for an input of \(4, 3, 8\)"
    with record_firing(model), pytest.raises(FiringError, match=message):
        model(torch.rand(T, N, C))


@walk(exported("spikingjelly.activation_based.rnn"))
def test_spikingjelly_recurrent_networks_are_refused(kind: type[nn.Module] | None) -> None:
    if kind is None:
        pytest.skip("spikingjelly is not installed")
    if kind.__name__.endswith(("Base", "CellBase")):
        pytest.skip("abstract")
    made = kind(C, C) if kind.__name__.endswith("Cell") else kind(C, C, 1)
    assert outcome(made, lambda layer, x: None) == "refused"


def test_a_neuron_that_a_later_version_brings_is_refused() -> None:
    base = type("NewNode", (nn.Module,), {"__module__": "spikingjelly.activation_based.neuron.later"})
    other = type("NewLeaky", (nn.Module,), {"__module__": "snntorch._neurons.later"})
    for kind in (base, other):
        with pytest.raises(FiringError, match=f"layer '1', a {kind.__name__}, is a neuron that is not known here"):
            record_firing(nn.Sequential(IFNeuron(), kind()))


def test_a_users_own_neuron_on_a_base_class_is_counted() -> None:
    neuron: Any = pytest.importorskip("spikingjelly.activation_based.neuron")
    mine = type("Mine", (neuron.LIFNode,), {"__module__": "mine"})
    assert outcome(mine(step_mode="m"), multi) == "counted"


SNNTORCH: dict[str, tuple[dict[str, Any], Any, str]] = {
    "Alpha": ({"alpha": 0.9, "beta": 0.5, "init_hidden": True}, single, "counted"),
    "DeltaLeaky": ({"beta": 0.5, "init_hidden": True}, single, "counted"),
    "Lapicque": ({"beta": 0.5, "init_hidden": True}, single, "counted"),
    "Leaky": ({"beta": 0.5, "init_hidden": True}, single, "counted"),
    "RLeaky": ({"beta": 0.5, "init_hidden": True, "linear_features": C}, single, "counted"),
    "RSynaptic": ({"alpha": 0.5, "beta": 0.5, "init_hidden": True, "linear_features": C}, single, "counted"),
    "SLSTM": ({"input_size": C, "hidden_size": C, "init_hidden": True, "threshold": 0.05}, single, "counted"),
    "SConv2dLSTM": (
        {"in_channels": 2, "out_channels": 2, "kernel_size": 3, "init_hidden": True, "threshold": 0.05},
        single,
        "counted",
    ),
    "Synaptic": ({"alpha": 0.5, "beta": 0.5, "init_hidden": True}, single, "counted"),
    "StateLeaky": ({"beta": 0.5, "channels": C}, multi, "counted"),
    "LinearLeaky": ({"beta": 0.5, "in_features": C, "out_features": C}, multi, "counted"),
    "LeakyParallel": ({"input_size": C, "hidden_size": C, "threshold": 0.2}, multi, "counted"),
    "AssociativeLeaky": (
        {"in_dim": C, "d_value": 2, "d_key": 3, "num_spiking_neurons": 6, "use_q_projection": False},
        multi,
        "counted",
    ),
}


@walk(exported("snntorch", "snntorch._neurons"))
@pytest.mark.filterwarnings("ignore")
def test_snntorch(kind: type[nn.Module] | None) -> None:
    if kind is None:
        pytest.skip("snntorch is not installed")
    options, run, expected = SNNTORCH[kind.__name__]
    shape = (2, 4, 4) if kind.__name__ == "SConv2dLSTM" else (C,)
    assert outcome(kind(**options), run, *shape) == expected


def test_a_projection_of_spikes_is_refused() -> None:
    snntorch: Any = pytest.importorskip("snntorch")
    layer = snntorch.AssociativeLeaky(in_dim=C, d_value=2, d_key=2, num_spiking_neurons=4)
    assert outcome(layer, multi) == "refused"


NORSE_OTHER = ("Encoder", "Decoder", "ReceptiveField", "Sequential", "Lift", "LConv", "RegularizationCell")
NORSE_VOLTAGES = {"LI", "LICell", "LIBoxCell", "LILinearCell"}


def norse_kinds() -> Iterator[type[nn.Module]]:
    for kind in exported("norse.torch", "norse.torch.module"):
        if not any(part in kind.__name__ for part in NORSE_OTHER):
            yield kind


@walk(list(norse_kinds()))
@pytest.mark.filterwarnings("ignore")
def test_norse(kind: type[nn.Module] | None) -> None:
    if kind is None:
        pytest.skip("norse is not installed")
    name = kind.__name__
    if name == "LIFCorrelation":
        pytest.skip("a learning rule: state and weights come with every call")
    sizes = (C, C) if "input_size" in inspect.signature(kind.__init__).parameters else ()
    method: Any = import_module("norse.torch.functional.izhikevich").tonic_spiking
    made = kind(*sizes, method) if name.startswith("Izhikevich") else kind(*sizes)
    run = carried if name.endswith("Cell") else multi
    assert outcome(made, run) == ("none" if name in NORSE_VOLTAGES else "counted")


@pytest.mark.filterwarnings("ignore")
def test_neurons_of_norse_that_are_called_otherwise() -> None:
    norse: Any = pytest.importorskip("norse.torch")
    encoder = norse.ConstantCurrentLIFEncoder(T)
    assert outcome(encoder, lambda layer, x: layer(10 * x[0])) == "counted"
    assert outcome(norse.PoissonEncoder(T), lambda layer, x: layer(x[0])) == "none"


SINABS_OTHER = {
    "ChannelShift",
    "Cropping2dLayer",
    "FlattenTime",
    "Merge",
    "NeuromorphicReLU",
    "QuantizeLayer",
    "Repeat",
}
SINABS_OTHER |= {"SpikingMaxPooling2dLayer", "SumPool2d", "UnflattenTime", "Img2SpikeLayer", "Sig2SpikeLayer"}


@walk([kind for kind in exported("sinabs.layers") if kind.__name__ not in SINABS_OTHER])
def test_sinabs(kind: type[nn.Module] | None) -> None:
    if kind is None:
        pytest.skip("sinabs is not installed")
    name, single_spike = kind.__name__, import_module("sinabs.activation").SingleSpike
    options: dict[str, Any] = {} if name.startswith("IAF") else {"tau_mem": 10.0}
    options |= {"tau_adapt": 10.0} if name.startswith("ALIF") else {}
    options |= {"rec_connect": nn.Linear(C, C)} if "Recurrent" in name else {}
    options |= {} if "ExpLeak" in name else {"spike_fn": single_spike}
    if "Squeeze" not in name:
        assert outcome(kind(**options), batch_first) == ("none" if "ExpLeak" in name else "counted")
        return
    for known in ({"batch_size": N}, {"num_timesteps": T}):
        assert outcome(kind(**options, **known), flat) == ("none" if "ExpLeak" in name else "counted")


def batch_first(layer: nn.Module, x: Tensor) -> Any:
    return layer(x.transpose(0, 1)).transpose(0, 1)


def flat(layer: nn.Module, x: Tensor) -> Any:
    return layer(x.transpose(0, 1).flatten(0, 1)).unflatten(0, (N, T)).transpose(0, 1)


def test_several_spikes_of_sinabs_in_a_step_are_refused() -> None:
    layers: Any = pytest.importorskip("sinabs.layers")
    model = Beside(layers.IAF(), batch_first)
    with record_firing(model), pytest.raises(FiringError, match="layer 'tried': spikes hold the value"):
        model(5 * torch.ones(T, N, C))
