#!/usr/bin/env bash
# neuromap 0.1.4: a network comes back from its file with weights of up to 7, whatever they were, and fires more than before.
#
# "Load a .nmap bundle and reconstruct a Network", which `quantize` has brought to 4 bits "to match the hardware DAC". Guess:
# what is loaded gives the outputs of the quantized network that was saved. Seen: weights are saved as integers from -7 to 7,
# each layer by its own scale, and the scales are in no file; the integers are loaded as the weights. The threshold is 1
# as before and the biases are as before. What was 0.75 is 7: of the neurons of an untrained network, scaled to fire in one
# step of 16, each fires nearly five times as often, and 125 of 200 answers are others than the quantized network's. The
# simulated board gets the same integers and the same threshold. Times their scales the loaded weights are right. No warning.
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
        layer.fc.weight *= 3
inputs = (torch.rand(200, 50, 16) < 0.3).float()
full = network.infer(inputs)
exporter = Exporter(network).quantize()
exporter.save("network.nmap")
loaded = Exporter.load_nmap("network.nmap")
quantized, back = network.infer(inputs), loaded.infer(inputs)
scales = []
for ours, theirs in zip(network.model.snn_layers, loaded.model.snn_layers, strict=True):
    scales.append(float(ours.fc.weight.detach().abs().max()) / 7)
    assert torch.equal(theirs.fc.weight, (ours.fc.weight / scales[-1]).round())
    assert torch.equal(theirs.fc.bias, ours.fc.bias) and theirs.lif.threshold == ours.lif.threshold
for name, counts in ("before", full), ("quantized", quantized), ("loaded", back):
    agree = int((counts.argmax(1) == quantized.argmax(1)).sum())
    print(f"{name}: {float(counts.mean()) / 50:.3f} spikes a neuron and step, {agree} of 200 answers of the quantized one")
assert 0.05 < quantized.mean() / 50 < 0.08 and abs(full.mean() - quantized.mean()) < 0.3
assert back.mean() > 4 * quantized.mean() and (back.argmax(1) == quantized.argmax(1)).sum() < 100

with torch.no_grad():
    for layer, scale in zip(loaded.model.snn_layers, scales, strict=True):
        layer.fc.weight *= scale
assert torch.allclose(loaded.infer(inputs), quantized)
board = Board.mock()
board.program(exporter.to_bytes())
board.start_inference()
rate = np.mean([board.inject_batch(steps) for steps in inputs]) / 50
print(f"on the simulated board: {rate:.3f}")
assert rate > 4 * quantized.mean() / 50
PYTHON
