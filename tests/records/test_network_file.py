"""A network's state as one file: as large as the audit says, read back exactly, and of the version before, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.errors import RecordError
from snnbench.nn import sew_resnet8
from snnbench.quant import Watch, audit_weights, quantize_weights
from snnbench.records.network_file import pack_network, parts_of, unpack_network

QUANTIZERS: dict[str, Callable[[Tensor], nn.Module]] = {
    **{f"lqnet {bits}": lambda w, bits=bits: lqnet(w, bits=bits) for bits in (1, 3, 4, 8)},
    "lqnet binary": lambda w: lqnet(w, bits=3, codes="binary"),
    **{
        f"uniform {grid} {bits} {clip}": lambda w, grid=grid, bits=bits, clip=clip: uniform(
            w, bits=bits, grid=grid, clip=clip, per="channel" if clip == "absmax" else "tensor"
        )
        for grid in ("endpoint", "symmetric")
        for bits in (2, 4, 8)
        for clip in ("narrow", "absmax")
    },
    "float": lambda w: nn.Identity(),
}


def quantized(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = sew_resnet8(8, 10).eval()
    quantize_weights(model, lambda layer, weight: QUANTIZERS[name](weight))
    return model


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_file_takes_what_the_audit_says(name: str) -> None:
    model = quantized(name)
    with Watch(model) as watch, torch.inference_mode():
        model(torch.randn(1, 3, 8, 8))
    audit = audit_weights(model, watch, dict.fromkeys(watch.weights, 4))
    expected = {f"{layer}.weight": weight for layer, weight in watch.weights.items()}
    content = pack_network(model)
    tensors = load(content)
    for layer, row in audit.items():
        stored = [value for key, value in tensors.items() if key.partition("/")[0] == f"{layer}.weight"]
        assert row.packed_bits == 8 * sum(value.nbytes for value in stored), layer
    state = unpack_network(content)
    assert all(torch.equal(state[key], value) for key, value in expected.items())


def header_of(content: bytes) -> dict[str, Any]:
    size = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["snnbench"])
    return header


def with_header(content: bytes, header: dict[str, Any], tensors: dict[str, Tensor] | None = None) -> bytes:
    return save(load(content) if tensors is None else tensors, {"snnbench": json.dumps(header)})


def test_a_file_of_version_1_is_read() -> None:
    content = pack_network(quantized("lqnet 4"))
    header, tensors = header_of(content), load(content)
    whole = {f"{name}/{part}": value for name, parts in parts_of(content).items() for part, value in parts.items()}
    before = with_header(content, {"schema_version": 1, "sha256": header["sha256"]}, {**tensors, **whole})
    found, expected = unpack_network(before), unpack_network(content)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert len(before) > 1.3 * len(content)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"low": 1}, "altered|damaged"),
        ({"step": 2}, "altered|damaged"),
        ({"bits": 3}, "damaged"),
        ({"shape": [2**31 - 1, 2**31 - 1]}, "damaged"),
        ({"shape": [2**40]}, "damaged"),
        ({"low": 2**63}, "damaged"),
    ],
)
def test_codes_that_are_altered_are_refused(change: dict[str, Any], complaint: str) -> None:
    content = pack_network(quantized("lqnet 4"))
    header = header_of(content)
    header["codes"]["blocks.1_1.layer1.conv.weight/signs"] |= change
    with pytest.raises(RecordError, match=complaint):
        unpack_network(with_header(content, header))


def test_codes_without_a_stream_and_another_version_are_refused() -> None:
    content = pack_network(quantized("lqnet 4"))
    header = header_of(content)
    missing = {**header, "codes": {**header["codes"], "other/signs": next(iter(header["codes"].values()))}}
    with pytest.raises(RecordError, match="other/signs is missing"):
        unpack_network(with_header(content, missing))
    with pytest.raises(RecordError, match="schema version 3; this snnbench reads 1 and 2"):
        unpack_network(with_header(content, {**header, "schema_version": 3}))
