"""`snnbench sweep`: measure a grid of cells, and watch it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from snnbench.cli import parameters as take
from snnbench.cli.own import own_network, results_folder
from snnbench.errors import OptionError

if TYPE_CHECKING:
    from snnbench.own.cells import OwnNetwork
    from snnbench.sweeps.executors.base import Resources
    from snnbench.sweeps.grid import Grid
    from snnbench.sweeps.loop import Policy
    from snnbench.sweeps.progress import Progress
    from snnbench.sweeps.status import SweepStatus
    from snnbench.sweeps.task import Task

SOME_FAILED = 1
INTERRUPTED, TERMINATED = 130, 143

app = typer.Typer(help="Measure a grid of cells, each once.", no_args_is_help=True)


@app.callback(invoke_without_command=True)
def sweep(
    context: typer.Context,
    grid: take.GridFile = None,
    quantizer: take.Quantizers = None,
    bits: take.BitsAxis = None,
    option: take.OptionAxes = None,
    membrane: take.Membranes = None,
    membrane_bits: take.MembraneBitsAxis = None,
    membrane_option: take.MembraneOptionAxes = None,
    mode: take.Modes = None,
    seeds: take.Seeds = None,
    protocol: take.Protocols = None,
    out: take.Out = take.RESULTS,
    data: take.DataRoot = None,
    device: take.Device = "cpu",
    network: take.OwnNetwork = None,
    weights: take.OwnWeights = None,
    model_option: take.OwnModelOption = None,
    timesteps: take.Timesteps = None,
    exempt: take.Exempt = None,
    mean: take.Mean = None,
    std: take.Std = None,
    cost: take.Costs = None,
    executor: take.Executor = "local",
    cpus: take.Cpus = None,
    gpus: take.Gpus = 0.0,
    cell_timeout: take.CellTimeout = None,
    attempts: take.Attempts = 2,
    retry: take.Retry = False,
    dry_run: take.DryRun = False,
    json: take.Json = False,
) -> None:
    """Measure a grid of quantizers.

    Finished cells are reused, so the same command goes on where it stopped. With --network they are of a network of
    your own: --data is then a data set's name or a folder with test.npz.
    """
    if context.invoked_subcommand is not None:
        return
    from snnbench.cli.run import parse_bits
    from snnbench.sweeps.executors.base import Resources
    from snnbench.sweeps.loop import Policy
    from snnbench.sweeps.plan import Benches, make_plan, unranked_seeds

    given = {
        "quantizer": _split(quantizer),
        "bits": parse_bits(bits, "--bits"),
        "option": _axes(option, "--option"),
        "membrane": _split(membrane),
        "membrane_bits": parse_bits(membrane_bits, "--membrane-bits"),
        "membrane_option": _axes(membrane_option, "--membrane-option"),
        "mode": _split(mode),
        "seeds": seeds,
        "protocol": _split(protocol),
    }
    flags = {"--timesteps": timesteps, "--exempt": exempt, "--mean": mean, "--std": std, "--cost": cost}
    own = own_network(network, weights, data, model_option, flags)
    _check_no_network_alone(own, {"--weights": weights, "--model-option": model_option})
    grids = _grids(grid, given, data) if own is None else _own_grids(grid, given, own)
    benches, out = Benches(data if own is None else None, device, own), results_folder(own, out)
    tasks = make_plan(grids, benches)
    for problem in unranked_seeds(tasks, benches):
        typer.echo(problem, err=True)
    if dry_run:
        _print_plan(tasks, out, executor, json)
        return
    _run(tasks, out, executor, Resources(cpus, gpus, cell_timeout), Policy(retry, attempts), json)


@app.command("status")
def status(
    out: take.ResultsFolder = take.RESULTS,
    json: take.Json = False,
) -> None:
    """Show the sweeps of a folder, from any terminal."""
    from json import dumps

    from snnbench.sweeps.status import read_statuses

    found = read_statuses(out)
    if json:
        rows = [{**sweep.document, "name": sweep.name, "state": sweep.state} for sweep in found]
        sys.stdout.write(dumps(rows, indent=1) + "\n")
        return
    for sweep in found:
        typer.echo("\n".join(_status_lines(sweep)))
    if not found:
        typer.echo(f"No sweep has run in {out}")


def _run(tasks: list[Task], out: Path, name: str, resources: Resources, policy: Policy, as_json: bool) -> None:
    from snnbench.cli.sweep_views import choose_view
    from snnbench.records import store
    from snnbench.sweeps.executors import make_executor
    from snnbench.sweeps.loop import Sweep, Terminated
    from snnbench.sweeps.status import StatusFile

    executor = make_executor(name, resources)
    store.check_writable(out)
    view, reporter = choose_view(as_json)
    run = Sweep(tasks, out, executor, [StatusFile(out), view], reporter, policy)
    try:
        run.run()
    except KeyboardInterrupt as stop:
        raise typer.Exit(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED) from stop
    finally:
        typer.echo(_farewell(run.progress, out), err=True)
    raise typer.Exit(SOME_FAILED if run.progress.failed else 0)


def _grids(path: Path | None, given: dict[str, Any], data: Path | None) -> list[Grid]:
    from snnbench.sweeps.grid import make_grid, read_grids

    named = {key: value for key, value in given.items() if value is not None}
    if path is not None:
        return read_grids(path, named)
    if "quantizer" not in named:
        raise OptionError("a sweep needs --quantizer, or a file with the grid (see 'snnbench sweep --help')")
    if "protocol" not in named:
        from snnbench.bench.run import default_protocol
        from snnbench.cli.reporting import ConsoleReporter

        named["protocol"] = default_protocol(data, ConsoleReporter())
    return [make_grid(named, "the grid")]


def _own_grids(path: Path | None, given: dict[str, Any], own: OwnNetwork) -> list[Grid]:
    """The grids of a network of one's own, which stands in for the protocol."""
    if given["protocol"] is not None:
        raise OptionError(f"--protocol {','.join(given['protocol'])} and --network {own.network}: name one of them")
    grids = _grids(path, {**given, "protocol": own.name}, None)
    if named := {name for grid in grids for name in grid.protocol} - {own.name}:
        raise OptionError(f"the grid names protocol '{min(named)}', and --network takes its place: leave it out")
    return grids


def _check_no_network_alone(own: OwnNetwork | None, others: dict[str, Any]) -> None:
    if own is None and (given := [flag for flag, value in others.items() if value is not None]):
        raise OptionError(f"{given[0]} is of a network of your own; add --network MODULE:FUNCTION")


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _axes(pairs: list[str] | None, flag: str) -> dict[str, list[str]] | None:
    from snnbench.options import parse_pairs

    return {key: value.split(",") for key, value in parse_pairs(pairs, flag).items()} if pairs else None


def _print_plan(tasks: list[Task], out: Path, executor: str, as_json: bool) -> None:
    from json import dumps

    from snnbench.sweeps.dry_run import foresee
    from snnbench.sweeps.executors.choose import slots_of

    foresight = foresee(tasks, out, slots_of(executor))
    if as_json:
        sys.stdout.write(dumps(foresight.document(), indent=1) + "\n")
        return
    for name, state in foresight.cells.items():
        typer.echo(f"{state:8} {name}")
    typer.echo(str(foresight))


def _farewell(progress: Progress, out: Path) -> str:
    text = f"{progress.done} of {progress.total} cells are in {out} ({progress.reused} were there before)"
    if progress.done and not progress.failed:
        text += f"; snnbench results list {out} shows them"
    if progress.failed:
        text += f"; {progress.failed} failed (snnbench results list {out} --status failed; --retry tries again)"
    if progress.state == "interrupted":
        text += f"; stopped by {progress.reason}, the same command goes on from here"
    return text


def _status_lines(sweep: SweepStatus) -> list[str]:
    facts = sweep.document
    left = f", time left: {facts['left']}" if sweep.state == "running" else ""
    first = (
        f"{sweep.name} {sweep.state}: {facts['done']}/{facts['total']} done ({facts['reused']} before),"
        f" {facts['failed']} failed, {facts['running']} running on {facts['executor']}{left}"
        f" ({facts['host']}, process {facts['pid']}, last heard {facts['updated']})"
    )
    lines = [first]
    lines += [f"  {facts['reason']}"] if facts["reason"] else []
    if sweep.state == "running":
        lines += [f"  {cell['seconds']:6.0f} s  {cell['cell']}" for cell in facts["cells"]]
    return lines
