"""All digits: what the exported C prints is what the network of whole numbers computes."""

from __future__ import annotations

import subprocess

import pytest
import torch

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.bench.quantized import make_quantized
from snnbench.chips import on_chip
from snnbench.chips.compiled import c_compiler
from snnbench.chips.fast import FastNetwork
from snnbench.errors import OptionError, PluginError
from snnbench.examine.c import to_c
from snnbench.reporting import Silent
from snnbench.training.batches import evaluation_batches

pytestmark = pytest.mark.skipif(c_compiler() is None, reason="no C compiler")


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    out = tmp_path_factory.mktemp("cell")
    (finished,) = snnbench.run("lqnet", 4, protocol="digits-sew8", limit=40, engine="eager", out=out)
    return finished


def compiled(cell, chip, folder):
    to_c(cell.directory, folder, chip=chip)
    command = [
        c_compiler(),
        "-std=c11",
        "-O3",
        "-march=native",
        "-Wall",
        "-Werror",
        "-o",
        "run",
        "main.c",
        "network.c",
        "snn.c",
    ]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    return folder / "run"


def printed(program, images, folder, timeout=120):
    file = folder / "images.bin"
    file.write_bytes(images.tobytes())
    told = subprocess.run([program, file], capture_output=True, text=True, check=True, timeout=timeout).stdout
    return torch.tensor([[int(word) for word in line.split()] for line in told.splitlines()])


def computed(cell, chip, bench, images, form=lambda put: put):
    """Class, logits and spikes of each layer, of every image."""
    model = make_quantized(bench, cell.record.cell, Silent()).model
    put = form(on_chip(model, chip, input_shape=bench.network.input_shape).network)
    rows, counts = [], {}
    put.watch = lambda name, spikes: counts.__setitem__(name, spikes.sum((0, 2, 3, 4), dtype=torch.int64))
    for batch in evaluation_batches(images, bench.normalise, 100):
        logits = put(batch)
        rows.append(torch.cat([logits.argmax(1, keepdim=True), logits, torch.stack(list(counts.values()), 1)], 1))
    return torch.cat(rows)


@pytest.mark.parametrize("chip", ["int", "loihi"])
def test_all_digits_are_the_same_in_c(cell, chip, tmp_path):
    bench = open_bench("digits-sew8", 0)
    program = compiled(cell, chip, tmp_path / "c")
    images, _ = bench.test_set()
    found = printed(program, images, tmp_path)
    assert found.shape == (360, 1 + 10 + 9)
    assert torch.equal(found, computed(cell, chip, bench, images))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_all_of_cifar10_is_the_same_in_c(tmp_path):
    (cell,) = snnbench.run("lqnet", 4, protocol="cifar10-sew8", limit=100, out=tmp_path / "cell")
    bench = open_bench("cifar10-sew8", 0)
    images, _ = bench.test_set()
    found = printed(compiled(cell, "int", tmp_path / "c"), images, tmp_path, timeout=7200)
    assert len(found) == 10_000
    assert torch.equal(found, computed(cell, "int", bench, images, FastNetwork))
    assert torch.equal(found[:200], computed(cell, "int", bench, images[:200]))


def test_a_folder_that_holds_a_network_is_not_written_over(cell, tmp_path):
    to_c(cell.directory, tmp_path / "c")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "c").iterdir()}
    with pytest.raises(OptionError, match=r"holds network\.h, .*already"):
        to_c(cell.directory, tmp_path / "c", chip="loihi")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "c").iterdir()} == before


def test_nothing_stays_of_a_network_that_could_not_be_written_whole(cell, tmp_path, monkeypatch):
    def fill(path, content, written=[]):  # noqa: B006
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"".join(content))

    monkeypatch.setattr("snnbench.examine.c.write_atomically", fill)
    with pytest.raises(OptionError, match=r"cannot be written \(No space left on device\)"):
        to_c(cell.directory, tmp_path / "c")
    assert list((tmp_path / "c").iterdir()) == []


def test_nothing_is_written_for_a_chip_that_there_is_not(cell, tmp_path):
    with pytest.raises(PluginError, match="no chip 'loihj'"):
        to_c(cell.directory, tmp_path / "c", chip="loihj")
    with pytest.raises(OptionError, match="computes in float"):
        to_c(cell.directory, tmp_path / "c", chip="float")
    assert list(tmp_path.iterdir()) == []
