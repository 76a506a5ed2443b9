"""LQ-Nets fit of a million weights at 8 bits against the plain version, which compares every weight with every level.

Both end the fit a little earlier than usual: the plain version needs minutes otherwise. And the quantization of a
membrane's potentials, in evaluation and in training, against PyTorch's search.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from time import perf_counter
from timeit import repeat
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from snnbench.builtin import lqnet
from snnbench.builtin.lqnet import LQNet, solve
from snnbench.quant import nearest as levels_module
from snnbench.quant.nearest import encode, nearest, tally

STILL_FALLING = 1e-2
CLEAR_PEAK = Path("/proc/self/clear_refs")


def weights() -> Tensor:
    """1,000 output channels of 1,000 weights."""
    return 0.05 * torch.randn(1000, 1000, generator=torch.Generator().manual_seed(0))


def fit(tensor: Tensor) -> LQNet:
    """The fit that ships."""
    quantizer = lqnet.lqnet(tensor, bits=8)
    assert isinstance(quantizer, LQNet)
    return quantizer


def plain_fit(tensor: Tensor) -> Tensor:
    """The basis (R, b) of the same fit, with a table of the distances of all weights to all levels."""
    rows, codes = tensor.clamp(-1, 1), lqnet._all_codes(8, "signed")
    basis = best = lqnet._initial_basis(tensor, 8, "signed")
    least = torch.full((len(rows), 1), torch.inf, dtype=torch.float64)
    while True:
        levels = basis @ codes.T
        code = (rows[:, :, None] - levels[:, None, :]).abs_().argmin(dim=2)
        error = (levels.gather(1, code) - rows).double().square().sum(dim=1, keepdim=True)
        falls = error < least * (1 - lqnet._STILL_FALLING)
        if not falls.any():
            return best
        best, least = torch.where(falls, basis, best), torch.where(falls, error, least)
        table = codes[code].double()
        basis = solve(table.mT @ table, (table.mT @ rows.double()[:, :, None]).squeeze(2), basis)


FITS = {"fast": fit, "plain": plain_fit}


class Plain(NamedTuple):
    seconds: float
    basis: Tensor


@cache
def plain() -> Plain:
    start = perf_counter()
    basis = plain_fit(weights())
    return Plain(perf_counter() - start, basis)


def error(basis: Tensor) -> Tensor:
    """Squared error (R,) of the weights in the levels of `basis`."""
    rows, levels = weights(), (basis @ lqnet._all_codes(8, "signed").T).sort(dim=1).values
    return (levels.gather(1, encode(rows, levels)) - rows).double().square().sum(dim=1)


def bench_lqnet_fit(benchmark, monkeypatch):
    monkeypatch.setattr(lqnet, "_STILL_FALLING", STILL_FALLING)
    quantizer = benchmark.pedantic(fit, (weights(),), rounds=3, warmup_rounds=1)
    peer = plain()
    # A weight half-way between two levels may round to either, which moves the basis in its last digits.
    assert torch.allclose(quantizer.basis, peer.basis, rtol=0, atol=1e-5)
    assert torch.allclose(error(quantizer.basis), error(peer.basis), rtol=1e-3)
    benchmark.extra_info.update(
        work="lqnet fit, 8 bits, 1M weights",
        peer="table of N x 2^b",
        ratio=peer.seconds / benchmark.stats.stats.min,
        target=">= 5",
        largest_difference=float((quantizer.basis - peer.basis).abs().max()),
    )


@pytest.mark.parametrize("bits", [2, 4, 8])
def bench_nearest_levels(benchmark, bits):
    potentials = torch.randn(1, 4_000_000, generator=torch.Generator().manual_seed(0))
    levels = torch.linspace(-1, 1, 2**bits)[None]
    expected = levels.gather(1, encode(potentials, levels))
    seconds = min(repeat(lambda: levels.gather(1, encode(potentials, levels)), repeat=5, number=1))
    found = benchmark.pedantic(nearest, (potentials, levels), rounds=5, warmup_rounds=1)
    assert torch.equal(found, expected)
    benchmark.extra_info.update(
        work=f"nearest of {2**bits} levels, 4M potentials",
        peer="torch.searchsorted and gather",
        ratio=seconds / benchmark.stats.stats.min,
        target=">= 4",
        largest_difference=0.0,
    )


@pytest.mark.parametrize("bits", [2, 4, 8])
def bench_tally(benchmark, bits, monkeypatch):
    potentials = torch.randn(1, 4_000_000, generator=torch.Generator().manual_seed(0))
    levels = torch.linspace(-1, 1, 2**bits)[None]
    found = benchmark.pedantic(tally, (potentials, levels), rounds=5, warmup_rounds=1)
    monkeypatch.setattr(levels_module, "nearest_library", lambda: None)
    expected = tally(potentials, levels)
    seconds = min(repeat(lambda: tally(potentials, levels), repeat=3, number=1))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert torch.allclose(found[2], expected[2], rtol=1e-12)
    benchmark.extra_info.update(
        work=f"nearest of {2**bits} levels and their sums, 4M potentials",
        peer="torch.searchsorted, gather and scatter_add_",
        ratio=seconds / benchmark.stats.stats.min,
        target=">= 4",
        largest_difference=float((found[2] - expected[2]).abs().max()),
    )


def peak_of(name: str) -> int:
    """Bytes that a fit holds at its peak beyond its input, in a process of its own."""
    # Without the second setting, the allocator keeps what is freed and the peak hides in what it kept.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    command = [sys.executable, __file__, name]
    return int(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


@pytest.mark.skipif(not CLEAR_PEAK.exists(), reason="the peak of a process can be cleared on Linux only")
def bench_lqnet_memory(benchmark):
    fast = benchmark.pedantic(peak_of, ("fast",), rounds=1)
    peer = peak_of("plain")
    benchmark.extra_info.update(
        work="lqnet fit, 8 bits, 1M weights: peak memory",
        peer="table of N x 2^b",
        ratio=fast / peer,
        target="<= 0.1",
        megabytes=fast / 1e6,
        peer_megabytes=peer / 1e6,
    )


def memory(field: str) -> int:
    """A line of the process's status, such as ``VmHWM``, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


def print_peak(name: str) -> None:
    lqnet._STILL_FALLING = 1.0  # one step: all take the same memory
    FITS[name](torch.randn(20, 20))
    tensor = weights()
    CLEAR_PEAK.write_text("5")
    before = memory("VmRSS")
    FITS[name](tensor)
    sys.stdout.write(str(memory("VmHWM") - before))


if __name__ == "__main__":
    print_peak(sys.argv[1])
