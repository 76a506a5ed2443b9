"""Choosing levels by the error of a layer's output; weights are (channels, fan_in), levels whole numbers of steps."""

from __future__ import annotations

import torch
from torch import Tensor

_DAMPING = 0.01
_LAMBDA, _BETA = 0.01, (20.0, 2.0)
_WARM_UP = 0.2


def compensated_rounding(weight: Tensor, scale: Tensor, most: int, hessian: Tensor) -> Tensor:
    """GPTQ: column by column, ``-(w_q - quant(w_q)) / [H^-1]_qq [H^-1]_q`` is added to the remaining columns.

    `hessian` is damped by 1 % of its mean diagonal, as in the original code.
    """
    damping = _DAMPING * hessian.diagonal().mean().clamp(min=1e-12)
    damped = hessian + damping * torch.eye(len(hessian), dtype=hessian.dtype, device=hessian.device)
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    left, codes = weight.to(hessian.dtype, copy=True), torch.empty_like(weight)
    for q in range(weight.shape[1]):
        code = (left[:, q] / scale[:, 0]).round().clamp(-most, most)
        codes[:, q] = code
        error = (left[:, q] - code * scale[:, 0]) / inverse[q, q]
        left[:, q:] -= error[:, None] * inverse[q, q:]
    return codes


@torch.enable_grad()
def adaptive_rounding(weight: Tensor, scale: Tensor, most: int, gram: Tensor, steps: int) -> Tensor:
    """AdaRound: the output error plus ``lambda sum(1 - |2h - 1|^beta)``, h = clip(1.2 sigmoid(a) - 0.1, 0, 1).

    lambda is 0.01 and beta falls from 20 to 2, after a fifth of the steps without that term. The error is divided by
    that of rounding to the nearest, so that lambda means the same in every layer.
    """
    gram = gram.to(weight.dtype)
    floor = (weight / scale).floor()
    fraction = (weight / scale - floor).clamp(0.01, 0.99)
    nearest = output_error((weight / scale).round().clamp(-most, most) * scale - weight, gram).clamp(min=1e-12)
    a = torch.logit((fraction + 0.1) / 1.2).requires_grad_()
    optimizer = torch.optim.Adam([a], lr=0.01)
    for step in range(steps):
        h = (1.2 * a.sigmoid() - 0.1).clamp(0, 1)
        error = output_error((floor + h).clamp(-most, most) * scale - weight, gram) / nearest
        progress = (step / steps - _WARM_UP) / (1 - _WARM_UP)
        beta = _BETA[0] + (_BETA[1] - _BETA[0]) * progress
        decided = (1 - (2 * h - 1).abs().pow(beta)).sum() if progress > 0 else 0.0
        optimizer.zero_grad()
        (error + _LAMBDA * decided / len(weight)).backward()
        optimizer.step()
    return (floor + (a.detach() >= 0)).clamp(-most, most)


def output_error(change: Tensor, gram: Tensor) -> Tensor:
    """Mean squared error of the layer's output, summed over channels, of a change (channels, fan_in) of its weight."""
    return ((change @ gram) * change).sum()
