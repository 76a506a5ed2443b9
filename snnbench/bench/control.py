"""The control of quantization-aware training: the same fine-tuning without quantization, cached."""

from __future__ import annotations

import torch

from snnbench.bench.bench import Bench, load_evaluation
from snnbench.bench.quantized import make_quantized, training_engine
from snnbench.data import cache_root
from snnbench.locks import locked
from snnbench.protocols import digest
from snnbench.records.cell import Cell, quantizer_spec
from snnbench.records.evaluation import Evaluation
from snnbench.records.record import processor
from snnbench.reporting import Reporter


def control_cell(cell: Cell) -> Cell:
    """The control of `cell`: the float quantizer, same protocol, seed and budget."""
    return cell.model_copy(update={"quantizer": quantizer_spec("float", None, {}), "membrane": None})


def control_evaluation(bench: Bench, cell: Cell, evaluation: Evaluation, reporter: Reporter) -> Evaluation:
    """Evaluation of the control of `cell`, computed once per protocol and seed.

    A cell that is its own control has just been evaluated: its `evaluation` is taken.
    """
    control = control_cell(cell)
    parts = {"torch": torch.__version__, "processor": processor(), "engine": training_engine(bench)}
    key = digest({"cell": control.key, **parts})
    path = cache_root() / "controls" / f"{key}.safetensors"
    with locked(path.with_suffix(".lock")):
        cached = load_evaluation(path)
        if cached is None:
            cached = evaluation if control == cell else _measured(bench, control, reporter)
            cached.save(path)
    return cached


def _measured(bench: Bench, control: Cell, reporter: Reporter) -> Evaluation:
    reporter.say("Control: the same fine-tuning without quantization (computed once, then cached)")
    with torch.random.fork_rng(devices=[]):  # whether it is cached makes no difference to the cell
        quantized = make_quantized(bench, control, reporter)
        return bench.evaluate(quantized.model, "Control", reporter, control)
