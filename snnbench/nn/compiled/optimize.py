"""The fast form of a network: the same modules, but for the neurons and what feeds them."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.nn.averaged import Passes, averages, convolve_averaged
from snnbench.nn.compiled.build import kernels
from snnbench.nn.compiled.counter import SpikeCounter
from snnbench.nn.compiled.events import EventConv, convolve_rounded, is_plain
from snnbench.nn.compiled.function import FusedSpikes, by_step, fire_without_gradient, mean_over_steps
from snnbench.nn.compiled.fusion import Fusion
from snnbench.nn.compiled.gradients import skipping_gradients
from snnbench.nn.compiled.integer import IntegerConv
from snnbench.nn.compiled.jelly import is_known, jelly_form, own_states
from snnbench.nn.compiled.memory import keep_memory
from snnbench.nn.compiled.pattern import PatternTrace, found_in
from snnbench.nn.convolution import convolve
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, Site, SpikingNeuron
from snnbench.nn.rectifier import Rectifier
from snnbench.nn.refits import observe_forwards
from snnbench.nn.rounding import RoundingGrid, fixed_grid
from snnbench.nn.sew_resnet import ConvBNNeuron, Stem, per_step

M = TypeVar("M", bound=nn.Module)
_PASSES = Passes(convolve_rounded, mean_over_steps, skipping_gradients)
_HOOKS = (
    *("_forward_hooks", "_forward_pre_hooks", "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs"),
    *("_backward_hooks", "_backward_pre_hooks", "_forward_hooks_always_called"),
)


class LeavingNorm(nn.BatchNorm2d):
    """A batch norm that leaves its input as it is to the neuron after it, unless somebody watches."""

    left: bool = False

    def forward(self, x: Tensor) -> Tensor:
        """The input `x` (N, C, H, W), normalised if the neuron will not do it."""
        self.left = not _watched(self)
        return x if self.left else super().forward(x)

    def take(self) -> bool:
        """Whether the norm left its last input to the neuron, which asks once."""
        left, self.left = self.left, False
        return left


class FusedNeuron(SpikingNeuron):
    """A neuron that takes the batch norm before it into its own pass over memory.

    Attributes:
        counter: counts the spikes while they are fired, if it is set.
        as_bytes: give spikes of float32 currents as uint8; without gradient.
        plain: give spikes in the plain layout of memory, and not channels-last.
        norm: the batch norm before it, where that is a module of its own.
        original: the neuron that it was made of, which says where a state quantizer acts.
    """

    counter: SpikeCounter | None = None
    as_bytes: bool = False
    plain: bool = False
    norm: tuple[LeavingNorm] | None = None
    original: tuple[SpikingNeuron]

    @property
    def site(self) -> Site:
        """Where the state quantizer acts."""
        return self.original[0].site

    @site.setter
    def site(self, value: Site) -> None:
        self.original[0].site = value

    def forward(self, x: Tensor, bn: nn.BatchNorm2d | None = None, shared: int = 0, averaged: bool = False) -> Tensor:
        """Spikes (T, N, *features) of currents (T, N, *features) before `bn`, or (N, *features) `shared` times."""
        timesteps = shared or len(x)
        if self.norm and self.norm[0].take():
            bn = self.norm[0]
        if bn is not None and not _plain(bn):
            x, bn = (bn(x) if shared else per_step(bn, x)), None
        flat = x if shared else x.flatten(0, 1)
        grid = _grid(flat, self)
        if not _fits(flat, self, grid):
            current: Tensor = flat if bn is None else nn.BatchNorm2d.forward(bn, flat)
            steps = (
                current.expand(timesteps, *current.shape) if shared else current.view(*x.shape[:2], *current.shape[1:])
            )
            return super().forward(steps)
        fusion = Fusion(self, bn, timesteps, bool(shared), self.counter, averaged and bn is not None, grid=grid)
        leak = self.w.sigmoid() if isinstance(self, PLIFNeuron) else None
        weight, bias = (None, None) if bn is None else (bn.weight, bn.bias)
        if self.as_bytes and flat.dtype == torch.float32:
            fired = fire_without_gradient(flat, weight, bias, fusion, torch.uint8)
            return by_step(fired, timesteps)
        theta = _learned_threshold(self)
        spikes: Tensor = FusedSpikes.apply(x, weight, bias, leak, theta, fusion)  # type: ignore[no-untyped-call]
        return spikes.contiguous() if self.plain else spikes


class _FusedIF(FusedNeuron, IFNeuron):
    pass


class _FusedLIF(FusedNeuron, LIFNeuron):
    pass


class _FusedPLIF(FusedNeuron, PLIFNeuron):
    pass


class _FusedRectifier(Rectifier):
    """A rectifier that takes the batch norm before it into its own pass over memory; arguments as `FusedNeuron`."""

    def forward(self, x: Tensor, bn: nn.BatchNorm2d | None = None, shared: int = 0, averaged: bool = False) -> Tensor:
        flat, steps = (x, (1, *x.shape[:1])) if shared else (x.flatten(0, 1), x.shape[:2])
        if bn is not None and not _plain(bn):
            flat, bn = bn(flat), None
        if not _known(flat):
            rates = super().forward(flat if bn is None else bn(flat))
        else:
            learned = (None, None) if bn is None else (bn.weight, bn.bias)
            fusion = Fusion(self, bn, 1, False)
            theta = _learned_threshold(self.neuron)
            rates = FusedSpikes.apply(flat.unsqueeze(0), *learned, None, theta, fusion)  # type: ignore[no-untyped-call]
        return rates.view(*steps, *flat.shape[1:]).expand(shared or -1, *[-1] * flat.ndim)


class FusedConvBNNeuron(ConvBNNeuron):
    """Convolution, batch norm and neuron with the last two in one pass."""

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, N, out, H, W) of spikes or block outputs (T, N, channels, H, W)."""
        if averages(self.conv):
            averaged: Tensor = self.neuron(convolve_averaged(self.conv, x, _PASSES), self.bn, averaged=True)
            return averaged
        flat = x.flatten(0, 1)
        if flat.dtype == torch.uint8 and not isinstance(self.conv, IntegerConv):
            flat = flat.float()
        current = convolve(self.conv, flat)
        spikes: Tensor = self.neuron(current.view(*x.shape[:2], *current.shape[1:]), self.bn)
        return spikes


class _FusedStem(Stem):
    def forward(self, x: Tensor) -> Tensor:
        spikes: Tensor = self.neuron(convolve(self.conv, x), self.bn, self.timesteps)
        return spikes


_FUSED: dict[type[nn.Module], type[nn.Module]] = {
    IFNeuron: _FusedIF,
    LIFNeuron: _FusedLIF,
    PLIFNeuron: _FusedPLIF,
    Rectifier: _FusedRectifier,
    ConvBNNeuron: FusedConvBNNeuron,
    Stem: _FusedStem,
}


def optimize(model: M) -> M:
    """The fast form of `model`: batch norm, neuron and, under `record_firing`, counting run as one compiled pass.

    It shares parameters, buffers, layers of weights and quantizers (later ones, too) with `model` and has the same
    names and ``state_dict``; train and evaluate it as you would `model`, whose own mode stays as it is. Hooks that are
    there are kept, later ones belong to the form that they are put on. SpikingJelly's IF, LIF and PLIF neurons are
    fused in evaluation. A state quantizer is fused, too, if it clips and rounds to a fixed grid, as `uniform` does, and
    nobody watches it; other quantized membranes, and those in float64, run as before, and so do neurons of other
    libraries and tensors on other devices than the CPU.
    A batch norm is found where it feeds a neuron alone, in whatever modules both are; where it is not found, the neuron
    alone is fused. In float32 evaluation convolutions skip zeros where that pays, and the spikes are those of `model`
    in channels-last memory; later weight quantizers are put on `model`. From then on the process keeps large blocks of
    memory: fetching them anew takes longer than the neurons.

    Raises:
        OptionError: if there is no C++ compiler, or it cannot build the kernels.
    """
    return fuse(model, {})


def fuse(model: M, instead: Mapping[nn.Module, nn.Module]) -> M:
    """`optimize`, with other modules in the place of some.

    Raises:
        OptionError: if there is no C++ compiler, or it cannot build the kernels.
    """
    kernels()
    keep_memory()
    if not any(isinstance(part, SpikingNeuron) or is_known(part) for part in model.modules()) and not instead:
        return model
    norms = _norms(model)
    done = {id(module): other for module, other in instead.items()}
    done |= {id(norm): _leaving(norm) for norm in norms.values()}
    fast = _fuse(model, done)
    for neuron, norm in norms.items():
        cast(FusedNeuron, done[id(neuron)]).norm = (cast(LeavingNorm, done[id(norm)]),)
    for name in found_in(model, PatternTrace.seen_as_rows):
        vars(fast.get_submodule(name))["plain"] = True
    if not isinstance(fast, SpikingNeuron):  # whatever refits is a part of it
        observe_forwards(fast)
    return fast


def _norms(model: nn.Module) -> dict[nn.Module, nn.BatchNorm2d]:
    """The neurons of `model` that can be fused with a batch norm before them that is a module of its own."""
    found = {model.get_submodule(a): model.get_submodule(b) for a, b in found_in(model, PatternTrace.norms).items()}
    return {a: cast(nn.BatchNorm2d, b) for a, b in found.items() if issubclass(_FUSED.get(type(a), int), FusedNeuron)}


def _leaving(norm: nn.BatchNorm2d) -> LeavingNorm:
    leaving = copy.copy(norm)
    leaving.__class__ = LeavingNorm
    _own_hooks(leaving, norm)
    return cast(LeavingNorm, leaving)


def _own_hooks(form: nn.Module, module: nn.Module) -> None:
    for name in _HOOKS:
        setattr(form, name, OrderedDict(getattr(module, name)))


def _fuse(module: M, done: dict[int, nn.Module]) -> M:
    if id(module) in done:
        return done[id(module)]  # type: ignore[return-value]
    if _is_shared(module):
        return done.setdefault(id(module), EventConv.of(module) if is_plain(module) else module)  # type: ignore[return-value]
    fused = done[id(module)] = copy.copy(module)
    _own_hooks(fused, module)
    own_states(fused)
    if not isinstance(module, SpikingNeuron):  # whose quantizer is the same in both forms
        fused._modules = {name: part and _fuse(part, done) for name, part in module._modules.items()}
    kind: Any = type(module)
    form = _FUSED.get(kind) or jelly_form(kind)
    if form and _feeds_a_fused_part(fused):
        fused.__class__ = form  # type: ignore[assignment]
    if isinstance(fused, FusedNeuron):
        vars(fused)["original"] = (module,)
    return fused


def _is_shared(module: nn.Module) -> bool:
    """Whether both forms have the same state: layers of weights, on which quantizers may be put later."""
    own = any(len(value.shape) > 1 for value in module.parameters(recurse=False))
    return own or parametrize.is_parametrized(module)


def _feeds_a_fused_part(module: nn.Module) -> bool:
    return not isinstance(module, ConvBNNeuron) or isinstance(module.neuron, FusedNeuron | _FusedRectifier)


def _learned_threshold(neuron: SpikingNeuron) -> Tensor | None:
    return neuron.threshold if isinstance(neuron.threshold, Tensor) else None


def _plain(bn: nn.Module) -> bool:
    """Whether `bn` does what the kernels do in its place, and nobody watches it."""
    return type(bn) in (nn.BatchNorm2d, LeavingNorm) and not _watched(bn)


def _watched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _fits(x: Tensor, neuron: SpikingNeuron, grid: RoundingGrid | None) -> bool:
    return _known(x) and (neuron.state_quantizer is None or grid is not None)


def _grid(x: Tensor, neuron: SpikingNeuron) -> RoundingGrid | None:
    """Where the kernels can quantize the membrane of `neuron` themselves, to what."""
    if neuron.state_quantizer is None or not _known(x) or x.dtype == torch.float64:
        return None
    followed = vars(neuron).keys() & {"charge", "_store"}  # by somebody who notes potentials
    return None if followed else fixed_grid(neuron.state_quantizer, torch.float32)


def _known(x: Tensor) -> bool:
    known = x.dtype in (torch.float32, torch.float64, torch.bfloat16) and x.ndim in (2, 4)
    return known and x.device.type == "cpu"
