"""Filing a record as an entry of its board, whole or not at all."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from snnbench.bench.bench import Bench
from snnbench.bench.provenance import has_data
from snnbench.bench.reopening import bench_of
from snnbench.engine import check_device
from snnbench.errors import RecordError
from snnbench.files import write_atomically
from snnbench.leaderboard.board import NOTE_FILE, Board, Note, read_board, read_entry
from snnbench.leaderboard.identity import record_problems
from snnbench.leaderboard.sums import write_sums
from snnbench.leaderboard.verification import control_problems, verify_entry
from snnbench.protocols import Baseline
from snnbench.records import words
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE
from snnbench.records.evidence import EVIDENCE_FILE, reference_evidence
from snnbench.records.failures import FAILURE_SUFFIX
from snnbench.records.layout import ENTRIES, PROTOCOL_FILE, REFERENCES, WEIGHTS_FILE
from snnbench.records.record import RECORD_FILE, Record, read_record
from snnbench.reporting import Reporter, Silent
from snnbench.training.baseline import protocol_path

_UNFINISHED = ".unfinished-"


def add(
    path: Path,
    boards: Path = Path("leaderboards"),
    *,
    data: Path | None = None,
    declare_findings: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """File the finished cell in the directory `path` on its board in `boards`, after verifying it.

    Args:
        path: directory of a finished cell, or its ``record.json``.
        boards: folder of all boards; the board is made if it is not there.
        data: folder of the data sets, for the labels and the reference's evidence.
        declare_findings: state the findings of the record's audit on the board; without it they are refused.
        reporter: where progress goes; by default nowhere.

    Returns:
        The entry's folder.

    Raises:
        RecordError: saying what keeps the record off the board, and how to mend it.
        SnnbenchError: if the protocol is unknown, or its data are not prepared.
    """
    directory = path if path.is_dir() else path.parent
    record = _read(path)
    if record.cell.network is not None:
        raise RecordError(
            f"'{record.cell.folder}' is of a network of your own, and boards hold a protocol's; it is for"
            " 'snnbench results list' and 'snnbench compare'"
        )
    check_device(record.cell.device)
    bench = bench_of(directory, record.cell, data, device=record.cell.device)
    _refuse(record, bench, declare_findings)
    board = _open_board(bench, boards)
    final = board.folder / ENTRIES / record.cell.folder
    if final.exists():
        raise RecordError(f"'{record.cell.folder}' is on board '{board.name}' already; remove {final} to replace it")
    reference = _file_reference(board, bench, reporter or Silent())
    note = Note(reference=reference, declared_findings=record.audit.findings)
    _file_entry(board, final, record, _contents(directory, record, note))
    return final


def _read(path: Path) -> Record:
    if path.name.endswith(FAILURE_SUFFIX):
        raise RecordError(f"'{path}' is a failed cell; 'snnbench results show' says why, and --retry measures it again")
    try:
        return read_record(path)
    except RecordError as error:
        raise RecordError(f"{error}; name the folder of a finished cell, or measure it again with --force") from error


def _refuse(record: Record, bench: Bench, declare_findings: bool) -> None:
    problems = list(record_problems(bench.protocol, record))
    if not has_data(bench.dataset, record.cell):
        problems.append(f"its data are not data set '{bench.protocol.data.name}'; prepare that, and measure again")
    if record.audit.findings and not declare_findings:
        findings = "; ".join(record.audit.findings)
        problems.append(f"its audit has findings ({findings}); mend the quantizer, or add --declare-findings")
    if problems:
        raise RecordError(f"'{record.cell.folder}' cannot be added: {problems[0]}")


def _open_board(bench: Bench, boards: Path) -> Board:
    protocol = bench.protocol
    folder = boards / f"{protocol.name}-v{protocol.version}"
    if not (folder / PROTOCOL_FILE).exists():
        _write(folder / PROTOCOL_FILE, bench.document or protocol_path(protocol.name).read_bytes())
    board = read_board(folder)
    if board.protocol.fingerprint != protocol.fingerprint:
        raise RecordError(
            f"board '{folder}' is of another protocol of the name {board.name}; raise the protocol's version"
        )
    if bench.document:  # the protocol is not installed, and entries are measured again from what lies here
        _write(folder / _baseline(bench).file, bench.network.file)
    return board


def _file_reference(board: Board, bench: Bench, reporter: Reporter) -> str:
    evaluation, (_, labels) = bench.reference(reporter), bench.test_set()
    content = reference_evidence(evaluation, labels, bench.kept)
    name = f"seed{_baseline(bench).seed}-{hashlib.sha256(content).hexdigest()[:12]}"
    final = board.folder / REFERENCES / name
    if not final.exists():
        _file(final, {EVIDENCE_FILE: content})
    return name


def _baseline(bench: Bench) -> Baseline:
    return next(each for each in bench.protocol.baselines if each.sha256 == bench.network.sha256)


def _contents(directory: Path, record: Record, note: Note) -> dict[str, bytes]:
    files = {RECORD_FILE: record.to_json().encode(), NOTE_FILE: note.to_json().encode()}
    kept = {EVIDENCE_FILE: True, WEIGHTS_FILE: record.cell.mode == "qat", CHIP_EVIDENCE_FILE: record.chip is not None}
    for name in (name for name, there in kept.items() if there):
        try:
            files[name] = (directory / name).read_bytes()
        except OSError as error:
            raise RecordError(
                f"'{directory / name}' cannot be read ({error.strerror}); measure the cell again with --force"
            ) from error
    return files


def _file_entry(board: Board, final: Path, record: Record, files: Mapping[str, bytes]) -> None:
    unfinished = final.parent / f"{_UNFINISHED}{secrets.token_hex(8)}" / final.name
    try:
        _fill(unfinished, files)
        problems = [*verify_entry(board, unfinished).problems, *_control_problems(board, unfinished)]
        if problems:
            raise RecordError(
                f"'{final.name}' cannot be added: {problems[0]}; unless the quantizer is at fault, its files were"
                f" altered: measure again with: {words.command(record.cell)} --force"
            )
        unfinished.rename(final)
    except OSError as error:
        raise RecordError(f"cannot write the entry '{final}': {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished.parent, ignore_errors=True)


def _control_problems(board: Board, folder: Path) -> list[str]:
    """Problems between the entry in `folder` and those on the board, if it is fine-tuned."""
    entry = read_entry(folder)
    if entry.record.cell.mode != "qat":
        return []
    return control_problems([entry], board.entries) + control_problems(board.entries, [entry])


def _file(final: Path, files: Mapping[str, bytes]) -> None:
    unfinished = final.with_name(f"{_UNFINISHED}{secrets.token_hex(8)}")
    try:
        _fill(unfinished, files)
        unfinished.rename(final)
    except OSError as error:
        raise RecordError(f"cannot write '{final}': {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write_atomically(folder / name, [content])
    write_sums(folder)


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, [content])
    except OSError as error:
        raise RecordError(f"cannot write '{path}': {error.strerror}; name another folder with --to") from error
