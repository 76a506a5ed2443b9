"""The protocol document: everything that can move a number, read from TOML and fingerprinted.

It grows as records do: a key may be added, with a default, which is not in the fingerprint; none is changed or removed.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator, model_validator

from snnbench.errors import ProtocolError

_Positive = Annotated[int, Field(ge=1)]
_Bits = Annotated[int, Field(ge=1, le=32)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Document = TypeVar("_Document", bound=BaseModel)


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """The data set, how images are normalised, and which training images calibrate a quantizer."""

    name: str
    mean: tuple[FiniteFloat, ...]
    std: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    calibration_images: _Positive = 1024
    calibration_seed: int = 0


class Model(Section):
    """The network: a model plugin's name and its options."""

    name: str
    options: dict[str, Any] = {}


class Stage(Section):
    """A stretch of training at a fixed number of time steps, or without time: rates in place of spikes, in as many
    levels as the last stage has steps (qcfs).

    With averaged gradients the convolutions' backward pass runs once for all time steps, on means over them. With an
    image size, the stage sees squares of so many pixels, cut out of the images at random offsets.
    """

    timesteps: _Positive
    epochs: _Positive
    activation: Literal["spikes", "qcfs"] = "spikes"
    gradient: Literal["exact", "averaged"] = "exact"
    image_size: _Positive | None = None

    @model_validator(mode="after")
    def _rates_take_one_step(self) -> Self:
        if self.activation != "spikes" and self.timesteps != 1:
            raise ValueError(f"a {self.activation} network has no time: timesteps = {self.timesteps} must be 1")
        if self.activation != "spikes" and self.gradient != "exact":
            raise ValueError(
                f'a {self.activation} network has no time to average gradients over: gradient must be "exact"'
            )
        return self


class Training(Section):
    """Nesterov SGD over stages, with one learning-rate cycle (linear up, linear down to 0) over all of them.

    An epoch is all training images, or as many `images`, drawn anew for each. Matrices and kernels are rounded to the
    format of `weights` at the end, and stored and measured so.
    """

    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    images: _Positive | None = None
    batch_size: _Positive
    learning_rate: Annotated[float, Field(gt=0)]
    warmup: Fraction = 0.2
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    label_smoothing: Fraction = 0.0
    crop_padding: Annotated[int, Field(ge=0)] = 0
    flip: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: _Positive = 2
    weights: Literal["float32", "float16"] = "float32"
    regularize: dict[Literal["firing_emd", "firing_rate"], Annotated[float, Field(gt=0)]] = {}

    @property
    def epochs(self) -> int:
        """Epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def emd_strength(self) -> float:
        """Weight of the firing EMD to the reference in the loss; 0 without it."""
        return self.regularize.get("firing_emd", 0.0)


class Quantize(Section):
    """Layers kept in full precision (by default the first convolution and the last linear layer), and the bits of
    layers whose bits differ from the run's."""

    exempt: tuple[str, ...] | None = None
    bits: dict[str, _Bits] = {}


class EvaluationRules(Section):
    """How the test set is run and scored; EMD ranks by all layers, or by those that quantization can reach.

    Costs are those of plugins, beside the ones that every record has; the event limit is a chip's, of spikes that a
    layer may send in a step.
    """

    batch_size: _Positive = 100
    shards: Literal[20] = 20
    dead_below: Fraction = 0.05
    saturated_above: Fraction = 0.95
    ranks_by: Literal["all", "reached"] = "all"
    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    costs: tuple[str, ...] = ()
    event_limit: _Positive | None = None


class Baseline(Section):
    """Full-precision weights beside the document, and the test accuracy they were measured at.

    Attributes:
        twin: test accuracy of the qcfs network that the training turned into spikes, where it was one.
    """

    seed: int
    file: str
    sha256: Sha256
    accuracy: Fraction
    twin: Fraction | None = None


class Effort(Section):
    """What training the baseline takes: a note for whoever wants to, which moves no number.

    Attributes:
        hours: duration of one training on `machine`.
        machine: where it takes so long.
        basis: the measurement that `hours` comes from.
        hardware: what to train on.
    """

    hours: Annotated[float, Field(gt=0)]
    machine: str
    basis: str
    hardware: str


class Protocol(Section):
    """A protocol document. Records of different fingerprints never share a table."""

    name: str
    version: _Positive
    title: str
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    data: Data
    model: Model
    train: Training
    finetune: Training
    quantize: Quantize = Quantize()
    evaluate: EvaluationRules
    baselines: tuple[Baseline, ...] = ()
    effort: Effort | None = None

    @field_validator("train")
    @classmethod
    def _ends_as_evaluated(cls, training: Training) -> Training:
        last = training.stages[-1]
        if last.activation != "spikes":
            raise ValueError(f"the last stage must train the spiking network, not a {last.activation} network")
        if training.emd_strength:
            raise ValueError("a baseline has no reference to keep the firing of; regularize firing_emd in [finetune]")
        if last.image_size:
            raise ValueError(f"the last stage must train on whole images, without image_size = {last.image_size}")
        return training

    @field_validator("finetune")
    @classmethod
    def _is_all_spikes(cls, training: Training) -> Training:
        if any(stage.activation != "spikes" for stage in training.stages):
            raise ValueError("fine-tuning is of the spiking network; stages without spikes go to [train]")
        if "firing_rate" in training.regularize:
            raise ValueError("fine-tuning keeps the baseline's rates; regularize firing_rate in [train]")
        if any(stage.image_size for stage in training.stages):
            raise ValueError("fine-tuning is on whole images; stages with an image_size go to [train]")
        if training.weights != "float32":
            raise ValueError("fine-tuned weights are not rounded; weights goes to [train]")
        return training

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the document's content; the order of its keys and spelled-out defaults do not change it."""
        return digest(self.model_dump(mode="json", exclude={"effort"}, exclude_defaults=True))

    @property
    def recipe(self) -> str:
        """SHA-256 of what determines the baseline weights: data, model and training."""
        parts = self.model_dump(mode="json", include={"data", "model", "train"}, exclude_defaults=True)
        parts["train"].pop("weights", None)  # rounding comes when training is over
        return digest(parts)

    def seed_problem(self, seed: int) -> str | None:
        """Why no board takes a cell of `seed`; None if one may."""
        if seed in self.seeds:
            return None
        return f"seed {seed} is not one of the protocol's ({', '.join(map(str, self.seeds))})"

    def baseline(self, seed: int, named: str | None = None) -> Baseline:
        """The baseline for `seed`: seeds count modulo the baselines there are.

        Args:
            seed: of a cell.
            named: what the user calls the protocol, a name or the path of its document.

        Raises:
            ProtocolError: if the protocol ships no weights; it says how to train them.
        """
        if not self.baselines:
            raise ProtocolError(_how_to_train(self, named or self.name))
        return self.baselines[seed % len(self.baselines)]


def _how_to_train(protocol: Protocol, named: str) -> str:
    effort = protocol.effort
    duration = f" That takes about {effort.hours:g} hours on {effort.machine} ({effort.basis})." if effort else ""
    hardware = f" Hardware: {effort.hardware}." if effort else ""
    return (
        f"protocol '{named}' has no baseline weights. Train them: snnbench baseline train {shlex.quote(named)}."
        f"{duration}{hardware} It ends in a document with them; name that one."
    )


def digest(document: Any) -> str:
    """SHA-256 of a JSON document in canonical form."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_protocol(path: Path) -> Protocol:
    """Read and validate a protocol document.

    Raises:
        ProtocolError: as `read_document`.
    """
    return read_document(path, "protocol", Protocol)


def read_document(path: Path, what: str, kind: type[_Document]) -> _Document:
    """Read and validate a TOML document; messages call it `what`.

    Raises:
        ProtocolError: if the file is missing, is not TOML, or has unknown or invalid keys (all are named).
    """
    try:
        return kind.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ProtocolError(f"cannot read {what} '{path}': {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{what} '{path}' is not TOML: {error}") from error
    except ValidationError as error:
        raise ProtocolError(f"{what} '{path}' is not valid: {problems_of(error)}") from error


def problems_of(error: ValidationError) -> str:
    """All that is wrong with a document, in one line."""
    return "; ".join(_problem(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors())


def _problem(where: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(map(str, where))
    return f"unknown key '{key}'" if kind == "extra_forbidden" else f"{key}: {message}"
