"""Pictures: what they show is what was measured, they are complete, and they are told apart without colour vision."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from snnbench.bench.run import run
from snnbench.errors import RecordError
from snnbench.examine.pictures import (
    accuracy_picture,
    cumulative,
    draw_all,
    emd_picture,
    rates_picture,
    render,
    steps_picture,
)
from snnbench.examine.series import Series, read_series, reference_profile
from snnbench.examine.style import in_style, method_styles, styles
from snnbench.functional import FiringProfile, firing_emd
from snnbench.reporting import Silent

NAMES = ("rates", "emd", "accuracy", "steps", "metrics")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three cells on some of the digits."""
    out = tmp_path_factory.mktemp("plots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(out / "cache"))
        cells = run("lqnet", [2, 4], protocol="digits-sew8", out=out, limit=60)
        cells += run("uniform", 2, protocol="digits-sew8", out=out, limit=60)
    return [cell.directory for cell in cells]


@pytest.fixture(scope="session")
def series(folders: list[Path]) -> list[Series]:
    return read_series(folders)


@pytest.fixture(scope="session")
def reference(folders: list[Path], series: list[Series]) -> FiringProfile:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(folders[0].parents[1] / "cache"))
        return reference_profile(series[0], None, Silent())


@pytest.fixture(scope="session")
def drawn(series: list[Series], reference: FiringProfile, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return draw_all(series, reference, tmp_path_factory.mktemp("drawn") / "new", ("png", "svg"))


def test_every_picture_is_written_in_both_formats(drawn: list[Path]) -> None:
    assert [path.name for path in drawn] == [f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")]
    for path in drawn[::2]:
        image = matplotlib.image.imread(path)
        assert image.shape[1] == 1440
        assert 0.7 < image.mean() < 0.999


def test_the_same_pictures_give_the_same_bytes(drawn: list[Path], series: list[Series]) -> None:
    with in_style():
        figure = emd_picture(series)
        again = [render(figure, "png"), render(figure, "svg")]
    assert [path.read_bytes() for path in drawn[2:4]] == again


@pytest.mark.parametrize("name", NAMES)
def test_svg_holds_its_text_as_text(name: str, drawn: list[Path]) -> None:
    text = " ".join(ElementTree.parse(drawn[0].with_name(f"{name}.svg")).getroot().itertext())
    for label in ("lqnet, 2 bits", "lqnet, 4 bits", "uniform, 2 bits", "digits-sew8-v1, first 60 images"):
        assert label in text
    assert ("split-half distance" if name in ("emd", "accuracy") else "reference") in text


def test_curves_hold_the_recorded_numbers(series: list[Series], reference: FiringProfile) -> None:
    layers = list(reference.layers)
    lines = emd_picture(series).axes[0].lines
    for one, line in zip(series, lines, strict=False):
        assert list(line.get_ydata()) == [row.firing_emd for row in one.record.layers]
    panels = steps_picture(series, reference).axes
    assert [axes.get_title() for axes in panels] == [
        name.removeprefix("blocks.").removesuffix(".neuron") for name in layers
    ]
    for axes, layer in zip(panels, layers, strict=True):
        assert np.array_equal(axes.lines[0].get_ydata(), reference.step_rates()[layer].numpy())
        assert np.array_equal(axes.lines[3].get_ydata(), series[2].profile.step_rates()[layer].numpy())


@pytest.mark.parametrize("value", [0.0, 0.9])
def test_a_distance_of_any_size_is_in_the_picture(value: float, series: list[Series]) -> None:
    shown = []
    for distance in (0.0, 0.9):
        record = series[0].record
        score = record.metrics["firing_emd"].model_copy(update={"value": distance, "low": distance, "high": distance})
        metrics = {**record.metrics, "firing_emd": score}
        shown.append(replace(series[0], record=record.model_copy(update={"metrics": metrics})))
    axes = accuracy_picture([*series, *shown]).axes[0]
    place, _ = axes.transData.transform((value, 50))
    assert axes.bbox.x0 + 10 < place < axes.bbox.x1 - 10  # with its marker


def test_a_picture_of_a_whole_board_has_room_for_its_curves(series: list[Series], reference: FiringProfile) -> None:
    many = [replace(one, label=f"{one.label} and a long name, {i}") for i in range(20) for one in series]
    for figure in (rates_picture(many, reference), emd_picture(many), accuracy_picture(many)):
        render(figure, "png")  # a warning of no room would be an error
        assert min(axes.get_window_extent().height for axes in figure.axes) > 60


def test_one_record_alone_shows_its_emd_as_an_area(series: list[Series], reference: FiringProfile) -> None:
    axes = rates_picture(series[:1], reference).axes[-1]
    row = series[0].record.layers[-1]
    assert axes.get_title().endswith(f"EMD {row.firing_emd:.4f}")
    assert len(axes.collections) == 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_the_area_between_two_curves_is_their_emd(seed: int, neurons: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mine = torch.randint(0, 501, (neurons,), generator=generator).double() / 500
    theirs = torch.randint(0, 501, (neurons,), generator=generator).double() / 500
    area = np.abs(cumulative(mine) - cumulative(theirs))[:-1].sum() / 500
    assert area == pytest.approx(float(firing_emd(mine, theirs)), abs=1e-9)


def test_records_called_the_same_are_told_apart(folders: list[Path]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(folders[0].parents[1] / "cache"))
        other = run("lqnet", 4, options={"clip": "wide"}, protocol="digits-sew8", out=folders[0].parents[1], limit=60)
    labels = [one.label for one in read_series([*folders, other[0].directory])]
    assert labels == [
        "lqnet clip=narrow, 2 bits",
        "lqnet clip=narrow, 4 bits",
        "uniform, 2 bits",
        "lqnet clip=wide, 4 bits",
    ]


def test_records_with_different_references_share_no_picture(folders: list[Path], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(folders[0].parents[1] / "cache"))
        other = run("lqnet", 4, protocol="digits-sew8", out=tmp_path, limit=50)
    with pytest.raises(RecordError, match=r"do not share a picture: give those of one seed, as .*seed\d-\*"):
        read_series([folders[0], other[0].directory])


def test_a_record_without_evidence_is_refused(folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "record.json").write_bytes((folders[0] / "record.json").read_bytes())
    with pytest.raises(RecordError, match="cannot be read"):
        read_series([tmp_path])


# Machado, Oliveira and Fernandes 2009, severity 1: what people without one kind of cone see, in linear RGB.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def seen(color: str, kind: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    found = np.clip(np.array(BLIND[kind]) @ linear, 0, 1)
    return np.where(found <= 0.0031308, found * 12.92, 1.055 * found ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", BLIND)
def test_colours_are_told_apart_without_one_kind_of_cone(kind: str) -> None:
    colors = {style["color"] for style in styles(20)}
    assert min(np.linalg.norm(seen(a, kind) - seen(b, kind)) for a, b in combinations(colors, 2)) > 0.1


def test_colours_tell_quantizers_and_markers_bits() -> None:
    methods = [(name, bits) for name in ("uniform", "lqnet", "twn") for bits in (2, 4, 8)] + [("lqnet", 4)]
    found = method_styles(methods)
    for (name, bits), mine in list(zip(methods, found, strict=True))[:9]:
        for (other, its), theirs in list(zip(methods, found, strict=True))[:9]:
            assert (mine["color"] == theirs["color"]) == (name == other)
            assert (mine["marker"] == theirs["marker"]) == (bits == its)
    marks = [(style["marker"], str(style["linestyle"])) for style in found]
    assert len(set(marks)) == len(methods)


def test_series_are_told_apart_without_any_colour() -> None:
    marks = [(style["marker"], str(style["linestyle"])) for style in styles(40)]
    assert len(set(marks)) == 40
