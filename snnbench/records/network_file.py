"""A network's state as one file: quantized weights in parts (`snnbench.quant.coding`), all else as it is.

A part of the tensor ``fc.weight`` is named ``fc.weight/index``. Whole numbers are a stream of bits (see
`snnbench.quant.packing`), whose shape and layout the header holds; so the tensors take what the audit says. The header
also holds a SHA-256 of the tensors as they are read back, so that an altered file is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import prod
from typing import Annotated

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from snnbench.errors import RecordError
from snnbench.nn.synapses import matrices
from snnbench.quant import bake, quantizers
from snnbench.quant.audit import basis_of
from snnbench.quant.coding import PARTS, decode, encode
from snnbench.quant.packing import CodeLayout, from_stream, layout_of, to_stream

SCHEMA_VERSION = 2
_READS = (1, 2)
_HEADER = "snnbench"


class _Codes(BaseModel):
    shape: Annotated[tuple[Annotated[int, Field(ge=1, le=2**31)], ...], Field(min_length=1)]
    bits: Annotated[int, Field(ge=1, le=32)]
    low: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    step: Annotated[int, Field(ge=1, lt=2**31)]

    @property
    def layout(self) -> CodeLayout:
        return CodeLayout(self.bits, self.low, self.step)

    def read(self, stream: Tensor) -> Tensor:
        return torch.from_numpy(from_stream(stream.numpy(), self.layout, prod(self.shape))).view(self.shape)


class _Header(BaseModel):
    """Version 1 has whole numbers as tensors of their own types, and no codes."""

    schema_version: int
    sha256: str
    codes: dict[str, _Codes] = {}


def pack_network(model: nn.Module) -> bytes:
    """Safetensors of the state of `model`, whose quantizers are baked in (so it is changed)."""
    paths = {name: matrix.path for name, matrix in matrices(model).items()}
    bases = {paths[name]: basis_of(quantizer) for name, quantizer in quantizers(model).items()}
    bake(model)
    tensors: dict[str, Tensor] = {}
    codes: dict[str, _Codes] = {}
    for name, value in model.state_dict().items():
        if parts := encode(value, bases[name]) if name in bases else {}:
            whole, layout = layout_of(parts)
            codes[f"{name}/{whole}"] = _Codes(shape=tuple(value.shape), **layout._asdict())
        tensors |= {f"{name}/{part}": tensor for part, tensor in parts.items()} or {name: value.cpu().contiguous()}
    header = _Header(schema_version=SCHEMA_VERSION, sha256=_digest(_assemble(tensors)), codes=codes)
    streams = {name: torch.from_numpy(to_stream(tensors[name].numpy(), own.layout)) for name, own in codes.items()}
    return save(tensors | streams, {_HEADER: header.model_dump_json()})


def unpack_network(content: bytes) -> dict[str, Tensor]:
    """The state that `pack_network` wrote; of any other safetensors file its tensors as they are.

    Raises:
        RecordError: if the content is damaged, altered, or of another schema version; the message says which.
    """
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise RecordError(f"it is not a safetensors file ({error})") from error
    if not is_packed(content):
        return tensors
    header = _header(content)
    if header.schema_version not in _READS:
        versions = " and ".join(map(str, _READS))
        raise RecordError(f"it has schema version {header.schema_version}; this snnbench reads {versions}")
    try:
        state = _assemble(_from_streams(tensors, header))
    except ValueError as error:
        raise RecordError(f"it is damaged ({error})") from error
    if header.sha256 != _digest(state):
        raise RecordError("it is altered: its tensors are not those of its SHA-256")
    return state


def parts_of(content: bytes) -> dict[str, dict[str, Tensor]]:
    """The parts of every tensor that is stored in parts, by the tensor's name."""
    return _split(_from_streams(load(content), _header(content)))[1]


def is_packed(content: bytes) -> bool:
    """Whether the content of a safetensors file was written by `pack_network`."""
    return _HEADER in _metadata(content)


def _from_streams(tensors: Mapping[str, Tensor], header: _Header) -> dict[str, Tensor]:
    if missing := [name for name in header.codes if name not in tensors]:
        raise ValueError(f"{', '.join(missing)} is missing")
    return {**tensors, **{name: own.read(tensors[name]) for name, own in header.codes.items()}}


def _assemble(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    whole, parts = _split(tensors)
    return whole | {name: decode(own) for name, own in parts.items()}


def _split(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    whole: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, _, part = key.rpartition("/")
        if name and part in PARTS:
            parts.setdefault(name, {})[part] = value
        else:
            whole[key] = value
    return whole, parts


def _header(content: bytes) -> _Header:
    try:
        return _Header.model_validate_json(_metadata(content)[_HEADER])
    except ValidationError as error:
        raise RecordError("it is damaged (its header cannot be read)") from error


def _metadata(content: bytes) -> Mapping[str, str]:
    size = int.from_bytes(content[:8], "little")
    metadata: Mapping[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return metadata


def _digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of all tensors by name: name, type, shape and bytes."""
    found = hashlib.sha256()
    for name in sorted(state):
        value = state[name].contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
