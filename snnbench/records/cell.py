"""One cell: everything that determines one result, and the key that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from snnbench.errors import OptionError
from snnbench.nn.neurons import Site
from snnbench.options import fixed_bits, validate
from snnbench.plugins import catalogue
from snnbench.protocols import Protocol, digest
from snnbench.records.schema import RecordPart, added

DEFAULT_BITS = 4
MEASUREMENT = 1
"""Raised when the same cell would be measured differently: finished cells of another number are not reused."""

Mode = Literal["ptq", "qat"]


class QuantizerSpec(RecordPart):
    """A quantizer as it was used: where it comes from, its bits and all its options."""

    name: str
    distribution: str
    version: str
    bits: int
    options: dict[str, Any]


class MembraneSpec(QuantizerSpec):
    """A membrane quantizer, and the site where it acts."""

    site: Site


class NetworkSpec(RecordPart):
    """A network of the user's own, instead of the protocol's."""

    model: str
    distribution: str
    version: str
    options: dict[str, Any]


class ChipSpec(RecordPart):
    """A chip as it was used: its whole document, and the distribution that it comes from, if it was no file."""

    name: str
    distribution: str | None
    version: str | None
    semantics: dict[str, Any]


class Origin(RecordPart):
    """The distribution that a plugin comes from."""

    distribution: str
    version: str


class Cell(RecordPart):
    """What determines one result.

    Attributes:
        weights: SHA-256 of the full-precision weights.
        network: a network of the user's own, instead of the protocol's.
        origin: where the code of the network comes from.
        device: where the networks run, as PyTorch names it.
        chip: whose integers the quantized network is put on, too.
    """

    protocol: str
    protocol_version: int
    fingerprint: str
    data: dict[str, str]
    weights: str
    network: NetworkSpec | None = None
    quantizer: QuantizerSpec
    membrane: MembraneSpec | None = None
    mode: Mode = "ptq"
    seed: int = 0
    limit: int | None = None
    origin: Origin = added(Origin(distribution="snnbench", version="0.1.0"))
    device: str = added("cpu")
    chip: ChipSpec | None = added(None)

    @property
    def key(self) -> str:
        """SHA-256 of the cell; the order of options does not change it."""
        return digest({"measurement": MEASUREMENT, **self.model_dump(mode="json")})

    @property
    def quantizes(self) -> bool:
        """Whether weights or membranes are quantized at all; rows and controls of full precision are not ranked."""
        return self.quantizer.name != "float" or self.membrane is not None

    @property
    def folder(self) -> str:
        """Name of the cell's directory: readable, and unique by the key."""
        membrane = f"-{self.membrane.name}{self.membrane.bits}-membrane" if self.membrane else ""
        chip = f"-on-{self.chip.name}" if self.chip else ""
        name = f"{self.quantizer.name}-{self.quantizer.bits}bit{membrane}-{self.mode}{chip}-seed{self.seed}"
        return f"{name}-{self.key[:12]}"

    @property
    def board(self) -> str:
        """Name of the leaderboard that the cell belongs to."""
        return f"{self.protocol}-v{self.protocol_version}"

    @property
    def rankable(self) -> bool:
        """Whether the result may stand on a leaderboard: the protocol's own network on the whole test set."""
        return self.limit is None and self.network is None


def quantizer_spec(name: str, bits: object, options: Mapping[str, object]) -> QuantizerSpec:
    """Check a quantizer's bits and options; bits default to the quantizer's own, else 4.

    Raises:
        PluginError: if there is no such quantizer, or its plugin is broken.
        OptionError: if the bits or an option are not allowed.
    """
    entry = catalogue().quantizers[name]
    fixed = fixed_bits(entry, entry.value)
    chosen = bits if bits is not None else fixed if fixed is not None else DEFAULT_BITS
    values = validate(entry, entry.value, options, bits=chosen)
    return QuantizerSpec(
        name=name,
        distribution=entry.source.distribution,
        version=entry.source.results_version,
        bits=values.pop("bits"),
        options=values,
    )


def membrane_spec(name: str, bits: object, options: Mapping[str, object]) -> MembraneSpec:
    """Check a membrane quantizer; ``site`` among its options belongs to the neuron.

    Raises:
        PluginError, OptionError: as `quantizer_spec`; OptionError for an unknown site.
    """
    site = options.get("site", "post_reset")
    if site not in ("pre_spike", "post_reset"):
        raise OptionError(f"site={site!r} is not one of pre_spike, post_reset")
    own = {key: value for key, value in options.items() if key != "site"}
    return MembraneSpec(**quantizer_spec(name, bits, own).model_dump(), site=site)


def network_spec(name: str, options: Mapping[str, object]) -> NetworkSpec:
    """Check a model's options.

    Raises:
        PluginError, OptionError: as `quantizer_spec`.
    """
    entry = catalogue().models[name]
    values = validate(entry, entry.value, options)
    source = entry.source
    return NetworkSpec(model=name, distribution=source.distribution, version=source.results_version, options=values)


def protocol_network(protocol: Protocol) -> NetworkSpec:
    """The protocol's own network."""
    return network_spec(protocol.model.name, protocol.model.options)
