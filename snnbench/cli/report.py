"""`snnbench report`: what the records on the boards say of the paper's claims."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snnbench.cli.parameters import Json

app = typer.Typer(help="What the records on the boards say.", no_args_is_help=True)

_Boards = Annotated[Path, typer.Argument(metavar="BOARDS", help="Folder of the boards.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Markdown page to write; its pictures go into a folder of its name.")
]


@app.command("paper")
def paper(boards: _Boards = Path("leaderboards"), out: Out = None, as_json: Json = False) -> None:
    """Judge the paper's claims and our hypotheses. The rules are in docs/hypotheses.md.

    Each claim holds, fails or is not resolved on each board; what no board has is missing.
    """
    from json import dumps

    from snnbench.files import write_atomically
    from snnbench.paper.page import summary, write_page
    from snnbench.paper.pictures import draw_study
    from snnbench.paper.study import document, read_study

    study = read_study(boards)
    if out is not None:
        drawn = draw_study(study, out.with_suffix(""))
        pictures = [(caption, str(path.relative_to(out.parent))) for caption, path in drawn]
        write_atomically(out, [write_page(study, pictures).encode()])
    if as_json:
        typer.echo(dumps(document(study), indent=1))
        return
    for line in summary(study):
        typer.echo(line)
    if out is not None:
        typer.echo(f"Written: {out}, {len(drawn)} pictures beside it")
