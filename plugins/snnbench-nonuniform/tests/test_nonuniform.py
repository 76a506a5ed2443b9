"""The kit, and each formula against a plain loop."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import pytest
import torch
from snnbench_nonuniform import TERMS, apot, dorefa, magnitudes, n2uq

from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("dorefa")
def test_dorefa_keeps_the_contract(check):
    check()


@parametrize_with_checks("apot")
def test_apot_keeps_the_contract(check):
    check()


@parametrize_with_checks("n2uq")
def test_n2uq_keeps_the_contract(check):
    check()


def weights(count=60):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(count, dtype=torch.float64, generator=generator) * 0.4 + 0.05
    return w.requires_grad_(), torch.randn(count, dtype=torch.float64, generator=generator)


def dorefa_by_loop(values, bits):
    if bits == 1:
        mean = sum(map(abs, values)) / len(values)
        return [mean if v >= 0 else -mean for v in values]
    most, steps = max(abs(math.tanh(v)) for v in values), 2**bits - 1
    return [2 * round(steps * (math.tanh(v) / (2 * most) + 0.5)) / steps - 1 for v in values]


def n2uq_by_loop(values, bits):
    scale = sum(map(abs, values)) / len(values) * (2**bits - 1) / 2 ** (bits - 1)
    n = (2**bits - 1) / 2
    return [scale * (round((max(-1, min(1, v / scale)) + 1) * n) / n - 1) for v in values]


def apot_by_loop(values, alpha, levels):
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    found, slopes = [], []
    for v in values:
        x = (v - mean) / deviation / alpha
        q = math.copysign(min(levels, key=lambda level: abs(level - min(abs(x), 1))), x)
        found.append(alpha * q)
        slopes.append(math.copysign(1, x) if abs(x) > 1 else q - x)
    return found, slopes, deviation


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_dorefa_formula(bits):
    w, _ = weights()
    found = dorefa(w, bits=bits, rescale=False)(w)
    torch.testing.assert_close(found.tolist(), dorefa_by_loop(w.tolist(), bits))


def test_dorefas_gradient_leaves_out_the_rounding_alone():
    w, upstream = weights()
    dorefa(w, bits=3, rescale=False)(w).backward(upstream)
    (expected,) = torch.autograd.grad(w.tanh() / w.tanh().abs().max(), w, upstream)
    torch.testing.assert_close(w.grad, expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_n2uq_formula(bits):
    w, _ = weights()
    torch.testing.assert_close(n2uq(w, bits=bits)(w).tolist(), n2uq_by_loop(w.tolist(), bits))


def test_n2uqs_gradient_passes_inside_the_clip_range():
    w, upstream = weights()
    n2uq(w, bits=1)(w).backward(upstream)
    inside = w.detach().abs() <= w.detach().abs().mean()
    assert not inside.all()
    torch.testing.assert_close(w.grad, upstream * inside)


@pytest.mark.parametrize("bits", TERMS)
@pytest.mark.parametrize("alpha", [3.0, 1.2])
def test_apot_values_and_gradients(bits, alpha):
    w, upstream = weights()
    quantizer = apot(w, bits=bits, rescale=False)
    assert quantizer.alpha.item() == 3.0
    with torch.no_grad():
        quantizer.alpha.fill_(alpha)
    found = quantizer(w)
    found.backward(upstream)
    expected, slopes, deviation = apot_by_loop(w.tolist(), alpha, magnitudes(bits).double().tolist())
    torch.testing.assert_close(found.tolist(), expected)
    assert float(quantizer.alpha.grad) == pytest.approx(
        sum(s * u for s, u in zip(slopes, upstream.tolist(), strict=True))
    )
    torch.testing.assert_close(w.grad, upstream / deviation)


@pytest.mark.parametrize("bits", TERMS)
def test_apot_levels_are_distinct_sums_of_powers_of_two_and_fill_the_bits(bits):
    found = magnitudes(bits).tolist()
    sums = [sum(each) for each in product(*([0.0, *(2.0**-p for p in terms)] for terms in TERMS[bits]))]
    assert len(set(found)) == 2 ** (bits - 1)
    torch.testing.assert_close(found, sorted(s / max(sums) for s in sums))


def test_the_readme_lists_the_sets_of_each_number_of_bits():
    rows = [f"| {bits} | {' + '.join(map(written, sets))} |\n" for bits, sets in TERMS.items()]
    assert "".join(rows) in (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def written(terms):
    return "{" + ", ".join(f"2^-{power}" for power in terms) + "}"


def test_apot_levels_of_4_bits_are_those_of_the_original_code():
    # build_power_value(B=3): one of {0, 1/2, 1/4, 1/16} plus one of {0, 1/8}, over the largest sum.
    assert magnitudes(4).tolist() == pytest.approx([v / 10 for v in (0, 1, 2, 3, 4, 6, 8, 10)])


@pytest.mark.parametrize("factory", [dorefa, apot])
def test_rescaling_is_the_least_squares_scale(factory):
    w, _ = weights()
    plain, rescaled = (factory(w, bits=3, rescale=rescale)(w).detach() for rescale in (False, True))
    scales = (rescaled / plain)[plain != 0]
    expected = torch.linalg.lstsq(plain[:, None], w.detach()[:, None]).solution.item()
    torch.testing.assert_close(scales, torch.full_like(scales, expected))
