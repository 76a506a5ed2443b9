"""Files that are wrong, contradict themselves or mean harm: a clear error that names the node, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snnbench import from_nir
from snnbench.builtin.uniform import uniform
from snnbench.errors import GraphError
from snnbench.exchange import Plan, write_network
from snnbench.exchange.cuba import CubaLIFNeuron
from snnbench.exchange.graph import Graph, Node
from snnbench.exchange.hdf5 import write_graph
from snnbench.nn import IFNeuron, LIFNeuron, SpikingNeuron, sew_resnet8
from snnbench.quant import quantize_membranes, quantize_weights

h5py = pytest.importorskip("h5py")


def lif(**changes: Any) -> Node:
    fields = {"tau": 2e-4, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, **changes}
    return Node("LIF", {name: np.broadcast_to(value, (3,)).copy() for name, value in fields.items()})


def cuba(**fields: Any) -> Node:
    usual: dict[str, Any] = {"tau_mem": 2e-4, "tau_syn": 2e-4, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    return Node("CubaLIF", {name: np.broadcast_to(value, (3,)) for name, value in {**usual, **fields}.items()})


def chain(**changes: Any) -> Graph:
    """input - fc - spikes - output, with some of the nodes changed, taken out (None) or put in."""
    nodes = {
        "input": Node("Input", {"shape": np.array([2])}),
        "fc": Node("Linear", {"weight": np.ones((3, 2), np.float32)}),
        "spikes": lif(),
        "output": Node("Output", {"shape": np.array([3])}),
        **changes,
    }
    edges = [("input", "fc"), ("fc", "spikes"), ("spikes", "output")]
    return Graph({name: node for name, node in nodes.items() if node is not None}, edges)


def with_edges(*edges: tuple[str, str]) -> Graph:
    return replace(chain(), edges=[*chain().edges, *edges])


def renamed(name: str) -> Graph:
    """The chain, with its linear layer under another name."""
    nodes = {name if key == "fc" else key: node for key, node in chain().nodes.items()}
    return Graph(nodes, [("input", name), (name, "spikes"), ("spikes", "output")])


CONV = {"bias": np.zeros(4), "stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1])}
rows = {"weight": np.ones((4, 3, 3)), "stride": np.array(1), "padding": np.array(0), "dilation": np.array(1)}
conv = Node("Conv2d", {**CONV, "groups": np.array(1), "weight": np.ones((4, 3, 3, 3))})

BAD: dict[str, tuple[Graph, str]] = {
    "cycle": (with_edges(("spikes", "fc")), "fc -> spikes -> fc form a cycle|spikes -> fc -> spikes form a cycle"),
    "edge to nowhere": (with_edges(("spikes", "gone")), "spikes -> gone names 'gone', which is no node"),
    "edge twice": (with_edges(("fc", "spikes")), "edge fc -> spikes is there twice"),
    "edge into the input": (with_edges(("fc", "input")), "fc -> input enters an Input"),
    "no output": (chain(output=None), "names 'output', which is no node"),
    "two inputs": (chain(other=Node("Input", {"shape": np.array([2])})), "has 2 nodes of type Input"),
    "unreached": (chain(other=lif()), "node 'other' has no input"),
    "unknown type": (chain(spikes=Node("Izhikevich", {})), "node 'spikes' is of type Izhikevich"),
    "recurrent type": (chain(spikes=Node("NIRGraph", {})), "node 'spikes' is of type NIRGraph"),
    "tau_mem below dt": (chain(spikes=cuba(tau_mem=5e-5)), r"node 'spikes' \(CubaLIF\) has a tau_mem of 5e-05"),
    "tau_syn below dt": (chain(spikes=cuba(tau_syn=5e-5)), r"node 'spikes' \(CubaLIF\) has a tau_syn of 5e-05"),
    "no weight": (chain(fc=Node("Linear", {})), r"node 'fc' \(Linear\) lacks weight"),
    "no shape": (chain(input=Node("Input", {})), r"node 'input' \(Input\) lacks shape"),
    "empty shape": (
        chain(input=Node("Input", {"shape": np.array([0])})),
        r"node 'input' \(Input\) has no usable shape",
    ),
    "unknown field": (chain(spikes=lif(w_rec=1.0)), r"node 'spikes' \(LIF\) has fields .* w_rec"),
    "wrong shape": (
        chain(fc=Node("Linear", {"weight": np.ones((3, 5))})),
        r"node 'fc' \(Linear\) .* \(2,\): its weight",
    ),
    "wrong output": (chain(output=Node("Output", {"shape": np.array([7])})), r"node 'output' .* it declares \(7,\)"),
    "image of another kind": (chain(fc=conv), r"node 'fc' \(Conv2d\) cannot take an input of shape \(2,\)"),
    "rows of another kind": (
        chain(fc=Node("Conv1d", {"bias": np.zeros(4), "groups": np.array(1), **rows})),
        r"node 'fc' \(Conv1d\) cannot take an input of shape \(2,\)",
    ),
    "thresholds too many": (chain(spikes=Node("Threshold", {"threshold": np.ones(4)})), r"node 'spikes' \(Threshold\)"),
    "not a number": (chain(spikes=lif(tau=np.nan)), "node 'spikes': its tau holds numbers that are not finite"),
    "tau below dt": (chain(spikes=lif(tau=5e-5)), r"node 'spikes' \(LIF\) has a tau of 5e-05, .* dt = 0.0001"),
    "threshold 0": (chain(spikes=lif(v_threshold=0.0)), r"node 'spikes' \(LIF\) has a v_threshold of 0"),
    "unlike neurons": (
        chain(spikes=lif(v_leak=[0.0, 0.5, 0.0])),
        "node 'spikes' .* its v_leak goes from 0 to 0.5",
    ),
    "one tau below dt": (chain(spikes=lif(tau=[2e-4, 5e-5, 2e-4])), r"node 'spikes' \(LIF\) has a tau of 5e-05"),
    "one threshold 0": (chain(spikes=lif(v_threshold=[1.0, 0.0, 1.0])), r"'spikes' \(LIF\) has a v_threshold of 0"),
    "one tau_syn below dt": (chain(spikes=cuba(tau_syn=[2e-4, 5e-5, 2e-4])), r"\(CubaLIF\) has a tau_syn of 5e-05"),
    "taus too many": (
        chain(spikes=Node("LIF", {**lif().fields, "tau": np.array([2e-4, 3e-4])})),
        r"'spikes' \(LIF\) has \(3,\) neurons, and its tau is \(2,\)",
    ),
    "a name of PyTorch": (renamed("half"), "node 'half' has a name that no layer can have"),
    "a part of a name": (renamed("a..b"), "node 'a..b' has a name that no layer can have"),
    "neurons too many": (chain(spikes=Node("IF", {"r": np.ones(4), "v_threshold": np.ones(4)})), "node 'spikes'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_graph_is_refused_by_name(name: str, tmp_path: Path) -> None:
    graph, message = BAD[name]
    file = tmp_path / "bad.nir"
    file.write_bytes(write_graph(graph))
    with pytest.raises(GraphError, match=message) as caught:
        from_nir(file, timesteps=2)
    assert str(file) in str(caught.value)


def test_the_graph_that_was_made_bad_is_good(tmp_path: Path) -> None:
    file = tmp_path / "good.nir"
    file.write_bytes(write_graph(chain()))
    assert from_nir(file, timesteps=2)(torch.ones(5, 2)).shape == (5, 3)
    with pytest.raises(GraphError, match="give timesteps"):
        from_nir(file)


def test_what_is_no_file_of_nir(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="does not exist"):
        from_nir(tmp_path / "gone.nir")
    (tmp_path / "text.nir").write_text("not HDF5")
    with pytest.raises(GraphError, match="is no NIR file, or is damaged"):
        from_nir(tmp_path / "text.nir")
    with h5py.File(tmp_path / "empty.nir", "w"):
        pass
    with pytest.raises(GraphError, match="the file has no 'node'"):
        from_nir(tmp_path / "empty.nir")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short(tmp_path: Path, part: float) -> None:
    content = write_graph(chain())
    (tmp_path / "cut.nir").write_bytes(content[: int(len(content) * part)])
    with pytest.raises(GraphError, match=r"cut\.nir"):
        from_nir(tmp_path / "cut.nir", timesteps=2)


def changed(path: Path, change: Callable[[Any], None]) -> Path:
    path.write_bytes(write_graph(chain()))
    with h5py.File(path, "a") as file:
        change(file)
    return path


def put(place: str, make: Callable[[Any, str], Any]) -> Callable[[Any], None]:
    """Replaces the member at `place` by what `make` makes there."""

    def change(file: Any) -> None:
        del file[place]
        make(file, place)

    return change


def huge(file: Any, place: str) -> None:
    file.create_dataset(place, shape=(2**31, 2**10), dtype="f4", chunks=(1, 2**10), compression="gzip")


def external(file: Any, place: str) -> None:
    file.create_dataset(place, shape=(3, 2), dtype="f4", external=[("/etc/hostname", 0, 24)])


def virtual(file: Any, place: str) -> None:
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (3, 2))
    file.create_virtual_dataset(place, layout)


def plugin_filter(file: Any, place: str) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((3, 2))
    plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((3, 2))
    h5py.h5d.create(file.id, place.encode(), h5py.h5t.NATIVE_FLOAT, space, plan)


def link(kind: Any, *target: str) -> Callable[[Any, str], None]:
    return lambda file, place: file.__setitem__(place, kind(*target))


def opaque(file: Any, place: str) -> None:
    file.create_dataset(place, data=np.void(b"\x80\x04cos\nsystem\n"))


HOSTILE = {
    "huge": (huge, "too large: more than 1024 MiB"),
    "external": (external, "lies in another file"),
    "virtual": (virtual, "lies in another file"),
    "filter": (plugin_filter, r"needs HDF5 filters \[32015\]"),
    "external link": (link(h5py.ExternalLink, "other.h5", "/secret"), "is a link to elsewhere"),
    "soft link": (link(h5py.SoftLink, "/node/edges"), "is a link to elsewhere"),
    "opaque": (opaque, "holds neither numbers nor text"),
    "text": (lambda file, place: file.create_dataset(place, data="weight"), "node 'fc' .* its weight is text"),
    "group": (lambda file, place: file.create_group(place), "'weight' is no array"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_weight(kind: str, tmp_path: Path) -> None:
    make, message = HOSTILE[kind]
    file = changed(tmp_path / "hostile.nir", put("node/nodes/fc/weight", make))
    with pytest.raises(GraphError, match=message) as caught:
        from_nir(file, timesteps=2)
    assert "fc" in str(caught.value)


def test_another_version(tmp_path: Path) -> None:
    file = changed(tmp_path / "a.nir", put("version", lambda file, place: file.create_dataset(place, data="2.0.0")))
    with pytest.raises(GraphError, match=r"written by nir 2\.0\.0"):
        from_nir(file, timesteps=2)


def test_many_arrays_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.nir"
    file.write_bytes(write_graph(chain()))
    monkeypatch.setattr("snnbench.exchange.hdf5._MOST_BYTES", 120)
    with pytest.raises(GraphError, match="too large"):
        from_nir(file, timesteps=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with everything that a sidecar says."""
    torch.manual_seed(0)
    model = sew_resnet8(4, 5, 3, neuron="plif", v_reset=-0.1).eval()
    quantize_weights(model, lambda _, tensor: uniform(tensor, bits=4, clip="absmax"))
    quantize_membranes(model, lambda _, tensor: uniform(tensor, bits=4), "post_reset", (3, 8, 8))
    file, _ = write_network(model, tmp_path_factory.mktemp("written") / "a.nir", Plan((3, 8, 8), 3))
    return file


def at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *folders, last = path.split("/")

    def change(document: Any) -> None:
        for folder in folders:
            document = document[int(folder) if isinstance(document, list) else folder]
        if value is None:
            del document[last]
        else:
            document[int(last) if isinstance(document, list) else last] = value

    return change


NEURON, LAYER, NORM = "neurons/stem.neuron", "weights/blocks.1_1.layer1.conv", "batch_norms/stem.bn"
CONTRADICTIONS = {
    "schema": (at("schema_version", 2), "has schema version 2; this snnbench reads 1"),
    "no schema": (at("schema_version", None), "has schema version None"),
    "unknown key": (at("extra", 1), "is not valid: extra"),
    "steps": (at("timesteps", 0), "is not valid: timesteps"),
    "dt": (at("dt", 1e-3), "node .*its sidecar contradicts its tau"),
    "threshold": (at(f"{NEURON}/threshold", 2.0), "'stem.neuron' .* its sidecar contradicts its v_threshold"),
    "leak": (at(f"{NEURON}/w", 1.0), "'stem.neuron' .* its sidecar contradicts its tau"),
    "reset": (at(f"{NEURON}/v_reset", 0.2), "'stem.neuron' .* its sidecar contradicts its v_leak"),
    "decay": (at(f"{NEURON}/decay_input", False), "'stem.neuron' .* its sidecar contradicts its r"),
    "kind": (at(f"{NEURON}/kind", "IF"), "'stem.neuron' is a LIF, and its sidecar says IF"),
    "missing number": (at(f"{NEURON}/w", None), "node 'stem.neuron': a PLIF needs 'w'"),
    "soft to a potential": (at(f"{NEURON}/reset", "soft"), "node 'stem.neuron': v_reset=-0.1 has no meaning"),
    "membrane": (at(f"{NEURON}/membrane/site", "anywhere"), r"is not valid: neurons\.stem\.neuron\.membrane\..*site"),
    "missing neuron": (at(NEURON, None), "node 'stem.neuron' is not among the neurons"),
    "extra neuron": (at("neurons/other", {"kind": "IF", "threshold": 1, "reset": "hard"}), "does not have: other"),
    "scale": (at(f"{LAYER}/scale/0", 0.123), "'blocks.1_1.layer1.conv' has weights that are not of the levels"),
    "zero point": (at(f"{LAYER}/zero_point/0", 3.0), "'blocks.1_1.layer1.conv' has weights that are not of the levels"),
    "rows": (at(f"{LAYER}/scale", [0.1, 0.2]), "'blocks.1_1.layer1.conv' has 4 channels, and its sidecar 2 of scale"),
    "levels": (at(f"{LAYER}/levels", 2), "'blocks.1_1.layer1.conv' has .* levels in one channel"),
    "missing weights": (at(LAYER, None), "node 'blocks.1_1.layer1.conv' is not among the weights"),
    "mean": (at(f"{NORM}/mean/0", 5.0), "node 'stem.conv': the sidecar of 'stem.bn' contradicts its bias"),
    "variance": (at(f"{NORM}/var/0", 5.0), "node 'stem.bn': its sidecar contradicts its scale"),
    "channels": (at(f"{NORM}/var", [1.0]), "node 'stem.bn' has 4 channels"),
    "elsewhere": (at(f"{NORM}/conv", "fc"), "node 'stem.bn' follows .*stem.conv.*, and its sidecar says .* 'fc'"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_sidecar_that_contradicts_its_graph(name: str, written: Path, tmp_path: Path) -> None:
    change, message = CONTRADICTIONS[name]
    file = tmp_path / "a.nir"
    file.write_bytes(written.read_bytes())
    with h5py.File(file, "a") as content:
        metadata = content["node/metadata"]
        document = json.loads(metadata["snnbench"][()])
        change(document)
        del metadata["snnbench"]
        metadata["snnbench"] = json.dumps(document)
    with pytest.raises(GraphError, match=message):
        from_nir(file)


SHORT: dict[str, tuple[SpikingNeuron, dict[str, Any], str]] = {
    "LIF": (LIFNeuron(tau=2.0), {"tau": 0.5}, "node '1': tau=0.5 must be above 1"),
    "CubaLIF": (CubaLIFNeuron(4.0, 2.0), {"tau": 0.5}, "node '1': tau=0.5 must be above 1"),
    "its current": (
        CubaLIFNeuron(4.0, 2.0),
        {"tau_syn": 3.0},
        r"node '1' \(CubaLIF\): its sidecar contradicts its tau_syn",
    ),
    "its kind": (CubaLIFNeuron(4.0, 2.0), {"tau_syn": 0.5}, "is not valid: neurons.1.tau_syn"),
    "its gain": (CubaLIFNeuron(4.0, 2.0), {"gain": 3.0}, r"node '1' \(CubaLIF\): its sidecar contradicts its w_in"),
    "too many numbers": (
        LIFNeuron(tau=2.0),
        {"tau": [2.0, 3.0]},
        "node '1': it has 3 neurons, and its sidecar 2 numbers",
    ),
    "not a PLIF's": (LIFNeuron(tau=2.0), {"kind": "PLIF", "w": 0.0, "reset_delay": True}, "node '1': a PLIF has no"),
}


@pytest.mark.parametrize("name", SHORT)
def test_neurons_of_a_sidecar_that_there_are_not(name: str, tmp_path: Path) -> None:
    neuron, changes, message = SHORT[name]
    file, beside = write_network(nn.Sequential(nn.Linear(2, 3), neuron), tmp_path / "a.nir", Plan((2,), 2))
    beside.unlink()
    with h5py.File(file, "a") as content:
        metadata = content["node/metadata"]
        document = json.loads(metadata["snnbench"][()])
        document["neurons"]["1"] |= changes
        del metadata["snnbench"]
        metadata["snnbench"] = json.dumps(document)
    with pytest.raises(GraphError, match=message):
        from_nir(file)


def test_two_sidecars_that_differ(written: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.nir"
    file.write_bytes(written.read_bytes())
    document = json.loads(written.with_suffix(".json").read_text("utf-8"))
    file.with_suffix(".json").write_text(json.dumps({**document, "timesteps": 9}))
    with pytest.raises(GraphError, match=r"'a\.json' beside it contradicts the sidecar inside"):
        from_nir(file)


def test_a_step_that_contradicts_the_sidecar(written: Path) -> None:
    with pytest.raises(GraphError, match=r"dt=0\.5 contradicts its sidecar, which says 0\.0001"):
        from_nir(written, dt=0.5)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.spikes = nn.Linear(2, 2), IFNeuron()


class SameOutput(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x)
        z: torch.Tensor = self.spikes(y + y)
        return z


class SameLayer(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.fc(self.spikes(self.fc(x)))
        return y


class Product(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.spikes(self.fc(x)) * x


class WeightedSum(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.spikes(torch.add(self.fc(x), x, alpha=-2))
        return y


UNSAYABLE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "same output": (SameOutput, "'spikes' takes the same output twice"),
    "same layer": (SameLayer, "layer 'fc' runs twice"),
    "weighted sum": (WeightedSum, "WeightedSum computes 'add' itself"),
    "product": (Product, "'mul' is a product of 'input', which NIR can say of one layer's spikes only"),
    "maxima": (lambda: nn.Sequential(nn.Conv2d(3, 2, 3), nn.MaxPool2d(2)), "layer '1' pools maxima of '0', which"),
    "strange maxima": (
        lambda: nn.Sequential(nn.Conv2d(3, 2, 3), IFNeuron(), nn.MaxPool2d(2, dilation=2)),
        "layer '2' pools in a way",
    ),
    "another layer": (lambda: nn.Sequential(nn.Linear(2, 2), nn.PReLU()), "layer '1' .*PReLU"),
    "batch norm alone": (lambda: nn.Sequential(nn.Flatten(0), nn.BatchNorm2d(2)), "batch norm '1' does not follow"),
    "padding": (lambda: nn.Sequential(nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect")), "layer '0' pads with"),
    "strange pooling": (lambda: nn.Sequential(nn.AvgPool2d(2, ceil_mode=True)), "layer '0' pools in a way"),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_what_nir_cannot_say_is_refused_before_a_file_is_there(name: str, tmp_path: Path) -> None:
    make, message = UNSAYABLE[name]
    with pytest.raises(GraphError, match=message):
        write_network(make(), tmp_path / "a.nir", Plan((3, 8, 8), 2))
    assert not list(tmp_path.iterdir())


def test_a_file_of_the_name_of_its_sidecar(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"a\.json' is the name of its sidecar; let it end in \.nir"):
        write_network(nn.Sequential(nn.Linear(2, 3), IFNeuron()), tmp_path / "a.json", Plan((2,), 2))
    assert not list(tmp_path.iterdir())


def test_what_leads_nowhere_is_run_for_nothing(tmp_path: Path) -> None:
    whole, images = chain(), torch.rand(4, 2)
    outputs = []
    for graph in (whole, with_edges(("fc", "unread"))):
        nodes = graph.nodes if graph is whole else {**graph.nodes, "unread": lif()}
        (tmp_path / "a.nir").write_bytes(write_graph(replace(graph, nodes=nodes)))
        outputs.append(from_nir(tmp_path / "a.nir", timesteps=3)(images))
    assert torch.equal(*outputs)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GraphError, match="cannot be written"):
        write_network(sew_resnet8(4), tmp_path / "file" / "a.nir", Plan((3, 8, 8), 2))


def test_no_sidecar_is_left_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.nir").mkdir()
    with pytest.raises(GraphError, match=r"a\.nir' cannot be written"):
        write_network(sew_resnet8(4), tmp_path / "a.nir", Plan((3, 8, 8), 2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.nir"]


@pytest.mark.parametrize("dt", [0.0, -1.0, float("inf"), float("nan")])
def test_a_step_without_length(dt: float, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="must be above 0"):
        write_network(sew_resnet8(4), tmp_path / "a.nir", Plan((3, 8, 8), 2, dt))
