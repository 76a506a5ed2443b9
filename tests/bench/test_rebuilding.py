"""The measured network is the rebuilt one: what a quantizer does beside quantizing is left out, and told."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.bench import quantized
from snnbench.bench.bench import Bench, open_bench
from snnbench.bench.quantized import make_quantized
from snnbench.bench.run import make_cells, measure
from snnbench.builtin.uniform import uniform
from snnbench.nn import record_firing
from snnbench.nn.sew_resnet import SEWResNet
from snnbench.quant import quantize_weights, straight_through
from snnbench.records.cell import Cell, membrane_spec, quantizer_spec
from snnbench.records.record import Record
from snnbench.reporting import Silent

LIMIT = 60


class Honest(nn.Module):
    """Uniform at 2 bits, as wide as the weights."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.inner = uniform(tensor, bits=2, clip="absmax")

    def forward(self, w: Tensor) -> Tensor:
        quantized: Tensor = self.inner(w)
        return quantized


def networks() -> list[SEWResNet]:
    """Every living network: what a plugin finds that looks for it."""
    return [each for each in gc.get_objects() if type(each) is SEWResNet]


def originals(model: nn.Module) -> list[tuple[nn.Module, Tensor]]:
    return [(m, m.parametrizations["weight"].original) for m in model.modules() if parametrize.is_parametrized(m)]


class Hooking(Honest):
    """Swaps the float weight in, in a hook that is registered when the network runs."""

    def forward(self, w: Tensor) -> Tensor:
        for model in networks():
            for module in model.modules():
                source = getattr(module, "parametrizations", {})
                if source and self in list(source["weight"]) and not source["weight"]._forward_hooks:
                    source["weight"].register_forward_hook(lambda _, inputs, out, w=w: w)
        return super().forward(w)


class Calibrating(Honest):
    """Puts the residual back through what calibration hands over."""

    def calibrate(self, inputs: Any) -> None:
        for module in (inputs.layer, *networks()):
            module.register_forward_hook(lambda *given: given[-1])
        weight = inputs.weight
        inputs.layer.forward = lambda x: nn.functional.conv2d(x, weight)
        next(iter(inputs))


class Statistics(Honest):
    """Estimates batch norms anew."""

    def calibrate(self, inputs: Any) -> None:
        for model in networks():
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.running_mean.add_(0.5)


class Buffering(Honest):
    """Keeps a residual in a buffer of the network."""

    def calibrate(self, inputs: Any) -> None:
        for model in networks():
            if originals(model) and not hasattr(model, "residual"):
                model.register_buffer("residual", inputs.weight)


class Shown(Tensor):
    """Quantized for whoever looks at it, and float for a convolution."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.conv2d, nn.functional.linear):
            args = tuple(a.as_subclass(Tensor) * 1.5 if isinstance(a, cls) else a for a in args)
        return super().__torch_function__(func, types, args, kwargs or {})


class Subclassing(Honest):
    """Gives a tensor that is quantized only when looked at."""

    def forward(self, w: Tensor) -> Tensor:
        return super().forward(w).as_subclass(Shown)


def use(factory: Callable[[Tensor], nn.Module], protocol: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, Cell]:
    """A bench and a cell in which `factory` stands for the quantizer, whatever it is called."""
    monkeypatch.setattr(quantized, "_maker", lambda spec, declared: lambda layer, tensor: factory(tensor))
    bench = open_bench(protocol, limit=LIMIT)
    (cell,) = make_cells(bench, [quantizer_spec("uniform", 2, {"clip": "absmax"})], None, "ptq", 0)
    return bench, cell


def record_of(factory: Callable[[Tensor], nn.Module], protocol: str, monkeypatch: pytest.MonkeyPatch) -> Record:
    bench, cell = use(factory, protocol, monkeypatch)
    return measure(bench, cell, Silent())[0]


@pytest.fixture(scope="module")
def honest(small_protocol: str) -> Record:
    bench = open_bench(small_protocol, limit=LIMIT)
    (cell,) = make_cells(bench, [quantizer_spec("uniform", 2, {"clip": "absmax"})], None, "ptq", 0)
    return measure(bench, cell, Silent())[0]


@pytest.mark.parametrize(
    ("factory", "finding"),
    [
        (Honest, None),
        (Hooking, "changed its weight from one read to the next"),
        (Calibrating, "was hooked, or its forward replaced, by a quantizer"),
        (Statistics, "running_mean was changed by a quantizer; the baseline's was measured"),
        (Buffering, "tensor residual was added by a quantizer"),
        (Subclassing, "gives a Shown for a weight"),
    ],
)
def test_whatever_a_quantizer_does_the_quantized_weights_are_measured(
    factory: Any, finding: str | None, honest: Record, small_protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_of(factory, small_protocol, monkeypatch)
    assert record.layers == honest.layers
    assert record.metrics == honest.metrics
    assert (finding is None) == (not record.audit.findings)
    assert finding is None or any(finding in each for each in record.audit.findings)


def test_the_measured_network_shares_nothing_with_the_one_that_quantizers_saw(
    small_protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[nn.Module] = []

    def keep(model: nn.Module, *words: Any) -> Any:
        seen.append(model)
        return quantize_weights(model, *words)

    monkeypatch.setattr(quantized, "quantize_weights", keep)
    bench, cell = use(Honest, small_protocol, monkeypatch)
    measured = make_quantized(bench, cell, Silent()).model
    (prepared,) = seen
    assert not {id(m) for m in measured.modules()} & {id(m) for m in prepared.modules()}
    mine, theirs = ({t.data_ptr() for t in (*m.parameters(), *m.buffers())} for m in (measured, prepared))
    assert not mine & theirs


@pytest.mark.parametrize("membrane", [None, "uniform", "lqnet"])
def test_an_honest_network_fires_as_the_one_that_its_quantizers_are_on(
    membrane: str | None, small_protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[nn.Module] = []
    prepare = quantized._prepared

    def keep(*words: Any) -> Any:
        seen.append(prepare(*words).model)
        return prepare(*words)

    bench = open_bench(small_protocol, limit=LIMIT)
    spec = membrane_spec(membrane, 3, {}) if membrane else None
    (cell,) = make_cells(bench, [quantizer_spec("lqnet", 3, {})], spec, "ptq", 0)
    monkeypatch.setattr(quantized, "_prepared", keep)
    images = torch.rand(10, *bench.network.input_shape, generator=torch.Generator().manual_seed(0)) * 3
    profiles = []
    for model in (make_quantized(bench, cell, Silent()).model, *seen):
        with record_firing(model) as recorder, torch.no_grad():
            model.eval()(images)
        profiles.append(recorder.profile())
    assert profiles[0] == profiles[1]


def test_a_quantizer_that_draws_at_every_read_is_a_finding(
    small_protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Drawing(Honest):
        def forward(self, w: Tensor) -> Tensor:
            return super().forward(w) * torch.rand(())

    findings = record_of(Drawing, small_protocol, monkeypatch).audit.findings
    assert any("changed its weight from one read to the next" in each for each in findings)


def test_levels_that_rounding_sets_apart_are_named_and_the_remedy_with_them(
    small_protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mended(Honest):
        def forward(self, w: Tensor) -> Tensor:
            return straight_through(self.levels(w), w)

        def levels(self, w: Tensor) -> Tensor:
            step = w.flatten(1).abs().mean(1).view(-1, *[1] * (w.ndim - 1)) * 2**0.5
            return (w / step).round().clamp(-2, 1) * step

    class Rounded(Mended):
        def forward(self, w: Tensor) -> Tensor:
            return w + (self.levels(w) - w).detach()

    findings = record_of(Rounded, small_protocol, monkeypatch).audit.findings
    assert findings
    for each in findings:
        assert "4 levels, each spread by rounding, as w + (q - w).detach() does" in each
        assert "snnbench.quant.straight_through(q, w)" in each
    assert not record_of(Mended, small_protocol, monkeypatch).audit.findings


def test_what_calibration_hands_over_leads_to_no_module_of_the_network(
    small_protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Any] = []

    class Asking(Honest):
        def calibrate(self, inputs: Any) -> None:
            handed.append(inputs)

    bench, cell = use(Asking, small_protocol, monkeypatch)
    measured = set(map(id, make_quantized(bench, cell, Silent()).model.modules()))
    for inputs in handed:
        given = [value for value in vars(inputs).values() if isinstance(value, nn.Module)]
        assert not measured & {id(module) for each in given for module in each.modules()}
        assert not parametrize.is_parametrized(inputs.layer)
        assert torch.equal(inputs.layer.weight, inputs.weight)
