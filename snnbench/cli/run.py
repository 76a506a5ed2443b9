"""`snnbench run`: measure a quantizer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD, METRICS
from snnbench.cli import parameters as take
from snnbench.cli.own import own_network, results_folder
from snnbench.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snnbench.records.record import Record


def run(
    quantizer: take.Quantizer,
    bits: take.Bits = None,
    mode: take.Mode = "ptq",
    option: take.Option = None,
    membrane: take.Membrane = None,
    membrane_bits: take.MembraneBits = None,
    membrane_option: take.MembraneOption = None,
    protocol: take.Protocol = None,
    seed: take.Seed = 0,
    out: take.Out = take.RESULTS,
    data: take.DataRoot = None,
    limit: take.Limit = None,
    device: take.Device = "cpu",
    engine: take.Engine = "auto",
    model: take.OwnModel = None,
    model_option: take.OwnModelOption = None,
    weights: take.OwnWeights = None,
    network: take.OwnNetwork = None,
    timesteps: take.Timesteps = None,
    exempt: take.Exempt = None,
    mean: take.Mean = None,
    std: take.Std = None,
    cost: take.Costs = None,
    chip: take.Chip = None,
    force: take.Force = False,
    json: take.Json = False,
) -> None:
    """Measure a quantizer: accuracy and firing.

    With --network it is measured on a network of your own: --data is then a data set's name or a folder with test.npz.
    """
    import snnbench
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.options import parse_pairs
    from snnbench.records.record import to_json_array

    _check_one_quantizer(quantizer)
    flags = {"--timesteps": timesteps, "--exempt": exempt, "--mean": mean, "--std": std, "--cost": cost}
    own = own_network(network, weights, data, model_option, flags)
    numbers = parse_bits(bits, "--bits")
    shared: dict[str, Any] = {
        "mode": mode,
        "options": parse_pairs(option or []),
        "membrane": membrane,
        "membrane_bits": _one(parse_bits(membrane_bits, "--membrane-bits")),
        "membrane_options": parse_pairs(membrane_option or [], "--membrane-option"),
        "seed": seed,
        "out": results_folder(own, out),
        "limit": limit,
        "device": device,
        "force": force,
        "reporter": ConsoleReporter(),
    }
    if own is not None:
        from snnbench.own.cells import run_network

        finished = run_network(own, quantizer, numbers, **shared)
    else:
        finished = snnbench.run(
            quantizer,
            numbers,
            protocol=protocol,
            data=data,
            engine=engine,
            model=model,
            model_options=parse_pairs(model_option or [], "--model-option"),
            weights=weights,
            chip=chip,
            **shared,
        )
    if json:
        sys.stdout.write(to_json_array([cell.record for cell in finished]) + "\n")
    else:
        _print(finished)


def _check_one_quantizer(name: str) -> None:
    if "," in name:
        raise OptionError(f"run takes one quantizer, not '{name}'; snnbench sweep -q {name} takes several")


def parse_bits(text: str | None, flag: str) -> list[int] | None:
    """``"2,4"`` as numbers; OptionError if it is not a list of whole numbers."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"{flag} {text!r} is not a number or a list of numbers, such as 4 or 2,4,8") from None


def _one(bits: list[int] | None) -> int | None:
    if bits is not None and len(bits) > 1:
        raise OptionError(f"--membrane-bits takes one number, not {','.join(map(str, bits))}")
    return bits[0] if bits else None


def _print(finished: list[Any]) -> None:
    from rich.console import Console

    from snnbench.cli.tables import results_table

    console = Console(highlight=False)
    console.print(results_table([cell.record for cell in finished], console.width))
    for cell in finished:
        console.print(f"Record: {cell.directory}", markup=False, soft_wrap=True)
        for finding in cell.record.audit.findings:
            console.print(f"Audit: {finding}", markup=False, soft_wrap=True)
        for warning in cell.record.audit.warnings:
            console.print(f"Note: {warning}", markup=False, soft_wrap=True)
        for line in (*_cost_lines(cell.record), *_chip_lines(cell.record)):
            console.print(line, markup=False, soft_wrap=True)


def _cost_lines(record: Record) -> Iterator[str]:
    for name, source in record.cost_sources.items():
        score = record.costs[name]
        shown = f"failed: {score.reason}" if score.value is None else f"{score.value / 1000:.1f} nJ an image"
        yield f"Cost {name}, {source}: {shown}"


def _chip_lines(record: Record) -> Iterator[str]:
    if record.chip is None or record.cell.chip is None:
        return
    gap, on = record.chip, f"On {record.cell.chip.name}:"
    shown = {name: METRICS[name].shown(score) for name, score in gap if name in METRICS}
    between = f", 95 % {FIRING_EMD.interval(gap.firing_emd, '-')}" if gap.firing_emd.low is not None else ""
    where = f", first in {gap.first_layer} at step {gap.first_step}" if gap.first_layer else ""
    differ = "failed" if gap.spikes_differ.value is None else f"{100 * gap.spikes_differ.value:.2f} %"
    yield f"{on} {shown['accuracy']} %, {shown['accuracy_change']} against float states (p = {shown['mcnemar_p']})"
    emd, drift = shown[FIRING_EMD.name], shown[FIRING_DRIFT.name]
    yield f"{on} EMD {emd}{between}, drift {drift} against float states"
    yield f"{on} {differ} of all places differ{where}"
    yield f"{on} {sum(layer.overflows for layer in gap.layers)} potentials overflowed"
    if gap.silent:
        yield f"{on} silent layers: {', '.join(gap.silent)}"
