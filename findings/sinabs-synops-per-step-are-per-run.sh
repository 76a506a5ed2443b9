#!/usr/bin/env bash
# sinabs 3.1.3: the synaptic operations "per timestep" of a linear layer are those of all time steps, unless it is squeezed.
#
# Guess: `register_synops_hooks` gives the same operations per time step and per second for a network of `IAF` layers, on (N,
# T, C), as for the same one of `IAFSqueeze`, on (N * T, C): spikes are the same to the last one, and the count is "averaged
# across batches / timesteps". Seen: the hook of linear layers averages over the first dimension alone and adds up the rest,
# which on (N, T, C) are the steps as well. With 100 steps a network costs 100 times as much as by its squeezed twin, in
# operations per second too; longer recordings of the same rates cost more per second. Firing rates are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from sinabs.hooks import firing_rate_hook, register_synops_hooks
from sinabs.layers import IAF, IAFSqueeze
from torch import nn

images, dt, sizes = 4, 1e-3, (8, 16, 3)


def network(squeezed):
    torch.manual_seed(0)
    neurons = [IAFSqueeze(batch_size=images) if squeezed else IAF() for _ in sizes[1:]]
    layers = [nn.Linear(*sizes[:2]), neurons[0], nn.Linear(*sizes[1:]), neurons[1]]
    for neuron in neurons:
        neuron.register_forward_hook(firing_rate_hook)
    made = nn.Sequential(*layers)
    register_synops_hooks(made, dt=dt)
    return made


def true_operations(made, spikes):
    """Each spike times the neurons that it reaches, per image and step."""
    with torch.no_grad():
        hidden = made[1](made[0](spikes))
    made[1].reset_states()
    return (spikes.sum() * sizes[1] + hidden.sum() * sizes[2]).item() / images / spikes.shape[1]


for steps in 10, 100:
    spikes = (torch.rand(images, steps, sizes[0], generator=torch.Generator().manual_seed(0)) < 0.3).float()
    plain, squeezed = network(False), network(True)
    with torch.no_grad():
        out, out_squeezed = plain(spikes), squeezed(spikes.flatten(0, 1)).unflatten(0, (images, steps))
    assert torch.equal(out, out_squeezed) and plain[1].hook_data["firing_rate"] > 0, "the same spikes"
    assert torch.isclose(plain[1].hook_data["firing_rate"], squeezed[1].hook_data["firing_rate"])
    expected = torch.tensor(true_operations(network(False), spikes))
    found, found_squeezed = (made.hook_data["total_synops_per_timestep"] for made in (plain, squeezed))
    print(f"{steps} steps: {expected:.2f} a step, squeezed {found_squeezed:.2f}, as (N, T, C) {found:.2f}")
    assert torch.isclose(found_squeezed, expected) and torch.isclose(found, steps * expected)
    per_second = plain.hook_data["total_synops_per_second"] / squeezed.hook_data["total_synops_per_second"]
    assert torch.isclose(per_second, torch.tensor(float(steps)))
PYTHON
