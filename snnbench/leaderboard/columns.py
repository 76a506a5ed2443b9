"""The columns of every table, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from snnbench.bench.costs import COSTS, CostView, cost_views
from snnbench.bench.metric import Metric
from snnbench.bench.metrics import ACCURACY, FIRING_DRIFT, FIRING_EMD, asked
from snnbench.bench.metrics import columns as metric_columns
from snnbench.engine import EAGER
from snnbench.leaderboard.chip_columns import gap_columns
from snnbench.leaderboard.column import Column
from snnbench.leaderboard.ranking import Row
from snnbench.records import words
from snnbench.records.score import Score


def _metric(metric: Metric) -> Column:
    def score(row: Row) -> Score:
        return metric.of(row.entry.record) or Score(value=None, reason="not asked for")

    def text(row: Row) -> str:
        value = score(row).value
        return "" if value is None else metric.text(value)

    return Column(metric.name, metric.heading, metric.about, lambda row: score(row).value, text)


def _interval(metric: Metric, title: str, about: str) -> Column:
    def text(row: Row) -> str:
        score = metric.of(row.entry.record)
        return metric.interval(score) if score else ""

    return Column(f"{metric.name}_interval", title, about, text, text, numeric=False)


def _number(key: str, title: str, about: str, value: Callable[[Row], float | None], form: str) -> Column:
    def text(row: Row) -> str:
        found = value(row)
        return "" if found is None else f"{found:{form}}" if found else "0"

    return Column(key, title, about, value, text)


def _cost(view: CostView) -> Column:
    def value(row: Row) -> float | None:
        score = view.of(row.entry.record)
        return score.value if score else None

    def text(row: Row) -> str:
        score = view.of(row.entry.record)
        return view.text(score.value) if score else ""

    return Column(view.name, view.title, "cost of a plugin, an image; ranks no row", value, text)


def _text(key: str, title: str, about: str, value: Callable[[Row], str]) -> Column:
    return Column(key, title, about, value, value, numeric=False)


def ranks(rank: tuple[int, int] | None) -> str:
    """``3``, ``2-5``, or nothing for a row that is not ranked."""
    if rank is None:
        return ""
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}-{rank[1]}"


def in_halves(row: Row) -> float | None:
    """EMD in units of the split-half distance; None if that is 0."""
    halves, emd = row.entry.record.noise_floor.value, row.entry.record.value(FIRING_EMD.name)
    return emd / halves if halves and emd is not None else None


def _null_p(row: Row) -> float | None:
    null = row.entry.record.paired_null
    return null.p_value if null else None


def _null_high(row: Row) -> float | None:
    null = row.entry.record.paired_null
    return null.high if null else None


def _reached_emd(row: Row) -> float | None:
    reached = row.entry.record.reached
    return reached.firing_emd.value if reached else None


def _from_control(distance: str, metric: Metric) -> Callable[[Row], float | None]:
    def value(row: Row) -> float | None:
        control = row.entry.record.control
        found = getattr(control, distance) if control else None
        return getattr(found, metric.name).value if found else None

    return value


def _found_bits(row: Row) -> int:
    return row.entry.record.audit.found_bits


def _control_emd(row: Row) -> float | None:
    control = row.entry.record.control
    return control.firing_emd.value if control else None


def _mode_text(row: Row) -> str:
    record = row.entry.record
    tuned_by = record.environment.engine if record.cell.mode == "qat" else EAGER.name
    return record.cell.mode if tuned_by == EAGER.name else f"{record.cell.mode}, {tuned_by}"


def _rank_column(key: str, title: str, about: str, rank: Callable[[Row], tuple[int, int] | None]) -> Column:
    def text(row: Row) -> str:
        return ranks(rank(row))

    return Column(key, title, about, text, text)


_FIRST: tuple[Column, ...] = (
    _rank_column(
        "rank",
        "rank",
        "rank by accuracy; no paired McNemar test separates a range (Holm's correction for all pairs)",
        lambda row: row.accuracy_rank,
    ),
    Column(
        "quantizer",
        "quantizer",
        "quantizer, with the options in which its rows differ",
        lambda row: words.short(row.entry.record.cell),
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
)
"""What a row is, before its metrics."""

_BESIDE_EMD: tuple[Column, ...] = (
    _number("emd_in_floors", "x halves", "EMD in units of the split-half distance, which is no test", in_halves, ".1f"),
    _number(
        "null_high", "null 95 %", "95 % quantile of the EMD after swaps of shards with the reference", _null_high, ".4f"
    ),
    _number(
        "null_p", "p", "paired null: probability of such an EMD if network and reference fired alike", _null_p, ".3f"
    ),
    _number("reached_emd", "EMD, reached", "EMD over the layers that quantization can reach", _reached_emd, ".4f"),
    _number("control_emd", "control EMD", "EMD of the same fine-tuning without quantization", _control_emd, ".4f"),
    _number(
        "to_control",
        "to control",
        "EMD to that control: what quantization did",
        _from_control("to_cell", FIRING_EMD),
        ".4f",
    ),
    _number(
        "control_drift",
        "drift to control",
        "drift to that control, spikes per step",
        _from_control("to_cell", FIRING_DRIFT),
        ".4f",
    ),
    _number(
        "between_controls",
        "between controls",
        "EMD of that control to one of another seed of fine-tuning",
        _from_control("to_other_seed", FIRING_EMD),
        ".4f",
    ),
    _rank_column(
        "emd_rank",
        "EMD rank",
        "rank by EMD; no test separates a range (Holm's correction for all pairs)",
        lambda row: row.emd_rank,
    ),
)
"""What the EMD is to be read with."""

_LATER = ("null_high", "null_p", "reached_emd", "to_control", "control_drift", "between_controls")

_LAST: tuple[Column, ...] = (
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
    _interval(ACCURACY, "accuracy 95 %", "Wilson interval of the accuracy, percent"),
    _interval(FIRING_EMD, "EMD 95 %", "95 % interval of the EMD"),
    _text(
        "findings",
        "audit",
        "whether the audit contradicts what was declared",
        lambda row: "findings" if row.entry.record.audit.findings else "clean",
    ),
)
"""What else is known of a row."""


_ON_CHIPS = tuple(gap_columns())


def columns(rows: Iterable[Row]) -> tuple[Column, ...]:
    """The columns of a table of `rows`, in order: of the metrics, those that a row was asked for; of what records have
    held from some time on, what a row of them holds; those of chips, if a row is on one; and costs of plugins."""
    rows = list(rows)
    beside = [column for column in _BESIDE_EMD if column.key not in _LATER or any(column.text(row) for row in rows)]
    found: list[Column] = [*_FIRST]
    for metric in metric_columns(asked(row.entry.record for row in rows)):
        found += [_metric(metric), *(beside if metric is FIRING_EMD else ())]
    added = {view.name: view for row in rows for view in cost_views(row.entry.record) if view.name not in COSTS}
    on_chips = _ON_CHIPS if any(row.entry.record.chip for row in rows) else ()
    return (*found, *on_chips, *map(_cost, added.values()), *_LAST)
