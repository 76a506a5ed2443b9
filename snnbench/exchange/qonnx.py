"""One time step of a network as a QONNX graph: images and potentials in, outputs and potentials out.

Quantized weights are whole numbers behind a Quant node of scale 1, so that sums of spikes are whole numbers, exact in
any order of addition; their scale and the bias come after. The type of each such sum is annotated (INT12, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from snnbench.errors import GraphError, OptionError
from snnbench.exchange.graph import CONVOLUTIONS, INTEGRATORS, WEIGHTS, Graph, Node, Shape, flattened, order, shapes
from snnbench.exchange.neurons import time_constant
from snnbench.exchange.sidecar import Neuron, Sidecar, SidecarWeights

_DOMAIN = "qonnx.custom_op.general"
_OPSET = 16
_MOST_EXACT = 2**24
"""Float32 holds every whole number up to here."""


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise OptionError("QONNX files need onnx: pip install 'snnbench[qonnx]'") from error
    return onnx


def write_qonnx(graph: Graph, sidecar: Sidecar, largest: int | None = None) -> bytes:
    """The content of a QONNX file: one step of a network.

    Inputs are ``images`` (1, ...) and the potential ``NODE.v`` (1, ...) of each spiking layer, the stored one of the
    step before; outputs are ``output`` and ``NODE.v_next``.

    Args:
        graph: the graph.
        sidecar: what it does not say.
        largest: the largest pixel, if images are whole numbers; by default they are not, and the first layer is float.

    Raises:
        GraphError: if a layer's membrane is quantized, or a sum may be too large for float32; it names the node.
    """
    return _Step(graph, sidecar, largest).content()


class _Step:
    def __init__(self, graph: Graph, sidecar: Sidecar, largest: int | None) -> None:
        self._onnx, self._graph, self._sidecar = _onnx(), graph, sidecar
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._known: list[Any] = []  # shapes that ONNX cannot infer, behind a Quant
        self._types: dict[str, str] = {}
        self._shapes = shapes(graph)
        self._most: dict[str, int | None] = {}  # the largest magnitude of whole numbers; None where they are not whole
        self._largest = largest

    def content(self) -> bytes:
        helper = self._onnx.helper
        for name in order(self._graph):
            self._add(name, self._graph.nodes[name])
        made = helper.make_graph(self._nodes, "step", self._inputs, self._outputs, self._constants, None, self._known)
        made.quantization_annotation.extend(self._annotations())
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_DOMAIN, 1)]
        model = helper.make_model(made, producer_name="snnbench", opset_imports=opsets, ir_version=8)
        return bytes(self._onnx.shape_inference.infer_shapes(model).SerializeToString())

    def _annotations(self) -> list[Any]:
        entry = self._onnx.StringStringEntryProto
        return [
            self._onnx.TensorAnnotation(
                tensor_name=name, quant_parameter_tensor_names=[entry(key="finn_datatype", value=kind)]
            )
            for name, kind in self._types.items()
        ]

    def _add(self, name: str, node: Node) -> None:
        sources = self._graph.sources(name)
        if node.type == "Input":
            self._inputs.append(self._value("images", (1, *self._shapes[name])))
            self._put("Identity", ["images"], name)
            self._most[name] = self._largest
            return
        bounds = [self._most[source] for source in sources]
        x, most = self._sum(name, sources), None if None in bounds else sum(bound or 0 for bound in bounds)
        self._most[name] = most if node.type == "Flatten" else None
        if node.type == "Output":
            self._outputs.append(self._value("output", (1, *self._shapes[name])))
            self._put("Identity", [x], "output")
        elif name in self._sidecar.neurons:
            self._neuron(name, self._sidecar.neurons[name], x)
            self._most[name] = 1
        elif node.type == "Threshold":
            self._fires("Greater", x, node.array("threshold")[None], name)
            self._most[name] = 1
        elif node.type in INTEGRATORS:
            raise GraphError(f"node '{name}' gives potentials ({node.type}), which are not written as QONNX")
        elif node.type in WEIGHTS:
            self._weights(name, node, x, most)
        else:
            self._plain(name, node, x, self._shapes[sources[0]])

    def _sum(self, name: str, sources: Sequence[str]) -> str:
        total = sources[0]
        for index, source in enumerate(sources[1:]):
            total = self._put("Add", [total, source], f"{name}.sum{index}")
        return total

    def _weights(self, name: str, node: Node, x: str, most: int | None) -> None:
        weight, said = node.array("weight"), self._sidecar.weights.get(name)
        found = None if said is None or most is None else _codes(weight, said)
        bias = node.array("bias") if "bias" in node.fields else np.zeros(len(weight), np.float32)
        tail = (1,) * (len(self._shapes[name]) - 1)
        if found is None or most is None:
            summed = self._synapses(name, node, x, self._constant(f"{name}.weight", weight), f"{name}.sum")
        else:
            codes, scale = found
            summed = self._whole_synapses(name, node, x, codes, most)
            summed = self._put(
                "Mul", [summed, self._constant(f"{name}.scale", scale.reshape(-1, *tail))], f"{name}.scaled"
            )
        self._put("Add", [summed, self._constant(f"{name}.bias", bias.reshape(-1, *tail))], name)

    def _whole_synapses(self, name: str, node: Node, x: str, codes: NDArray[np.float32], most: int) -> str:
        bound = float(np.abs(codes).reshape(len(codes), -1).sum(1).max()) * most
        if bound >= _MOST_EXACT:
            raise GraphError(f"node '{name}': sums up to {bound:g} are not exact in float32")
        bits = _bits(float(np.abs(codes).max()))
        quantized = self._quant(f"{name}.codes", codes, bits)
        summed = self._synapses(name, node, x, quantized, f"{name}.accumulator")
        self._types[quantized], self._types[summed] = f"INT{bits}", f"INT{_bits(bound)}"
        return summed

    def _quant(self, name: str, codes: NDArray[np.float32], bits: int) -> str:
        numbers = {"values": codes, "step": np.float32(1), "zero": np.float32(0), "bits": np.float32(bits)}
        inputs = [self._constant(f"{name}.{part}", value) for part, value in numbers.items()]
        self._known.append(self._value(name, codes.shape))
        return self._put("Quant", inputs, name, domain=_DOMAIN, signed=1, narrow=0, rounding_mode="ROUND")

    def _synapses(self, name: str, node: Node, x: str, kernel: str, out: str) -> str:
        if node.type not in CONVOLUTIONS:
            return self._put("MatMul", [x, self._put("Transpose", [kernel], f"{out}.t", perm=[1, 0])], out)
        if isinstance(node.fields["padding"], str):
            raise GraphError(f"node '{name}' has a padding '{node.fields['padding']}'; give numbers")
        geometry = {field: list(node.along(key)) for field, key in (("strides", "stride"), ("dilations", "dilation"))}
        pads = [*node.along("padding"), *node.along("padding")]
        return self._put("Conv", [x, kernel], out, pads=pads, group=int(node.array("groups")), **geometry)

    def _plain(self, name: str, node: Node, x: str, arriving: Shape) -> None:
        if node.type == "Flatten":
            start, end = flattened(node, len(arriving))
            shape = [1, *arriving[:start], -1, *arriving[end + 1 :]]
            self._put("Reshape", [x, self._constant(f"{name}.shape", np.array(shape, np.int64))], name)
        elif node.type == "Scale":
            self._put("Mul", [x, self._constant(f"{name}.scale", node.array("scale")[None])], name)
        elif node.type == "AvgPool2d":
            pads = [*node.pair("padding"), *node.pair("padding")]
            sizes = {"kernel_shape": list(node.pair("kernel_size")), "strides": list(node.pair("stride"))}
            self._put("AveragePool", [x], name, pads=pads, count_include_pad=1, **sizes)
        elif node.type == "SumPool2d":
            windows = self._constant(f"{name}.windows", np.ones((arriving[0], 1, *node.pair("kernel_size"))))
            pads = [*node.pair("padding"), *node.pair("padding")]
            self._put("Conv", [x, windows], name, pads=pads, group=arriving[0], strides=list(node.pair("stride")))
        else:
            raise GraphError(f"node '{name}' is a {node.type}, which is not written as QONNX")

    def _neuron(self, name: str, neuron: Neuron, x: str) -> None:
        """Charge, fire and reset, operation by operation as `snnbench.nn.neurons` does them."""
        if neuron.membrane is not None:
            raise GraphError(f"node '{name}' has a quantized membrane, which is not written as QONNX")
        if not neuron.is_plain:
            raise GraphError(f"node '{name}' has a synaptic current or a late reset, which is not written as QONNX")
        v, after = f"{name}.v", f"{name}.v_next"
        self._inputs.append(self._value(v, (1, *self._shapes[name])))
        self._outputs.append(self._value(after, (1, *self._shapes[name])))
        h = self._charge(name, neuron, v, x)
        theta = self._constant(f"{name}.theta", np.float32(neuron.theta))
        over = self._put("Sub", [h, theta], f"{name}.over")
        s = self._fires("GreaterOrEqual", over, np.float32(0), name)
        if neuron.reset == "soft":
            self._put("Sub", [h, self._put("Mul", [s, theta], f"{name}.taken")], after)
            return
        one = self._constant(f"{name}.one", np.float32(1))
        kept = self._put("Mul", [h, self._put("Sub", [one, s], f"{name}.silent")], f"{name}.kept")
        back = self._put("Mul", [s, self._constant(f"{name}.v_reset", np.float32(neuron.v_reset))], f"{name}.back")
        self._put("Add", [kept, back], after)

    def _fires(self, comparison: str, x: str, than: Any, name: str) -> str:
        fires = self._put(comparison, [x, self._constant(f"{name}.than", than)], f"{name}.fires")
        self._types[name] = "BINARY"
        return self._put("Cast", [fires], name, to=self._onnx.TensorProto.FLOAT)

    def _charge(self, name: str, neuron: Neuron, v: str, x: str) -> str:
        if neuron.kind == "IF":
            return self._put("Add", [v, x], f"{name}.h")
        rest = self._constant(f"{name}.rest", np.float32(neuron.v_reset))
        by = self._constant(f"{name}.{'leak' if neuron.kind == 'PLIF' else 'tau'}", _of_leak(neuron))
        how = "Mul" if neuron.kind == "PLIF" else "Div"
        above = self._put("Sub", [v, rest], f"{name}.above")
        if neuron.decay_input:
            driven = self._put("Sub", [x, above], f"{name}.driven")
            return self._put("Add", [v, self._put(how, [driven, by], f"{name}.change")], f"{name}.h")
        leaked = self._put("Sub", [v, self._put(how, [above, by], f"{name}.lost")], f"{name}.leaked")
        return self._put("Add", [leaked, x], f"{name}.h")

    def _put(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def _constant(self, name: str, value: Any) -> str:
        array = np.asarray(value)
        kept = array if array.dtype == np.int64 else array.astype(np.float32)
        self._constants.append(self._onnx.numpy_helper.from_array(kept, name))
        return name

    def _value(self, name: str, shape: Shape) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, list(shape))


def _of_leak(neuron: Neuron) -> Any:
    """What the change of a potential is divided by, or multiplied with where it is learned."""
    return torch.tensor(neuron.w).sigmoid().numpy() if neuron.kind == "PLIF" else np.float32(time_constant(neuron))


def _codes(weight: NDArray[Any], said: SidecarWeights) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Whole numbers and the scale (R,) they are multiplied with; None for levels that are not such multiples."""
    if said.scale is None or said.origin is not None:
        return None
    scale = np.broadcast_to(np.array(said.scale, np.float32), (len(weight),))
    tall = scale.reshape(-1, *(1,) * (weight.ndim - 1))
    return np.rint(weight / np.where(tall == 0, 1, tall)).astype(np.float32), scale


def _bits(magnitude: float) -> int:
    """Bits of a signed whole number up to `magnitude`."""
    return int(magnitude).bit_length() + 1
