"""Training: the schedule, the augmentation, and that a killed training ends in the same weights."""

from __future__ import annotations

import os
import signal
import tomllib
from itertools import islice
from pathlib import Path

import pytest
import torch
from oracles.killed import train
from pydantic import ValidationError
from safetensors.torch import load_file

from snnbench.errors import ProtocolError
from snnbench.protocols import Protocol, Stage, Training, read_protocol
from snnbench.sweeps.executors.forking import worker_context
from snnbench.training.baseline import open_training, protocol_path, train_baseline
from snnbench.training.batches import augment, training_batches
from snnbench.training.trainer import Trainer, cycle


@pytest.mark.parametrize(("first", "end"), [("spikes", 0.6), ("qcfs", 0.3), ("averaged", 0.6)])
def test_a_killed_training_ends_in_the_same_weights(tmp_path: Path, first: str, end: float) -> None:
    def trained(name: str, end: float = 1.0) -> tuple[int | None, list[str]]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        process = context.Process(target=train, args=(folder, end, first, dict(os.environ)), daemon=True)
        process.start()
        process.join()
        return process.exitcode, (folder / "epochs").read_text("ascii").split()

    context = worker_context(1)
    assert trained("whole") == (0, ["1", "2", "3", "4"])
    assert trained("killed", end) == (-signal.SIGKILL, ["1", "2"])
    assert trained("killed") == (0, ["3", "4"])
    weights, expected = (load_file(tmp_path / name / "weights.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_stage_says_whether_gradients_are_averaged() -> None:
    def losses(gradient: str) -> list[float]:
        trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
        stage, data = Stage(timesteps=4, epochs=1, gradient=gradient), trainer.data  # type: ignore[arg-type]
        batches = islice(training_batches(data.images, data.labels, data.normalise, trainer.training, 0, 0), 3)
        model = trainer._in_training(stage)
        return [trainer._step(model, stage, *batch)[0] for batch in batches]

    exact, averaged = losses("exact"), losses("averaged")
    assert averaged[0] == exact[0]
    assert averaged[1:] != exact[1:]


@pytest.mark.parametrize(
    ("section", "stages", "complaint"),
    [
        ("train", '[{ timesteps = 1, epochs = 1, activation = "line" }]', "'spikes' or 'qcfs'"),
        ("train", '[{ timesteps = 1, epochs = 1, activation = "qcfs" }]', "not a qcfs network"),
        ("train", '[{ timesteps = 4, epochs = 1, activation = "qcfs" }]', "a qcfs network has no time"),
        (
            "finetune",
            '[{ timesteps = 1, epochs = 1, activation = "qcfs" }, { timesteps = 4, epochs = 1 }]',
            r"go to \[train\]",
        ),
        (
            "train",
            '[{ timesteps = 1, epochs = 1, activation = "qcfs", gradient = "averaged" }]',
            "no time to average gradients over",
        ),
        ("train", "[]", "at least 1 item"),
        ("finetune", "[]", "at least 1 item"),
        ("train", "[{ timesteps = 4, epochs = 1, image_size = 6 }]", "the last stage must train on whole images"),
        (
            "finetune",
            "[{ timesteps = 4, epochs = 1, image_size = 6 }, { timesteps = 4, epochs = 1 }]",
            "fine-tuning is on whole images",
        ),
    ],
)
def test_stages_that_make_no_sense_are_refused(tmp_path: Path, section: str, stages: str, complaint: str) -> None:
    document = tomllib.loads(protocol_path("digits-sew8").read_text("utf-8"))
    document[section]["stages"] = tomllib.loads(f"stages = {stages}")["stages"]
    with pytest.raises(ValidationError, match=complaint):
        Protocol.model_validate(document)


@pytest.mark.parametrize(
    ("section", "what", "complaint"),
    [("train", "firing_emd", "no reference"), ("finetune", "firing_rate", "keeps the baseline's rates")],
)
def test_a_regularizer_that_makes_no_sense_is_refused(section: str, what: str, complaint: str) -> None:
    document = tomllib.loads(protocol_path("digits-sew8").read_text("utf-8"))
    document[section]["regularize"] = {what: 0.5}
    with pytest.raises(ValidationError, match=complaint):
        Protocol.model_validate(document)


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    trainer, document, _ = open_training("digits-sew8", None, 0, "eager")
    (tmp_path / "bad").write_bytes(b"not safetensors")
    with pytest.raises(ProtocolError, match="damaged"):
        train_baseline(trainer, document, tmp_path / "bad", lambda d, t: None, lambda row: None, lambda model: 0.5)


def test_where_spikes_take_over_both_forms_are_measured() -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    qcfs, spikes = Stage(timesteps=1, epochs=1, activation="qcfs"), Stage(timesteps=4, epochs=1)
    trainer.stages, seen = [qcfs, qcfs, spikes, spikes], []
    switches = []
    for trainer.progress.epochs in range(4):
        switches.append(trainer.switches)
    assert switches == [False, False, True, False]
    trainer.measure_switch(lambda model: seen.append(model) or 0.25 * len(seen))  # type: ignore[func-returns-value]
    assert trainer.progress.switch == {"qcfs": 0.25, "spikes": 0.5}
    assert [model.timesteps for model in seen] == [1, 4]
    assert seen == [trainer.forms["qcfs"], trainer.model]


def test_the_learning_rate_goes_up_and_down_to_zero() -> None:
    rates = [cycle(step, 100, 0.2) for step in range(100)]
    assert max(rates) <= 1
    assert rates.index(max(rates)) in (19, 20)
    assert rates[-1] < 0.02
    assert rates[:19] == sorted(rates[:19])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_crops_are_windows_of_the_padded_image_and_flips_mirror() -> None:
    training = Training(stages=({"timesteps": 1, "epochs": 1},), batch_size=1, learning_rate=1, crop_padding=2)
    images = torch.arange(2 * 6 * 6, dtype=torch.uint8).view(2, 1, 6, 6)
    padded = torch.nn.functional.pad(images.float(), (2,) * 4, mode="reflect").byte()
    for seed in range(20):
        found = augment(images, training, torch.Generator().manual_seed(seed))
        for image, whole in zip(found, padded, strict=True):
            windows = [whole[:, y : y + 6, x : x + 6] for y in range(5) for x in range(5)]
            assert any(torch.equal(image, window) for window in windows)
    flips = training.model_copy(update={"crop_padding": 0, "flip": True})
    found = [augment(images, flips, torch.Generator().manual_seed(seed)) for seed in range(20)]
    assert all(torch.equal(f[0], images[0]) or torch.equal(f[0], images[0].flip(2)) for f in found)
    assert len({tuple(f.flatten().tolist()) for f in found}) > 1


@pytest.mark.parametrize("padding", [0, 1])
def test_a_stage_of_small_images_sees_windows_of_the_large_ones(padding: int) -> None:
    training = Training(stages=({"timesteps": 1, "epochs": 1},), batch_size=1, learning_rate=1, crop_padding=padding)
    images = torch.arange(2 * 6 * 6, dtype=torch.uint8).view(2, 1, 6, 6)
    padded = torch.nn.functional.pad(images.float(), (padding,) * 4, mode="reflect").byte()
    span = 6 + 2 * padding - 4 + 1
    seen = set()
    for seed in range(200):
        found = augment(images, training, torch.Generator().manual_seed(seed), 4)
        for index, (image, whole) in enumerate(zip(found, padded, strict=True)):
            windows = [whole[:, y : y + 4, x : x + 4] for y in range(span) for x in range(span)]
            seen.add((index, next(at for at, window in enumerate(windows) if torch.equal(image, window))))
    assert len(seen) == 2 * span * span


def test_the_trainer_hands_a_stage_its_image_size() -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    shapes = [
        next(trainer._batches(Stage(timesteps=1, epochs=1, image_size=size), 0))[0].shape[2:] for size in (5, None)
    ]
    assert shapes == [(5, 5), (8, 8)]


def test_a_recipe_that_ends_at_another_t_than_the_models_is_refused() -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    short = trainer.training.model_copy(update={"stages": (Stage(timesteps=2, epochs=1),)})
    with pytest.raises(ProtocolError, match="the last stage is of T = 2, and the model of T = 4"):
        Trainer(trainer.model, short, trainer.data, 0)


def test_work_counts_time_steps_and_pixels() -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    small = Stage(timesteps=2, epochs=3, image_size=4)
    whole = Stage(timesteps=4, epochs=1)
    half = Trainer(trainer.model, trainer.training.model_copy(update={"stages": (small, whole)}), trainer.data, 0)
    assert half.work == half.steps_per_epoch * (3 * 2 * 4 * 4 + 4 * 8 * 8)
    heard: list[tuple[int, int]] = []
    half.train_epoch(lambda done, total: heard.append((done, total)))
    assert heard[-1] == (half.steps_per_epoch * 2 * 4 * 4, half.work) == (half.work_done, half.work)


def test_a_stage_larger_than_the_images_is_refused() -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    large = trainer.training.model_copy(update={"stages": (Stage(timesteps=1, epochs=1, image_size=9),)})
    with pytest.raises(ProtocolError, match="image_size = 9 is larger than the images of 8 x 8"):
        Trainer(trainer.model, large, trainer.data, 0)


def test_a_number_of_shards_that_nothing_would_heed_is_refused(tmp_path: Path) -> None:
    text = protocol_path("digits-sew8").read_text("utf-8")
    document = tmp_path / "protocol.toml"
    document.write_text(text.replace("[evaluate]\n", "[evaluate]\nshards = 10\n"), "utf-8")
    with pytest.raises(ProtocolError, match=r"evaluate\.shards"):
        read_protocol(document)


@pytest.mark.parametrize("count", [64, 100, 10_000])
def test_a_short_epoch_is_the_beginning_of_a_whole_one(count: int) -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    data, size, images = trainer.data, trainer.training.batch_size, len(trainer.data.images)
    short = trainer.training.model_copy(update={"images": count})
    whole, begun = (
        list(training_batches(data.images, data.labels, data.normalise, training, 3, 1))
        for training in (trainer.training, short)
    )
    assert len(begun) == min(count, images) // size == Trainer(trainer.model, short, data, 0).steps_per_epoch
    for (pictures, labels), (expected, answers) in zip(begun, whole[: len(begun)], strict=True):
        assert torch.equal(pictures, expected)
        assert torch.equal(labels, answers)


def test_fewer_images_than_a_batch_are_refused() -> None:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    tiny = trainer.training.model_copy(update={"images": 7})
    with pytest.raises(ProtocolError, match=r"batch_size=\d+ is larger than the 7 training images"):
        Trainer(trainer.model, tiny, trainer.data, 0)
