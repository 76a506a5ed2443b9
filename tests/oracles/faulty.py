"""Puts the faulty plugin, and a protocol whose cells take milliseconds, into a folder as an installed distribution."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save

PLUGIN = Path(__file__).parents[1] / "sweeps" / "faulty_plugin.py"
PROTOCOL = """
name = "tiny"
version = 1
title = "milliseconds"
seeds = [0]
data = {{ name = "tiny", mean = [0.5], std = [0.3] }}
model = {{ name = "tiny" }}
train = {{ stages = [{{ timesteps = 2, epochs = 1 }}], batch_size = 16, learning_rate = 0.1 }}
finetune = {{ stages = [{{ timesteps = 2, epochs = 1 }}], batch_size = 16, learning_rate = 0.1, threads = 1 }}
evaluate = {{ batch_size = 32, metrics = ["accuracy", "firing_emd"] }}
[[baselines]]
seed = 0
file = "seed0.safetensors"
sha256 = "{sha256}"
accuracy = 0.5
"""


def install_faulty(site: Path) -> Path:
    """Install into the folder `site`, and return it."""
    shutil.copy(PLUGIN, site)
    info = site / "faulty_plugin-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[snnbench]\nfaulty = faulty_plugin\n", "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-plugin\nVersion: 1.0\n", "utf-8")
    content = _weights(site)
    (site / "tiny").mkdir()
    (site / "tiny" / "seed0.safetensors").write_bytes(content)
    text = PROTOCOL.format(sha256=hashlib.sha256(content).hexdigest())
    (site / "tiny" / "protocol.toml").write_text(text, "utf-8")
    return site


def _weights(site: Path) -> bytes:
    sys.path.insert(0, str(site))
    from faulty_plugin import Tiny

    sys.path.remove(str(site))
    torch.manual_seed(3)
    return save({name: 3 * value for name, value in Tiny(1, 2).state_dict().items()})


def reference_evaluations(site: Path) -> float:
    """How often the full-precision network went over the 64 test images, in any process."""
    return sum(map(int, (site / "references").read_text("ascii").splitlines())) / 64
