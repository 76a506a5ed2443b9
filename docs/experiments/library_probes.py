"""What one library of spiking networks does, measured by running it: ``python library_probes.py LIBRARY`` prints JSON.

It runs where that library is installed, and imports no part of snnbench. `libraries.py` makes the environments.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Step = Callable[[float], tuple[float, float]]
"""One step of one neuron: input in, spikes and stored potential out."""

NEURON = {
    "fires at h = threshold": lambda m: yes(m("IF")(1.0)[0] > 0),
    "LIF, tau = 2: potential after an input of 1": lambda m: number(m("LIF", 100.0)(1.0)[1]),
    "... and what the leak leaves of it in a step": lambda m: number(leak(m("LIF", 100.0))),
    "an input acts": lambda m: "in the same step" if m("IF")(10.0)[0] else "one step later",
    "IF: potential right after a spike at 1.5": lambda m: number(m("IF")(1.5)[1]),
    "... and one step later, input 0": lambda m: number(after(m("IF"), 1.5, 0.0)),
    "spikes in one step at 3.2 thresholds": lambda m: number(m("IF")(3.2)[0]),
    "potential after an input of -5": lambda m: number(m("IF")(-5.0)[1]),
}


def yes(value: bool) -> str:
    return "yes" if value else "no"


def number(value: float) -> str:
    return f"{value:.4g}"


def leak(step: Step) -> float:
    before = step(1.0)[1]
    return step(0.0)[1] / before


def after(step: Step, *inputs: float) -> float:
    return [step(value)[1] for value in inputs][-1]


def attempt(run: Callable[[], str]) -> str:
    """What came of it, or the error in its own words."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - any failure of a library is an answer
        return f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"


def round_trip(
    export: Callable[..., Any], spikes: Callable[[Any, Tensor], Tensor], build: Callable[[], Any], x: Any
) -> str:
    """Whether a network fires alike after its library's own export and import."""

    def run() -> str:
        torch.manual_seed(0)
        network = build()
        before, after = spikes(network, x), spikes(export(network, x), x)
        if before.shape != after.shape:
            return f"another shape: {tuple(before.shape)} becomes {tuple(after.shape)}"
        wrong = int((before != after).sum())
        return "the same" if not wrong else f"{wrong} of {before.numel()} spikes differ"

    return attempt(run)


INPUTS = {
    "operations of 4 x 3 synapses, inputs 1 0 1 0": (torch.randn(3, 4), [1.0, 0.0, 1.0, 0.0]),
    "... inputs 1 0 0.5 0": (torch.randn(3, 4), [1.0, 0.0, 0.5, 0.0]),
    "... inputs 0.3 0.6 -1 2, weights of 1": (torch.ones(3, 4), [0.3, 0.6, -1.0, 2.0]),
}


def operations(count: Callable[[nn.Linear, Tensor], float] | None) -> dict[str, str]:
    """What the library's counter of synaptic operations says of one linear layer, by question."""
    found = {}
    for question, (weight, inputs) in INPUTS.items():
        linear = nn.Linear(4, 3, bias=False)
        linear.weight.data = weight
        x = torch.tensor([inputs])
        counted = lambda linear=linear, x=x: number(count(linear, x))  # noqa: E731
        found[question] = "it has no counter" if count is None else attempt(counted)
    return found


def spikingjelly() -> dict[str, str]:
    from spikingjelly.activation_based import functional, layer, neuron, quantize
    from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
    from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter

    def make(kind: str, threshold: float = 1.0) -> Step:
        cell = neuron.IFNode(v_threshold=threshold) if kind == "IF" else neuron.LIFNode(tau=2.0, v_threshold=threshold)

        def step(x: float) -> tuple[float, float]:
            spike = cell(torch.full((1,), x))
            return float(spike), float(cell.v)

        return step

    def export(network: nn.Module, x: Tensor) -> Any:
        functional.reset_net(network)
        graph = export_to_nir(network, x)
        return import_from_nir(graph, step_mode="m")

    def spikes(network: nn.Module, x: Tensor) -> Tensor:
        functional.reset_net(network)
        y = network(x)
        return y[0] if isinstance(y, tuple) else y

    def build(*layers: nn.Module) -> Callable[[], nn.Module]:
        def make_network() -> nn.Module:
            network = nn.Sequential(*layers)
            functional.set_step_mode(network, "m")
            return network

        return make_network

    def synops(linear: nn.Linear, x: Tensor) -> float:
        counter = SynOpCounter()
        with DispatchCounterMode([counter]):
            linear(x)
        return float(counter.get_total())

    x, images = 3 * torch.randn(20, 3, 6), 3 * torch.randn(20, 3, 1, 6, 6)
    levels = quantize.k_bit_quantize(torch.linspace(-2, 2, 9999), 2).unique()
    LIF, IF = neuron.LIFNode, neuron.IFNode
    return {
        **{name: probe(make) for name, probe in NEURON.items()},
        "defaults": f"tau {LIF().tau:g} steps, threshold {IF().v_threshold:g}, reset to {IF().v_reset:g}; NIR dt 1e-4",
        "layout": "(T, N, ...) with step_mode 'm', (N, ...) with 's'",
        "NIR and back: IF": round_trip(export, spikes, build(layer.Linear(6, 5), IF()), x),
        "NIR and back: LIF": round_trip(export, spikes, build(layer.Linear(6, 5), LIF()), x),
        "NIR and back: soft reset": round_trip(export, spikes, build(layer.Linear(6, 5), IF(v_reset=None)), x),
        "NIR and back: convolution, pooling, Flatten": round_trip(
            export,
            spikes,
            build(
                layer.Conv2d(1, 2, 3, bias=False), IF(), layer.AvgPool2d(2), layer.Flatten(), layer.Linear(8, 3), IF()
            ),
            images,
        ),
        "its own rounding": f"2 bits of -2 to 2: k_bit_quantize: {len(levels)} levels",
        **operations(synops),
    }


def snntorch() -> dict[str, str]:
    import snntorch as snn
    from snntorch import utils
    from snntorch.export_nir import export_to_nir
    from snntorch.functional import quant
    from snntorch.import_nir import import_from_nir

    def make(kind: str, threshold: float = 1.0) -> Step:
        cell = snn.Leaky(beta=1.0 if kind == "IF" else 0.5, threshold=threshold, init_hidden=True)

        def step(x: float) -> tuple[float, float]:
            spike = cell(torch.full((1,), x))
            return float(spike), float(cell.mem)

        return step

    def export(network: nn.Module, x: Tensor) -> Any:
        utils.reset(network)
        return import_from_nir(export_to_nir(network, x[0], ignore_dims=[0]))

    def spikes(network: nn.Module, x: Tensor) -> Tensor:
        utils.reset(network)
        state, seen = None, []
        for x_t in x:
            y = network(x_t, state) if hasattr(network, "graph") else network(x_t)
            y, state = y if isinstance(y, tuple) else (y, None)
            seen.append(y)
        return torch.stack(seen)

    def leaky(units: int, **options: Any) -> nn.Module:
        return snn.Leaky(beta=torch.full((units,), 0.5), threshold=torch.ones(units), init_hidden=True, **options)

    def build(make_layers: Callable[[], list[nn.Module]]) -> Callable[[], nn.Module]:
        return lambda: nn.Sequential(*make_layers())

    x, images = 3 * torch.randn(20, 3, 6), 3 * torch.randn(20, 3, 1, 6, 6)
    levels = quant.state_quant(num_bits=2)(torch.linspace(-2, 2, 9999)).unique()
    return {
        **{name: probe(make) for name, probe in NEURON.items()},
        "defaults": "beta is required, threshold 1, reset by subtraction, one step late (reset_delay); NIR dt 1e-4",
        "layout": "(N, ...) one step; the loop over steps is the user's",
        "NIR and back: IF": round_trip(
            export, spikes, build(lambda: [nn.Linear(6, 5), snn.Leaky(beta=1.0, init_hidden=True)]), x
        ),
        "NIR and back: LIF": round_trip(
            export, spikes, build(lambda: [nn.Linear(6, 5), leaky(5, reset_mechanism="zero", reset_delay=False)]), x
        ),
        "NIR and back: soft reset": round_trip(export, spikes, build(lambda: [nn.Linear(6, 5), leaky(5)]), x),
        "NIR and back: convolution, pooling, Flatten": round_trip(
            export,
            spikes,
            build(lambda: [nn.Conv2d(1, 2, 3, bias=False), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3), leaky(3)]),
            images,
        ),
        "its own rounding": "2 bits of -2 to 2: state_quant: " + ", ".join(f"{level:.3g}" for level in levels),
        **operations(None),
    }


def norse() -> dict[str, str]:
    from norse.torch.functional.iaf import IAFParameters
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.module.iaf import IAFCell
    from norse.torch.module.lif_box import LIFBoxCell
    from norse.torch.module.sequential import SequentialState
    from norse.torch.utils.export_nir import to_nir
    from norse.torch.utils.import_nir import from_nir

    def lif(threshold: float = 1.0) -> nn.Module:
        return LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(threshold)))

    def make(kind: str, threshold: float = 1.0) -> Step:
        cell = IAFCell(IAFParameters(v_th=torch.tensor(threshold))) if kind == "IF" else lif(threshold)
        state = [None]

        def step(x: float) -> tuple[float, float]:
            spike, state[0] = cell(torch.full((1,), x), state[0])
            return float(spike), float(state[0].v)

        return step

    def spikes(network: nn.Module, x: Tensor) -> Tensor:
        state, seen = None, []
        for x_t in x:
            y, state = network(x_t, state)
            seen.append(y)
        return torch.stack(seen)

    def export(network: nn.Module, x: Tensor) -> Any:
        return from_nir(to_nir(network, x[0]), ignore_warnings=True)

    x, images = 3 * torch.randn(20, 3, 6), 3 * torch.randn(20, 3, 1, 6, 6)
    tau = 1 / float(LIFBoxParameters().tau_mem_inv)
    return {
        **{name: probe(make) for name, probe in NEURON.items()},
        "defaults": f"tau {tau:g} s, dt 1e-3 s, threshold 1, reset to 0; NIR dt 1e-3",
        "layout": "cells (N, ...) one step, modules (T, N, ...)",
        "NIR and back: IF": round_trip(export, spikes, lambda: SequentialState(nn.Linear(6, 5), IAFCell()), x),
        "NIR and back: LIF": round_trip(export, spikes, lambda: SequentialState(nn.Linear(6, 5), lif()), x),
        "NIR and back: soft reset": "no argument of from_nir reaches an IF or LIF",
        "NIR and back: convolution, pooling, Flatten": round_trip(
            export,
            spikes,
            lambda: SequentialState(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3), IAFCell()),
            images,
        ),
        "its own rounding": "none",
        **operations(None),
    }


def sinabs() -> dict[str, str]:
    import sinabs.layers as sl
    from sinabs.hooks import register_synops_hooks
    from sinabs.nir import from_nir, to_nir

    def make(kind: str, threshold: float = 1.0) -> Step:
        options: Any = {"spike_threshold": torch.tensor(threshold)}
        cell = sl.IAF(**options) if kind == "IF" else sl.LIF(tau_mem=2.0, **options)

        def step(x: float) -> tuple[float, float]:
            return float(cell(torch.full((1, 1, 1), x))), float(cell.v_mem)

        return step

    def build(*layers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        return lambda: nn.Sequential(*(layer() for layer in layers))

    def spikes(network: Any, x: Tensor) -> Tensor:
        for module in network.modules():
            if hasattr(module, "reset_states"):
                module.reset_states()
        y = network(x)
        return y[0] if isinstance(y, tuple) else y

    def export(network: nn.Module, x: Tensor) -> Any:
        spikes(network, x)
        return from_nir(to_nir(network, x), batch_size=3)

    def synops(linear: nn.Linear, x: Tensor) -> float:
        network = nn.Sequential(linear)
        register_synops_hooks(network)
        network(x)
        return float(network.hook_data["total_synops_per_timestep"])

    x, images = 2 * torch.randn(12, 6), torch.randn(12, 1, 6, 6)
    iaf = lambda: sl.IAFSqueeze(batch_size=3)  # noqa: E731
    return {
        **{name: probe(make) for name, probe in NEURON.items()},
        "defaults": "tau in steps, leak exp(-1 / tau), norm_input: the input is multiplied by 1 - leak; no dt",
        "layout": "(N, T, ...), or (N * T, ...) with Squeeze layers",
        "NIR and back: IF": round_trip(export, spikes, build(lambda: nn.Linear(6, 5), iaf), x),
        "NIR and back: LIF": round_trip(
            export, spikes, build(lambda: nn.Linear(6, 5), lambda: sl.LIFSqueeze(tau_mem=2.0, batch_size=3)), x
        ),
        "NIR and back: soft reset": "it has no hard reset of its own, and none is read",
        "NIR and back: convolution, pooling, Flatten": round_trip(
            export,
            spikes,
            build(lambda: nn.Conv2d(1, 2, 3), iaf, lambda: sl.SumPool2d(2), nn.Flatten, lambda: nn.Linear(8, 3), iaf),
            images,
        ),
        "its own rounding": attempt(_discretize),
        **operations(synops),
    }


def _discretize() -> str:
    """What is left of a convolution for Speck; the module alone, since its package installs samna as it is imported."""
    import importlib.metadata
    import importlib.util

    import sinabs.layers as sl

    (file,) = (
        file for file in importlib.metadata.files("sinabs") or () if str(file).endswith("dynapcnn/discretize.py")
    )
    spec = importlib.util.spec_from_file_location("discretize", file.locate())
    assert spec is not None
    assert spec.loader is not None
    discretize = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(discretize)
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 8, 3, bias=False)
    nn.init.normal_(conv.weight, std=0.1)
    left = []
    for bound in (None, -1.0):
        codes, neuron = discretize.discretize_conv_spike(conv, sl.IAF(min_v_mem=bound))
        kept = int((codes.weight != 0).sum())
        left.append(f"{kept} of {conv.weight.numel()} weights not 0, threshold {int(neuron.spike_threshold)}")
    return f"discretize_conv_spike: without a lower bound, the default: {left[0]}; with -1: {left[1]}"


def rockpool() -> dict[str, str]:
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules import LIFTorch, LinearTorch
    from rockpool.nn.modules.torch.lif_neuron_torch import LIFNeuronTorch
    from rockpool.nn.modules.torch.nir import from_nir, to_nir

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

    def build(units: int) -> Any:
        neurons = LIFTorch(units, tau_mem=torch.full((units,), 0.02), tau_syn=torch.full((units,), 0.01), dt=1e-3)
        return Sequential(LinearTorch((6, units), has_bias=False), neurons)

    x = torch.randn(3, 40, 6)
    none = "there is none: every neuron has a leak and a synapse"
    return {
        **{name: attempt(lambda probe=probe: probe(make)) for name, probe in NEURON.items()},
        "defaults": "tau_mem 20 ms, tau_syn 20 ms, dt 1 ms, threshold 1, reset by subtraction",
        "layout": "(N, T, ...)",
        "NIR and back: IF": none,
        "NIR and back: LIF": round_trip(export, spikes, lambda: build(5), 3 * x),
        "NIR and back: soft reset": "it has no hard reset, and none is read",
        "NIR and back: convolution, pooling, Flatten": "there are none",
        "its own rounding": attempt(_global_quantize),
        **operations(None),
    }


def _global_quantize() -> str:
    """What rockpool makes of an output bias that is as large as the output weights, and a tenth of the hidden ones."""
    import numpy as np
    from rockpool.transform.quantize_methods import global_quantize

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


PROBES = {probe.__name__: probe for probe in (spikingjelly, snntorch, norse, sinabs, rockpool)}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout, out = sys.stderr, sys.stdout
    torch.manual_seed(0)
    with torch.no_grad():
        result = PROBES[sys.argv[1]]()
    out.write(json.dumps(result))
