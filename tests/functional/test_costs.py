"""Synaptic operations against plain loops and NeuroBench; the laws that tie them to EMD and drift."""

from __future__ import annotations

import warnings
from importlib import import_module
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from snnbench.errors import FiringError
from snnbench.functional import FiringProfile, firing_drift, firing_emd, firing_rate, jackknife
from snnbench.functional.costs import Operations, energy_proxy, synaptic_operations
from snnbench.nn import IFNeuron, LIFNeuron, record_firing, record_operations, sew_resnet8
from snnbench.nn.synapses import branches, fan_out, weight_layers


def counted_fan_out(layer: nn.Conv2d, height: int, width: int) -> Tensor:
    """Synapses of each input by a loop over outputs and kernel taps."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    found = torch.zeros(layer.in_channels, height, width, dtype=torch.int64)
    rows = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    columns = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    for row, column, i, j in product(range(rows), range(columns), range(kh), range(kw)):
        y, x = row * sh + i * dh - ph, column * sw + j * dw - pw
        if 0 <= y < height and 0 <= x < width:
            found[:, y, x] += layer.out_channels // layer.groups
    return found


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(("dilation", "groups"), [(1, 1), (2, 1), (1, 2)])
def test_fan_out_of_a_convolution(kernel: int, stride: int, padding: int, dilation: int, groups: int) -> None:
    layer = nn.Conv2d(4, 6, kernel, stride, padding, dilation, groups)
    assert torch.equal(fan_out(layer, (4, 7, 6)), counted_fan_out(layer, 7, 6))


def test_fan_out_of_other_layers() -> None:
    assert torch.equal(fan_out(nn.Linear(3, 5), (3,)), torch.full((3,), 5))
    assert torch.equal(fan_out(nn.ConvTranspose2d(2, 3, 2, 2), (2, 3, 3)), torch.full((2, 3, 3), 12))
    assert torch.equal(fan_out(nn.Conv1d(1, 1, 3), (1, 4)), torch.tensor([[1, 2, 2, 1]]))
    assert torch.equal(fan_out(nn.ConvTranspose1d(1, 1, 5, stride=2, padding=2), (1, 2)), torch.tensor([[3, 3]]))


def test_fan_out_inside_inference_mode() -> None:
    with torch.inference_mode():
        assert fan_out(nn.Conv2d(1, 2, 1), (1, 2, 2)).sum() == 8


class Small(nn.Module):
    """A real-valued first layer, a convolution of spikes, and a linear layer of spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.n1 = nn.Conv2d(2, 3, 3, padding=1), IFNeuron()
        self.conv2, self.n2 = nn.Conv2d(3, 4, 3, 2, 1), IFNeuron()
        self.fc = nn.Linear(4 * 3 * 3, 5)
        self.timesteps = 3
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        current = self.conv1(x)
        first = self.n1(current.expand(self.timesteps, *current.shape))
        second = self.n2(self.conv2(first.flatten(0, 1)).unflatten(0, first.shape[:2]))
        self.kept += [first, second]
        return self.fc(second.flatten(2)).mean(0)


def loop_operations(layer: nn.Module, inputs: Tensor) -> int:
    """Operations of whole inputs (rows, ...): every output adds up the inputs that reach it, all weights being one."""
    ones = {"weight": torch.ones_like(layer.weight), "bias": torch.zeros_like(layer.bias)}  # type: ignore[arg-type]
    return int(torch.func.functional_call(layer, ones, (inputs,)).double().sum().round())


@pytest.mark.parametrize("batch", [1, 4, 12])
def test_recorded_operations_are_those_of_the_spikes(batch: int) -> None:
    torch.manual_seed(0)
    model, images = Small(), torch.randn(12, 2, 6, 6)
    with torch.no_grad(), record_operations(model) as recorder:
        for part in images.split(batch):
            model(part)
    found = recorder.operations()
    expected = {"conv2": 0, "fc": 0}
    for first, second in zip(model.kept[::2], model.kept[1::2], strict=True):
        expected["conv2"] += loop_operations(model.conv2, first.flatten(0, 1))
        expected["fc"] += loop_operations(model.fc, second.flatten(0, 1).flatten(1))
    assert {name: round(12 * found.per_image("events")[name]) for name in expected} == expected
    assert found.per_image("events") == found.per_image("accumulates")
    assert found.per_image("events")["conv1"] == 0
    assert found.per_image("macs") == {
        "conv1": loop_operations(model.conv1, torch.ones(1, 2, 6, 6)),
        "conv2": 0,
        "fc": 0,
    }
    assert found.per_image("dense")["conv2"] == 3 * loop_operations(model.conv2, torch.ones(1, 3, 6, 6))


def test_operations_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    model, images, seen = sew_resnet8(4, 10, 2, bn_scale=3.0).eval(), torch.randn(30, 3, 8, 8), []
    for batch in (1, 7, 30):
        with torch.inference_mode(), record_operations(model) as recorder:
            for part in images.split(batch):
                model(part)
        seen.append(recorder.operations())
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].samples.tolist() == [2] * 10 + [1] * 10


def test_the_branches_of_an_add_make_up_its_accumulates() -> None:
    torch.manual_seed(0)
    model, images = sew_resnet8(4, 10, 3, bn_scale=3.0).eval(), torch.randn(8, 3, 16, 16)
    with torch.inference_mode(), record_operations(model) as operations, record_firing(model) as firing:
        model(images)
    found, profile, layers = operations.operations(), firing.profile(), weight_layers(model)
    assert sorted(branches(model)) == [f"blocks.{b}_1.{c}.conv" for b in (2, 3) for c in ("layer1", "shortcut")]
    for name, sources in branches(model).items():
        parts = [
            int(synaptic_operations(counts, fan_out(layers[name], counts.shape)))
            for counts in (profile.counts()[source] for source in sources)
        ]
        assert sum(parts) == round(8 * found.per_image("accumulates")[name])
        assert found.per_image("events")[name] <= found.per_image("accumulates")[name]


@pytest.mark.parametrize("connect", ["AND", "IAND"])
def test_other_merges_have_no_branches(connect: Any) -> None:
    assert branches(sew_resnet8(4, connect=connect)) == {}


def test_operations_survive_a_file_and_leave_one_out() -> None:
    torch.manual_seed(0)
    model = Small()
    with torch.no_grad(), record_operations(model) as recorder:
        model(torch.randn(45, 2, 6, 6))
    found = recorder.operations()
    assert Operations.from_tensors(dict(reversed(found.to_tensors().items()))) == found
    parts = list(found.leave_one_out())
    assert [int(part.samples) for part in parts] == [42] * 5 + [43] * 15
    estimate = jackknife(lambda some: some.total("events"), found)
    assert estimate.low < estimate.value == found.total("events") < estimate.high


def test_shapes_that_do_not_match() -> None:
    with pytest.raises(FiringError, match="do not match"):
        synaptic_operations(torch.ones(3), torch.ones(4))


def test_energy_keeps_fixed_and_event_terms_apart() -> None:
    energy = energy_proxy(10, 100)
    assert energy.fixed == pytest.approx(46)
    assert energy.events == pytest.approx(90)


spikes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 30), st.integers(0, 2**32 - 1))


@given(spikes, st.floats(0, 1), st.floats(0, 1), st.integers(1, 50))
def test_operations_change_by_at_most_the_emd_for_a_uniform_fan_out(
    shape: tuple[int, int, int, int], rate: float, other_rate: float, fan: int
) -> None:
    (steps, samples, n, seed), generator = shape, torch.Generator()
    generator.manual_seed(seed)
    mine = (torch.rand(steps, samples, n, generator=generator) < rate).float()
    theirs = (torch.rand(steps, samples, n, generator=generator) < other_rate).float()
    fans = torch.full((n,), fan)
    change = abs(int(synaptic_operations(mine.sum((0, 1)), fans)) - int(synaptic_operations(theirs.sum((0, 1)), fans)))
    emd = float(firing_emd(firing_rate(mine), firing_rate(theirs)))
    assert change / samples <= fan * n * steps * emd * (1 + 1e-6) + 1e-4


@settings(max_examples=60)
@given(spikes, st.floats(0, 1), st.floats(0, 1), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
def test_operations_of_a_convolution_change_by_at_most_the_drift(
    shape: tuple[int, int, int, int], rate: float, other_rate: float, kernel: int, stride: int, padding: int
) -> None:
    (steps, samples, _, seed), generator = shape, torch.Generator()
    generator.manual_seed(seed)
    size = (steps, samples, 2, 5, 4)
    mine = (torch.rand(size, generator=generator) < rate).float()
    theirs = (torch.rand(size, generator=generator) < other_rate).float()
    fans = fan_out(nn.Conv2d(2, 3, kernel, stride, padding), size[2:])
    counts = mine.sum((0, 1)), theirs.sum((0, 1))
    change = abs(int(synaptic_operations(counts[0], fans)) - int(synaptic_operations(counts[1], fans)))
    drift = float(firing_drift(firing_rate(mine), firing_rate(theirs)))
    assert change / samples <= int(fans.max()) * 40 * steps * drift * (1 + 1e-6) + 1e-4


def test_the_emd_does_not_bound_a_convolution() -> None:
    """Why drift is needed: spikes that move from a corner to the middle reach more synapses, at EMD 0."""
    mine, theirs = torch.zeros(1, 1, 1, 3, 3), torch.zeros(1, 1, 1, 3, 3)
    mine[..., 0, 0] = theirs[..., 1, 1] = 1
    fans = fan_out(nn.Conv2d(1, 1, 3, padding=1), (1, 3, 3))
    assert float(firing_emd(firing_rate(mine), firing_rate(theirs))) == 0
    assert int(synaptic_operations(theirs[0, 0], fans)) - int(synaptic_operations(mine[0, 0], fans)) == 5


def neurobench() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return import_module("neurobench.metrics.utils.layers")
        except ImportError as error:
            pytest.skip(f"neurobench is not installed ({error})")


class Dense(nn.Module):
    """Linear layers of spikes that step through time, without biases or zero weights: NeuroBench counts it too."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.n1 = nn.Linear(6, 8, bias=False), LIFNeuron(threshold=0.2)
        self.fc2, self.n2 = nn.Linear(8, 4, bias=False), LIFNeuron(threshold=0.2)
        self.inputs: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        first = self.n1(self.fc1(x).expand(4, len(x), 8))
        self.inputs = {"fc1": x, "fc2": first}
        return self.n2(self.fc2(first)).mean(0)


def test_neurobench_counts_the_same_where_both_are_defined() -> None:
    layers = neurobench()
    torch.manual_seed(0)
    model, images = Dense(), torch.randn(9, 6)
    with torch.no_grad(), record_operations(model) as recorder:
        model(images)
    theirs_fc1, spiking = layers.single_layer_MACs(model.inputs["fc1"], model.fc1)
    assert not spiking
    steps = [layers.single_layer_MACs(step, model.fc2) for step in model.inputs["fc2"]]
    dense = sum(layers.single_layer_MACs(step, model.fc2, total=True)[0] for step in model.inputs["fc2"])
    found = recorder.operations()
    assert 9 * found.per_image("macs")["fc1"] == pytest.approx(float(theirs_fc1))
    assert all(spiking for _, spiking in steps)
    assert 9 * found.per_image("events")["fc2"] == pytest.approx(float(sum(count for count, _ in steps)))
    assert 9 * found.per_image("dense")["fc2"] == pytest.approx(float(dense))


def test_neurobench_takes_zero_weights_and_sums_of_spikes_otherwise() -> None:
    layers = neurobench()
    layer = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight[0, 0] = 0
        spikes, sums = torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[2.0, 1.0, 0.0]])
        assert float(layers.single_layer_MACs(spikes, layer)[0]) == 3
        _, spiking = layers.single_layer_MACs(sums, layer)
        assert not spiking
        with record_operations(layer) as recorder:
            layer(sums)
    found = recorder.operations()
    assert found.per_image("events") == {"": 4.0}
    assert found.per_image("accumulates") == {"": 6.0}


@pytest.mark.parametrize("value", [0.5, 2.0])
@pytest.mark.parametrize("ones", [True, False])
def test_kinds_are_of_the_layer_not_of_the_batch_or_the_weights(value: float, ones: bool) -> None:
    """NeuroBench 2.3 decides for each batch; SpikingJelly 2.0 counts nothing for 0.5, and takes weights for spikes."""
    layer = nn.Linear(4, 3, bias=False)
    if ones:
        nn.init.ones_(layer.weight)
    inputs = torch.tensor([[1.0, 0.0, 1.0, 0.0], [value, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    found = []
    for size in (1, 2, 3):
        with torch.no_grad(), record_operations(layer) as recorder:
            for batch in inputs.split(size):
                layer(batch)
        found.append(
            {kind: 3 * recorder.operations().per_image(kind)[""] for kind in ("events", "accumulates", "macs")}
        )
    real = {"events": 0, "accumulates": 0, "macs": 15}
    assert found == 3 * [real if value == 0.5 else {"events": 15, "accumulates": 18, "macs": 0}]


def test_profiles_and_operations_count_the_same_samples() -> None:
    torch.manual_seed(0)
    model = Small()
    with torch.no_grad(), record_firing(model) as firing, record_operations(model) as operations:
        model(torch.randn(33, 2, 6, 6))
    profile: FiringProfile = firing.profile()
    assert torch.equal(profile.samples_per_shard, operations.operations().samples_per_shard)
