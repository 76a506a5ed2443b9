from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import snnbench
from snnbench.cli.main import app

HEAVY = ("jinja2", "numpy", "ot", "pandas", "plotly", "pydantic", "rich", "scipy", "sklearn", "torch", "torchmetrics")
VERBS = sorted(str(verb.name) for verb in (*app.registered_commands, *app.registered_groups))


def test_version(cli):
    assert cli("--version") == (0, f"snnbench {snnbench.__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_verb(cli, flag):
    answer = cli(flag)
    assert answer.code == 0
    assert answer.err == ""
    assert all(f"\n  {verb} " in answer.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(cli, verb):
    assert f"Usage: snnbench {verb}" in cli(verb, "--help").out


@pytest.mark.parametrize("group", ["", *sorted(str(group.name) for group in app.registered_groups)])
def test_no_summary_of_a_verb_is_cut(cli, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "80")
    summaries = cli(*filter(None, [group]), "--help").out.partition("\nCommands:\n")[2]
    assert summaries
    assert [line for line in summaries.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("arguments", [(), ("plugins",)])
def test_without_a_verb_the_help_is_told(cli, arguments):
    answer = cli(*arguments)
    assert answer.code == 2
    assert answer.err.startswith("Usage: snnbench")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from snnbench.cli.main import main; sys.argv = ['snnbench', '--help']; assert main() == 0; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100).stdout
    assert told.splitlines()[-1] == "[]"


def test_help_takes_a_quarter_of_a_second():
    # Processor time, not time on the clock: other processes of the machine are not the command's fault.
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [Path(sys.executable).with_name("snnbench"), "--help"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=100)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert statistics.median(seconds) < 0.25


def test_a_broken_plugin_does_not_kill_the_help(install, shell):
    site = install("snnbench-bad", "raise SystemExit(7)")
    answer = shell("--help", PYTHONPATH=str(site))
    assert answer.code == 0
    assert answer.err == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["plugns"], "No such command 'plugns'. Did you mean 'plugins'? (see 'snnbench --help')"),
        (["doctor", "--jsno"], "No such option: --jsno (Possible options: --json) (see 'snnbench doctor --help')"),
        (
            ["run", "-q", "lqnet", "--mode", "qta"],
            "Invalid value for '--mode': 'qta' is not one of 'ptq', 'qat'. (see 'snnbench run --help')",
        ),
        (
            ["run", "-q", "lqnet", "--seed", "-1"],
            "Invalid value for '--seed': '-1' should be greater than or equal to 0 (see 'snnbench run --help')",
        ),
        (["plugins", "show"], "Missing argument 'name'. (see 'snnbench plugins show --help')"),
        (["plugins", "show", "a", "b"], "Got unexpected extra argument(s) (b) (see 'snnbench plugins show --help')"),
    ],
)
def test_a_mistyped_command_is_one_line_and_exit_2(cli, arguments, line):
    assert cli(*arguments) == (2, "", f"Error: {line}\n")


def test_what_the_user_can_mend_is_one_line_and_exit_2(cli):
    code, out, err = cli("plugins", "show", "lqnett")
    assert (code, out) == (2, "")
    assert err == "Error: no plugin 'lqnett'; did you mean 'lqnet'? all: snnbench plugins list\n"


def test_ctrl_c_exits_130_with_a_line(cli, install):
    install("snnbench-slow", "raise KeyboardInterrupt")
    assert cli("plugins", "list") == (130, "", "Interrupted.\n")


def test_a_bug_keeps_its_plain_traceback():
    code = (
        "import sys; from snnbench.cli.main import app, main\n"
        "@app.command()\ndef boom():\n    raise ZeroDivisionError('a bug')\n"
        "sys.argv = ['snnbench', 'boom']\nsys.exit(main())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("Traceback (most recent call last):")
    assert told.stderr.endswith("ZeroDivisionError: a bug\n")
    assert told.stderr.isascii()


def test_what_the_locale_cannot_spell_is_escaped():
    code = (
        "import sys; from snnbench.cli.main import app, main\n"
        "@app.command()\ndef cut():\n    print('cut\u2026')\n"
        "sys.argv = ['snnbench', 'cut']\nsys.exit(main())"
    )
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=100, env=environment)
    assert told.stdout == b"cut\\u2026\n"


def test_a_torchvision_of_another_torch_is_one_line_and_exit_2(install, shell):
    site = install("torchvision", "raise RuntimeError('operator torchvision::nms does not exist')", entry="other")
    path = os.pathsep.join([str(site), str(Path(snnbench.__file__).parents[1])])
    code, out, err = shell("behaviour", "nowhere", PYTHONPATH=path)
    assert (code, out) == (2, "")
    assert err.startswith("Error: operator torchvision::nms does not exist: the installed torchvision, which")
    assert len(err.splitlines()) == 1


def test_a_full_disk_is_one_line_and_exit_2():
    command = [Path(sys.executable).with_name("snnbench"), "plugins", "show", "lqnet"]
    with Path("/dev/full").open("wb") as full:
        told = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=100)
    assert told.returncode == 2
    assert told.stderr.startswith("Error: the output cannot be written: No space left on device\n")


def test_a_reader_that_goes_away_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [Path(sys.executable).with_name("snnbench"), "--help"]
    told = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=100)
    os.close(writer)
    assert "Traceback" not in told.stderr
