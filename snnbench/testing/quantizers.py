"""The contract of a quantizer, a check for each clause."""

from __future__ import annotations

import copy

import torch
from torch import nn

from snnbench.options import NO_BITS, check_defaults, describe
from snnbench.quant import bake
from snnbench.testing import optional
from snnbench.testing.probes import (
    accelerator,
    addresses,
    compiling,
    equal_but_nan,
    original_weight,
    process_group,
    read_weight,
    require,
    require_alike,
    require_few_levels,
    require_finite,
    seeded,
    told,
    trained,
    weight_of,
)
from snnbench.testing.subject import (
    Check,
    Subject,
    convolution,
    default_variant,
    images,
    linear,
    spread_linear,
    variants,
    weights,
)


def options(subject: Subject) -> None:
    """``plugins show`` has something to say: a docstring, and every option with its annotation."""
    factory = subject.entry.value
    require((factory.__doc__ or "").strip(), "the factory has no docstring, so 'plugins show' cannot say what it is")
    check_defaults(subject.entry, factory)
    require("bits" in [option.name for option in describe(subject.entry, factory)], NO_BITS)


def shape(subject: Subject) -> None:
    """Same shape, dtype and device as the tensor that comes in, also on the machine's accelerator if it has one."""
    for variant in variants(subject):
        for dtype, device in ((torch.float32, "cpu"), (torch.float64, "cpu"), (torch.float32, accelerator())):
            tensor = weights(4, 3, 3, 3).to(device, dtype)
            require_alike(variant, tensor, variant.make(tensor).eval()(tensor))


def kinds(subject: Subject) -> None:
    """Weights of convolutions and linear layers, 1-d tensors, one output channel."""
    for variant in variants(subject):
        for tensor in (weights(8, 16), weights(6, 4, 3), weights(8), weights(1, 4, 3, 3), weights(1, 1)):
            found = variant.make(tensor).eval()(tensor)
            require_alike(variant, tensor, found)
            require_finite(variant, tensor, found)


def degenerate(subject: Subject) -> None:
    """Constant and all-zero tensors come back finite, and so do their gradients."""
    for variant in variants(subject):
        for tensor in (torch.zeros(4, 3, 3, 3), torch.full((4, 3, 3, 3), 0.25), torch.full((4, 8), -0.5)):
            leaf = tensor.clone().requires_grad_()
            found = variant.make(tensor)(leaf)
            found.sum().backward()
            require_finite(variant, tensor, found)
            require(
                leaf.grad is None or bool(leaf.grad.isfinite().all()), f"{variant}: {told(tensor)} has gradient nan"
            )


def levels(subject: Subject) -> None:
    """At most 2^bits distinct values in any output channel, for every number of bits up to 8."""
    for variant in variants(subject, range(1, 9)):
        require_few_levels(variant, weight_of(variant.quantize(convolution())))
        require_few_levels(variant, weight_of(variant.quantize(spread_linear())))


def deterministic(subject: Subject) -> None:
    """The same tensor twice, in evaluation, gives the same values."""
    for variant in variants(subject):
        model = variant.quantize(convolution()).eval()
        same = bool(torch.equal(*(read_weight(model).detach() for _ in range(2))))
        require(same, f"{variant}: two evaluations of the same weight differ")


def gradients(subject: Subject) -> None:
    """In training the weight gets a finite gradient that is not all zero; so does whatever the quantizer learns."""
    for variant in variants(subject):
        model = variant.quantize(convolution()).train()
        model(images()).square().mean().backward()
        original = original_weight(model).grad
        require(original is not None and bool(original.any()), f"{variant}: the weight's gradient is all zero")
        for name, parameter in model.named_parameters():
            finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
            require(finite, f"{variant}: the gradient of {name} is not finite")


def state_dict(subject: Subject) -> None:
    """All that a quantizer remembers is in its ``state_dict``: loaded into another, it gives the same weight."""
    for variant in variants(subject):
        model, other = trained(variant), variant.quantize(convolution(seed=5))
        other.load_state_dict(model.state_dict())
        same = torch.equal(weight_of(model), weight_of(other))
        require(same, f"{variant}: a state_dict loaded into a quantizer of other weights gives another weight")


def deepcopy(subject: Subject) -> None:
    """A deep copy gives the same weight and shares no memory with its original."""
    for variant in variants(subject):
        model = trained(variant)
        twin = copy.deepcopy(model)
        require(torch.equal(weight_of(model), weight_of(twin)), f"{variant}: a deep copy gives another weight")
        shared = addresses(model) & addresses(twin) or set(model.modules()) & set(twin.modules())
        require(not shared, f"{variant}: a deep copy shares state with its original")


def baking(subject: Subject) -> None:
    """Baking leaves exactly the weight that the quantizer gave."""
    for variant in variants(subject):
        model = trained(variant).eval()
        with seeded():
            before = read_weight(model).detach().clone()
        with seeded():
            bake(model)
        require(torch.equal(before, read_weight(model)), f"{variant}: the baked weight is not the quantized one")


def post_training(subject: Subject) -> None:
    """Post-training quantization leaves the weight, ``requires_grad`` and, over evaluations, its own state alone."""
    for variant in variants(subject):
        layer = convolution()
        before = layer.weight.detach().clone()
        model = variant.quantize(layer).eval()
        state = {name: value.clone() for name, value in model.state_dict().items()}
        with torch.no_grad():
            model(images())
        original = original_weight(model)
        require(torch.equal(before, original.detach()), f"{variant}: the full-precision weight was changed")
        require(original.requires_grad, f"{variant}: the weight cannot be trained any more")
        changed = [name for name, value in model.state_dict().items() if not equal_but_nan(value, state[name])]
        require(not changed, f"{variant}: evaluation changes {', '.join(changed)}")


def global_state(subject: Subject) -> None:
    """The random state, the default dtype and the gradient mode are everybody's: none is set."""
    for variant in variants(subject):
        after = []
        for seed in (1, 2):
            with seeded(seed):
                dtype, enabled = torch.get_default_dtype(), torch.is_grad_enabled()
                try:
                    weight_of(variant.quantize(linear()))
                    require(torch.get_default_dtype() == dtype, f"{variant}: the default dtype was changed")
                    require(torch.is_grad_enabled() == enabled, f"{variant}: the gradient mode was changed")
                finally:
                    torch.set_default_dtype(dtype)
                    torch.set_grad_enabled(enabled)
                after.append(torch.get_rng_state())
        require(not torch.equal(*after), f"{variant}: the global random state was seeded")


def autocast(subject: Subject) -> None:
    """Under autocast a layer trains, and what is quantized keeps its dtype and is finite."""
    for variant in variants(subject):
        model, tensor = variant.quantize(linear()).train(), weights(8, 16)
        with torch.autocast("cpu", torch.bfloat16):
            # Layers and neurons switch autocast off; a network of one's own may call the quantizer as it is here.
            found = [read_weight(model), variant.make(tensor)(tensor)]
            output = model(weights(5, 16))
        for each in found:
            require(each.dtype == torch.float32, f"{variant}: under autocast the quantized weight is {each.dtype}")
        output.float().sum().backward()
        require(all(bool(each.isfinite().all()) for each in (*found, output)), f"{variant}: not finite under autocast")


def compile_(subject: Subject) -> None:
    """``torch.compile`` gives what eager PyTorch gives, in evaluation; in training it runs."""
    variant = default_variant(subject)
    model, inputs = variant.quantize(linear()), weights(5, 16)
    with compiling():
        compiled = torch.compile(model, backend="aot_eager")
        compiled(inputs).sum().backward()
        model.eval()
        with torch.no_grad():
            with seeded():
                expected = model(inputs)
            with seeded():
                found = compiled(inputs)
    require(torch.allclose(expected, found, atol=1e-5), f"{variant}: compiled, the output is another")


def distributed(subject: Subject) -> None:
    """``DistributedDataParallel`` trains it: in particular every parameter takes part in each forward."""
    variant = default_variant(subject)
    with process_group():
        model = nn.parallel.DistributedDataParallel(variant.quantize(linear()))
        for _ in range(2):  # an idle parameter stops the second one, in PyTorch's words
            model(weights(5, 16)).square().sum().backward()
            idle = [name for name, each in model.module.named_parameters() if each.requires_grad and each.grad is None]
            require(not idle, f"{variant}: {', '.join(idle)} gets no gradient; what is not learned is a buffer")


CHECKS: dict[str, Check] = {
    "options": options,
    "shape": shape,
    "kinds": kinds,
    "degenerate": degenerate,
    "levels": levels,
    "deterministic": deterministic,
    "gradients": gradients,
    "state_dict": state_dict,
    "deepcopy": deepcopy,
    "baking": baking,
    "post_training": post_training,
    "global_state": global_state,
    "autocast": autocast,
    "compile": compile_,
    "distributed": distributed,
    **optional.CHECKS,
}
