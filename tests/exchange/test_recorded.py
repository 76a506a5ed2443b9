"""Networks whose forward loops over its steps, written as NIR: the same spikes of every layer, or a refusal by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles.networks import library
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snnbench import from_nir, record_spikes, to_nir
from snnbench.errors import GraphError
from snnbench.nn.libraries import reset_states

STEPS = 4
Forward = Callable[[Any, Tensor], Any]


class Looping(nn.Module):
    """Two layers of neurons and a readout, with a forward of the test's own."""

    def __init__(self, neuron: Callable[[], nn.Module], forward: Forward, mode: str = "s") -> None:
        super().__init__()
        layer = library("spikingjelly.activation_based.layer") if mode == "m" else nn
        self.conv, self.lif1 = layer.Conv2d(1, 4, 3), neuron()
        self.fc1, self.lif2 = layer.Linear(36, 20), neuron()
        self.fc2 = layer.Linear(20, 10)
        self.run = forward
        if mode == "m":
            library("spikingjelly.activation_based.functional").set_step_mode(self, "m")

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def leaky(**options: Any) -> Callable[[], nn.Module]:
    return lambda: library("snntorch").Leaky(beta=0.8, threshold=0.3, **options)  # type: ignore[no-any-return]


def hidden() -> nn.Module:
    return leaky(init_hidden=True)()


def jelly() -> nn.Module:
    return library("spikingjelly.activation_based.neuron").LIFNode(v_threshold=0.2)  # type: ignore[no-any-return]


def norse() -> nn.Module:
    t = library("norse.torch")
    return t.LIFCell(t.LIFParameters(v_th=torch.tensor(0.1)))  # type: ignore[no-any-return]


def given_potentials(net: Any, x: Tensor) -> Any:
    """snnTorch, as its tutorials have it."""
    v1, v2, spikes, potentials = net.lif1.init_leaky(), net.lif2.init_leaky(), [], []
    for _ in range(STEPS):
        s1, v1 = net.lif1(F.avg_pool2d(net.conv(x), 2), v1)
        s2, v2 = net.lif2(net.fc1(s1.flatten(1)), v2)
        spikes.append(s2)
        potentials.append(v2)
    return torch.stack(spikes), torch.stack(potentials)


def given_states(net: Any, x: Tensor) -> Tensor:
    first, second, outputs = None, None, []
    for _ in range(STEPS):
        z, first = net.lif1(F.avg_pool2d(net.conv(x), 2), first)
        z, second = net.lif2(net.fc1(z.view(len(z), -1)), state=second)
        outputs.append(net.fc2(z).unsqueeze(0))
    return torch.cat(outputs).mean(dim=0)


def step(net: Any, x: Tensor) -> Tensor:
    hidden = net.lif1(F.avg_pool2d(net.conv(x), 2))
    return net.fc2(net.lif2(net.fc1(torch.flatten(hidden, 1))))  # type: ignore[no-any-return]


def summing(net: Any, x: Tensor) -> Tensor:
    total: Any = 0
    for _ in range(STEPS):
        total = total + step(net, x)
    return total / STEPS  # type: ignore[no-any-return]


def adding_up(net: Any, x: Tensor) -> Tensor:
    total = torch.zeros(len(x), 10)
    for _ in range(STEPS):
        total += step(net, x)
    return total


def adding_shares(net: Any, x: Tensor) -> Tensor:
    total = torch.zeros(len(x), 10)
    for _ in range(STEPS):
        total = total + step(net, x) / STEPS
    return total


def encoded_once(net: Any, x: Tensor) -> Tensor:
    current = F.avg_pool2d(net.conv(x), 2)
    return torch.stack([net.fc2(net.lif2(net.fc1(net.lif1(current).flatten(1)))) for _ in range(STEPS)])


def around(net: Any, x: Tensor) -> Tensor:
    """A shortcut around the second neurons."""
    outputs = []
    for _ in range(STEPS):
        current = net.fc1(net.lif1(F.avg_pool2d(net.conv(x), 2)).flatten(1))
        outputs.append(net.fc2(net.lif2(current) + current))
    return torch.stack(outputs).sum(0)


def over_time(net: Any, x: Tensor) -> Tensor:
    """Each step of an input that has them, by SpikingJelly's own loop."""
    forward = library("spikingjelly.activation_based.functional").multi_step_forward
    return forward(x, [net.conv, nn.AvgPool2d(2), net.lif1, nn.Flatten(), net.fc1, net.lif2, net.fc2])  # type: ignore[no-any-return]


def indexed(net: Any, x: Tensor) -> Tensor:
    return torch.stack([step(net, x[t]) for t in range(x.size(0))], dim=0)


def at_once(net: Any, x: Tensor) -> Tensor:
    """All steps in one tensor; the readout is on means."""
    steps = x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)
    spikes = net.lif1(F.avg_pool2d(net.conv(steps).flatten(0, 1), 2).unflatten(0, (STEPS, len(x))))
    return net.fc2(net.lif2(net.fc1(spikes.flatten(2))).mean(0))  # type: ignore[no-any-return]


def logical(net: Any, x: Tensor) -> Tensor:
    """Maxima, products and differences of spikes, and pooling with an argument by name."""
    outputs = []
    for _ in range(STEPS):
        spikes = F.max_pool2d(net.lif1(net.conv(x)), 3, stride=2, padding=1)
        hidden = net.lif2(net.fc1(F.avg_pool2d(spikes, 1, padding=0, stride=1).flatten(1)))
        outputs.append(net.fc2(hidden * (1 - hidden) + hidden))
    return torch.stack(outputs)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int | None]] = {
    "snnTorch, potentials given": (lambda: Looping(leaky(), given_potentials), None),
    "snnTorch, hidden": (lambda: Looping(hidden, summing), None),
    "snnTorch, a step a call": (lambda: Looping(hidden, step), STEPS),
    "snnTorch, input of every step": (lambda: Looping(hidden, indexed), STEPS),
    "Norse, states given": (lambda: Looping(norse, given_states), STEPS),
    "SpikingJelly, summed": (lambda: Looping(jelly, summing), None),
    "SpikingJelly, added in place": (lambda: Looping(jelly, adding_up), STEPS),
    "SpikingJelly, a share a step": (lambda: Looping(jelly, adding_shares), STEPS),
    "SpikingJelly, encoded once": (lambda: Looping(jelly, encoded_once), None),
    "SpikingJelly, shortcut": (lambda: Looping(jelly, around), None),
    "SpikingJelly, products": (lambda: Looping(jelly, logical), None),
    "SpikingJelly, its loop": (lambda: Looping(jelly, over_time), STEPS),
    "SpikingJelly, all steps at once": (lambda: Looping(jelly, at_once, "m"), None),
}


@pytest.fixture(scope="module")
def digits() -> Tensor:
    images, _ = load_digits(return_X_y=True)
    return torch.tensor(images[:1000], dtype=torch.float32).reshape(-1, 1, 8, 8) / 16


@torch.no_grad()
def fired(network: nn.Module, images: Tensor, timesteps: int | None = None) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the spikes of every layer, of a network that is called once or `timesteps` times."""
    reset_states(network.eval())
    with record_spikes(network) as recorder:
        outputs = [network(images) for _ in range(timesteps or 1)]
        first = outputs[0][0] if isinstance(outputs[0], tuple) else outputs[0]
        logits = first if timesteps is None else torch.stack(outputs)
        return logits.mean(0) if logits.ndim == 3 else logits, recorder.take(logits.shape[-2])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_spike_of_1000_digits(name: str, digits: Tensor, tmp_path: Path) -> None:
    make, timesteps = NETWORKS[name]
    torch.manual_seed(1)
    network = make()
    outside = timesteps if name in ("snnTorch, a step a call",) else None
    shown = digits.expand(STEPS, *digits.shape) if name.endswith(("every step", "its loop")) else digits
    logits, spikes = fired(network, shown, outside)
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=timesteps)
    back = from_nir(file)
    theirs, their_spikes = fired(back, digits)
    assert back.timesteps == STEPS
    for layer, each in spikes.items():
        assert 0.02 < each.mean() < 0.9
        assert torch.equal(each, their_spikes[layer]), layer
    torch.testing.assert_close(theirs, logits / (STEPS if name.endswith(("in place", "shortcut")) else 1))


def feedback(net: Any, x: Tensor) -> Tensor:
    before, outputs = torch.zeros(len(x), 20), []
    for _ in range(STEPS):
        current = net.fc1(net.lif1(F.avg_pool2d(net.conv(x), 2)).flatten(1)) + before
        before = net.lif2(current)
        outputs.append(net.fc2(before))
    return torch.stack(outputs)


def other_first_step(net: Any, x: Tensor) -> Tensor:
    outputs = []
    for t in range(STEPS):
        current = net.fc1(net.lif1(F.avg_pool2d(net.conv(x), 2)).flatten(1))
        outputs.append(net.fc2(net.lif2(current) if t else net.lif2(current) + current))
    return torch.stack(outputs)


def skipping(net: Any, x: Tensor) -> Tensor:
    """The second neurons run in every other step."""
    outputs = []
    for t in range(STEPS):
        spikes = net.lif1(F.avg_pool2d(net.conv(x), 2)).flatten(1)
        outputs.append(net.fc2(net.lif2(net.fc1(spikes))) if t % 2 else torch.zeros(len(x), 10))
    return outputs[1] + outputs[3]


def fewer(net: Any, x: Tensor) -> Tensor:
    """The second neurons do not run in the last step."""
    spikes = [net.lif1(F.avg_pool2d(net.conv(x), 2)).flatten(1) for _ in range(STEPS)]
    return torch.stack([net.fc2(net.lif2(net.fc1(each))) for each in spikes[:-1]])


def drawn(net: Any, x: Tensor) -> Tensor:
    return torch.stack([step(net, torch.bernoulli(x.clamp(0, 1))) for _ in range(STEPS)])


def judged(net: Any, x: Tensor) -> Tensor:
    first = step(net, x)
    return torch.stack([first] + [step(net, x) for _ in range(STEPS if first.sum() > 1e9 else STEPS - 1)])


def last_potential(net: Any, x: Tensor) -> Any:
    return given_potentials(net, x)[1][-1]


def last_step(net: Any, x: Tensor) -> Tensor:
    return encoded_once(net, x)[-1]


def into_a_buffer(net: Any, x: Tensor) -> Tensor:
    outputs = torch.zeros(STEPS, len(x), 10)
    for t in range(STEPS):
        outputs[t] = step(net, x)
    return outputs


def another_state(net: Any, x: Tensor) -> Tensor:
    v, outputs = None, []
    for _ in range(STEPS):
        s, v = net.lif1(net.conv(x), v)
        outputs.append(s)
        v = v * 0.5
    return torch.stack(outputs)


def forgetting(net: Any, x: Tensor) -> Tensor:
    return torch.stack([net.lif1(net.conv(x), torch.zeros(len(x), 4, 6, 6))[0] for _ in range(STEPS)])


def product(net: Any, x: Tensor) -> Tensor:
    return torch.stack([net.lif1(net.conv(x)) * net.conv(x) for _ in range(STEPS)])


def maxima(net: Any, x: Tensor) -> Tensor:
    return torch.stack([net.lif1(F.max_pool2d(net.conv(x), 2)) for _ in range(STEPS)])


def changed(net: Any, x: Tensor) -> Tensor:
    outputs = []
    for _ in range(STEPS):
        current = net.conv(x)
        current.flatten(1).mul_(2)
        outputs.append(net.lif1(current))
    return torch.stack(outputs)


def sum_into_a_layer(net: Any, x: Tensor) -> Tensor:
    return net.fc2(torch.stack([net.lif2(net.fc1(x.flatten(1)[:, :36])) for _ in range(STEPS)]).sum(0))  # type: ignore[no-any-return]


def twice(net: Any, x: Tensor) -> Tensor:
    outputs = []
    for _ in range(STEPS):
        spikes = net.lif2(net.fc1(net.lif1(F.avg_pool2d(net.conv(x), 2)).flatten(1)))
        outputs.append(net.fc2(net.lif2(spikes)))
    return torch.stack(outputs)


def judged_by(last: Callable[[Tensor], Tensor]) -> Forward:
    return lambda net, x: last(summing(net, x))


def moving_average(net: Any, x: Tensor) -> Tensor:
    total = torch.zeros(len(x), 10)
    for _ in range(STEPS):
        total = 0.5 * total + 0.5 * step(net, x)
    return total


REFUSED: dict[str, tuple[Callable[[], nn.Module], Forward, str]] = {
    "feedback": (jelly, feedback, "layer 'lif2' takes in step 2 what layers gave in step 1 and 2; .* no delays"),
    "first step": (jelly, other_first_step, r"layer 'fc2' runs twice in one step \(on 'lif2 \+ fc1', and on 'lif2'\)"),
    "skipping": (jelly, skipping, "layer 'lif2' takes in step 1 what layers gave in step 2; .* no delays"),
    "random spikes": (jelly, drawn, "Looping does 'clamp', which a graph"),
    "by values": (jelly, judged, "Looping decides by values what it runs"),
    "potential": (
        leaky(),
        last_potential,
        "Looping does 'stack' to the potential of layer 'lif2'; a graph of NIR gives",
    ),
    "last step": (jelly, last_step, "Looping gives layer 'fc2' of 1 of 4 steps"),
    "buffer": (jelly, into_a_buffer, "Looping writes steps into one tensor; use torch.stack"),
    "another state": (leaky(), another_state, "layer 'lif1' is given a state in step 2 that is not its own"),
    "forgetting": (leaky(), forgetting, "layer 'lif1' is given a state in step 2 that is not its own"),
    "fewer": (jelly, fewer, r"not every layer runs the same number of steps \('lif1' 4, 'lif2' 3; 4 at most\)"),
    "product": (jelly, product, "'mul' is a product of 'conv', which NIR can say of one layer's spikes only"),
    "maxima": (jelly, maxima, "layer 'max_pool2d' pools maxima of 'conv', which NIR can say of one layer's"),
    "in place": (jelly, changed, "Looping changes the output of a layer in place"),
    "sum": (jelly, sum_into_a_layer, "Looping does '__getitem__', which a graph"),
    "negative": (jelly, judged_by(lambda y: y * -1), "Looping does 'mul', which a graph"),
    "zeros": (jelly, judged_by(lambda y: y * 0), "Looping does 'mul', which a graph"),
    "rounded": (jelly, judged_by(lambda y: torch.div(y, 2, rounding_mode="floor")), "Looping does 'div', which a"),
    "moving average": (jelly, moving_average, "Looping does 'add', which a graph"),
    "twice": (jelly, twice, "layer 'lif2' takes in step|layer 'lif2' runs twice in one step"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_graph_can_say(name: str, tmp_path: Path) -> None:
    neuron, forward, message = REFUSED[name]
    with pytest.raises(GraphError, match=message):
        to_nir(Looping(neuron, forward), tmp_path / "a.nir", input_shape=(1, 8, 8))
    assert not list(tmp_path.iterdir())


def test_the_number_of_steps(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="timesteps=7, and the network runs 4 steps"):
        to_nir(Looping(jelly, summing), tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=7)
    with pytest.raises(GraphError, match="give timesteps=T"):
        to_nir(Looping(jelly, step), tmp_path / "a.nir", input_shape=(1, 8, 8))


def test_the_network_is_left_as_it_was(tmp_path: Path) -> None:
    network = Looping(jelly, summing).train()
    before, state = {**network.state_dict()}, torch.get_rng_state()
    to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8))
    assert network.training
    assert torch.equal(state, torch.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
