"""`snnbench.report` and `quantize` on a network of each library, against loops by hand."""

from __future__ import annotations

import copy
import io
import json

import pytest
import torch
from oracles.networks import NETWORKS, T, batches, library, make
from rich.console import Console
from torch import nn

import snnbench
from snnbench.errors import FiringError, OptionError
from snnbench.functional.graded import SpikeKind
from snnbench.nn import IFNeuron
from snnbench.nn.classifier import as_classifier
from snnbench.nn.libraries import reset_states


def run_options(options: dict) -> dict:
    return {name: value for name, value in options.items() if name != "layers"}


@pytest.fixture(params=NETWORKS)
def network(request):
    return make(request.param)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_library(network):
    model, options = network
    before = copy.deepcopy(dict(model.named_parameters()))
    quantized = snnbench.quantize(model, "uniform", bits=2, exempt=(), options={"clip": "absmax"})
    found = snnbench.report(model, quantized, batches(), **options)
    card = found["quantized"]
    assert (found.samples, found.timesteps) == (60, T)
    assert 0 < found["reference"].value("firing_rate") < 1
    assert card.value("firing_emd") > 0
    assert card.value("firing_emd") <= card.value("firing_drift")
    assert card.value("found_bits") <= 2
    assert card.value("float_share") == 0
    assert card.floats == ()
    assert 0 <= card.value("agreement") <= 1
    assert card.value("van_rossum") > 0
    assert card.value("events") > 0
    assert 0 < card.value("memory_energy") < found["reference"].value("memory_energy") * 2
    assert set(card.floorline) <= {row.layer for row in card.weights}
    assert len(card.by_step["accuracy"]) == T
    assert card.by_step["accuracy"][-1] == pytest.approx(card.value("accuracy"))
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    same = snnbench.report(model, copy.deepcopy(model), batches(), **options)
    for measure in ("firing_emd", "firing_drift", "spike_mismatch", "van_rossum", "flips", "accuracy_change"):
        assert same["quantized"].value(measure) == 0
    assert same["quantized"].value("float_share") == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_outputs_and_spikes_are_those_of_the_network(network):
    model, options = network
    (images, labels), *_ = batches()
    with (
        snnbench.record_spikes(model, options.get("layers")) as recorder,
        as_classifier(model, **run_options(options)) as classifier,
    ):
        logits = model(images)
        spikes = recorder.take(len(images))
        steps = classifier.step_logits
        again = model(images)
    assert torch.equal(logits, again)
    assert "forward" not in vars(model)
    assert logits.shape == (20, 10)
    assert steps is None or torch.allclose(steps.mean(0), logits)
    for each in spikes.values():
        assert each.shape[:2] == (T, 20)
        assert set(each.unique().tolist()) <= {0.0, 1.0}
    found = snnbench.report(model, model, [(images, labels)], **options)
    assert found["reference"].value("accuracy") == pytest.approx(float((logits.argmax(1) == labels).double().mean()))
    total, places = (sum(float(f(each.detach())) for each in spikes.values()) for f in (torch.sum, torch.numel))
    assert found["reference"].value("firing_rate") == pytest.approx(total / places)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_fine_tuning_with_its_control(network):
    model, options = network
    if "layers" in options:
        pytest.skip("its threshold has no gradient")
    data = batches()
    quantized = snnbench.quantize(model, "lqnet", bits=2)
    tuned = snnbench.finetune(quantized, model, data, epochs=2, learning_rate=0.05, **run_options(options))
    assert tuned.losses[1] < tuned.losses[0]
    assert tuned.control_losses[1] < tuned.control_losses[0]
    found = snnbench.report(model, tuned.network, data, control=tuned.control, **options)
    assert list(found.cards) == ["reference", "quantized", "control"]
    assert found["quantized"].value("control_emd") > 0
    assert "control_emd" not in found["control"].measures
    assert found["quantized"].value("found_bits") <= 2  # LQ-Net's fit may end with fewer levels than it may use
    assert found["control"].value("float_share") == 1
    assert 0 < found["quantized"].value("float_share") < 1


def test_no_batch_to_train_or_calibrate_on_is_told():
    model, options = make("plain")
    with pytest.raises(OptionError, match="no batch to train on"):
        snnbench.finetune(model, model, [], **run_options(options))
    with pytest.raises(OptionError, match="no batch to calibrate on"):
        snnbench.quantize(model, calibrate=[], **run_options(options))


def test_a_terminal_of_eighty_columns_loses_no_digit(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    model, options = make("plain")
    networks = {f"{bits} bits": snnbench.quantize(model, "lqnet", bits=bits, exempt=()) for bits in (2, 4, 8)}
    found = snnbench.report(model, networks, batches(), **options)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(found.table(), found.layer_table("2 bits"))
    text = console.export_text()
    assert "…" not in text
    value = found["2 bits"].measures["firing_emd"]
    for number in (value.value, value.low, value.high, found["2 bits"].layers[0].emd):
        assert f"{number:.4f}" in text
    assert {"neurons", "revived"} <= set(text.split())
    (row,) = [line for line in text.splitlines() if line.startswith(f"{found['2 bits'].layers[0].layer} ")]
    assert len(row.split()) == 12


def test_shown_and_saved(tmp_path):
    model, options = make("plain")
    networks = {f"{bits} bits": snnbench.quantize(model, "lqnet", bits=bits, exempt=()) for bits in (2, 4)}
    found = snnbench.report(model, networks, batches(), **options)
    console = Console(width=150, record=True, file=io.StringIO())
    for table in (found, found.table(), found.layer_table(), found.weight_table("4 bits")):
        console.print(table)
    text = console.export_text()
    assert "firing EMD" in text
    assert "4 bits" in text
    assert "weights in float" in text
    frame = found.to_pandas()
    rows = frame[(frame.network == "2 bits") & (frame.measure == "accuracy") & (frame.layer == "")]
    assert rows.value.item() == found["2 bits"].value("accuracy")
    for suffix in ("html", "json", "csv"):
        assert found.save(tmp_path / f"report.{suffix}").stat().st_size > 500
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["networks"]["4 bits"]["measures"]["firing_emd"]["value"] == found["4 bits"].value("firing_emd")
    assert "<table>" in found.to_html()
    with pytest.raises(OptionError, match=r"saved as \.html, \.json, \.csv"):
        found.save(tmp_path / "report.docx")


def test_without_labels_there_is_no_accuracy():
    model, options = make("plain")
    images = [each for each, _ in batches()]
    found = snnbench.report(model, snnbench.quantize(model, exempt=()), images, **options)
    with pytest.raises(FiringError, match="labels were not given"):
        found["quantized"].value("accuracy")
    assert 0 <= found["quantized"].value("agreement") <= 1
    with_labels = snnbench.report(model, model, images, labels=torch.cat([y for _, y in batches()]), **options)
    assert with_labels["quantized"].value("accuracy") == with_labels["reference"].value("accuracy")
    reset_states(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ["fires"]}, "did you mean 'fire'"),
        ({"layers": ["fc1"]}, "spikes are 0 or 1"),
        ({"layers": None}, "name its spiking layers.*fire"),
        ({"layers": ["fire"], "timesteps": T, "loop": lambda network, images: network(images)}, "give one of them"),
    ],
)
def test_what_is_refused(arguments, message):
    model, _ = make("plain")
    with pytest.raises(FiringError, match=message):
        snnbench.report(model, model, batches(), **arguments)


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ((None, nn.Identity()), "network 'reference' is a NoneType"),
        ((nn.Identity(), [nn.Identity()]), "network 'quantized' is a list; several networks are a dict by name"),
        ((nn.Identity(), {"mine": "lqnet"}), "network 'mine' is a str"),
        ((nn.Identity(), {}), "there is no quantized network"),
    ],
)
def test_what_is_no_network_is_told(networks, message):
    with pytest.raises(OptionError, match=message):
        snnbench.report(*networks, batches())


@pytest.mark.parametrize("form", [lambda y: y[:, None], lambda y: nn.functional.one_hot(y, 10), lambda y: y.float()])
def test_labels_of_batches_that_are_no_row_of_classes_are_told(form):
    """Compared with the answers (N,), those of a column (N, 1) would be right N times N times."""
    model, options = make("plain")
    with pytest.raises(OptionError, match="in a batch is one whole number an image, not"):
        snnbench.report(model, model, [(x, form(y)) for x, y in batches()], **options)


def test_a_loader_that_is_used_up():
    model, options = make("plain")
    with pytest.raises(OptionError, match="there was no batch"):
        snnbench.report(model, model, iter([]), **options)
    with pytest.raises(OptionError, match="have labels already"):
        snnbench.report(model, model, batches(), labels=[0] * 60, **options)


def test_labels_of_some_images_alone_are_told():
    model, options = make("plain")
    (x, y), (more, _), *_ = batches()
    for some in ([(x, y), more], [(x, y[:-1])]):
        with pytest.raises(OptionError, match=r"the batches have \d+ labels for \d+ images"):
            snnbench.report(model, model, some, **options)


def test_labels_in_place_of_images_are_refused_by_the_layer_they_are_given_to():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), IFNeuron(), nn.Flatten())
    with pytest.raises(RuntimeError, match="conv2d"):
        snnbench.report(network, network, [torch.zeros(5)], timesteps=T)


def test_what_is_no_network_of_numbers_is_told():
    model, _ = make("plain")
    broken = copy.deepcopy(model)
    next(broken.parameters()).data[0] = torch.nan
    for bad, told in ((broken, "has NaN in"), (copy.deepcopy(model).to("meta"), "on the meta device")):
        for refused in (lambda bad=bad: snnbench.quantize(bad), lambda bad=bad: snnbench.report(model, bad, batches())):
            with pytest.raises(OptionError, match=told):
                refused()
    with pytest.raises(OptionError, match="model is a str"):
        snnbench.quantize("lqnet", model)
    with pytest.raises(OptionError, match="reference is a list"):
        snnbench.finetune(model, batches(), batches())
    normed = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), IFNeuron(), nn.Flatten())
    normed[1].running_mean[0] = torch.nan
    with pytest.raises(OptionError, match=r"has NaN in '1\.running_mean'"):
        snnbench.quantize(normed)
    endless = nn.Sequential(nn.Flatten(2), nn.Linear(64, 5), IFNeuron(), nn.Linear(5, 10))
    nn.init.constant_(endless[-1].bias, torch.inf)
    with pytest.raises(FiringError, match="outputs of network 'reference' are not finite"):
        snnbench.report(endless, endless, batches(), timesteps=T)


@pytest.mark.parametrize("layers", ["neuron", []])
def test_what_is_no_list_of_layers_is_told(layers):
    model, _ = make("plain")
    with pytest.raises(FiringError, match=r"is one name; a list of it is|names no layer"):
        snnbench.report(model, model, batches(), layers=layers, timesteps=T)
    with pytest.raises(FiringError, match=r"is one name; a list of it is|names no layer"):
        snnbench.record_firing(model, layers)


def test_a_kind_that_is_none_is_told_and_the_name_of_one_cost_is_a_list_of_it():
    model, options = make("plain")
    with pytest.raises(OptionError, match=r"kinds=\{'neuron': 4\}: a kind is a"):
        snnbench.report(model, model, batches(), kinds={"neuron": 4}, **options)
    found = snnbench.report(model, model, batches(), costs="lemaire", **options)
    assert "lemaire" in found["quantized"].measures


class Burst(nn.Module):
    """Fires -2 to 2 at a time."""

    def forward(self, x):
        return (3 * x).round().clamp(-2, 2)


def test_bursts_and_signs_count_where_the_layer_says_so():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 30), Burst(), nn.Linear(30, 10)).eval()
    quantized = snnbench.quantize(model, "uniform", bits=2, exempt=(), options={"clip": "absmax"})
    with pytest.raises(FiringError, match="spikes are 0 or 1"):
        snnbench.report(model, quantized, batches(), layers=["2"], timesteps=T)
    kinds = {"2": SpikeKind(most=2, signed=True)}
    found = snnbench.report(model, quantized, batches(), layers=["2"], timesteps=T, kinds=kinds)
    images = torch.cat([x for x, _ in batches()]).flatten(1)
    rates = []
    for network in (model, quantized):
        fired = network[2](network[1](images)).detach()
        rates.append(torch.cat([fired.clamp(min=0).mean(0), (-fired).clamp(min=0).mean(0)]).double())
    card = found["quantized"]
    assert found.timesteps == T
    assert found["reference"].value("firing_rate") == pytest.approx(float(rates[0].mean()), rel=1e-6)
    assert card.value("firing_drift") == pytest.approx(float((rates[0] - rates[1]).abs().mean()), rel=1e-6)
    emd = float((rates[0].sort().values - rates[1].sort().values).abs().mean())
    assert card.value("firing_emd") == pytest.approx(emd, rel=1e-6)
    assert card.layers[0].emd == pytest.approx(emd, rel=1e-6)
    dead = float((rates[1] < 0.05).double().mean())
    assert card.layers[0].dead == card.value("dead_fraction") == pytest.approx(dead)
    assert card.value("van_rossum") > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_ternary_neuron_of_spikingjelly():
    neuron = library("spikingjelly.activation_based.neuron")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 30), neuron.TernaryIFNode(v_threshold=0.2), nn.Linear(30, 10))
    with pytest.raises(FiringError, match="fires -1, 0 and 1; say what it fires"):
        snnbench.report(model, model, batches(), timesteps=T)
    found = snnbench.report(model, model, batches(), timesteps=T, kinds={"2": SpikeKind(signed=True)})
    assert found["quantized"].value("firing_emd") == 0
    assert 0 < found["reference"].value("firing_rate") < 1


def test_a_plugin_adds_a_cost():
    model, options = make("plain")
    quantized = snnbench.quantize(model, "uniform", bits=2, exempt=(), options={"clip": "absmax"})
    costs = {
        "by_hand": lambda work: sum(2000 * load.active for load in work.synapses.values()),
        "bits": lambda work: 1000 * sum(work.bits[name].weight for name in work.synapses),
        "broken": lambda work: 1 / 0,
        "endless": lambda work: float("inf"),
    }
    found = snnbench.report(model, quantized, batches(), costs=costs, **options)
    images = torch.cat([x for x, _ in batches()]).flatten(1)
    active = images.count_nonzero() + (model.fc1(images) > 0.1).count_nonzero()
    assert found["reference"].value("by_hand") == pytest.approx(2 * T * int(active) / len(images))
    assert found["quantized"].value("bits") == 4
    assert found["reference"].value("bits") == 64
    for name, reason in (("broken", "failed: ZeroDivisionError"), ("endless", "gave inf")):
        with pytest.raises(FiringError, match=reason):
            found["quantized"].value(name)
    assert "by_hand, nJ" in found.to_html()
    assert set(costs) <= set(found.to_pandas().measure)
    with pytest.raises(OptionError, match="'memory_energy' is a measure of the card already"):
        snnbench.report(model, quantized, batches(), costs={"memory_energy": costs["bits"]}, **options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_matrices_of_recurrent_cells_are_quantized():
    model, options = make("norse")
    quantized = snnbench.quantize(model, "uniform", bits=3, exempt=(), options={"clip": "absmax"})
    card = snnbench.report(model, quantized, batches(1), **options)["quantized"]
    rows = {row.layer: row.found_bits for row in card.weights}
    assert {name for name in rows if name.startswith("first.")} == {"first.input_weights", "first.recurrent_weights"}
    assert all(bits <= 3 for bits in rows.values())
    cell = nn.Sequential(nn.RNNCell(6, 5), nn.Linear(5, 3))
    rounded = snnbench.quantize(cell, "uniform", bits=2, exempt=(), options={"clip": "absmax"})
    for matrix in (rounded[0].weight_ih, rounded[0].weight_hh):
        assert len(matrix.unique()) <= 4
    x, h = torch.rand(2, 6), torch.rand(2, 5)
    by_hand = torch.tanh(x @ rounded[0].weight_ih.T + cell[0].bias_ih + h @ rounded[0].weight_hh.T + cell[0].bias_hh)
    assert torch.allclose(rounded[0](x, h), by_hand, atol=1e-6)


class Fire(nn.Module):
    def forward(self, x):
        return (x > 0.3).float()


class Untidy(nn.Module):
    """A network with a flaw: it keeps what it saw, draws random numbers, or takes batches of one size alone."""

    def __init__(self, flaw):
        super().__init__()
        self.fc1, self.fire, self.fc2 = nn.Linear(64, 30), Fire(), nn.Linear(30, 10)
        self.flaw, self.kept = flaw, 0.0

    def forward(self, x):
        if self.flaw == "size" and len(x) != 20:
            raise RuntimeError("view size is not compatible")
        x = self.fc1(x.flatten(1)) + self.kept
        if self.flaw == "state":
            self.kept = x.detach()
        return self.fc2(self.fire(x + torch.rand_like(x) if self.flaw == "random" else x))


@pytest.mark.parametrize(("flaw", "noted"), [("none", False), ("state", True), ("random", True), ("size", False)])
def test_a_network_that_does_not_forget_is_noted(flaw, noted):
    torch.manual_seed(0)
    model = Untidy(flaw).eval()
    found = snnbench.report(model, snnbench.quantize(model, exempt=()), batches(), layers=["fire"], timesteps=T)
    assert ["it gave other outputs" in note for note in found["reference"].notes] == [True] * noted


def test_every_layer_is_left_in_the_mode_that_it_was_in():
    frozen = nn.BatchNorm1d(30).eval()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 30), frozen, Fire(), nn.Linear(30, 10))
    snnbench.report(model, model, batches(), layers=["3"], timesteps=T)
    assert model.training
    assert not frozen.training


def wrapped(kind: str, network: nn.Module, images: torch.Tensor) -> nn.Module:
    if kind == "parallel":
        return nn.DataParallel(network)
    compiled = torch.compile(network, backend="eager")
    with torch.no_grad():
        compiled(images)  # what is compiled by now would run no hooks
    return compiled


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's compiler
@pytest.mark.parametrize("kind", ["compiled", "parallel"])
def test_a_wrapped_network_is_the_one_inside(kind):
    torch.manual_seed(0)
    steps = [nn.Linear(6, 12), IFNeuron(threshold=0.5), nn.Linear(12, 3)]
    net = nn.Sequential(*steps).eval()
    images = torch.rand(T, 20, 6)
    quantized = snnbench.quantize(net, "uniform", bits=2, exempt=())
    run = {"loop": lambda network, x: network(images[:, : len(x)]).mean(0), "labels": [0] * 20}
    try:
        for own in (quantized, net):  # the reference itself, wrapped, is watched apart from it
            expected = snnbench.report(net, own, [images[0]], **run)
            found = snnbench.report(net, wrapped(kind, own, images), [images[0]], **run)
            assert found.to_pandas().equals(expected.to_pandas())
    finally:
        torch.compiler.reset()
