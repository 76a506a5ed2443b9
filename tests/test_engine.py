"""Which engine runs, and that the record of a cell does not depend on it."""

from __future__ import annotations

import ast
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import nn

import snnbench
from snnbench import native
from snnbench.bench.bench import open_bench
from snnbench.bench.quantized import make_quantized, training_engine
from snnbench.bench.run import make_cells
from snnbench.engine import ENGINES, WORTH_COMPILING, Engine, EngineChoice, check_engine, choose_engine
from snnbench.errors import OptionError
from snnbench.functional import FiringProfile, firing_emd
from snnbench.nn import record_firing, sew_resnet8
from snnbench.nn.compiled import build, why_not_compiled
from snnbench.records.cell import quantizer_spec
from snnbench.reporting import Silent
from snnbench.training.baseline import TrainingSet, training_set

pytestmark = pytest.mark.usefixtures("shared_cache")


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    for module, remembered in ((native, native.cpp_compiler), (build, build.why_not_compiled)):
        monkeypatch.setattr(module, remembered.__name__, remembered.__wrapped__)
    monkeypatch.setattr(build, "native_library", native.native_library.__wrapped__)
    monkeypatch.setattr("snnbench.nn.compiled.why_not_compiled", build.why_not_compiled)


def measure(out: Path, engine: EngineChoice, quantizer: str = "uniform") -> snnbench.bench.run.Finished:  # type: ignore[name-defined]
    return snnbench.run(quantizer, 4, protocol="digits-sew8", out=out / engine, limit=60, engine=engine)[0]


@needs_kernels
@pytest.mark.parametrize("quantizer", ["uniform", "lqnet"])
def test_records_of_both_engines_are_the_same(tmp_path: Path, quantizer: str) -> None:
    eager, compiled = (measure(tmp_path, engine, quantizer) for engine in ("eager", "compiled"))
    assert (eager.record.environment.engine, compiled.record.environment.engine) == ("eager", "compiled")
    kept = {"environment", "started", "seconds"}
    assert eager.record.model_dump(exclude=kept) == compiled.record.model_dump(exclude=kept)
    files = [cell.directory / "evidence.safetensors" for cell in (eager, compiled)]
    assert files[0].read_bytes() == files[1].read_bytes()


@needs_kernels
def test_the_integer_engine_is_named_and_close(tmp_path: Path) -> None:
    eager, integer = (measure(tmp_path, engine) for engine in ("eager", "integer"))
    assert integer.record.environment.engine == "integer"
    close = pytest.approx(eager.record.metrics["firing_emd"].value, abs=0.01)
    assert integer.record.metrics["firing_emd"].value == close


@needs_kernels
@pytest.mark.parametrize("name", ["kernels.cpp", "membranes.cpp"])
def test_kernels_are_built_anew_when_a_header_changes(tmp_path: Path, name: str) -> None:
    source = shutil.copytree(build.SOURCE.parent, tmp_path / "kernels") / name
    before = native._path(source, native.cpp_compiler() or "")
    header = source.with_name("memory.h")
    header.write_text(header.read_text("utf-8") + "\n", "utf-8")
    assert native._path(source, native.cpp_compiler() or "") != before


def test_auto_compiles_only_what_pays() -> None:
    assert choose_engine("auto", WORTH_COMPILING - 1) == "eager"
    assert choose_engine("auto", WORTH_COMPILING) == ("eager" if why_not_compiled() else "compiled")


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_auto_is_eager_and_compiled_is_refused(tmp_path: Path) -> None:
    assert choose_engine("auto", WORTH_COMPILING) == "eager"
    with pytest.raises(OptionError, match=r"--engine compiled cannot be used: .*C\+\+ compiler.*--engine eager"):
        measure(tmp_path, "compiled")


@needs_kernels
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_the_table_says_what_an_engine_does(engine: Engine) -> None:
    assert ENGINES[engine.name] is engine
    assert engine.why_not() is None
    torch.manual_seed(0)
    model, images = sew_resnet8(8, channels=1, bn_scale=2.0).eval(), torch.randn(4, 1, 8, 8)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Conv2d):  # whole numbers, which the integer engine runs as they are
                part.weight.copy_((part.weight * 8).round() / 8)
        with record_firing(model) as expected:
            model(images)
        fast = engine.form(model)
        with record_firing(fast) as found:
            fast(images)
    if engine.exact:
        assert found.profile() == expected.profile()
    if engine.trains:
        fast.train()(images).sum().backward()
        assert all(p.grad is not None for p in model.parameters())
    assert engine.runs_on("cpu")
    assert engine.runs_on("cuda:1") == (engine.name == "eager")


@pytest.mark.parametrize("choice", ["compiled", "integer"])
def test_an_engine_of_the_cpu_is_refused_on_another_device(choice: EngineChoice) -> None:
    with pytest.raises(OptionError, match=rf"--engine {choice} cannot be used: it runs on cpu, not on cuda; use"):
        check_engine(choice, "cuda")


def test_engines_are_spelled_in_their_table_alone() -> None:
    """But for whole numbers that are called integers: chips' arithmetic and types of options."""
    house = Path(snnbench.__file__).parent
    others = {"integer": {"chips/document.py", "options.py"}}
    found = {
        f"{path.relative_to(house).as_posix()}: {node.value}"
        for path in house.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in ENGINES
        if path.relative_to(house).as_posix() not in {"engine.py", *others.get(node.value, ())}
    }
    assert found == set()


@needs_kernels
def test_an_integer_result_is_not_reused_for_another_engine(tmp_path: Path) -> None:
    def engine(wanted: EngineChoice) -> tuple[str, bool]:
        cell = snnbench.run("uniform", 4, protocol="digits-sew8", out=tmp_path, limit=20, engine=wanted)[0]
        return cell.record.environment.engine, cell.reused

    found = [engine(wanted) for wanted in ("integer", "eager", "compiled", "integer")]
    assert found == [("integer", False), ("eager", False), ("eager", True), ("integer", False)]


@needs_kernels
def test_fine_tuning_is_compiled_unless_eager_is_chosen() -> None:
    def engine(wanted: EngineChoice) -> str:
        return training_engine(open_bench("digits-sew8", engine=wanted))

    assert [engine(wanted) for wanted in ("auto", "compiled", "integer", "eager")] == [*["compiled"] * 3, "eager"]
    assert training_engine(open_bench("digits-sew8", device="meta")) == "eager"


TUNED_ON = 2_560
"""Training images of a fine-tuning on CIFAR-10 here, 20 steps: six of them take some five minutes of one core."""


@pytest.fixture
def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(*arguments: Any) -> TrainingSet:
        whole = training_set(*arguments)
        return TrainingSet(whole.images[:TUNED_ON], whole.labels[:TUNED_ON], whole.normalise)

    monkeypatch.setattr("snnbench.bench.quantized.training_set", first)


@needs_kernels
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("shortened", "cifar_root")
@pytest.mark.parametrize(("protocol", "baselines"), [("digits-sew8", 3), ("cifar10-sew8-v3", 2)])
def test_engines_that_fine_tune_differ_by_less_than_seeds(protocol: str, baselines: int) -> None:
    """The root mean square over three seeds; the seeds' own distance is that of all pairs of eager trainings.

    Seeds are multiples of the number of `baselines`, so that all fine-tune the same one.
    """

    def measured(engine: EngineChoice, number: int) -> tuple[float, FiringProfile]:
        seed = baselines * number
        bench = open_bench(protocol, seed, limit=500, engine=engine)
        (cell,) = make_cells(bench, [quantizer_spec("lqnet", 4, {})], None, "qat", seed)
        assert training_engine(bench) == engine
        found = bench.evaluate(make_quantized(bench, cell, Silent()).model, "", Silent())
        return float((found.predictions.numpy() == bench.test_set()[1]).mean()), found.profile

    def gap(first: tuple[float, FiringProfile], second: tuple[float, FiringProfile]) -> tuple[float, float]:
        return abs(first[0] - second[0]), float(firing_emd(first[1], second[1]))

    eager, compiled = ([measured(engine, number) for number in range(3)] for engine in ("eager", "compiled"))
    engines = torch.tensor([gap(a, b) for a, b in zip(eager, compiled, strict=True)]).square().mean(0).sqrt()
    seeds = torch.tensor([gap(a, b) for a, b in combinations(eager, 2)]).square().mean(0).sqrt()
    assert engines[1] < seeds[1]
    assert engines[0] <= seeds[0]
