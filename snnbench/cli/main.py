"""The command ``snnbench``: its verbs, and how its errors are told.

Verb modules import what is heavy inside their functions, so that help and completion stay fast.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Annotated

import typer

from snnbench import __version__
from snnbench.cli import (
    baseline,
    behaviour,
    check,
    chips,
    compare,
    data,
    doctor,
    export,
    leaderboard,
    plot,
    plugins,
    report,
    results,
    run,
    sweep,
)
from snnbench.errors import SnnbenchError

INTERRUPTED = 130
_TORCHVISION = (
    "the installed torchvision, which torchmetrics imports, is of another torch than the installed one;"
    " install the one that belongs to it, or uninstall it"
)

app = typer.Typer(
    help="Benchmark of quantized spiking neural networks: accuracy, and whether the network still fires the same.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.add_typer(plugins.app, name="plugins")
app.add_typer(data.app, name="data")
app.add_typer(baseline.app, name="baseline")
app.add_typer(chips.app, name="chips")
app.add_typer(sweep.app, name="sweep")
app.add_typer(results.app, name="results")
app.add_typer(leaderboard.app, name="leaderboard")
app.command("behaviour")(behaviour.behaviour)
app.command("plot")(plot.plot)
app.command("compare")(compare.compare)
app.add_typer(report.app, name="report")
app.command("export")(export.export)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"snnbench {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


def main() -> int:
    """Run the command line; returns the exit code: 2 for what the user can mend, 130 for Ctrl-C."""
    # Threads that spin while they wait make work on a busy machine take twenty times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a locale cannot spell is escaped there as on stderr
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = app(prog_name="snnbench", standalone_mode=False)
        sys.stdout.flush()
    except SnnbenchError as error:
        return _fail(str(error), 2)
    except typer.TyperException as error:
        return _refuse(error)
    except typer.Abort:
        return _fail("aborted", 1)
    except (OSError, RuntimeError) as error:
        if not (told := _what_the_machine_lacks(error)):
            raise
        return _fail(told, 2)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        typer.echo("Interrupted.", err=True)
    return code if isinstance(code, int) else 0


def _what_the_machine_lacks(error: OSError | RuntimeError) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _forget_output()
        return f"{error.filename or 'the output'} cannot be written: {error.strerror}"
    return f"{error}: {_TORCHVISION}" if "operator torchvision::" in str(error) else ""


def _forget_output() -> None:
    """What could not be written is not tried again at the end, where Python makes an exit code of its own of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(error: typer.TyperException) -> int:
    message = _with_what_was_typed(error).replace(" Value error, ", " ")  # how pydantic begins
    if message.startswith("Usage:"):  # a group without a verb answers with its help
        typer.echo(message, err=True)
        return error.exit_code
    context = getattr(error, "ctx", None)
    return _fail(f"{message} (see '{context.command_path} --help')" if context else message, error.exit_code)


def _with_what_was_typed(error: typer.TyperException) -> str:
    """The message; pydantic, which checks numbers, says 'Input' in place of what was typed."""
    message = error.format_message()
    if " Input should" not in message:
        return message
    from pydantic import ValidationError

    assert isinstance(error.__cause__, ValidationError)
    return message.replace(" Input should", f" {error.__cause__.errors()[0]['input']!r} should", 1)


def _fail(message: str, code: int) -> int:
    lines = filter(None, (" ".join(line.split()) for line in message.splitlines()))
    typer.echo("Error: " + "\n  ".join(lines), err=True)
    return code
