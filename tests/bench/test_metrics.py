"""Adding a metric is one entry: it is scored, verified, and shown in every view."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from math import ceil, exp, floor
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from rich.console import Console
from safetensors.torch import load, save
from torch import nn

import snnbench
from snnbench.bench.metric import PER_STEP, Metric
from snnbench.bench.metrics import METRICS, kept_for
from snnbench.cli.tables import results_table
from snnbench.errors import ProtocolError
from snnbench.examine.compare import compare
from snnbench.examine.pictures import metrics_picture
from snnbench.examine.series import read_series
from snnbench.leaderboard import Board, add, read_board, verify, write_tables
from snnbench.leaderboard.changes import changes
from snnbench.leaderboard.rescoring import kept_problems
from snnbench.leaderboard.scorecard import score_lines
from snnbench.leaderboard.site import write_site
from snnbench.leaderboard.sums import write_sums
from snnbench.nn.neurons import SpikingNeuron
from snnbench.plugins import catalogue
from snnbench.protocols import read_protocol
from snnbench.records.evaluation import PAIRS
from snnbench.records.evidence import EVIDENCE_FILE, read_evidence
from snnbench.records.record import Record, read_record
from snnbench.training.baseline import protocol_path

NAME, HEADING, TITLE = "fastest_layer", "fastest", "rate of the fastest layer"
ADDED = Metric(
    NAME,
    TITLE,
    PER_STEP,
    1,
    ".4f",
    "lower",
    lambda F, s: s.alone(lambda profile: max(float(rates.mean()) for rates in profile.rates().values())),
    heading=HEADING,
    about="the largest mean rate of a layer, spikes per step",
)


BY_IMAGE = (
    *("calibration_error", "nll", "brier", "accuracy_area", "agreement_area", "exit_steps", "exit_accuracy"),
    *("peak_events", "peak_events_p99"),
)
"""Metrics that need what no shipped protocol needs: outputs, those of each step, and spikes, of each image."""

CLOSER = ("over_limit", "van_rossum", "latency_shift", "membrane_bits")
"""Metrics that need a closer look at network and reference, or a limit."""

LIMIT = 280


class Measured(NamedTuple):
    """Two finished cells of a version of the protocol that asks for the added metric, and their board."""

    folders: list[Path]
    board: Board


@pytest.fixture(scope="module")
def added() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METRICS, NAME, ADDED)
        yield


@pytest.fixture(scope="module")
def measured(added: None, session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    out = tmp_path_factory.mktemp("added")
    shipped = protocol_path("digits-sew8")
    document = Path(shutil.copytree(shipped.parent, out / "protocol")) / shipped.name
    named = "".join(f'  "{name}",\n' for name in (NAME, *BY_IMAGE, *CLOSER))
    limited = f"event_limit = {LIMIT}\nmetrics = [\n{named}"
    changed = {"version = 1": "version = 2", "metrics = [\n": limited}
    text = document.read_text("utf-8")
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    document.write_text(text, "utf-8")
    cells = (("float", None, {}), ("uniform", 2, {"clip": "absmax"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        for module in ("bench.bench", "leaderboard.adding"):
            patch.setattr(f"snnbench.{module}.protocol_path", lambda name: document)
        folders = [
            snnbench.run(name, bits, options=options, protocol="digits-sew8", out=out / "cells")[0].directory
            for name, bits, options in cells
        ]
        for folder in folders:
            add(folder, out / "boards")
    return Measured(folders, read_board(out / "boards" / "digits-sew8-v2"))


@pytest.fixture
def record(measured: Measured) -> Record:
    return read_record(measured.folders[1])


def test_it_is_scored_with_its_interval(record: Record) -> None:
    score = record.metrics[NAME]
    assert score.value == max(row.firing_rate for row in record.layers)
    assert score.low is not None
    assert score.low <= score.value <= score.high


def test_it_is_verified(measured: Measured) -> None:
    assert [verdict.problems for verdict in verify(measured.board.folder) if verdict.problems] == []
    file = measured.folders[1] / "record.json"
    entry = measured.board.folder / "entries" / measured.folders[1].name
    document = json.loads(file.read_bytes())
    document["metrics"][NAME]["value"] += 0.001
    (entry / "record.json").write_text(json.dumps(document))
    write_sums(entry)
    (problems,) = [verdict.problems for verdict in verify(entry)]
    assert any(NAME in problem for problem in problems)
    shutil.copy(file, entry)
    write_sums(entry)


def test_a_metric_may_need_more_of_each_image(measured: Measured, record: Record) -> None:
    """Each from what the evidence keeps, by a plain loop."""
    evidence = read_evidence(measured.folders[1] / EVIDENCE_FILE)
    reference = measured.board.reference(measured.board.entries[1].note.reference)
    labels = reference.labels
    sure, answers = evidence.logits.double().softmax(1).max(1)
    gap = 0.0
    for low in range(15):
        inside = (sure > low / 15) & (sure <= (low + 1) / 15)
        if inside.any():
            gap += abs(float((answers == labels)[inside].double().mean() - sure[inside].mean())) * inside.sum().item()
    own = [evidence.step_logits[:, : t + 1].double().mean(1) for t in range(4)]
    theirs = [reference.step_logits[:, : t + 1].double().mean(1).argmax(1) for t in range(4)]
    right = sum((each.argmax(1) == labels).double().mean() for each in own).item() / 4
    agree = sum((each.argmax(1) == other).double().mean() for each, other in zip(own, theirs, strict=True)).item() / 4
    stops = [next((t for t in range(4) if own[t][n].softmax(0).max() >= 0.9), 3) for n in range(len(labels))]
    stopped = [float(own[t][n].argmax() == labels[n]) for n, t in enumerate(stops)]
    chances = evidence.logits.double().softmax(1)
    nll = -chances[range(len(labels)), labels].log().mean().item()
    brier = (chances - torch.eye(10, dtype=torch.float64)[labels]).square().sum(1).mean().item()
    busiest = max(float(layer.double().mean(1).max()) for layer in evidence.events.values())
    most = torch.stack([layer.amax(0) for layer in evidence.events.values()]).amax(0).double().quantile(0.99).item()
    exits = 1 + sum(stops) / len(stops), sum(stopped) / len(stopped)
    expected = gap / len(labels), nll, brier, right, agree, *exits, busiest, most
    found = dict(zip(BY_IMAGE, expected, strict=True))
    assert {name: record.metrics[name].value for name in BY_IMAGE} == pytest.approx(found, rel=1e-6)
    score = record.metrics["calibration_error"]
    assert score.low < score.value < score.high


def spikes_and_currents(model: nn.Module, images: torch.Tensor) -> tuple[dict, dict]:
    """What goes into each spiking layer and what comes out, (T, N, M)."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, SpikingNeuron)}
    currents, spikes = {}, {}

    def note(name: str, given: tuple, out: torch.Tensor) -> None:
        currents[name], spikes[name] = given[0].flatten(2), out.flatten(2)

    for name, module in layers.items():
        module.register_forward_hook(lambda _, given, out, name=name: note(name, given, out))
    with torch.no_grad():
        model(images)
    return spikes, currents


def test_a_closer_look_by_plain_loops(measured: Measured, record: Record) -> None:
    rules, data = measured.board.protocol.evaluate, catalogue().datasets["digits"].value
    pixels = torch.from_numpy(data.load(None, "test")[0]).float() / 255
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in attrgetter("mean", "std")(measured.board.protocol.data))
    reference = snnbench.load("digits-sew8")
    quantized = snnbench.quantize(reference, "uniform", bits=2, options={"clip": "absmax"})
    (mine, currents), (theirs, _) = (spikes_and_currents(net, (pixels - mean) / std) for net in (quantized, reference))
    decay, distance, neurons, shift, both, low, high = exp(-1), 0.0, 0, 0, 0, 0.0, 0.0
    for name, spikes in mine.items():
        trace, potential = torch.zeros_like(spikes[0]).double(), torch.zeros_like(spikes[0])
        squared = torch.zeros_like(trace)
        for step, (a, b, current) in enumerate(zip(spikes, theirs[name], currents[name], strict=True)):
            trace = trace * decay + (a - b)  # its square, integrated until the next step, at the end for ever
            squared += trace.square() * (1 if step == len(spikes) - 1 else 1 - decay**2)
            charged = potential + (current - potential) / 2
            low, high = min(low, float(charged.min())), max(high, float(charged.max()))
            potential = charged * (1 - a)
        distance, neurons = distance + float(squared.sqrt().sum()), neurons + spikes.shape[2]
        fires = spikes.any(0) & theirs[name].any(0)
        shift += int((spikes.argmax(0) - theirs[name].argmax(0))[fires].sum())
        both += int(fires.sum())
    found = {name: record.metrics[name] for name in CLOSER}
    assert found["van_rossum"].value == pytest.approx(distance / neurons / len(pixels), rel=1e-6)
    assert found["latency_shift"].value == pytest.approx(shift / both, rel=1e-12)
    unit = range(1, 33)
    bits = next(b for b in unit if -(2 ** (b - 1)) <= floor(low * 256) and ceil(high * 256) <= 2 ** (b - 1) - 1)
    assert found["membrane_bits"].value == bits
    events = read_evidence(measured.folders[1] / EVIDENCE_FILE).events.values()
    beyond = [any(int(layer[t, n]) > rules.event_limit for layer in events for t in range(4)) for n in range(360)]
    assert found["over_limit"].value == sum(beyond) / 360
    assert 0 < sum(beyond) < 360
    for name in ("over_limit", "van_rossum", "latency_shift"):
        assert found[name].low < found[name].value < found[name].high


def test_the_reference_beside_itself(measured: Measured) -> None:
    metrics = read_record(measured.folders[0]).metrics
    assert (metrics["van_rossum"].value, metrics["latency_shift"].value) == (0, 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("logits"), "lacks logits, which that of its reference holds"),
        (lambda t: t["logits"].mul_(-1), "predictions are not the largest logits"),
        (lambda t: t["step_logits"].mul_(-1), "predictions are not the largest step_logits"),
        (lambda t: t["events/stem.neuron"].add_(1), "do not add up to those of each step"),
        (lambda t: t["logits"].add_(t["logits"]), "calibration_error"),
        (lambda t: t["distances"].neg_(), "distances lie below 0"),
        (lambda t: t["distances"].mul_(2), "van_rossum"),
        (lambda t: t["latencies"].add_(100_000), "more neurons or steps than there are"),
        (lambda t: t["potentials"].mul_(100), "membrane_bits"),
        (lambda t: t.pop("potentials"), "membrane_bits"),
    ],
)
def test_what_is_kept_of_each_image_is_verified(
    measured: Measured, tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object], problem: str
) -> None:
    board = Path(shutil.copytree(measured.board.folder, tmp_path / measured.board.folder.name))
    entry = board / "entries" / measured.folders[1].name
    tensors = load((entry / EVIDENCE_FILE).read_bytes())
    change(tensors)
    (entry / EVIDENCE_FILE).write_bytes(save(tensors))
    write_sums(entry)
    (problems,) = [verdict.problems for verdict in verify(entry)]
    assert any(problem in each for each in problems)


def test_evidence_keeps_no_more_than_metrics_need(measured: Measured, board: Board) -> None:
    assert all(entry.evidence.kept == frozenset() for entry in board.entries)
    assert measured.board.entries[0].evidence.kept == {"logits", "step_logits", "events", *PAIRS}
    note = measured.board.entries[0].note
    other = Board(measured.board.folder, board.protocol)
    (problem,) = kept_problems(other, measured.board.entries[0].evidence, measured.board.reference(note.reference))
    held = "distances, events, latencies, logits, potentials, step_logits"
    assert f"holds {held}, which no metric of its board needs" in problem


def entries(measured: Measured) -> list[Path]:
    """The cells as they lie on the board, where their labels are too."""
    return [measured.board.folder / "entries" / folder.name for folder in measured.folders]


def run_table(measured: Measured) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(results_table([read_record(folder) for folder in measured.folders]))
    return console.file.getvalue()


def card(measured: Measured) -> str:
    return "\n".join(" ".join(line) for line in score_lines(read_record(measured.folders[1])))


def tables(measured: Measured) -> str:
    return "\n\n".join(path.read_text("utf-8") for path in write_tables(measured.board))


def site(measured: Measured) -> str:
    folder = write_site([measured.board], measured.folders[0].parent / "site").parent
    return "\n".join(path.read_text("utf-8") for path in folder.glob("digits*/*.html"))


def picture(measured: Measured) -> str:
    axes = metrics_picture(read_series(measured.folders)).axes
    (panel,) = [each for each in axes if each.get_title() == ADDED.label]
    points, *_ = panel.containers[-1]
    return f"{panel.get_title()} {points.get_ydata()[0]:.4f}"


@pytest.mark.parametrize(
    ("view", "word"),
    [(run_table, HEADING), (card, TITLE), (tables, HEADING), (site, HEADING), (site, TITLE), (picture, TITLE)],
)
def test_it_is_in_every_view(measured: Measured, record: Record, view: Callable[[Measured], str], word: str) -> None:
    shown = view(measured)
    assert word in shown
    assert ADDED.text(record.metrics[NAME].value) in shown


def test_it_is_compared(measured: Measured) -> None:
    (comparison,) = compare(*entries(measured))
    first, second = (read_record(folder).metrics[NAME].value for folder in measured.folders)
    assert comparison.others[NAME].value == pytest.approx(second - first, abs=1e-15)


def test_boards_that_differ_in_it_tell_so(measured: Measured, tmp_path: Path) -> None:
    other = read_board(Path(shutil.copytree(measured.board.folder, tmp_path / measured.board.folder.name)))
    for file in other.folder.glob("entries/uniform*/record.json"):
        document = json.loads(file.read_bytes())
        document["metrics"][NAME]["value"] = 0.5
        file.write_text(json.dumps(document))
    (change,) = changes(measured.board, other)
    assert change.new is not None
    assert change.new[NAME] == 0.5


@pytest.mark.parametrize("command", [["results", "list", "--wide"], ["compare"], ["leaderboard", "diff"]])
def test_the_command_line_shows_it(
    measured: Measured, command: list[str], told: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = {"results": [measured.folders[0].parents[1]], "compare": entries(measured)}.get(command[0])
    if words is None:
        other = Path(shutil.copytree(measured.board.folder, tmp_path / measured.board.folder.name))
        file = next(other.glob("entries/uniform*/record.json"))
        document = json.loads(file.read_bytes())
        document["metrics"][NAME]["value"] = 0.5
        file.write_text(json.dumps(document))
        words = [measured.board.folder, other]
    told(*command, *words)
    printed = capsys.readouterr().out
    assert HEADING in printed or TITLE in printed


def test_boards_that_do_not_ask_for_it_have_no_column(added: None, board: Board) -> None:
    assert HEADING not in write_tables(board)[0].read_text("utf-8")


def test_older_protocols_keep_nothing_of_each_image() -> None:
    """Their records stay as they are, and rows of 100 classes small: outputs of each step would be 21 MB a row."""
    paths = Path(snnbench.__file__).parent.glob("protocols/*/protocol.toml")
    keeping = {path.parent.name for path in paths if kept_for(read_protocol(path).evaluate.metrics)}
    assert keeping == {"cifar10-sew8", "cifar10-sew8-hard", "cifar10-vgg9"}


def test_every_metric_of_every_protocol_is_in_the_table() -> None:
    for path in Path(snnbench.__file__).parent.glob("protocols/*/protocol.toml"):
        assert set(read_protocol(path).evaluate.metrics) <= set(METRICS)


def test_a_metric_that_there_is_not_is_refused(tmp_path: Path) -> None:
    shipped = protocol_path("digits-sew8")
    document = Path(shutil.copytree(shipped.parent, tmp_path / "protocol")) / shipped.name
    document.write_text(document.read_text("utf-8").replace('"firing_drift"', '"firing_drifts"'), "utf-8")
    with pytest.raises(ProtocolError, match="firing_drifts"):
        snnbench.run("float", protocol=str(document), limit=20, out=tmp_path)
