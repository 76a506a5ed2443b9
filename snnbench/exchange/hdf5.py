"""Graphs of NIR as HDF5 files, in the layout that the package `nir` (1.0.4 to 1.0.8) reads and writes.

A file from elsewhere is data: nothing of it is run, no other file is opened through it, and its size is known before a
value is read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snnbench.errors import GraphError, OptionError
from snnbench.exchange.graph import OPTIONAL, REQUIRED, Field, Graph, Node

LAYOUT = "1.0.4"
"""The version of `nir` that is written into a file: the oldest that reads all of it."""

_MOST_BYTES = 2**30
_MOST_NODES = 10_000
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
_FILTERS = frozenset({_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF})


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise OptionError("NIR files need h5py: pip install 'snnbench[nir]'") from error
    return h5py


def write_graph(graph: Graph) -> bytes:
    """The content of a NIR file; a `v_reset` of 0 is left out, since nir 1.0.4 does not know the field of a LIF."""
    h5py = _h5py()
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        text = h5py.string_dtype()
        file.create_dataset("version", data=LAYOUT, dtype=text)
        root = file.create_group("node")
        root.create_dataset("type", data="NIRGraph", dtype=text)
        root.create_dataset("edges", data=np.array(graph.edges, dtype=object), dtype=text)
        for name, value in graph.metadata.items():
            root.require_group("metadata").create_dataset(name, data=value, dtype=text)
        nodes = root.create_group("nodes", track_order=True)  # in which layers are found again
        for name, node in graph.nodes.items():
            _write_node(nodes.create_group(name), node, text)
    return content.getvalue()


def _write_node(group: Any, node: Node, text: Any) -> None:
    group.create_dataset("type", data=node.type, dtype=text)
    for name, value in node.fields.items():
        if isinstance(value, str):
            group.create_dataset(name, data=value, dtype=text)
        elif name != "v_reset" or value.any():
            packed = {"compression": "gzip", "shuffle": True} if value.ndim else {}
            group.create_dataset(name, data=value, **packed)


def read_graph(path: Path) -> Graph:
    """The graph of a NIR file.

    Raises:
        GraphError: if it is no such file, is larger than 1 GiB unpacked, refers to other files, uses a filter that is
            not HDF5's own, or has nodes or fields that are not known; the message names the node.
    """
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            return _Reader(h5py).graph(file)
    except GraphError as error:
        raise GraphError(f"'{path}': {error}") from error
    except FileNotFoundError as error:
        raise GraphError(f"'{path}' does not exist") from error
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise GraphError(f"'{path}' is no NIR file, or is damaged: {error}") from error


class _Reader:
    """Reads within limits: `left` is how many bytes may still be unpacked."""

    def __init__(self, h5py: Any) -> None:
        self._h5py, self._left = h5py, _MOST_BYTES

    def graph(self, file: Any) -> Graph:
        self._check_version(file)
        root = self._group(file, "node", "the file")
        kind = self._text(root, "type", "the graph")
        if kind != "NIRGraph":
            raise GraphError(f"its root is a {kind}, not a NIRGraph")
        groups = self._group(root, "nodes", "the graph")
        if len(groups) > _MOST_NODES:
            raise GraphError(f"it has {len(groups)} nodes; at most {_MOST_NODES} are read")
        nodes = {name: self._node(groups, name) for name in groups}
        return Graph(nodes, self._edges(root), dict(self._metadata(root)))

    def _check_version(self, file: Any) -> None:
        version = self._text(file, "version", "the file") if "version" in file else LAYOUT
        if version.partition(".")[0] not in ("0", "1"):
            raise GraphError(f"it was written by nir {version}; versions 0 and 1 are read")

    def _node(self, groups: Any, name: str) -> Node:
        where = f"node '{name}'"
        group = self._group(groups, name, where)
        kind = self._text(group, "type", where)
        if kind not in REQUIRED:
            raise GraphError(f"{where} is of type {kind}; known are {', '.join(REQUIRED)}")
        if missing := [field for field in REQUIRED[kind] if field not in group]:
            raise GraphError(f"{where} ({kind}) lacks {', '.join(missing)}")
        known = (*REQUIRED[kind], *OPTIONAL.get(kind, ()))
        if unknown := [field for field in group if field not in (*known, "type", "metadata")]:
            raise GraphError(f"{where} ({kind}) has fields that a {kind} does not have: {', '.join(unknown)}")
        fields = {field: self._field(group, field, where) for field in known if field in group}
        if texts := [field for field, value in fields.items() if isinstance(value, str) and field != "padding"]:
            raise GraphError(f"{where} ({kind}): its {texts[0]} is text")
        return Node(kind, {field: value for field, value in fields.items() if value is not None})

    def _edges(self, root: Any) -> list[tuple[str, str]]:
        values = self._values(root, "edges", "the graph")
        if values.size == 0:
            return []
        if values.ndim != 2 or values.shape[1] != 2 or values.dtype != object:
            raise GraphError(f"its edges are of shape {values.shape}, not pairs of names")
        return [(_decoded(a), _decoded(b)) for a, b in values]

    def _metadata(self, root: Any) -> Iterator[tuple[str, str]]:
        if "metadata" not in root:
            return
        group = self._group(root, "metadata", "the graph")
        for name in group:
            value = self._field(group, name, "the metadata")
            if isinstance(value, str):
                yield name, value

    def _text(self, group: Any, name: str, where: str) -> str:
        value = self._field(group, name, where)
        if not isinstance(value, str):
            raise GraphError(f"{where} has no text '{name}'")
        return value

    def _field(self, group: Any, name: str, where: str) -> Field | None:
        values = self._values(group, name, where)
        if values.dtype == object:
            return _decoded(values.item()) if values.size == 1 and not isinstance(values.item(), dict) else None
        if not np.isfinite(values).all():
            raise GraphError(f"{where}: its {name} holds numbers that are not finite")
        return values

    def _values(self, group: Any, name: str, where: str) -> np.ndarray[Any, Any]:
        dataset = self._member(group, name, where)
        if not isinstance(dataset, self._h5py.Dataset):
            raise GraphError(f"{where}: '{name}' is no array")
        self._check_storage(dataset, f"{where}: '{name}'")
        value = dataset[()]
        return np.asarray(value, dtype=object) if isinstance(value, bytes | str) else np.asarray(value)

    def _check_storage(self, dataset: Any, what: str) -> None:
        if dataset.shape is None:
            raise GraphError(f"{what} is empty")
        if dataset.dtype.kind not in "biuf" and self._h5py.check_string_dtype(dataset.dtype) is None:
            raise GraphError(f"{what} holds neither numbers nor text ({dataset.dtype})")
        plan = dataset.id.get_create_plist()
        if dataset.is_virtual or plan.get_external_count():
            raise GraphError(f"{what} lies in another file")
        filters = {plan.get_filter(index)[0] for index in range(plan.get_nfilters())}
        if filters - _FILTERS:
            raise GraphError(f"{what} needs HDF5 filters {sorted(filters - _FILTERS)}, which are not loaded")
        self._left -= int(np.prod([int(n) for n in dataset.shape], dtype=object)) * dataset.dtype.itemsize
        if self._left < 0:
            raise GraphError(f"{what} is too large: more than {_MOST_BYTES >> 20} MiB in all are not read")

    def _group(self, parent: Any, name: str, where: str) -> Any:
        group = self._member(parent, name, where)
        if not isinstance(group, self._h5py.Group):
            raise GraphError(f"{where}: '{name}' is no group")
        return group

    def _member(self, parent: Any, name: str, where: str) -> Any:
        if name not in parent:
            raise GraphError(f"{where} has no '{name}'")
        if not isinstance(parent.get(name, getlink=True), self._h5py.HardLink):
            raise GraphError(f"{where}: '{name}' is a link to elsewhere")
        return parent[name]


def _decoded(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value
