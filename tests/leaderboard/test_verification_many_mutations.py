"""500 random edits of an entry, with new sums, keys and names: all are caught, or are what evidence can't show."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracles.shipped import DIGITS, needs_boards
from safetensors.torch import load_file, save_file

from snnbench.leaderboard import read_board, verify
from snnbench.leaderboard.sums import write_sums
from snnbench.leaderboard.verification import NOT_RECHECKED, verify_entry
from snnbench.records.cell import Cell
from snnbench.records.record import Record

pytestmark = needs_boards

WIDTHS = ("firing_emd", "firing_emd_mean", "firing_emd_max", "firing_emd_pooled", "firing_drift", "dead_fraction")
NOT_SHOWN = {  # what `NOT_RECHECKED` names, by the place in a record
    "intervals of EMD": lambda path: path[-1] in ("low", "high") and path[1] in (*WIDTHS, "saturated_fraction"),
    "and null": lambda path: path[0] in ("paired_null", "emd_intervals"),
    "the distance between seeds": lambda path: path[0] == "seed_floor",
    "split-half distance": lambda path: path[0] == "noise_floor",
    "levels of weights": lambda path: path[:2] == ("audit", "weights"),
    "branches": lambda path: path[:2] == ("cost", "layers"),
    "environment, wall time": lambda path: path[0] in ("environment", "seconds", "started"),
    "options, versions and membranes": lambda path: path[0] == "cell",
}


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """The shipped board of digits, with its float row and one more."""
    copy = tmp_path / "boards" / DIGITS.name
    shutil.copytree(DIGITS / "references", copy / "references")
    shutil.copy(DIGITS / "protocol.toml", copy)
    for name in ("uniform-2bit*", "float-*", "uniform-8bit*"):
        entry = min(DIGITS.glob(f"entries/{name}"))
        shutil.copytree(entry, copy / "entries" / entry.name)
    return copy.parent


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def other(value: Any, draw: random.Random) -> Any:
    """Another value of the same kind, near or far."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return draw.choice([value + 1, value - 1, 10 * value + 1, 10**30, -value - 1, 0 if value else 7])
    if isinstance(value, float):
        return draw.choice([value * 1.01 + 1e-5, value * 0.9 + 1e-5, value * 100 + 0.01, -value - 1e-3, value + 1.0])
    return draw.choice([f"{value}x", value[::-1] + "y", "", "cuda:99"])


def edit_record(folder: Path, draw: random.Random) -> tuple[Path, tuple[Any, ...]]:
    """Change one or two values of the record; key, folder's name and sums follow, where they can."""
    file = folder / "record.json"
    document = json.loads(file.read_bytes())
    places = list(leaves(document))
    part = draw.choice(sorted({path[0] for path in places}))
    path = draw.choice([place for place in places if place[0] == part])
    changed = other(at(document, path), draw)
    if changed == at(document, path):
        changed = f"{changed}x"
    at(document, path[:-1])[path[-1]] = changed
    try:
        cell = Cell.model_validate(document["cell"])
        document["key"] = cell.key if path[0] != "key" else document["key"]
        name = cell.folder
    except ValueError:
        name = folder.name
    file.write_text(json.dumps(document, indent=1) + "\n")
    if path[0] == "cell" and len(name) < 200 and "/" not in name:
        folder = folder.rename(folder.with_name(name))
    write_sums(folder)
    return folder, path


def edit_evidence(folder: Path, draw: random.Random) -> tuple[Path, tuple[Any, ...]]:
    """Move spikes: of a neuron, and of a step with it, so that the counts still add up."""
    file = folder / "evidence.safetensors"
    tensors = load_file(file)
    layer = draw.choice(sorted({key.rpartition("/")[0] for key in tensors if key.endswith("/counts")}))
    for part in ("counts", "steps"):
        tensor = tensors[f"{layer}/{part}"].long()
        flat = tensor.view(-1)
        place = draw.choice([index for index, value in enumerate(flat.tolist()) if 0 < value < 10**6])
        flat[place] += draw.choice([1, 2]) if part == "counts" and draw.random() < 0.5 else 1
        tensors[f"{layer}/{part}"] = tensor.int()
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, file)
    write_sums(folder)
    return folder, ("evidence",)


def not_shown(path: tuple[Any, ...]) -> bool:
    return any(is_it(path) for is_it in NOT_SHOWN.values())


def mutate(boards: Path, count: int) -> list[tuple[Any, ...]]:
    """Apply so many edits, one at a time; the places of those that verification did not see."""
    board = read_board(next(boards.iterdir()))
    folder = min(board.folder.glob("entries/uniform-2bit*"))
    original, missed = folder.with_name(".original"), []
    shutil.copytree(folder, original)
    for seed in range(count):
        draw = random.Random(seed)
        edited, path = (edit_evidence if draw.random() < 0.2 else edit_record)(folder, draw)
        if not verify_entry(board, edited).problems:
            missed.append(path)
        shutil.rmtree(edited)
        shutil.copytree(original, folder)
    shutil.rmtree(original)
    return missed


def test_random_edits_are_caught_or_named(boards: Path) -> None:
    assert [path for path in mutate(boards, 40) if not not_shown(path)] == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_500_random_edits_are_caught_or_named(boards: Path) -> None:
    missed = mutate(boards, 500)
    assert [path for path in missed if not not_shown(path)] == []
    assert len(missed) < 100


def test_what_is_not_shown_is_named() -> None:
    assert [words for words in NOT_SHOWN if not any(words in sentence for sentence in NOT_RECHECKED)] == []


Attack = tuple[str, str]


def problems(boards: Path) -> list[str]:
    return [problem for verdict in verify(boards) for problem in verdict.problems]


def rewrite(entry: Path, *path: Any, value: Any) -> None:
    file = entry / "record.json"
    document = json.loads(file.read_bytes())
    at(document, path[:-1])[path[-1]] = value
    file.write_text(json.dumps(document, indent=1) + "\n")
    write_sums(entry)


@pytest.fixture
def entry(boards: Path) -> Path:
    return min(boards.glob("*/entries/uniform-2bit*"))


def test_the_board_as_shipped_has_only_a_row_missing(boards: Path) -> None:
    assert all("no ptq row" in problem for problem in problems(boards))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("metrics", "firing_emd", "low"), None, "has no interval|does not hold"),
        (("metrics", "firing_emd", "high"), 1.0, "too wide"),
        (("metrics", "firing_rate", "high"), 0.9, "by its evidence"),
        (("noise_floor", "value"), 0.36, "not one of this reference"),
        (("noise_floor", "value"), -1.0, "not one of this reference"),
        (("audit", "float_bits"), 1, "other parameters"),
        (("audit", "weights", 0, "weights"), 7, "weights"),
        (("environment", "device"), "cuda:99", "was measured on"),
    ],
)
def test_what_used_to_pass_is_caught(boards: Path, entry: Path, path: Any, value: Any, message: str) -> None:
    rewrite(entry, *path, value=value)
    assert any(re.search(message, problem) for problem in problems(boards))


def test_an_interval_without_width(boards: Path, entry: Path) -> None:
    value = Record.model_validate_json((entry / "record.json").read_bytes()).metrics["firing_emd"].value
    for end in ("low", "high"):
        rewrite(entry, "metrics", "firing_emd", end, value=value)
    assert any("has no width" in problem for problem in problems(boards))


def test_rows_of_the_audit_that_are_dropped(boards: Path, entry: Path) -> None:
    document = json.loads((entry / "record.json").read_bytes())
    kept = document["audit"]["weights"][1:]
    rewrite(entry, "audit", "weights", value=kept)
    rewrite(entry, "audit", "packed_bits", value=sum(row["packed_bits"] for row in kept))
    assert any("not the layers that its protocol quantizes" in problem for problem in problems(boards))


def test_references_are_one_a_seed_and_named_by_their_content(boards: Path, entry: Path) -> None:
    folder = next(boards.glob("*/references/*"))
    second = folder.with_name("seed0-bogus")
    shutil.copytree(folder, second)
    found = problems(boards)
    assert any("its name is not that of a seed of the protocol (0, 1, 2) and its content" in each for each in found)
    assert "there are several references of seed0" in found
    second.rename(folder.with_name("seed7-bogus"))
    assert any("its name is not that of a seed" in each for each in problems(boards))


def test_data_and_bits_that_there_are_not_and_a_protocol_of_ones_own(boards: Path, entry: Path) -> None:
    document = json.loads((entry / "record.json").read_bytes())
    for change, message in (
        ({"data": {"train": "0" * 64, "test": "0" * 64}}, "its data are not data set 'digits'"),
        ({"quantizer": document["cell"]["quantizer"] | {"bits": 10**30}}, "there are 1 to 32"),
        ({"device": "cuda:99"}, "device 'cuda:99' is none"),
    ):
        cell = Cell.model_validate(document["cell"] | change)
        edited = Path(shutil.copytree(entry, entry.with_name(cell.folder)))
        changed = document | {"cell": cell.model_dump(mode="json"), "key": cell.key}
        (edited / "record.json").write_text(json.dumps(changed, indent=1) + "\n")
        write_sums(edited)
        assert any(message in problem for problem in problems(boards))
        shutil.rmtree(edited)
    protocol = next(boards.glob("*/protocol.toml"))
    protocol.write_text(protocol.read_text("utf-8").replace("[evaluate]", "[evaluate]\ndead_below = 0.5"), "utf-8")
    assert any("its protocol.toml is not digits-sew8-v1" in problem for problem in problems(boards))


def test_a_file_that_is_too_large(boards: Path, entry: Path) -> None:
    file = entry / "record.json"
    file.write_bytes(file.read_bytes() + b" " * 300_000)
    write_sums(entry)
    assert any("record.json has" in problem and "200,000 are allowed" in problem for problem in problems(boards))
