"""What a protocol's full-precision network does on the test set: evaluated once, cached by what determines it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from snnbench.bench.closer import CLOSER, look_closer
from snnbench.bench.evaluate import evaluate
from snnbench.bench.metrics import kept_for
from snnbench.bench.score import seed_floor_of
from snnbench.data import Dataset, cache_root
from snnbench.data.content import Images, Labels
from snnbench.engine import COMPILED, ENGINES, EngineChoice, EngineName, choose_engine, engine_form
from snnbench.errors import OptionError, ProtocolError, RecordError
from snnbench.files import write_cache
from snnbench.locks import locked
from snnbench.nn.libraries import without_states
from snnbench.nn.synapses import weight_layers
from snnbench.plugins import catalogue
from snnbench.plugins.own import is_own_model
from snnbench.protocols import Baseline, Protocol, digest, read_protocol
from snnbench.quant.integer import integer_layers
from snnbench.records.cell import MEASUREMENT, NetworkSpec, Origin, protocol_network
from snnbench.records.environment import processor
from snnbench.records.evaluation import DIGEST_BYTES, Evaluation
from snnbench.records.score import Score
from snnbench.reporting import Reporter
from snnbench.training.baseline import protocol_path, read_weights
from snnbench.training.batches import Normalise

Beside = Callable[[nn.Module], AbstractContextManager[object]]


@dataclass(frozen=True)
class Network:
    """A full-precision network: how to build it, its weights, and their SHA-256."""

    spec: NetworkSpec
    weights: dict[str, Tensor]
    sha256: str
    input_shape: tuple[int, int, int]
    num_classes: int
    file: bytes = b""
    """Content of the file of weights, where no plugin has them: cells keep it, to be built again."""

    def build(self) -> nn.Module:
        """A new instance with the weights loaded, in evaluation mode.

        Raises:
            ProtocolError: if the weights do not fit the model.
        """
        factory = catalogue().models[self.spec.model].value
        model: nn.Module = factory(self.input_shape, self.num_classes, **self.spec.options)
        try:
            model.load_state_dict(without_states(model, self.weights))
        except RuntimeError as error:
            what = " ".join(str(error).split())
            raise ProtocolError(f"the weights do not fit model '{self.spec.model}': {what}") from error
        if is_own_model(self.spec.model):
            return model.eval()  # code of one's own may rely on the plain layout of memory: x.view(len(x), -1)
        return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Bench:
    """Everything a cell needs besides its quantizers: protocol, data set and full-precision network."""

    protocol: Protocol
    dataset: Dataset
    root: Path | None
    network: Network
    own_network: bool
    limit: int | None
    device: str
    engine: EngineChoice = "auto"
    folder: Path | None = None
    """Where the protocol's document and baselines lie."""
    document: bytes = b""
    """Content of the protocol's document, where it is given by its path: cells keep it, too."""
    held_reference: Evaluation | None = None
    """The reference, where a process that measures many cells holds it in memory."""
    held_floor: Score | None = None
    """The seed floor, where the reference is held."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise OptionError(f"limit={self.limit} is no number of test images; give 1 or more, or none for all")

    @property
    def kept(self) -> frozenset[str]:
        """What of each image the protocol's metrics need, and evidence so keeps."""
        return kept_for(self.protocol.evaluate.metrics)

    @property
    def normalise(self) -> Normalise:
        """How the protocol turns bytes into floats."""
        return Normalise(self.protocol.data.mean, self.protocol.data.std)

    def test_set(self) -> tuple[Images, Labels]:
        """The test images and labels, the first `limit` of them if there is a limit."""
        images, labels = self.dataset.load(self.root, "test")
        return images[: self.limit], labels[: self.limit]

    def engine_for(self, image_steps: int) -> EngineName:
        """The engine for forwards of so many images times time steps."""
        return choose_engine(self.engine, image_steps, self.device)

    @property
    def evaluation_engine(self) -> EngineName:
        """The engine that runs the test set."""
        images, _ = self.test_set()
        return self.engine_for(len(images) * self.protocol.train.stages[-1].timesteps)

    def evaluate(self, model: nn.Module, title: str, reporter: Reporter, beside: Beside = nullcontext) -> Evaluation:
        """Run `model` over the test set as the protocol says.

        `beside` is entered with the form of the network that runs, as long as it does.
        """
        images, _ = self.test_set()
        fast = engine_form(model, self.evaluation_engine)
        if not ENGINES[self.evaluation_engine].exact:
            reporter.say(f"{title}: {len(integer_layers(fast))} of {len(weight_layers(fast))} layers in integers")
        with beside(fast), reporter.task(title) as advance:
            rules, by_step = self.protocol.evaluate, bool(self.kept & {"step_logits", "events"})
            size, loads = rules.batch_size, bool(rules.costs)
            return evaluate(fast, images, self.normalise, size, advance, self.device, by_step, loads)

    def compared(self, evaluation: Evaluation, model: nn.Module, title: str, reporter: Reporter) -> Evaluation:
        """The evaluation of `model`, with what takes a closer look at it beside its reference, if a metric needs it."""
        if not self.kept & CLOSER:
            return evaluation
        (images, _), pair = self.test_set(), (model, self.network.build())
        with reporter.task(f"{title} beside the reference") as advance:
            size = self.protocol.evaluate.batch_size
            return look_closer(evaluation, pair, images, self.normalise, size, advance, self.device)

    def holding(self, reporter: Reporter) -> Bench:
        """The same bench, that holds its reference and the seed floor in memory."""
        return replace(self, held_reference=self.reference(reporter), held_floor=self.seed_floor(reporter))

    def reference(self, reporter: Reporter) -> Evaluation:
        """The full-precision network's evaluation, from the cache if it is there."""
        if self.held_reference is not None:
            return self.held_reference
        path = cache_root() / "references" / f"{self._reference_key(self.network.sha256)}.safetensors"
        if (cached := load_evaluation(path)) is not None:
            return cached  # without the lock, which a cache of another user does not give
        with locked(path.with_suffix(".lock")):
            return load_evaluation(path) or self._evaluated_reference(path, reporter)

    def _evaluated_reference(self, path: Path, reporter: Reporter) -> Evaluation:
        exact = self.engine == "auto" or ENGINES[self.engine].exact
        plain = self if exact else replace(self, engine=COMPILED.name)
        evaluated = plain.evaluate(self.network.build(), "Reference", reporter)
        evaluated.save(path)
        return evaluated

    def seed_floor(self, reporter: Reporter) -> Score | None:
        """The EMD between the references of all the protocol's seeds, cached; None where it is not known."""
        baselines = self.protocol.baselines
        if self.held_reference is not None or self.folder is None or len(baselines) < 2:
            return self.held_floor
        key = self._reference_key([each.sha256 for each in baselines])
        path = cache_root() / "references" / f"{key}.json"
        if (known := _load_score(path)) is not None:
            return known
        with locked(path.with_suffix(".lock")):
            return _load_score(path) or self._measured_floor(path, reporter)

    def _measured_floor(self, path: Path, reporter: Reporter) -> Score:
        floor = seed_floor_of([self._of(each).reference(reporter).profile for each in self.protocol.baselines])
        if floor.value is not None:
            content = floor.model_dump_json().encode()
            write_cache(path, [hashlib.sha256(content).digest(), content])
        return floor

    def _of(self, baseline: Baseline) -> Bench:
        assert self.folder is not None
        weights = read_weights(self.protocol, baseline, self.folder)
        return replace(self, network=replace(self.network, weights=weights, sha256=baseline.sha256))

    def _reference_key(self, weights: str | list[str]) -> str:
        return digest(
            {
                "weights": weights,
                "network": self.network.spec.model_dump(mode="json"),
                "data": dict(self.dataset.fingerprints),
                "protocol": self.protocol.fingerprint,
                "limit": self.limit,
                "measurement": MEASUREMENT,
                "torch": torch.__version__,
                "processor": processor(),
                "device": self.device,
            }
        )


def load_evaluation(path: Path) -> Evaluation | None:
    """A cached evaluation, or None if there is none that can be read: it is then computed again."""
    try:
        return Evaluation.load(path)
    except (FileNotFoundError, RecordError):
        return None


def _load_score(path: Path) -> Score | None:
    """A cached score, or None if there is none, or another one than was written."""
    try:
        stored = path.read_bytes()
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        return Score.model_validate_json(content) if hashlib.sha256(content).digest() == digest else None
    except (OSError, ValidationError):
        return None


def open_bench(
    protocol: str,
    seed: int = 0,
    *,
    data: Path | None = None,
    limit: int | None = None,
    device: str = "cpu",
    engine: EngineChoice = "auto",
) -> Bench:
    """The bench of a protocol (see `protocol_path`), with the baseline that `seed` picks.

    Raises:
        PluginError: if the protocol, its data set or its model is unknown.
        ProtocolError: if the document is not valid, or its weights are missing or altered.
    """
    path = protocol_path(protocol)
    document = read_protocol(path)
    dataset = catalogue().datasets[document.data.name].value
    baseline = document.baseline(seed, protocol)
    weights = read_weights(document, baseline, path.parent)
    shape, classes = dataset.input_shape, dataset.num_classes
    by_path = protocol.endswith(".toml")
    file = path.parent.joinpath(baseline.file).read_bytes() if by_path else b""
    network = Network(protocol_network(document), weights, baseline.sha256, shape, classes, file)
    kept = path.read_bytes() if by_path else b""
    return Bench(document, dataset, data, network, False, limit, device, engine, path.parent, kept)


def unranked_seed(bench: Bench, seed: int) -> str | None:
    """What to tell before a cell is measured that no board will take for its seed."""
    problem = None if bench.own_network else bench.protocol.seed_problem(seed)
    return problem and f"{bench.protocol.name}: {problem}, so no leaderboard takes its cells"


def cell_identity(bench: Bench) -> dict[str, Any]:
    """The part of a `Cell` that the bench determines."""
    return {
        "protocol": bench.protocol.name,
        "protocol_version": bench.protocol.version,
        "fingerprint": bench.protocol.fingerprint,
        "data": dict(bench.dataset.fingerprints),
        "weights": bench.network.sha256,
        "network": bench.network.spec if bench.own_network else None,
        "limit": bench.limit,
        "origin": Origin(distribution=bench.network.spec.distribution, version=bench.network.spec.version),
        "device": bench.device,
    }
