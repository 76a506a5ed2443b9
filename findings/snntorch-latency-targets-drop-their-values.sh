#!/usr/bin/env bash
# snnTorch 1.0.0: `targets_convert(code="latency")` takes `interpolate`, `on_target` and `off_target`, and uses none.
#
# Guess: it is `targets_latency` by another name, as for `code="rate"` it is `targets_rate`: targets of the membrane that
# rise from 0.5 to 1.2 at the spike, as documented for the three arguments. Seen: they are not handed on. What comes out is
# a spike train of 0 and 1 with the right shape and at the right times, and a membrane that is trained on it is drawn to 0
# until the last step; `targets_latency` with the same arguments gives the ramp, and `code="rate"` uses all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from snntorch import spikegen

values = {"on_target": 1.2, "off_target": 0.5, "interpolate": True}
timing = {"num_classes": 3, "num_steps": 5, "normalize": True}
label = torch.tensor([1])

ramp = 0.5 + 0.7 * torch.arange(5) / 4
direct = spikegen.targets_latency(label, **timing, **values)[:, 0]
convert = spikegen.targets_convert(label, code="latency", **timing, **values)[:, 0]
print("a wrong class, targets_latency:", [round(value, 3) for value in direct[:, 0].tolist()])
print("a wrong class, targets_convert:", convert[:, 0].tolist())
assert torch.allclose(direct[:, 0], ramp)
assert convert[:, 0].tolist() == [0, 0, 0, 0, 1] and convert[:, 1].tolist() == [1, 0, 0, 0, 0]
assert torch.equal(convert, spikegen.targets_convert(label, code="latency", **timing)[:, 0])

rate = spikegen.targets_convert(label, 3, code="rate", on_target=1.2, off_target=0.5)
assert torch.allclose(rate, torch.tensor([[0.5, 1.2, 0.5]]))
PYTHON
