"""What a protocol's ``[quantize]`` section may name, and what it does to a quantizer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from torch import Tensor, nn

from snnbench.bench.bench import Bench, open_bench
from snnbench.bench.quantized import _cuts_resets, make_quantized, put_on_membranes
from snnbench.bench.run import make_cells
from snnbench.builtin.uniform import Clip, uniform
from snnbench.errors import OptionError, ProtocolError
from snnbench.nn import sew_resnet8
from snnbench.nn.neurons import Reset, Site
from snnbench.protocols.document import Quantize
from snnbench.quant import quantize_membranes, quantize_weights
from snnbench.records.cell import membrane_spec, quantizer_spec
from snnbench.reporting import Silent


def bench_with(**section: Any) -> Bench:
    bench = open_bench("digits-sew8")
    return replace(bench, protocol=bench.protocol.model_copy(update={"quantize": Quantize(**section)}))


def declared(bench: Bench, name: str, bits: int | None) -> dict[str, int]:
    (cell,) = make_cells(bench, [quantizer_spec(name, bits, {})], None, "ptq", 0)
    return make_quantized(bench, cell, Silent()).declared


def test_a_layer_has_its_own_bits() -> None:
    layer = list(declared(bench_with(), "uniform", 2))[3]
    found = declared(bench_with(bits={layer: 5}), "uniform", 2)
    assert found.pop(layer) == 5
    assert set(found.values()) == {2}


def test_a_quantizer_of_fixed_bits_keeps_them() -> None:
    layer = next(iter(declared(bench_with(), "float", None)))
    assert set(declared(bench_with(bits={layer: 5}), "float", None).values()) == {32}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"bits": {"fcc": 3}}, r"bits: 'fcc' is not a layer it can name; "),
        ({"bits": {"stem.conv": 3}}, r"'stem\.conv' is not a layer it can name"),
        ({"exempt": ["stem.con", "fc"]}, r"exempt: 'stem\.con' .*did you mean 'stem\.conv'\? it can"),
        ({"exempt": ["one", "two"]}, r"'one' is not a layer it can name; 'two' is not a layer"),
    ],
)
def test_names_of_no_layer_are_refused(section: dict, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        declared(bench_with(**section), "float", None)


def test_bits_that_the_quantizer_has_not_are_refused() -> None:
    layer = next(iter(declared(bench_with(), "float", None)))
    with pytest.raises(OptionError, match=r"bits=9 is outside 1\.\.8"):
        declared(bench_with(bits={layer: 9}), "lqnet", 4)


@pytest.mark.parametrize("bits", [0, 33, -1, 2.5])
def test_bits_are_between_1_and_32(bits: float) -> None:
    with pytest.raises(ValidationError, match="bits"):
        Quantize(bits={"fc": bits})


class Joint(nn.Identity):
    """Weights that make the quantizer of the membrane that they feed."""

    def for_membrane(self, tensor: Tensor, *, bits: int, **options: object) -> nn.Module:
        return nn.Hardtanh(-bits, bits)


@pytest.mark.parametrize("joint", [True, False])
def test_weights_make_the_quantizer_of_the_membrane_that_they_feed(joint: bool) -> None:
    bench = open_bench("digits-sew8")
    model = bench.network.build()
    fed = quantize_weights(model, lambda name, weight: Joint()).quantized
    names = put_on_membranes(model, membrane_spec("uniform", 3, {"site": "pre_spike"}), bench, joint)
    found = {name: model.get_submodule(name).state_quantizer for name in names}
    made = {name for name, quantizer in found.items() if isinstance(quantizer, nn.Hardtanh)}
    assert made == ({layer.removesuffix("conv") + "neuron" for layer in fed} if joint else set())
    assert all(found[name].max_val == 3 for name in made)
    assert "stem.neuron" in found


@pytest.mark.parametrize(
    ("reset", "site", "clip", "cut"),
    [
        ("soft", "pre_spike", "narrow", True),
        ("soft", "pre_spike", "wide", False),
        ("soft", "post_reset", "narrow", False),
        ("hard", "pre_spike", "narrow", False),
    ],
)
def test_what_a_soft_reset_loses_to_a_clip_at_the_threshold_is_told(
    reset: Reset, site: Site, clip: Clip, cut: bool
) -> None:
    model = sew_resnet8(width=4, neuron="if", reset=reset)
    quantize_membranes(model, lambda layer, like: uniform(like, bits=8, clip=clip), site, (3, 8, 8))
    assert _cuts_resets(model) == cut
