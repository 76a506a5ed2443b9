"""Recording against all spikes at once, and that it leaves no trace."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from snnbench import optimize, record_firing
from snnbench.errors import FiringError
from snnbench.functional import FiringProfile
from snnbench.nn import IFNeuron, sew_resnet8

FORMS = pytest.mark.parametrize("form", [lambda model: model, optimize], ids=["eager", "compiled"])
Form = Callable[[nn.Module], nn.Module]


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


class Backwards(nn.Module):
    """Its layers run in another order than that in which they are defined."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = IFNeuron(), IFNeuron()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x))


@FORMS
def test_layers_come_in_the_order_in_which_they_run(form: Form) -> None:
    model = form(Backwards())
    for layers in (None, ["last", "first"]):
        with record_firing(model, layers) as recorder:
            model(torch.rand(2, 3, 4))
        assert list(recorder.profile().layers) == ["first", "last"]


@FORMS
def test_modes_of_autograd_may_change_between_batches(network: nn.Module, form: Form) -> None:
    images, model = torch.randn(6, 3, 8, 8), form(network)
    with record_firing(model) as recorder:
        for mode, part in zip((torch.inference_mode, torch.no_grad, torch.enable_grad), images.split(2), strict=True):
            with mode():
                model(part)
                recorder.profile()
    assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, images))


def refuse(module: nn.Module, inputs: object) -> None:
    raise ValueError("a bad batch")


@FORMS
@pytest.mark.parametrize("good_first", [True, False])
def test_a_pass_that_raises_is_not_counted(network: nn.Module, form: Form, good_first: bool) -> None:
    images, model = torch.randn(9, 3, 8, 8), form(network)
    good = images[:4] if good_first else images[:0]
    with record_firing(model) as recorder, torch.no_grad():
        if good_first:
            model(good)
        handle = model.get_submodule("blocks.1_1").register_forward_pre_hook(refuse)
        for size in (5, 3):
            with pytest.raises(ValueError, match="a bad batch"):
                model(torch.randn(size, 3, 8, 8))
        handle.remove()
        model(images[4:])
        handle = model.get_submodule("blocks.1_1").register_forward_pre_hook(refuse)
        with pytest.raises(ValueError, match="a bad batch"):
            model(images[:4])
        handle.remove()
    counted = torch.cat([good, images[4:]])
    assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, counted))


@FORMS
def test_a_batch_of_another_size_leaves_the_counts_as_they_were(network: nn.Module, form: Form) -> None:
    images, model = torch.randn(4, 3, 8, 8), form(network)
    with record_firing(model) as recorder, torch.no_grad():
        model(images)
        with pytest.raises(FiringError, match="keep T and the input size fixed"):
            model(torch.randn(2, 3, 16, 16))
    assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, images))


@FORMS
def test_copies_that_are_made_while_recording_count_nothing(network: nn.Module, form: Form) -> None:
    images, model = torch.randn(4, 3, 8, 8), form(network)
    with record_firing(model) as recorder, torch.no_grad():
        model(images)
        twin = copy.deepcopy(model)
        twin(torch.randn(3, 3, 8, 8))
        optimize(model)(torch.randn(3, 3, 8, 8))
    assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, images))
    with record_firing(twin) as second, torch.no_grad():
        twin(torch.randn(2, 3, 8, 8))
        model(images)
    assert second.profile().samples == 2


def test_checkpoints_that_run_a_block_again_count_it_once(network: nn.Module) -> None:
    images, blocks = torch.randn(4, 3, 8, 8), network.get_submodule("blocks")
    plain = all_spikes(network, images)
    for block in blocks.children():
        block.forward = lambda x, run=block.forward: checkpoint(run, x, use_reentrant=False)
    with record_firing(network) as recorder:
        for part in images.split(2):
            network(part).sum().backward()
    assert recorder.profile() == FiringProfile.from_spikes(plain)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("warm", [False, True])
def test_a_network_of_torch_compile_has_the_names_of_the_network(network: nn.Module, warm: bool, inside: bool) -> None:
    images = torch.randn(4, 3, 8, 8)
    compiled = copy.deepcopy(network)
    if inside:
        compiled.blocks = torch.compile(compiled.blocks, backend="eager")
    else:
        compiled = torch.compile(compiled, backend="eager")
    with torch.no_grad():
        if warm:
            compiled(images)
        with record_firing(compiled) as recorder:
            compiled(images)
        assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, images))
        name = next(n for n, module in compiled.named_modules() if n.endswith("1_1.layer1.neuron"))
        with record_firing(compiled, [name]) as recorder:
            compiled(images)
    assert list(recorder.profile().layers) == ["blocks.1_1.layer1.neuron"]


def test_a_data_parallel_network_has_the_names_of_the_network(network: nn.Module) -> None:
    images, wrapped = torch.randn(4, 3, 8, 8), nn.DataParallel(network)
    with record_firing(wrapped) as recorder, torch.no_grad():
        wrapped(images)
    assert recorder.profile() == FiringProfile.from_spikes(all_spikes(network, images))


class Fires(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x > 0).float()


def test_samples_may_come_before_steps() -> None:
    model, batches = nn.Sequential(Fires()), [torch.randn(32, 4, 5), torch.randn(7, 4, 5)]
    with record_firing(model, ["0"], batch_first=True) as recorder:
        for batch in batches:
            model(batch)
    expected = (torch.cat(batches).transpose(0, 1) > 0).float()
    assert recorder.profile() == FiringProfile.from_spikes({"0": expected})


def test_samples_that_come_before_steps_are_not_taken_for_steps() -> None:
    class Encoded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fire = Fires()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.fire(images.unsqueeze(1).expand(-1, 4, -1, -1, -1))

    model = Encoded()
    with record_firing(model, ["fire"]), pytest.raises(FiringError, match="batch_first=True"):
        model(torch.randn(32, 3, 8, 8))
    model = nn.Sequential(Fires())
    with record_firing(model, ["0"]):
        model(torch.randn(32, 4, 5))
        with pytest.raises(FiringError, match="batch_first=True"):
            model(torch.randn(7, 4, 5))


def test_a_step_that_raises_in_a_loop_outside_of_the_model_ends_the_recording() -> None:
    model = nn.Sequential(Fires())
    with record_firing(model, ["0"], timesteps=3) as recorder:
        handle = model.register_forward_hook(lambda *_: refuse(model, ()))
        with pytest.raises(ValueError, match="a bad batch"):
            model(torch.rand(2, 3))
        handle.remove()
        for _ in range(4):  # the first step of a batch may be tried again
            model(torch.rand(2, 3))
        with pytest.raises(TypeError):
            model(None)
        with pytest.raises(FiringError, match="an earlier forward pass did not finish"):
            model(torch.rand(2, 3))
    assert recorder.next_sample == 2


def test_more_steps_than_a_batch_has_are_refused() -> None:
    layer = Fires()
    model = nn.Sequential(layer, layer)
    with record_firing(model, ["0"], timesteps=3), torch.no_grad():
        model(torch.rand(2, 3))
        with pytest.raises(FiringError, match="ran 4 steps of a batch of 3"):
            model(torch.rand(2, 3))


def test_an_output_that_changes_in_place_is_counted_as_it_was_given() -> None:
    class Zeroing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fire = Fires()

        def forward(self, x: torch.Tensor) -> None:
            for step in x:
                self.fire(step).zero_()

    model, x = Zeroing(), torch.randn(3, 4, 5)
    with record_firing(model, ["fire"], timesteps=3) as recorder:
        model(x)
    assert recorder.profile() == FiringProfile.from_spikes({"fire": (x > 0).float()})
