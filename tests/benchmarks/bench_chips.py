"""Networks of whole numbers against the compiled float32 engine, on the protocol's own network, in the same run."""

from __future__ import annotations

import time

import pytest
import torch

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.chips.fast import FastNetwork
from snnbench.engine import engine_form
from snnbench.plugins import catalogue
from snnbench.quant import quantize_weights

BATCH = 100


def seconds(run, images):
    run(images)
    took = []
    for _ in range(3):
        started = time.perf_counter()
        run(images)
        took.append(time.perf_counter() - started)
    return min(took)


@pytest.mark.parametrize("bits", [4, 8])
def bench_whole_numbers_against_floats(benchmark, bits):
    model = open_bench("cifar10-sew8", 0).network.build()
    make = catalogue().quantizers["uniform"].value
    quantize_weights(model, lambda layer, weight: make(weight, bits=bits, clip="absmax"))
    images = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    plain = snnbench.on_chip(model, "int", input_shape=(3, 32, 32)).network
    fast = FastNetwork(plain)
    with torch.inference_mode():
        assert torch.equal(fast(images[:2]), plain(images[:2]))
        benchmark.pedantic(fast, (images,), rounds=3, warmup_rounds=1)
        floats = seconds(engine_form(model.eval(), "compiled"), images)
    benchmark.extra_info.update(
        work=f"cifar10-sew8 in whole numbers, uniform {bits} bits",
        peer="compiled float32",
        ratio=floats / benchmark.stats.stats.min,
        target=">= 2",
    )
