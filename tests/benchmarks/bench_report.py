"""What `snnbench.report` costs: beside two plain forward passes, and beside two recorded ones without the card.

CPU time of one thread, over 1,000 of CIFAR-10's test images: without CIFAR-10 (``SNNBENCH_DATA``) it is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snnbench
from snnbench.errors import DataError
from snnbench.functional import Paired, accuracy_change, emd_interval, firing_drift, jackknife, layer_table
from snnbench.nn.classifier import as_classifier
from snnbench.nn.loads import record_loads
from snnbench.own.weights import weight_bits
from snnbench.plugins import catalogue

IMAGES, BATCH = 1000, 100
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

Batches = list[tuple[Tensor, Tensor]]


class Case(NamedTuple):
    network: nn.Module
    quantized: nn.Module
    timesteps: int | None
    batches: Batches


def images() -> Batches:
    try:
        pixels, labels = catalogue().datasets["cifar10"].value.load(None, "test")
    except DataError as error:
        pytest.skip(str(error))
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (MEAN, STD))
    x = (torch.from_numpy(pixels[:IMAGES]).float() / 255 - mean) / std
    return list(zip(x.split(BATCH), torch.from_numpy(labels[:IMAGES]).split(BATCH), strict=True))


def small() -> nn.Module:
    snntorch = pytest.importorskip("snntorch")
    torch.manual_seed(0)

    def lif() -> nn.Module:
        neuron: nn.Module = snntorch.Leaky(beta=0.9, threshold=0.5, init_hidden=True)
        return neuron

    first = nn.Conv2d(3, 32, 3), lif(), nn.MaxPool2d(2)
    return nn.Sequential(*first, nn.Conv2d(32, 64, 3), lif(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2304, 10), lif())


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int | None]] = {
    "cifar10-sew8": (lambda: snnbench.load("cifar10-sew8"), None),
    "snnTorch, two convolutions": (small, 4),
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    make, timesteps = NETWORKS[request.param]
    network = make().eval()
    yield Case(network, snnbench.quantize(network, "lqnet", bits=4), timesteps, images())
    torch.set_num_threads(threads)


@torch.no_grad()
def plain(case: Case) -> None:
    for model in (case.network, case.quantized):
        with as_classifier(model, case.timesteps):
            for x, _ in case.batches:
                model(x)


@torch.no_grad()
def without_card(case: Case) -> float:
    """Both passes recorded, with operations, accuracy, EMD, drift, their intervals, nulls, the bits and the table."""
    profiles, right = [], []
    labels = torch.cat([y for _, y in case.batches])
    for model in (case.quantized, case.network):
        with ExitStack() as stack:
            stack.enter_context(as_classifier(model, case.timesteps))
            firing = stack.enter_context(snnbench.record_firing(model))
            loads = stack.enter_context(record_loads(model))
            logits = torch.cat([model(x) for x, _ in case.batches])
        profiles.append(firing.profile())
        right.append(logits.argmax(1) == labels)
        loads.synapses(IMAGES), weight_bits(model)
    paired = Paired(*profiles)
    accuracy_change(*right)
    paired.null(), layer_table(*profiles, paired), jackknife(firing_drift, *profiles, bounds=(0, 1))
    return emd_interval(paired).value


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(("peer", "target"), [("two plain passes", "<= 1.2"), ("without the card", "<= 1.1")])
def bench_report(benchmark: Any, case: Case, peer: str, target: str) -> None:
    """The peer runs in turn with the report, in the same process."""
    beside = {"two plain passes": plain, "without the card": without_card}[peer]
    seconds = []

    def setup() -> None:
        started = time.process_time()
        beside(case)
        seconds.append(time.process_time() - started)

    found = benchmark.pedantic(
        lambda: snnbench.report(case.network, case.quantized, case.batches, timesteps=case.timesteps),
        setup=setup,
        rounds=3,
    )
    assert found.samples == IMAGES
    if beside is without_card:
        assert found["quantized"].value("firing_emd") == pytest.approx(without_card(case), rel=1e-12)
    benchmark.extra_info.update(
        work=f"snnbench.report, {IMAGES} images, {type(case.network).__name__}",
        peer=peer,
        ratio=benchmark.stats.stats.min / min(seconds),
        target=target,
    )
