"""The costs that ship, beside those that every record has (`snnbench.bench.costs`)."""

from __future__ import annotations

from snnbench.functional.energy import CostOf, Work, memory_energy
from snnbench.hookspecs import hookimpl


def lemaire(work: Work) -> float:
    """Energy with memory in it at the bits found, 45 nm (Lemaire et al. 2022, arXiv 2210.13107); leakage, clocks, the
    network on a chip and pooling are left out.
    """
    return memory_energy(work)


@hookimpl
def snnbench_costs() -> dict[str, CostOf]:
    """``lemaire``."""
    return {"lemaire": lemaire}
