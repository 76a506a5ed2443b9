"""The control of quantization-aware training: the same fine-tuning without quantization, cached."""

from __future__ import annotations

import torch

from snnbench.bench.bench import Bench, load_evaluation
from snnbench.bench.quantized import make_quantized, training_engine
from snnbench.data import cache_root
from snnbench.locks import locked
from snnbench.protocols import digest
from snnbench.records.cell import Cell, quantizer_spec
from snnbench.records.environment import processor
from snnbench.records.evaluation import Evaluation
from snnbench.reporting import Reporter


def control_cell(cell: Cell) -> Cell:
    """The control of `cell`: the float quantizer, same protocol, seed and budget, whatever chip the cell is put on."""
    return cell.model_copy(update={"quantizer": quantizer_spec("float", None, {}), "membrane": None, "chip": None})


def other_control_cell(cell: Cell, bench: Bench) -> Cell:
    """The control of another seed of fine-tuning from the same baseline; one of the protocol's seeds if one is."""
    protocol = bench.protocol
    step = max(1, len(protocol.baselines))
    same = [seed for seed in protocol.seeds if seed != cell.seed and (seed - cell.seed) % step == 0]
    return control_cell(cell).model_copy(update={"seed": same[0] if same else cell.seed + step})


def control_evaluations(
    bench: Bench, cell: Cell, evaluation: Evaluation, reporter: Reporter
) -> tuple[Evaluation, Evaluation]:
    """Evaluations of the control of `cell` and of that of another seed, each computed once per protocol and seed.

    A cell that is its own control has just been evaluated: its `evaluation` is taken.
    """
    control = control_cell(cell)
    known = evaluation if control == cell.model_copy(update={"chip": None}) else None
    return _cached(bench, control, known, reporter), _cached(bench, other_control_cell(cell, bench), None, reporter)


def _cached(bench: Bench, control: Cell, known: Evaluation | None, reporter: Reporter) -> Evaluation:
    parts = {"torch": torch.__version__, "processor": processor(), "engine": training_engine(bench)}
    key = digest({"cell": control.key, **parts})
    path = cache_root() / "controls" / f"{key}.safetensors"
    with locked(path.with_suffix(".lock")):
        cached = load_evaluation(path)
        if cached is None:
            cached = known or _measured(bench, control, reporter)
            cached.save(path)
    return cached


def _measured(bench: Bench, control: Cell, reporter: Reporter) -> Evaluation:
    reporter.say(f"Control, seed {control.seed}: fine-tuning without quantization (computed once, then cached)")
    with torch.random.fork_rng(devices=[]):  # whether it is cached makes no difference to the cell
        quantized = make_quantized(bench, control, reporter)
        return bench.evaluate(quantized.model, "Control", reporter)
