"""The network of a finished cell, built again from its protocol, or from the weights that training left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.bench.quantized import put_on_membranes
from snnbench.errors import ProtocolError
from snnbench.quant.audit import most_levels
from snnbench.records.cell import Cell
from snnbench.records.record import Audit


def trained_network(bench: Bench, cell: Cell, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network of a fine-tuned cell, with `weights` baked in and its membrane quantizers as training left them.

    Raises:
        ProtocolError: if the weights do not fit.
    """
    model = bench.network.build()
    put_on_membranes(model, cell.membrane, bench)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ProtocolError(f"the cell's weights do not fit: {' '.join(str(error).split())}") from error
    return model


def recount(audit: Audit, state: Mapping[str, Tensor]) -> Iterator[str]:
    """A sentence for each quantized layer whose levels in `state` are not those of the audit."""
    for row in audit.weights:
        weight = state.get(f"{row.layer}.weight", state.get(row.layer))  # a recurrent cell's matrix bears its own name
        if weight is None or weight.numel() != row.weights or most_levels(weight) != row.levels:
            yield f"layer {row.layer}: its weights hold other levels than the audit says"
