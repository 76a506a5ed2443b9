#!/usr/bin/env bash
# nirtorch 2.6: `torch_to_nir` writes `a.add(b, alpha=-1)` as a sum, `a + a` as a, and `a + bias` without the bias.
#
# NIR adds what arrives at a node. Guess: "the only supported function is addition", so that additions come out right and
# all else is refused, as a subtraction is. Seen: an addition is taken out of the graph and what reaches it is joined to
# what follows. That is right for two different signals. The factor `alpha` of `add` is lost, a signal that is added to
# itself is there once, and a constant or parameter, such as a bias or a threshold's shift that is quantized apart from
# its layer, is left out. No error, no warning, and `type_check` finds a valid graph.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nirtorch
import numpy as np
import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, rule):
        super().__init__()
        self.excites, self.inhibits = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.excites.weight.data.fill_(5.0)
        self.inhibits.weight.data.fill_(2.0)
        self.bias = nn.Parameter(torch.tensor([3.0]))
        self.rule = rule

    def forward(self, x):
        return self.rule(self, x)


def value(graph, name, x):
    """What the graph gives at a node: the sum over its edges, through its weight."""
    before = [start for start, end in graph.edges if end == name]
    arrived = sum(value(graph, start, x) for start in before) if before else x
    weight = getattr(graph.nodes[name], "weight", None)
    return arrived if weight is None else weight @ arrived


rules = {
    "a + b": (lambda self, x: self.excites(x) + self.inhibits(x), 7),
    "a.add(b, alpha=-1)": (lambda self, x: self.excites(x).add(self.inhibits(x), alpha=-1), 7),
    "a + a": (lambda self, x: (lambda a: a + a)(self.excites(x)), 5),
    "a + bias": (lambda self, x: self.excites(x) + self.bias, 5),
    "a + 3": (lambda self, x: self.excites(x) + 3.0, 5),
}
for rule, (forward, expected) in rules.items():
    layer = Layer(forward)
    graph = nirtorch.torch_to_nir(layer, {})
    exported = float(value(graph, "output", np.ones(1))[0])
    computed = float(layer(torch.ones(1)).detach())
    print(f"{rule:20} PyTorch {computed:.0f}, graph {exported:.0f}")
    assert exported == expected and (computed == expected) == (rule == "a + b")
try:
    nirtorch.torch_to_nir(Layer(lambda self, x: self.excites(x) - self.inhibits(x)), {})
except ValueError as error:
    assert "only supported function is addition" in str(error)
else:
    raise AssertionError("a subtraction is no longer refused")
PYTHON
