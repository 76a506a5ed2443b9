"""Environments of packages that cannot share one with the others: this interpreter's packages, and some before them."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def layered(folder: Path, *packages: str) -> Path:
    """The Python of an environment that has what this one has, with `packages`, of pinned versions, in its place."""
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    here = sysconfig.get_paths()["purelib"]
    (site / "zz_under.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(site)]
    subprocess.run([*pip, *packages], check=True)
    return folder / "bin" / "python"
