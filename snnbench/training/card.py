"""The model card of a protocol's baselines, written from the document, the weights and the training logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from snnbench.errors import ProtocolError
from snnbench.protocols import Baseline, Protocol, Stage, Training, read_protocol
from snnbench.training.baseline import protocol_path, stored_weights

NOTES_FILE = "NOTES.md"
"""What no file tells: how the recipe was chosen, what limited the training. Beside the document, if there is any."""

_USE = (
    "Intended use: the full-precision reference that quantizers are compared with. A network of this size is not meant"
    " to classify pictures for anyone."
)
_LICENCE = (
    "The weights are under the licence of this package, Apache-2.0; the images they were trained on are not part of it."
)
_COLUMNS = 120
_CHANGE = 5
"""Epochs at the end whose gain in accuracy is told, if there are as many after the first."""


def model_card(protocol: str) -> str:
    """The card of a protocol (a name, or the path of a document), as Markdown.

    Raises:
        PluginError: if there is no such protocol.
        ProtocolError: if it has no weights, they are altered, or the log of a training cannot be read.
    """
    path = protocol_path(protocol)
    document, folder = read_protocol(path), path.parent
    document.baseline(0, protocol)
    logs = [_log(folder, baseline) for baseline in document.baselines]
    notes = folder / NOTES_FILE
    parts = [
        f"# {document.name}, version {document.version}",
        "\n".join(_facts(document, folder, logs)),
        _paragraph("Recipe", recipe(document.train)),
        *_curves(document.baselines, logs),
        *_switches(document.baselines, logs),
        _paragraph("What limits it", *_limits(document.baselines, logs)),
        *([notes.read_text("utf-8").strip()] if notes.exists() else []),
        _paragraph("Use and licence", _USE, _LICENCE),
    ]
    return "\n\n".join(parts) + "\n"


def _log(folder: Path, baseline: Baseline) -> dict[str, Any]:
    file = folder / Path(baseline.file).with_suffix(".log.json")
    try:
        log: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProtocolError(f"the training log '{file}' cannot be read: {error}") from error
    return log


def _facts(document: Protocol, folder: Path, logs: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| | |\n|---|---|"
    yield f"| task | {document.title} |"
    options = ", ".join(f"{key} {value}" for key, value in document.model.options.items())
    yield f"| network | `{document.model.name}`: {options} |"
    for baseline, log in zip(document.baselines, logs, strict=True):
        weights = stored_weights(document, baseline, folder)
        size = sum(tensor.nbytes for tensor in weights.values())
        yield (
            f"| seed {baseline.seed} | **{_percent(baseline.accuracy)} test accuracy** (float32, eager);"
            f" {size:,} bytes of tensors, SHA-256 `{baseline.sha256[:12]}` |"
        )
        yield (
            f"| trained by | `snnbench baseline train {document.name}-v{document.version} --seed {baseline.seed}`,"
            f" {_duration(log['seconds'])} on {_threads(log['threads'])}, {log['engine']}, {log['machine']},"
            f" torch {log['torch']}, Python {log['python']}, {log['finished']} |"
        )


def recipe(training: Training) -> str:
    """A training's recipe in words."""
    stages = ", then ".join(map(_stage, training.stages))
    epochs = f"; an epoch is {training.images:,} images" if training.images else ""
    extras = [
        f"label smoothing {training.label_smoothing:g}" if training.label_smoothing else "no label smoothing",
        f"reflect-padded crops of {training.crop_padding} pixels" if training.crop_padding else "no crops",
        "flips" if training.flip else "no flips",
        f"{training.precision} autocast" if training.precision != "float32" else "float32",
        *(f"{weight:g} times the mean rate of all neurons added to the loss" for weight in _penalty(training)),
    ]
    return (
        f"{stages}{epochs}. Nesterov SGD, momentum {training.momentum:g}, batch {training.batch_size}; the learning"
        f" rate goes linearly up to {training.learning_rate:g} in the first {100 * training.warmup:g} % of the steps,"
        f" and down to 0. Weight decay {training.weight_decay:g} on convolutions and classifier; {', '.join(extras)}."
    )


def _penalty(training: Training) -> Iterator[float]:
    yield from (weight for what, weight in training.regularize.items() if what == "firing_rate")


def _stage(stage: Stage) -> str:
    how = f"at T = {stage.timesteps}" if stage.activation == "spikes" else f"as a {stage.activation} network"
    gradient = " with averaged gradients" if stage.gradient == "averaged" else ""
    size = f" on {stage.image_size} x {stage.image_size} pixels" if stage.image_size else ""
    epochs = "1 epoch" if stage.epochs == 1 else f"{stage.epochs} epochs"
    return f"{epochs} {how}{gradient}{size}"


def _curves(baselines: Sequence[Baseline], logs: Sequence[dict[str, Any]]) -> Iterator[str]:
    for baseline, log in zip(baselines, logs, strict=True):
        rows = (f"{row['epoch']}: {100 * row['train_accuracy']:.1f}" for row in log["epochs"])
        yield _paragraph(
            f"Accuracy on training images after each epoch, seed {baseline.seed}, in percent", ", ".join(rows) + "."
        )


def _switches(baselines: Sequence[Baseline], logs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What spikes cost or gain against the network without time that they came from."""
    for baseline, log in zip(baselines, logs, strict=True):
        if switch := log.get("switch"):
            yield _paragraph(
                f"Spikes against their twin, seed {baseline.seed}",
                f"The qcfs network, an ordinary one with quantized activations, has {_percent(switch['qcfs'])} of the"
                f" test images right; its weights as spikes, before any training with spikes,"
                f" {_percent(switch['spikes'])}; the baseline {_percent(baseline.accuracy)}, at"
                f" {log['firing_rate']:.3f} spikes per neuron and step.",
            )


def _limits(baselines: Sequence[Baseline], logs: Sequence[dict[str, Any]]) -> Iterator[str]:
    for baseline, log in zip(baselines, logs, strict=True):
        curve = [row["train_accuracy"] for row in log["epochs"]]
        told = min(_CHANGE, len(curve) - 1)
        last, before = curve[-1], curve[-1 - told]
        yield (
            f"Seed {baseline.seed}: {_percent(last)} of the training images at the end against"
            f" {_percent(baseline.accuracy)} of the test images; the last {told} epochs gained"
            f" {100 * (last - before):+.1f} points on training images."
        )


def _paragraph(title: str, *sentences: str) -> str:
    return fill(f"**{title}.** {' '.join(sentences)}", _COLUMNS)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
