"""C against the network of whole numbers that it was written from: every spike, every logit, every overflow."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import torch
from torch import nn

import snnbench
from snnbench.builtin.chips import snnbench_chips
from snnbench.chips.c_source import c_files
from snnbench.chips.document import Semantics, read_semantics
from snnbench.nn import sew_resnet8
from snnbench.nn.neurons import IFNeuron, LIFNeuron

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
CHIPS = {name: read_semantics(path) for name, path in snnbench_chips().items() if name != "float"}

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def built(network, shape, table, folder):
    for name, text in c_files(network, shape, table).items():
        (folder / name).write_text(text)
    sources = ["main.c", "network.c", "snn.c"]
    subprocess.run([COMPILER, *FLAGS, "-o", "run", *sources], cwd=folder, check=True, timeout=120)
    return folder / "run"


def agree(model, chip, images, folder, timesteps=None):
    """Compare on uint8 images (N, *shape), which enter as they are, less 128."""
    put = snnbench.on_chip(model, chip, input_shape=tuple(images.shape[1:]), timesteps=timesteps).network
    step = 2.0**-put.chip.input.fraction
    bytes_ = torch.arange(256)
    table = put.enter((bytes_ - 128) * step).expand(images.shape[1], 256)
    counts = {}
    put.watch = lambda name, spikes: counts.__setitem__(name, spikes.sum((0, *range(2, spikes.ndim))))
    logits = put((images.double() - 128) * step)
    program = built(put, tuple(images.shape[1:]), table, folder)
    file = folder / "images.bin"
    file.write_bytes(images.to(torch.uint8).numpy().tobytes())
    told = subprocess.run([program, file], capture_output=True, text=True, check=True, timeout=120).stdout
    found = torch.tensor([[int(word) for word in line.split()] for line in told.splitlines()])
    expected = [logits.argmax(1, keepdim=True), logits, torch.stack(list(counts.values()), 1)]
    assert torch.equal(found, torch.cat(expected, 1))
    assert int(found[:, 1 + logits.shape[1] :].sum()) > 0


def images(*shape):
    return torch.randint(0, 256, (5, *shape), generator=torch.Generator().manual_seed(3))


def network(**options):
    torch.manual_seed(0)
    model = sew_resnet8(width=4, channels=2, num_classes=7, bn_scale=2.0, timesteps=3, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.weight.data.normal_(1.5, 1)
    return model.eval()


@needs_compiler
@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize(("neuron", "reset"), [("if", "soft"), ("plif", "hard")])
def test_a_residual_network_is_the_same_in_c(name, neuron, reset, tmp_path):
    agree(network(neuron=neuron, reset=reset), CHIPS[name], images(2, 9, 7), tmp_path)


def rules(**changes):
    document = CHIPS["loihi"].model_dump()
    for section, values in changes.items():
        document[section] = {**(document[section] or {}), **values}
    return Semantics.model_validate(document)


ROUNDED = [
    {"form": "factor", "bits": 12, "rounding": rounding, "least": 1} for rounding in ("floor", "zero", "half-even")
]


@needs_compiler
@pytest.mark.parametrize("decay", ROUNDED, ids=lambda decay: decay["rounding"])
@pytest.mark.parametrize("order", ["decay-add", "add-decay"])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_other_rules_are_the_same_in_c(decay, order, overflow, tmp_path):
    narrow = {"bits": 18, "overflow": overflow, "order": order, "decay": decay}
    spike = {"threshold_bits": 9, "most": 3, "resets": ("subtract",)}
    chip = rules(membrane=narrow, current=narrow, accumulator={"bits": 16, "overflow": overflow}, spike=spike)
    agree(network(neuron="lif"), chip, images(2, 6, 6), tmp_path)


@needs_compiler
def test_a_chain_without_a_readout_is_the_same_in_c(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2),
        IFNeuron(reset="soft"),
        nn.Flatten(),
        nn.Linear(27, 6),
        LIFNeuron(tau=4.0),
        nn.Linear(6, 4),
        IFNeuron(),
    )
    agree(model, CHIPS["int"], images(1, 8, 8), tmp_path, timesteps=5)


@needs_compiler
def test_a_file_that_ends_within_an_image_is_told(tmp_path):
    put = snnbench.on_chip(network(), "int", input_shape=(2, 4, 4)).network
    program = built(put, (2, 4, 4), torch.zeros(2, 256, dtype=torch.int64), tmp_path)
    done = subprocess.run([program], input=bytes(40), capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"8 of 32 bytes" in done.stderr
    assert len(done.stdout.splitlines()) == 1
