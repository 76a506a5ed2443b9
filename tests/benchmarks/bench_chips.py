"""Networks of whole numbers against the compiled float32 engine, on the protocol's own network, in the same run.

Times are of the processor, which other programs on a machine disturb less than the clock.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import pytest
import torch

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.chips.fast import FastNetwork
from snnbench.engine import engine_form
from snnbench.plugins import catalogue
from snnbench.quant import quantize_weights

BATCH = 100


def networks(bits):
    """The float32 engine, the network in whole numbers and the same faster, and images."""
    model = open_bench("cifar10-sew8", 0).network.build()
    make = catalogue().quantizers["uniform"].value
    quantize_weights(model, lambda layer, weight: make(weight, bits=bits, clip="absmax"))
    images = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = snnbench.on_chip(model, "int", input_shape=(3, 32, 32)).network
    floats = engine_form(model.eval(), "compiled")
    return floats, plain, FastNetwork(plain), images.contiguous(memory_format=torch.channels_last)


def seconds(run, images):
    run(images)
    took = []
    for _ in range(3):
        started = time.process_time()
        run(images)
        took.append(time.process_time() - started)
    return min(took)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("bits", [4, 8])
def bench_whole_numbers_against_floats(benchmark, bits):
    floats, plain, fast, images = networks(bits)
    with torch.inference_mode():
        assert torch.equal(fast(images[:2]), plain(images[:2]))
        benchmark.pedantic(fast, (images,), rounds=3, warmup_rounds=1)
        peer = seconds(floats, images)
    benchmark.extra_info.update(
        work=f"cifar10-sew8 in whole numbers, uniform {bits} bits, {BATCH} images",
        peer="compiled float32",
        ratio=peer / benchmark.stats.stats.min,
        target=">= 2",
    )


def peak(form):
    """Megabytes that a batch needs beside what is there already, in a process of its own: what is freed is kept."""
    floats, _, fast, images = networks(4)
    run = floats if form == "floats" else fast
    with torch.inference_mode():
        run(images[:1])
        before = getrusage(RUSAGE_SELF).ru_maxrss
        run(images)
    return (getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024


def measured_apart(form):
    command = [sys.executable, "-c", f"import bench_chips; print(bench_chips.peak('{form}'))"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    return float(done.stdout)


def bench_memory_of_a_batch(benchmark):
    mine, theirs = measured_apart("whole"), measured_apart("floats")
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(
        work=f"memory of {BATCH} images in whole numbers, {mine:.0f} MB",
        peer=f"compiled float32, {theirs:.0f} MB",
        ratio=mine / theirs,
        target="<= 0.5",
    )
