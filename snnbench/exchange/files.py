"""Networks as NIR files, with a sidecar inside and beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import nn

from snnbench.errors import GraphError
from snnbench.exchange.batch_norm import check_batch_norm
from snnbench.exchange.conversion import Plan, convert
from snnbench.exchange.dialects import DialectName, translate
from snnbench.exchange.graph import NEURONS, WEIGHTS, Graph, shapes
from snnbench.exchange.hdf5 import read_graph, write_graph
from snnbench.exchange.network import GraphNetwork, build_network
from snnbench.exchange.neurons import Drive, check_neuron, read_neuron
from snnbench.exchange.sidecar import KEY, Sidecar, parse_sidecar
from snnbench.exchange.weights import check_weights
from snnbench.files import write_atomically

DT = 1e-4
"""The step that SpikingJelly and snnTorch assume, in seconds."""


def write_network(model: nn.Module, file: Path, plan: Plan) -> tuple[Path, Path]:
    """Write a network as a NIR file, and its sidecar as JSON beside it; the paths of both.

    Raises:
        GraphError: if the network does what neither can say, or the file cannot be written; nothing is left then.
    """
    graph, sidecar = convert(model, plan)
    shapes(graph)
    content, beside = write_graph(graph), beside_of(file)
    if beside == file:
        raise GraphError(f"'{file}' is the name of its sidecar; let it end in .nir")
    _write(beside, (sidecar.model_dump_json(indent=1, exclude_none=True) + "\n").encode())
    try:
        _write(file, content)
    except GraphError:
        beside.unlink()  # a file that was there before has its own sidecar inside
        raise
    return file, beside


def _write(file: Path, content: bytes) -> None:
    try:
        write_atomically(file, [content])
    except OSError as error:
        raise GraphError(f"'{file}' cannot be written ({error.strerror})") from error


def write_dialect(model: nn.Module, file: Path, plan: Plan, dialect: DialectName) -> Path:
    """Write a network as the reader of another library understands it, with batch norms folded and without a sidecar.

    Raises:
        GraphError: if that library cannot hold a node; the message names it, and nothing is written.
    """
    graph = translate(*convert(model, replace(plan, fold=True)), dialect)
    shapes(graph)
    _write(file, write_graph(graph))
    return file


def beside_of(file: Path) -> Path:
    """Where the sidecar of a NIR file lies."""
    return file.with_suffix(".json")


def from_nir(file: Path | str, *, dt: float | None = None, timesteps: int | None = None) -> GraphNetwork:
    """The network of a NIR file: images (N, C, H, W) in, outputs averaged over T steps of the same image out.

    With a sidecar, it is the network that was written, spike for spike. Without one, each neuron is one Euler step of
    its NIR equation, resets hard and fires at equality.

    Args:
        file: a NIR file, of this project or any other.
        dt: length of a step, in the unit of the file's time constants; by default the sidecar's, else 1e-4.
        timesteps: T; by default the sidecar's.

    Raises:
        GraphError: if the file is none, is damaged or too large, holds what cannot be run, or contradicts its sidecar;
            the message names the node.
    """
    path = Path(file)
    graph = read_graph(path)
    try:
        return _network(graph, find_sidecar(path, graph), dt, timesteps)
    except GraphError as error:
        raise GraphError(f"'{path}': {error}") from error


def find_sidecar(path: Path, graph: Graph) -> Sidecar | None:
    """The sidecar inside of a file, else the one beside it.

    Raises:
        GraphError: if it is not valid, or both are there and differ.
    """
    beside = beside_of(path)
    outer = parse_sidecar(beside.read_bytes(), f"'{beside.name}'") if beside.is_file() else None
    if KEY not in graph.metadata:
        return outer
    inner = parse_sidecar(graph.metadata[KEY], "the sidecar inside")
    if outer is not None and outer != inner:
        raise GraphError(f"'{beside.name}' beside it contradicts the sidecar inside: one of them is of another network")
    return inner


def _network(graph: Graph, sidecar: Sidecar | None, dt: float | None, timesteps: int | None) -> GraphNetwork:
    shapes(graph)
    steps = timesteps or (sidecar.timesteps if sidecar else None)
    if steps is None:
        raise GraphError("it has no sidecar, which would say the number of time steps: give timesteps")
    if sidecar is None:
        step = DT if dt is None else dt
        read = {name: read_neuron(name, node, step) for name, node in graph.nodes.items() if node.type in NEURONS}
        return build_network(graph, None, steps, step, read)
    if dt is not None and dt != sidecar.dt:
        raise GraphError(f"dt={dt} contradicts its sidecar, which says {sidecar.dt}")
    check_sidecar(graph, sidecar)
    told = {name: (neuron, Drive()) for name, neuron in sidecar.neurons.items()}
    return build_network(graph, sidecar, steps, sidecar.dt, told)


def check_sidecar(graph: Graph, sidecar: Sidecar) -> None:
    """Refuse a sidecar that says other than its graph.

    Raises:
        GraphError: naming the node.
    """
    kinds = {name: node.type for name, node in graph.nodes.items()}
    _check_names("neurons", sidecar.neurons, [name for name, kind in kinds.items() if kind in NEURONS])
    weights = {**sidecar.weights, **dict.fromkeys(sidecar.full_precision)}
    _check_names("weights", weights, [name for name, kind in kinds.items() if kind in WEIGHTS])
    for name, neuron in sidecar.neurons.items():
        check_neuron(name, graph.nodes[name], neuron, sidecar.dt)
    for name, said in sidecar.weights.items():
        check_weights(name, graph.nodes[name].array("weight"), said)
    for name, norm in sidecar.batch_norms.items():
        if kinds.get(name) != "Scale" or norm.conv not in kinds:
            raise GraphError(f"the sidecar has a batch norm '{name}' after '{norm.conv}', and the graph does not")
        check_batch_norm(name, norm, graph.nodes, graph.sources(name))


def _check_names(what: str, said: Mapping[str, object], found: list[str]) -> None:
    if extra := [name for name in said if name not in found]:
        raise GraphError(f"the sidecar has {what} that the graph does not have: {', '.join(extra)}")
    if missing := [name for name in found if name not in said]:
        raise GraphError(f"node '{missing[0]}' is not among the {what} of the sidecar")
