"""`snnbench run --network`: cells of a network of one's own, without a protocol document."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.torch import save_file

from snnbench.bench.bench import Bench, Network, own_network
from snnbench.bench.metrics import METRICS
from snnbench.bench.run import Finished, make_cells, run_cell
from snnbench.engine import EAGER, check_device
from snnbench.errors import OptionError
from snnbench.exchange import from_nir
from snnbench.exchange.model import FACTORY
from snnbench.plugins import catalogue
from snnbench.protocols import Protocol
from snnbench.records import store
from snnbench.records.cell import Mode, NetworkSpec, membrane_spec, network_spec, quantizer_spec
from snnbench.reporting import Reporter, Silent

FOLDER = Path("snnbench-own")
"""Results of networks of one's own: apart from those of protocols, and never ranked."""

NIR = ".nir"
_FINETUNE = {"stages": [{"timesteps": 1, "epochs": 3}], "batch_size": 64, "learning_rate": 0.02, "warmup": 0.1}


def run_network(
    network: str,
    weights: Path | None,
    data: str,
    quantizer: str = "lqnet",
    bits: Sequence[int] | None = None,
    *,
    timesteps: int | None = None,
    network_options: Mapping[str, object] | None = None,
    exempt: Collection[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
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
        network: ``mypackage.module:function`` or ``file.py:function`` that makes the network (see `own_model`), or a
            NIR file, which has weights of its own (see `snnbench.from_nir`).
        weights: its full-precision weights, safetensors; None with a NIR file.
        data: name of a data set plugin, or a folder (see `folder_dataset`).
        quantizer: name of a quantizer plugin.
        bits: numbers of bits; by default the quantizer's own, else 4.
        timesteps: T, if the network does not run its own steps.
        network_options: keyword arguments of the function.
        exempt: layers that stay in float; by default the first convolution and the last linear layer.
        mean: mean of each channel that is subtracted from pixels in [0, 1]; by default 0.
        std: deviation of each channel that they are divided by; by default 1.
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
    check_device(device)
    chosen = {**(network_options or {}), **({} if timesteps is None else {"timesteps": timesteps})}
    spec = network_spec(*_factory(network, chosen))
    dataset = catalogue().datasets[data].value
    channels = dataset.input_shape[0]
    protocol = _protocol(network, data, _channels(mean, channels, 0.0), _channels(std, channels, 1.0), exempt)
    empty = Network(spec, {}, "", dataset.input_shape, dataset.num_classes)
    bench = Bench(protocol, dataset, root, empty, True, limit, device, EAGER.name)
    bench = _with_weights(bench, spec, network, weights)
    wanted = [quantizer_spec(quantizer, each, options or {}) for each in bits or [None]]  # type: ignore[list-item]
    membranes = membrane_spec(membrane, membrane_bits, membrane_options or {}) if membrane else None
    store.check_writable(out)
    shown = "as they are, in [0, 1]" if mean is None and std is None else "normalised"
    reporter.say(f"{network} on {data}, pixels {shown}; results of one's own networks are not ranked")
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


def _protocol(
    network: str, data: str, mean: tuple[float, ...], std: tuple[float, ...], exempt: Collection[str] | None
) -> Protocol:
    """What a protocol document would say; its name tells networks of the same name on other data apart."""
    where, _, attribute = (f"{network}:graph" if network.endswith(NIR) else network).rpartition(":")
    stem = Path(where).stem if where.endswith((".py", NIR)) else where
    told = hashlib.sha256(f"{network} {data}".encode()).hexdigest()[:6]
    recipe: dict[str, Any] = {**_FINETUNE, "threads": 1}
    return Protocol.model_validate(
        {
            "name": f"own-{stem}-{attribute}-{told}".replace(".", "-").replace("_", "-").lower(),
            "version": 1,
            "title": f"{network} on {data}",
            "seeds": [0],
            "data": {"name": data, "mean": mean, "std": std},
            "model": {"name": _factory(network, {})[0]},
            "train": recipe,
            "finetune": recipe,
            "quantize": {"exempt": None if exempt is None else tuple(exempt)},
            "evaluate": {"metrics": tuple(METRICS)},
        }
    )
