"""`snnbench sweep`: measure a grid of cells, and watch it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.cli.completion import protocol_name, quantizer_name
from snnbench.errors import OptionError

if TYPE_CHECKING:
    from snnbench.bench.executors.base import Resources
    from snnbench.bench.sweep.engine import Policy
    from snnbench.bench.sweep.grid import Grid
    from snnbench.bench.sweep.progress import Progress
    from snnbench.bench.sweep.status import Status
    from snnbench.bench.sweep.task import Task

SOME_FAILED = 1
INTERRUPTED, TERMINATED = 130, 143

app = typer.Typer(help="Measure a grid of cells, each once.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Results folder; several sweeps may share it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout: one event a line.")]


@app.callback(invoke_without_command=True)
def sweep(
    context: typer.Context,
    grid: Annotated[
        Path | None,
        typer.Option("--grid", "-g", metavar="FILE.toml", help="File with the grid; options fill in what it omits."),
    ] = None,
    quantizer: Annotated[
        str | None,
        typer.Option("--quantizer", "-q", metavar="Q[,Q...]", help="Quantizers.", autocompletion=quantizer_name),
    ] = None,
    bits: Annotated[str | None, typer.Option("--bits", "-b", metavar="B[,B...]", help="Bits a weight.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=V[,V...]", help="Values of an option; may be given again."),
    ] = None,
    membrane: Annotated[
        str | None,
        typer.Option("--membrane", metavar="Q[,Q...]", help="Membrane quantizers; 'none' is one of them."),
    ] = None,
    membrane_bits: Annotated[
        str | None, typer.Option("--membrane-bits", metavar="B[,B...]", help="Bits a membrane potential.")
    ] = None,
    membrane_option: Annotated[
        list[str] | None,
        typer.Option("--membrane-option", metavar="KEY=V[,V...]", help="Values of an option of theirs, or of site."),
    ] = None,
    mode: Annotated[str | None, typer.Option("--mode", metavar="M[,M...]", help="ptq, qat or both.")] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", metavar="S[-S],...", help="Seeds, as 0-2 or 0,3.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", "-p", metavar="P[,P...]", help="Protocols.", autocompletion=protocol_name),
    ] = None,
    out: Out = Path("snnbench-results"),
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder of the data sets.")] = None,
    device: Annotated[str, typer.Option("--device", help="Where networks run: cpu, cuda, ...")] = "cpu",
    executor: Annotated[
        str, typer.Option("--executor", "-x", help="in-process, local[:N] or ray[://ADDRESS].")
    ] = "local",
    cpus: Annotated[float | None, typer.Option("--cpus", min=0.01, help="CPUs a cell; on Ray also a fraction.")] = None,
    gpus: Annotated[float, typer.Option("--gpus", min=0.0, help="GPUs a cell on Ray; 0.5 shares one.")] = 0.0,
    cell_timeout: Annotated[
        float | None, typer.Option("--cell-timeout", min=0.01, metavar="SECONDS", help="A cell fails after that.")
    ] = None,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="Tries of a cell whose worker or node died.")] = 2,
    retry: Annotated[bool, typer.Option("--retry", help="Compute failed cells again.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and the time expected; run nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure a grid of quantizers.

    Finished cells are reused, so the same command goes on where it stopped.
    """
    if context.invoked_subcommand is not None:
        return
    from snnbench.bench.executors.base import Resources
    from snnbench.bench.sweep.engine import Policy
    from snnbench.bench.sweep.plan import Benches, make_plan

    given = {
        "quantizer": _split(quantizer),
        "bits": _numbers(bits, "--bits"),
        "option": _axes(option, "--option"),
        "membrane": _split(membrane),
        "membrane_bits": _numbers(membrane_bits, "--membrane-bits"),
        "membrane_option": _axes(membrane_option, "--membrane-option"),
        "mode": _split(mode),
        "seeds": seeds,
        "protocol": _split(protocol),
    }
    tasks = make_plan(_grids(grid, given), Benches(data, device))
    if dry_run:
        _print_plan(tasks, out, executor, json)
        return
    _run(tasks, out, executor, Resources(cpus, gpus, cell_timeout), Policy(retry, attempts), json)


@app.command("status")
def status(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder.")] = Path("snnbench-results"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the sweeps of a results folder: running, finished, interrupted or killed."""
    from json import dumps

    from snnbench.bench.sweep.status import read_statuses

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
    from snnbench.bench import store
    from snnbench.bench.executors import make_executor
    from snnbench.bench.sweep.engine import Sweep, Terminated
    from snnbench.bench.sweep.status import StatusFile
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.cli.sweep_views import choose_view

    store.check_writable(out)
    watchers = [StatusFile(out), choose_view(as_json)]
    run = Sweep(tasks, out, make_executor(name, resources), watchers, ConsoleReporter(), policy)
    try:
        run.run()
    except KeyboardInterrupt as stop:
        raise typer.Exit(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED) from stop
    finally:
        typer.echo(_farewell(run.progress, out), err=True)
    raise typer.Exit(SOME_FAILED if run.progress.failed else 0)


def _grids(path: Path | None, given: dict[str, Any]) -> list[Grid]:
    from snnbench.bench.sweep.grid import make_grid, read_grids

    named = {key: value for key, value in given.items() if value is not None}
    if path is not None:
        return read_grids(path, named)
    for key in ("quantizer", "protocol"):
        if key not in named:
            raise OptionError(f"a sweep needs --{key}, or a file with the grid (see 'snnbench sweep --help')")
    return [make_grid(named, "the grid")]


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _numbers(text: str | None, flag: str) -> list[int] | None:
    from snnbench.cli.run import parse_bits

    return parse_bits(text, flag)


def _axes(pairs: list[str] | None, flag: str) -> dict[str, list[str]] | None:
    from snnbench.options import parse_pairs

    return {key: value.split(",") for key, value in parse_pairs(pairs, flag).items()} if pairs else None


def _print_plan(tasks: list[Task], out: Path, executor: str, as_json: bool) -> None:
    from json import dumps

    from snnbench.bench.executors.choose import slots_of
    from snnbench.bench.sweep.foresight import foresee

    foresight = foresee(tasks, out, slots_of(executor))
    if as_json:
        sys.stdout.write(dumps(foresight.document(), indent=1) + "\n")
        return
    for name, state in foresight.cells.items():
        typer.echo(f"{state:8} {name}")
    typer.echo(str(foresight))


def _farewell(progress: Progress, out: Path) -> str:
    text = f"{progress.done} of {progress.total} cells are in {out} ({progress.reused} were there before)"
    if progress.failed:
        text += f"; {progress.failed} failed (snnbench results list {out} --status failed; --retry tries again)"
    if progress.state == "interrupted":
        text += f"; stopped by {progress.reason}, the same command goes on from here"
    return text


def _status_lines(sweep: Status) -> list[str]:
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
