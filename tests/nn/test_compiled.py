"""The compiled engine against the eager one: the same spikes to the bit, and the same gradients."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.errors import FiringError
from snnbench.nn import IFNeuron, LIFNeuron, SEWResNet, optimize, record_firing, record_operations, sew_resnet8
from snnbench.nn.averaged import over_time
from snnbench.nn.compiled.function import mean_over_steps
from snnbench.nn.compiled.optimize import FusedNeuron
from snnbench.nn.convolution import convolve
from snnbench.quant import quantize_membranes, quantize_weights, quantizers

pytestmark = needs_kernels

NEURONS = [
    *({"neuron": "if", "reset": reset} for reset in ("hard", "soft")),
    *(
        {"neuron": neuron, "reset": reset, "decay_input": decay, "tau": 1.7}
        for neuron, reset, decay in itertools.product(("lif", "plif"), ("hard", "soft"), (True, False))
    ),
    {"neuron": "lif", "v_reset": -0.3, "threshold": 0.8},
    {"neuron": "plif", "v_reset": 0.2, "detach_reset": True, "alpha": 3.0},
    {"neuron": "if", "reset": "soft", "detach_reset": True},
    {"neuron": "if", "reset": "soft", "v_init": 0.5, "learn_threshold": True, "threshold": 0.9},
    {"neuron": "lif", "v_init": 0.3, "v_reset": -0.2, "learn_threshold": True},
    {"neuron": "plif", "reset": "soft", "v_init": 0.3, "learn_threshold": True, "detach_reset": True},
]


def network(dtype: torch.dtype = torch.float32, timesteps: int = 4, **options: object) -> SEWResNet:
    """A small network that fires in every layer, its batch norms off their initial state."""
    torch.manual_seed(0)
    model = sew_resnet8(8, 5, timesteps, bn_scale=3.0, **options).to(memory_format=torch.channels_last)  # type: ignore[arg-type]
    for _ in range(3):
        model(torch.randn(16, 3, 12, 12))
    return model.to(dtype)


def images(count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(count, 3, 12, 12, dtype=dtype, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("threads", "timesteps"), [(1, 4), (2, 4), (1, 1), (1, 7)])
@pytest.mark.parametrize("options", NEURONS, ids=str)
def test_evaluation_gives_the_same_bits(options: dict[str, object], threads: int, timesteps: int) -> None:
    model = network(timesteps=timesteps, **options).eval()
    fast, before = optimize(model), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
            for count in (7, 1, 12):
                assert torch.equal(model(images(count)), fast(images(count)))
    finally:
        torch.set_num_threads(before)
    assert slow.profile() == quick.profile()
    assert sum(int(layer.counts.sum()) for layer in quick.profile().layers.values())


@pytest.mark.parametrize(
    ("dtype", "timesteps", "tolerance"),
    [*((torch.float64, timesteps, 1e-12) for timesteps in (1, 3, 4, 9)), (torch.float32, 4, 2e-3)],
)
@pytest.mark.parametrize("options", NEURONS, ids=str)
def test_training_gives_the_same_gradients_and_statistics(
    options: dict[str, object], dtype: torch.dtype, timesteps: int, tolerance: float
) -> None:
    model = network(dtype, timesteps, **options).train()
    other = copy.deepcopy(model)
    for net in (model, optimize(other)):
        net(images(6, dtype)).square().sum().backward()
    for name, parameter in model.named_parameters():
        found = other.get_parameter(name).grad
        assert parameter.grad is not None
        assert found is not None
        assert (found - parameter.grad).norm() <= tolerance * parameter.grad.norm(), name
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(other.get_buffer(name), buffer)


def test_gradients_reach_the_input_and_frozen_norms() -> None:
    model = network(torch.float64).eval()
    grads = []
    for net in (model, optimize(model)):
        x = images(4, torch.float64).requires_grad_()
        net.zero_grad()
        net(x).square().sum().backward()
        assert x.grad is not None
        grads.append([x.grad, *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    for slow, fast in zip(*grads, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-12)


def test_bfloat16_training_follows_eager_training() -> None:
    model = network().train()
    fast = optimize(copy.deepcopy(model))
    logits = []
    for net in (model, fast):
        with torch.autocast("cpu", torch.bfloat16):
            logits.append(net(images(32)).float())
        logits[-1].square().sum().backward()
    # Potentials are kept in float32 here and in bfloat16 there, so some spikes differ.
    assert torch.corrcoef(torch.stack([part.detach().flatten() for part in logits]))[0, 1] > 0.95


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("timesteps", [1, 3, 4, 17])
def test_means_over_steps_are_those_of_pytorch_to_the_bit(timesteps: int, layout: torch.memory_format) -> None:
    rows = torch.randn(timesteps * 5, 24, 9, 7, generator=torch.Generator().manual_seed(timesteps)).bfloat16()
    steps = rows.contiguous(memory_format=layout).unflatten(0, (timesteps, 5))
    mean = mean_over_steps(steps)
    assert torch.equal(mean, over_time(steps))
    assert mean.is_contiguous(memory_format=torch.channels_last)


def test_threads_do_not_change_a_training_step() -> None:
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            neuron, norm = optimize(nn.ModuleList([LIFNeuron()]))[0], nn.BatchNorm2d(6)
            x = torch.randn(4, 9, 6, 5, 5, generator=torch.Generator().manual_seed(2)).requires_grad_()
            neuron(x, norm).square().sum().backward()
            found.append([x.grad, norm.weight.grad, norm.bias.grad, norm.running_var])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_the_fast_form_shares_parameters_names_and_state() -> None:
    model = network()
    fast = optimize(model)
    assert list(fast.state_dict()) == list(model.state_dict())
    assert all(mine is theirs for mine, theirs in zip(fast.parameters(), model.parameters(), strict=True))
    fast.train()(images(8))
    assert torch.equal(model.stem.bn.running_mean, fast.stem.bn.running_mean)  # type: ignore[arg-type]
    fast.timesteps = 2
    assert fast.timesteps == 2
    assert model.timesteps == 4


def test_a_network_without_our_neurons_stays_as_it_is() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    assert optimize(model) is model


def test_a_bare_neuron_is_fused_too() -> None:
    neuron = IFNeuron(threshold=0.7)
    fast = optimize(nn.Sequential(neuron))
    x = torch.rand(5, 3, 11)
    assert isinstance(fast[0], FusedNeuron)
    assert torch.equal(fast(x), neuron(x))


def test_a_state_quantizer_runs_as_before() -> None:
    model = network().eval()
    for module in model.modules():
        if isinstance(module, LIFNeuron):
            module.state_quantizer = nn.Hardtanh()
    with torch.inference_mode(), record_firing(optimize(model)) as recorder:
        assert torch.equal(optimize(model)(images(5)), model(images(5)))
        recorder._model(images(5))
    with torch.inference_mode(), record_firing(model) as slow:
        model(images(5))
    assert recorder.profile() == slow.profile()


def test_two_recorders_count_alike_and_leave_nothing_behind() -> None:
    fast = optimize(network().eval())
    with torch.inference_mode(), record_firing(fast) as outer:
        fast(images(3))
        with record_firing(fast) as inner:
            fast(images(4))
        fast(images(5))
    with torch.inference_mode(), record_firing(network().eval()) as slow:
        slow._model(images(4))
    assert inner.profile() == slow.profile()
    assert outer.profile().samples == 12
    assert all(module.counter is None for module in fast.modules() if isinstance(module, FusedNeuron))


def test_other_sizes_in_mid_recording_are_named() -> None:
    fast = optimize(network().eval())
    with torch.inference_mode(), record_firing(fast):
        fast(images(3))
        with pytest.raises(FiringError, match=r"stem\.neuron.*keep T and the input size fixed"):
            fast(torch.randn(3, 3, 8, 8))


def test_operations_are_counted_alike() -> None:
    model = network().eval()
    found = []
    for net in (model, optimize(model)):
        with torch.inference_mode(), record_operations(net) as recorder:
            net(images(9))
        found.append(recorder.operations().to_tensors())
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_other_norms_run_as_before() -> None:
    model, other = network().train(), network().train()
    for net in (model, other):
        net.stem.bn = nn.GroupNorm(2, 8)  # type: ignore[assignment]
        net.blocks[0].layer1.bn = nn.Identity()
    fast = optimize(other)
    slow, quick = model(images(6)), fast(images(6))
    torch.testing.assert_close(quick, slow, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_norms_without_running_statistics(training: bool) -> None:
    x = torch.randn(4, 6, 3, 5, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = []
    for neuron in (LIFNeuron(), optimize(nn.Sequential(LIFNeuron()))[0]):
        bn = nn.BatchNorm2d(3, affine=False, track_running_stats=False).double().train(training)
        found.append(neuron(x, bn) if isinstance(neuron, FusedNeuron) else neuron(bn(x.flatten(0, 1)).view_as(x)))
    assert torch.equal(found[0], found[1])


def test_a_neuron_of_another_class_keeps_its_layer_as_it_is() -> None:
    class Loud(LIFNeuron):
        pass

    model = network().eval()
    model.stem.neuron = Loud()
    with torch.inference_mode():
        assert torch.equal(optimize(model)(images(3)), model(images(3)))


def test_a_neuron_under_two_names_stays_one() -> None:
    neuron = LIFNeuron()
    fast = optimize(nn.ModuleList([neuron, neuron]))
    assert fast[0] is fast[1]


def test_hooks_that_change_spikes_are_counted_as_they_change_them() -> None:
    model = network().eval()
    handle = model.stem.neuron.register_forward_hook(lambda module, inputs, spikes: torch.zeros_like(spikes))
    fast = optimize(model)
    with torch.inference_mode(), record_firing(fast) as recorder:
        fast(images(4))
    handle.remove()
    assert recorder.profile().layers["stem.neuron"].counts.sum() == 0


def test_a_second_derivative_is_refused() -> None:
    neuron = optimize(nn.Sequential(LIFNeuron()))[0]
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad((neuron(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 1, 1), (3, 2, 1), (1, 2, 1), (3, 1, 4)])
def test_bfloat16_convolutions_without_bfloat16_kernels(
    monkeypatch: pytest.MonkeyPatch, kernel: int, stride: int, groups: int
) -> None:
    """Against PyTorch's own, and gradients against float64 of the rounded operands."""
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 32, kernel, stride, kernel // 2, groups=groups, bias=False)
    spikes = (torch.rand(4, 16, 9, 9) < 0.3).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        expected = conv(spikes)
        monkeypatch.setattr("snnbench.nn.convolution.has_fast_bfloat16", lambda: False)
        found = convolve(conv, spikes)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=2**-8, atol=1e-5)
    pull = torch.randn(found.shape).bfloat16()
    found.backward(pull)
    exact = [conv.weight.detach().bfloat16().double(), spikes.detach().double()]
    inputs = [part.requires_grad_() for part in exact]
    y = nn.functional.conv2d(inputs[1], inputs[0], None, stride, kernel // 2, groups=groups)
    for grad, truth in zip((conv.weight.grad, spikes.grad), torch.autograd.grad(y, inputs, pull.double()), strict=True):
        assert grad is not None
        torch.testing.assert_close(grad.double(), truth, rtol=2**-8, atol=1e-3)


def test_a_watched_convolution_runs_as_pytorch_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snnbench.nn.convolution.has_fast_bfloat16", lambda: False)
    conv, seen = nn.Conv2d(3, 4, 1), []
    conv.register_forward_hook(lambda *_: seen.append(True))
    with torch.autocast("cpu", torch.bfloat16):
        convolve(conv, torch.randn(1, 3, 5, 5))
    assert seen


def test_the_two_forms_have_modes_of_their_own() -> None:
    model = network().train()
    model.blocks[0].layer1.bn.eval()
    modes = [module.training for module in model.modules()]
    fast = optimize(model).eval()
    assert [each.training for each in model.modules() if not isinstance(each, nn.Conv2d | nn.Linear)] == [
        mode for mode, each in zip(modes, model.modules(), strict=True) if not isinstance(each, nn.Conv2d | nn.Linear)
    ]
    fast.train()
    model.eval()
    before = model.stem.bn.running_mean.clone()
    fast(images(4))
    assert not torch.equal(model.stem.bn.running_mean, before)
    assert torch.equal(model.stem.bn.running_mean, fast.stem.bn.running_mean)


def test_quantizers_that_are_put_on_later_are_in_both_forms() -> None:
    model = network().train()
    fast = optimize(model)
    quantize_weights(model, lambda name, weight: lqnet(weight, bits=2))
    fast(images(2))
    assert {int(each.refits) for each in quantizers(model).values()} == {1}
    quantize_membranes(model, lambda name, like: uniform(like, bits=2), "pre_spike", (3, 8, 8))
    model.eval()
    fast.eval()
    x = images(3)
    assert torch.equal(fast(x), model(x))
    assert fast.stem.neuron.state_quantizer is model.stem.neuron.state_quantizer is not None
    assert fast.stem.neuron.site == "pre_spike"


def test_one_image_gives_a_batch_norm_that_is_not_fused_the_same_gradient() -> None:
    class Louder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn, self.neuron = nn.BatchNorm2d(3), IFNeuron()

        def forward(self, x: Tensor) -> Tensor:
            spikes: Tensor = self.neuron(torch.stack([self.bn(x) * step for step in (1, 2, 3)]))
            return spikes

    model = Louder()
    fast, image = optimize(model), images(1)
    upstream, gradients = torch.randn(3, *image.shape), []
    for network in (model, fast):
        x = image.clone().requires_grad_()
        spikes = network(x)
        spikes.backward(upstream)
        gradients.append(x.grad)
    assert spikes[0].stride() == torch.empty_like(image, memory_format=torch.channels_last).stride()
    torch.testing.assert_close(*gradients)
