"""Neurons of other libraries as the neurons here that fire alike, or a refusal that names the layer.

SpikingJelly 2.0, snnTorch 1.0, Norse 1.1 and sinabs 3.1; `docs/libraries.md` has what each computes. Those of
SpikingJelly do the same arithmetic, as do `CubaLIFNeuron` and neurons of snnTorch and Norse with a current or a late
subtraction; the others scale or leak in another order, and round otherwise. Surrogate gradients are not carried over.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.cuba import NO_LEAK, CubaLIFNeuron, Number
from snnbench.exchange.membranes import Levels
from snnbench.nn.libraries import step_mode
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, Reset, SpikingNeuron


def own_neuron(name: str, module: nn.Module) -> SpikingNeuron | None:
    """The neuron that fires as the spiking layer `module` of another library does; None if it is no spiking layer.

    Raises:
        GraphError: if no neuron here does; the message names the layer and why.
    """
    if isinstance(module, SpikingNeuron):
        return module
    if step_mode(module) is None:
        return None
    kind = f"{type(module).__module__.split('.')[0]}.{type(module).__name__}"
    if kind not in _NEURONS:
        raise _refused(name, module, f"can be written as one of {', '.join(_NEURONS)} only")
    neuron = _NEURONS[kind](name, module)
    if (held := getattr(module, "state_quantizer", None)) is not None:  # SpikingJelly's, put on by `quantize`
        neuron.state_quantizer, neuron.site = held.quantizer, "post_reset"
    return neuron


def below(threshold: float) -> float:
    """The float32 before `threshold`: to fire above it is to fire at the next one, and the other way round."""
    return float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))


def _above(threshold: float) -> float:
    return float(np.nextafter(np.float32(threshold), np.float32(np.inf)))


def _each_above(threshold: Number) -> Number:
    if not isinstance(threshold, Tensor):
        return _above(threshold)
    return torch.nextafter(threshold.float(), torch.tensor(torch.inf))


def _refused(name: str, module: nn.Module, why: str) -> GraphError:
    return GraphError(f"layer '{name}', a {type(module).__module__.split('.')[0]}.{type(module).__name__}, {why}")


def _number(name: str, module: nn.Module, field: str, value: Any) -> float:
    """One number for the layer."""
    numbers = torch.as_tensor(value).detach().flatten().unique()  # type: ignore[no-untyped-call]
    if len(numbers) != 1:
        raise _refused(name, module, f"has {len(numbers)} values of {field}; one a layer is written")
    return float(numbers)


def _numbers(value: Any) -> Number:
    """One number for the layer, or a tensor of one for each neuron."""
    numbers: Tensor = torch.as_tensor(value).detach().double()
    return numbers if len(numbers.unique()) > 1 else float(numbers.flatten()[0])  # type: ignore[no-untyped-call]


def _clamped(value: Number) -> Number:
    return value.clamp(0, 1) if isinstance(value, Tensor) else min(max(value, 0.0), 1.0)


def _leaky(name: str, module: nn.Module, keep: float, decay_input: bool, **options: Any) -> SpikingNeuron:
    """A neuron that keeps the part `keep` of its potential from one step to the next; 1 is no leak."""
    if not 0 < keep <= 1:
        raise _refused(name, module, f"keeps {keep:g} of its potential, which is not in (0, 1]")
    return IFNeuron(**options) if keep == 1 else LIFNeuron(1 / (1 - keep), decay_input, **options)


def _cuba(name: str, module: Any, keep: Number, keep_syn: Number | None, **options: Any) -> CubaLIFNeuron:
    """A neuron that keeps the parts `keep` of its potential and `keep_syn` of its current, if it has one."""
    low, high = (float(end) for end in torch.as_tensor(keep).aminmax())
    low_syn, high_syn = (float(end) for end in torch.as_tensor(0.0 if keep_syn is None else keep_syn).aminmax())
    if not (0 < low <= high <= 1 and 0 <= low_syn <= high_syn < 1):
        kept = f"{low:g} of its potential and {high_syn:g} of its current"
        raise _refused(name, module, f"keeps {kept}, which are not in (0, 1] and [0, 1)")
    tau_syn = None if keep_syn is None else 1 / (1 - keep_syn)
    tau = None if low == 1 else 1 / (1 - keep)
    return CubaLIFNeuron(tau.clamp(max=NO_LEAK) if isinstance(tau, Tensor) else tau, tau_syn, **options)


def _spikingjelly(name: str, module: Any) -> SpikingNeuron:
    kind = type(module).__name__
    reset: Reset = "soft" if module.v_reset is None else "hard"
    options = {
        "threshold": float(module.v_threshold),
        "reset": reset,
        "v_reset": float(module.v_reset or 0.0),
        "detach_reset": module.detach_reset,
    }
    if kind in ("IFNode", "SimpleIFNode"):
        return IFNeuron(**options)
    if kind == "HalfThresholdIFNode":
        return IFNeuron(v_init=0.5, **options)
    if kind == "CUBALIFNode":
        leak = {"v_leak": 0.0} if module.v_reset else {}
        return _cuba(name, module, float(module.v_decay), float(module.c_decay), **leak, **options)
    if kind in ("LIFNode", "SimpleLIFNode", "SLTTLIFNode", "OTTTLIFNode"):
        return LIFNeuron(float(module.tau), module.decay_input, **options)
    learned = PLIFNeuron(decay_input=module.decay_input, **options)
    learned.w.data.copy_(module.w.detach())
    return learned


def _snntorch(name: str, module: Any) -> SpikingNeuron:
    """Fires above the threshold only.

    A `Leaky` that resets to 0 one step late does so before it charges, which is the same as at once; a `Synaptic` or
    `Lapicque` does so after, and loses the input of that step. A threshold is subtracted late, after leak and charge;
    with ``reset_delay=False`` a potential that is still above the threshold after a spike is given it back.
    """
    if module.inhibition or _number(name, module, "graded_spikes_factor", module.graded_spikes_factor) != 1:
        raise _refused(name, module, "inhibits its neighbours or grades its spikes")
    mechanism = _snntorch_mechanism(name, module)
    late, soft = getattr(module, "reset_delay", True), mechanism != "zero"
    threshold, keep = _numbers(module.threshold), _clamped(_numbers(module.beta))
    options: dict[str, Any] = {"threshold": _each_above(threshold), "reset": "soft" if soft else "hard"}
    kind = type(module).__name__
    if kind == "Leaky" and not soft:
        if not module.state_quant and isinstance(keep, float) and isinstance(threshold, float):
            return _leaky(name, module, keep, False, **options)
        late = False
    options |= _snntorch_reset(mechanism, late, threshold)
    if kind == "Synaptic":
        keep_syn = _clamped(_numbers(module.alpha))
        neuron = _cuba(name, module, keep, keep_syn, quantized_current=bool(module.state_quant), **options)
    elif kind == "Lapicque":
        R, C, step = (_number(name, module, field, getattr(module, field)) for field in ("R", "C", "time_step"))
        neuron = _cuba(name, module, 1 - step / (R * C), None, gain=step / C, **options)
    else:
        neuron = _cuba(name, module, keep, None, **options)
    return _with_state_quant(name, module, neuron)


def _snntorch_mechanism(name: str, module: Any) -> str:
    """The reset that it does, chosen when it is made; one that is set or loaded later is only what it says."""
    made = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}[module.state_function.__name__]
    if {module.reset_mechanism, list(module.reset_dict)[int(module.reset_mechanism_val)]} != {made}:
        raise _refused(name, module, f"was made to reset by '{made}', and its reset_mechanism was changed since")
    return made


def _snntorch_reset(mechanism: str, late: bool, threshold: Number) -> dict[str, Any]:
    if mechanism == "none":
        return {"subtracted": 0.0}
    if mechanism == "zero":
        return {"reset_delay": late}
    return {"subtracted": threshold, "reset_delay": late, "reset_again": not late}


def _with_state_quant(name: str, module: Any, neuron: CubaLIFNeuron) -> CubaLIFNeuron:
    """With the quantizer of the potential before it fires: snnTorch's own, or one that `quantize` put on."""
    quantizer = module.state_quant
    if not quantizer:
        return neuron
    neuron.site = "pre_spike"
    if hasattr(quantizer, "quantizer") and hasattr(quantizer, "threshold"):
        neuron.state_quantizer = quantizer.quantizer
        neuron.unit = _number(name, module, "threshold", quantizer.threshold)
    elif getattr(quantizer, "__module__", "") == "snntorch.functional.quant":
        neuron.state_quantizer, neuron.unit = Levels(inspect.getclosurevars(quantizer).nonlocals["levels"]), 1.0
    else:
        raise _refused(name, module, "has a state_quant of its own code; that of snntorch.functional.quant is written")
    return neuron


def _norse(name: str, module: Any) -> SpikingNeuron:
    """Fires above the threshold only; the input decays."""
    v_reset = _number(name, module, "v_reset", module.p.v_reset)
    v_th = _numbers(module.p.v_th)
    threshold: Any = _each_above(v_th)
    if type(module).__name__.startswith("IAF"):
        if isinstance(threshold, Tensor):
            return _cuba(name, module, 1.0, None, threshold=threshold, v_reset=v_reset)
        return IFNeuron(threshold=threshold, v_reset=v_reset)
    method = getattr(getattr(module.p, "reset_method", None), "__name__", "reset_value")
    if method not in ("reset_value", "reset_subtract"):
        raise _refused(name, module, "resets by code of its own; reset_value and reset_subtract are written")
    leak, start = module.dt * module.p.tau_mem_inv, _number(name, module, "v_leak", module.p.v_leak)
    keep = 1 - _numbers(leak)
    if isinstance(keep, float) and keep == 1:
        raise _refused(name, module, "never charges: its tau_mem_inv is 0")
    options: dict[str, Any] = {"threshold": threshold, "v_reset": v_reset}
    if method == "reset_subtract":
        options = {"threshold": threshold, "reset": "soft", "subtracted": v_th}
    if start != options.get("v_reset", 0.0):
        options |= {"v_leak": start, "v_init": start / _number(name, module, "v_th", threshold)}
    if not hasattr(module.p, "tau_syn_inv"):
        if isinstance(keep, float) and isinstance(threshold, float) and not options.keys() & {"v_leak", "subtracted"}:
            return _leaky(name, module, keep, True, **options)
        return _cuba(name, module, keep, None, decay_input=True, **options)
    keep_syn = 1 - _numbers(module.dt * module.p.tau_syn_inv)
    return _cuba(name, module, keep, keep_syn, decay_input=True, **options)


def _sinabs(name: str, module: Any) -> SpikingNeuron:
    if getattr(module.spike_fn, "__name__", "") != "SingleSpike":
        raise _refused(name, module, "fires several spikes in one step; spike_fn=SingleSpike can be written")
    own = type(module.reset_fn).__name__, getattr(module.reset_fn, "subtract_value", None)
    value = getattr(module.reset_fn, "reset_value", 0.0)
    if own not in (("MembraneSubtract", None), ("MembraneReset", None)) or value:
        raise _refused(name, module, f"resets by {module.reset_fn}; MembraneSubtract() and MembraneReset() are written")
    keep, threshold = _numbers(module.alpha_mem_calculated), _numbers(module.spike_threshold)
    each = threshold.float() if isinstance(threshold, Tensor) else threshold
    options: dict[str, Any] = {"threshold": each, "reset": "soft" if own[0] == "MembraneSubtract" else "hard"}
    if module.min_v_mem is not None:
        options["v_min"] = _number(name, module, "min_v_mem", module.min_v_mem)
    if module.alpha_syn_calculated is None:
        if isinstance(keep, float) and isinstance(threshold, float) and module.min_v_mem is None:
            return _leaky(name, module, keep, bool(module.norm_input), **options)
        return _cuba(name, module, keep, None, decay_input=bool(module.norm_input), **options)
    keep_syn = _numbers(module.alpha_syn_calculated)
    return _cuba(name, module, keep, keep_syn, gain=keep_syn, decay_input=bool(module.norm_input), **options)


_JELLY = (
    *("IFNode", "SimpleIFNode", "HalfThresholdIFNode"),
    *("LIFNode", "SimpleLIFNode", "ParametricLIFNode", "CUBALIFNode", "SLTTLIFNode", "OTTTLIFNode"),
)
_NEURONS: dict[str, Callable[[str, Any], SpikingNeuron]] = {
    **dict.fromkeys((f"spikingjelly.{kind}" for kind in _JELLY), _spikingjelly),
    **dict.fromkeys((f"snntorch.{kind}" for kind in ("Leaky", "Synaptic", "Lapicque")), _snntorch),
    **dict.fromkeys((f"norse.{kind}" for kind in ("LIFBoxCell", "LIFCell", "LIF", "IAFCell", "IAF")), _norse),
    **dict.fromkeys((f"sinabs.{kind}" for kind in ("IAF", "IAFSqueeze", "LIF", "LIFSqueeze")), _sinabs),
}
