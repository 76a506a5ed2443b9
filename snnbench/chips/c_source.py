"""A network of whole numbers as C11: sizes in ``network.h``, numbers in ``network.c``, and what runs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from snnbench.chips.arithmetic import Leak
from snnbench.chips.document import Semantics
from snnbench.chips.fold import IntegerLayer, Synapses
from snnbench.chips.network import IntegerNetwork, reach
from snnbench.errors import OptionError
from snnbench.exchange.wiring import INPUT

_FOLDER = Path(__file__).parent / "c"
_ROUNDINGS = ("floor", "zero", "away", "half-even")
_LINE = 24
_Shape = tuple[int, int, int]


def c_files(network: IntegerNetwork, input_shape: tuple[int, ...], table: Tensor) -> dict[str, str]:
    """The C sources by file name.

    Args:
        network: the network of whole numbers.
        input_shape: (C, H, W) of an image, or (features,).
        table: int64 (C, 256), what the byte of a pixel enters as.

    Raises:
        OptionError: if a number does not fit in the C program's own.
    """
    maps = maps_of(network, input_shape)
    fixed = {name: (_FOLDER / name).read_text("utf-8") for name in ("neuron.h", "snn.h", "snn.c", "main.c")}
    header = _header({**_sizes(network, maps), **_rules(network)})
    return {"network.h": header, "network.c": _numbers(network, maps, table), **fixed}


def batch_files(network: IntegerNetwork) -> dict[str, str]:
    """C sources of the neurons alone, over batches."""
    fixed = {name: (_FOLDER / name).read_text("utf-8") for name in ("neuron.h", "batch.c")}
    return {"network.h": _header(_rules(network)), **fixed}


def as_map(shape: tuple[int, ...]) -> _Shape:
    """Features as (C, H, W)."""
    return (shape[0], 1, 1) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def maps_of(network: IntegerNetwork, input_shape: tuple[int, ...]) -> dict[str, _Shape]:
    """The map (C, H, W) of the image and of each layer, by name."""
    maps = {INPUT: as_map(input_shape)}
    for layer in network.layers:
        maps[layer.name] = _output_map(layer.synapses, maps[layer.sources[0]])
    return maps


def _output_map(synapses: Synapses, before: _Shape) -> _Shape:
    codes = synapses.codes
    if codes.ndim == 2:
        return len(codes), 1, 1
    sides = zip(before[1:], codes.shape[2:], synapses.padding, synapses.stride, strict=True)
    height, width = ((side + 2 * pad - kernel) // stride + 1 for side, kernel, pad, stride in sides)
    return len(codes), height, width


def _header(defines: dict[str, int | str]) -> str:
    lines = ["/* Sizes and rules of the network; written by snnbench. */", "#ifndef NETWORK_H", "#define NETWORK_H", ""]
    return "\n".join([*lines, *(f"#define {name} {value}" for name, value in defines.items()), "", "#endif", ""])


def _sizes(network: IntegerNetwork, maps: dict[str, _Shape]) -> dict[str, int]:
    sizes = {name: c * h * w for name, (c, h, w) in maps.items()}
    channels, height, width = maps[INPUT]
    last = maps[network.readout.sources[0]]
    codes = network.readout.codes
    return {
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "STEPS": network.timesteps,
        "LAYERS": len(network.layers),
        "LARGEST_INPUT": max(sizes[layer.sources[0]] for layer in network.layers),
        "LARGEST_LAYER": max(sizes[layer.name] for layer in network.layers),
        "MOST_SOURCES": max(len(layer.sources) for layer in network.layers),
        "READOUT_SOURCES": len(network.readout.sources),
        "READOUT_HAS_CODES": int(codes is not None),
        "FEATURES": last[0],
        "POSITIONS": last[1] * last[2],
        "CLASSES": last[0] if codes is None else len(codes),
    }


def _rules(network: IntegerNetwork) -> dict[str, int | str]:
    return {**_of_chip(network.chip), "NUMBER": _number(network)}


def _of_chip(chip: Semantics) -> dict[str, int]:
    assert chip.membrane is not None
    assert chip.spike is not None
    rules = {f"ROUND_{name.upper().replace('-', '_')}": number for number, name in enumerate(_ROUNDINGS)}
    rules |= {
        "MEMBRANE_BITS": chip.membrane.bits,
        "MEMBRANE_WRAPS": int(chip.membrane.overflow == "wrap"),
        "MEMBRANE_ADDS_FIRST": int(chip.membrane.order == "add-decay"),
        "MEMBRANE_ADDS_CHANGE": int(chip.membrane.adds == "change"),
        "MEMBRANE_ROUNDING": _ROUNDINGS.index(chip.membrane.decay.rounding),
        "MEMBRANE_LEAST": chip.membrane.decay.least,
        "TEST_IS_STRICT": int(chip.spike.test == ">"),
        "MOST_SPIKES": chip.spike.most,
        "HAS_CURRENT": int(chip.current is not None),
        "HAS_ACCUMULATOR": int(chip.accumulator is not None),
    }
    if chip.accumulator is not None:
        wraps = int(chip.accumulator.overflow == "wrap")
        rules |= {"ACCUMULATOR_BITS": chip.accumulator.bits, "ACCUMULATOR_WRAPS": wraps}
    if chip.current is not None:
        rules |= {
            "CURRENT_BITS": chip.current.bits,
            "CURRENT_WRAPS": int(chip.current.overflow == "wrap"),
            "CURRENT_ADDS_FIRST": int(chip.current.order == "add-decay"),
            "CURRENT_ROUNDING": _ROUNDINGS.index(chip.current.decay.rounding),
            "CURRENT_LEAST": chip.current.decay.least,
        }
    return rules


def _number(network: IntegerNetwork) -> str:
    """The C type that every intermediate number fits in."""
    chip = network.chip
    assert chip.membrane is not None
    assert chip.input is not None
    state = max(part.bits for part in (chip.membrane, chip.current, chip.accumulator) if part) + 1
    leaks = [leak for x in network.layers for leak in (x.neurons.leak, x.neurons.current_leak)]
    largest = 2 ** (state + max(leak.factor.bit_length() for leak in leaks))
    most = chip.spike.most if chip.spike else 1
    for layer in network.layers:
        entering = max(map(abs, chip.input.range)) if layer.sources == (INPUT,) else most * len(layer.sources)
        largest = max(largest, 4 * ((reach(layer.synapses) * entering) << int(layer.synapses.shift.max())))
    if largest >= 2**63:
        raise OptionError(f"chip '{chip.name}' makes sums of up to {largest}, which no C integer holds")
    return "int32_t" if largest < 2**31 else "int64_t"


def _numbers(network: IntegerNetwork, maps: dict[str, _Shape], table: Tensor) -> str:
    parts = ["/* Numbers of the network; written by snnbench. */", '#include "snn.h"', ""]
    index = {layer.name: number for number, layer in enumerate(network.layers)}
    for number, layer in enumerate(network.layers):
        parts += _arrays(number, layer, maps)
    parts.append("const struct layer layers[LAYERS] = {")
    parts += [_entry(number, layer, maps, index) for number, layer in enumerate(network.layers)]
    parts.append("};")
    parts += _readout(network, index)
    rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in table.tolist())
    parts.append(f"const int16_t input_table[CHANNELS][256] = {{{rows}}};")
    return "\n".join(parts) + "\n"


def _arrays(number: int, layer: IntegerLayer, maps: dict[str, _Shape]) -> Iterator[str]:
    out = maps[layer.name][0]
    neurons, codes = layer.neurons, _kernel(layer, maps)
    yield _array("int16_t", f"codes_{number}", codes.permute(1, 2, 3, 0).flatten())
    for name in ("threshold", "bias", "start"):
        yield _array("int32_t", f"{name}_{number}", _each(getattr(neurons, name), out))
    yield _array("uint8_t", f"shift_{number}", _each(layer.synapses.shift, out))
    size = network_size(maps[layer.name])
    yield f"static uint8_t spikes_{number}[STEPS * {size}];"


def network_size(shape: _Shape) -> int:
    """How many neurons a map has."""
    return shape[0] * shape[1] * shape[2]


def _kernel(layer: IntegerLayer, maps: dict[str, _Shape]) -> Tensor:
    """Codes (out, in, kh, kw); those of a linear layer are a kernel as large as its input."""
    codes = layer.synapses.codes
    return codes if codes.ndim == 4 else codes.view(len(codes), *maps[layer.sources[0]])


def _each(values: Tensor | int, out: int) -> Tensor:
    return torch.as_tensor(values).flatten().expand(out)


def _array(kind: str, name: str, values: Tensor) -> str:
    bits = {"int16_t": 15, "int32_t": 31, "uint8_t": 8}[kind]
    if int(values.abs().max()) >= 2**bits:
        raise OptionError(f"{name} holds {int(values.abs().max())}, which {kind} does not")
    return f"static const {kind} {name}[{values.numel()}] = {{\n{_wrapped(values.tolist())}\n}};"


def _wrapped(values: Iterable[int]) -> str:
    texts = [str(value) for value in values]
    return ",\n".join(", ".join(texts[at : at + _LINE]) for at in range(0, len(texts), _LINE))


def _entry(number: int, layer: IntegerLayer, maps: dict[str, _Shape], index: dict[str, int]) -> str:
    before, after, kernel = maps[layer.sources[0]], maps[layer.name], _kernel(layer, maps)
    sources = [index[source] for source in layer.sources if source != INPUT]
    leak, current = layer.neurons.leak, layer.neurons.current_leak
    linear = layer.synapses.codes.ndim == 2
    stride, padding = ((1, 1), (0, 0)) if linear else (layer.synapses.stride, layer.synapses.padding)
    arrays = ", ".join(f"{name}_{number}" for name in ("codes", "threshold", "bias", "start", "shift", "spikes"))
    sizes = (*before, *after, *kernel.shape[2:], *stride, *padding, *_pair(leak), *_pair(current))
    numbers = ", ".join(map(str, (*sizes, int(layer.neurons.reset == "zero"), layer.neurons.most, len(sources))))
    return f"    {{{arrays}, {numbers}, {{{', '.join(map(str, sources or [0]))}}}}}, /* {layer.name} */"


def _pair(leak: Leak) -> tuple[int, int]:
    return leak.factor, leak.bits


def _readout(network: IntegerNetwork, index: dict[str, int]) -> Iterator[str]:
    readout = network.readout
    sources = ", ".join(str(index[source]) for source in readout.sources)
    yield f"const int readout_sources[READOUT_SOURCES] = {{{sources}}};"
    rows = [[0]] if readout.codes is None else readout.codes.tolist()
    body = ",\n".join("{" + _wrapped(row) + "}" for row in rows)
    yield f"const int16_t readout_codes[CLASSES][FEATURES] = {{\n{body}\n}};"
    yield f"const int64_t readout_bias[CLASSES] = {{{_wrapped(readout.bias.tolist())}}};"
