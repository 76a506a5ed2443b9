#!/usr/bin/env bash
# spikeling 1.0.2: Izhikevich and AdEx neurons are the leaky integrate-and-fire neuron, all three.
#
# Its documentation has a table of neuron types: LIF, "Izhikevich: cortical model, bursting, adaptation", "AdEx: adaptive
# exponential". Guess: at a constant drive an Izhikevich neuron bursts and an AdEx neuron fires less and less often. Seen:
# the type is read, is kept with the network, and nothing asks for it but a comparison with Resonator. Spikes of the three
# are the same, and so is the C code that it writes for them, to the byte. No other parameters can be given than LIF's,
# threshold and leak, and any word is a type: type=Izhikevitch is no error. No warning. Its author knows: a module that
# comes with it, pyspike_neuron_models, says so in its docstring, and has both neurons, which no network can use.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikeling==1.0.2
cd "$folder"
PYTHONPATH=$(echo "$folder"/venv/lib/python3*/site-packages/core) "$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

from compiler.compiler import CCodeGenerator, SpikelingParser
from runtime.runtime import SpikelingRuntime

TYPES = ("LIF", "Izhikevich", "AdEx", "Izhikevitch")
steps, code = {}, {}
for kind in TYPES:
    tree = SpikelingParser().parse(f"neuron Cell threshold=200 leak=7 type={kind}\nrefractory=3ms\n")
    assert tree.neurons[0].neuron_type == kind
    network = SpikelingRuntime(tree)
    for step in range(400):
        network.stimulate("Cell", float(step), drive=30.0 + step % 11)
    steps[kind] = [int(t) for t, _ in network._spike_log]
    Path(kind).mkdir()
    code[kind] = [Path(path).read_bytes() for path in CCodeGenerator().generate(tree, output_dir=kind)]
    gaps = [later - earlier for earlier, later in zip(steps[kind], steps[kind][1:], strict=False)]
    print(f"{kind}: {len(steps[kind])} spikes, first {steps[kind][:5]}, gaps from {min(gaps)} to {max(gaps)}")
assert len(steps["LIF"]) > 20
assert all(steps[kind] == steps["LIF"] and code[kind] == code["LIF"] for kind in TYPES)
PYTHON
