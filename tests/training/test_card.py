"""Model cards: the ones that ship are what the documents and logs say now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import snnbench
from snnbench.errors import ProtocolError
from snnbench.protocols import Stage, read_protocol
from snnbench.training.card import model_card, recipe

PROTOCOLS = Path(snnbench.__file__).parent / "protocols"
TRAINED = [folder.name for folder in sorted(PROTOCOLS.iterdir()) if list(folder.glob("*.safetensors"))]


@pytest.mark.parametrize("name", TRAINED)
def test_the_card_is_current(name: str) -> None:
    shipped = (PROTOCOLS / name / "CARD.md").read_text("utf-8")
    assert shipped == model_card(name), f"write it again: snnbench baseline card {name} > CARD.md"


def test_a_card_follows_the_document_the_log_and_the_notes(tmp_path: Path) -> None:
    folder = shutil.copytree(PROTOCOLS / "digits-sew8", tmp_path / "digits")
    document, log = folder / "protocol.toml", folder / "seed0.log.json"
    document.write_text(document.read_text("utf-8").replace("accuracy = 0.9888888888888889", "accuracy = 0.5"), "utf-8")
    epochs = json.loads(log.read_text("utf-8"))
    epochs["epochs"][2]["train_accuracy"], epochs["seconds"] = 0.1234, 7200
    log.write_text(json.dumps(epochs), "utf-8")
    (folder / "NOTES.md").write_text("A hand-written remark.\n", "utf-8")
    card = model_card(str(document))
    for words in ("**50.00 % test accuracy**", " 3: 12.3, ", "120 minutes", "\n\nA hand-written remark.\n\n"):
        assert words in card
    log.write_text(json.dumps(epochs | {"epochs": epochs["epochs"][:4]}), "utf-8")
    assert "the last 3 epochs gained" in " ".join(model_card(str(document)).split())
    epochs |= {"switch": {"qcfs": 0.91, "spikes": 0.895}, "firing_rate": 0.0871}
    log.write_text(json.dumps(epochs), "utf-8")
    told = " ".join(model_card(str(document)).split())
    assert (
        "has 91.00 % of the test images right; its weights as spikes, before any training with spikes, 89.50 %" in told
    )
    assert "0.087 spikes per neuron and step" in told
    log.unlink()
    with pytest.raises(ProtocolError, match=r"seed0\.log\.json"):
        model_card(str(document))


def test_without_weights_there_is_no_card() -> None:
    with pytest.raises(ProtocolError, match="has no baseline weights"):
        model_card("cifar10-sew8-paper")


def test_a_recipe_in_words() -> None:
    words = recipe(read_protocol(PROTOCOLS / "cifar10-sew8" / "protocol.toml").train)
    for part in (
        "8 epochs as a qcfs network on 24 x 24 pixels, then 6 epochs as a qcfs network, then 1 epoch at T = 4",
        "up to 0.1 in the first 15 %",
        "bfloat16",
        "flips",
    ):
        assert part in words


def test_a_penalty_on_firing_in_words() -> None:
    training = read_protocol(PROTOCOLS / "digits-sew8" / "protocol.toml").train
    words = recipe(training.model_copy(update={"regularize": {"firing_rate": 0.25}}))
    assert "0.25 times the mean rate of all neurons added to the loss" in words


def test_stages_in_words() -> None:
    training = read_protocol(PROTOCOLS / "digits-sew8" / "protocol.toml").train
    stages = (Stage(timesteps=4, epochs=2, image_size=6), Stage(timesteps=4, epochs=1))
    words = recipe(training.model_copy(update={"stages": stages}))
    assert words.startswith("2 epochs at T = 4 on 6 x 6 pixels, then 1 epoch at T = 4. ")


def test_a_short_epoch_in_words() -> None:
    training = read_protocol(PROTOCOLS / "cifar10-sew8-brief" / "protocol.toml").finetune
    assert recipe(training).startswith("1 epoch at T = 4 with averaged gradients; an epoch is 16,384 images. ")
