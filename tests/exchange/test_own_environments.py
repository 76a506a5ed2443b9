"""Files read by libraries that cannot share an environment with the others: they pin nir 1.0.4."""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles import nir_readers
from torch import Tensor, nn

from snnbench import from_nir, record_firing, to_nir
from snnbench.nn import IFNeuron, LIFNeuron, SpikingNeuron, sew_resnet8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PACKAGES = {
    "nir": ("nir==1.0.4",),
    "sinabs": ("sinabs==3.1.3", "nir==1.0.4", "nirtorch==2.0.2"),
    "rockpool": ("rockpool==3.1.0", "nir==1.0.4", "nirtorch==2.0.2"),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The Python of an environment that holds one library, of pinned version."""
    made: dict[str, Path] = {}

    def make(library: str) -> Path:
        if library not in made:
            folder = tmp_path_factory.mktemp(library)
            venv.create(folder, with_pip=True)
            python = folder / "bin" / "python"
            torches = ("torch==2.13.0",) if library != "nir" else ()
            for packages in filter(None, (torches, PACKAGES[library])):
                subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
            made[library] = python
        return made[library]

    return make


def test_nir_1_0_4_reads_and_writes_the_same_network(environment: Callable[[str], Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = sew_resnet8(4, 5, 4, bn_scale=2.0, reset="soft", v_init=0.5).eval()
    file, beside = to_nir(model, tmp_path / "a.nir", input_shape=(3, 8, 8))
    again = tmp_path / "again.nir"
    code = "import nir, sys; nir.write(sys.argv[2], nir.read(sys.argv[1]))"
    subprocess.run([environment("nir"), "-c", code, file, again], check=True)
    images = torch.randn(1000, 3, 8, 8)
    back = from_nir(again)
    with torch.no_grad(), record_firing(model) as mine, record_firing(back) as theirs:
        assert torch.equal(model(images), back(images))
    assert mine.profile().layers == theirs.profile().layers
    assert beside.is_file()


def small(make: Callable[[], SpikingNeuron]) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 12), make(), nn.Linear(12, 6), make()).eval()
    for parameter in model.parameters():
        parameter.data *= 2.5
    return model


def read_in(python: Path, library: str, file: Path, images: Tensor, folder: Path) -> Any:
    """The library's spikes, or the last line of its error."""
    np.save(folder / "images.npy", images.numpy())
    words = [nir_readers.__file__, library, file, folder / "images.npy", "6", "1e-4", folder / "spikes.npy"]
    done = subprocess.run([python, *map(str, words)], capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else torch.from_numpy(np.load(words[-1]))


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("neuron", [IFNeuron, LIFNeuron])
@pytest.mark.parametrize("library", ["sinabs", "rockpool"])
def test_refusals_are_deserved(
    environment: Callable[[str], Path], library: str, neuron: Any, reset: Any, tmp_path: Path
) -> None:
    """Read as they are, files of these networks fire otherwise or not at all."""
    model, images = small(lambda: neuron(reset=reset)), torch.randn(100, 16)
    file, *_ = to_nir(model, tmp_path / "a.nir", input_shape=(16,), timesteps=6)
    found = read_in(environment(library), library, file, images, tmp_path)
    if library == "rockpool":
        assert isinstance(found, str)
        assert "tau_mem" in found or "Cannot convert" in found
        return
    seen: list[Tensor] = []
    back = from_nir(file)
    back.get_submodule("3").register_forward_hook(lambda _m, _i, spikes: seen.append(spikes))
    back(images)
    assert (found.view_as(seen[0]) != seen[0]).any()
    assert found.max() > 1
