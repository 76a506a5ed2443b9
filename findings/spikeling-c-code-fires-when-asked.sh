#!/usr/bin/env bash
# spikeling 1.0.2: in the C code of a network a neuron fires when it is asked, whatever it has received, and never else.
#
# One .spk file runs "on any of four backends", among them Python and C, for which weights are written out. Guess: with the
# same stimuli both fire alike. Seen: the C function that advances a neuron adds the threshold and 1 to it before it compares
# the two, "simulated input drive". Each call is a spike, unless the neuron is refractory: a veto of -2 that keeps a neuron
# silent in Python changes nothing, since a potential below 0 is set to 0 first. And what passes a synapse is added, but not
# compared, so that a target which a weight of 3 makes fire in Python never does. With a refractory time of 400 ms the
# first 400 ms are silent in C and not in Python. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikeling==1.0.2
cd "$folder"
PYTHONPATH=$(echo "$folder"/venv/lib/python3*/site-packages/core) "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import subprocess
from pathlib import Path

from compiler.compiler import CCodeGenerator, SpikelingParser
from runtime.runtime import SpikelingRuntime

NETWORK = """
neuron Veto threshold=40 leak=0
neuron Drive threshold=40 leak=0
neuron Held threshold=40 leak=0
neuron Driven threshold=100 leak=0
connect Veto -> Held weight=-2
connect Drive -> Driven weight=3
refractory={}ms
"""
NAMES = ("Veto", "Drive", "Held", "Driven")


def counts(refractory, stimuli):
    tree = SpikelingParser().parse(NETWORK.format(refractory))
    network = SpikelingRuntime(tree)
    for name, now in stimuli:
        network.stimulate(name, float(now))
    CCodeGenerator().generate(tree)
    calls = "".join(f"spikeling_tick({NAMES.index(name)}, {now}.0f);" for name, now in stimuli)
    main = '#include "spikeling_hw.h"\nint main(void) {' + calls
    main += 'for (int i = 0; i < NEURON_COUNT; i++) printf("%u ", neurons[i].fire_count); return 0; }\n'
    Path("main.c").write_text(main)
    subprocess.run(["cc", "-O0", "-o", "main", "main.c", "spikeling_hw.c", "-lm"], check=True)
    answer = subprocess.run(["./main"], check=True, capture_output=True, text=True).stdout
    return [network.neurons[name].fire_count for name in NAMES], [int(word) for word in answer.split()]


trials = [(name, 1000 + 10 * trial + i) for trial in range(5) for i, name in enumerate(("Veto", "Drive", "Held"))]
python, c = counts(1, trials)
print("spikes of", NAMES, "in Python", python, "in C", c)
assert python == [5, 5, 0, 5] and c == [5, 5, 5, 0]
early = [("Veto", 0), ("Drive", 100)]
python, c = counts(400, early)
print("spikes in the first 400 ms in Python", python, "in C", c)
assert python == [1, 1, 0, 1] and c == [0, 0, 0, 0]
PYTHON
