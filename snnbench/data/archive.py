"""Bringing the files of a known layout out of a folder, an archive or the internet, and nothing else."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.request import urlopen

from snnbench.data.layouts import Layout
from snnbench.errors import DataError

_Progress = Callable[[int, int | None], None]
"""Told of the bytes received so far, and of the bytes expected if that is known."""


def members(layouts: tuple[Layout, ...]) -> set[tuple[str, str]]:
    """The (folder, file) names of all files of the layouts."""
    return {(layout.folder, name) for layout in layouts for part in layout.parts.values() for name in part}


def unpack(archive: Path, layouts: tuple[Layout, ...], target: Path) -> None:
    """Take the files of the layouts out of a tar archive into ``target``; any other member is passed over.

    Raises:
        DataError: the archive is damaged, or there is no room for what it holds.
    """
    known = members(layouts)
    try:
        with tarfile.open(archive) as content:
            for member in content:
                place = PurePosixPath(member.name).parts[-2:]
                if member.isfile() and place in known:
                    _save(content, member, target.joinpath(*place))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"cannot unpack {archive}: {error}") from error


def _save(content: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    source = content.extractfile(member)
    assert source is not None, "a regular file has content"
    with source, path.open("wb") as file:
        shutil.copyfileobj(source, file)


def copy(folder: Path, layouts: tuple[Layout, ...], target: Path) -> None:
    """Copy the files of the layouts that lie in ``folder``, in the layout's folder or directly, into ``target``."""
    for layout_folder, name in members(layouts):
        found = [path for path in (folder / layout_folder / name, folder / name) if path.is_file()]
        if found:
            (target / layout_folder).mkdir(exist_ok=True)
            shutil.copyfile(found[0], target / layout_folder / name)


def download(url: str, md5: str, target: Path, progress: _Progress) -> None:
    """Fetch an archive and check its MD5 sum.

    Raises:
        DataError: it cannot be fetched, or is not the archive that was published.
    """
    try:
        found = _fetch(url, target, progress)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise DataError(f"cannot download {url}: {error}; fetch it elsewhere and import it by --from PATH") from error
    if found != md5:
        raise DataError(f"the download of {url} is incomplete or altered: its MD5 sum is {found} instead of {md5}")


def _fetch(url: str, target: Path, progress: _Progress) -> str:
    digest, received = hashlib.md5(usedforsecurity=False), 0
    with urlopen(url, timeout=60) as response, target.open("wb") as file:
        length = response.headers["Content-Length"]
        while chunk := response.read(1 << 20):
            file.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            progress(received, int(length) if length else None)
    return digest.hexdigest()
