"""How far it goes: many runs in one process, many neurons, one time step and many, a class that is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from scipy.stats import wasserstein_distance

import snnbench
from snnbench.metrics import FiringEMD

MILLION = 1_000_000


def held() -> tuple[int, int, float]:
    """Open files, threads and resident MB of this process."""
    process = Path("/proc/self")
    resident = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / MILLION
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())), resident


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process holds is read from /proc")
def test_a_process_of_many_runs_grows_in_nothing(tmp_path: Path) -> None:
    def run(number: int) -> None:
        clip = ("narrow", "absmax")[number % 2]
        snnbench.run("uniform", 4, options={"clip": clip}, seed=number, protocol="digits-sew8", limit=20, out=tmp_path)

    for number in range(30):
        run(number)
    files, threads, resident = held()
    for number in range(30, 1000):
        run(number)
    more_files, more_threads, more_resident = held()
    assert (more_files, more_threads) == (files, threads)
    assert more_resident < resident + 30
    assert len(list(tmp_path.glob("*/*/record.json"))) == 1000


@pytest.mark.slow
@pytest.mark.parametrize("timesteps", [1, 64])
def test_ten_million_neurons(timesteps: int) -> None:
    draw = torch.Generator().manual_seed(timesteps)
    metric, counts = FiringEMD(), torch.zeros(2, 10 * MILLION, dtype=torch.int64)
    for _ in range(2):
        spikes = (torch.rand(2, 1, 1, 10 * MILLION, generator=draw) < 0.3).expand(2, timesteps, 1, -1)
        metric.update({"layer": spikes[0]}, {"layer": spikes[1]})
        counts += spikes.sum((1, 2))
    rates = counts.double() / (2 * timesteps)
    assert float(metric.compute()) == pytest.approx(wasserstein_distance(*rates.numpy()), abs=1e-6)


@pytest.mark.parametrize("timesteps", [1, 64])
def test_one_time_step_and_many(timesteps: int) -> None:
    network = snnbench.load("digits-sew8")
    network.timesteps = timesteps
    labels = [sample % 10 for sample in range(20)]
    told = snnbench.report(network, snnbench.quantize(network, "lqnet", bits=4), [torch.rand(20, 1, 8, 8)], labels)
    assert f"20 samples, {timesteps} steps" in str(told)
    assert 0 < told["quantized"].value("firing_emd") < 1


def test_a_class_of_a_hundred_that_no_image_is_of() -> None:
    torch.manual_seed(0)
    network = snnbench.load("digits-sew8")
    network.fc = torch.nn.Linear(network.fc.in_features, 100)
    labels = [label for label in range(100) if label != 57]
    told = snnbench.report(network, snnbench.quantize(network, "uniform", bits=4), [torch.rand(99, 1, 8, 8)], labels)
    assert told["quantized"].value("accuracy") < 0.2
    assert told["quantized"].value("nll") > 0


def test_intervals_of_shares_stay_between_nothing_and_all() -> None:
    network = snnbench.load("digits-sew8")
    told = snnbench.report(network, snnbench.quantize(network, "uniform", bits=2), [torch.rand(12, 1, 8, 8)], [0] * 12)
    for measure in ("accuracy", "agreement", "accuracy_area", "agreement_area", "exit_accuracy"):
        found = told["quantized"].measures[measure]
        assert 0 <= found.low <= found.value <= found.high <= 1
