"""Which engine runs, and that the record of a cell does not depend on it."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import snnbench
from snnbench import native
from snnbench.bench.bench import open_bench
from snnbench.bench.quantized import training_engine
from snnbench.engine import WORTH_COMPILING, Engine, choose_engine
from snnbench.errors import OptionError
from snnbench.functional import FiringProfile, firing_emd
from snnbench.nn.compiled import build, why_not_compiled
from snnbench.records.evidence import evidence_from
from snnbench.training.baseline import TrainingSet, training_set

pytestmark = pytest.mark.usefixtures("shared_cache")
compiles = pytest.mark.skipif(why_not_compiled() is not None, reason=str(why_not_compiled()))


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    for module, remembered in ((native, native.cpp_compiler), (build, build.why_not_compiled)):
        monkeypatch.setattr(module, remembered.__name__, remembered.__wrapped__)
    monkeypatch.setattr(build, "native_library", native.native_library.__wrapped__)
    monkeypatch.setattr("snnbench.engine.why_not_compiled", build.why_not_compiled)


def measure(out: Path, engine: Engine, quantizer: str = "uniform") -> snnbench.bench.run.Finished:  # type: ignore[name-defined]
    return snnbench.run(quantizer, 4, protocol="digits-sew8", out=out / engine, limit=60, engine=engine)[0]


@compiles
@pytest.mark.parametrize("quantizer", ["uniform", "lqnet"])
def test_records_of_both_engines_are_the_same(tmp_path: Path, quantizer: str) -> None:
    eager, compiled = (measure(tmp_path, engine, quantizer) for engine in ("eager", "compiled"))
    assert (eager.record.environment.engine, compiled.record.environment.engine) == ("eager", "compiled")
    kept = {"environment", "started", "seconds"}
    assert eager.record.model_dump(exclude=kept) == compiled.record.model_dump(exclude=kept)
    files = [cell.directory / "evidence.safetensors" for cell in (eager, compiled)]
    assert files[0].read_bytes() == files[1].read_bytes()


@compiles
def test_the_integer_engine_is_named_and_close(tmp_path: Path) -> None:
    eager, integer = (measure(tmp_path, engine) for engine in ("eager", "integer"))
    assert integer.record.environment.engine == "integer"
    close = pytest.approx(eager.record.metrics["firing_emd"].value, abs=0.01)
    assert integer.record.metrics["firing_emd"].value == close


@compiles
def test_kernels_are_built_anew_when_a_header_changes(tmp_path: Path) -> None:
    source = shutil.copytree(build.SOURCE.parent, tmp_path / "kernels") / build.SOURCE.name
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


@compiles
def test_an_integer_result_is_not_reused_for_another_engine(tmp_path: Path) -> None:
    def engine(wanted: Engine) -> tuple[str, bool]:
        cell = snnbench.run("uniform", 4, protocol="digits-sew8", out=tmp_path, limit=20, engine=wanted)[0]
        return cell.record.environment.engine, cell.reused

    found = [engine(wanted) for wanted in ("integer", "eager", "compiled", "integer")]
    assert found == [("integer", False), ("eager", False), ("eager", True), ("integer", False)]


@compiles
def test_fine_tuning_is_compiled_unless_eager_is_chosen() -> None:
    def engine(wanted: Engine) -> str:
        return training_engine(open_bench("digits-sew8", engine=wanted))

    assert [engine(wanted) for wanted in ("auto", "compiled", "integer", "eager")] == [*["compiled"] * 3, "eager"]
    assert training_engine(open_bench("digits-sew8", device="meta")) == "eager"


TUNED_ON = 6_400
"""Training images of a fine-tuning here: 50 steps, so that six of them take a quarter of an hour of one core."""


@pytest.fixture
def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(*arguments: Any) -> TrainingSet:
        whole = training_set(*arguments)
        return TrainingSet(whole.images[:TUNED_ON], whole.labels[:TUNED_ON], whole.normalise)

    monkeypatch.setattr("snnbench.bench.quantized.training_set", first)


@compiles
@pytest.mark.slow
@pytest.mark.usefixtures("shortened")
def test_engines_that_fine_tune_differ_by_less_than_seeds(tmp_path: Path, cifar_root: Path) -> None:
    """The root mean square over three seeds; the seeds' own distance is that of all pairs of eager trainings."""

    def measured(engine: Engine, seed: int) -> tuple[float, FiringProfile]:
        options = {
            "mode": "qat",
            "protocol": "cifar10-sew8-v3",
            "limit": 2000,
            "data": cifar_root,
            "out": tmp_path / engine,
        }
        (cell,) = snnbench.run("lqnet", 4, **options, engine=engine, seed=2 * seed)  # even ones fine-tune one baseline
        assert cell.record.environment.engine == engine
        evidence = load_file(cell.directory / "evidence.safetensors")
        return cell.record.value("accuracy") or 0.0, evidence_from(evidence).profile

    def gap(first: tuple[float, FiringProfile], second: tuple[float, FiringProfile]) -> tuple[float, float]:
        return abs(first[0] - second[0]), float(firing_emd(first[1], second[1]))

    eager, compiled = ([measured(engine, seed) for seed in range(3)] for engine in ("eager", "compiled"))
    engines = torch.tensor([gap(a, b) for a, b in zip(eager, compiled, strict=True)]).square().mean(0).sqrt()
    seeds = torch.tensor([gap(a, b) for a, b in combinations(eager, 2)]).square().mean(0).sqrt()
    assert engines[1] < seeds[1]
    assert engines[0] < seeds[0]
