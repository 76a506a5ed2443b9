"""The metrics are at home in torchmetrics: collections, composition, storing, pickling, training loops."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.wrappers import BootStrapper, Running

import snnbench
from snnbench import metrics as all_metrics
from snnbench.errors import FiringError
from snnbench.functional import FiringProfile, firing_rate
from snnbench.metrics import (
    DeadNeurons,
    Disagreement,
    FiringDrift,
    FiringEMD,
    FiringRate,
    Flips,
    NegativeFlips,
    OutputKL,
    ProfileEMD,
    SpikeMismatch,
    TemporalDrift,
)

CARD = {"BrierScore", "ExitSteps", "LogLikelihood", "PeakEvents", "StepAccuracy", "StepAgreement", "VanRossumDistance"}
NAMES = [name for name in all_metrics.__all__ if name not in CARD]  # those of the card: test_card.py
FIRING = [
    getattr(all_metrics, name) for name in NAMES if name not in {"Disagreement", "Flips", "NegativeFlips", "OutputKL"}
]
ALL = [getattr(all_metrics, name) for name in NAMES]


def batch(seed: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)

    def draw(rate: float) -> dict[str, torch.Tensor]:
        return {
            "stem.sn": (torch.rand(3, 6, 2, 4, generator=generator) < rate).float(),
            "head": (torch.rand(3, 6, 5, generator=generator) < rate).float(),
        }

    return draw(0.3), draw(0.5)


def outputs(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(40, 5, generator=generator)
    noise = torch.randn(40, 5, generator=generator)
    return logits, logits + 0.5 * noise, torch.randint(5, (40,), generator=generator)


def arguments(metric: Metric | type[Metric], seed: int) -> tuple:
    name = metric.__name__ if isinstance(metric, type) else type(metric).__name__
    if name in {"Disagreement", "OutputKL"}:
        return outputs(seed)[:2]
    return outputs(seed) if "Flips" in name else batch(seed)


def equal(a, b) -> bool:
    return a == b if not isinstance(a, dict) else a.keys() == b.keys() and all(a[key] == b[key] for key in a)


@pytest.fixture(params=ALL, ids=lambda metric: metric.__name__)
def metric(request) -> Metric:
    metric = request.param()
    for seed in range(2):
        metric.update(*arguments(metric, seed))
    return metric


def test_public_names_are_importable_from_the_package():
    for name in ("FiringEMD", "FiringDrift", "FiringRate", "DeadNeurons"):
        assert getattr(snnbench, name) is getattr(all_metrics, name)


@pytest.mark.parametrize("metric_class", ALL, ids=lambda metric: metric.__name__)
def test_constants_are_stated(metric_class):
    assert metric_class.full_state_update is False
    assert metric_class.is_differentiable is False
    assert metric_class.higher_is_better in ((None, False) if metric_class is not FiringEMD else (False,))
    assert metric_class.plot_lower_bound == 0
    assert metric_class.plot_upper_bound == (None if metric_class is OutputKL else 1)


@pytest.mark.parametrize("metric_class", ALL, ids=lambda metric: metric.__name__)
@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric .* was called before:UserWarning")
def test_nothing_counted_is_an_error_not_a_number(metric_class):
    metric = metric_class()
    with pytest.raises(FiringError, match=f"{metric_class.__name__} has (counted|seen) no"):
        metric.compute()
    metric.update(*arguments(metric, 0))
    metric.reset()
    with pytest.raises(FiringError, match=f"{metric_class.__name__} has (counted|seen) no"):
        metric.compute()


def test_forward_returns_the_batch_and_accumulates(metric):
    whole, alone = deepcopy(metric), type(metric)()
    alone.update(*arguments(metric, 2))
    whole.update(*arguments(metric, 2))
    assert equal(metric(*arguments(metric, 2)), alone.compute())
    assert equal(metric.compute(), whole.compute())


def test_reset_forgets(metric):
    fresh = type(metric)()
    metric.reset()
    for each in (metric, fresh):
        each.update(*arguments(metric, 3))
    assert equal(metric.compute(), fresh.compute())


def test_a_state_dict_fills_a_fresh_metric(metric):
    metric.persistent(True)
    holder, fresh = nn.ModuleDict({"a_metric": metric}), nn.ModuleDict({"a_metric": type(metric)()})
    fresh.load_state_dict(holder.state_dict())
    assert equal(fresh["a_metric"].compute(), metric.compute())
    for each in (metric, fresh["a_metric"]):
        each.update(*arguments(metric, 3))
    assert equal(fresh["a_metric"].compute(), metric.compute())


def test_states_are_not_stored_unless_asked(metric):
    assert not metric.state_dict()


def test_persistence_asked_before_the_first_batch_holds_for_its_states():
    metric = FiringEMD()
    metric.persistent(True)
    metric.update(*batch(0))
    assert {"counts/stem.sn", "reference_counts/head", "timesteps"} < set(metric.state_dict())


def test_a_state_dict_of_another_network_is_refused():
    metric, other = FiringRate(), FiringRate()
    metric.update(torch.ones(2, 3, 4))
    other.update({"a": torch.ones(2, 3, 4)})
    other.persistent(True)
    with pytest.raises(FiringError, match="make a new one for another"):
        metric.load_state_dict(other.state_dict())


def test_a_state_dict_survives_safe_loading(tmp_path):
    metric, fresh = FiringEMD(), FiringEMD()
    metric.update(*batch(0))
    metric.persistent(True)
    torch.save(metric.state_dict(), tmp_path / "metric.pt")
    fresh.load_state_dict(torch.load(tmp_path / "metric.pt", weights_only=True))
    assert fresh.compute() == metric.compute()


def test_pickling_and_cloning(metric):
    for copy in (pickle.loads(pickle.dumps(metric)), metric.clone(), deepcopy(metric)):  # noqa: S301
        assert equal(copy.compute(), metric.compute())
        copy.update(*arguments(metric, 3))
        assert not equal(copy.compute(), metric.compute()) or isinstance(metric, tuple(FIRING))
    stored = FiringEMD(reference=FiringProfile.from_spikes(batch(0)[1]))
    stored.update(batch(1)[0])
    assert pickle.loads(pickle.dumps(stored)).compute() == stored.compute()  # noqa: S301


@pytest.mark.parametrize("convert", ["half", "double", "bfloat16", "float"])
def test_counts_stay_integers_in_a_module_of_another_dtype(metric, convert):
    before = metric.compute()
    holder = nn.ModuleDict({"metric": metric})
    getattr(holder, convert)()
    metric.set_dtype(torch.float16)
    metric._computed = None
    assert equal(metric.compute(), before)


def test_metrics_move_between_devices():
    metric = FiringEMD()
    metric.update(*batch(0))
    metric.to("meta")
    states = metric.metric_state
    assert all(state.device.type == "meta" for state in states.values())
    assert metric.device.type == "meta"


def test_states_are_made_on_the_metrics_device():
    metric = FiringRate().to("meta")
    metric._declare({"counts/a": (3,)})
    assert getattr(metric, "counts/a").device.type == "meta"


def test_a_collection_gives_what_its_metrics_give_and_counts_once():
    classes = [FiringEMD, FiringDrift, FiringRate, DeadNeurons, TemporalDrift, ProfileEMD, SpikeMismatch]
    collection, alone = MetricCollection([each() for each in classes]), [each() for each in classes]
    for seed in range(3):
        collection.update(*batch(seed))
        for each in alone:
            each.update(*batch(seed))
    expected = {}
    for each in alone:
        value = each.compute()
        expected |= value if isinstance(value, dict) else {type(each).__name__: value}
    assert equal(collection.compute(), expected)
    assert collection.compute_groups[0] == ["FiringEMD", "FiringDrift", "FiringRate", "DeadNeurons"]
    collection.reset()
    alone[0].reset()
    for seed in (5, 6):
        collection.update(*batch(seed))
        alone[0].update(*batch(seed))
    assert collection.compute()["FiringEMD"] == alone[0].compute()
    assert collection(*batch(7))["FiringEMD"] == FiringEMD()(*batch(7))
    assert collection.clone(prefix="val_").compute()["val_FiringEMD"] == collection.compute()["FiringEMD"]


def test_a_compute_group_may_be_given():
    """Its later members see no batch themselves."""
    collection = MetricCollection([FiringEMD(), FiringDrift()], compute_groups=[["FiringEMD", "FiringDrift"]])
    alone = [FiringEMD(), FiringDrift()]
    for seed in range(2):
        for each in (collection, *alone):
            each.update(*batch(seed))
    assert equal(collection.compute(), {type(each).__name__: each.compute() for each in alone})
    collection.reset()
    assert equal(collection(*batch(7)), {type(each).__name__: each(*batch(7)) for each in (FiringEMD(), FiringDrift())})


def test_a_collection_filters_keyword_arguments():
    collection = MetricCollection([FiringEMD(), SpikeMismatch(), Disagreement(), NegativeFlips(), OutputKL()])
    spikes, reference_spikes = batch(0)
    logits, reference_logits, labels = outputs(0)
    collection.update(
        spikes=spikes,
        reference_spikes=reference_spikes,
        logits=logits,
        reference_logits=reference_logits,
        labels=labels,
    )
    assert set(collection.compute()) == {
        *("FiringEMD", "SpikeMismatch", "Disagreement", "NegativeFlips"),
        *("kl_mean", "kl_median", "kl_p99", "kl_max"),
    }


def test_decisions_that_begin_alike_are_not_taken_for_one_metric():
    right, wrong = torch.eye(2)[[0, 0]], torch.eye(2)[[1, 1]]
    collection = MetricCollection([Disagreement(), Flips(), NegativeFlips()])
    for mine, theirs, labels in ((wrong, right, [0, 0]), (right, wrong, [0, 0])):
        collection.update(logits=mine, reference_logits=theirs, labels=torch.tensor(labels))
    assert {name: value.item() for name, value in collection.compute().items()} == {
        "Disagreement": 1.0,
        "Flips": 1.0,
        "NegativeFlips": 0.5,
    }


def test_metrics_compose():
    sum_of_both = FiringEMD() + 2 * FiringDrift()
    for seed in range(2):
        sum_of_both.update(*batch(seed))
    emd, drift = FiringEMD(), FiringDrift()
    for seed in range(2):
        emd.update(*batch(seed))
        drift.update(*batch(seed))
    assert sum_of_both.compute() == emd.compute() + 2 * drift.compute()


@pytest.mark.parametrize("stored", [False, True], ids=["metric", "states"])
@pytest.mark.parametrize("counted", [(0, 1), (0, 2), (1, 2), (2, 0), (2, 1)], ids=str)
@pytest.mark.parametrize("metric_class", ALL, ids=lambda metric: metric.__name__)
def test_merging_is_counting_all_batches(metric_class, counted, stored):
    parts, whole, seeds = (metric_class(), metric_class()), metric_class(), iter(range(9))
    for part, batches in zip(parts, counted, strict=True):
        for seed in [next(seeds) for _ in range(batches)]:
            part.update(*arguments(part, seed))
            whole.update(*arguments(whole, seed))
    if counted[0]:
        parts[0].compute()  # what torchmetrics remembers of before is not the value any more
    parts[0].merge_state(parts[1].metric_state if stored else parts[1])
    assert equal(parts[0].compute(), whole.compute())
    for each in (parts[0], whole):
        each.update(*arguments(each, 10))
    assert equal(parts[0].compute(), whole.compute())


@pytest.mark.parametrize("metric_class", FIRING, ids=lambda metric: metric.__name__)
def test_metrics_of_other_networks_do_not_merge(metric_class):
    def counted(spikes: torch.Tensor) -> Metric:
        metric = metric_class()
        metric.update({"a": spikes}, {"a": spikes})
        return metric

    others = [(torch.ones(4, 3, 2), "2 and of 4 time steps")]
    if metric_class not in (SpikeMismatch, TemporalDrift):  # these need no neuron to be the same
        others.append((torch.ones(2, 3, 5), "one network"))
    for other, message in others:
        metric = counted(torch.ones(2, 3, 2))
        value = metric.compute()
        with pytest.raises(FiringError, match=message):
            metric.merge_state(counted(other))
        metric._computed = None
        assert equal(metric.compute(), value)


def test_metrics_of_other_references_do_not_merge():
    profiles = [FiringProfile.from_spikes(batch(seed)[1]) for seed in (0, 0, 1)]
    metrics = [FiringEMD(profile) for profile in profiles]
    for metric in metrics:
        metric.update(batch(0)[0])
    metrics[0].merge_state(metrics[1])
    for other in (metrics[2], FiringEMD()):
        with pytest.raises(FiringError, match="not made with the same reference"):
            metrics[0].merge_state(other)


@pytest.mark.parametrize("call", ["update", "forward"])
@pytest.mark.parametrize("metric_class", FIRING, ids=lambda metric: metric.__name__)
def test_batches_of_another_number_of_steps_are_refused(metric_class, call):
    metric, once, more = metric_class(), torch.ones(4, 2, 3), torch.ones(8, 2, 3)
    getattr(metric, call)(once, once)
    value = metric.compute()
    with pytest.raises(FiringError, match=r"4 and of 8 time steps|came after"):
        getattr(metric, call)(more, more)
    assert equal(metric.compute(), value)


@pytest.mark.parametrize("strategy", ["poisson", "multinomial"])
@pytest.mark.parametrize("metric_class", FIRING, ids=lambda metric: metric.__name__)
def test_a_bootstrap_over_time_steps_is_refused(metric_class, strategy):
    wrapped, spikes = BootStrapper(metric_class(), sampling_strategy=strategy), torch.ones(40, 2, 3)
    with pytest.raises(FiringError, match="emd_interval"):
        wrapped.update(spikes, spikes)


def test_a_bootstrap_of_decisions_draws_samples():
    wrapped, right = BootStrapper(Disagreement()), torch.eye(2)[[0, 1]].repeat(50, 1)
    wrapped.update(right, right)
    assert wrapped.compute()["mean"] == 0


def test_a_running_window_counts_its_batches_or_is_refused():
    with pytest.raises(FiringError, match="update it once and reset it"):
        Running(FiringEMD(), window=2).update(*batch(0))
    metric, whole = FiringEMD(), FiringEMD()
    metric.update(*batch(5))
    metric.reset()
    running = Running(metric, window=2)
    for seed in range(3):
        running.update(*batch(seed))
    for seed in (1, 2):
        whole.update(*batch(seed))
    assert running.compute() == whole.compute()


def test_plot(metric):
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    figure, axes = metric.plot()
    assert axes.lines
    pyplot.close(figure)
    figure, axes = metric.plot([metric.compute(), metric.compute()])
    assert axes.lines
    pyplot.close(figure)


class Spiking(nn.Module):
    """One linear layer whose outputs spike where positive, with a sigmoid's gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 6)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        soft = torch.sigmoid(self.linear(inputs))
        return (soft > 0.5).to(soft) + soft - soft.detach()


class Trainer(nn.Module):
    """A training loop as Lightning runs it: metrics are submodules, logged per step and per epoch, then reset."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.reference = Spiking(), Spiking().requires_grad_(False)
        self.emd, self.accuracy = FiringEMD(), MulticlassAccuracy(6)
        self.logged: list[float] = []

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        spikes, reference = self.network(inputs), self.reference(inputs)
        self.emd({"sn": spikes.detach().round()}, {"sn": reference.round()})
        self.accuracy(spikes.mean(0), labels)
        return nn.functional.cross_entropy(spikes.mean(0), labels)

    def epoch(self, loader: list[tuple[torch.Tensor, torch.Tensor]], optimizer: torch.optim.Optimizer) -> None:
        for inputs, labels in loader:
            loss = self.step(inputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.logged.append(self.emd.compute().item())
        self.emd.reset()
        self.accuracy.reset()


def test_a_lightning_style_loop():
    torch.manual_seed(0)
    trainer = Trainer()
    loader = [(torch.randn(4, 16, 8), torch.randint(6, (16,))) for _ in range(3)]
    optimizer = torch.optim.SGD(trainer.parameters(), lr=0.5)
    assert not any("emd" in name for name, _ in trainer.named_parameters())
    for _ in range(3):
        trainer.epoch(loader, optimizer)
    assert len(set(trainer.logged)) == 3
    checkpoint = deepcopy(trainer.state_dict())
    Trainer().load_state_dict(checkpoint)
    assert all(key.startswith(("network", "reference")) for key in checkpoint)


def test_the_value_of_a_loop_is_that_of_the_rates():
    torch.manual_seed(0)
    network, reference, inputs = Spiking(), Spiking(), torch.randn(4, 16, 8)
    metric = FiringEMD()
    metric.update(network(inputs).round(), reference(inputs).round())
    rates = firing_rate(network(inputs).round()), firing_rate(reference(inputs).round())
    assert metric.compute().item() == pytest.approx(
        (rates[0].sort()[0] - rates[1].sort()[0]).abs().mean().item(), abs=1e-6
    )
