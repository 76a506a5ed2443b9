"""The contract of a model, a check for each clause."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.nn.hooks import told_of_calls
from snnbench.nn.libraries import StepMode, spikes_by_step, step_mode
from snnbench.nn.synapses import weight_layers
from snnbench.nn.walk import Timed
from snnbench.options import check_defaults, describe, validate
from snnbench.testing.outcome import CheckSkipped
from snnbench.testing.probes import require
from snnbench.testing.subject import Check, Subject

_BATCH = 3


def options(subject: Subject) -> None:
    """``plugins show`` has something to say: a docstring, and every option with its annotation."""
    factory = subject.entry.value
    documented = subject.is_own or (factory.__doc__ or "").strip()
    require(documented, "the factory has no docstring, so 'plugins show' cannot say what it is")
    describe(subject.entry, factory)
    if not subject.is_own:
        check_defaults(subject.entry, factory)


def logits(subject: Subject) -> None:
    """Images (N, C, H, W) in, finite logits (N, classes) out."""
    found = _run(_build(subject), _images(subject))
    wanted = (_BATCH, subject.num_classes)
    require(found.shape == wanted, f"logits have shape {tuple(found.shape)}, not {wanted}")
    require(found.isfinite().all(), "logits are not finite")


def spiking(subject: Subject) -> None:
    """Spiking layers are found by name, and each of them runs; there are weights to quantize."""
    model = _build(subject)
    require(
        _spiking_layers(model),
        f"{type(model).__name__} has no spiking layer of a library that is known",
    )
    require(weight_layers(model), f"{type(model).__name__} has no convolution and no linear layer")
    outputs = _outputs(model, _images(subject))
    silent = [name for name in _spiking_layers(model) if name not in outputs]
    require(not silent, f"spiking layer {', '.join(silent)} does not run")


def binary(subject: Subject) -> None:
    """Spikes are (T, N, *features), and 0 or 1."""
    for name, spikes in _outputs(_build(subject), _images(subject)).items():
        where = f"spiking layer '{name}'"
        require(spikes.ndim >= 3 and spikes.shape[1] == _BATCH, f"{where} gives {tuple(spikes.shape)}, not (T, N, ...)")
        require(((spikes == 0) | (spikes == 1)).all(), f"{where} gives values other than 0 and 1")


def independence(subject: Subject) -> None:
    """In evaluation an image's logits do not depend on the images beside it, nor on those before."""
    try:
        together, alone = _with_company(_build(subject).double(), _images(subject).double())
    except RuntimeError:  # of snnTorch, say, whose potentials are of single precision whatever the input
        together, alone = _with_company(_build(subject), _images(subject))
    require(torch.allclose(together, alone, atol=1e-6), "an image's logits depend on the images beside or before it")


def timesteps(subject: Subject) -> None:
    """The option ``timesteps`` sets T, and so does the attribute of the same name afterwards."""
    if "timesteps" not in {option.name for option in describe(subject.entry, subject.entry.value)}:
        raise CheckSkipped("it has no option timesteps")
    if subject.is_own:
        raise CheckSkipped("a network of one's own keeps its number of steps")
    model, batch = _build(subject, timesteps=3), _images(subject)
    require(_steps(model, batch) == "3", f"with timesteps=3 it runs {_steps(model, batch)} steps")
    require(isinstance(model, Timed) and model.timesteps == 3, "with timesteps=3 its attribute timesteps is not 3")
    model.timesteps = 2  # type: ignore[assignment]
    require(_steps(model, batch) == "2", f"with its timesteps set to 2 it runs {_steps(model, batch)} steps")


def gradients(subject: Subject) -> None:
    """In training every weight gets a finite gradient, and some of them one that is not zero."""
    model = _build(subject).train()
    model(_images(subject)).sum().backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}
    missing = [name for name, grad in found.items() if grad is None or not bool(grad.isfinite().all())]
    require(not missing, f"no finite gradient for {', '.join(missing)}")
    require(any(bool(grad.any()) for grad in found.values() if grad is not None), "all gradients are zero")


def state_dict(subject: Subject) -> None:
    """All that a model has learned is in its ``state_dict``: another instance that loads it gives the same logits."""
    model = _build(subject).train()
    model(_images(subject))
    with torch.random.fork_rng(devices=[]):
        other = _build(subject, seed=1)
    other.load_state_dict(model.state_dict())
    same = torch.equal(_run(model, _images(subject)), _run(other, _images(subject)))
    require(same, "a state_dict loaded into another instance gives other logits")


CHECKS: dict[str, Check] = {
    "options": options,
    "logits": logits,
    "spiking": spiking,
    "binary": binary,
    "independence": independence,
    "timesteps": timesteps,
    "gradients": gradients,
    "state_dict": state_dict,
}


def _images(subject: Subject) -> Tensor:
    return _noise(subject.input_shape)


@cache
def _noise(shape: tuple[int, int, int]) -> Tensor:
    return torch.randn(_BATCH, *shape, generator=torch.Generator().manual_seed(0))


def _spiking_layers(model: nn.Module) -> dict[str, tuple[nn.Module, StepMode]]:
    return {name: (module, mode) for name, module in model.named_modules() if (mode := step_mode(module))}


def _build(subject: Subject, seed: int = 0, **more: object) -> nn.Module:
    entry = subject.entry
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        arguments = validate(entry, entry.value, {**subject.options, **more})
        model: nn.Module = entry.value(subject.input_shape, subject.num_classes, **arguments)
    return model


def _run(model: nn.Module, batch: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.eval()(batch)
    return found


def _with_company(model: nn.Module, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of a batch, and of each image among black ones: of as many, so that no sum is rounded otherwise."""
    alone = []
    for place in range(len(batch)):
        among = torch.zeros_like(batch)
        among[place] = batch[place]
        alone.append(_run(model, among)[place])
    return _run(model, batch), torch.stack(alone)


def _outputs(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
    """Spikes of all steps, `(T, N, *features)`, of each spiking layer that runs, however it steps."""
    outputs: dict[str, list[Tensor]] = {}
    layers = _spiking_layers(model)

    def keep(name: str, inputs: tuple[Any, ...], output: Any) -> None:
        outputs.setdefault(name, []).append(
            spikes_by_step(layers[name][0], name, layers[name][1], (inputs, {}), output)
        )

    with told_of_calls({name: module for name, (module, _) in layers.items()}, keep):
        _run(model, batch)
    return {name: torch.cat(calls) for name, calls in outputs.items()}


def _steps(model: nn.Module, batch: Tensor) -> str:
    return " or ".join(map(str, sorted({len(spikes) for spikes in _outputs(model, batch).values()}))) or "no"
