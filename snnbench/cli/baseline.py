"""`snnbench baseline`: train, list, verify and describe full-precision baselines."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.cli.parameters import DataRoot, Device, Engine, Json, ProtocolName
from snnbench.errors import ProtocolError

if TYPE_CHECKING:
    from torch import nn

app = typer.Typer(help="Train, list and verify full-precision baselines.", no_args_is_help=True)


@app.command()
def train(
    protocol: ProtocolName,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, order and augmentation.")] = 0,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of checkpoint and weights.")] = Path(
        ".training"
    ),
    data: DataRoot = None,
    device: Device = "cpu",
    engine: Engine = "auto",
) -> None:
    """Train a baseline from the protocol alone. Started again, it goes on from its last epoch.

    It prints the path of the protocol's document with the baselines that were trained into the folder: 'snnbench run
    --protocol' takes it.
    """
    from snnbench.bench.evaluate import accuracy, evaluate
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.protocols import Baseline
    from snnbench.records.store import check_writable
    from snnbench.training.baseline import open_training, protocol_path, save_log, save_weights, train_baseline
    from snnbench.training.trained import write_trained

    reporter = ConsoleReporter()
    trainer, document, test = open_training(protocol, data, seed, engine, device)
    check_writable(out)
    name = f"{document.name}-v{document.version}-seed{seed}"

    def tell(row: Mapping[str, Any]) -> None:
        reporter.say(" ".join(f"{key} {value}" for key, value in row.items()))

    (images, labels), normalise, size = test, trainer.data.normalise, document.evaluate.batch_size

    def measure(model: nn.Module) -> float:
        return accuracy(model, images, labels, normalise, size, device)

    with reporter.task(f"Training {document.name}, seed {seed}") as advance:
        train_baseline(trainer, document, out / f"{name}.checkpoint", advance, tell, measure)
    weights, log = out / f"{name}.safetensors", out / f"{name}.log.json"
    sha256 = save_weights(trainer.model, document, seed, weights)
    with reporter.task("Test set") as advance:
        found = evaluate(trainer.model, images, normalise, size, advance, device)
    save_log(trainer, document, float(found.profile.mean_rate()), log)
    correct = float((found.predictions.numpy() == labels).mean())
    twin = trainer.progress.switch["qcfs"] if trainer.progress.switch else None
    baseline = Baseline(seed=seed, file=weights.name, sha256=sha256, accuracy=correct, twin=twin)
    trained = out / f"{document.name}-v{document.version}.toml"
    write_trained(protocol_path(protocol), baseline, trained)
    reporter.say(f"Test accuracy {correct:.4f}\nWeights: {weights}\nLog: {log}\nThe protocol with them:")
    typer.echo(trained)


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the baselines of all protocols. Test accuracy (JSON: a fraction), parameters, size, SHA-256."""
    from snnbench.training.baseline import baseline_rows

    rows = baseline_rows()
    if json:
        _write(rows)
    else:
        _table(rows)


@app.command()
def verify(protocol: ProtocolName, data: DataRoot = None, json: Json = False) -> None:
    """Evaluate a protocol's baselines on the test set. Fails where one differs from what the protocol says.

    Accuracy is a fraction of the test images; where there are several baselines, JSON has their mean and each.
    """
    from snnbench.bench.baseline_check import verify_baselines
    from snnbench.cli.reporting import ConsoleReporter

    results = verify_baselines(protocol, data, ConsoleReporter())
    if json:
        _write(_verdict(protocol, results))
    else:
        for result in results:
            typer.echo(
                f"{protocol} seed {result['seed']}: accuracy {result['accuracy']:.4f} (fraction of test images),"
                f" the protocol says {result['expected']:.4f}"
            )
    wrong = [result for result in results if not result["agrees"]]
    if wrong:
        seeds = ", ".join(str(result["seed"]) for result in wrong)
        raise ProtocolError(f"the baseline of '{protocol}' does not reach the protocol's accuracy: seed {seeds}")


@app.command()
def card(protocol: ProtocolName) -> None:
    """Print the model card of a protocol's baselines. It is made of document, training logs and NOTES.md."""
    from snnbench.training.card import model_card

    sys.stdout.write(model_card(protocol))


def _verdict(protocol: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean accuracy over a protocol's baselines, and each of them."""
    mean = sum(result["accuracy"] for result in results) / len(results)
    return {"protocol": protocol, "accuracy": mean, "unit": "fraction of the test images", "baselines": results}


def _write(value: object) -> None:
    from json import dumps

    sys.stdout.write(dumps(value, indent=1) + "\n")


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    from snnbench.cli.tables import fitted

    heads = (Column(head, no_wrap=True) for head in ("seed", "accuracy", "parameters", "bytes", "SHA-256"))
    table = Table(Column("protocol", overflow="fold"), *heads, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        numbers = (row["seed"], _accuracy(row), row["parameters"], row["bytes"], (row["sha256"] or "")[:12])
        table.add_row(row["protocol"], *("" if value is None else str(value) for value in numbers))
    console = Console(highlight=False)
    console.print(
        fitted(table, console.width, stay=3), "In brackets: no weights ship; the hours that training takes.", sep="\n"
    )


def _accuracy(row: dict[str, Any]) -> str:
    if row["accuracy"] is not None:
        return f"{100 * row['accuracy']:.2f} %"
    hours = row["training_hours"]
    return f"({hours:g} h)" if hours else "none"
