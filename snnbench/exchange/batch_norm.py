"""Batch norms in evaluation as NIR can say them: a bias of the convolution before and a Scale, or folded into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from snnbench.errors import GraphError
from snnbench.exchange.graph import WEIGHTS, Node, Shape
from snnbench.exchange.sidecar import BatchNorm, vector

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d

_Floats = NDArray[np.float64]
_CLOSE = 1e-5


def describe_batch_norm(name: str, module: _BatchNorm, conv_name: str, conv: nn.Module) -> BatchNorm:
    """The numbers of a batch norm that follows a convolution or a linear layer.

    Raises:
        GraphError: if it has no running statistics, or follows no such layer.
    """
    if not isinstance(conv, nn.Conv1d | nn.Conv2d | nn.Linear):
        raise GraphError(
            f"batch norm '{name}' does not follow a convolution or a linear layer, and NIR has no batch norm"
        )
    if module.running_mean is None or module.running_var is None:
        raise GraphError(f"batch norm '{name}' has no running statistics")
    channels = len(module.running_mean)
    return BatchNorm(
        conv=conv_name,
        weight=[1.0] * channels if module.weight is None else vector(module.weight.detach()),
        bias=[0.0] * channels if module.bias is None else vector(module.bias.detach()),
        mean=vector(module.running_mean),
        var=vector(module.running_var),
        eps=module.eps,
        conv_bias=None if conv.bias is None else vector(conv.bias.detach()),
    )


def scale_and_bias(norm: BatchNorm) -> tuple[_Floats, _Floats]:
    """Scale s and bias b, by channel, so that the batch norm after its convolution is ``s * (w * x + b)``.

    A channel whose s is 0 has no such b unless its output is 0 throughout.
    """
    scale = np.array(norm.weight) / np.sqrt(np.array(norm.var) + norm.eps)
    shift = np.array(norm.bias)
    if ((scale == 0) & (shift != 0)).any():
        raise GraphError(
            f"the batch norm after '{norm.conv}' has a weight of 0 and a bias in a channel, which NIR cannot say"
            " without changing the convolution: fold batch norms"
        )
    own = np.array(norm.conv_bias) if norm.conv_bias is not None else 0.0
    return scale, own - np.array(norm.mean) + np.divide(shift, scale, out=np.zeros_like(shift), where=scale != 0)


def folded(norm: BatchNorm, weight: NDArray[Any]) -> tuple[_Floats, _Floats]:
    """Weight and bias of the one convolution that does what the convolution and the batch norm do, in float64."""
    scale = np.array(norm.weight) / np.sqrt(np.array(norm.var) + norm.eps)
    own = np.array(norm.conv_bias) if norm.conv_bias is not None else 0.0
    return weight * _along(scale, weight.ndim), (own - np.array(norm.mean)) * scale + np.array(norm.bias)


def scale_node(norm: BatchNorm, shape: Shape) -> Node:
    """The Scale (C, ...) of a batch norm whose output is of `shape`."""
    scale, _ = scale_and_bias(norm)
    return Node("Scale", {"scale": np.broadcast_to(_along(scale, len(shape)), shape).astype(np.float32)})


def _along(channels: _Floats, dimensions: int) -> _Floats:
    """One number a channel, to be broadcast over an array whose first dimension is that of channels."""
    return channels.reshape(-1, *(1,) * (dimensions - 1))


def build_batch_norm(norm: BatchNorm, dimensions: int) -> nn.Module:
    """The batch norm itself, in evaluation, of images of so many dimensions."""
    kind = nn.BatchNorm2d if dimensions == 3 else nn.BatchNorm1d
    module = kind(len(norm.mean), eps=norm.eps).eval()
    state = {"weight": norm.weight, "bias": norm.bias, "running_mean": norm.mean, "running_var": norm.var}
    module.load_state_dict({name: torch.tensor(values) for name, values in state.items()}, strict=False)
    return module


def check_batch_norm(name: str, norm: BatchNorm, nodes: Mapping[str, Node], sources: list[str]) -> None:
    """Refuse a batch norm that says other than the graph's Scale and bias.

    Raises:
        GraphError: naming the node.
    """
    if sources != [norm.conv] or nodes[norm.conv].type not in WEIGHTS or "bias" not in nodes[norm.conv].fields:
        raise GraphError(f"node '{name}' follows {sources}, and its sidecar says a layer '{norm.conv}' with a bias")
    lengths = {len(norm.weight), len(norm.bias), len(norm.mean), len(norm.var)}
    lengths |= {len(norm.conv_bias)} if norm.conv_bias is not None else set()
    channels = len(nodes[norm.conv].array("weight"))
    if lengths != {channels}:
        raise GraphError(f"node '{name}' has {channels} channels, and its sidecar {sorted(lengths)}")
    scale, bias = scale_and_bias(norm)
    found = nodes[name].array("scale")
    if len(found) != channels or not np.allclose(found, _along(scale, found.ndim), rtol=_CLOSE):
        raise GraphError(f"node '{name}': its sidecar contradicts its scale")
    if not np.allclose(nodes[norm.conv].array("bias"), bias, rtol=_CLOSE, atol=_CLOSE):
        raise GraphError(f"node '{norm.conv}': the sidecar of '{name}' contradicts its bias")
