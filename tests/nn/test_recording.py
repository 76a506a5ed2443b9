"""Recording against all spikes at once, and that it leaves no trace."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snnbench import record_firing
from snnbench.errors import FiringError
from snnbench.functional import FiringProfile
from snnbench.nn import IFNeuron, sew_resnet8


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return sew_resnet8(4, 10, 3, bn_scale=3.0).eval()


def all_spikes(model: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    seen: dict[str, torch.Tensor] = {}
    names = [name for name, _ in model.named_modules() if name.endswith("neuron")]
    modules = dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out.detach()))
        for name in names
    ]
    model(images)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("batch", [1, 3, 7, 20, 50])
def test_streaming_equals_all_at_once(network: nn.Module, batch: int) -> None:
    images = torch.randn(50, 3, 8, 8)
    with record_firing(network) as recorder, torch.no_grad():
        for part in images.split(batch):
            network(part)
    assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, images))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_hooks_are_gone_after_an_error(network: nn.Module) -> None:
    def stop() -> None:
        with record_firing(network):
            network(torch.randn(2, 3, 8, 8))
            assert hooks(network) > 0
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert hooks(network) == 0


def test_two_recorders_do_not_disturb_each_other(network: nn.Module) -> None:
    first, second = torch.randn(4, 3, 8, 8), torch.randn(4, 3, 8, 8)
    with record_firing(network) as outer:
        network(first)
        with record_firing(network) as inner:
            network(second)
    assert inner.profile() == FiringProfile.from_spikes(all_spikes(network, second))
    both = torch.cat([first, second])
    assert outer.profile() == FiringProfile.from_spikes(all_spikes(network, both))


def test_memory_does_not_grow_with_samples(network: nn.Module) -> None:
    def size(samples: int) -> int:
        with record_firing(network) as recorder, torch.no_grad():
            for _ in range(samples):
                network(torch.randn(1, 3, 8, 8))
        return sum(layer.counts.nbytes + layer.steps.nbytes for layer in recorder.profile().layers.values())

    assert size(1) == size(30)


def test_chosen_layers(network: nn.Module) -> None:
    with record_firing(network, ["stem.neuron"]) as recorder:
        network(torch.randn(2, 3, 8, 8))
    assert list(recorder.profile().layers) == ["stem.neuron"]


def test_mistakes_name_the_layer(network: nn.Module) -> None:
    with pytest.raises(FiringError, match="'stm'"):
        record_firing(network, ["stm"])
    with pytest.raises(FiringError, match="no spiking layer"):
        record_firing(nn.Linear(2, 2))
    with record_firing(network) as recorder, pytest.raises(FiringError, match=r"stem\.neuron"):
        recorder.profile()


def test_a_neuron_used_twice_is_refused() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron = IFNeuron()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.neuron(self.neuron(x))

    model = Twice()
    with record_firing(model), pytest.raises(FiringError, match="'neuron' ran twice"):
        model(torch.rand(2, 3, 4))


def test_odd_and_even_batches_agree_across_threads(network: nn.Module) -> None:
    images = torch.randn(40, 3, 16, 16)
    profiles = []
    threads = torch.get_num_threads()
    try:
        for count, batch in ((1, 40), (2, 40), (1, 1), (2, 13)):
            torch.set_num_threads(count)
            with record_firing(network) as recorder, torch.inference_mode():
                for part in images.split(batch):
                    network(part)
            profiles.append(recorder.profile())
    finally:
        torch.set_num_threads(threads)
    assert all(profile == profiles[0] for profile in profiles)
