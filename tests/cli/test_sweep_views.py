"""What is shown of a running sweep: in a terminal, as lines, as JSON, and from another terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from snnbench.cli.sweep_views import JsonEvents, Lines, LiveView, best_table, draw
from snnbench.reporting import Silent
from snnbench.sweeps.executors import make_executor
from snnbench.sweeps.executors.base import Resources
from snnbench.sweeps.loop import Sweep
from snnbench.sweeps.progress import Event, Progress
from snnbench.sweeps.status import StatusFile, read_statuses


def run(tasks: list, out: Path, *watchers: object) -> Progress:
    return Sweep(tasks, out, make_executor("in-process", Resources(cpus=1)), watchers, Silent()).run()


def test_lines_tell_of_every_cell_and_how_far_the_sweep_is(tiny: Callable, tmp_path: Path) -> None:
    text = io.StringIO()
    run([*tiny(bits=[1, 2]), *tiny("raise")], tmp_path / "out", Lines(Console(file=text, width=300)))
    lines = text.getvalue().splitlines()
    assert (
        lines[0] == "sweep started  [0/3 done, 0 running, time left: unknown (no cell of tiny-v1 ptq is finished yet)]"
    )
    names = [line.split(" tiny-v1/")[0].removeprefix("cell ") for line in lines[1:]]
    assert names == ["started", "started", "finished", "started", "finished", "failed"]
    assert "this quantizer always fails" in lines[-1]
    assert "[2/3 done, 0 running, 1 failed]" in lines[-1]


def test_the_time_left_counts_no_cell_twice(tiny: Callable, tmp_path: Path) -> None:
    class Count:
        most = 0

        def hear(self, event: Event, progress: Progress) -> None:
            counted = len(progress.waiting) + len(progress.running) + progress.done + progress.failed
            self.most = max(self.most, counted)

        def tick(self, progress: Progress) -> None:
            pass

    count = Count()
    run([*tiny(bits=[1, 2, 3]), *tiny("raise")], tmp_path / "out", count)
    assert count.most == 4


def test_json_events_are_a_line_each(tiny: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (task,) = tiny()
    run([task], tmp_path / "out", JsonEvents())
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["sweep started", "cell started", "cell finished", "sweep ended"]
    assert events[2]["key"] == task.cell.key
    assert (events[-1]["state"], events[-1]["done"], events[-1]["total"]) == ("finished", 1, 1)


def test_the_live_view_shows_running_cells_the_best_and_the_time_left(tiny: Callable, tmp_path: Path) -> None:
    class Look:
        seen = ""

        def hear(self, event: Event, progress: Progress) -> None:
            if progress.running and progress.finished:
                console = Console(file=io.StringIO(), width=160, height=50)
                console.print(draw(progress))
                self.seen = console.file.getvalue()

        def tick(self, progress: Progress) -> None:
            pass

    look, screen = Look(), io.StringIO()
    live = LiveView(Console(file=screen, width=160, force_terminal=True))
    first, second = tiny(bits=[1, 2])
    run([first, second], tmp_path / "out", look, live)
    lines = look.seen.splitlines()
    assert lines[0].startswith("1/2 done, 1 running, time left: ")
    assert any(second.cell.folder in line for line in lines)
    assert any(line.split()[:3] == ["faulty", "1", "ptq"] for line in lines)  # options have their defaults
    assert lines[1].strip("━╸╺ ") == ""
    assert "smallest firing EMD" in screen.getvalue()


def test_the_best_rows_name_what_was_chosen(tiny: Callable, tmp_path: Path) -> None:
    progress = run(
        [
            *tiny(),
            *tiny(
                "sleep",
                membrane="uniform",
                membrane_bits=4,
                membrane_option={"range": "unsigned", "site": "pre_spike"},
                mode="qat",
            ),
        ],
        tmp_path / "out",
    )
    console = Console(file=io.StringIO(), width=120)
    console.print(best_table(progress.best))
    assert progress.failed == 0, progress
    rows = {line.split("  ")[0].strip() for line in console.file.getvalue().splitlines()[1:]}
    assert rows == {"faulty", "faulty how=sleep + membrane uniform 4 bits range=unsigned site=pre_spike"}


def test_the_live_view_reports_the_reference_in_its_one_display(
    tiny: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snnbench.cli.sweep_views._DRAW_SECONDS", 0.0)
    screen = io.StringIO()
    live = LiveView(Console(file=screen, width=160, force_terminal=True))
    Sweep(tiny(), tmp_path / "out", make_executor("in-process", Resources(cpus=1)), [live], live).run()
    assert "  Reference: 100 %" in screen.getvalue()
    assert "smallest firing EMD" in screen.getvalue().rstrip().splitlines()[-2]


def test_a_view_that_is_told_of_thousands_of_cells_at_once_is_drawn_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    monkeypatch.setattr("snnbench.cli.sweep_views.draw", lambda *given: drawn.append(given) or "")
    live = LiveView(Console(file=io.StringIO(), force_terminal=True))
    monkeypatch.setattr("time.monotonic", lambda: 7.0)
    for _ in range(1000):
        live.hear(Event("cell reused"), Progress(1000, "local:2"))
    assert len(drawn) == 1


def test_a_status_file_tells_the_living_from_the_killed(tiny: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = StatusFile(out)
    file.hear(Event("sweep started"), Progress(3, "local:2"))
    (status,) = read_statuses(out)
    assert (status.state, status.alive, status.document["total"]) == ("running", True, 3)
    file._lock.release()
    assert read_statuses(out)[0].state == "killed"
    run(tiny(), out, StatusFile(out))
    assert [status.state for status in read_statuses(out)] == ["killed", "finished"]
