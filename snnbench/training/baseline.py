"""Full-precision baselines: trained from the protocol alone, shipped beside it, checked by SHA-256 when loaded."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from snnbench.data import Dataset
from snnbench.data.content import Images, Labels
from snnbench.engine import EngineChoice, check_device, check_engine, choose_engine, engine_form
from snnbench.errors import ProtocolError
from snnbench.files import write_atomically
from snnbench.nn import rectified
from snnbench.options import validate
from snnbench.plugins import catalogue
from snnbench.protocols import Baseline, Protocol, read_protocol
from snnbench.training.batches import Normalise
from snnbench.training.checkpoint import load_checkpoint, save_checkpoint
from snnbench.training.firing_rate import penalising_rates
from snnbench.training.trainer import Trainer, TrainingSet, _Report


def build_model(protocol: Protocol, dataset: Dataset) -> nn.Module:
    """The protocol's network with fresh weights, convolutions in channels-last memory order."""
    entry = catalogue().models[protocol.model.name]
    options = validate(entry, entry.value, protocol.model.options)
    model: nn.Module = entry.value(dataset.input_shape, dataset.num_classes, **options)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def training_set(protocol: Protocol, dataset: Dataset, root: Path | None) -> TrainingSet:
    """The training split of the protocol's data set."""
    images, labels = dataset.load(root, "train")
    return TrainingSet(images, labels, Normalise(protocol.data.mean, protocol.data.std))


def baseline_trainer(
    protocol: Protocol, dataset: Dataset, root: Path | None, seed: int, engine: EngineChoice, device: str = "cpu"
) -> Trainer:
    """A trainer at the start of the protocol's baseline training; pins the number of threads."""
    torch.set_num_threads(protocol.train.threads)
    torch.manual_seed(seed)
    data = training_set(protocol, dataset, root)
    steps = sum(stage.timesteps * stage.epochs for stage in protocol.train.stages)
    chosen = choose_engine(engine, steps * len(data.images), device)
    model = build_model(protocol, dataset)
    timeless = {"qcfs": engine_form(rectified(model, protocol.train.stages[-1].timesteps), chosen)}
    return Trainer(engine_form(model, chosen), protocol.train, data, seed, chosen, timeless, device)


def train_baseline(
    trainer: Trainer,
    protocol: Protocol,
    checkpoint: Path,
    report: _Report,
    on_epoch: Callable[[Mapping[str, Any]], None],
    measure: Callable[[nn.Module], float],
) -> None:
    """Train to the end, from the last checkpoint if there is one; a checkpoint is written after every epoch.

    `measure` gives the accuracy of a network where spikes take over from rates.
    """
    if checkpoint.exists():
        load_checkpoint(checkpoint, trainer, protocol.recipe)
    with penalising_rates(trainer):
        while not trainer.finished:
            if trainer.switches:
                trainer.measure_switch(measure)
            trainer.train_epoch(report)
            save_checkpoint(checkpoint, trainer, protocol.recipe)
            on_epoch(trainer.progress.log[-1])


def save_weights(model: nn.Module, protocol: Protocol, seed: int, path: Path) -> str:
    """Write the weights of `model` as safetensors and return the file's SHA-256; `model` then has what was written."""
    rounds = protocol.train.weights == "float16"
    parts = model.state_dict().items()
    tensors = {name: (value.half() if rounds and value.ndim > 1 else value).contiguous() for name, value in parts}
    model.load_state_dict(tensors)
    origin = {"protocol": f"{protocol.name}-v{protocol.version}", "recipe": protocol.recipe, "seed": seed}
    content = save(tensors, {"baseline": json.dumps(origin)})  # of several keys safetensors shuffles the order
    write_atomically(path, [content])
    return hashlib.sha256(content).hexdigest()


def save_log(trainer: Trainer, protocol: Protocol, firing_rate: float, path: Path) -> None:
    """Write what happened in a training: a row an epoch, with versions, wall time and the rate it ended at."""
    document = {
        "protocol": f"{protocol.name}-v{protocol.version}",
        "seed": trainer.seed,
        "recipe": protocol.recipe,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "engine": trainer.engine,
        "device": trainer.device,
        "finished": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(sum(row["seconds"] for row in trainer.progress.log)),
        "switch": trainer.progress.switch,
        "firing_rate": round(firing_rate, 4),
        "epochs": trainer.progress.log,
    }
    write_atomically(path, [(json.dumps(document, indent=1) + "\n").encode()])


def read_weights(protocol: Protocol, baseline: Baseline, folder: Path) -> dict[str, Tensor]:
    """The baseline's weights as the network has them, in float32, their SHA-256 checked; errors as `stored_weights`."""
    stored = stored_weights(protocol, baseline, folder)
    return {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}


def stored_weights(protocol: Protocol, baseline: Baseline, folder: Path) -> dict[str, Tensor]:
    """The same as they lie on disk.

    Raises:
        ProtocolError: if the file is missing, altered or damaged.
    """
    file = _weights_file(protocol, baseline, folder)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ProtocolError(
            f"baseline '{file}' of protocol '{protocol.name}' cannot be read: {error.strerror}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != baseline.sha256:
        raise ProtocolError(
            f"baseline '{file}' is altered: its SHA-256 is {found[:12]}..., protocol '{protocol.name}' says"
            f" {baseline.sha256[:12]}...; reinstall snnbench, or restore the file"
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise ProtocolError(f"baseline '{file}' is not a safetensors file: {error}") from error


def _weights_file(protocol: Protocol, baseline: Baseline, folder: Path) -> Path:
    """Beside the document, else with another version: a released document stays as it is when weights have moved on."""
    beside = folder / baseline.file
    if beside.exists():
        return beside
    others = sorted(folder.parent.glob(f"{protocol.name}*/{beside.name}"))
    return next((file for file in others if hashlib.sha256(file.read_bytes()).hexdigest() == baseline.sha256), beside)


def protocol_path(protocol: str) -> Path:
    """The document of a protocol: a name, a name and version, or the path of a ``.toml`` with its weights beside it.

    A name is that of the newest version; ``NAME-vN`` is version N, which older ones that ship have for a name.

    Raises:
        PluginError: if the protocol is unknown.
        ProtocolError: if another version of it is installed.
    """
    if protocol.endswith(".toml"):
        return Path(protocol)
    protocols = catalogue().protocols
    name, _, version = protocol.rpartition("-v")
    if not name or name not in protocols:
        return protocols[protocol].value
    path = protocols[name].value
    if str(installed := read_protocol(path).version) == version:
        return path
    if protocol not in protocols:
        raise ProtocolError(f"installed is {name}-v{installed}, not {protocol}: install the snnbench that has it")
    return protocols[protocol].value


def open_training(
    protocol: str, data: Path | None, seed: int, engine: EngineChoice, device: str = "cpu"
) -> tuple[Trainer, Protocol, tuple[Images, Labels]]:
    """A protocol's baseline training at its start (see `protocol_path`), its document, and the test split.

    Raises:
        SnnbenchError: for an unknown protocol, data that are not prepared, or a device or an engine that is not to be
            had.
    """
    check_device(device)
    check_engine(engine, device)
    document = read_protocol(protocol_path(protocol))
    dataset = catalogue().datasets[document.data.name].value
    test = dataset.load(data, "test")
    return baseline_trainer(document, dataset, data, seed, engine, device), document, test


def baseline_rows() -> list[dict[str, Any]]:
    """Every baseline of every protocol; protocols without weights have one row with null accuracy."""
    rows = []
    for entry in catalogue().protocols.values():
        document = read_protocol(entry.value)
        rows += [_row(document, baseline, entry.value.parent) for baseline in document.baselines or (None,)]
    return rows


def _row(document: Protocol, baseline: Baseline | None, folder: Path) -> dict[str, Any]:
    hours = document.effort.hours if document.effort else None
    row: dict[str, Any] = {"protocol": f"{document.name}-v{document.version}", "training_hours": hours}
    if baseline is None:
        return row | dict.fromkeys(("seed", "accuracy", "parameters", "bytes", "sha256"))
    weights = stored_weights(document, baseline, folder)
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    count = sum(tensor.numel() for name, tensor in weights.items() if not name.endswith(buffers))
    size = sum(tensor.nbytes for tensor in weights.values())
    return row | {
        "seed": baseline.seed,
        "accuracy": baseline.accuracy,
        "parameters": count,
        "bytes": size,
        "sha256": baseline.sha256,
    }
