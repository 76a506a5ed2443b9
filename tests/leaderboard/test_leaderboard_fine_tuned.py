"""Fine-tuned entries: packed weights that are checked, measured again, trained again and exported."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from snnbench.errors import RecordError
from snnbench.examine.export import export
from snnbench.leaderboard import Board, add, read_board, rerun, table, verification, verify
from snnbench.leaderboard.sums import write_sums
from snnbench.leaderboard.verification import verify_entry
from snnbench.records.record import read_record
from snnbench.reporting import Silent

pytestmark = pytest.mark.slow
FLIPS = 200


@pytest.fixture
def tuned_board(boards: Path, tuned: list[Path]) -> Board:
    for folder in boards.glob("*/entries/*"):
        if not folder.name.startswith(("float", "uniform-4bit")):
            shutil.rmtree(folder)
    for directory in tuned:
        add(directory, boards)
    return read_board(next(boards.iterdir()))


def test_it_verifies_with_its_control(tuned_board: Board) -> None:
    assert [verdict for verdict in verify(tuned_board.folder) if verdict.problems] == []
    frame = table(tuned_board).set_index(["mode", "bits"])
    assert frame.loc[("qat", 2), "control_emd"] == frame.loc[("qat", 32), "firing_emd"]
    (entry,) = (entry for entry in tuned_board.entries if entry.name.startswith("lqnet"))
    weights = entry.folder / "weights.safetensors"
    assert weights.stat().st_size < 150_000
    assert {name.rpartition("/")[2] for name in load_file(weights) if "/" in name} == {"signs", "basis"}


def test_it_needs_its_control(tuned_board: Board) -> None:
    shutil.rmtree(next(tuned_board.folder.glob("entries/float-32bit-qat*")))
    problems = [problem for verdict in verify(tuned_board.folder) for problem in verdict.problems]
    assert any("no qat row of quantizer 'float'" in problem for problem in problems)


@pytest.mark.parametrize("last", [0, 1])
def test_what_is_filed_has_the_control_of_the_board(tuned_board: Board, tuned: list[Path], last: int) -> None:
    """Whether the control or what has it is filed last, one that the board contradicts is refused."""
    for directory in tuned:
        shutil.rmtree(tuned_board.folder / "entries" / directory.name)
    add(tuned[1 - last], tuned_board.folder.parent)
    (folder,) = tuned_board.folder.glob(f"entries/{tuned[1 - last].name}")
    record = read_record(folder)
    score = record.control.firing_emd.model_copy(update={"value": 0.5})
    control = record.control.model_copy(update={"firing_emd": score})
    scores = {"control": control, "metrics": {**record.metrics, "firing_emd": score}}
    (folder / "record.json").write_text(record.model_copy(update=scores).to_json())
    with pytest.raises(RecordError, match="its control's firing_emd is not that of float-32bit-qat"):
        add(tuned[last], tuned_board.folder.parent)
    assert not (tuned_board.folder / "entries" / tuned[last].name).exists()


@pytest.mark.parametrize("train", [False, True])
def test_measured_and_trained_again(tuned_board: Board, train: bool) -> None:
    assert [verdict.problems for verdict in rerun(tuned_board.folder, Silent(), train=train)] == [()] * 4


def test_any_byte_of_its_weights_is_caught_even_with_new_sums(tuned_board: Board) -> None:
    (folder,) = tuned_board.folder.glob("entries/lqnet*")
    file, generator = folder / "weights.safetensors", random.Random(0)
    original = file.read_bytes()
    for _ in range(FLIPS):
        place = generator.randrange(len(original))
        flipped = original[place] ^ (1 << generator.randrange(8))
        file.write_bytes(original[:place] + bytes([flipped]) + original[place + 1 :])
        write_sums(folder)
        assert verify_entry(tuned_board, folder).problems, place


def test_weights_have_no_place_in_a_post_training_entry(tuned_board: Board) -> None:
    (folder,) = tuned_board.folder.glob("entries/uniform*")
    shutil.copy(next(tuned_board.folder.glob("entries/lqnet*")) / "weights.safetensors", folder)
    write_sums(folder)
    assert any("does not belong" in problem for problem in verify_entry(tuned_board, folder).problems)


@pytest.mark.parametrize(("entry", "limit"), [("lqnet*", "WEIGHTS_BYTES"), ("float*", "FLOAT_WEIGHTS_BYTES")])
def test_weights_have_a_largest_size(
    tuned_board: Board, entry: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, limit, 10)
    (file,) = tuned_board.folder.glob(f"entries/{entry}/weights.safetensors")
    assert any("10 are allowed" in problem for problem in verify_entry(tuned_board, file.parent).problems)


def test_the_export_is_what_the_entry_holds(tuned_board: Board, tmp_path: Path) -> None:
    (folder,) = tuned_board.folder.glob("entries/lqnet*")
    file, _ = export(folder, tmp_path / "net.safetensors")
    assert file.read_bytes() == (folder / "weights.safetensors").read_bytes()
