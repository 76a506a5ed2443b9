"""C++ kernels: each source is built once for this processor and compiler, kept in the cache, and loaded from there."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from snnbench.errors import OptionError
from snnbench.folders import cache_root

# Without -ffp-contract=off the compiler rounds a product and a sum once where PyTorch rounds twice.
FLAGS = (
    *("-O3", "-march=native", "-std=c++17", "-fopenmp", "-fPIC", "-shared"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
)
BUILD_SECONDS = 1800


@functools.cache
def cpp_compiler() -> str | None:
    """Path of the C++ compiler: ``CXX`` if that is set, else g++ or clang++; None if there is none."""
    chosen = os.environ.get("CXX")
    return shutil.which(chosen) if chosen else shutil.which("g++") or shutil.which("clang++")


@functools.cache
def native_library(source: Path) -> ctypes.CDLL:
    """The kernels of a C++ source and the headers beside it, built on first use and kept in the cache.

    Raises:
        OptionError: if there is no C++ compiler, or it cannot build or load them.
    """
    compiler = cpp_compiler()
    if compiler is None:
        raise OptionError("the compiled engine needs a C++ compiler (g++ or clang++), and none was found")
    try:
        path = _path(source, compiler)
        if not path.exists():
            _build(source, compiler, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        raise OptionError(f"the compiled engine cannot be built in '{cache_root() / 'kernels'}': {error}") from error


def library_or_none(source: Path) -> ctypes.CDLL | None:
    """`native_library`, or None where it cannot be built or loaded."""
    try:
        return native_library(source)
    except OptionError:
        return None


def _path(source: Path, compiler: str) -> Path:
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    texts = (file.read_text("utf-8") for file in (source, *sorted(source.parent.glob("*.h"))))
    parts = (*texts, *FLAGS, version, processor_text())
    return cache_root() / "kernels" / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.so"


def processor_text() -> str:
    """What ``-march=native`` depends on: a cache folder may be shared by several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features")))


def _build(source: Path, compiler: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder) / path.name
        command = [compiler, *FLAGS, "-o", str(built), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if done.returncode:
            raise OptionError(f"the compiled engine cannot be built: {' '.join(command)}\n{done.stderr.strip()}")
        built.replace(path)
