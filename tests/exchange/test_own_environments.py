"""Files read by the libraries themselves, each in an environment of its own: what they pin, the others cannot bear."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.environments import layered
from oracles.nir_networks import NETWORKS, STEPS, network, own_spikes
from oracles.shipped import BOARDS
from torch import nn

from snnbench import from_nir, record_spikes, to_nir
from snnbench.errors import GraphError
from snnbench.examine.export import rebuild
from snnbench.exchange import DialectName
from snnbench.exchange.cuba import CubaLIFNeuron
from snnbench.nn import IFNeuron, LIFNeuron, sew_resnet8
from snnbench.reporting import Silent

nir_readers = pytest.importorskip("oracles.nir_readers")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PACKAGES: dict[str, tuple[str, ...]] = {
    "nir 1.0.4": ("nir==1.0.4",),
    "nir 1.0.8": ("nir==1.0.8",),
    "spikingjelly": ("spikingjelly==2.0.0", "nir==1.0.8", "nirtorch==2.6"),
    "snntorch": ("snntorch==1.0.0", "nir==1.0.8", "nirtorch==2.6"),
    "norse": ("norse==1.1.0", "nir==1.0.8", "nirtorch==2.6"),
    "snn-mlir": ("snn-mlir==1.0.0", "nir==1.0.8"),
    "sinabs": ("sinabs==3.1.3", "nir==1.0.4", "nirtorch==2.0.2", "pbr==7.1.3"),
    "rockpool": ("rockpool==3.1.0", "nir==1.0.4", "nirtorch==2.0.2"),
}
NEURONS: dict[str, Any] = {"IF": partial(IFNeuron, threshold=0.9), "LIF": partial(LIFNeuron, threshold=0.5)}
CELLS = list(product(NEURONS, ("hard", "soft"), NETWORKS))
VERSIONS = ("nir 1.0.4", "nir 1.0.8")
SEVERAL = ("sinabs", "rockpool")
"""Libraries that fire several spikes a step, and hold none of these networks."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The Python of an environment that holds one library, of pinned version."""
    made: dict[str, Path] = {}

    def make(library: str) -> Path:
        if library not in made:
            made[library] = layered(tmp_path_factory.mktemp(library.replace(" ", "-")), *PACKAGES[library])
        return made[library]

    return make


def again(python: Path, file: Path) -> Path:
    """The file, read and written by the nir of that environment."""
    code = "import nir, sys; nir.write(sys.argv[2], nir.read(sys.argv[1]))"
    rewritten = python.parent / file.name
    subprocess.run([python, "-c", code, file, rewritten], check=True)
    return rewritten


@torch.no_grad()
def assert_fires_alike(model: nn.Module, others: list[nn.Module], images: torch.Tensor) -> None:
    """Every spike of every layer, and the logits."""
    for batch in images.split(50):
        logits, spikes = fired(model, batch)
        assert sum(int(layer.sum()) for layer in spikes.values()) > 0
        for other in others:
            their_logits, their_spikes = fired(other, batch)
            assert torch.equal(logits, their_logits)
            assert spikes.keys() == their_spikes.keys()
            assert all(torch.equal(layer, their_spikes[name]) for name, layer in spikes.items())


def fired(model: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    with record_spikes(model) as recorder:
        logits = model(images)
        return logits, recorder.take(len(images))


def test_both_versions_of_nir_keep_every_spike(environment: Callable[[str], Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = sew_resnet8(4, 5, 4, bn_scale=2.0, reset="soft", v_init=0.5).eval()
    file, beside = to_nir(model, tmp_path / "a.nir", input_shape=(3, 8, 8))
    back = [from_nir(again(environment(version), file)) for version in VERSIONS]
    assert_fires_alike(model, back, torch.randn(1000, 3, 8, 8))
    assert beside.is_file()


@pytest.mark.parametrize("options", [{"tau_syn": 3.0, "gain": 0.7}, {"reset": "soft", "reset_delay": True}], ids=str)
def test_both_versions_of_nir_keep_currents_and_late_resets(
    environment: Callable[[str], Path], options: dict[str, Any], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 12), CubaLIFNeuron(tau=4.0, threshold=0.4, **options))
    file, _ = to_nir(model, tmp_path / "a.nir", input_shape=(16,), timesteps=6)
    back = [from_nir(again(environment(version), file)) for version in VERSIONS]
    assert_fires_alike(from_nir(file), back, torch.randn(1000, 16))


def test_a_quantized_network_on_1000_images_of_cifar(
    environment: Callable[[str], Path], cifar_root: Path, tmp_path: Path
) -> None:
    """The board's network, 4 bits a weight, from the file that each version of nir has read and written."""
    entry = min(BOARDS.glob("cifar10-sew8-v4/entries/lqnet-4bit-ptq-seed0-*"))
    _, bench, model, _ = rebuild(entry, cifar_root, Silent())
    file, _ = to_nir(entry, tmp_path / "a.nir", data=cifar_root)
    back = [from_nir(again(environment(version), file)) for version in VERSIONS]
    images, _ = bench.test_set()
    assert_fires_alike(model.eval(), back, bench.normalise(torch.from_numpy(np.array(images[:1000]))))


@pytest.mark.parametrize("library", ["spikingjelly", "snntorch", "norse", "snn-mlir", *SEVERAL])
def test_every_cell(environment: Callable[[str], Path], library: DialectName, tmp_path: Path) -> None:
    """The library fires alike, or is refused; read all the same, a network that is refused does not fire alike."""
    mine, refused = {}, {}
    (tmp_path / "files").mkdir()
    for number, (neuron, reset, layers) in enumerate(CELLS):
        model, shape = network(layers, partial(NEURONS[neuron], reset=reset))
        images = torch.randn(100, *shape)
        file = tmp_path / "files" / f"{number}.nir"
        np.save(file.with_suffix(".npy"), images.numpy())
        options: Any = {"input_shape": shape, "timesteps": STEPS}
        try:
            to_nir(model, file, dialect=library, **options)
        except GraphError as error:
            refused[number] = str(error)
            to_nir(model, file, **options)
        mine[number] = own_spikes(model, shape, images, tmp_path)
        assert 0.01 < mine[number].mean() < 0.9
    words = [nir_readers.__file__, library, tmp_path / "files", STEPS, 1e-4]
    subprocess.run([environment(library), *map(str, words)], check=True)
    for number, (_, reset, _) in enumerate(CELLS):
        same = is_same(tmp_path / "files" / f"{number}.spikes.npy", mine[number])
        assert (number in refused) == (library in SEVERAL or reset == "soft")
        assert same == (number not in refused), (CELLS[number], refused.get(number))
    why = "fires several spikes" if library in SEVERAL else "has a soft reset"
    assert all("node '1'" in message and why in message for message in refused.values())


def is_same(found: Path, mine: torch.Tensor) -> bool:
    """Whether the library could read the file at all, and its last layer fires alike."""
    spikes = torch.from_numpy(np.load(found)) if found.is_file() else torch.empty(0)
    return spikes.numel() == mine.numel() and torch.equal(spikes.view_as(mine), mine)


SINABS = """
import sys, torch, warnings
warnings.simplefilter("ignore")
import sinabs.layers as sl
from sinabs.activation import MembraneReset, SingleSpike
from snnbench import from_nir, to_nir
from snnbench.nn import SpikingNeuron

CASES = [(sl.IAF, {}), (sl.LIF, {"tau_mem": 5.0}), (sl.LIF, {"tau_mem": 3.0, "norm_input": False})]
CASES += [(sl.LIF, {"tau_mem": 5.0, "tau_syn": 2.0, "norm_input": normal}) for normal in (False, True)]
CASES += [(sl.IAF, {"min_v_mem": -0.2}), (sl.LIF, {"tau_mem": 5.0, "norm_input": False, "min_v_mem": -0.3})]
for kind, options in CASES:
    for reset in ({}, {"reset_fn": MembraneReset()}):
        torch.manual_seed(0)
        make = lambda: kind(spike_fn=SingleSpike, spike_threshold=torch.tensor(0.3), **options, **reset)
        net = torch.nn.Sequential(torch.nn.Linear(16, 12), make(), torch.nn.Linear(12, 6), make()).eval()
        for linear in (net[0], net[2]):
            linear.weight.data *= 4
        images = torch.randn(100, 16)
        with torch.no_grad():
            theirs = net(images.unsqueeze(1).expand(-1, 6, -1)).transpose(0, 1)
            back = from_nir(to_nir(net, sys.argv[1], input_shape=(16,), timesteps=6)[0])
            seen = []
            [m for m in back.modules() if isinstance(m, SpikingNeuron)][-1].register_forward_hook(
                lambda m, i, spikes: seen.append(spikes))
            back(images)
        assert torch.equal(seen[0], theirs), (kind, options, reset, int((seen[0] != theirs).sum()))
        assert theirs.sum() > 50, (kind, options, reset, int(theirs.sum()))
"""


def test_networks_of_sinabs(environment: Callable[[str], Path], tmp_path: Path) -> None:
    subprocess.run([environment("sinabs"), "-c", SINABS, tmp_path / "a.nir"], check=True)
