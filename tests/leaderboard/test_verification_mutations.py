"""Edits of records and evidence: with the sums untouched all are caught; with new sums, all that change a score."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from snnbench.leaderboard import Board, read_board
from snnbench.leaderboard.board import read_entry
from snnbench.leaderboard.sums import check_sums, write_sums
from snnbench.leaderboard.verification import verify_entry

BYTES = 500
Edit = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
UNCHECKED = {  # what `NOT_RECHECKED` names
    ("audit", "weights"),
    ("audit", "float_bits"),
    ("audit", "float_share"),
    ("audit", "full_precision"),
    ("cost", "layers"),
    ("noise_floor", "value"),
    ("seed_floor",),
    ("paired_null",),
    ("environment",),
    ("seconds",),
    ("started",),
}
SCORED_WITHOUT_SHARDS = ("accuracy", "accuracy_change", "mcnemar_p")


@pytest.fixture
def board(shipped_boards: Path, tmp_path: Path) -> Board:
    """A copy of the shipped board of digits, with one of its entries."""
    shipped = shipped_boards / "digits-sew8-v1"
    copy = tmp_path / "boards" / shipped.name
    shutil.copytree(shipped / "references", copy / "references")
    shutil.copy(shipped / "protocol.toml", copy)
    entry = min(shipped.glob("entries/uniform-2bit*"))
    shutil.copytree(entry, copy / "entries" / entry.name)
    return read_board(copy)


@pytest.fixture
def entry(board: Board) -> Path:
    return board.entry_folders()[0]


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in items:
            yield from leaves(value, (*path, key))
    else:
        yield path, document


def flipped(value: Any) -> Any:
    if value is None:
        return 0.5
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.001 + 1e-6
    return f"{value}x"


def put(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def unchecked(path: tuple[Any, ...]) -> bool:
    if any(path[: len(prefix)] == prefix for prefix in UNCHECKED):
        return True
    scored = path[0] in ("metrics", "reference", "reached") and path[1] not in SCORED_WITHOUT_SHARDS
    return scored and path[-1] in ("low", "high")


def test_every_field_of_a_record_is_caught(board: Board, entry: Path) -> None:
    file = entry / "record.json"
    original = file.read_bytes()
    for path, value in leaves(json.loads(original)):
        document = json.loads(original)
        put(document, path, flipped(value))
        file.write_text(json.dumps(document, indent=1) + "\n")
        assert check_sums(entry), path
    file.write_bytes(original)
    assert not verify_entry(board, entry).problems


@pytest.mark.slow
def test_every_scored_field_is_caught_even_with_new_sums(board: Board, entry: Path) -> None:
    file = entry / "record.json"
    original = file.read_bytes()
    missed = []
    for path, value in leaves(json.loads(original)):
        document = json.loads(original)
        put(document, path, flipped(value))
        file.write_text(json.dumps(document, indent=1) + "\n")
        write_sums(entry)
        if not verify_entry(board, entry).problems:
            missed.append(path)
    assert [path for path in missed if not unchecked(path)] == []


def test_any_byte_of_the_evidence_is_caught(board: Board, entry: Path) -> None:
    generator = random.Random(0)
    for name in ("evidence.safetensors", "entry.json", "SHA256SUMS", "record.json"):
        file = entry / name
        original = file.read_bytes()
        for _ in range(BYTES if name.startswith("evidence") else 30):
            place = generator.randrange(len(original))
            file.write_bytes(
                original[:place] + bytes([original[place] ^ (1 << generator.randrange(8))]) + original[place + 1 :]
            )
            assert check_sums(entry), (name, place)
        file.write_bytes(original)
    assert not verify_entry(board, entry).problems


def test_a_count_or_prediction_that_moves_a_score_is_caught_with_new_sums(board: Board, entry: Path) -> None:
    file = entry / "evidence.safetensors"
    original, generator = load_file(file), torch.Generator().manual_seed(0)
    for name, tensor in original.items():
        changed = tensor.clone()
        place = torch.randint(tensor.numel(), (1,), generator=generator)
        changed.view(-1)[place] = changed.view(-1)[place] + 1
        save_file({**original, name: changed}, file)
        write_sums(entry)
        problems = verify_entry(board, entry).problems
        harmless = name == "predictions" and not _correct_changes(board, entry, original["predictions"], changed)
        assert problems or harmless, name


def _renamed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.replace("0000/", "0000/other."): tensor for key, tensor in tensors.items()}


def _edited(part: str, edit: Callable[[torch.Tensor], torch.Tensor]) -> Edit:
    """Edits of the tensors whose key ends in `part`."""

    def run(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {k: edit(v).contiguous() if k.endswith(part) else v for k, v in tensors.items()}

    return run


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_renamed, "layers of its evidence are not those of its reference"),
        (_edited("operations/samples", torch.zeros_like), "operations of 0 images"),
        (_edited("operations/samples", lambda t: t + 1), "operations of 380 images, spikes of 360"),
        (_edited("operations/samples", lambda t: t[None]), "their samples are not a count for each shard"),
        (_edited("operations/samples", lambda t: torch.tensor([360, 1, -1])), "not a count for each shard"),
        (_edited("operations/0000/stem.conv", lambda t: t[:2]), "operations of layer .* have shape"),
        (_edited("operations/0000/stem.conv", lambda t: t[:, :2]), "operations of layer .* have shape"),
        (_edited("steps", lambda t: t[:3]), "tensors of the wrong shape"),
        (lambda t: {**t, "operations/0001": t["operations/samples"].clone()}, "not sound"),
        (
            lambda t: {k: v for k, v in t.items() if "/" not in k or "operations/0" not in k},
            "operations have no layers",
        ),
    ],
)
def test_unsound_evidence_is_a_problem_and_no_crash(board: Board, entry: Path, edit: Edit, message: str) -> None:
    file = entry / "evidence.safetensors"
    save_file(edit(load_file(file)), file)
    write_sums(entry)
    assert any(re.search(message, problem) for problem in verify_entry(board, entry).problems)


def test_a_metric_that_there_is_not_is_a_problem_and_no_crash(board: Board, entry: Path) -> None:
    file = entry / "record.json"
    document = json.loads(file.read_bytes())
    document["metrics"]["beauty"] = {"value": 1.0}
    file.write_text(json.dumps(document, indent=1) + "\n")
    assert any("its metrics are not the protocol's: beauty" in p for p in verify_entry(board, entry).problems)


def _correct_changes(board: Board, entry: Path, before: torch.Tensor, after: torch.Tensor) -> bool:
    labels = board.reference(read_entry(entry).note.reference).labels
    return bool(((before == labels) != (after == labels)).any())


def test_a_file_too_many_or_too_few(board: Board, entry: Path) -> None:
    (entry / "notes.txt").write_text("hello")
    write_sums(entry)
    assert any("notes.txt" in problem for problem in verify_entry(board, entry).problems)
    (entry / "notes.txt").unlink()
    (entry / "evidence.safetensors").unlink()
    write_sums(entry)
    assert any("evidence" in problem for problem in verify_entry(board, entry).problems)


def test_an_entry_under_another_name(board: Board, entry: Path) -> None:
    other = entry.with_name("better")
    shutil.move(entry, other)
    assert any("name" in problem for problem in verify_entry(board, other).problems)
