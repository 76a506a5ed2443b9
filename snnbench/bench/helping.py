"""What the helpers of a torchrun do: build the network that the leader names, and run their share of the images."""

from __future__ import annotations

import os
from dataclasses import replace

from torch import nn

from snnbench.bench import ranks
from snnbench.bench.quantized import make_quantized
from snnbench.bench.ranks import Order
from snnbench.bench.reference import Bench
from snnbench.bench.reporting import Silent


def help_out(bench: Bench) -> None:
    """Run the leader's orders until there are no more."""
    if bench.device == "cuda":
        bench = replace(bench, device=f"cuda:{os.environ['LOCAL_RANK']}")
    while (order := ranks.receive_order()) is not None:
        bench.evaluate_share(_build(bench, order), "", Silent())
    ranks.leave()


def _build(bench: Bench, order: Order) -> nn.Module:
    """The ordered network; quantizers are applied, and the leader's weights put in, fine-tuned ones too."""
    if order.cell is None:
        model = bench.network.build()
    else:
        model = make_quantized(bench, order.cell.model_copy(update={"mode": "ptq"}), Silent()).model
    model.load_state_dict(order.weights)
    return model
