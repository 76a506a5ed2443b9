#!/usr/bin/env bash
# neuromap 0.1.4: two boards that are given the same network answer differently, and both pass `verify`.
#
# `Board.mock` is "a Board that simulates the hardware in software", and `program` flashes a network to it. Guess: what has
# been programmed is what runs, on each board and each time. Seen: weights are sent and biases are not, though layers
# have them, they are trained and are in the file; the simulated chip keeps the biases that torch gave its layers when it
# was made, at random. A network that is silent without input, its biases all 0, fires 86 times on one and 103 on another.
# `verify`, "read back weights from the board and verify", compares nothing: it asks for layer 0 and is content with an
# answer of any length above 0. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 pyserial==3.5
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps snntorch==1.0.0 neuromap==0.1.4
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from neuromap import Exporter, Network, chips
from neuromap._internal.transport import MockTransport
from neuromap.board import Board

# It waits for the whole timeout, two seconds, though the answer is there at once.
MockTransport.read = lambda self, size, timeout_ms: self._rx_buffer.popleft()

torch.manual_seed(0)
network = Network(chips.NEUROSOC_V1)
with torch.no_grad():
    for layer in network.model.snn_layers:
        layer.fc.bias.zero_()
        layer.fc.weight *= 3
file = Exporter(network).quantize().to_bytes()
inputs = (torch.rand(100, 50, 16) < 0.3).float()
silence = torch.zeros(50, 16)
assert network.infer(silence[None]).sum() == 0

boards, answers, spikes = [], [], []
for _ in range(4):
    board = Board.mock()
    board.program(file)
    assert board.verify()
    board.start_inference()
    spikes.append(float(board.inject_batch(silence).sum()))
    answers.append([int(board.inject_batch(steps).argmax()) for steps in inputs])
    boards.append(board._transport._firmware._model)
print("spikes of a silent network in 50 steps without input, on each of four boards:", spikes)
agree = [sum(a == b for a, b in zip(answers[0], other, strict=True)) for other in answers]
print("answers of 100 that are those of the first board:", agree)
weights = [[layer.fc.weight.detach().numpy() for layer in board.snn_layers] for board in boards]
biases = [np.concatenate([layer.fc.bias.detach().numpy() for layer in board.snn_layers]) for board in boards]
for other in range(1, 4):
    assert all(np.array_equal(a, b) for a, b in zip(weights[0], weights[other], strict=True))
    assert np.abs(biases[0] - biases[other]).max() > 0.1
assert max(spikes) > 0 and len(set(spikes)) > 1 and max(agree[1:]) < 95
PYTHON
