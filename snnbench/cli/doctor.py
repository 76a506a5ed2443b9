"""``snnbench doctor``: what this machine has for a run, and what is broken."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from snnbench.cli.parameters import DataRoot, Json
from snnbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snnbench.data import Dataset


def doctor(data: DataRoot = None, as_json: Json = False) -> None:
    """Show versions, data sets and what is broken.

    Also cache, compiler and devices; exit code 1 if something is broken.
    """
    broken: list[str] = []
    findings = {
        "versions": _versions(broken),
        "devices": _devices(broken),
        "compiler": _compiler(),
        "data": _data(data, broken),
        "cache": _cache(),
        "plugins": _plugins(broken),
        "broken": broken,
    }
    typer.echo(json.dumps(findings, indent=2) if as_json else "\n".join(_lines(findings)))
    raise typer.Exit(1 if broken else 0)


def _versions(broken: list[str]) -> dict[str, str | None]:
    from importlib import metadata

    versions: dict[str, str | None] = {"python": platform.python_version(), "platform": platform.platform()}
    for name in ("snnbench", *_required(metadata.requires("snnbench") or [])):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
            broken.append(f"{name} is not installed; install snnbench again")
    return versions


def _required(requirements: list[str]) -> list[str]:
    """The names in a distribution's requirements, those of its extras left out."""
    required = [line for line in requirements if "extra ==" not in line]
    return sorted(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required)


def _devices(broken: list[str]) -> dict[str, Any]:
    cores = {"cores": os.cpu_count()}
    try:
        import torch
    except (ImportError, OSError) as error:
        broken.append(f"torch cannot be imported: {error}; install PyTorch again")
        return cores
    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return {**cores, "threads": torch.get_num_threads(), "accelerators": cuda + mps}


def _compiler() -> dict[str, str] | None:
    """The C++ compiler that builds the compiled engine, and its version; None if there is none."""
    from snnbench.native import cpp_compiler

    path = cpp_compiler()
    return None if path is None else {"path": path, "version": _version_of(path)}


def _version_of(compiler: str) -> str:
    try:
        told = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    return (told.stdout or told.stderr).partition("\n")[0].strip()


def _data(data: Path | None, broken: list[str]) -> dict[str, Any]:
    from snnbench.data import resolve_root
    from snnbench.plugins import catalogue

    sets = [_dataset(entry.value, data, broken) for entry in catalogue().datasets.values()]
    return {"root": str(resolve_root(data)), "sets": sets}


def _dataset(dataset: Dataset, data: Path | None, broken: list[str]) -> dict[str, Any]:
    if not dataset.is_prepared(data):
        return {"name": dataset.name, "state": "not prepared"}
    if dataset.is_embedded:
        return {"name": dataset.name, "state": "embedded"}
    try:
        size = sum(file.stat().st_size for file in dataset.files(data))
    except DataError as error:
        if str(error) not in broken:  # data sets may share files
            broken.append(str(error))
        return {"name": dataset.name, "state": "damaged"}
    return {"name": dataset.name, "state": "prepared", "folder": str(dataset.locate(data)), "bytes": size}


def _cache() -> dict[str, Any]:
    from snnbench.data import cache_root

    files = [path for path in cache_root().rglob("*") if path.is_file()]
    return {"folder": str(cache_root()), "files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def _plugins(broken: list[str]) -> dict[str, int]:
    """How many parts of each kind can be used; faults and contested names go to ``broken``."""
    from snnbench.plugins import KINDS, catalogue

    catalogue().ask_again()
    shelves = {kind: catalogue().shelf(kind) for kind in KINDS}
    broken += [f"plugin {fault}" for fault in catalogue().faults if fault.fatal]
    broken += [shelf.clash(name) for shelf in shelves.values() for name in shelf.clashes]
    return {kind: len(shelf) for kind, shelf in shelves.items()}


def _lines(findings: dict[str, Any]) -> Iterator[str]:
    for name, version in findings["versions"].items():
        yield f"{name:14}{version or 'missing'}"
    yield ""
    for name, value in findings["devices"].items():
        yield f"{name:14}{', '.join(value) or 'none' if isinstance(value, list) else value}"
    compiler = findings["compiler"]
    yield f"{'compiler':14}{compiler['version'] if compiler else 'none found; the compiled engine needs g++'}"
    yield f"\n{'data':14}{findings['data']['root']}"
    for row in findings["data"]["sets"]:
        yield f"  {row['name']:12}{row['state']}{_size(row)}"
    yield f"{'cache':14}{findings['cache']['folder']}{_size(findings['cache'])}"
    yield f"{'plugins':14}{_counted(findings['plugins'])}\n"
    yield from (f"broken: {line}" for line in findings["broken"])
    if not findings["broken"]:
        yield "nothing is broken"


def _counted(parts: dict[str, int]) -> str:
    from snnbench.plugins import KINDS

    many = {"datasets": "data sets"}
    return ", ".join(f"{n} {KINDS[kind] if n == 1 else many.get(kind, kind)}" for kind, n in parts.items())


def _size(row: dict[str, Any]) -> str:
    return f", {row['bytes'] / 1e6:.1f} MB" if "bytes" in row else ""
