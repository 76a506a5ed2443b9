"""What a card says in words."""

from __future__ import annotations

from types import SimpleNamespace

from snnbench.own.card import _notes


def test_a_note_says_that_it_names_layers() -> None:
    row = SimpleNamespace(layer="4", declared_bits=3, found_bits=1, is_float=False)
    pair = SimpleNamespace(pairing=None, weights=[row])
    assert _notes(pair, steady=True) == ("fewer levels than the declared bits allow in layer 4",)
