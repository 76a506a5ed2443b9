"""Firing profiles: exact, additive, and the same after storing."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save

from snnbench.errors import FiringError
from snnbench.functional import FiringProfile, LayerFiring


def spikes(samples: int = 50, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "stem.sn": torch.rand(4, samples, 3, 2, 5, generator=generator) < 0.3,
        "a/b": torch.rand(4, samples, 7, generator=generator) < 0.1,
        "10": torch.rand(4, samples, generator=generator) < 0.9,
    }


def test_rates_are_the_means_of_the_spikes():
    fired = spikes()
    profile = FiringProfile.from_spikes(fired)
    assert (profile.samples, profile.timesteps, profile.shards, profile.trials) == (50, 4, 20, 200)
    for name, tensor in fired.items():
        mean = tensor.double().mean((0, 1))
        assert torch.allclose(profile.rates()[name], mean, atol=1e-15)
        channel = mean.flatten(1).mean(1) if mean.ndim > 1 else mean
        assert torch.allclose(profile.rates("channel")[name], channel, atol=1e-15)
        assert torch.allclose(profile.step_rates()[name], tensor.double().flatten(1).mean(1), atol=1e-15)
    neurons = torch.cat([tensor.double().mean((0, 1)).flatten() for tensor in fired.values()])
    assert profile.mean_rate() == pytest.approx(float(neurons.mean()), abs=1e-15)


@pytest.mark.parametrize("cuts", [(50,), (25, 50), (1, 2, 3, 50), (13, 50)], ids=str)
def test_batches_and_ranks_add_up(cuts):
    fired, whole = spikes(), FiringProfile.from_spikes(spikes())
    start, parts = 0, []
    for stop in cuts:
        batch = {name: tensor[:, start:stop] for name, tensor in fired.items()}
        parts.append(FiringProfile.from_spikes(batch, first_sample=start))
        start = stop
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert total == whole
    assert total != FiringProfile.from_spikes(spikes(seed=1))


def test_leaving_a_shard_out_is_leaving_its_samples_out():
    fired = spikes(samples=7)
    profile = FiringProfile.from_spikes(fired, shards=5)
    for shard, rest in enumerate(profile.leave_one_out()):
        kept = [sample for sample in range(7) if sample % 5 != shard]
        assert rest == FiringProfile.from_spikes({n: t[:, kept] for n, t in fired.items()}, shards=1)
        assert rest == profile.select([k for k in range(5) if k != shard]).collapsed()


def test_shards_without_samples_are_not_left_out():
    assert len(list(FiringProfile.from_spikes(spikes(samples=3)).leave_one_out())) == 3


def test_storing_keeps_values_order_and_names():
    profile = FiringProfile.from_spikes(spikes())
    tensors = profile.to_tensors()
    assert all(tensor.dtype == torch.uint8 for tensor in tensors.values())
    again = FiringProfile.from_tensors(load(save(tensors)))
    assert again == profile
    assert list(again.layers) == ["stem.sn", "a/b", "10"]


@pytest.mark.parametrize("largest", [255, 256, 2**15 - 1, 2**15, 2**31 - 1, 2**31])
def test_storing_narrows_without_loss(largest):
    layer = LayerFiring(*(torch.tensor(each) for each in ([[largest]], [[largest]], [largest])))
    profile = FiringProfile({"a": layer})
    assert FiringProfile.from_tensors(profile.to_tensors()) == profile


def test_more_than_ten_layers_keep_their_order():
    profile = FiringProfile.from_spikes({f"layer{i}": torch.ones(1, 2, 1) for i in range(12)})
    assert list(FiringProfile.from_tensors(profile.to_tensors()).layers) == [f"layer{i}" for i in range(12)]


def test_altered_tensors_are_refused():
    tensors = FiringProfile.from_spikes(spikes()).to_tensors()
    key = "0000/stem.sn/counts"
    more, fewer = tensors | {key: tensors[key] + 1}, tensors | {key: tensors[key].clone()}
    fewer[key][0, 0, 0, 0] = 77
    for altered in (more, fewer):
        with pytest.raises(FiringError, match=r"layer 'stem\.sn'.*altered"):
            FiringProfile.from_tensors(altered)
    del tensors["0000/stem.sn/steps"]
    with pytest.raises(FiringError, match=r"layer 'stem\.sn': a profile needs counts, steps and samples"):
        FiringProfile.from_tensors(tensors)
    with pytest.raises(FiringError, match="'logits' is not a tensor of a firing profile"):
        FiringProfile.from_tensors({"logits": torch.zeros(1)})


def test_layers_must_fit_together():
    one, other = torch.ones(4, 6, 3), torch.ones(4, 5, 3)
    with pytest.raises(FiringError, match="layer 'b': saw 5 samples of 4 steps, other layers 6 of 4"):
        FiringProfile.from_spikes({"a": one, "b": other})
    with pytest.raises(FiringError, match="layer 'b': saw 6 samples of 2 steps"):
        FiringProfile.from_spikes({"a": one, "b": one[:2]})
    with pytest.raises(FiringError, match="at least one layer"):
        FiringProfile({})
    with pytest.raises(FiringError, match="layer 'a': the profile is empty"):
        FiringProfile({"a": LayerFiring.empty((3,), 4)})
    with pytest.raises(FiringError, match="layer 'a': counts, steps and samples of a profile are int64"):
        FiringProfile({"a": LayerFiring(torch.zeros(20, 3), torch.zeros(20, 4), torch.ones(20))})
    with pytest.raises(FiringError, match=r"layer 'a': .* do not share their first dimension"):
        FiringProfile(
            {"a": LayerFiring(*(torch.zeros(shape, dtype=torch.int64) for shape in ((20, 3), (19, 4), (20,))))}
        )


def test_profiles_of_different_networks_do_not_add():
    profile = FiringProfile.from_spikes({"a": torch.ones(4, 6, 3)})
    with pytest.raises(FiringError, match="cannot add profiles of layers"):
        profile + FiringProfile.from_spikes({"b": torch.ones(4, 6, 3)})
    with pytest.raises(FiringError, match=r"layer 'a': cannot add profiles of features \(3,\) and \(2,\)"):
        profile + FiringProfile.from_spikes({"a": torch.ones(4, 6, 2)})
