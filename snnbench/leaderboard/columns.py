"""The columns of every table, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snnbench.leaderboard.ranking import Row
from snnbench.records.labels import label
from snnbench.records.score import Score

Value = float | int | str | None


@dataclass(frozen=True)
class Column:
    """A column: its value for data, and its text for readers.

    Attributes:
        key: name in CSV files and data frames.
        title: heading.
        about: what it is, with its unit.
        value: the plain value of a row.
        text: the value as it is printed.
        numeric: whether it is sorted by number.
    """

    key: str
    title: str
    about: str
    value: Callable[[Row], Value]
    text: Callable[[Row], str]
    numeric: bool = True


def _score(row: Row, metric: str) -> Score:
    return row.entry.record.metrics.get(metric, Score(value=None, reason="not asked for"))


def _percent(key: str, title: str, about: str, metric: str, form: str = ".2f") -> Column:
    def text(row: Row) -> str:
        score = _score(row, metric)
        return "" if score.value is None else f"{100 * score.value:{form}}"

    return Column(key, title, about, lambda row: _score(row, metric).value, text)


def _interval(key: str, title: str, about: str, metric: str, scale: float, form: str) -> Column:
    def text(row: Row) -> str:
        score = _score(row, metric)
        ends = (score.low, score.high)
        return " to ".join(f"{scale * end:{form}}" for end in ends if end is not None)

    return Column(key, title, about, text, text, numeric=False)


def _number(key: str, title: str, about: str, value: Callable[[Row], float | None], form: str) -> Column:
    def text(row: Row) -> str:
        found = value(row)
        return "" if found is None else f"{found:{form}}" if found else "0"

    return Column(key, title, about, value, text)


def _text(key: str, title: str, about: str, value: Callable[[Row], str]) -> Column:
    return Column(key, title, about, value, value, numeric=False)


def ranks(rank: tuple[int, int] | None) -> str:
    """``3``, ``2-5``, or nothing for a row that is not ranked."""
    if rank is None:
        return ""
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}-{rank[1]}"


def in_floors(row: Row) -> float | None:
    """EMD in units of the noise floor; None if the floor is 0."""
    floor, emd = row.entry.record.noise_floor.value, _score(row, "firing_emd").value
    return emd / floor if floor and emd is not None else None


def _floors_text(row: Row) -> str:
    found = in_floors(row)
    return "" if found is None else "below" if found < 1 else f"{found:.1f}"


def _found_bits(row: Row) -> int:
    return row.entry.record.audit.found_bits


def _control_emd(row: Row) -> float | None:
    control = row.entry.record.control
    return control.firing_emd.value if control else None


def _mode_text(row: Row) -> str:
    record = row.entry.record
    tuned_by = record.environment.engine if record.cell.mode == "qat" else "eager"
    return record.cell.mode if tuned_by == "eager" else f"{record.cell.mode}, {tuned_by}"


def _rank_column(key: str, title: str, about: str, rank: Callable[[Row], tuple[int, int] | None]) -> Column:
    def text(row: Row) -> str:
        return ranks(rank(row))

    return Column(key, title, about, text, text)


COLUMNS: tuple[Column, ...] = (
    _rank_column(
        "rank",
        "rank",
        "rank by accuracy; paired McNemar tests at 5 % cannot separate a range",
        lambda row: row.accuracy_rank,
    ),
    Column(
        "quantizer",
        "quantizer",
        "quantizer, with the options in which its rows differ",
        lambda row: label(row.entry.record.cell),
        lambda row: row.label,
        numeric=False,
    ),
    _number("bits", "bits", "declared bits a weight", lambda row: row.entry.record.cell.quantizer.bits, "d"),
    Column(
        "found_bits",
        "found",
        "bits that the levels really present need, in the layer that has most",
        _found_bits,
        lambda row: str(_found_bits(row)) if row.entry.record.cell.quantizer.name != "float" else "",
    ),
    _percent("accuracy", "accuracy %", "test accuracy", "accuracy"),
    _percent("accuracy_change", "change", "accuracy minus the reference's, points", "accuracy_change", "+.2f"),
    _number(
        "firing_emd",
        "firing EMD",
        "1-Wasserstein distance of firing rates to the reference's, spikes per step",
        lambda row: _score(row, "firing_emd").value,
        ".4f",
    ),
    Column("emd_in_floors", "x floor", "EMD in units of the split-half noise floor", in_floors, _floors_text),
    _number("control_emd", "control EMD", "EMD of the same fine-tuning without quantization", _control_emd, ".4f"),
    _rank_column("emd_rank", "EMD rank", "rank by EMD; intervals cannot separate a range", lambda row: row.emd_rank),
    _number(
        "firing_drift",
        "drift",
        "mean change of a neuron's rate, spikes per step",
        lambda row: _score(row, "firing_drift").value,
        ".4f",
    ),
    _percent("dead_fraction", "dead %", "neurons with a rate below the protocol's threshold", "dead_fraction", ".1f"),
    _number(
        "firing_rate", "rate", "mean firing rate, spikes per step", lambda row: _score(row, "firing_rate").value, ".4f"
    ),
    _number(
        "packed_kib",
        "packed KiB",
        "smallest lossless size of the quantized weights, with scales and bases",
        lambda row: row.entry.record.audit.packed_bits / 8192,
        ".1f",
    ),
    _text(
        "front",
        "front",
        "no row is as good in accuracy, EMD and declared bits and better in one",
        lambda row: "yes" if row.on_front else "",
    ),
    Column(
        "mode",
        "mode",
        "post-training (ptq) or quantization-aware (qat), and the engine that fine-tuned if it is not eager PyTorch",
        lambda row: row.entry.record.cell.mode,
        _mode_text,
        numeric=False,
    ),
    _number("seed", "seed", "seed of baseline and fine-tuning", lambda row: row.entry.record.cell.seed, "d"),
    _interval("accuracy_interval", "accuracy 95 %", "Wilson interval of the accuracy, percent", "accuracy", 100, ".2f"),
    _interval("firing_emd_interval", "EMD 95 %", "jackknife interval of the EMD", "firing_emd", 1, ".4f"),
    _text(
        "findings",
        "audit",
        "whether the audit contradicts what was declared",
        lambda row: "findings" if row.entry.record.audit.findings else "clean",
    ),
)
"""Every column, in order; a column of a table is one entry here."""
