"""`run` and `sweep --network`: cells of a network of one's own, without a protocol document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError
from safetensors.torch import save_file

from snnbench.bench.bench import Bench, Network
from snnbench.bench.closer import CLOSER
from snnbench.bench.costs import find_costs
from snnbench.bench.metrics import METRICS, kept_for
from snnbench.bench.reopening import own_network
from snnbench.bench.run import Finished, make_cells, run_cell
from snnbench.engine import EAGER, check_device
from snnbench.errors import OptionError
from snnbench.exchange import from_nir
from snnbench.exchange.model import FACTORY
from snnbench.plugins import catalogue
from snnbench.protocols import Protocol
from snnbench.protocols.document import problems_of
from snnbench.records import store
from snnbench.records.cell import Mode, NetworkSpec, membrane_spec, network_spec, quantizer_spec
from snnbench.reporting import Reporter, Silent

FOLDER = Path("snnbench-own")
"""Results of networks of one's own: apart from those of protocols, and never ranked."""

NIR = ".nir"
_ASKED = tuple(name for name in METRICS if name != "over_limit" and not kept_for([name]) & CLOSER)
"""The metrics that take neither a closer look nor a chip's limit; `snnbench.report` has the others."""

_FINETUNE = {"stages": [{"timesteps": 1, "epochs": 3}], "batch_size": 64, "learning_rate": 0.02, "warmup": 0.1}


@dataclass(frozen=True)
class OwnNetwork:
    """A network of one's own and what it is measured on: all that its cells need, without a protocol document.

    Attributes:
        network: ``mypackage.module:function`` or ``file.py:function`` that makes the network (see `own_model`), or a
            NIR file, which has weights of its own (see `snnbench.from_nir`).
        weights: its full-precision weights, safetensors; None with a NIR file.
        data: name of a data set plugin, or a folder (see `folder_dataset`).
        timesteps: T, if the network does not run its own steps.
        options: keyword arguments of the function, pairs of name and value.
        exempt: layers that stay in float; by default the first convolution and the last linear layer.
        mean: mean of each channel that is subtracted from pixels in [0, 1]; by default 0.
        std: deviation of each channel that they are divided by; by default 1.
        costs: names of more costs, as ``snnbench plugins list`` shows them.
    """

    network: str
    weights: Path | None
    data: str
    timesteps: int | None = None
    options: tuple[tuple[str, object], ...] = ()
    exempt: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    costs: tuple[str, ...] = ()

    def open(self, root: Path | None = None, limit: int | None = None, device: str = "cpu") -> Bench:
        """The bench of the network, on its first `limit` test images if there is a limit; arguments as `open_bench`.

        Raises:
            SnnbenchError: for whatever the user can mend.
        """
        check_device(device)
        steps = {} if self.timesteps is None else {"timesteps": self.timesteps}
        spec = network_spec(*_factory(self.network, {**dict(self.options), **steps}))
        dataset = catalogue().datasets[self.data].value
        protocol = self._protocol(dataset.input_shape[0])
        find_costs(protocol.evaluate)
        empty = Network(spec, {}, "", dataset.input_shape, dataset.num_classes)
        bench = Bench(protocol, dataset, root, empty, True, limit, device, EAGER.name)
        return _with_weights(bench, spec, self.network, self.weights)

    def __str__(self) -> str:
        shown = "as they are, in [0, 1]" if self.mean is None and self.std is None else "normalised"
        return f"{self.network} on {self.data}, pixels {shown}; results of one's own networks are not ranked"

    @property
    def name(self) -> str:
        """Name of its private protocol, which tells networks of the same name on other data apart."""
        nir = self.network.endswith(NIR)
        where, _, attribute = (f"{self.network}:graph" if nir else self.network).rpartition(":")
        stem = Path(where).stem if where.endswith((".py", NIR)) else where
        told = hashlib.sha256(f"{self.network} {self.data}".encode()).hexdigest()[:6]
        return f"own-{stem}-{attribute}-{told}".replace(".", "-").replace("_", "-").lower()

    def _protocol(self, channels: int) -> Protocol:
        """What a protocol document would say."""
        recipe: dict[str, Any] = {**_FINETUNE, "threads": 1}
        pixels = {"mean": _channels(self.mean, channels, 0.0), "std": _channels(self.std, channels, 1.0)}
        document = {
            "name": self.name,
            "version": 1,
            "title": f"{self.network} on {self.data}",
            "seeds": [0],
            "data": {"name": self.data, **pixels},
            "model": {"name": _factory(self.network, {})[0]},
            "train": recipe,
            "finetune": recipe,
            "quantize": {"exempt": self.exempt},
            "evaluate": {"metrics": _ASKED, "costs": self.costs},
        }
        try:
            return Protocol.model_validate(document)
        except ValidationError as error:
            raise OptionError(problems_of(error)) from error


def run_network(
    own: OwnNetwork,
    quantizer: str = "lqnet",
    bits: Sequence[int] | None = None,
    *,
    mode: Mode = "ptq",
    options: Mapping[str, object] | None = None,
    membrane: str | None = None,
    membrane_bits: int | None = None,
    membrane_options: Mapping[str, object] | None = None,
    seed: int = 0,
    out: Path = FOLDER,
    root: Path | None = None,
    limit: int | None = None,
    device: str = "cpu",
    force: bool = False,
    reporter: Reporter | None = None,
) -> list[Finished]:
    """Measure a quantizer on a network of one's own; one finished cell for each number of bits.

    Args:
        own: the network, and what it is measured on.
        quantizer: name of a quantizer plugin.
        bits: numbers of bits; by default the quantizer's own, else 4.
        mode: ``ptq``, or ``qat``: three epochs of fine-tuning, beside its control.
        options: the quantizer's keyword arguments.
        membrane: name of a quantizer for membrane potentials (networks of snnbench's neurons).
        membrane_bits: its bits.
        membrane_options: its keyword arguments, and ``site``.
        seed: seeds the fine-tuning.
        out: the results folder.
        root: folder of the data set plugins' data.
        limit: the first so many test images only.
        device: where networks run.
        force: compute finished cells again.
        reporter: where messages and progress go.

    Raises:
        SnnbenchError: for whatever the user can mend.
    """
    reporter = reporter or Silent()
    bench = own.open(root, limit, device)
    wanted = [quantizer_spec(quantizer, each, options or {}) for each in bits or [None]]  # type: ignore[list-item]
    membranes = membrane_spec(membrane, membrane_bits, membrane_options or {}) if membrane else None
    store.check_writable(out)
    reporter.say(str(own))
    return [run_cell(bench, cell, out, force, reporter) for cell in make_cells(bench, wanted, membranes, mode, seed)]


def _factory(network: str, options: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    """The name of the model factory, and its options."""
    return (FACTORY, {**options, "file": network}) if network.endswith(NIR) else (network, options)


def _with_weights(bench: Bench, spec: NetworkSpec, network: str, weights: Path | None) -> Bench:
    if weights is not None and not network.endswith(NIR):
        return own_network(bench, spec, weights)
    if weights is not None or not network.endswith(NIR):
        raise OptionError(f"network {network} {'has' if weights else 'needs'} weights of its own: --weights")
    with TemporaryDirectory() as folder:
        taken = Path(folder) / "weights.safetensors"
        state = from_nir(network, timesteps=1).state_dict()
        save_file({name: value.contiguous() for name, value in state.items()}, taken)
        return own_network(bench, spec, taken)


def _channels(given: Sequence[float] | None, channels: int, usual: float) -> tuple[float, ...]:
    values = tuple(given or (usual,))
    if len(values) not in (1, channels):
        raise OptionError(f"{len(values)} means or deviations for {channels} channels; give one, or one for each")
    return values * channels if len(values) == 1 else values
