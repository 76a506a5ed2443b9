"""SHA-256 sums of every file of a folder, in the format of ``sha256sum -c``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from snnbench.files import write_atomically

SUMS_FILE = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Write the sums of all files of `folder`."""
    write_atomically(folder / SUMS_FILE, [_text(folder).encode()])


def check_sums(folder: Path) -> list[str]:
    """What does not agree with the sums: a sentence for each file that is altered, missing or not listed."""
    try:
        said = (folder / SUMS_FILE).read_bytes()
    except OSError as error:
        return [f"{SUMS_FILE} cannot be read: {error.strerror}"]
    if said == _text(folder).encode():
        return []
    listed, found = set(said.decode(errors="replace").splitlines()), set(_text(folder).splitlines())
    files = sorted({line.partition("  ")[2] for line in listed ^ found})
    return [f"{file or SUMS_FILE} is altered, missing or not listed in {SUMS_FILE}" for file in files or [SUMS_FILE]]


def _text(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS_FILE)
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}\n" for file in files
    )
