"""SpikingJelly's neurons on the compiled kernels, against SpikingJelly's own forward."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.nn import optimize, record_firing
from snnbench.nn.compiled.jelly import FusedJelly

pytest.importorskip("spikingjelly")
from spikingjelly.activation_based import functional, layer, neuron, surrogate

pytestmark = needs_kernels
NEURONS = {
    "if": neuron.IFNode,
    "if soft": lambda **more: neuron.IFNode(v_reset=None, **more),
    "if reset to -0.2": lambda **more: neuron.IFNode(v_threshold=0.7, v_reset=-0.2, **more),
    "lif": neuron.LIFNode,
    "lif undecayed": lambda **more: neuron.LIFNode(tau=3.0, decay_input=False, v_reset=None, **more),
    "lif reset to 0.1": lambda **more: neuron.LIFNode(tau=1.5, v_reset=0.1, **more),
    "plif": lambda **more: neuron.ParametricLIFNode(init_tau=2.5, **more),
    "plif undecayed": lambda **more: neuron.ParametricLIFNode(init_tau=2.5, decay_input=False, **more),
}
CURRENTS = torch.randn(6, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0)) + 0.4


def pair(make: Any, **more: Any) -> tuple[nn.Module, nn.Module]:
    model = nn.Sequential(make(**more)).eval()
    fast = optimize(model)
    assert isinstance(fast[0], FusedJelly)
    return model, fast


def run(network: nn.Module, currents: Tensor) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        return network(currents), network[0].v


@pytest.mark.parametrize("flat", [False, True], ids=["maps", "features"])
@pytest.mark.parametrize("make", NEURONS.values(), ids=NEURONS)
def test_all_steps_at_once(make: Any, flat: bool) -> None:
    currents = CURRENTS.flatten(2) if flat else CURRENTS
    model, fast = pair(make, step_mode="m")
    for _ in range(2):  # the second call begins with the potentials of the first
        (mine, v), (theirs, expected) = run(fast, currents), run(model, currents)
        assert torch.equal(mine, theirs)
        assert torch.equal(v, expected)
    assert 0 < mine.mean() < 1
    functional.reset_net(fast)
    functional.reset_net(model)
    assert torch.equal(run(fast, currents)[0], run(model, currents)[0])


@pytest.mark.parametrize("make", NEURONS.values(), ids=NEURONS)
def test_one_step_a_call(make: Any) -> None:
    model, fast = pair(make, step_mode="s")
    for step in CURRENTS:
        (mine, v), (theirs, expected) = run(fast, step), run(model, step)
        assert torch.equal(mine, theirs)
        assert torch.equal(v, expected)


def test_a_state_is_each_forms_own() -> None:
    model, fast = pair(NEURONS["lif"], step_mode="m")
    run(fast, CURRENTS)
    assert model[0].v == 0.0
    assert torch.equal(run(copy.deepcopy(fast), CURRENTS)[0], run(fast, CURRENTS)[0])


@pytest.mark.parametrize(
    "touched",
    [
        lambda net: setattr(net[0], "v_threshold", 0.5),
        lambda net: setattr(net[0], "store_v_seq", True),
        lambda net: setattr(net[0], "surrogate_function", surrogate.Sigmoid(spiking=False)),
        lambda net: net.double(),
    ],
    ids=["threshold", "all potentials kept", "no spikes", "float64"],
)
def test_what_is_changed_later_is_honoured(touched: Any) -> None:
    model, fast = pair(NEURONS["lif"], step_mode="m")
    touched(model), touched(fast)
    currents = CURRENTS.to(next((v.dtype for v in model.buffers()), torch.float32))
    assert torch.equal(run(fast, currents)[0], run(model, currents)[0])


def test_subclasses_run_as_they_are() -> None:
    class Doubled(neuron.IFNode):
        def multi_step_forward(self, x_seq: Tensor) -> Tensor:
            return 2 * super().multi_step_forward(x_seq)

    assert not isinstance(optimize(nn.Sequential(Doubled(step_mode="m")))[0], FusedJelly)


def test_training_runs_in_spikingjelly() -> None:
    model, fast = pair(NEURONS["plif"], step_mode="m")
    gradients = []
    for network in (model, fast):
        currents = CURRENTS.clone().requires_grad_()
        network.train()(currents).square().sum().backward()
        gradients.append((currents.grad, network[0].w.grad.clone()))
        network.zero_grad()
    assert all(map(torch.equal, *gradients))


class Network(nn.Sequential):
    """Built of SpikingJelly's layers alone."""

    def __init__(self) -> None:
        made = {"step_mode": "m"}
        super().__init__(
            *(layer.Conv2d(3, 8, 3, padding=1, bias=False, **made), layer.BatchNorm2d(8, **made)),
            *(neuron.LIFNode(**made), layer.MaxPool2d(2, **made)),
            *(layer.Conv2d(8, 16, 3, padding=1, bias=False, **made), layer.BatchNorm2d(16, **made)),
            *(neuron.IFNode(**made), layer.AdaptiveAvgPool2d(1, **made), layer.Flatten(**made)),
            *(layer.Linear(16, 12, **made), neuron.ParametricLIFNode(**made)),
        )


def test_a_network_of_its_layers_gives_the_same_spikes() -> None:
    torch.manual_seed(0)
    model, images = Network(), torch.randn(4, 5, 3, 8, 8)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 3.0)
    model.train()(images)
    functional.reset_net(model.eval())
    fast = optimize(model)
    assert sum(isinstance(module, FusedJelly) for module in fast.modules()) == 3
    with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
        assert torch.equal(fast(images), model(images))
    assert slow.profile() == quick.profile()
    assert list(fast.state_dict()) == list(model.state_dict())
