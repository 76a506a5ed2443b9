#!/usr/bin/env bash
# neuromap 0.1.4: the file for the chip has the weights of the first layer in each layer.
#
# `Exporter` writes an .nmap archive with, for the NeuroSoC-v1, a memory image of the weights of each layer, two to a byte,
# and their checksum. Guess: hw/layer_1.bin has the weights of layer 1. Seen: a layer's weights are looked for by their
# shape, and the first matrix that fits is taken. Each layer of this chip, the only one of the package, has 16 inputs and 16
# neurons, so that the first fits each time and the second is in no image. Of 256 weights of the second layer 6 are right,
# by chance, and the network of the two images gives 135 of 200 inputs another answer. The arrays beside the images are
# right. No warning, and the checksum fits, since it is made of the images.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 pyserial==3.5
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps snntorch==1.0.0 neuromap==0.1.4
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import hashlib
import io
import json
import zipfile

import numpy as np
import torch
from neuromap import Exporter, Network, chips
from neuromap._internal.packing import unpack_weights_nibble

torch.manual_seed(0)
network = Network(chips.NEUROSOC_V1)
layers = [layer.fc for layer in network.model.snn_layers]
with torch.no_grad():
    for layer in layers:
        layer.weight *= 3
inputs = (torch.rand(200, 50, 16) < 0.3).float()
archive = zipfile.ZipFile(io.BytesIO(Exporter(network).quantize().to_bytes()))
answers = network.infer(inputs).argmax(1)
images = [archive.read(f"hw/layer_{i}.bin") for i in range(2)]
arrays = [np.load(io.BytesIO(archive.read(f"weights/snn_layers.{i}.fc.weight.npy"))) for i in range(2)]
unpacked = [unpack_weights_nibble(image, 16, 16) for image in images]
same = [int((image == array).sum()) for image, array in zip(unpacked, arrays, strict=True)]
print("weights of 256 that are in the image of their layer:", same)
assert images[0] == images[1] and same[0] == 256 and same[1] < 64
checksum = json.loads(archive.read("manifest.json"))["deploy_checksum"]
assert checksum == "sha256:" + hashlib.sha256(b"".join(images)).hexdigest()

for name, source in ("arrays", arrays), ("images", unpacked):
    with torch.no_grad():
        for layer, weights in zip(layers, source, strict=True):
            layer.weight.copy_(torch.from_numpy(weights) * layer.weight.abs().max() / 7)
    agree = int((network.infer(inputs).argmax(1) == answers).sum())
    print(f"answers of 200 that are the network's, with the weights of the {name}: {agree}")
    assert agree == 200 if name == "arrays" else agree < 100
PYTHON
