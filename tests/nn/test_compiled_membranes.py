"""Quantized membranes in the compiled engine: spikes and potentials of plain PyTorch to the bit, and its gradients."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import Uniform, uniform
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, averaged_gradients, optimize, record_firing, sew_resnet8
from snnbench.nn.compiled.function import fire_without_gradient
from snnbench.nn.compiled.fusion import Fusion
from snnbench.nn.neurons import Site, SpikingNeuron
from snnbench.nn.rounding import fixed_grid
from snnbench.quant import quantize_membranes
from snnbench.quant.potentials import PotentialRange

pytestmark = needs_kernels

SITES: tuple[Site, ...] = ("pre_spike", "post_reset")
NEURONS: dict[str, Callable[[], SpikingNeuron]] = {
    "if soft half": lambda: IFNeuron(reset="soft", v_init=0.5),
    "if hard": lambda: IFNeuron(threshold=0.7),
    "lif": lambda: LIFNeuron(tau=1.7, v_reset=-0.3, threshold=0.8),
    "lif undecayed": lambda: LIFNeuron(tau=3.0, decay_input=False, reset="soft"),
    "plif": lambda: PLIFNeuron(tau=1.3, threshold=nn.Parameter(torch.tensor(0.9)), v_init=0.3),
    "plif undecayed": lambda: PLIFNeuron(decay_input=False, v_reset=0.2),
}
GRIDS: list[dict[str, Any]] = [
    {"bits": 1},
    {"bits": 2, "range": "unsigned"},
    {"bits": 4, "clip": "wide"},
    {"bits": 8},
    {"bits": 2, "grid": "symmetric"},
    {"bits": 5, "grid": "symmetric", "clip": "wide", "range": "unsigned"},
]


def membrane(**options: Any) -> Uniform:
    made = uniform(torch.full((3,), torch.nan), **options)
    assert isinstance(made, Uniform)
    return made


def quantized(neuron: SpikingNeuron, site: Site, quantizer: nn.Module) -> SpikingNeuron:
    neuron.state_quantizer, neuron.site = quantizer, site
    return neuron.eval()


def currents(timesteps: int) -> Tensor:
    generator = torch.Generator().manual_seed(timesteps)
    return torch.randn(timesteps, 5, 3, 7, 6, generator=generator) * 0.8 + 0.2


def stepped(neuron: SpikingNeuron, x: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes of plain PyTorch, and the potential after the last step."""
    v, spikes = neuron._start(x[0]), []
    for x_t in x:
        s, v = neuron._step(v, x_t)
        spikes.append(s)
    return torch.stack(spikes), v


def fused(neuron: SpikingNeuron, x: Tensor) -> tuple[Tensor, Tensor]:
    """The same of the kernels."""
    assert neuron.state_quantizer is not None
    grid = fixed_grid(neuron.state_quantizer, x.dtype)
    assert grid is not None
    layout = torch.channels_last if x.ndim == 5 else torch.contiguous_format
    v = neuron._start(x[0]).clone(memory_format=layout)
    fusion = Fusion(neuron, None, len(x), False, states=v, grid=grid)
    return fire_without_gradient(x.flatten(0, 1), None, None, fusion).view_as(x), v


def assert_same_bits(neuron: SpikingNeuron, x: Tensor) -> None:
    with torch.no_grad():
        (spikes, v), (found, states) = stepped(neuron, x), fused(neuron, x)
    assert torch.equal(found, spikes)
    torch.testing.assert_close(states, v, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("timesteps", [1, 4, 7])
@pytest.mark.parametrize("options", GRIDS, ids=str)
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("make", NEURONS.values(), ids=NEURONS)
def test_spikes_and_potentials_are_those_of_pytorch(
    make: Callable[[], SpikingNeuron], site: Site, options: dict[str, Any], timesteps: int
) -> None:
    neuron = quantized(make(), site, membrane(**options))
    assert_same_bits(neuron, currents(timesteps))


@given(
    make=st.sampled_from(list(NEURONS.values())),
    site=st.sampled_from(SITES),
    options=st.sampled_from(GRIDS),
    bound=st.sampled_from([0.0, 0.3, 1.0, 7.1]),
    values=st.lists(st.floats(width=32) | st.integers(-40, 40).map(lambda k: k / 6), min_size=6, max_size=30),
)
def test_any_current_gives_the_same_bits(
    make: Callable[[], SpikingNeuron], site: Site, options: dict[str, Any], bound: float, values: list[float]
) -> None:
    neuron, quantizer = make(), membrane(**options)
    quantizer.bound = torch.tensor(bound)
    x = torch.tensor(values[: len(values) // 3 * 3]).view(3, 1, -1)
    with torch.no_grad():
        finite = stepped(quantized(neuron, site, quantizer), x)[1].isfinite()[0]
    assume(finite.any())
    assert_same_bits(neuron, x[:, :, finite])


def test_what_is_not_a_number_stays_so() -> None:
    neuron = quantized(IFNeuron(reset="soft"), "post_reset", membrane(bits=2))
    assert_same_bits(neuron, torch.full((4, 2, 3), torch.nan))


def network(site: Site, make: Callable[[str, Tensor], nn.Module], **options: Any) -> nn.Module:
    """A small network that fires in every layer, its batch norms off their initial state."""
    torch.manual_seed(0)
    model = sew_resnet8(8, 5, 4, bn_scale=3.0, **options).to(memory_format=torch.channels_last)
    for _ in range(3):
        model(images(16))
    quantize_membranes(model, make, site, (3, 12, 12))
    return model.eval()


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(("neuron", "reset"), [*itertools.product(("if", "lif", "plif"), ("soft", "hard"))])
def test_networks_fire_and_are_counted_alike_without_a_call_of_the_quantizer(
    neuron: str, reset: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(site, lambda _, like: uniform(like, bits=3), neuron=neuron, reset=reset)
    fast, batches = optimize(model), [images(count) for count in (7, 1, 12)]
    with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
        expected = [model(batch) for batch in batches]
        monkeypatch.setattr(Uniform, "forward", None)
        found = [fast(batch) for batch in batches]
    assert all(map(torch.equal, expected, found))
    assert slow.profile() == quick.profile()
    assert all(int(layer.counts.sum()) for layer in quick.profile().layers.values())


class _Passes(Uniform):
    """A class of its own, which need not do what it inherits."""

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    "make",
    [
        lambda _, like: lqnet(like.nan_to_num(0.3), bits=2),
        lambda _, like: uniform(like.nan_to_num(), bits=2, clip="absmax"),
        lambda _, like: _Passes(like, 2, "endpoint", "narrow", "tensor", "signed"),
        lambda _, like: nn.Hardtanh(),
    ],
    ids=["lqnet", "absmax", "subclass", "module"],
)
def test_other_quantizers_run_in_pytorch(make: Callable[[str, Tensor], nn.Module]) -> None:
    model = network("post_reset", make)
    with torch.inference_mode(), record_firing(model) as slow, record_firing(optimize(model)) as quick:
        assert torch.equal(quick._model(images(5)), model(images(5)))
    assert slow.profile() == quick.profile()


@pytest.mark.parametrize("hook", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_hook_on_a_quantizer_sees_every_step(hook: str) -> None:
    model = network("post_reset", lambda _, like: uniform(like, bits=3))
    fast, seen = optimize(model), list[Tensor]()
    quantizer = model.get_submodule("stem.neuron.state_quantizer")
    getattr(quantizer, hook)(lambda module, inputs, *output: seen.append(inputs[0]))
    with torch.inference_mode():
        fast(images(5))
    assert [each.shape for each in seen] == [(5, 8, 12, 12)] * 4


def test_potentials_are_shown_to_who_follows_them() -> None:
    model = network("pre_spike", lambda _, like: uniform(like, bits=3))
    fast = optimize(model)
    with torch.inference_mode(), PotentialRange(model) as slow, PotentialRange(fast) as quick:
        model(images(5))
        fast(images(5))
    assert quick.found() == slow.found()
    assert len(quick.found()) == 9


def backward(form: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Spikes, and gradients of currents and parameters, by a loss that is not the same for all neurons."""
    x = x.detach().requires_grad_()
    spikes: Tensor = form(x)
    loss = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(3))
    (spikes * loss).sum().backward()
    return spikes.detach(), [each.grad for each in (x, *form.parameters()) if each.grad is not None]


def assert_same_gradients(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for fast, slow in zip(found, expected, strict=True):
        assert (fast - slow).norm() <= tolerance * slow.norm()


@pytest.mark.parametrize("timesteps", [1, 4, 7])
@pytest.mark.parametrize("options", GRIDS, ids=str)
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("make", NEURONS.values(), ids=NEURONS)
def test_gradients_are_those_of_pytorch(
    make: Callable[[], SpikingNeuron], site: Site, options: dict[str, Any], timesteps: int
) -> None:
    neuron = nn.Sequential(quantized(make(), site, membrane(**options)).train())
    fast = optimize(copy.deepcopy(neuron))
    (spikes, slow), (found, quick) = backward(neuron, currents(timesteps)), backward(fast, currents(timesteps))
    assert torch.equal(found, spikes)
    assert_same_gradients(quick, slow, 2e-4)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("neuron", ["if", "plif"])
def test_gradients_of_networks_are_those_of_pytorch(neuron: str, site: Site, averaged: bool) -> None:
    model = network(site, lambda _, like: uniform(like, bits=3), neuron=neuron)  # with statistics that do not move
    fast = optimize(copy.deepcopy(model))
    with averaged_gradients(averaged):
        (logits, slow), (found, quick) = backward(model, images(6)), backward(fast, images(6))
    assert torch.equal(found, logits)
    assert_same_gradients(quick, slow, 1e-4)


@pytest.mark.parametrize("site", SITES)
def test_currents_in_bfloat16_have_potentials_in_float32(site: Site) -> None:
    fast = optimize(nn.Sequential(quantized(LIFNeuron(), site, membrane(bits=3)).train()))
    x = currents(4).bfloat16()
    (spikes, slow), (found, quick) = backward(fast, x.float()), backward(fast, x)
    assert torch.equal(found.float(), spikes)
    assert_same_gradients([each.float() for each in quick], slow, 1e-2)


@pytest.mark.parametrize("training", [True, False])
def test_double_precision_runs_in_pytorch(training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = quantized(IFNeuron(), "pre_spike", membrane(bits=3)).double().train(training)
    fast, x = optimize(nn.Sequential(model)), currents(4).double()
    assert torch.equal(fast(x), model(x))
    monkeypatch.setattr(Uniform, "forward", None)
    with pytest.raises(TypeError):
        fast(x)


def test_other_devices_run_in_pytorch() -> None:
    fast = optimize(nn.Sequential(quantized(IFNeuron(), "pre_spike", membrane(bits=3)))).to("meta")
    assert fast(currents(4).to("meta")).shape == currents(4).shape
