from __future__ import annotations

import pytest

from snnbench.builtin.chips import snnbench_chips
from snnbench.chips.document import Semantics, read_semantics
from snnbench.errors import ProtocolError

DOCUMENTS = snnbench_chips()


def written(tmp_path, name, *changes):
    text = DOCUMENTS[name].read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


def test_the_five_chips_ship_and_name_their_sources():
    assert sorted(DOCUMENTS) == ["float", "int", "loihi", "speck", "xylo"]
    for name, path in DOCUMENTS.items():
        chip = read_semantics(path)
        assert chip.name == name
        assert chip.sources


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("int", 'test = ">="', 'test = "=>"', "spike.test: Input should be '>=' or '>'"),
        ("int", "bits = 16", "bits = 64", "membrane.bits: Input should be less than or equal to 32"),
        ("int", "[fold]", "[folds]", "unknown key 'folds'"),
        ("int", "exponents = [0, 12]", "exponents = [3, -3]", "exponents [3, -3] are not [smallest, largest]"),
        ("xylo", 'form = "shift", bits', 'form = "shift", rounding = "zero", bits', 'a shift rounds by "floor"'),
        ("float", 'arithmetic = "float"', 'arithmetic = "integer"', "integer arithmetic needs the sections weights, "),
        ("int", 'arithmetic = "integer"', 'arithmetic = "float"', "float arithmetic has no sections weights, "),
        ("int", "version = 1", "version = ", "is not TOML"),
    ],
)
def test_what_is_wrong_in_a_document_is_named(tmp_path, name, old, new, said):
    with pytest.raises(ProtocolError) as told:
        read_semantics(written(tmp_path, name, (old, new)))
    assert said in str(told.value)


def test_a_document_that_is_missing_is_named(tmp_path):
    with pytest.raises(ProtocolError, match="cannot read chip"):
        read_semantics(tmp_path / "none.toml")


def test_titles_and_sources_do_not_move_the_fingerprint_and_numbers_do(tmp_path):
    chip = read_semantics(DOCUMENTS["int"])
    retitled = read_semantics(written(tmp_path, "int", ("Generic integers", "Integers")))
    assert retitled.fingerprint == chip.fingerprint
    narrower = read_semantics(written(tmp_path, "int", ("bits = 16\noverflow", "bits = 15\noverflow")))
    assert narrower.fingerprint != chip.fingerprint


@pytest.mark.parametrize(("bits", "step", "most"), [(8, 1, 127), (9, 2, 254), (4, 1, 7), (2, 1, 1)])
def test_the_largest_mantissa(bits, step, most):
    document = read_semantics(DOCUMENTS["int"]).model_dump()
    document["weights"] |= {"bits": bits, "step": step}
    chip = Semantics.model_validate(document)
    assert chip.weights is not None
    assert chip.weights.most == most


def test_how_folded_numbers_are_rounded_moves_the_fingerprint_unless_it_is_spelled_out_as_it_was(tmp_path):
    chip = read_semantics(DOCUMENTS["int"])
    told, moved = (
        read_semantics(written(tmp_path, "int", ('residual = "graded"', f'residual = "graded"\nrounded = {rounded}')))
        for rounded in ('{ weight = "half-even" }', '{ weight = "zero" }')
    )
    assert told.fingerprint == chip.fingerprint
    assert "rounded" not in chip.model_dump(mode="json")["fold"]
    assert moved.fingerprint != chip.fingerprint
