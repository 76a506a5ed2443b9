"""`snnbench.quantize`: any plugin's quantizer on a copy of any network."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.nn.classifier import Loop, as_classifier
from snnbench.nn.libraries import reset_states
from snnbench.options import fixed_bits, validate
from snnbench.own.batches import Batches, ImagesOnly
from snnbench.own.membranes import quantize_membranes
from snnbench.own.networks import check_network
from snnbench.plugins import catalogue
from snnbench.quant import Joint, MakeQuantizer, checked_module, quantize_weights, quantizers
from snnbench.quant.calibration import calibrate as show_inputs

M = TypeVar("M", bound=nn.Module)

DEFAULT_BITS = 4


def quantize(
    model: M,
    quantizer: str = "lqnet",
    bits: int | None = None,
    *,
    options: Mapping[str, object] | None = None,
    exempt: Collection[str] | None = None,
    membrane: str | None = None,
    membrane_bits: int | None = None,
    membrane_options: Mapping[str, object] | None = None,
    calibrate: Batches | None = None,
    timesteps: int | None = None,
    loop: Loop | None = None,
) -> M:
    """A quantized copy of `model`; `model` itself stays as it is.

    Weights of linear layers, convolutions (1-d to 3-d, transposed, grouped) and recurrent cells are quantized by
    parametrization, so that the copy trains as a quantized network, too. Biases and batch norms stay in float.

    Args:
        model: a network of snnbench, SpikingJelly, snnTorch, Norse, sinabs, or any module.
        quantizer: name of a quantizer plugin (``snnbench plugins list``).
        bits: bits a weight; by default the quantizer's own, else 4.
        options: the quantizer's keyword arguments.
        exempt: layers whose weights stay in float, by name. By default the first convolution and the last linear
            layer, as the literature does; ``()`` quantizes all. `snnbench.report` tells their share of the weights.
        membrane: name of a quantizer for the membrane potentials, in units of the threshold, which may be learned.
        membrane_bits: its bits, as for `bits`.
        membrane_options: its keyword arguments, and ``site``.
        calibrate: batches for quantizers that want to see inputs (adaround, gptq): images, or images and labels.
        timesteps: T, if the network does not run its own steps; see `snnbench.report`.
        loop: a loop over the steps of one's own; see `snnbench.report`.

    Raises:
        PluginError: if there is no such quantizer.
        OptionError: if bits, options or exempt layers are not allowed, nothing is left to quantize, weights are NaN or
            on the meta device, or the quantizer shares its scales between weights and membranes (mint), which only
            ``snnbench run`` does.
    """
    check_network(model, "model")
    reset_states(model)
    quantized = copy.deepcopy(model)
    quantize_weights(quantized, _maker(quantizer, bits, options or {}), exempt)
    if membrane is not None:
        own = dict(membrane_options or {})
        site = own.pop("site", None)
        _check_alone(quantized, quantizer, membrane)
        quantize_membranes(quantized, _maker(membrane, membrane_bits, own), None if site is None else str(site))
    elif membrane_bits is not None or membrane_options:
        raise OptionError("membrane_bits or membrane_options are given, but no membrane quantizer: membrane='uniform'")
    if calibrate is not None:
        with as_classifier(quantized, timesteps, loop):
            show_inputs(quantized, ImagesOnly(calibrate))
    reset_states(quantized)
    return quantized


def declared_bits(quantizer: str, bits: int | None, options: Mapping[str, object]) -> tuple[int, dict[str, Any]]:
    """The bits and the options, with its defaults, that a quantizer plugin takes; errors as in `quantize`."""
    entry = catalogue().quantizers[quantizer]
    fixed = fixed_bits(entry, entry.value)
    values = validate(entry, entry.value, options, bits=bits if bits is not None else fixed or DEFAULT_BITS)
    return values.pop("bits"), values


def _check_alone(model: nn.Module, quantizer: str, membrane: str) -> None:
    if membrane == quantizer and any(isinstance(each, Joint) for each in quantizers(model).values()):
        raise OptionError(
            f"membrane={membrane!r}: '{quantizer}' shares its scales between weights and the membranes that they feed; "
            f"which feed which is known to snnbench run --network, with --quantizer and --membrane {quantizer}"
        )


def _maker(quantizer: str, bits: int | None, options: Mapping[str, object]) -> MakeQuantizer:
    chosen, values = declared_bits(quantizer, bits, options)
    entry = catalogue().quantizers[quantizer]

    def make(layer: str, tensor: Tensor) -> nn.Module:
        made: Any = checked_module(entry, entry.value(tensor, bits=chosen, **values))
        made.declared_bits = chosen
        return cast(nn.Module, made)

    return make
