"""`snnbench.report`: what quantization did to a network of one's own."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from snnbench.errors import FiringError, OptionError
from snnbench.functional.energy import CostOf
from snnbench.functional.graded import SpikeKind
from snnbench.functional.pairing import Pairing
from snnbench.nn.classifier import Loop
from snnbench.nn.libraries import reset_states
from snnbench.nn.walk import unwrapped
from snnbench.own.batches import Batches, class_row, pairs
from snnbench.own.card import Card, card_of
from snnbench.own.measures import MEASURES, Measure, Pair, own_cost
from snnbench.own.networks import check_network
from snnbench.own.outcome import Observer, Outcome
from snnbench.own.weights import weight_bits
from snnbench.plugins import catalogue

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

REFERENCE = "reference"
CONTROL = "control"


@dataclass(frozen=True)
class Report:
    """A report card: the reference's column and one for each network.

    Attributes:
        samples: number N of samples.
        timesteps: T.
        cards: name -> card, the reference first.
    """

    samples: int
    timesteps: int
    cards: dict[str, Card]

    def __getitem__(self, name: str) -> Card:
        """The card of a network."""
        return self.cards[name]

    def __str__(self) -> str:
        """The table as text."""
        from snnbench.own.tables import AS_WIDE_AS_NEEDED, as_text, summary_table

        return as_text(summary_table(self, AS_WIDE_AS_NEEDED))

    def table(self) -> Table:
        """A rich table: a row each measure, a column each network."""
        from snnbench.own.tables import summary_table

        return summary_table(self)

    def layer_table(self, name: str | None = None) -> Table:
        """A rich table of one network, the first by default: a row each spiking layer."""
        from snnbench.own.tables import layers_table

        return layers_table(self, name or self.names[0])

    def weight_table(self, name: str | None = None) -> Table:
        """A rich table of one network, the first by default: a row each matrix of weights."""
        from snnbench.own.tables import weights_table

        return weights_table(self, name or self.names[0])

    def to_pandas(self) -> pd.DataFrame:
        """A row each network, layer ("" for the whole network) and measure: value, low, high, reason."""
        from snnbench.own.tables import frame

        return frame(self)

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        from snnbench.own.tables import document

        return document(self)

    def to_html(self) -> str:
        """A page of its own."""
        from snnbench.own.tables import page

        return page(self)

    def save(self, path: Path | str) -> Path:
        """Write the report, by its suffix: ``.html``, ``.json``, or ``.csv`` (the rows of `to_pandas`).

        Raises:
            OptionError: for another suffix.
        """
        from snnbench.own.tables import write

        return write(self, Path(path))

    @property
    def names(self) -> list[str]:
        """The networks, without the reference."""
        return [name for name in self.cards if name != REFERENCE]

    def __rich__(self) -> Table:
        return self.table()


def report(
    reference: nn.Module,
    quantized: nn.Module | Mapping[str, nn.Module],
    batches: Batches,
    labels: Sequence[int] | Tensor | None = None,
    *,
    control: nn.Module | None = None,
    layers: Sequence[str] | None = None,
    timesteps: int | None = None,
    loop: Loop | None = None,
    limit: int | None = None,
    kinds: Mapping[str, SpikeKind] | None = None,
    costs: Mapping[str, CostOf] | Collection[str] = (),
) -> Report:
    """Run a network and its quantized forms on the same samples, and report what differs.

    Networks of snnbench, SpikingJelly (both step modes), snnTorch, Norse and sinabs are known; of others, name the
    spiking layers. States that a library keeps between calls are reset before each batch, and every network is left
    as it was. Outputs are logits `(N, classes)`, or those of each step `(T, N, classes)` or `(N, T, classes)`, of which
    the mean is taken; of a tuple, the first.

    Args:
        reference: the network in full precision.
        quantized: its quantized form, as `snnbench.quantize` or anyone else made it; or several, by name.
        batches: batches of inputs, or of (inputs, labels), as a data loader gives them; they are run through once.
        labels: right classes of all samples, where the batches have none. Without labels there is no accuracy.
        control: the same fine-tuning without quantization (see `snnbench.finetune`); it gets a column of its own, and
            the others a line of EMD against it.
        layers: names of the spiking layers; by default all that are known.
        timesteps: T, where the loop over steps is outside of the network: inputs are shown T times.
        loop: a loop of one's own, `loop(network, inputs)`: calls `network` as often as it takes, gives its outputs.
        limit: events that a layer may send in one step, as a chip has it.
        kinds: layer -> what its outputs mean, where they are not 0 and 1: ``SpikeKind(most=4)`` for up to four spikes
            in a step, ``SpikeKind(signed=True)`` for -1, 0 and 1. Rates and EMD may then pass 1, up to the largest
            `most`; of signed spikes, positive and negative ones are counted apart.
        costs: names of more costs, as ``snnbench plugins list`` shows them; or a dict of one's own, each a function of
            `snnbench.functional.energy.Work`, what layers were asked for and at how many bits, that gives picojoule an
            image. A line of the card each.

    Raises:
        OptionError: if labels are no row of whole numbers, one for each image, or there is no batch; if a network is
            none, or has weights that are NaN or on the meta device.
        FiringError: if layers or outputs are not what is said above, or outputs are not finite; the message says what
            to do.
        PluginError: if there is no cost of a name.
    """
    networks = dict(quantized) if isinstance(quantized, Mapping) else {"quantized": quantized}
    _check_networks(reference, networks)
    _check_kinds(kinds or {})
    added = _added(costs)
    if control is not None:
        networks[CONTROL] = control
    everything = _apart({REFERENCE: reference, **networks})
    with ExitStack() as stack:
        observers = {
            name: stack.enter_context(Observer(model, layers, timesteps, loop, kinds or {}))
            for name, model in everything.items()
        }
        pairings = {name: Pairing(kinds=kinds or {}) for name in networks}
        found_labels = _run(observers, pairings, batches, labels)
        outcomes = {name: observer.outcome() for name, observer in observers.items()}
    _check_outputs(outcomes)
    cards = {
        name: card_of(
            Pair(
                outcomes[name],
                outcomes[REFERENCE],
                found_labels,
                pairings.get(name),
                weight_bits(model, outcomes[name].weights),
                limit,
            ),
            observers[name].steady,
            outcomes.get(CONTROL) if name in networks and name != CONTROL else None,
            added,
        )
        for name, model in everything.items()
    }
    profile = outcomes[REFERENCE].profile
    return Report(profile.samples, outcomes[REFERENCE].timesteps, cards)


def _apart(networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """The networks inside wrappers, copied where one is given twice: each is watched by hooks of its own."""
    seen: set[int] = set()
    apart = {}
    for name, model in ((name, unwrapped(each)) for name, each in networks.items()):
        reset_states(model)
        apart[name] = copy.deepcopy(model) if id(model) in seen else model
        seen.add(id(model))
    return apart


def _check_networks(reference: object, networks: Mapping[str, object]) -> None:
    for name, model in ((REFERENCE, reference), *networks.items()):
        check_network(model, f"network {name!r}", "several networks are a dict by name")
    if not networks:
        raise OptionError("there is no quantized network to report on")
    if taken := {REFERENCE, CONTROL} & set(networks):
        raise OptionError(f"{taken.pop()!r} is the name of another column; call the network something else")


def _check_kinds(kinds: Mapping[str, object]) -> None:
    for name, kind in kinds.items():
        if not isinstance(kind, SpikeKind):
            known = "a kind is a snnbench.functional.graded.SpikeKind, such as SpikeKind(most=4)"
            raise OptionError(f"kinds={{{name!r}: {kind!r}}}: {known}")


def _check_outputs(outcomes: Mapping[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        if not outcome.logits.isfinite().all():
            raise FiringError(f"outputs of network {name!r} are not finite; nor may weights, states or inputs be")


def _run(
    observers: Mapping[str, Observer],
    pairings: Mapping[str, Pairing],
    batches: Batches,
    labels: Sequence[int] | Tensor | None,
) -> Tensor | None:
    """Show every batch to every network; the labels of all samples, if there are any."""
    seen: list[Tensor] = []
    count = 0
    for images, right in pairs(batches, labels):
        spikes = observers[REFERENCE](images)
        for name, pairing in pairings.items():
            pairing.add(observers[name](images), spikes)
        count += len(images)
        if right is not None:
            seen.append(class_row(right, "what stands beside the images in a batch"))
    if not count:
        raise OptionError("there was no batch; a generator that has been run through is empty")
    if seen and (given := sum(map(len, seen))) != count:
        raise OptionError(f"the batches have {given} labels for {count} images; give each image one, or none")
    return torch.cat(seen) if seen else None


def _added(costs: Mapping[str, CostOf] | Collection[str]) -> tuple[Measure, ...]:
    if not isinstance(costs, Mapping):
        costs = [costs] if isinstance(costs, str) else costs
        costs = {name: catalogue().costs[name].value for name in costs}
    if taken := {measure.name for measure in MEASURES} & set(costs):
        raise OptionError(f"{taken.pop()!r} is a measure of the card already; call the cost something else")
    return tuple(own_cost(name, of) for name, of in costs.items())
