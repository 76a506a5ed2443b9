"""Putting a data set under the root: all of it, checked, or nothing."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from snnbench.data.archive import _Progress, copy, download, unpack
from snnbench.data.dataset import Dataset
from snnbench.data.sources import Archived
from snnbench.errors import DataError
from snnbench.folders import resolve_root


def prepare(dataset: Dataset, root: Path | None, origin: Path | None, progress: _Progress) -> Path:
    """Download or import a data set, check its content, and put it under ``root``; gives its folder.

    A data set that is there already is only checked. When anything fails, nothing is left behind.

    Args:
        dataset: what to prepare.
        root: the folder of the data sets; ``None`` for the default (see `snnbench.data.resolve_root`).
        origin: a tar archive or a folder to import from, in any layout known; ``None`` to download.
        progress: told how far a download is.

    Raises:
        DataError: the data set is embedded, or its plugin only reads files that others put there; the root cannot be
            written; ``origin`` is of an unknown layout; a file is missing or truncated, or the content altered.
    """
    if dataset.is_embedded:
        raise DataError(f"{dataset.name} comes with a package: there is nothing to download or import")
    if dataset.is_prepared(root):
        return _keep(dataset, root)
    if dataset.base is not None:
        prepare(dataset.base, root, origin, progress)
        return _keep(dataset, root)
    root = resolve_root(root)
    if not isinstance(dataset.source, Archived):
        raise DataError(
            f"{dataset.name} is not there, and snnbench can neither download nor import it: put its files into {root}"
            " as the plugin that brings it says"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{dataset.name}-") as staging:
            return _import(dataset, dataset.source, root, origin, Path(staging), progress)
    except OSError as error:
        raise DataError(f"cannot put {dataset.name} into {root}: {error}; choose another folder by --data") from error


def _keep(dataset: Dataset, root: Path | None) -> Path:
    folder = dataset.locate(root)
    assert folder is not None, "prepared and not embedded"
    dataset.refresh(root)
    return folder


def _import(
    dataset: Dataset, source: Archived, root: Path, origin: Path | None, staging: Path, progress: _Progress
) -> Path:
    archive = origin
    if archive is None:
        archive = staging / "archive"
        download(source.url, source.md5, archive, progress)
    _stage(source, archive, staging)
    try:
        dataset.check(staging)
    except DataError as error:
        # The user knows where the files came from, not where they were staged.
        raise DataError(str(error).replace(str(staging), str(origin or source.url))) from error
    return _move(dataset, staging, root)


def _stage(source: Archived, origin: Path, staging: Path) -> None:
    if not origin.exists():
        raise DataError(f"there is no {origin} to import from")
    if origin.is_dir():
        copy(origin, source.layouts, staging)
    elif tarfile.is_tarfile(origin):
        unpack(origin, source.layouts, staging)
    if source.find_layout(staging) is None:
        folders = " or ".join(layout.folder for layout in source.layouts)
        raise DataError(f"{origin} is of an unknown layout: it is no folder or tar archive of {folders}")


def _move(dataset: Dataset, staging: Path, root: Path) -> Path:
    staged = dataset.locate(staging)
    assert staged is not None, "it was checked there"
    target = root / staged.name
    try:
        staged.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        # Another process has put its own copy there in the meantime.
        dataset.check(root)
    return target
