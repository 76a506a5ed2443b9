"""`snnbench baseline`: the list, the check of shipped weights, and what is told where there are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import snnbench
from snnbench.errors import ProtocolError
from snnbench.protocols import read_protocol

PROTOCOLS = Path(snnbench.__file__).parent / "protocols"
PAPER = [f"{data}-{net}-paper" for data in ("cifar10", "cifar100") for net in ("sew8", "sew18")]


@pytest.fixture(scope="module")
def digits() -> list[dict[str, object]]:
    return [dict(baseline) for baseline in read_protocol(PROTOCOLS / "digits-sew8" / "protocol.toml").baselines]


def test_the_list_has_every_baseline_and_every_protocol_without_one(cli, digits):
    rows = json.loads(cli("baseline", "list", "--json").out)
    assert {row["protocol"].rsplit("-v")[0] for row in rows} >= {"digits-sew8", "cifar10-sew8", "cifar10-sew18", *PAPER}
    found = [row for row in rows if row["protocol"].startswith("digits-sew8")]
    assert [(row["seed"], row["accuracy"], row["sha256"]) for row in found] == [
        (baseline["seed"], baseline["accuracy"], baseline["sha256"]) for baseline in digits
    ]
    assert all(row["bytes"] > 4 * row["parameters"] > 0 for row in found)
    for row in rows:
        values = [row[key] for key in ("seed", "accuracy", "parameters", "bytes", "sha256")]
        assert all(value is None for value in values) or None not in values
        assert None not in values or row["training_hours"] > 0
    shown = cli("baseline", "list").out
    assert "98.89 %" in shown
    assert str(digits[0]["sha256"])[:12] in shown


@pytest.mark.parametrize("name", PAPER)
def test_a_paper_protocol_is_of_full_width_and_says_how_to_train_it(name):
    document = read_protocol(PROTOCOLS / name / "protocol.toml")
    assert (document.name, document.model.options["width"], document.model.options["timesteps"]) == (name, 64, 4)
    assert document.train.epochs >= 100
    with pytest.raises(ProtocolError) as told:
        document.baseline(0)
    for words in (
        f"snnbench baseline train {name}.",
        f"about {document.effort.hours:g} hours on two cores",
        "Hardware",
    ):
        assert words in str(told.value)


@pytest.mark.parametrize("verb", [("run", "-q", "lqnet", "-p"), ("baseline", "verify")], ids=" ".join)
def test_weights_that_do_not_ship_are_an_error_that_helps(cli, verb):
    found = cli(*verb, PAPER[3])
    assert found.code == 2
    assert f"snnbench baseline train {PAPER[3]}." in found.err


def test_the_effort_is_a_note_outside_of_the_fingerprint():
    document = read_protocol(PROTOCOLS / PAPER[0] / "protocol.toml")
    other = document.model_copy(update={"effort": None})
    assert (other.fingerprint, other.recipe) == (document.fingerprint, document.recipe)


def test_verify_reaches_the_protocols_accuracy(cli, digits):
    found = cli("baseline", "verify", "digits-sew8", "--json")
    assert found.code == 0, found.err
    told = json.loads(found.out)
    assert told["unit"] == "fraction of the test images"
    assert told["accuracy"] == pytest.approx(sum(baseline["accuracy"] for baseline in digits) / 3, abs=5e-4)
    assert [row["accuracy"] for row in told["baselines"]] == pytest.approx(
        [row["accuracy"] for row in digits], abs=5e-4
    )


def test_verify_fails_where_the_accuracy_differs(cli, tmp_path):
    shutil.copytree(PROTOCOLS / "digits-sew8", tmp_path / "digits")
    document = tmp_path / "digits" / "protocol.toml"
    text = document.read_text("utf-8").split("[[baselines]]")
    first = text[1].replace("accuracy = 0.98", "accuracy = 0.95")
    document.write_text(f"{text[0]}[[baselines]]{first}", "utf-8")
    found = cli("baseline", "verify", str(document))
    assert found.code == 2
    assert "does not reach the protocol's accuracy: seed 0" in found.err
    assert "accuracy 0.9889 (fraction of test images), the protocol says 0.9589" in found.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--device", "nosuch"], "--device 'nosuch' cannot be used"),
        (["--device", "meta", "--engine", "compiled"], "it runs on cpu, not on meta; use --engine eager"),
    ],
)
def test_a_device_or_engine_that_cannot_train_is_refused(cli, tmp_path, options, complaint):
    refused = cli("baseline", "train", "digits-sew8", "--out", str(tmp_path), *options)
    assert refused.code == 2
    assert complaint in refused.err


def test_a_recipe_of_ones_own_is_trained_and_its_weights_are_used(cli, tmp_path):
    document = tmp_path / "protocol.toml"
    stages = '[{ timesteps = 1, epochs = 1, activation = "qcfs" }, { timesteps = 4, epochs = 1 }]'
    text = (PROTOCOLS / "digits-sew8" / "protocol.toml").read_text("utf-8").split("[[baselines]]")[0]
    text = text.replace("[{ timesteps = 4, epochs = 30 }]", stages).replace('"digits-sew8"', '"digits.sew8"')
    document.write_text(text, "utf-8")
    (tmp_path / "file").touch()
    refused = cli("baseline", "train", str(document), "--out", str(tmp_path / "file" / "here"), "--engine", "eager")
    assert refused.code == 2
    assert f"'{tmp_path / 'file' / 'here'}' cannot be written" in refused.err
    assert "epoch" not in refused.err
    words = ("baseline", "train", str(document), "--out", str(tmp_path / "out"), "--engine", "eager")
    trained = cli(*words, "--seed", "1")
    assert trained.code == 0, trained.err
    made = Path(trained.out.strip())
    assert made == tmp_path / "out" / "digits.sew8-v1.toml"
    assert cli(*words).out == trained.out
    first, second = read_protocol(made).baselines
    assert (first.seed, second.seed) == (0, 1)
    assert first.accuracy > 0.2
    assert first.twin is not None
    assert cli("baseline", "verify", str(made)).code == 0
    assert cli("baseline", "card", str(made)).code == 0


def test_weights_that_are_missing_are_trained_by_what_the_user_typed(cli, tmp_path):
    document = tmp_path / "mine.toml"
    text = (PROTOCOLS / "digits-sew8" / "protocol.toml").read_text("utf-8").split("[[baselines]]")[0]
    document.write_text(text.replace('"digits-sew8"', '"other"'), "utf-8")
    found = cli("run", "-q", "lqnet", "-p", str(document))
    assert found.code == 2
    assert f"snnbench baseline train {document}." in found.err
