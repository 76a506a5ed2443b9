"""Making the quantized network of a cell: quantizers applied, and in QAT fine-tuned."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.bench.calibration import calibrate_quantizers
from snnbench.bench.rebuilding import Quantized, rebuilt
from snnbench.engine import WORTH_COMPILING, EngineName, engine_form, training_engine_of
from snnbench.nn import SpikingNeuron
from snnbench.nn.rounding import fixed_grid
from snnbench.options import fixed_bits, validate
from snnbench.plugins import catalogue
from snnbench.quant import (
    Joint,
    MakeQuantizer,
    check_layers,
    checked_module,
    feeding_quantizers,
    quantize_membranes,
    quantize_weights,
)
from snnbench.records.cell import Cell, MembraneSpec, QuantizerSpec
from snnbench.reporting import Reporter, span
from snnbench.training.baseline import training_set
from snnbench.training.regularize import keeping_rates
from snnbench.training.trainer import Trainer

_CUTS_RESETS = (
    "Membranes are clipped at the threshold before the spike: what a soft reset would keep above it is lost"
    " (--membrane-option clip=wide has room, site=post_reset needs none)"
)


def make_quantized(bench: Bench, cell: Cell, reporter: Reporter) -> Quantized:
    """The cell's network: post-training quantized, and fine-tuned by the protocol's recipe in QAT.

    Quantizers work on a network of their own; what is given back, to be measured, is `rebuilt` from its weights.
    """
    prepared = _prepared(bench, cell, reporter)
    return rebuilt(prepared, bench.network.build(), bench.network.weights, trained=cell.mode == "qat")


def _prepared(bench: Bench, cell: Cell, reporter: Reporter) -> Quantized:
    torch.manual_seed(cell.seed)
    model = bench.network.build()
    declared = _declared_bits(bench, cell.quantizer)
    exempt, shape = bench.protocol.quantize.exempt, bench.network.input_shape
    coverage = quantize_weights(model, _maker(cell.quantizer, declared), exempt, shape)
    check_layers(bench.protocol.quantize.bits, coverage.quantized, "bits")
    joint = cell.membrane is not None and cell.membrane.name == cell.quantizer.name
    membranes = put_on_membranes(model, cell.membrane, bench, joint)
    if _cuts_resets(model):
        reporter.say(_CUTS_RESETS)
    calibrate_quantizers(bench, model, reporter)
    log = tune(bench, model, cell, reporter) if cell.mode == "qat" else ()
    bits = {name: declared.get(name, cell.quantizer.bits) for name in coverage.quantized}
    return Quantized(model.eval(), coverage, bits, membranes, log)


def _declared_bits(bench: Bench, spec: QuantizerSpec) -> dict[str, int]:
    """The protocol's bits by layer, where they are not the run's; a quantizer of fixed bits keeps its own."""
    chosen = bench.protocol.quantize.bits
    entry = catalogue().quantizers[spec.name]
    if fixed_bits(entry, entry.value) is not None:
        return {}
    for bits in set(chosen.values()):
        validate(entry, entry.value, spec.options, bits=bits)
    return dict(chosen)


def _maker(spec: QuantizerSpec, declared: Mapping[str, int]) -> MakeQuantizer:
    entry = catalogue().quantizers[spec.name]

    def make(layer: str, tensor: Tensor) -> nn.Module:
        made = entry.value(tensor, bits=declared.get(layer, spec.bits), **spec.options)
        return checked_module(entry, made)

    return make


def put_on_membranes(model: nn.Module, spec: MembraneSpec | None, bench: Bench, joint: bool = False) -> tuple[str, ...]:
    """Quantize the membranes of `model` as `spec` says, if it does; the names of its spiking layers.

    With `joint`, the quantizer of the weights that feed a layer makes that of its membrane, if it offers
    ``for_membrane``.
    """
    if spec is None:
        return ()
    make = _joint_maker(model, spec, bench) if joint else _maker(spec, {})
    return quantize_membranes(model, make, spec.site, bench.network.input_shape)


def _cuts_resets(model: nn.Module) -> bool:
    """Whether potentials are clipped at the threshold before a soft reset, which would have kept what is above it."""
    neurons = [part for part in model.modules() if isinstance(part, SpikingNeuron) and part.reset == "soft"]
    before = (part.state_quantizer for part in neurons if part.site == "pre_spike")
    grids = (fixed_grid(quantizer, torch.float32) for quantizer in before if quantizer is not None)
    return any(grid is not None and grid.high <= 1 for grid in grids)


def _joint_maker(model: nn.Module, spec: MembraneSpec, bench: Bench) -> MakeQuantizer:
    alone, fed = _maker(spec, {}), feeding_quantizers(model, bench.network.input_shape)

    def make(layer: str, tensor: Tensor) -> nn.Module:
        weights: object = fed.get(layer)
        if not isinstance(weights, Joint):
            return alone(layer, tensor)
        return weights.for_membrane(tensor, bits=spec.bits, **spec.options)

    return make


def tune(bench: Bench, model: nn.Module, cell: Cell, reporter: Reporter) -> tuple[dict[str, float], ...]:
    """Fine-tune the quantized `model` in place, on the bench's device; it then is on the CPU. Gives a row an epoch."""
    training = bench.protocol.finetune
    data, engine = training_set(bench.protocol, bench.dataset, bench.root), training_engine(bench)
    trainer = Trainer(engine_form(model, engine), training, data, cell.seed, engine, device=bench.device)
    what = f"Fine-tuning {cell.quantizer.name} {cell.quantizer.bits} bits"
    with _threads(training.threads):
        expected = span(expected_seconds(bench, trainer))
        reporter.say(f"{what} for {training.epochs} epochs: about {expected} expected")
        with _regularized(bench, trainer), reporter.task(what) as advance:
            while not trainer.finished:
                trainer.train_epoch(advance)
    model.cpu()
    return tuple(trainer.progress.log)


def training_engine(bench: Bench) -> EngineName:
    """The engine that fine-tunes: compiled where it can be built, unless eager is chosen; integers do not train."""
    return training_engine_of(bench.engine_for(WORTH_COMPILING))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Run the block on so many threads; evaluations and whoever called have their own number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _regularized(bench: Bench, trainer: Trainer) -> AbstractContextManager[None]:
    strength = trainer.training.emd_strength
    return keeping_rates(trainer, bench.network.build(), strength) if strength else nullcontext()


def expected_seconds(bench: Bench, trainer: Trainer) -> float:
    """Time that the training will take, from two steps on a copy of the network (the first warms up)."""
    model = copy.deepcopy(trainer.model)
    probe = Trainer(model, trainer.training, trainer.data, trainer.seed, device=trainer.device)
    with _regularized(bench, probe):
        probe.step_once()
        started = time.perf_counter()
        probe.step_once()
        return (time.perf_counter() - started) * trainer.work / trainer.work_of(trainer.stages[0])
