"""The audit: quantizers that cheat are caught, each by name; what is found agrees with plain counting."""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.bench.auditing import audit_of
from snnbench.bench.quantized import Quantized
from snnbench.builtin.lqnet import LQNet, lqnet
from snnbench.builtin.uniform import uniform
from snnbench.errors import OptionError
from snnbench.nn import IFNeuron, LIFNeuron, optimize, sew_resnet8
from snnbench.nn.recording import spiking_layers
from snnbench.quant import (
    Watch,
    audit_weights,
    float_bits,
    full_precision,
    quantize_membranes,
    quantize_weights,
    quantizers,
)
from snnbench.quant.audit import stalled_below
from snnbench.quant.coding import pack
from snnbench.quant.packing import bits_for
from snnbench.quant.watch import Visited
from snnbench.records.record import Audit

Make = Callable[[str, Tensor], nn.Module]
EXEMPT = ("stem.conv", "fc")
FIRST = "blocks.1_1.layer1.conv"


def honest(name: str, tensor: Tensor) -> nn.Module:
    return lqnet(tensor, bits=4)


def audited(make: Make, membrane: Make | None = None, tamper: Callable[[nn.Module], None] | None = None) -> Audit:
    torch.manual_seed(0)
    model = sew_resnet8(8, 10, 3, bn_scale=2.0).eval()
    coverage = quantize_weights(model, make)
    membranes = quantize_membranes(model, membrane, "post_reset", (3, 8, 8)) if membrane else ()
    if tamper:
        tamper(model)
    declared = dict.fromkeys(coverage.quantized, 4)
    with Watch(model) as watch, torch.inference_mode():
        for _ in range(3):
            model(torch.randn(20, 3, 8, 8))
    cell = SimpleNamespace(membrane=SimpleNamespace(bits=4) if membrane else None)
    return audit_of(Quantized(model.eval(), coverage, declared, membranes, ()), watch, cell)  # type: ignore[arg-type]


class FloatInDisguise(nn.Module):
    """Says four bits, and gives out floating-point numbers that lie close to a grid."""

    bits = 4

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x * 7) / 7 + 1e-4 * x


class OtherLevelsEachTime(nn.Module):
    """Sixteen levels at every read, and others at the next."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def forward(self, x: Tensor) -> Tensor:
        self.reads += 1
        return torch.round(x.clamp(-1, 1) * 7) / 7 * (1 + 0.01 * self.reads)


class FloatWhenItCounts(nn.Module):
    """Quantized when it is looked at, floating point inside a forward pass of the network."""

    def __init__(self, name: str, stack: list[str]) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, x: Tensor) -> Tensor:
        return x if self.stack else torch.round(x * 7) / 7


def test_an_honest_quantizer_has_no_findings() -> None:
    audit = audited(honest)
    assert audit.findings == ()
    assert audit.full_precision == EXEMPT
    assert audit.found_bits == 4


def test_float_in_disguise() -> None:
    audit = audited(lambda name, tensor: FloatInDisguise())
    assert audit.found_bits > 4
    assert f"layer {FIRST} holds" in audit.findings[0]
    assert len(audit.findings) == 6
    narrow = [row.layer for row in audit.weights if row.layer.endswith("shortcut.conv")]
    assert [name in warning for name, warning in zip(narrow, audit.warnings, strict=True)] == [True, True]
    assert all(row.packed_bits > 26 * row.weights for row in audit.weights)


def test_five_bits_declared_as_four() -> None:
    audit = audited(lambda name, tensor: lqnet(tensor, bits=5))
    assert re.fullmatch(
        rf"layer {FIRST} holds \d\d levels a channel, which is 5 bits; 4 were declared", audit.findings[0]
    )
    assert audit.found_bits == 5


def test_one_layer_passed_through_by_the_quantizer() -> None:
    audit = audited(lambda name, tensor: nn.Identity() if name == FIRST else honest(name, tensor))
    assert [FIRST in finding for finding in audit.findings] == [True]


def test_one_layer_skipped() -> None:
    def skip(model: nn.Module) -> None:
        layer = model.get_submodule(FIRST)
        nn.utils.parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)

    audit = audited(honest, tamper=skip)
    assert audit.findings == (f"layer {FIRST} is in full precision, and the protocol does not exempt it",)
    assert FIRST in audit.full_precision


def test_a_matrix_of_weights_outside_of_any_layer() -> None:
    def hide(model: nn.Module) -> None:
        model.register_parameter("hidden", nn.Parameter(torch.randn(3, 3)))

    assert audited(honest, tamper=hide).findings == (
        "layer hidden is in full precision, and the protocol does not exempt it",
    )


def test_levels_differing_by_batch() -> None:
    audit = audited(lambda name, tensor: OtherLevelsEachTime())
    assert len(audit.findings) == 8
    assert audit.findings[0] == (
        f"layer {FIRST} changed its weight from one read to the next, while the network was only evaluated"
    )


def test_quantized_only_when_it_is_looked_at() -> None:
    stack: list[str] = []

    def spy(model: nn.Module) -> None:
        model.register_forward_pre_hook(lambda module, inputs: stack.append("in"))
        model.register_forward_hook(lambda module, inputs, output: stack.clear())

    audit = audited(lambda name, tensor: FloatWhenItCounts(name, stack), tamper=spy)
    assert f"layer {FIRST} holds" in audit.findings[0]


def test_a_layer_whose_quantized_weight_is_never_read() -> None:
    def bypass(model: nn.Module) -> None:
        layer = model.get_submodule(FIRST)
        weight = layer.parametrizations.weight.original.detach()  # type: ignore[union-attr]
        layer.forward = lambda x: nn.functional.conv2d(x, weight, padding=1)  # type: ignore[method-assign]

    assert audited(honest, tamper=bypass).findings == (
        f"layer {FIRST} was quantized, but the network never read its quantized weight",
    )


def test_weights_that_are_not_numbers() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full_like(x, math.inf)

    findings = audited(lambda name, tensor: Broken() if name == FIRST else honest(name, tensor)).findings
    assert findings == (f"layer {FIRST} holds weights that are infinite or not a number",)


def test_membranes_are_counted_as_visited() -> None:
    audit = audited(honest, lambda name, tensor: uniform(tensor, bits=4))
    assert audit.findings == ()
    assert [row.layer for row in audit.membranes] == list(spiking_layers(sew_resnet8(8)))
    assert all(row.levels <= 16 and row.found_bits <= 4 for row in audit.membranes)
    assert audit.membranes[0].state_bits == 4 * 8 * 8 * 8
    assert "the leak stalls in 9 of 9 membranes" in audit.warnings[-1]


def test_a_membrane_in_disguise() -> None:
    audit = audited(honest, lambda name, tensor: FloatInDisguise())
    assert audit.findings[0].startswith("membrane stem.neuron visits ")


@pytest.mark.parametrize("tau", [1.5, 2.0, 5.0])
@pytest.mark.parametrize("bits", [3, 4, 6])
def test_the_leak_stalls_below_half_a_step_times_tau(tau: float, bits: int) -> None:
    neuron = LIFNeuron(tau=tau)
    neuron.state_quantizer = uniform(torch.full((2,), torch.nan), bits=bits, grid="symmetric")
    step = 1 / (2 ** (bits - 1) - 1)
    levels = step * torch.arange(-(2 ** (bits - 1) - 1), 2 ** (bits - 1)).float()
    stalled = stalled_below(neuron, levels, (2, 3, 3))
    certain = [float(level) for level in levels if 0 < level < min(1, tau * step / 2 - 1e-6)]
    possible = [float(level) for level in levels if 0 < level < min(1, tau * step / 2 + 1e-6)]
    assert stalled in (pytest.approx(max(certain, default=None)), pytest.approx(max(possible, default=None)))


def test_a_neuron_without_leak_never_stalls() -> None:
    neuron = IFNeuron()
    neuron.state_quantizer = uniform(torch.full((2,), torch.nan), bits=3, grid="symmetric")
    assert stalled_below(neuron, torch.linspace(-1, 1, 7), (2,)) is None


def test_the_watch_leaves_no_hook() -> None:
    model = sew_resnet8(4)
    quantize_weights(model, honest)
    before = sum(len(module._forward_hooks) for module in model.modules())
    with pytest.raises(RuntimeError, match="stop"), Watch(model):
        raise RuntimeError("stop")
    assert sum(len(module._forward_hooks) for module in model.modules()) == before


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_packing_of_lqnet_takes_its_basis(bits: int) -> None:
    torch.manual_seed(1)
    tensor = torch.randn(6, 200, 5, 5)
    quantizer = lqnet(tensor, bits=bits)
    packing = pack(quantizer(tensor), quantizer.basis)  # type: ignore[arg-type]
    assert packing.bits <= bits * tensor.numel() + 32 * 6 * bits
    if bits > 2:
        assert packing.codebook == "basis"


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("grid", ["endpoint", "symmetric"])
def test_packing_of_uniform_takes_two_numbers(bits: int, per: str, grid: str) -> None:
    if grid == "symmetric" and bits == 1:
        return
    torch.manual_seed(1)
    tensor = torch.randn(6, 3000)
    quantized = uniform(tensor, bits=bits, grid=grid, clip="absmax", per=per)(tensor)  # type: ignore[arg-type]
    books = 6 if per == "channel" else 1
    assert pack(quantized).bits <= bits * tensor.numel() + 64 * books
    assert pack(quantized).bits >= bits_for(len(quantized[0].unique())) * tensor.numel()


def test_few_weights_a_channel_are_still_seen_to_lie_on_a_grid() -> None:
    torch.manual_seed(3)
    tensor = torch.randn(32, 16)
    packing = pack(uniform(tensor, bits=8, clip="absmax", per="channel")(tensor))
    assert packing.codebook == "grid"
    assert packing.bits <= 8 * 512 + 64 * 32


def test_a_basis_that_does_not_produce_the_levels_is_not_believed() -> None:
    torch.manual_seed(2)
    weight = torch.randn(4, 8)[:, torch.randint(8, (500,))]
    assert pack(weight, torch.randn(4, 3)) == pack(weight)
    assert pack(weight).codebook == "list"
    assert pack(weight).bits == 3 * weight.numel() + 32 * 32


def test_numbers_without_structure_are_raw() -> None:
    weight = torch.randn(4, 30)
    assert pack(weight).codebook == "raw"
    assert pack(weight).bits == 32 * 120


@given(st.integers(1, 300))
def test_bits_number_the_levels(levels: int) -> None:
    assert 2 ** bits_for(levels) >= levels
    assert levels == 1 or bits_for(levels) == 1 or 2 ** (bits_for(levels) - 1) < levels


def test_an_exempt_layer_with_weight_norm_is_in_full_precision() -> None:
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1)
    nn.utils.parametrizations.weight_norm(net.stem.conv)
    coverage = quantize_weights(net, honest)
    with Watch(net) as watch, torch.no_grad():
        net.eval()(torch.randn(2, 1, 8, 8))
    assert full_precision(net) == ("stem.conv", "fc")
    assert set(audit_weights(net, watch, dict.fromkeys(coverage.quantized, 4))) == set(coverage.quantized)
    with_norm = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1)
    nn.utils.parametrizations.weight_norm(with_norm.stem.conv)
    plain = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1)
    assert float_bits(with_norm) - float_bits(plain) == 4 * 32


@pytest.mark.parametrize("norm", ["weight_norm", "orthogonal"])
def test_a_quantizer_behind_another_parametrization_is_found(norm: str) -> None:
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1)
    layer: Any = net.get_submodule("blocks.1_1.layer1.conv")
    getattr(nn.utils.parametrizations, norm)(layer)
    coverage = quantize_weights(net, lambda name, weight: lqnet(weight, bits=2))
    assert isinstance(quantizers(net)["blocks.1_1.layer1.conv"], LQNet)
    with Watch(net) as watch, torch.no_grad():
        net.eval()(torch.randn(2, 1, 8, 8))
    audit = audit_weights(net, watch, dict.fromkeys(coverage.quantized, 2))["blocks.1_1.layer1.conv"]
    assert (audit.levels, audit.codebook) == (4, "basis")


def test_a_weight_that_a_hook_computes_is_refused_by_name() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 3)), nn.Linear(3, 3))
    with pytest.raises(OptionError, match="the weight of layer '0' is computed by a hook"):
        quantize_weights(net, honest, exempt=())


def test_a_layer_under_two_names_is_counted_once() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2, self.fc = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(256, 5)
            self.features = nn.Sequential(self.conv1, self.conv2)

    net = Net()
    assert float_bits(net) == 32 * sum(value.numel() for value in net.parameters())
    coverage = quantize_weights(net, honest)
    assert full_precision(net) == coverage.full_precision == ("conv1", "fc")
    biases = sum(value.numel() for name, value in net.named_parameters() if name.endswith("bias"))
    assert float_bits(net) == 32 * (4 * 9 + 5 * 256 + biases)


def test_a_tied_weight_is_counted_once() -> None:
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    assert float_bits(tied) == 32 * 16
    assert full_precision(tied) == ("0", "1")


@pytest.mark.parametrize(
    "form",
    [pytest.param(lambda model: model, id="eager"), pytest.param(optimize, id="compiled", marks=needs_kernels)],
)
def test_membranes_are_watched_while_the_first_images_run(
    form: Callable[[nn.Module], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snnbench.quant.watch.MEMBRANE_SAMPLES", 4)
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1).eval()
    quantize_membranes(net, lambda name, like: uniform(like, bits=4), "post_reset", (1, 8, 8))
    before = {name: neuron.state_quantizer for name, neuron in spiking_layers(net).items()}
    with Watch(net) as watch, torch.inference_mode():
        fast = form(net)
        for _ in range(5):
            fast(torch.randn(2, 1, 8, 8))
        assert {name: neuron.state_quantizer for name, neuron in spiking_layers(fast).items()} == before
    assert {name: int(each.counts.sum()) for name, each in watch.membranes.items()} == {
        name: 4 * 3 * math.prod(each.features) for name, each in watch.membranes.items()
    }


@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=9), min_size=1, max_size=6))
def test_visits_are_counted_as_in_one_look_at_all(batches: list[list[int]]) -> None:
    visited, states = Visited(), [torch.tensor(batch).float().unsqueeze(1) for batch in batches]
    for batch in states:
        visited.add(batch)
    levels, counts = torch.unique(torch.cat(states), return_counts=True)
    assert torch.equal(visited.levels, levels)
    assert torch.equal(visited.counts, counts)


def test_a_watch_may_see_several_modes_of_autograd_and_no_copies() -> None:
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1).eval()
    quantize_weights(net, honest)
    quantize_membranes(net, lambda name, like: uniform(like, bits=4), "post_reset", (1, 8, 8))
    with Watch(net) as watch:
        with torch.inference_mode():
            net(torch.randn(2, 1, 8, 8))
        with torch.no_grad():
            net(torch.randn(2, 1, 8, 8))
            twin = copy.deepcopy(net)
            for value in twin.parameters():
                value.mul_(2)
            twin(torch.randn(2, 1, 8, 8))
    assert not watch.unsteady
