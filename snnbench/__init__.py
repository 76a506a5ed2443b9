"""snnbench: is the quantized spiking network still the same network?

The names below load on first use, so that ``import snnbench`` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from snnbench.hookspecs import hookimpl

__version__ = "0.1.0"

_LAZY = {
    "DeadNeurons": "snnbench.metrics",
    "FiringDrift": "snnbench.metrics",
    "FiringEMD": "snnbench.metrics",
    "FiringProfile": "snnbench.functional",
    "FiringRate": "snnbench.metrics",
    "record_firing": "snnbench.nn",
    "run": "snnbench.bench.run",
}
__all__ = ["__version__", "hookimpl", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'snnbench' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
