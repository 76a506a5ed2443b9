"""The compiled engine against SpikingJelly, against convolutions alone, and against itself without recording."""

from __future__ import annotations

import copy
import statistics
import sys
import time
import timeit
import types
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.sew_resnet import OracleSEWResNet
from torch import Tensor, nn

from snnbench.bench.bench import open_bench
from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.engine import EngineName, engine_form
from snnbench.functional import FiringProfile
from snnbench.nn import (
    LIFNeuron,
    SEWResNet,
    SpikingNeuron,
    averaged_gradients,
    record_firing,
    sew_resnet8,
    sew_resnet18,
    spiking_vgg9,
)
from snnbench.nn.compiled.events import convolve_events
from snnbench.nn.compiled.gradients import weight_gradient
from snnbench.nn.convolution import gradients_plainly
from snnbench.quant import bake, quantize_membranes, quantize_weights
from snnbench.quant.integer import integer_layers, whole_numbers
from snnbench.training.trainer import Trainer, TrainingSet

# The monitors are in a module that imports TensorBoard's writer, which they do without.
sys.modules.setdefault("torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=None))  # type: ignore[arg-type]
from spikingjelly.activation_based import functional, monitor, neuron  # noqa: E402

NETWORKS = {8: (sew_resnet8, [1, 1, 1]), 18: (sew_resnet18, [2, 2, 2, 2])}
SIZES = [(8, 16), (8, 32), (18, 16)]
BATCH = 100


def name_of(depth: int, width: int) -> str:
    return f"SEW-ResNet-{depth}, w = {width}"


def pair(depth: int, width: int) -> tuple[SEWResNet, OracleSEWResNet, Tensor]:
    """Our network and SpikingJelly's, with the same weights and statistics, and a batch of images."""
    torch.manual_seed(0)
    make, blocks = NETWORKS[depth]
    model = make(width, bn_scale=2.0).to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(5):
            model(images)
    peer = OracleSEWResNet(blocks, width, 4, "ADD", "lif", "hard")
    peer.load_state_dict(model.state_dict())
    return engine_form(model, "compiled"), peer.to(memory_format=torch.channels_last), images


class ConvolutionsAlone(nn.Module):
    """The convolutions and the classifier of a network, on inputs of the right shapes: no norm, no neuron."""

    def __init__(self, model: SEWResNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        model = self.model
        x = model.stem.conv(images).repeat(model.timesteps, 1, 1, 1)
        for block in model.blocks:
            merged = block.layer2.conv(block.layer1.conv(x))
            x = merged if isinstance(block.shortcut, nn.Identity) else merged + block.shortcut.conv(x)
        return model.fc(x.mean(dim=(-2, -1))).unflatten(0, (model.timesteps, -1)).mean(0)


def seconds(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=1, repeat=5))


def evaluate(model: SEWResNet, images: Tensor) -> FiringProfile:
    with torch.inference_mode(), record_firing(model) as recorder:
        model(images)
    return recorder.profile()


def watch(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """SpikingJelly's monitor, reduced to what a firing rate needs, as its documentation advises for memory."""
    seen = monitor.OutputMonitor(model, neuron.LIFNode, lambda spikes: spikes.sum((0, 1)))
    with torch.inference_mode():
        model(images)
    counts = {name: seen[name][0] for name in seen.monitored_layers}
    seen.remove_hooks()
    return counts


@pytest.mark.parametrize(("depth", "width"), SIZES)
def bench_evaluation_with_recording(benchmark, depth, width):
    model, peer, images = pair(depth, width)
    model.eval(), peer.eval()
    profile, counts = evaluate(model, images), watch(peer, images)
    ours = {name: layer.counts.sum(0) for name, layer in profile.layers.items()}
    different = sum(int((ours[name] - counts[name].long()).abs().sum()) for name in ours)
    assert different <= 1e-4 * sum(int(count.sum()) for count in ours.values())
    benchmark.pedantic(evaluate, (model, images), rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(
        work=f"evaluation with recording, {name_of(depth, width)}",
        peer="SpikingJelly with its monitor",
        ratio=seconds(lambda: watch(peer, images)) / benchmark.stats.stats.min,
        target=">= 1.8" if width == 32 else ">= 2.5",
        spikes_that_differ=different,
    )


@pytest.mark.parametrize(("depth", "width"), SIZES)
def bench_evaluation_against_convolutions(benchmark, depth, width):
    model, _, images = pair(depth, width)
    limit = ConvolutionsAlone(model).eval()
    with torch.inference_mode():
        benchmark.pedantic(model.eval(), (images,), rounds=5, warmup_rounds=1)
        bare = seconds(lambda: limit(images))
    benchmark.extra_info.update(
        work=f"evaluation, {name_of(depth, width)}",
        peer="its convolutions alone",
        ratio=benchmark.stats.stats.min / bare,
        target="<= 1.2",
    )


def a_tenth(channels: int, size: int) -> Tensor:
    """Maps of which a tenth spike."""
    torch.manual_seed(0)
    return (torch.rand(BATCH, channels, size, size) < 0.1).float().contiguous(memory_format=torch.channels_last)


MAPS = pytest.mark.parametrize(("channels", "size"), [(48, 32), (96, 16), (192, 8)])


@MAPS
def bench_convolution_that_skips_zeros(benchmark, channels, size):
    spikes = a_tenth(channels, size)
    weight = torch.randn(channels, channels, 3, 3)

    def skipping() -> Tensor:
        return convolve_events(spikes, weight, None, (1, 1), (1, 1))

    def dense() -> Tensor:
        return F.conv2d(spikes, weight, None, 1, 1)

    torch.testing.assert_close(skipping(), dense(), rtol=0, atol=0)
    benchmark.pedantic(skipping, rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(
        work=f"convolution of {channels} channels of {size} x {size}, a tenth of which spike",
        peer="oneDNN's dense one",
        ratio=cpu_seconds(dense) / cpu_seconds(skipping),
        target=">= 1.5",
    )


@MAPS
def bench_gradient_that_skips_zeros(benchmark, channels, size):
    spikes = a_tenth(channels, size)
    conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
    gradient = torch.randn_like(spikes)

    def skipping() -> Tensor | None:
        return weight_gradient(spikes, gradient, (3, 3), conv)

    def dense() -> Tensor | None:
        return gradients_plainly(conv, gradient, spikes, conv.weight, (False, True, False))[1]

    torch.testing.assert_close(skipping(), dense(), rtol=1e-4, atol=1e-2)
    benchmark.pedantic(skipping, rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(
        work=f"gradient of the weights of {channels} channels, {size} x {size} inputs, a tenth of which spike",
        peer="oneDNN's dense one",
        ratio=cpu_seconds(dense) / cpu_seconds(skipping),
        target=">= 2.0",
    )


def step(model: nn.Module, images: Tensor, bf16: bool) -> list[Tensor]:
    labels = torch.arange(len(images)) % 10
    model.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(images)
    F.cross_entropy(logits.float(), labels).backward()
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def assert_gradients_agree(model: nn.Module, peer: nn.Module, images: Tensor) -> None:
    """In float64: in float32 a spike more or less, on the edge of the threshold, moves all layers after it."""
    pairs = zip(*(step(net.double(), images.double(), False) for net in (model, peer)), strict=True)
    assert all((mine - theirs).norm() <= 1e-9 * theirs.norm() for mine, theirs in pairs)


@pytest.mark.parametrize("peer_name", ["SpikingJelly", "its convolutions alone"])
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("width", [16, 32])
def bench_training_step(benchmark, width, bf16, peer_name):
    model, peer, images = pair(8, width)
    model.train(), peer.train()
    assert_gradients_agree(copy.deepcopy(model), copy.deepcopy(peer), images[:8])
    other = peer if peer_name == "SpikingJelly" else ConvolutionsAlone(model)
    step(other, images, bf16)
    benchmark.pedantic(step, (model, images, bf16), rounds=5, warmup_rounds=1)
    mine, theirs = benchmark.stats.stats.min, seconds(lambda: step(other, images, bf16))
    faster = peer_name == "SpikingJelly"
    benchmark.extra_info.update(
        work=f"training step in {'bfloat16' if bf16 else 'float32'}, {name_of(8, width)}",
        peer=peer_name,
        ratio=theirs / mine if faster else mine / theirs,
        target="<= 1.4" if not faster else ">= 2.2" if width == 16 else ">= 2.0",
    )


@pytest.mark.parametrize(("depth", "width"), SIZES)
def bench_training_with_averaged_gradients(benchmark, depth, width):
    model, _, images = pair(depth, width)
    model.train()

    def averaged(images: Tensor) -> list[Tensor]:
        with averaged_gradients():
            return step(model, images, bf16=False)

    exact = step(model, images, bf16=False)
    pairs = zip(averaged(images), exact, strict=True)
    closeness = [float(F.cosine_similarity(mine.flatten(), theirs.flatten(), 0)) for mine, theirs in pairs]
    assert closeness[-1] > 0.999  # the classifier, which comes before any convolution on the way back
    benchmark.pedantic(averaged, (images,), rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(
        work=f"training step with averaged gradients, {name_of(depth, width)}",
        peer="exact gradients",
        ratio=seconds(lambda: step(model, images, bf16=False)) / benchmark.stats.stats.min,
        target=">= 1.5",
        median_cosine=statistics.median(closeness),
    )


def fine_tuning(engine: EngineName, precision: str, gradient: str) -> tuple[Trainer, Callable[[], object]]:
    """A training of LQ-Net at 4 bits by cifar10-sew8-v3's recipe but for precision and gradient, and an evaluation of
    `BATCH` images; on random images, which take the same time."""
    bench = open_bench("cifar10-sew8-v3")
    model = bench.network.build()
    quantize_weights(model, lambda layer, weight: lqnet(weight, bits=4), input_shape=(3, 32, 32))
    stages = tuple(stage.model_copy(update={"gradient": gradient}) for stage in bench.protocol.finetune.stages)
    recipe = bench.protocol.finetune.model_copy(update={"precision": precision, "stages": stages})
    images = np.random.default_rng(0).integers(0, 256, (256, 3, 32, 32), dtype=np.uint8)
    trainer = Trainer(
        engine_form(model, engine), recipe, TrainingSet(images, np.arange(256) % 10, bench.normalise), 0, engine
    )
    fast, batch = engine_form(bench.network.build(), engine), bench.normalise(torch.from_numpy(images[:BATCH]))
    return trainer, lambda: evaluate(fast, batch)


def cell_seconds(step: float, evaluation: float) -> float:
    """Of one epoch of CIFAR-10 in batches of 128 and the evaluation of its test set."""
    return 390 * step + 10_000 / BATCH * evaluation


@pytest.mark.parametrize("gradient", ["exact", "averaged"])
def bench_fine_tuned_cell(benchmark, gradient):
    trainer, evaluation = fine_tuning("compiled", "bfloat16", gradient)
    plain, plain_evaluation = fine_tuning("eager", "float32", "exact")
    plain.step_once()
    benchmark.pedantic(trainer.step_once, rounds=5, warmup_rounds=1)
    mine = cell_seconds(benchmark.stats.stats.min, seconds(evaluation))
    theirs = cell_seconds(seconds(plain.step_once), seconds(plain_evaluation))
    benchmark.extra_info.update(
        work=f"fine-tuned cell of cifar10-sew8-v3 in bfloat16, {gradient} gradients",
        peer="eager, float32, exact gradients",
        ratio=mine / theirs,
        target="<= 0.25",
    )


@pytest.mark.parametrize("width", [16, 32])
def bench_recording_on_against_off(benchmark, width):
    model, _, images = pair(8, width)
    model.eval()
    with torch.inference_mode():
        model(images)
        with record_firing(model):
            benchmark.pedantic(model, (images,), rounds=10, warmup_rounds=1)
        off = min(timeit.repeat(lambda: model(images), number=1, repeat=10))
    benchmark.extra_info.update(
        work=f"recording on, {name_of(8, width)}",
        peer="recording off",
        ratio=benchmark.stats.stats.min / off,
        target="<= 1.03",
    )


class PlainVGG(nn.Sequential):
    """Six convolutions with batch norm and LIF after each as siblings, max-pooling after every other; T steps."""

    def __init__(self, width: int, timesteps: int = 4) -> None:
        outputs = [width << stage for stage in range(3) for _ in range(2)]
        parts: list[nn.Module] = []
        for index, (inputs, out) in enumerate(pairwise([3, *outputs])):
            parts += [nn.Conv2d(inputs, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), LIFNeuron()]
            parts += [nn.MaxPool2d(2)] * (index % 2)
        super().__init__(*parts)
        self.timesteps = timesteps

    def forward(self, images: Tensor) -> Tensor:
        x = images.expand(self.timesteps, *images.shape)
        for part in self:
            if isinstance(part, SpikingNeuron):
                x = part(x)
            else:
                y = part(x.flatten(0, 1))
                x = y.view(*x.shape[:2], *y.shape[1:])
        return x.mean((0, -2, -1))


VGGS = {"VGG of siblings": PlainVGG, "spiking_vgg9": spiking_vgg9}


def settled(name: str, width: int) -> tuple[nn.Module, Tensor]:
    """A VGG in evaluation whose statistics are those of the images, and which fires about as much as trained networks
    (a rate of 0.11 to 0.18); both channels-last, so that spikes can be compared to the bit."""
    torch.manual_seed(0)
    model = VGGS[name](width).to(memory_format=torch.channels_last)
    images = torch.randn(BATCH // 2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 2.0)
            nn.init.constant_(module.bias, 0.8 if name == "VGG of siblings" else 0.0)
    with torch.no_grad():
        for _ in range(3):
            model(images)
    return model.eval(), images


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads: other work on the machine does not count."""
    return min(timeit.repeat(work, timer=time.process_time, number=1, repeat=5))


def against_eager(benchmark, model: nn.Module, images: Tensor, what: str, target: str) -> None:
    """The compiled form of a network, which has to give the same profile."""
    fast = engine_form(model, "compiled")
    profile = evaluate(fast, images)
    assert profile == evaluate(model, images)
    benchmark.pedantic(evaluate, (fast, images), rounds=2)
    benchmark.extra_info.update(
        work=f"evaluation with recording, {what}",
        peer="the same, eager",
        ratio=cpu_seconds(lambda: evaluate(model, images)) / cpu_seconds(lambda: evaluate(fast, images)),
        target=target,
        rate=profile.mean_rate(),
    )


@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("name", VGGS)
def bench_vgg(benchmark, name, width):
    against_eager(benchmark, *settled(name, width), f"{name}, w = {width}", ">= 1.9")


@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("site", ["pre_spike", "post_reset"])
def bench_quantized_membranes(benchmark, site, width):
    model, images = settled("spiking_vgg9", width)
    quantize_membranes(model, lambda layer, like: uniform(like, bits=4), site, images.shape[1:])
    against_eager(benchmark, model, images, f"spiking_vgg9, w = {width}, membranes of 4 bits {site}", ">= 2.5")


def bench_training_of_quantized_membranes(benchmark):
    torch.manual_seed(0)
    model = sew_resnet8(32, bn_scale=2.0).to(memory_format=torch.channels_last)
    images = torch.randn(BATCH // 2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    quantize_membranes(model, lambda layer, like: uniform(like, bits=4), "post_reset", images.shape[1:])
    fast = engine_form(model.eval(), "compiled")  # with statistics that do not move
    expected, found = ([each.clone() for each in step(form, images[:8], False)] for form in (model, fast))
    assert all((mine - theirs).norm() <= 1e-4 * theirs.norm() for mine, theirs in zip(found, expected, strict=True))
    model.train(), fast.train()
    benchmark.pedantic(step, (fast, images, True), rounds=2)
    benchmark.extra_info.update(
        work=f"training step in bfloat16, {name_of(8, 32)}, membranes of 4 bits",
        peer="the same, eager",
        ratio=cpu_seconds(lambda: step(model, images, True)) / cpu_seconds(lambda: step(fast, images, True)),
        target=">= 2.0",
    )


@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("name", VGGS)
def bench_vgg_in_integers(benchmark, name, width):
    model, images = settled(name, width)
    quantize_weights(model, lambda layer, weight: uniform(weight, bits=4, grid="symmetric"), exempt=())
    bake(model)
    fast, floats = engine_form(model, "integer"), engine_form(model, "compiled")
    benchmark.pedantic(evaluate, (fast, images), rounds=2, warmup_rounds=1)
    seconds_of = {form: cpu_seconds(lambda form=form: evaluate(form, images)) for form in (model, fast, floats)}
    benchmark.extra_info.update(
        work=f"evaluation in int8, {name}, w = {width}",
        peer="the same, eager",
        ratio=seconds_of[model] / seconds_of[fast],
        target=">= 1.9",
        integer_layers=len(integer_layers(fast)),
        over_compiled=seconds_of[floats] / seconds_of[fast],
    )


@pytest.mark.parametrize("width", [16, 32])
def bench_neurons_of_spikingjelly(benchmark, width):
    _, peer, images = pair(8, width)
    fast = engine_form(peer.eval(), "compiled")

    def run(model: nn.Module) -> Tensor:
        functional.reset_net(model)
        with torch.inference_mode():
            return model(images)

    assert torch.equal(run(fast), run(peer))
    benchmark.pedantic(run, (fast,), rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(
        work=f"evaluation, {name_of(8, width)} of SpikingJelly's layers, its neurons on the compiled kernels",
        peer="SpikingJelly",
        ratio=seconds(lambda: run(peer)) / benchmark.stats.stats.min,
        target=">= 1.0",
    )


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("grid", ["endpoint", "symmetric"])
def bench_integer_convolutions(benchmark, bits, grid):
    model, _, images = pair(8, 16)
    quantize_weights(model, lambda layer, weight: uniform(weight, bits=bits, grid=grid, clip="absmax"))
    bake(model)
    fast = engine_form(model.eval(), "integer")
    layer = integer_layers(fast)[0]
    codes, scale, half = whole_numbers(model.get_submodule(layer).weight.detach())
    spikes = (torch.rand(BATCH, 16, 32, 32, generator=torch.Generator().manual_seed(1)) < 0.2).double()
    exact = F.conv2d(spikes, (codes + half / 2).double() * scale.double().view(-1, 1, 1, 1), padding=1)
    with torch.inference_mode():
        assert (fast.get_submodule(layer)(spikes.to(torch.uint8)) - exact).abs().max() <= 1e-6 * exact.abs().max()
        benchmark.pedantic(fast, (images,), rounds=5, warmup_rounds=1)
        floats = seconds(lambda: model(images))
    benchmark.extra_info.update(
        work=f"evaluation in int8, uniform {bits} bits, {grid} grid",
        peer="the same in float32",
        ratio=floats / benchmark.stats.stats.min,
        target=">= 1.8",
        integer_layers=len(integer_layers(fast)),
    )
