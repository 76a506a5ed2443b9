"""2,000 random neurons over 120 steps against what brian2-loihi 0.5.2 computed: every spike, potential and current."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from snnbench_loihi import actual_weights, snnbench_chips

from snnbench.chips import find_chip, read_semantics
from snnbench.chips.arithmetic import Leak
from snnbench.chips.neuron import Neurons, run
from snnbench.errors import OptionError

RECORDED = dict(np.load(Path(__file__).with_name("recorded.npz")))
SIGNS = {1: "mixed", 2: "excitatory", 3: "inhibitory"}
EMULATED = read_semantics(snnbench_chips()["loihi-brian2"])
BOUND = 2**23


def weights(group):
    _, _, _, exponent, sign, bits = RECORDED["numbers"][group].tolist()
    mantissas = torch.from_numpy(RECORDED["weights"][group].astype(np.int64)).view(RECORDED["raster"].shape[1], -1)
    return actual_weights(mantissas, exponent=exponent, sign=SIGNS[sign], bits=bits)


def digests(chip, group):
    decay_v, decay_i, threshold = RECORDED["numbers"][group][:3].tolist()
    events = torch.from_numpy(RECORDED["raster"]).long() @ weights(group)
    neurons = Neurons(threshold * 64, "zero", leak=Leak(decay_v, 12), current_leak=Leak(decay_i, 12))
    trace = run(events[:, None], neurons, chip)
    rows = torch.stack([trace.potentials, trace.currents, trace.spikes])[:, :, 0].permute(2, 0, 1).contiguous().numpy()
    return np.frombuffer(b"".join(hashlib.sha256(row.tobytes()).digest()[:8] for row in rows), np.uint64)


def test_the_recording_is_large_and_spikes():
    assert RECORDED["digests"].shape == (250, 8)
    assert RECORDED["raster"].shape == (120, 8)
    assert len(np.unique(RECORDED["numbers"][:, :2], axis=0)) == 250
    assert (RECORDED["spikes"] > 0).sum() > 500
    assert RECORDED["spikes"].sum() > 40_000


def test_every_spike_potential_and_current_is_that_of_the_emulator():
    found = np.stack([digests(EMULATED, group) for group in range(250)])
    assert np.array_equal(found, RECORDED["digests"])


def test_the_chip_of_24_bits_differs_only_where_the_emulator_leaves_them():
    found = np.stack([digests(find_chip("loihi"), group) for group in range(250)])
    differs, within = found != RECORDED["digests"], RECORDED["largest"] < BOUND
    assert not (differs & within).any()
    assert within.sum() > 1900
    assert differs.any()


@pytest.mark.parametrize(
    ("sign", "low", "high"), [("mixed", -256, 254), ("excitatory", 0, 255), ("inhibitory", -256, 0)]
)
@pytest.mark.parametrize("exponent", [-8, -3, -1, 0, 1, 7])
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_actual_weights_are_exact_fractions_rounded_twice(sign, low, high, exponent, bits):
    mantissas = torch.arange(low, high + 1)
    kept = 2 ** (8 - (bits - (sign == "mixed")))
    short = [int(Fraction(int(m), kept)) * kept for m in mantissas]
    expected = [(Fraction(m) * Fraction(2) ** (6 + exponent) // 64) * 64 for m in short]
    limited = [min(max(w, -(2**21 - 64)), 2**21 - 64) for w in expected]
    assert actual_weights(mantissas, exponent=exponent, sign=sign, bits=bits).tolist() == limited


def test_weights_and_exponents_out_of_range_are_refused():
    with pytest.raises(OptionError, match="mixed mantissas are between -256 and 254"):
        actual_weights(torch.tensor([255]), exponent=0)
    with pytest.raises(OptionError, match=r"exponent=8 is outside -8\.\.7"):
        actual_weights(torch.tensor([1]), exponent=8)
