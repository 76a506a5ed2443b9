"""The document that a training ends in: the protocol with the baselines trained so far."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnbench.protocols import Baseline, Protocol, read_protocol
from snnbench.training.baseline import protocol_path
from snnbench.training.trained import write_trained

SOURCE = protocol_path("digits-sew8")


def _baseline(seed: int, accuracy: float = 0.5) -> Baseline:
    return Baseline(seed=seed, file=f"x-seed{seed}.safetensors", sha256=f"{seed}" * 64, accuracy=accuracy)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "digits-sew8-v1.toml"


def test_only_the_baselines_differ_and_the_comments_stay(path: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine.toml"
    text = SOURCE.read_text("utf-8")
    head, evaluate = text.split("[evaluate]")
    metrics, baselines = evaluate.split("[[baselines]]", 1)
    source.write_text(f"# Mine.\n{head}[[baselines]]{baselines}\n[evaluate]{metrics}", "utf-8")
    write_trained(source, _baseline(3), path)
    found = read_protocol(path)
    assert found.baselines == (_baseline(3),)
    assert found.model_copy(update={"baselines": read_protocol(SOURCE).baselines}) == read_protocol(SOURCE)
    assert path.read_text("utf-8").startswith("# Mine.\n")


def test_seeds_are_added_in_their_order_and_replaced(path: Path) -> None:
    for baseline in (_baseline(2), _baseline(0), _baseline(2, 0.75)):
        write_trained(SOURCE, baseline, path)
    assert read_protocol(path).baselines == (_baseline(0), _baseline(2, 0.75))
    write_trained(path, _baseline(1), path)
    assert [each.seed for each in read_protocol(path).baselines] == [0, 1, 2]


def test_baselines_of_another_recipe_are_left_behind(path: Path, tmp_path: Path) -> None:
    write_trained(SOURCE, _baseline(0), path)
    other = tmp_path / "other.toml"
    other.write_text(SOURCE.read_text("utf-8").replace("epochs = 30", "epochs = 31"), "utf-8")
    write_trained(other, _baseline(1), path)
    found: Protocol = read_protocol(path)
    assert found.baselines == (_baseline(1),)
    assert found.recipe == read_protocol(other).recipe
