"""What NIR has no fields for, as a JSON document inside a file and beside it: quantization, resets, and time.

`docs/nir-sidecar.schema.json` is made from these classes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from snnbench.errors import GraphError
from snnbench.nn.neurons import Reset, Site

SCHEMA_VERSION = 1
KEY = "snnbench"
"""Name of the document in a file's metadata."""

Vector = list[float]
_Positive = Annotated[float, Field(gt=0)]
_AtLeast1 = Annotated[float, Field(ge=1)]
NUMBERS = ("threshold", "tau", "tau_syn", "gain", "subtracted")
"""What the neurons of one layer may each have of their own."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SidecarWeights(_Part):
    """What the values of one weight tensor are made of; with several rows, one for each output channel.

    Attributes:
        bits: declared bits.
        levels: distinct values in the output channel that has most.
        value: how a level is computed, in float32, from whole numbers k and the numbers below.
        scale: step between levels, one or one a channel.
        origin: level of k = 0.
        zero_point: the k whose level is 0, a real number: -origin / scale.
        basis: rows of numbers whose sums are the levels.
        table: rows of levels.
    """

    bits: int = Field(ge=1, le=32)
    levels: int = Field(ge=1)
    value: str
    scale: Vector | None = None
    origin: Vector | None = None
    zero_point: Vector | None = None
    basis: list[Vector] | None = None
    table: list[Vector] | None = None


class BatchNorm(_Part):
    """A batch norm that the graph holds as the bias of its convolution and a Scale: its own numbers, by channel.

    `conv_bias` is the bias that the convolution has of its own, if it has one.
    """

    conv: str
    weight: Vector
    bias: Vector
    mean: Vector
    var: Vector
    eps: float = Field(gt=0)
    conv_bias: Vector | None = None


class SidecarMembrane(_Part):
    """A uniform quantizer of membrane potentials in units of `unit`, theta if null; rounds half to even.

    Levels go from -bound (0 if unsigned) to bound: 2^bits with ``endpoint``, 2^bits - 1 around 0 with ``symmetric``.
    """

    bits: int = Field(ge=1, le=16)
    grid: Literal["endpoint", "symmetric"]
    range: Literal["signed", "unsigned"]
    bound: float = Field(gt=0)
    site: Site
    unit: float | None = Field(default=None, gt=0)


class SidecarLevels(_Part):
    """A quantizer of membrane potentials in units of `unit`: the nearest level, of two as near the first listed."""

    bits: int = Field(ge=1, le=12)
    levels: Vector = Field(min_length=1, max_length=2**12)
    site: Site
    unit: float | None = Field(default=None, gt=0)


class Neuron(_Part):
    """A layer of spiking neurons; they fire at h >= threshold.

    A list in place of one threshold, tau, tau_syn, gain or subtracted has a number for each neuron, the last dimension
    of the layer fastest.

    Attributes:
        kind: IF: h = v + gain x. LIF and PLIF with decay_input: h = v + (gain x - (v - v_reset)) / tau, else
            h = v - (v - v_reset) / tau + gain x. CubaLIF: the same of a current i = i - i / tau_syn + gain x in place
            of gain x; a tau of 1e30 or more is no leak. The potential leaks to v_leak in place of v_reset if it is
            given.
        threshold: theta.
        reset: hard: v = v_reset; soft: v = h - theta.
        reset_delay: the reset of a spike acts on the h of the next step, before that one fires.
        reset_again: a potential that a soft reset leaves at theta or above is reset again in the h of the next step,
            before that one fires, and gets it back after.
        subtracted: what a soft reset takes off h; theta if null, and 0 is no reset.
        v_leak: the potential that h leaks to; v_reset if null.
        v_min: the lowest potential that is kept: v = max(v - v_min, 0) + v_min after the reset; no bound if null.
        v_init: potential before the first step, in units of theta; v_reset if null.
        tau: time constant in steps, of a LIF or CubaLIF.
        tau_syn: time constant of the current in steps, of a CubaLIF.
        gain: factor of the input.
        w: of a PLIF, 1 / tau = sigmoid(w).
        membrane: quantizer of the potential.
        quantized_current: whether it quantizes the current of a CubaLIF, too, after it has charged.
        detach_reset, alpha: how gradients are taken; they change no spike.
    """

    kind: Literal["IF", "LIF", "PLIF", "CubaLIF"]
    threshold: _Positive | list[_Positive]
    reset: Reset
    reset_delay: bool = False
    reset_again: bool = False
    subtracted: float | Vector | None = None
    v_reset: float = 0.0
    v_leak: float | None = None
    v_min: float | None = None
    v_init: float | None = None
    tau: float | Vector | None = None
    tau_syn: _AtLeast1 | list[_AtLeast1] | None = None
    gain: float | Vector = 1.0
    w: float | None = None
    decay_input: bool | None = None
    membrane: SidecarMembrane | SidecarLevels | None = None
    quantized_current: bool = False
    detach_reset: bool = False
    alpha: float = 2.0

    @property
    def theta(self) -> float:
        """The threshold of a plain neuron, which is one a layer."""
        assert isinstance(self.threshold, float)
        return self.threshold

    @property
    def is_plain(self) -> bool:
        """Whether it is one of the three neurons of `snnbench.nn`."""
        late = self.reset_delay or self.reset_again
        unit = self.membrane.unit if self.membrane else None
        alike = not any(isinstance(getattr(self, field), list) for field in NUMBERS)
        plain = alike and self.kind != "CubaLIF" and self.gain == 1 and not late
        return plain and self.subtracted is self.v_leak is self.v_min is unit is None


class SidecarSemantics(_Part):
    """How time is run; the same for every file of a schema version."""

    input: Literal["the same at every step"] = "the same at every step"
    step: Literal["charge, fire, reset"] = "charge, fire, reset"
    fire: Literal["h >= threshold"] = "h >= threshold"
    output: Literal["mean over steps"] = "mean over steps"
    meeting_edges: Literal["added"] = "added"


class Sidecar(_Part):
    """The document of one network.

    Attributes:
        schema_version: 1.
        dt: length of a step, in the unit of the graph's time constants.
        timesteps: T, the number of steps.
        semantics: how time is run.
        weights: the quantized weights by node.
        full_precision: nodes whose weights are not quantized.
        batch_norms: batch norms by their Scale.
        neurons: spiking layers by node.
        origin: where the network comes from, as `snnbench export` describes it: record, quantizer, input.
    """

    schema_version: Literal[1] = 1
    dt: float = Field(gt=0)
    timesteps: int = Field(ge=1)
    semantics: SidecarSemantics = SidecarSemantics()
    weights: dict[str, SidecarWeights] = {}
    full_precision: list[str] = []
    batch_norms: dict[str, BatchNorm] = {}
    neurons: dict[str, Neuron] = {}
    origin: dict[str, Any] | None = None


class _Version(BaseModel):
    schema_version: Any = None


def parse_sidecar(text: str | bytes, where: str) -> Sidecar:
    """The document in `text`, found at `where`.

    Raises:
        GraphError: if it is of another schema version, or not valid; the message says where.
    """
    try:
        version = _Version.model_validate_json(text).schema_version
        if version != SCHEMA_VERSION:
            raise GraphError(f"{where} has schema version {version!r}; this snnbench reads {SCHEMA_VERSION}")
        return Sidecar.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise GraphError(f"{where} is not valid: {place}: {first['msg']}") from error


def vector(values: Any) -> Vector:
    """Numbers as JSON holds them: a float32 comes back as it was."""
    return [float(value) for value in np.asarray(values).reshape(-1)]
