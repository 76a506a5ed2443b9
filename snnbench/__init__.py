"""snnbench: is the quantized spiking network still the same network?

The names below load on first use, so that ``import snnbench`` takes no time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import takes longer than all of this
if TYPE_CHECKING:
    from typing import Any

    from snnbench.hookspecs import hookimpl as hookimpl

__version__ = "0.2.0"

_LAZY = {
    "DeadNeurons": "snnbench.metrics",
    "FiringDrift": "snnbench.metrics",
    "FiringEMD": "snnbench.metrics",
    "FiringProfile": "snnbench.functional",
    "FiringRate": "snnbench.metrics",
    "from_nir": "snnbench.exchange",
    "hookimpl": "snnbench.hookspecs",
    "finetune": "snnbench.own.finetuning",
    "load": "snnbench.examine.load",
    "on_chip": "snnbench.chips",
    "optimize": "snnbench.nn",
    "quantize": "snnbench.own.quantizing",
    "record_firing": "snnbench.nn",
    "record_spikes": "snnbench.nn.capture",
    "report": "snnbench.own.report",
    "run": "snnbench.bench.run",
    "sweep": "snnbench.sweeps.sweep",
    "to_nir": "snnbench.examine.nir",
}
__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'snnbench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
