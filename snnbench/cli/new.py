"""`snnbench plugins new`: write a distribution with a quantizer of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from snnbench.errors import PluginError

_PREFIX = "snnbench-"
_TEMPLATE = Path(__file__).with_name("template")


def new_command(
    name: Annotated[str, typer.Argument(help="Name of the quantizer, such as halve.")],
    folder: Annotated[
        Path, typer.Option("--in", metavar="DIR", help="Folder to write the distribution into. Default: this one.")
    ] = Path(),
) -> None:
    """Write a distribution snnbench-NAME with a quantizer that works. Entry point, tests and README come with it."""
    names = _names(name.removeprefix(_PREFIX))
    project = folder / names["distribution"]
    if project.exists():
        raise PluginError(f"{project} exists already; choose another name, or another folder with --in")
    for path, content in _files(names).items():
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    typer.echo(f"Wrote {project}. Next: pip install -e '{project}[test]' && snnbench check {names['name']}")


def _names(name: str) -> dict[str, str]:
    from snnbench import __version__
    from snnbench.plugins import catalogue

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise PluginError(f"{name!r} is not made of small letters, digits and single hyphens, as in 'my-quantizer'")
    if name in catalogue().quantizers:
        raise PluginError(f"{catalogue().quantizers[name]} is there already; choose another name")
    module = f"{_PREFIX}{name}".replace("-", "_")
    return {
        "name": name,
        "distribution": f"{_PREFIX}{name}",
        "module": module,
        "identifier": _identifier(name.replace("-", "_")),
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "snnbench_version": __version__,
    }


def _identifier(name: str) -> str:
    import builtins
    import keyword

    return f"{name}_" if keyword.iskeyword(name) or hasattr(builtins, name) or name in ("torch", "nn") else name


def _files(names: dict[str, str]) -> dict[str, str]:
    """The content of each file by its path in the distribution."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_TEMPLATE), undefined=StrictUndefined, keep_trailing_newline=True)
    files = {}
    for template in environment.list_templates(extensions=["jinja"]):
        path = template.removesuffix(".jinja").replace("package/", f"{names['module']}/")
        files[path.replace("test_module", f"test_{names['identifier']}")] = environment.get_template(template).render(
            names
        )
    return files
