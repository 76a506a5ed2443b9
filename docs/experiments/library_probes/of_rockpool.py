"""What rockpool does."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from common import Step, attempt, neuron, operations, round_trip
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import LIFTorch, LinearTorch
from rockpool.nn.modules.torch.lif_neuron_torch import LIFNeuronTorch
from rockpool.nn.modules.torch.nir import from_nir, to_nir
from rockpool.transform.quantize_methods import global_quantize
from torch import Tensor


def make(kind: str, threshold: float = 1.0) -> Step:
    tau = torch.tensor(1e9 if kind == "IF" else 2e-3)
    cell: Any = LIFNeuronTorch(1, tau_mem=tau, threshold=torch.tensor([threshold]), bias=torch.zeros(1), dt=1e-3)

    def step(x: float) -> tuple[float, float]:
        output, state, _ = cell(torch.full((1, 1, 1), x))
        return float(output.detach()), float(state["vmem"].detach())

    return step


def spikes(network: Any, x: Tensor) -> Tensor:
    return network(x)[0].detach()


def export(network: Any, x: Tensor) -> Any:
    return from_nir(to_nir(network))


def network() -> Any:
    neurons = LIFTorch(5, tau_mem=torch.full((5,), 0.02), tau_syn=torch.full((5,), 0.01), dt=1e-3)
    return Sequential(LinearTorch((6, 5), has_bias=False), neurons)


def quantize() -> str:
    """What rockpool makes of an output bias that is as large as the output weights, and a tenth of the hidden ones."""
    one = np.ones(1)
    found = global_quantize(
        weights_in=np.ones((1, 1)),
        weights_rec=np.zeros((1, 1)),
        weights_out=np.full((1, 1), 0.1),
        threshold=one,
        threshold_out=one,
        dash_mem=one,
        dash_mem_out=one,
        dash_syn=one,
        dash_syn_2=one,
        dash_syn_out=one,
        bias=one,
        bias_out=np.full(1, 0.1),
    )
    weight, bias = int(found["weights_out"].item()), int(found["bias_out"].item())
    return f"global_quantize: an output weight of 0.1 is {weight}, an output bias of 0.1 is {bias}"


def answers() -> dict[str, str]:
    trip = round_trip(export, spikes, network, 3 * torch.randn(3, 40, 6))  # first, since it draws numbers
    return {
        **neuron(make),
        "defaults": "tau_mem 20 ms, tau_syn 20 ms, dt 1 ms, threshold 1, reset by subtraction",
        "layout": "(N, T, ...)",
        "NIR and back: IF": "there is none: every neuron has a leak and a synapse",
        "NIR and back: LIF": "there is none: every neuron has a synapse",
        "NIR and back: LIF with a current": trip,
        "NIR and back: soft reset": "it has no hard reset, and none is read",
        "NIR and back: convolution, pooling, Flatten": "there are none",
        "its own rounding": attempt(quantize),
        **operations(None),
    }
