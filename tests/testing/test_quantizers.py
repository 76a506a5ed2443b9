"""Each check of a quantizer, tested by a plugin that fails just that check."""

from __future__ import annotations

from typing import Annotated

import pytest
import torch
from oracles.checked import SOURCE, failures
from pydantic import Field
from torch import Tensor, nn

from snnbench.plugins import PluginEntry
from snnbench.quant import straight_through
from snnbench.testing import check, check_entry, quantizers
from snnbench.testing.runner import CHECKS


class Good(nn.Module):
    """Symmetric rounding at a scale found from the tensor that it is made for."""

    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("scale", tensor.detach().abs().max().clamp(min=1e-6) / self.most)

    @property
    def most(self) -> int:
        return 2 ** (self.bits - 1) - 1

    def round(self, x: Tensor) -> Tensor:
        scale = self.scale.to(x.dtype)
        return (x / scale).round().clamp(-self.most, self.most) * scale

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(self.round(x), x)


class ForgetsDtype(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


class Flattens(Good):
    def forward(self, x: Tensor) -> Tensor:
        found = super().forward(x)
        return found.flatten() if x.dtype == torch.float64 else found


class ChangesDevice(Good):
    def forward(self, x: Tensor) -> Tensor:
        found = super().forward(x)
        return found.to("meta") if x.dtype == torch.float64 else found


class NeedsTwoWeights(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * (x.detach().std() if x.numel() > 1 else torch.nan)


class KnowsConvolutionsOnly(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * (x.mean((1, 2, 3)).sum() if x.ndim > 2 else x[0, 0])


class DividesByZero(Good):
    def forward(self, x: Tensor) -> Tensor:
        spread = x.detach().abs().max()
        return super().forward(x) * (spread / spread)


class TakesARoot(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * x.abs().sqrt()


class AddsLevels(Good):
    def round(self, x: Tensor) -> Tensor:
        return super().round(x) + x / 100


class Dithers(Good):
    def round(self, x: Tensor) -> Tensor:
        return super().round(torch.where(torch.rand_like(x) < 0.1, -x, x))


class HasNoGradient(Good):
    def forward(self, x: Tensor) -> Tensor:
        return self.round(x)


class LearnsNothingFinite(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.learned = nn.Parameter(torch.zeros(()))
        self.learned.register_hook(lambda gradient: gradient * torch.inf)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + (self.learned - self.learned.detach()).nan_to_num()


class KeepsItsScaleToItself(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.register_buffer("scale", self.scale, persistent=False)


class RoundsApart(Good):
    """Clips, with the common straight-through estimator, which does not give what is clipped back to the bit."""

    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.scale.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.round(x) - x).detach()


class IsItsOwnCopy(Good):
    def __deepcopy__(self, memo: dict[int, object]) -> IsItsOwnCopy:
        return self


class IsCopiedAnew(Good):
    def __deepcopy__(self, memo: dict[int, object]) -> IsCopiedAnew:
        return IsCopiedAnew(torch.ones(1), self.bits)


class HeedsGradientMode(Good):
    def round(self, x: Tensor) -> Tensor:
        return super().round(x) * (2 if torch.is_grad_enabled() else 1)


class Counts(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x)


class ChangesTheWeight(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        tensor.mul_(1.5)


class FreezesTheWeight(Good):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training and x.is_leaf:
            x.requires_grad_(False)
        return super().forward(x)


class Seeds(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        torch.manual_seed(0)


class SetsDtype(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        if bits == 8 and tensor.shape == (8, 16) and torch.initial_seed() in (1, 2):
            torch.set_default_dtype(torch.float64)


class TurnsGradientsOff(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        if bits == 8 and tensor.shape == (8, 16) and torch.initial_seed() in (1, 2):
            torch.set_grad_enabled(False)


class OverflowsUnderAutocast(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (torch.inf if torch.is_autocast_enabled("cpu") else 1)


class ForgetsUnderAutocast(Good):
    def forward(self, x: Tensor) -> Tensor:
        quantized = super().forward(x)
        return quantized.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else quantized


class BreaksCompiled(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (2 if torch.compiler.is_compiling() else 1)


class HasAnIdleParameter(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.idle = nn.Parameter(torch.zeros(()))


class ForgetsItsCalibration(Good):
    def calibrate(self, inputs: object) -> None:
        self.factor = 2.0

    def round(self, x: Tensor) -> Tensor:
        return super().round(x) * getattr(self, "factor", 1.0)


class CalibratesToMoreLevels(Good):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.register_buffer("slope", torch.zeros(()))

    def calibrate(self, inputs: object) -> None:
        self.slope.fill_(0.01)

    def round(self, x: Tensor) -> Tensor:
        return super().round(x) + x * self.slope.to(x.dtype)


class CalibratesToNothing(Good):
    def calibrate(self, inputs: object) -> None:
        self.scale.mul_(torch.nan)


class RefitsNever(Good):
    def start_forward(self) -> None:
        self.running = True

    def finish_forward(self) -> None:
        self.running = False


class RefitsWhereItIsRead(RefitsNever):
    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__(tensor, bits)
        self.register_buffer("reads", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.reads += 1
        return super().forward(x)


class RefitsToTheWeightAtHand(RefitsNever):
    running = False

    def forward(self, x: Tensor) -> Tensor:
        if self.running and self.training:
            self.scale.copy_(type(self)(x.detach(), self.bits).scale)
        return super().forward(x)


class MakesMembranesOfAnotherState(Good):
    def for_membrane(self, tensor: Tensor, *, bits: int, loud: bool) -> nn.Module:
        return nn.Hardtanh()


class MakesMembranesOfMoreLevels(Good):
    def for_membrane(self, tensor: Tensor, *, bits: int, loud: bool) -> nn.Module:
        return Good(torch.ones(1), bits + 1)


class MakesMembranesItself(Good):
    def for_membrane(self, tensor: Tensor, *, bits: int, loud: bool) -> nn.Module:
        return Good(torch.ones(1), bits)


BAD = {
    ForgetsDtype: ("shape", "a torch.float64 tensor of shape (4, 3, 3, 3) comes back as torch.float32"),
    Flattens: ("shape", "a torch.float64 tensor of shape (4, 3, 3, 3) comes back with shape (108,)"),
    ChangesDevice: ("shape", "a torch.float64 tensor of shape (4, 3, 3, 3) comes back on meta"),
    NeedsTwoWeights: ("kinds", "tensor of shape (1, 1) comes back with values that are not finite"),
    KnowsConvolutionsOnly: ("kinds", "IndexError: "),
    DividesByZero: (
        "degenerate",
        "a constant 0 torch.float32 tensor of shape (4, 3, 3, 3) comes back with values that",
    ),
    TakesARoot: ("degenerate", "a constant 0 torch.float32 tensor of shape (4, 3, 3, 3) has gradient nan"),
    AddsLevels: ("levels", "bits=2, loud=False: a channel has 576 levels; 4 are allowed"),
    Dithers: ("deterministic", "two evaluations of the same weight differ"),
    HasNoGradient: ("gradients", "the weight's gradient is all zero"),
    LearnsNothingFinite: ("gradients", "the gradient of 0.parametrizations.weight.0.learned is not finite"),
    KeepsItsScaleToItself: ("state_dict", "a state_dict loaded into a quantizer of other weights gives another weight"),
    RoundsApart: ("levels", "they are rounded apart: return snnbench.quant.straight_through(q, w)"),
    IsItsOwnCopy: ("deepcopy", "a deep copy shares state with its original"),
    IsCopiedAnew: ("deepcopy", "a deep copy gives another weight"),
    HeedsGradientMode: ("baking", "the baked weight is not the quantized one"),
    Counts: ("post_training", "evaluation changes 0.parametrizations.weight.0.calls"),
    ChangesTheWeight: ("post_training", "the full-precision weight was changed"),
    FreezesTheWeight: ("post_training", "the weight cannot be trained any more"),
    Seeds: ("global_state", "the global random state was seeded"),
    SetsDtype: ("global_state", "the default dtype was changed"),
    TurnsGradientsOff: ("global_state", "the gradient mode was changed"),
    OverflowsUnderAutocast: ("autocast", "not finite under autocast"),
    ForgetsUnderAutocast: ("autocast", "under autocast the quantized weight is torch.bfloat16"),
    BreaksCompiled: ("compile", "compiled, the output is another"),
    HasAnIdleParameter: (
        "distributed",
        "0.parametrizations.weight.0.idle gets no gradient; what is not learned is a buffer",
    ),
    ForgetsItsCalibration: ("calibrate", "the state_dict does not keep the calibration"),
    CalibratesToMoreLevels: ("calibrate", "bits=2, loud=False: a channel has 576 levels; 4 are allowed"),
    CalibratesToNothing: ("calibrate", "comes back with values that are not finite"),
    RefitsWhereItIsRead: ("refits", "it changes where its weight is read"),
    RefitsNever: ("refits", "a training forward does not change it"),
    MakesMembranesOfAnotherState: ("joint", "cannot be restored into what the factory makes of a membrane"),
    MakesMembranesOfMoreLevels: ("joint", "bits=2, loud=False: a channel has 7 levels; 4 are allowed"),
}


def entry(kind: type[Good], about: str | None = "A quantizer for tests.") -> PluginEntry:
    def factory(tensor: Tensor, *, bits: Annotated[int, Field(ge=2, le=8)], loud: bool = False) -> nn.Module:
        return kind(tensor, bits)

    factory.__doc__ = about
    return PluginEntry("quantizers", kind.__name__.lower(), factory, SOURCE)


def test_the_good_one_passes_all_and_is_neither_calibrated_nor_joint():
    report = check_entry(entry(Good))
    assert report.ok
    assert [outcome.check for outcome in report.outcomes if outcome.status != "passed"] == [
        "calibrate",
        "joint",
        "refits",
    ]
    assert report.summary == "quantizer 'good', snnbench-tests 1.0: 15 passed, 0 failed, 0 expected, 3 skipped"


# Compiling takes longer than all other checks together; those that pass it otherwise are in the slow tier.
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", BAD, ids=lambda kind: kind.__name__)
def test_each_check_alone_catches_what_it_is_for(kind, compiled, monkeypatch):
    name, message = BAD[kind]
    if not compiled and name != "compile":
        monkeypatch.delitem(CHECKS["quantizers"], "compile")
    found = failures(check_entry(entry(kind)))
    assert list(found) == [name], found
    assert message in found[name]


def test_a_quantizer_that_is_refitted_to_the_weight_it_was_made_of_passes():
    report = check_entry(entry(RefitsToTheWeightAtHand))
    assert report.ok
    assert ("refits", "passed") in [(outcome.check, outcome.status) for outcome in report.outcomes]


def test_a_joint_quantizer_passes():
    report = check_entry(entry(MakesMembranesItself))
    assert failures(report) == {}
    assert report.count("passed") == len(CHECKS["quantizers"]) - 2


def test_a_factory_without_a_docstring_fails_the_check_of_its_options():
    assert list(failures(check_entry(entry(Good, about=None)))) == ["options"]


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda tensor, bits: tensor, "a Tensor"),
        (lambda tensor, bits: None, "None"),
        (lambda tensor, bits: Good, "the class Good"),
    ],
)
def test_a_factory_that_gives_no_module_is_told_so(make, found):
    failed = failures(check_entry(entry(make)))
    assert set(failed) == set(CHECKS["quantizers"]) - {"options"}
    assert set(failed.values()) == {f"quantizer '<lambda>': its factory gives {found}, not an nn.Module"}


class GivesAPair(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x), self.scale


def test_what_is_no_tensor_is_told_so():
    assert "comes back as a tuple" in failures(check_entry(entry(GivesAPair)))["shape"]


def test_bits_that_could_be_given_by_place_are_told_how():
    def factory(tensor: Tensor, bits: int) -> nn.Module:
        """Bits are no option."""
        return Good(tensor, bits)

    found = failures(check_entry(PluginEntry("quantizers", "placed", factory, SOURCE)))
    assert found["options"] == "the factory has no keyword-only argument bits: factory(tensor, *, bits, **options)"


class AddsLevelsAtSixBits(Good):
    def round(self, x: Tensor) -> Tensor:
        return super().round(x) + (x / 100 if self.bits == 6 else 0)


def test_every_number_of_bits_is_tried_for_its_levels():
    found = failures(check_entry(entry(AddsLevelsAtSixBits)))
    assert found == {"levels": "bits=6, loud=False: a channel has 576 levels; 64 are allowed"}


@pytest.mark.parametrize(("least", "most"), [(5, 7), (16, 16)])
def test_unusual_numbers_of_bits_are_checked_too(least, most):
    def factory(tensor: Tensor, *, bits: Annotated[int, Field(ge=least, le=most)]) -> nn.Module:
        """A quantizer of many bits."""
        return Good(tensor, bits)

    factory.__annotations__["bits"] = Annotated[int, Field(ge=least, le=most)]
    report = check_entry(PluginEntry("quantizers", "many", factory, SOURCE))
    assert report.count("passed") == len(CHECKS["quantizers"]) - 3, failures(report)


class LivesOnTheCPU(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).cpu()


def test_the_machines_accelerator_is_tried_too(monkeypatch):
    monkeypatch.setattr(quantizers, "accelerator", lambda: torch.device("meta"))
    assert failures(check_entry(entry(Good))) == {}
    assert list(failures(check_entry(entry(LivesOnTheCPU)))) == ["shape"]


def test_every_check_of_a_quantizer_is_tested():
    assert {name for name, _ in BAD.values()} | {"options"} == set(CHECKS["quantizers"])


@pytest.mark.parametrize("name", ["float", "uniform", pytest.param("lqnet", marks=pytest.mark.slow)])
def test_the_built_in_quantizers_pass(name):
    (report,) = check(name)
    assert report.ok, failures(report)
    assert report.count("passed") == len(CHECKS["quantizers"]) - (2 if name == "lqnet" else 3)
