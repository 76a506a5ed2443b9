"""Finding the spiking layers of other libraries by the names of their classes: none of them is imported.

SpikingJelly 2.0, snnTorch 1.0, Norse 1.1 and sinabs 3.1. A neuron class of theirs that is not known here is refused, so
that no layer of a network is left out without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor, nn

from snnbench.errors import FiringError
from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.walk import first_tensor

StepMode = Literal["multi", "single", "batch_first", "flat"]
"""What a layer gives in one call: all steps `(T, N, *features)`, or one step `(N, *features)`; `(N, T, *features)`; or
both in one dimension, `(N * T, *features)`, sample by sample."""

_SPIKINGJELLY = ("spikingjelly.activation_based.neuron", "spikingjelly.activation_based.rnn")
_SNNTORCH = "snntorch._neurons"
_NORSE = "norse.torch.module"
_SINABS = "sinabs.layers"

_NO_SPIKES = "gives numbers other than 0 and 1, which are no spikes"
_JELLY_NEURONS = frozenset(
    {
        *("BaseNode", "SimpleBaseNode", "ActivationAwareIFNode", "GatedLIFNode", "ILCBaseNode", "NoisyBaseNode"),
        *("PSN", "MaskedPSN", "SlidingPSN"),
    }
)
_JELLY_SILENT = frozenset({"NonSpikingBaseNode", "NoisyNonSpikingBaseNode", "FewSpikeTable"})
_JELLY_REFUSED = {
    "DSRIFNode": "gives spikes times its threshold",
    "DSRLIFNode": "gives spikes times its threshold",
    "FewSpikeNode": _NO_SPIKES,
    "FlexSN": "runs a core of the user's own, of whose outputs nobody knows which are spikes",
    "ILIFNode": "gives numbers of spikes, above 1",
    "LIAFNode": _NO_SPIKES,
    "STBIFNode": "fires -1, 0 and 1",
    "SpikingRNNBase": "holds its neurons inside",
    "SpikingRNNCellBase": "holds its neurons inside",
    "TernaryIFNode": "fires -1, 0 and 1",
    "TernaryLIFNode": "fires -1, 0 and 1",
}
_TORCH_PARALLEL = frozenset({"StateLeaky", "LeakyParallel", "LeakyKernel"})
_NORSE_MODES: dict[str, StepMode | None] = {
    **dict.fromkeys(("LI", "LICell", "LIBoxCell", "LILinearCell"), None),  # voltages
    **dict.fromkeys(("SNN", "SNNRecurrent", "ConstantCurrentLIFEncoder", "SpikeLatencyLIFEncoder"), "multi"),
    **dict.fromkeys(("SNNCell", "SNNRecurrentCell", "CobaLIFCell", "LIFCorrelation"), "single"),
}


def step_mode(module: nn.Module) -> StepMode | None:
    """How a spiking layer of this project, SpikingJelly, snnTorch, Norse or sinabs steps; None for any other module.

    Neurons that give voltages, encoders and pooling are none.
    """
    if isinstance(module, SpikingNeuron):
        return "multi"
    for library, names in _ancestry(module).items():
        return _MODES[library](module, names)
    return None


def refusal(module: nn.Module) -> str | None:
    """Why a neuron of another library cannot be counted; None for any other module."""
    for library, names in _ancestry(module).items():
        return _REFUSALS[library](module, names)
    return None


def spikes_by_step(
    module: Any, name: str, mode: StepMode, call: tuple[tuple[Any, ...], Mapping[str, Any]], output: Any
) -> Tensor:
    """What `module` gave when it was called with `call`, as `(steps, N, *features)`; a tuple has its spikes first.

    Raises:
        FiringError: naming the layer, if it is no tensor, or a neuron of SpikingJelly gives another shape than it got.
    """
    spikes = output[0] if isinstance(output, tuple | list) else output
    if not isinstance(spikes, Tensor):
        raise FiringError(f"layer {name!r} gives a {type(spikes).__name__}; spikes are a tensor")
    spikes = spikes.detach()
    if mode == "single":
        return spikes.unsqueeze(0)
    if mode == "flat":
        spikes = spikes.view(module.batch_size, module.num_timesteps, *spikes.shape[1:])
    elif _SPIKINGJELLY[0] in _ancestry(module) and (given := first_tensor(call)) is not None:
        _check_same_shape(name, given, spikes)
    return spikes if mode == "multi" else spikes.transpose(0, 1)


def _check_same_shape(name: str, given: Tensor, spikes: Tensor) -> None:
    if given.shape != spikes.shape:
        raise FiringError(
            f"layer {name!r} gives {tuple(spikes.shape)} for an input of {tuple(given.shape)}; its steps or samples "
            "cannot be told (SpikingJelly's GatedLIFNode takes (T, N, C, H, W) alone)"
        )


def _ancestry(module: nn.Module) -> dict[str, list[str]]:
    """Names of the classes that `module` is derived from, by the library's package that they are defined in."""
    found: dict[str, list[str]] = {}
    for base in type(module).__mro__:
        for package in _MODES:
            if f"{base.__module__}.".startswith(f"{package}."):
                found.setdefault(package, []).append(base.__qualname__)
    return found


def _jelly_mode(module: Any, names: list[str]) -> StepMode | None:
    if not _JELLY_NEURONS.isdisjoint(names) and _jelly_refusal(module, names) is None:
        return "single" if getattr(module, "step_mode", "m") == "s" else "multi"
    return None


def _jelly_refusal(module: Any, names: list[str]) -> str | None:
    if not _JELLY_SILENT.isdisjoint(names):
        return None
    reason = next((_JELLY_REFUSED[name] for name in names if name in _JELLY_REFUSED), None)
    return reason or (None if not _JELLY_NEURONS.isdisjoint(names) else "is a neuron that is not known here")


def _torch_mode(module: Any, names: list[str]) -> StepMode | None:
    if "AssociativeLeaky" in names:
        return None if _torch_refusal(module, names) else "multi"
    if not _TORCH_PARALLEL.isdisjoint(names):
        return "multi"
    return "single" if "SpikingNeuron" in names else None


def _torch_refusal(module: Any, names: list[str]) -> str | None:
    if "AssociativeLeaky" in names and module.use_q_projection:
        return "gives a projection of its spikes; with use_q_projection=False it gives the spikes"
    known = {"SpikingNeuron", "RecurrentOneToOne", *_TORCH_PARALLEL}
    return "is a neuron that is not known here" if known.isdisjoint(names) else None


def _norse_mode(module: Any, names: list[str]) -> StepMode | None:
    return next((_NORSE_MODES[name] for name in names if name in _NORSE_MODES), None)


def _sinabs_mode(module: Any, names: list[str]) -> StepMode | None:
    if "StatefulLayer" not in names or not module.does_spike:
        return None
    return "flat" if "SqueezeMixin" in names else "batch_first"


_MODES: dict[str, Callable[[Any, list[str]], StepMode | None]] = {
    _SPIKINGJELLY[0]: _jelly_mode,
    _SPIKINGJELLY[1]: _jelly_mode,
    _SNNTORCH: _torch_mode,
    _NORSE: _norse_mode,
    _SINABS: _sinabs_mode,
}
_REFUSALS: dict[str, Callable[[Any, list[str]], str | None]] = {
    _SPIKINGJELLY[0]: _jelly_refusal,
    _SPIKINGJELLY[1]: _jelly_refusal,
    _SNNTORCH: _torch_refusal,
    _NORSE: lambda module, names: None,
    _SINABS: lambda module, names: None,
}

_RESETS = {
    "spikingjelly.activation_based.base.MemoryModule": "reset",
    "snntorch._neurons.neurons.SpikingNeuron": "reset_mem",
}
_STATEFUL = "sinabs.layers.stateful_layer.StatefulLayer"


def reset_states(model: nn.Module) -> None:
    """Put every layer of SpikingJelly, snnTorch and sinabs that keeps a state between calls back to its start."""
    for module in model.modules():
        bases = [f"{base.__module__}.{base.__qualname__}" for base in type(module).__mro__]
        if _STATEFUL in bases:
            _forget_states(module)
        elif reset := next((_RESETS[base] for base in bases if base in _RESETS), None):
            getattr(module, reset)()


def without_states(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without what sinabs keeps of the last batch, which has that batch's size; `model` keeps its own."""
    stateful = {
        f"{name}.{state}" if name else state
        for name, module in model.named_modules()
        if _STATEFUL in [f"{base.__module__}.{base.__qualname__}" for base in type(module).__mro__]
        for state, buffer in module.named_buffers(recurse=False)
        if buffer.numel() == 0
    }
    own = model.state_dict()
    return {name: own[name] if name in stateful else value for name, value in tensors.items()}


def _forget_states(module: nn.Module) -> None:
    # An empty buffer is what sinabs begins with; zeros of another batch size it would fill by drawing random samples.
    for name, state in module.named_buffers(recurse=False):
        module.register_buffer(name, state.new_zeros(0))
