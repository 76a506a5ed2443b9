"""`snnbench run --network` and what it reads: functions by path, folders of images."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from oracles.networks import library
from safetensors.torch import load_file, save_file, save_model
from torch import nn
from typer.testing import CliRunner

import snnbench
from snnbench.cli.main import app
from snnbench.data.folder import folder_dataset
from snnbench.errors import DataError, OptionError, PluginError, RecordError
from snnbench.examine.behaviour import behaviour
from snnbench.examine.export import export
from snnbench.examine.series import read_series, reference_profile
from snnbench.leaderboard import add
from snnbench.nn.libraries import without_states
from snnbench.own.cells import OwnNetwork, run_network
from snnbench.plugins import catalogue
from snnbench.records.results import read_rows
from snnbench.reporting import Silent

CODE = """
import torch
from torch import nn
from snnbench.nn import LIFNeuron

class Net(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.fc1, self.fire, self.fc2 = nn.Linear(64, hidden), LIFNeuron(threshold=0.2), nn.Linear(hidden, 10)

    def forward(self, x):
        return self.fc2(self.fire(self.fc1(x.flatten(2))))

class Recurrent(Net):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.RNNCell(8, 24)

    def forward(self, x):
        state = None
        for row in x[:, 0].unbind(1):
            state = self.fc1(row, state)
        return self.fc2(self.fire(state[None])).mean(0)

net = Net()

def needs(hidden):
    return Net(hidden)

def needs_named(shape, classes, *, hidden):
    return Net(hidden)

def number():
    return 3

def fails():
    return Net(hidden="many")

def shaped(input_shape, num_classes, *, hidden=24):
    assert (input_shape, num_classes) == ((1, 8, 8), 10)
    return Net(hidden)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_nets.py").write_text(CODE)
    generator = np.random.default_rng(0)
    for split, count in (("train", 200), ("test", 80)):
        images, labels = generator.integers(0, 256, (count, 1, 8, 8), np.uint8), np.arange(count) % 10
        np.savez(tmp_path / f"{split}.npz", images=images, labels=labels)
    torch.manual_seed(0)
    model = catalogue().models["own_nets.py:Net"].value((1, 8, 8), 10)
    save_file(model.state_dict(), "net.safetensors")
    return tmp_path


def plain(folder, network="own_nets.py:Net"):
    return OwnNetwork(network, folder / "net.safetensors", str(folder), timesteps=3)


@pytest.mark.parametrize("network", ["own_nets.py:Net", "own_nets.py:shaped"])
def test_cells_of_ones_own(folder, network):
    own = OwnNetwork(network, folder / "net.safetensors", str(folder), timesteps=3, exempt=(), mean=(0.5,))
    finished = run_network(own, "uniform", [2, 8])
    assert [cell.record.cell.quantizer.bits for cell in finished] == [2, 8]
    record = finished[0].record
    assert not record.rankable
    assert record.audit.float_share == 0
    assert record.audit.full_precision == ()
    assert not record.audit.findings
    assert record.metrics["firing_emd"].value > finished[1].record.metrics["firing_emd"].value
    value = {name: score.value for name, score in record.metrics.items()}
    assert value["accuracy_change"] == pytest.approx(value["flips"] - 2 * value["negative_flips"])
    assert 0 < value["agreement"] <= 1 - value["flips"]
    assert {row["rankable"] for row in read_rows(folder / "snnbench-own")} == {False}
    told = CliRunner().invoke(app, ["results", "list", "snnbench-own"]).output
    assert "ranked no" in told
    assert max(map(len, told.splitlines())) <= 100
    with pytest.raises(RecordError, match="is of a network of your own, and boards hold a protocol's"):
        add(finished[0].directory, folder / "boards")
    again = run_network(own, "uniform", [2])
    assert again[0].reused
    assert again[0].record == record
    spared = run_network(plain(folder, network), "uniform", [2])
    assert spared[0].record.audit.full_precision == ("fc2",)
    assert spared[0].record.audit.float_share == pytest.approx(240 / (240 + 64 * 24))


def test_a_cell_is_built_again(folder):
    finished = run_network(plain(folder), "uniform", [2])
    found = behaviour(finished[0].directory)
    assert found.layers[0].layer == "fire"
    assert found.outcomes["spike_mismatch"] > 0
    assert export(finished[0].directory, folder / "quantized.safetensors")[0].exists()
    series = read_series([finished[0].directory])
    assert reference_profile(series[0], None, Silent()).samples == 80
    (finished[0].directory / "network.safetensors").write_bytes(b"")
    with pytest.raises(RecordError, match="is altered"):
        behaviour(finished[0].directory)


def test_fine_tuning_has_its_control(folder):
    finished = run_network(plain(folder), "lqnet", [2], mode="qat")
    assert finished[0].record.control is not None


def test_the_command(folder):
    words = f"run --network own_nets.py:Net --weights net.safetensors --data {folder} --timesteps 3 -q uniform -b 4"
    done = CliRunner().invoke(app, [*words.split(), "--exempt", "none"])
    assert done.exit_code == 0, done.output
    assert "Weights in float: 0.0 %" in done.output
    assert "not ranked" in done.output


WORDS = "--network own_nets.py:Net --weights net.safetensors --timesteps 3 -q uniform,lqnet -b 2,4"


def test_a_sweep_measures_the_cells_that_run_does(folder, tmp_path):
    words = ["sweep", *WORDS.split(), "--data", str(folder), "-x", "in-process", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    rows = read_rows(tmp_path / "snnbench-own")
    assert {(row["quantizer"], row["bits"]) for row in rows} == {(q, b) for q in ("uniform", "lqnet") for b in (2, 4)}
    assert {row["rankable"] for row in rows} == {False}
    (cell,) = run_network(plain(folder), "lqnet", [4])
    assert cell.reused
    again = CliRunner().invoke(app, [*words, "--dry-run"])
    assert json.loads(again.stdout)["seconds"] == 0


@pytest.mark.parametrize(
    ("words", "grid", "message"),
    [
        ("-p digits-sew8", "", "--protocol digits-sew8 and --network own_nets.py:Net: name one of them"),
        ("-g grid.toml", 'protocol = "digits-sew8"', "the grid names protocol 'digits-sew8'"),
        ("-q lqnt", "", "no quantizer 'lqnt'; did you mean 'lqnet'"),
        ("--cost lemare", "", "no cost 'lemare'; did you mean 'lemaire'"),
    ],
)
def test_what_a_sweep_refuses(folder, words, grid, message):
    (folder / "grid.toml").write_text(grid)
    done = CliRunner().invoke(app, ["sweep", *WORDS.split(), "--data", str(folder), *words.split()])
    assert isinstance(done.exception, OptionError)
    assert message in str(done.exception)


@pytest.mark.parametrize("words", ["--weights net.safetensors", "--timesteps 3", "--cost lemaire"])
def test_what_needs_a_network(folder, words):
    done = CliRunner().invoke(app, ["sweep", "-q", "lqnet", *words.split()])
    assert f"{words.split()[0]} is of a network of your own" in str(done.exception)


@pytest.mark.parametrize(
    ("flag", "numbers", "message"),
    [("--std", "0", "data.std.0: Input should be greater than 0"), ("--mean", "nan", "data.mean.0: .* finite number")],
)
def test_pixels_that_would_be_no_numbers_are_refused(folder, flag, numbers, message):
    """By a deviation of 0 every pixel is infinite, and no neuron fires: as little as in the reference."""
    words = "run --network own_nets.py:Net --weights net.safetensors --timesteps 3 -q lqnet --limit 9"
    command = [*words.split(), "--data", str(folder), flag, numbers]
    with pytest.raises(OptionError, match=message):
        CliRunner().invoke(app, command, catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-q lqnet,uniform", "snnbench sweep -q lqnet,uniform"),
        ("-q lqnet --timesteps 4", "--timesteps is of a network of your own"),
        ("-q lqnet --network own_nets.py:Net", "needs --weights"),
    ],
)
def test_what_the_command_refuses(words, message):
    done = CliRunner().invoke(app, ["run", *words.split()])
    assert isinstance(done.exception, OptionError)
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_nets.py:Nets", "has no function or class 'Nets'"),
        ("nowhere.py:Net", "there is no file 'nowhere.py'"),
        ("no_such_module:Net", "cannot be imported"),
        ("broken.py:Net", "'broken.py' cannot be run: ZeroDivisionError"),
        ("own_nets.py", "own_nets.py is a file; name what makes the network in it: own_nets.py:FUNCTION"),
        ("own_nets.py:net", "own_nets.py:net is a network; name a function or class that makes one"),
        ("own_nets.py:needs", "asks for hidden; it is called with options, each of which has a default"),
        ("own_nets.py:needs_named", "asks for shape, classes, hidden; it is called with options"),
    ],
)
def test_no_such_network(folder, name, message):
    (folder / "broken.py").write_text("1 / 0")
    with pytest.raises(PluginError, match=message):
        catalogue().models[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_nets.py:number", "own_nets.py:number makes a int, and must make a torch.nn.Module"),
        ("own_nets.py:fails", "own_nets.py:fails failed in the middle of the run: TypeError"),
    ],
)
def test_what_makes_no_network(folder, name, message):
    own = OwnNetwork(name, folder / "net.safetensors", str(folder), timesteps=3)
    with pytest.raises(PluginError, match=message):
        run_network(own, "float")


def test_weights_of_another_format(folder):
    torch.save({}, folder / "net.pt")
    with pytest.raises(OptionError, match="save_model"):
        run_network(OwnNetwork("own_nets.py:Net", folder / "net.pt", str(folder), timesteps=3))


def test_weights_with_nan_are_refused(folder):
    weights = load_file(folder / "net.safetensors")
    weights["fc1.weight"][0, 0] = torch.nan
    save_file(weights, folder / "nan.safetensors")
    with pytest.raises(OptionError, match=r"nan\.safetensors' has NaN in 'fc1\.weight'"):
        run_network(OwnNetwork("own_nets.py:Net", folder / "nan.safetensors", str(folder), timesteps=3))


def test_weights_are_written_as_the_message_advises(tmp_path):
    """A network in channels-last, as `snnbench.load` makes them, too: safetensors' `save_file` refuses its weights."""
    (tmp_path / "digits.py").write_text("import snnbench\n\ndef make():\n    return snnbench.load('digits-sew8')\n")
    save_model(snnbench.load("digits-sew8"), tmp_path / "net.safetensors")
    own = OwnNetwork(f"{tmp_path}/digits.py:make", tmp_path / "net.safetensors", "digits")
    (run,) = run_network(own, "float", out=tmp_path / "out", limit=9)
    assert run.record.metrics["firing_emd"].value == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, "does not hold arrays"),
        ({"images": np.zeros((2, 1, 4, 4)), "labels": np.zeros(2, int)}, "not uint8"),
        ({"images": np.zeros((2, 1, 4, 4), np.uint8), "labels": np.zeros(2)}, "whole numbers"),
        ({"images": np.zeros((2, 1, 4, 4), np.uint8), "labels": np.array([0, 300])}, "whole numbers"),
    ],
)
def test_folders_that_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=r"holds no test\.npz"):
        folder_dataset(tmp_path)
    np.savez(tmp_path / "test.npz", **arrays)
    with pytest.raises(DataError, match=message):
        folder_dataset(tmp_path)


@pytest.mark.parametrize("content", ["truncated", "empty", "damaged", "one array"])
def test_damaged_folders_are_refused(tmp_path, content):
    file = tmp_path / "test.npz"
    np.savez_compressed(file, images=np.arange(512, dtype=np.uint8).reshape(2, 1, 16, 16), labels=np.zeros(2, int))
    whole = file.read_bytes()
    np.save(tmp_path / "one.npy", np.zeros(3))
    contents = {
        "truncated": whole[:-100],
        "empty": b"",
        "damaged": whole[:100] + b"\xff" * 20 + whole[120:],
        "one array": (tmp_path / "one.npy").read_bytes(),
    }
    file.write_bytes(contents[content])
    with pytest.raises(DataError, match="does not hold arrays"):
        folder_dataset(tmp_path)


def test_nothing_is_written_beside_a_folder(tmp_path):
    folder = tmp_path / "mine" / "set"
    folder.mkdir(parents=True)
    np.savez(folder / "test.npz", images=np.zeros((2, 1, 4, 4), np.uint8), labels=np.arange(2))
    images, labels = folder_dataset(folder).load(None, "test")
    assert images.shape == (2, 1, 4, 4)
    assert sorted(labels) == [0, 1]
    assert [file.name for file in (tmp_path / "mine").rglob("*") if file.is_file()] == ["test.npz"]


def test_a_nir_file_is_a_network(folder, tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    from snnbench import to_nir
    from snnbench.nn import sew_resnet8

    torch.manual_seed(0)
    model = sew_resnet8(4, 10, 2, channels=1, bn_scale=2.0).eval()
    to_nir(model, tmp_path / "graph.nir", input_shape=(1, 8, 8))
    finished = run_network(OwnNetwork("graph.nir", None, str(folder)), "uniform", [8], options={"clip": "absmax"})
    record = finished[0].record
    assert record.cell.network.options["file"] == "graph.nir"
    assert record.audit.full_precision == ("stem.conv", "fc")
    save_file(model.state_dict(), "sew.safetensors")
    (tmp_path / "sew.py").write_text(
        "from snnbench.nn import sew_resnet8\ndef make():\n    return sew_resnet8(4, 10, 2, channels=1, bn_scale=2.0)\n"
    )
    built = OwnNetwork("sew.py:make", tmp_path / "sew.safetensors", str(folder))
    direct = run_network(built, "uniform", [8], options={"clip": "absmax"})
    assert direct[0].record.metrics["firing_emd"].value == record.metrics["firing_emd"].value
    with pytest.raises(OptionError, match=r"network graph\.nir has weights of its own"):
        run_network(OwnNetwork("graph.nir", tmp_path / "sew.safetensors", str(folder)), "uniform", [8])


STEPPED = """
from torch import nn
import snntorch

def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), snntorch.Leaky(beta=0.5, init_hidden=True), nn.Linear(12, 10))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_stepped_from_outside_is_exported_with_its_steps(folder):
    library("snntorch")
    pytest.importorskip("h5py")
    (folder / "stepped.py").write_text(STEPPED)
    save_file(catalogue().models["stepped.py:make"].value((1, 8, 8), 10).state_dict(), "stepped.safetensors")
    own = OwnNetwork("stepped.py:make", folder / "stepped.safetensors", str(folder), timesteps=3)
    cell = run_network(own, "uniform", [8], options={"clip": "absmax"})[0]
    done = CliRunner().invoke(app, ["export", str(cell.directory), "--to", "nir", "--out", "stepped.nir"])
    assert done.exit_code == 0, done.output
    assert snnbench.from_nir(folder / "stepped.nir").timesteps == 3


def test_float_shows_no_bits_found_in_it(folder):
    words = f"run --network own_nets.py:Net --weights net.safetensors --timesteps 3 -q float --data {folder}"
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 0, done.output
    assert "Weights in float: 100.0 %" in done.output
    assert "32/" not in done.output


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_states_of_the_last_batch_are_no_weights():
    layers = library("sinabs.layers")
    models = [nn.Sequential(nn.Linear(3, 4), layers.LIFSqueeze(tau_mem=10.0, num_timesteps=2)) for _ in range(2)]
    models[0](torch.rand(10, 3))
    models[1].load_state_dict(without_states(models[1], models[0].state_dict()))
    assert torch.equal(models[0][0].weight, models[1][0].weight)
    plain = models[0][0]
    assert without_states(plain, plain.state_dict()).keys() == plain.state_dict().keys()


def test_a_recurrent_cell_is_measured_and_its_matrices_are_exported_by_their_own_names(folder):
    model = catalogue().models["own_nets.py:Recurrent"].value((1, 8, 8), 10)
    save_file(model.state_dict(), "recurrent.safetensors")
    own = OwnNetwork("own_nets.py:Recurrent", folder / "recurrent.safetensors", str(folder), exempt=())
    (finished,) = run_network(own, "uniform", [4], options={"clip": "absmax"})
    assert finished.record.reached.layers == ("fire",)
    file, sidecar = export(finished.directory, folder / "net.safetensors")
    rows = {row["layer"]: row["tensors"] for row in json.loads(sidecar.read_text())["layers"]}
    assert set(rows) == {"fc1.weight_ih", "fc1.weight_hh", "fc2"}
    assert {name for tensors in rows.values() for name in tensors.values()} <= set(load_file(file))
