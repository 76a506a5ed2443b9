"""`snnbench.run`: measure one quantizer, at one or several numbers of bits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from snnbench.bench.auditing import audit_of
from snnbench.bench.bench import Bench, Beside, cell_identity, open_bench, unranked_seed
from snnbench.bench.chip_gap import put_on_chip
from snnbench.bench.control import control_evaluations
from snnbench.bench.costs import Costed, asked_costs, cost_of, costs_from, find_costs
from snnbench.bench.own_audit import with_own
from snnbench.bench.plugin_errors import blamed
from snnbench.bench.quantized import make_quantized, training_engine
from snnbench.bench.rebuilding import Quantized
from snnbench.bench.reopening import own_files, own_network
from snnbench.bench.score import (
    check_metrics,
    control_of,
    floor_of,
    layer_rows,
    null_of,
    reached_of,
    reference_of,
    scored,
    scores,
)
from snnbench.chips import find_chip
from snnbench.engine import ENGINES, EngineChoice, EngineName, check_device, check_engine
from snnbench.errors import OptionError
from snnbench.functional.emd_interval import INTERVALS
from snnbench.plugins import PluginSource, catalogue
from snnbench.quant import Watch
from snnbench.quant.reach import reached_layers
from snnbench.records import store
from snnbench.records.cell import (
    Cell,
    ChipSpec,
    MembraneSpec,
    Mode,
    QuantizerSpec,
    membrane_spec,
    network_spec,
    quantizer_spec,
)
from snnbench.records.environment import environment
from snnbench.records.evidence import EVIDENCE_FILE, evidence_of
from snnbench.records.layout import WEIGHTS_FILE
from snnbench.records.network_file import pack_network
from snnbench.records.record import Record
from snnbench.reporting import Reporter, Silent


@dataclass(frozen=True)
class Finished:
    """A finished cell: its record, where it lies, and whether it was there already."""

    record: Record
    directory: Path
    reused: bool


def run(
    quantizer: str,
    bits: int | Sequence[int] | None = None,
    *,
    mode: Mode = "ptq",
    options: Mapping[str, object] | None = None,
    membrane: str | None = None,
    membrane_bits: int | None = None,
    membrane_options: Mapping[str, object] | None = None,
    protocol: str | None = None,
    seed: int = 0,
    out: Path | str = "snnbench-results",
    data: Path | None = None,
    limit: int | None = None,
    device: str = "cpu",
    engine: EngineChoice = "auto",
    model: str | None = None,
    model_options: Mapping[str, object] | None = None,
    weights: Path | None = None,
    chip: str | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> list[Finished]:
    """Measure a quantizer on a protocol; a finished cell is reused, and every cell is kept as soon as it is done.

    Args:
        quantizer: name of a quantizer plugin.
        bits: one number of bits or several; by default the quantizer's own, else 4.
        mode: ``ptq`` quantizes the baseline's weights, ``qat`` fine-tunes as the protocol says.
        options: the quantizer's keyword arguments.
        membrane: name of a quantizer for the membrane potentials, if they are quantized too.
        membrane_bits: its bits, by default as for `bits`.
        membrane_options: its keyword arguments, and ``site``.
        protocol: name of a protocol, or path of a protocol document; by default `default_protocol`.
        seed: picks the baseline (modulo those there are) and seeds the fine-tuning.
        out: the results folder.
        data: folder of the data sets; by default ``SNNBENCH_DATA``, else the platform's data folder.
        limit: measure the first so many test images only; such records are never ranked.
        device: where networks run, as PyTorch names it.
        engine: ``eager`` PyTorch, ``compiled`` kernels, or ``auto``: compiled where there is a C++ compiler and enough
            work to pay for building them. ``integer`` runs convolutions in int8 where the weights are a scale times
            small whole numbers, and trains as ``compiled`` does; it is not ranked.
        model: a model plugin to measure instead of the protocol's network; needs `weights`. Never ranked.
        model_options: its keyword arguments.
        weights: safetensors file of its full-precision weights.
        chip: a chip, or a document that ends in ``.toml``, whose integers the quantized network is put on as well; the
            record holds how far it gets from float states.
        force: compute finished cells again.
        reporter: where messages and progress go; by default nowhere.

    Returns:
        One finished cell for each number of bits, in order.

    Raises:
        SnnbenchError: for whatever the user can mend: unknown names, options out of range, missing or altered data.
    """
    reporter = reporter or Silent()
    wanted = [
        quantizer_spec(quantizer, b, options or {})
        for b in ([bits] if bits is None or isinstance(bits, int) else dict.fromkeys(bits))
    ]
    membranes = membrane_spec(membrane, membrane_bits, membrane_options or {}) if membrane else None
    if membrane is None and (membrane_bits is not None or membrane_options):
        raise OptionError("membrane bits or options are given, but no membrane quantizer; add --membrane NAME")
    name = protocol or default_protocol(data, reporter)
    check_device(device)
    check_engine(engine, device)
    bench = open_bench(name, seed, data=data, limit=limit, device=device, engine=engine)
    bench = _with_own_network(bench, model, model_options or {}, weights)
    _tell_start(bench, model, seed, reporter)
    check_metrics(bench.protocol.evaluate)
    find_costs(bench.protocol.evaluate)
    store.check_writable(Path(out))
    cells = make_cells(bench, wanted, membranes, mode, seed, _chip_spec(chip) if chip else None)
    return [run_cell(bench, cell, Path(out), force, reporter) for cell in cells]


def _tell_start(bench: Bench, model: str | None, seed: int, reporter: Reporter) -> None:
    name = bench.protocol.name
    if bench.own_network:
        reporter.say(f"Network {model}: pixels are normalised as protocol {name} does")
    elif (reference := bench.protocol.baseline(seed).seed) != seed:
        reporter.say(f"Seed {seed} starts from the reference of seed {reference}: {name} has none of its own")
    if problem := unranked_seed(bench, seed):
        reporter.say(problem)


def default_protocol(data: Path | None, reporter: Reporter) -> str:
    """``cifar10-sew8`` where CIFAR-10 is prepared, else ``digits-sew8``; says which and why."""
    if catalogue().datasets["cifar10"].value.is_prepared(data):
        reporter.say("Protocol cifar10-sew8, since CIFAR-10 is prepared (--protocol chooses another)")
        return "cifar10-sew8"
    reporter.say(
        "Protocol digits-sew8, since CIFAR-10 is not prepared"
        " (snnbench data prepare cifar10 does that; --protocol chooses another)"
    )
    return "digits-sew8"


def make_cells(
    bench: Bench,
    quantizers: Iterable[QuantizerSpec],
    membrane: MembraneSpec | None,
    mode: Mode,
    seed: int,
    chip: ChipSpec | None = None,
) -> list[Cell]:
    """One cell for each quantizer."""
    identity = cell_identity(bench)
    return [Cell(**identity, quantizer=spec, membrane=membrane, mode=mode, seed=seed, chip=chip) for spec in quantizers]


def _chip_spec(name: str) -> ChipSpec:
    chip = find_chip(name)
    if chip.arithmetic == "float":
        raise OptionError(f"--chip '{name}' computes in float: that is the network as it is measured without --chip")
    source = None if name.endswith(".toml") else catalogue().chips[name].source
    return ChipSpec(
        name=chip.name,
        distribution=source.distribution if source else None,
        version=source.results_version if source else None,
        semantics=chip.model_dump(mode="json"),
    )


def run_cell(bench: Bench, cell: Cell, out: Path, force: bool, reporter: Reporter) -> Finished:
    """The finished cell: found in `out`, or measured and kept there."""
    directory = store.cell_directory(out, cell)
    with store.claimed(out, cell):
        found = None if force else store.finished(out, cell, _engine_of(bench, cell))
        if found is not None:
            reporter.say(f"Already measured: {directory} (--force computes it again)")
            return Finished(found, directory, reused=True)
        record, files = measure(bench, cell, reporter)
        return Finished(record, store.keep(out, record, files), reused=False)


def _sources(bench: Bench, cell: Cell) -> list[PluginSource]:
    """Where the code that a cell runs comes from."""
    specs = [cell.quantizer, *([cell.membrane] if cell.membrane else [])]
    quantizers = [catalogue().quantizers[spec.name].source for spec in specs]
    network, data = catalogue().models[bench.network.spec.model], catalogue().datasets[bench.protocol.data.name]
    return [*quantizers, network.source, data.source]


def measure(bench: Bench, cell: Cell, reporter: Reporter) -> tuple[Record, dict[str, bytes]]:
    """Measure one cell: its record, and the files of its evidence.

    Raises:
        PluginError: if a plugin fails on the way; it names the distribution.
    """
    with blamed(_sources(bench, cell), cell.seed):
        return _measured(bench, cell, reporter)


def _measured(bench: Bench, cell: Cell, reporter: Reporter) -> tuple[Record, dict[str, bytes]]:
    started, clock = datetime.now(UTC), time.monotonic()
    reference = bench.reference(reporter)
    quantized = make_quantized(bench, cell, reporter)
    on_chip = put_on_chip(bench, quantized.model, cell.chip, reporter) if cell.chip else None
    title = f"{cell.quantizer.name} {cell.quantizer.bits} bits"
    with Watch(quantized.model) as watch:
        beside: Beside = on_chip.beside if on_chip else nullcontext
        evaluation = bench.evaluate(quantized.model, title, reporter, beside)
    evaluation = bench.compared(evaluation, quantized.model, title, reporter)
    audit = audit_of(quantized, watch, cell)
    if cell.network is not None:
        audit = with_own(audit, bench, quantized.model, watch, evaluation.profile)
    costed = Costed(evaluation, reference, audit)
    controls = control_evaluations(bench, cell, evaluation, reporter) if cell.mode == "qat" else None
    _, labels = bench.test_set()
    rules = bench.protocol.evaluate
    asked = find_costs(rules)
    found = scored(evaluation, reference, labels, rules)
    reached = reached_layers(quantized.model, quantized.coverage.quantized, bench.network.input_shape)
    record = Record(
        key=cell.key,
        cell=cell,
        rankable=cell.rankable,
        metrics=scores(found, rules.metrics),
        paired_null=null_of(found.paired),
        emd_intervals=INTERVALS,
        reached=reached_of(found, reached),
        noise_floor=floor_of(reference.profile),
        seed_floor=bench.seed_floor(reporter),
        layers=layer_rows(evaluation.profile, reference.profile, rules.dead_below),
        audit=audit,
        cost=cost_of(quantized.model, costed),
        costs={**costs_from(costed), **asked_costs(asked, quantized.model, evaluation, audit)},
        cost_sources={name: str(entry.source) for name, entry in asked.items()},
        reference=reference_of(reference, labels, rules),
        control=control_of(found, *controls) if controls else None,
        chip=on_chip.gap(found) if on_chip else None,
        training_log=quantized.training_log,
        environment=environment(bench.device, _engine_of(bench, cell)),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 2),
    )
    files = {**_files(quantized, evidence_of(evaluation, bench.kept), cell), **own_files(bench)}
    return record, files | (on_chip.files() if on_chip else {})


def _engine_of(bench: Bench, cell: Cell) -> EngineName:
    exact = ENGINES[bench.evaluation_engine].exact
    return training_engine(bench) if cell.mode == "qat" and exact else bench.evaluation_engine


def _files(quantized: Quantized, evidence: bytes, cell: Cell) -> dict[str, bytes]:
    files = {EVIDENCE_FILE: evidence}
    if cell.mode == "qat":
        files[WEIGHTS_FILE] = pack_network(quantized.model)
    return files


def _with_own_network(bench: Bench, model: str | None, options: Mapping[str, object], weights: Path | None) -> Bench:
    if model is None and weights is None and not options:
        return bench
    if model is None or weights is None:
        raise OptionError("a network of your own needs both --model NAME and --weights FILE.safetensors")
    return own_network(bench, network_spec(model, options), weights)
