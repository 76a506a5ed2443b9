"""The floor between seeds: EMD between the references of all the seeds of a protocol, in records and in print."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from rich.console import Console
from scipy.stats import wasserstein_distance

import snnbench
from snnbench.bench.bench import Bench, open_bench
from snnbench.bench.reopening import own_network
from snnbench.cli.tables import results_table
from snnbench.records.cell import protocol_network
from snnbench.records.record import Record, read_record
from snnbench.records.score import Score
from snnbench.reporting import Silent
from snnbench.training.baseline import protocol_path

LIMIT = 40
PROTOCOL = "digits-sew8"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> Record:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        out = tmp_path_factory.mktemp("results")
        return snnbench.run("uniform", 4, protocol=PROTOCOL, out=out, limit=LIMIT)[0].record


def shown(record: Record) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(results_table([record]))
    return capture.get()


def test_it_is_the_mean_distance_between_the_references_of_all_seeds(record: Record) -> None:
    rates = [open_bench(PROTOCOL, seed, limit=LIMIT).reference(Silent()).profile.rates() for seed in (0, 1, 2)]
    pairs = [
        sum(a[layer].numel() * wasserstein_distance(a[layer].flatten(), b[layer].flatten()) for layer in a)
        / sum(rate.numel() for rate in a.values())
        for a, b in combinations(rates, 2)
    ]
    assert record.seed_floor is not None
    assert record.seed_floor.value == pytest.approx(sum(pairs) / 3, rel=1e-12)
    assert json.loads(record.to_json())["seed_floor"]["value"] == record.seed_floor.value
    assert f"seed to seed: {sum(pairs) / 3:.4f}" in shown(record)


def test_it_is_absent_where_the_protocol_has_one_seed(record: Record) -> None:
    bench = open_bench(PROTOCOL, limit=LIMIT)
    alone = bench.protocol.model_copy(update={"baselines": bench.protocol.baselines[:1]})
    assert replace(bench, protocol=alone).seed_floor(Silent()) is None
    without = record.model_copy(update={"seed_floor": None})
    assert "seed_floor" not in json.loads(without.to_json())
    assert Record.model_validate_json(without.to_json()) == without
    assert "seed to seed: unknown" in shown(without)


def test_it_is_absent_for_a_network_of_the_users_own() -> None:
    bench = open_bench(PROTOCOL, limit=LIMIT)
    weights = protocol_path(PROTOCOL).with_name("seed0.safetensors")
    assert own_network(bench, protocol_network(bench.protocol), weights).seed_floor(Silent()) is None


def test_it_is_computed_once_and_again_if_the_cache_is_damaged(monkeypatch, cache, tmp_path, record: Record) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("evaluated again")

    bench = open_bench(PROTOCOL, limit=LIMIT)
    with monkeypatch.context() as patch:
        patch.setattr(Bench, "reference", refuse)
        assert bench.seed_floor(Silent()) == record.seed_floor
    own = shutil.copytree(cache / "references", tmp_path / "cache" / "references")
    monkeypatch.setenv("SNNBENCH_CACHE", str(own.parent))
    for file in own.glob("*.json"):
        file.write_bytes(b'{"value": null}')
    assert bench.seed_floor(Silent()) == record.seed_floor


def test_what_is_in_the_cache_is_read_without_writing_there(monkeypatch, record: Record) -> None:
    monkeypatch.setattr("snnbench.bench.bench.locked", lambda path: pytest.fail(f"{path} was locked"))
    bench = open_bench(PROTOCOL, limit=LIMIT)
    assert bench.seed_floor(Silent()) == record.seed_floor
    assert bench.reference(Silent()).profile.rates()


def test_it_is_held_with_the_reference(monkeypatch, record: Record) -> None:
    held = open_bench(PROTOCOL, limit=LIMIT).holding(Silent())
    monkeypatch.setenv("SNNBENCH_CACHE", "/nowhere")
    assert held.seed_floor(Silent()) == record.seed_floor


def test_records_from_before_there_was_one_stay_as_they_are(shipped_boards: Path) -> None:
    for path in sorted(shipped_boards.glob("*/entries/*/record.json"))[::10]:
        old = read_record(path)
        assert old.seed_floor is None or isinstance(old.seed_floor, Score)
        assert ("seed_floor" in json.loads(old.to_json())) == (old.seed_floor is not None)
