"""Whatever is read from outside, damaged at random: a result or one of the project's own errors, and nothing else."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.mutations import mutated
from oracles.shipped import BOARDS, DIGITS
from safetensors.torch import save

from snnbench import from_nir, to_nir
from snnbench.builtin.datasets import cifar10
from snnbench.builtin.uniform import uniform
from snnbench.chips.document import read_semantics
from snnbench.data.archive import unpack
from snnbench.data.unpickle import unpickle_arrays
from snnbench.errors import SnnbenchError
from snnbench.leaderboard.board import read_entry
from snnbench.nn import sew_resnet8
from snnbench.plugins import catalogue
from snnbench.plugins.discovery import discover
from snnbench.protocols import read_protocol
from snnbench.quant import quantize_weights
from snnbench.records.evidence import read_evidence
from snnbench.records.network_file import pack_network, unpack_network
from snnbench.records.record import read_record
from snnbench.sweeps.grid import read_grids

if not BOARDS.is_dir():
    pytest.skip("not a checkout: there is no folder leaderboards", allow_module_level=True)

HERE = Path(__file__).resolve()
ENTRY = next((DIGITS / "entries").glob("lqnet-4bit*"))
GRID = BOARDS / "paper-grid" / "1-claims-ptq.toml"
QUICK, MOST_SECONDS, MOST_BYTES = 12, 20, 4 * 2**30
METADATA = b"Metadata-Version: 2.1\nName: snnbench-odd\nVersion: 1.0\n"
POINTS = b"[snnbench]\nodd = snnbench_odd:plugin\nother = snnbench_odd.parts\n"


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    model = sew_resnet8(2, 3, 2, channels=1).eval()
    quantize_weights(model, lambda _, weight: uniform(weight, bits=4))
    return model


def graph(folder: Path) -> bytes:
    pytest.importorskip("h5py")
    model = network()
    model(torch.rand(1, 1, 8, 8))
    to_nir(model, folder / "made.nir", input_shape=(1, 8, 8))
    return (folder / "made.nir").read_bytes()


def archive(_: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name in ("data_batch_1.bin", "readme.html"):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = 3073
            tar.addfile(member, io.BytesIO(bytes(3073)))
    return content.getvalue()


def pickled(_: Path) -> bytes:
    return pickle.dumps({b"data": np.arange(60, dtype=np.uint8).reshape(5, 12), b"labels": [3, 1, 4, 1, 5]}, 2)


def of_file(path: Path) -> Callable[[Path], bytes]:
    return lambda _: path.read_bytes()


def entry(path: Path) -> object:
    """An entry whose record is sound and whose note is the file."""
    folder = path.parent / "entry"
    folder.mkdir(exist_ok=True)
    (folder / "record.json").write_bytes((ENTRY / "record.json").read_bytes())
    (folder / "entry.json").write_bytes(path.read_bytes())
    return read_entry(folder)


def found(path: Path, name: str, others: dict[str, bytes]) -> object:
    """What is plugged in where a distribution's `name` is the file."""
    folder = path.parent / "site" / "snnbench_odd-1.0.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    for each, content in {**others, name: path.read_bytes()}.items():
        (folder / each).write_bytes(content)
    sys.path.insert(0, str(folder.parent))
    try:
        return discover()
    finally:
        sys.path.remove(str(folder.parent))


READERS: dict[str, tuple[Callable[[Path], bytes], Callable[[Path], object]]] = {
    "record": (of_file(ENTRY / "record.json"), read_record),
    "note of an entry": (of_file(ENTRY / "entry.json"), entry),
    "evidence": (of_file(ENTRY / "evidence.safetensors"), read_evidence),
    "protocol": (lambda _: catalogue().protocols["digits-sew8"].value.read_bytes(), read_protocol),
    "grid": (of_file(GRID), lambda path: read_grids(path, {"protocol": "digits-sew8"})),
    "chip": (lambda _: catalogue().chips["loihi"].value.read_bytes(), read_semantics),
    "weights": (lambda _: save({"a.weight": torch.ones(4, 4)}), lambda path: unpack_network(path.read_bytes())),
    "exported network": (lambda _: pack_network(network()), lambda path: unpack_network(path.read_bytes())),
    "NIR graph": (graph, from_nir),
    "pickle of CIFAR": (pickled, unpickle_arrays),
    "archive of CIFAR": (archive, lambda path: unpack(path, cifar10.source.layouts, path.parent)),
    "metadata of a plugin": (lambda _: METADATA, lambda p: found(p, "METADATA", {"entry_points.txt": POINTS})),
    "entry points of a plugin": (lambda _: POINTS, lambda p: found(p, "entry_points.txt", {"METADATA": METADATA})),
}


def try_seeds(name: str, seeds: range, folder: Path, seconds: float = float("inf")) -> int:
    """Read the file mutated by each of the seeds while there is time; returns how many were read without an error."""
    make, read = READERS[name]
    valid, path, sound, start = make(folder), folder / "input", 0, time.monotonic()
    path.write_bytes(valid)
    read(path)
    for seed in seeds:
        path.write_bytes(mutated(valid, seed))
        try:
            read(path)
            sound += 1
        except SnnbenchError:
            pass
        except BaseException as error:
            raise AssertionError(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error
        if time.monotonic() - start > seconds:
            return sound
    return sound


@pytest.mark.parametrize("name", READERS)
def test_damaged_input_is_read_or_refused(name: str, tmp_path: Path) -> None:
    assert try_seeds(name, range(QUICK), tmp_path) < QUICK or "plugin" in name


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_damaged_input_for_minutes(name: str, tmp_path: Path) -> None:
    """Each reader for SNNBENCH_FUZZ_SECONDS (20) in a process of its own, with bounded memory; it may write its folder
    and no other. A crash, a hang of `MOST_SECONDS` or any other error names its seed."""
    seconds, inside = int(os.environ.get("SNNBENCH_FUZZ_SECONDS", "20")), tmp_path / "inside"
    inside.mkdir()
    command = [sys.executable, str(HERE), name, str(seconds), str(inside)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def main(name: str, seconds: str, folder: str) -> None:
    """Read until the time is over; on a hang the traceback is printed and the process ends."""
    import faulthandler
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    start, seed, step = time.monotonic(), int(time.time()), 50
    while time.monotonic() - start < int(seconds):
        faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
        sys.stderr.write(f"seeds from {seed}\n")
        try_seeds(name, range(seed, seed + step), Path(folder), MOST_SECONDS / 2)
        seed += step
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    arguments: Any = sys.argv[1:]
    main(*arguments)
