"""The contract of a cost, a check for each clause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from snnbench.functional.energy import NeuronLoad, SynapseLoad, Work, picojoule, work_at
from snnbench.testing.probes import require
from snnbench.testing.subject import Check, Subject

_CONVOLUTION = SynapseLoad(False, False, 12288.0, 12288.0, 65536.0, 3072.0, 16384.0, 144, 144, 27, 576, 432, 0)
_LINEAR = SynapseLoad(True, True, 1024.0, 90.0, 40.0, 256.0, 10.0, 10, 10, 256, 0, 2560, 10)
_NEURONS = NeuronLoad(16384, 4, 6000.0, True)
_SILENT = replace(_NEURONS, spikes=0.0)


def documented(subject: Subject) -> None:
    """``plugins show`` has something to say: a docstring, which states what the cost leaves out."""
    require(
        (subject.entry.value.__doc__ or "").strip(), "the function has no docstring, so 'plugins show' says nothing"
    )


def number(subject: Subject) -> None:
    """Of every network a finite number of picojoules from 0 up: of any bits, silent ones and such without neurons."""
    for work in _works():
        picojoule(subject.entry.name, subject.entry.value, work)


def repeatable(subject: Subject) -> None:
    """The same work costs the same each time, and is left as it was."""
    for work, kept in zip(_works(), _works(), strict=True):
        first, again = (picojoule(subject.entry.name, subject.entry.value, work) for _ in range(2))
        require(first == again, f"the same work costs {first} and then {again} picojoule")
        require(work == kept, "it changes the work that it is given")


CHECKS: dict[str, Check] = {"documented": documented, "number": number, "repeatable": repeatable}


def _works() -> Iterator[Work]:
    synapses = {"conv": _CONVOLUTION, "fc": _LINEAR}
    for bits in (1, 4, 32):
        weights, states = {"conv": bits, "fc": bits}, {"neuron": bits}
        yield work_at(synapses, {"neuron": _NEURONS}, weights, states)
        yield work_at(synapses, {"neuron": _SILENT}, weights, states)
    yield work_at({"fc": _LINEAR}, {}, {}, {})
